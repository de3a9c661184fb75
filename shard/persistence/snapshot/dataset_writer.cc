#include "shard/persistence/snapshot/dataset_writer.h"

#include <unistd.h>

#include <string>
#include <string_view>

#include "common/base/allocated_bytes.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/access_clock.h"
#include "shard/keyspace/keyspace.h"
#include "shard/persistence/rdb/file_writer.h"
#include "shard/server/lifecycle.h"
#include "shard/server/scripts.h"

namespace keyway::shard::persistence {
namespace {

void WriteAux(rdb::FileWriter& writer, const Services& services,
              const DatasetWriteOptions& options) {
  writer.Aux("redis-ver", kRedisVersion);
  writer.Aux("redis-bits", std::to_string(sizeof(void*) * 8));
  writer.Aux("ctime", std::to_string(services.clock.WallMicros() / 1'000'000));
  writer.Aux("used-mem", std::to_string(AllocatedBytes()));
  if (options.place.has_value()) {
    writer.Aux("repl-stream-db", std::to_string(options.place->database));
    writer.Aux("repl-id", options.place->id);
    writer.Aux("repl-offset", std::to_string(options.place->offset));
  }
  writer.Aux("aof-base", options.aof_base ? "1" : "0");
}

// What is kept of the use of keys is what the policy of eviction needs.
class UseReader {
 public:
  UseReader(const ShardConfig& config, const keyspace::AccessPolicy& policy, int64_t now_ms)
      : policy_(policy), now_ms_(now_ms) {
    switch (config.maxmemory_policy) {
      case MaxmemoryPolicy::kVolatileLru:
      case MaxmemoryPolicy::kAllkeysLru:
        lru_ = true;
        break;
      case MaxmemoryPolicy::kVolatileLfu:
      case MaxmemoryPolicy::kAllkeysLfu:
        lfu_ = true;
        break;
      default:
        break;
    }
  }

  rdb::KeyUse Of(const keyspace::Record& record) const {
    rdb::KeyUse use;
    if (lru_) use.idle_seconds = keyspace::IdleSeconds(record.access(), now_ms_);
    if (lfu_) {
      use.frequency = static_cast<int>(keyspace::UseFrequency(policy_, record.access(), now_ms_));
    }
    return use;
  }

 private:
  const keyspace::AccessPolicy policy_;
  const int64_t now_ms_;
  bool lru_ = false;
  bool lfu_ = false;
};

// rdb-key-save-delay, microseconds; a negative one: one microsecond, once in so many times.
void Delay(int64_t micros, Random& random) {
  if (micros < 0) micros = random.Below(static_cast<uint64_t>(-micros)) == 0 ? 1 : 0;
  if (micros > 0) usleep(static_cast<useconds_t>(micros));
}

}  // namespace

FileStatus WriteDataset(File& file, Services& services, const DatasetWriteOptions& options) {
  const ShardConfig& config = services.config;
  rdb::FileWriter writer(
      file, {.compress = config.rdbcompression,
             .checksum = config.rdbchecksum,
             .sync_every_bytes = options.incremental_sync ? rdb::kIncrementalSyncBytes : 0});
  WriteAux(writer, services, options);
  if (options.libraries && services.scripts != nullptr) {
    services.scripts->ForEachLibrary([&writer](std::string_view code) { writer.Library(code); });
  }
  if (!options.keys) return writer.Finish();
  keyspace::Keyspace& keyspace = services.keyspace;
  const UseReader use(config, keyspace.options().access, services.clock.WallMillis());
  uint64_t keys = 0;
  for (int index = 0; index < keyspace.database_count() && !writer.failed(); ++index) {
    const keyspace::Database& database = keyspace.database(index);
    if (database.size() == 0) continue;
    writer.Database(index, database.size(), database.expires());
    database.ForEach([&](const keyspace::Record& record) {
      if (writer.failed()) return;
      writer.Key(record, use.Of(record));
      ++keys;
      if (config.rdb_key_save_delay != 0) Delay(config.rdb_key_save_delay, services.random);
      if (options.progress) options.progress(keys);
    });
  }
  return writer.Finish();
}

}  // namespace keyway::shard::persistence
