#include "shard/persistence/rdb/value_writer.h"

#include <bit>
#include <charconv>
#include <cstring>

#include <glog/logging.h>

#include "shard/persistence/rdb/crc64.h"
#include "shard/persistence/rdb/little_endian.h"
#include "shard/types/encodings/field_table.h"
#include "shard/types/encodings/intset.h"
#include "shard/types/encodings/listpack.h"
#include "shard/types/encodings/quicklist.h"
#include "shard/types/encodings/set_table.h"
#include "shard/types/encodings/sorted_set.h"
#include "shard/types/encodings/stream.h"
#include "shard/types/integer.h"

namespace keyway::shard::rdb {

using keyspace::Encoding;
using keyspace::Record;
using keyspace::Type;

namespace {

template <typename T>
const T& ObjectOf(const Record& record) {
  return *static_cast<const T*>(record.object());
}

void AppendBigEndian(uint64_t value, size_t bytes, std::string* out) {
  for (size_t i = bytes; i-- > 0;) out->push_back(static_cast<char>(value >> (8 * i) & 0xff));
}

std::string_view EncodeId(types::StreamId id, uint8_t (&bytes)[types::StreamId::kEncodedBytes]) {
  id.Encode(bytes);
  return {reinterpret_cast<const char*>(bytes), sizeof(bytes)};
}

}  // namespace

ValueType ValueWriter::TypeOf(const Record& record) {
  const bool is_packed = record.encoding() == Encoding::kListpack;
  switch (record.type()) {
    case Type::kString:
      return ValueType::kString;
    case Type::kList:
      return ValueType::kListQuicklist2;
    case Type::kSet:
      return record.encoding() == Encoding::kIntset ? ValueType::kSetIntset : ValueType::kSet;
    case Type::kZset:
      return is_packed ? ValueType::kZsetListpack : ValueType::kZset2;
    case Type::kHash:
      return is_packed ? ValueType::kHashListpack : ValueType::kHash;
    case Type::kStream:
      return ValueType::kStreamListpacks2;
  }
  LOG(FATAL) << "no such type";
}

void ValueWriter::Length(uint64_t length) {
  if (length < 1u << 6) {
    Byte(static_cast<uint8_t>(length));
  } else if (length < 1u << 14) {
    Byte(static_cast<uint8_t>(kLength14 << 6 | length >> 8));
    Byte(static_cast<uint8_t>(length & 0xff));
  } else if (length <= UINT32_MAX) {
    Byte(kLengthMark32);
    AppendBigEndian(length, 4, out_);
  } else {
    Byte(kLengthMark64);
    AppendBigEndian(length, 8, out_);
  }
}

void ValueWriter::RawDraining(std::string_view bytes) {
  drain_->Drain();
  if (bytes.size() < WriteDrain::kBufferBytes) {
    out_->append(bytes);
  } else {
    drain_->Take(bytes);
  }
}

bool ValueWriter::SmallInteger(int64_t integer) {
  StringEncoding encoding = StringEncoding::kInt32;
  if (integer >= INT8_MIN && integer <= INT8_MAX) {
    encoding = StringEncoding::kInt8;
  } else if (integer >= INT16_MIN && integer <= INT16_MAX) {
    encoding = StringEncoding::kInt16;
  } else if (integer < INT32_MIN || integer > INT32_MAX) {
    return false;
  }
  if (IsFull(sizeof(int32_t) + 1)) drain_->Drain();
  Byte(static_cast<uint8_t>(kEncodedMark | static_cast<uint8_t>(encoding)));
  AppendLittleEndian(static_cast<uint64_t>(integer), size_t{1} << static_cast<int>(encoding), out_);
  return true;
}

void ValueWriter::IntegerString(int64_t integer) {
  if (SmallInteger(integer)) return;
  char digits[20];
  const char* end = std::to_chars(digits, digits + sizeof(digits), integer).ptr;
  const auto length = static_cast<size_t>(end - digits);
  Length(length);
  Raw({digits, length});
}

void ValueWriter::String(std::string_view bytes) {
  int64_t integer = 0;
  if (bytes.size() <= kMaxIntegerText && types::ParseInteger(bytes, &integer) &&
      SmallInteger(integer)) {
    return;
  }
  if (options_.compress && bytes.size() >= kMinCompressedBytes &&
      lzf_.Compress(bytes)) {
    Byte(static_cast<uint8_t>(kEncodedMark | static_cast<uint8_t>(StringEncoding::kLzf)));
    Length(lzf_.size());
    Length(bytes.size());
    lzf_.ForEachPiece([this](std::string_view piece) { Raw(piece); });
    return;
  }
  Length(bytes.size());
  Raw(bytes);
}

void ValueWriter::Double(double value) {
  AppendLittleEndian(std::bit_cast<uint64_t>(value), 8, out_);
}

void ValueWriter::Millis(int64_t ms) {
  AppendLittleEndian(static_cast<uint64_t>(ms), 8, out_);
}

void ValueWriter::Write(const Record& record) {
  switch (record.encoding()) {
    case Encoding::kInt:
      return IntegerString(record.integer());
    case Encoding::kEmbstr:
      return String(record.embedded());
    case Encoding::kRaw:
      return String(record.raw().view());
    case Encoding::kListpack:
      return String(types::ListpackView(record.object()).block());
    case Encoding::kIntset:
      return String(types::IntsetView(record.object()).block());
    case Encoding::kQuicklist: {
      const auto& list = ObjectOf<types::Quicklist>(record);
      Length(list.node_count());
      list.ForEachNode([&](const types::Quicklist::NodeView& node) {
        Length(node.packed ? kPackedNode : kPlainNode);
        String(node.bytes);
      });
      return;
    }
    case Encoding::kHashtable:
      if (record.type() == Type::kSet) {
        const auto& set = ObjectOf<types::SetTable>(record);
        Length(set.size());
        set.ForEach([&](std::string_view member) { String(member); });
      } else {
        const auto& hash = ObjectOf<types::FieldTable>(record);
        Length(hash.size());
        hash.ForEach([&](const types::Field& field) {
          String(field.name());
          String(field.value());
        });
      }
      return;
    case Encoding::kSkiplist: {
      const auto& zset = ObjectOf<types::SortedSet>(record);
      Length(zset.size());
      // From the end, as Redis does, which then inserts each at the start.
      for (auto at = zset.Last(); at; --at) {
        String(at->member());
        Double(at->score());
      }
      return;
    }
    case Encoding::kStream:
      return WriteStream(record);
  }
}

void ValueWriter::WriteStream(const Record& record) {
  const auto& stream = ObjectOf<types::Stream>(record);
  uint8_t id[types::StreamId::kEncodedBytes];
  const auto write_id = [&](types::StreamId written) {
    Length(written.ms);
    Length(written.seq);
  };
  const auto& nodes = stream.nodes();
  Length(nodes.size());
  for (auto at = nodes.Begin(); at != nodes.End(); at = nodes.Next(at)) {
    String(EncodeId(nodes.At(at).id, id));
    String(nodes.At(at).entries.block());
  }
  Length(stream.length());
  write_id(stream.last_id());
  write_id(stream.first_id());
  write_id(stream.max_deleted_id());
  Length(stream.entries_added());
  Length(stream.groups().size());
  for (const auto& [name, group] : stream.groups()) {
    String(name);
    write_id(group.last_id());
    Length(static_cast<uint64_t>(group.entries_read()));
    const auto& pending = group.pending();
    Length(pending.size());
    for (auto at = pending.Begin(); at != pending.End(); at = pending.Next(at)) {
      const types::StreamPending& entry = *pending.At(at);
      Raw(EncodeId(entry.id, id));
      Millis(entry.delivery_ms);
      Length(entry.deliveries);
    }
    Length(group.consumers().size());
    for (const auto& [consumer_name, consumer] : group.consumers()) {
      String(consumer_name);
      Millis(consumer.seen_ms());
      const auto& own = consumer.pending();
      Length(own.size());
      for (auto at = own.Begin(); at != own.End(); at = own.Next(at)) {
        Raw(EncodeId(own.At(at)->id, id));
      }
    }
  }
}

std::string DumpPayload(const Record& record, const WriteOptions& options) {
  std::string payload;
  ValueWriter writer(options, &payload);
  writer.Byte(static_cast<uint8_t>(ValueWriter::TypeOf(record)));
  writer.Write(record);
  AppendLittleEndian(kVersion, 2, &payload);
  AppendLittleEndian(Crc64(0, payload), 8, &payload);
  return payload;
}

}  // namespace keyway::shard::rdb
