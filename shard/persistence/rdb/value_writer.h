// Writes values as RDB version 10 has them; see format.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shard/keyspace/record.h"
#include "shard/persistence/rdb/format.h"

namespace keyway::shard::rdb {

struct WriteOptions {
  bool compress = true;  // rdbcompression
};

class ValueWriter {
 public:
  // Appends to `out`, which must outlive the writer.
  ValueWriter(const WriteOptions& options, std::string* out) : options_(options), out_(out) {}

  // How the value of `record` is written.
  static ValueType TypeOf(const keyspace::Record& record);
  // Without the type.
  void Write(const keyspace::Record& record);

  void Byte(uint8_t byte) { out_->push_back(static_cast<char>(byte)); }
  void Raw(std::string_view bytes) { out_->append(bytes); }
  void Length(uint64_t length);
  // As an integer or compressed, if that is shorter.
  void String(std::string_view bytes);
  // The digits of `integer`.
  void IntegerString(int64_t integer);
  void Double(double value);
  // 8 bytes, wall-clock ms.
  void Millis(int64_t ms);

 private:
  bool SmallInteger(int64_t integer);
  void WriteStream(const keyspace::Record& record);

  WriteOptions options_;
  std::string* out_;
  std::string compressed_;
};

// What DUMP returns: type, value, version, checksum.
std::string DumpPayload(const keyspace::Record& record, const WriteOptions& options);

}  // namespace keyway::shard::rdb
