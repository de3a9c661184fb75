#include "shard/persistence/aof/key_commands.h"

#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/keyspace/record.h"
#include "shard/persistence/aof/command_writer.h"
#include "shard/server/scripts.h"
#include "shard/types/encodings/stream.h"
#include "shard/types/hash.h"
#include "shard/types/list.h"
#include "shard/types/score.h"
#include "shard/types/set.h"
#include "shard/types/zset.h"

namespace keyway::shard::persistence {
namespace {

using keyspace::Database;
using keyspace::Encoding;
using keyspace::Record;
using keyspace::Type;
using types::StreamId;
using types::StreamIdText;

constexpr size_t kMaxElements = 64;
constexpr uint64_t kSyncEveryBytes = uint64_t{4} << 20;

// The commands that add the elements of one collection, each of `words` words.
class Elements {
 public:
  Elements(CommandWriter& out, std::string_view command, std::string_view key, size_t elements,
           size_t words)
      : out_(out), command_(command), key_(key), left_(elements), words_(words) {}

  // Before each element.
  void Next() {
    if (in_command_ == 0) {
      in_command_ = std::min(left_, kMaxElements);
      out_.Begin(2 + in_command_ * words_);
      out_.Word(command_);
      out_.Word(key_);
    }
    --in_command_;
    --left_;
  }

 private:
  CommandWriter& out_;
  const std::string_view command_;
  const std::string_view key_;
  size_t left_;
  const size_t words_;
  size_t in_command_ = 0;  // elements that the present command has yet to get
};

class KeyWriter {
 public:
  explicit KeyWriter(CommandWriter& out) : out_(out) {}

  void Write(const Record& record) {
    switch (record.type()) {
      case Type::kString:
        WriteString(record);
        break;
      case Type::kList:
        WriteList(record);
        break;
      case Type::kSet:
        WriteSet(record);
        break;
      case Type::kZset:
        WriteZset(record);
        break;
      case Type::kHash:
        WriteHash(record);
        break;
      case Type::kStream:
        WriteStream(record);
        break;
    }
    if (record.has_expiry()) out_.Command("PEXPIREAT", record.key(), record.expiry_ms());
  }

 private:
  void WriteString(const Record& record) {
    if (record.encoding() == Encoding::kInt) {
      out_.Command("SET", record.key(), record.integer());
    } else {
      out_.Command("SET", record.key(),
                   record.encoding() == Encoding::kRaw ? record.raw().view() : record.embedded());
    }
  }

  void WriteList(const Record& record) {
    const types::Quicklist& list = types::ListOf(record);
    Elements elements(out_, "RPUSH", record.key(), list.size(), 1);
    types::ListpackView::Element::Digits digits;
    for (auto at = list.Begin(types::ListEnd::kHead); at; at = list.Next(at)) {
      elements.Next();
      out_.Word(list.At(at).Text(digits));
    }
  }

  void WriteSet(const Record& record) {
    const types::SetView set(record);
    Elements elements(out_, "SADD", record.key(), set.size(), 1);
    set.ForEach([&](const types::SetElement& element) {
      elements.Next();
      out_.Word(element.text);
    });
  }

  void WriteZset(const Record& record) {
    const types::ZsetView zset(record);
    Elements elements(out_, "ZADD", record.key(), zset.size(), 2);
    zset.ForEach([&](const types::ZsetElement& element) {
      elements.Next();
      char score[types::kScoreBytes];
      out_.Word(std::string_view(score, types::FormatScore(element.score(), score)));
      out_.Word(element.member());
    });
  }

  void WriteHash(const Record& record) {
    Elements elements(out_, "HMSET", record.key(), types::HashSize(record), 2);
    types::ForEachField(record, [&](std::string_view field, std::string_view value) {
      elements.Next();
      out_.Word(field);
      out_.Word(value);
    });
  }

  void WriteStream(const Record& record) {
    const auto& stream = *static_cast<const types::Stream*>(record.object());
    const std::string_view key = record.key();
    WriteEntries(key, stream);
    out_.Command("XSETID", key, StreamIdText(stream.last_id()).view(), "ENTRIESADDED",
                 static_cast<int64_t>(stream.entries_added()), "MAXDELETEDID",
                 StreamIdText(stream.max_deleted_id()).view());
    for (const auto& [name, group] : stream.groups()) {
      out_.Command("XGROUP", "CREATE", key, name, StreamIdText(group.last_id()).view(),
                   "ENTRIESREAD", group.entries_read());
      for (const auto& [consumer_name, consumer] : group.consumers()) {
        WriteConsumer(key, name, consumer_name, consumer);
      }
    }
  }

  void WriteEntries(std::string_view key, const types::Stream& stream) {
    // There is no other way to make a stream without entries.
    if (stream.length() == 0) return out_.Command("XADD", key, "MAXLEN", "0", "0-1", "x", "y");
    types::StreamWalk walk(stream);
    types::StreamWalk::Element field;
    types::StreamWalk::Element value;
    types::StreamWalk::Element::Digits digits;
    while (walk.Next()) {
      const size_t fields = walk.field_count();
      out_.Begin(3 + 2 * fields);
      out_.Word("XADD");
      out_.Word(key);
      out_.Word(StreamIdText(walk.id()).view());
      for (size_t i = 0; i < fields; ++i) {
        walk.NextField(&field, &value);
        out_.Word(field.Text(digits));
        out_.Word(value.Text(digits));
      }
    }
  }

  void WriteConsumer(std::string_view key, std::string_view group, std::string_view name,
                     const types::StreamConsumer& consumer) {
    const auto& pending = consumer.pending();
    if (pending.empty()) return out_.Command("XGROUP", "CREATECONSUMER", key, group, name);
    for (auto at = pending.Begin(); at != pending.End(); at = pending.Next(at)) {
      const types::StreamPending& entry = *pending.At(at);
      out_.Command("XCLAIM", key, group, name, "0", StreamIdText(entry.id).view(), "TIME",
                   entry.delivery_ms, "RETRYCOUNT", static_cast<int64_t>(entry.deliveries),
                   "JUSTID", "FORCE");
    }
  }

  CommandWriter& out_;
};

// rdb-key-save-delay, microseconds; a negative one: one microsecond, once in so many times.
void Delay(int64_t micros, Random& random) {
  if (micros < 0) micros = random.Below(static_cast<uint64_t>(-micros)) == 0 ? 1 : 0;
  if (micros > 0) usleep(static_cast<useconds_t>(micros));
}

}  // namespace

FileStatus WriteDatasetAsCommands(File& file, Services& services,
                                  const CommandWriteOptions& options) {
  CommandWriter out(file, options.incremental_sync ? kSyncEveryBytes : 0);
  if (services.config.aof_timestamp_enabled) {
    out.Raw("#TS:" + std::to_string(services.clock.WallMicros() / 1'000'000) + "\r\n");
  }
  if (services.scripts != nullptr) {
    services.scripts->ForEachLibrary(
        [&out](std::string_view code) { out.Command("FUNCTION", "LOAD", code); });
  }
  KeyWriter writer(out);
  uint64_t keys = 0;
  for (int i = 0; i < services.keyspace.database_count(); ++i) {
    const Database& database = services.keyspace.database(i);
    if (database.size() == 0) continue;
    out.Command("SELECT", int64_t{i});
    database.ForEach([&](const Record& record) {
      if (out.failed()) return;
      writer.Write(record);
      ++keys;
      if (options.progress) options.progress(keys);
      Delay(services.config.rdb_key_save_delay, services.random);
    });
  }
  return out.Finish();
}

}  // namespace keyway::shard::persistence
