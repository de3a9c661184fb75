// Writes values as RDB version 10 has them; see format.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "shard/keyspace/record.h"
#include "shard/persistence/rdb/format.h"
#include "shard/persistence/rdb/lzf.h"

namespace keyway::shard::rdb {

struct WriteOptions {
  bool compress = true;  // rdbcompression
};

// Takes what a ValueWriter has written while it writes on, so that nothing has to be in memory twice.
class WriteDrain {
 public:
  // How large a buffer may get between two pieces of a value, and a string beside it.
  static constexpr size_t kBufferBytes = 256 * 1024;

  virtual ~WriteDrain() = default;
  // The buffer is full: takes what it holds and empties it.
  virtual void Drain() = 0;
  // The buffer is empty, and these bytes come next.
  virtual void Take(std::string_view bytes) = 0;
};

class ValueWriter {
 public:
  // Appends to `out`, which must outlive the writer. With a `drain` it holds hardly more than
  // WriteDrain::kBufferBytes.
  ValueWriter(const WriteOptions& options, std::string* out, WriteDrain* drain = nullptr)
      : options_(options), out_(out), drain_(drain) {}

  // How the value of `record` is written.
  static ValueType TypeOf(const keyspace::Record& record);
  // Without the type.
  void Write(const keyspace::Record& record);

  void Byte(uint8_t byte) { out_->push_back(static_cast<char>(byte)); }
  void Raw(std::string_view bytes) {
    if (IsFull(bytes.size())) return RawDraining(bytes);
    out_->append(bytes);
  }
  void Length(uint64_t length);
  // As an integer or compressed, if that is shorter.
  void String(std::string_view bytes);
  // The digits of `integer`.
  void IntegerString(int64_t integer);
  void Double(double value);
  // 8 bytes, wall-clock ms.
  void Millis(int64_t ms);

 private:
  bool IsFull(size_t more) const {
    return drain_ != nullptr && out_->size() + more >= WriteDrain::kBufferBytes;
  }
  bool SmallInteger(int64_t integer);
  void RawDraining(std::string_view bytes);
  void WriteStream(const keyspace::Record& record);

  WriteOptions options_;
  std::string* out_;
  WriteDrain* drain_;
  LzfCompressor lzf_;
};

// What DUMP returns: type, value, version, checksum.
std::string DumpPayload(const keyspace::Record& record, const WriteOptions& options);

}  // namespace keyway::shard::rdb
