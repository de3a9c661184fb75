// Reads the parts that values are made of from bytes in memory, which may be anything. Every method
// returns false when there is not what it should read; after that nothing more should be read, and
// problem() says why.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shard/types/encodings/stream_id.h"

namespace keyway::shard::rdb {

// What is wrong with bytes that end too early.
inline constexpr char kEndOfFile[] = "Unexpected EOF reading RDB file";

class ByteReader {
 public:
  // What a mark that no length begins with is, for AnyLength: redis-server takes it for a number
  // when it reads the payload of RESTORE, and ends when it reads a file.
  enum class UnknownLength : uint8_t { kGreatest, kProblem };

  // `bytes` must outlive the reader.
  explicit ByteReader(std::string_view bytes, UnknownLength unknown = UnknownLength::kGreatest)
      : rest_(bytes), unknown_(unknown) {}

  // What has not been read yet.
  std::string_view rest() const { return rest_; }
  // As redis-server words it.
  const char* problem() const { return problem_; }

  bool Byte(uint8_t* byte);
  bool Raw(size_t length, std::string_view* bytes);
  bool Length(uint64_t* length);
  // The same, 2^64 - 1 included, for numbers that Redis does not check.
  bool AnyLength(uint64_t* length);
  // What a string may be besides bytes.
  struct Text {
    bool is_integer = false;
    int64_t integer = 0;
    // In the reader's bytes, or, if they were compressed, in the buffer.
    std::string_view bytes;
    std::string buffer;
    char digits[24];
  };
  // The digits of an integer are written as bytes.
  bool String(Text* text);
  // A double as text, as old sorted sets have it.
  bool TextDouble(double* value);
  bool Double(double* value);
  bool Millis(int64_t* ms);
  // Two lengths, and 16 bytes.
  bool Id(types::StreamId* id);
  bool RawId(types::StreamId* id);

 private:
  std::string_view rest_;
  const char* problem_ = kEndOfFile;
  UnknownLength unknown_;
};

}  // namespace keyway::shard::rdb
