#include "shard/persistence/rdb/byte_reader.h"

#include <bit>
#include <charconv>
#include <cstdio>
#include <limits>
#include <string>

#include "shard/persistence/rdb/format.h"
#include "shard/persistence/rdb/little_endian.h"
#include "shard/persistence/rdb/lzf.h"

namespace keyway::shard::rdb {
namespace {

uint64_t BigEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (char byte : bytes) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

// The integer in 1, 2 or 4 bytes.
int64_t SignedInteger(std::string_view bytes) {
  const auto unused = static_cast<int>(64 - 8 * bytes.size());
  return static_cast<int64_t>(LittleEndian(bytes) << unused) >> unused;
}

}  // namespace

bool ByteReader::Byte(uint8_t* byte) {
  if (rest_.empty()) return false;
  *byte = static_cast<uint8_t>(rest_.front());
  rest_.remove_prefix(1);
  return true;
}

bool ByteReader::Raw(size_t length, std::string_view* bytes) {
  if (length > rest_.size()) return false;
  *bytes = rest_.substr(0, length);
  rest_.remove_prefix(length);
  return true;
}

// Redis marks an error, and a length that is not one, by the greatest number.
bool ByteReader::Length(uint64_t* length) {
  return AnyLength(length) && *length != std::numeric_limits<uint64_t>::max();
}

bool ByteReader::AnyLength(uint64_t* length) {
  uint8_t first = 0;
  std::string_view more;
  if (!Byte(&first)) return false;
  if (first >> 6 == kLength6) {
    *length = first;
  } else if (first >> 6 == kLength14) {
    if (!Raw(1, &more)) return false;
    *length = (first & 0x3fu) << 8 | static_cast<uint8_t>(more[0]);
  } else if ((first & kEncodedMark) == kEncodedMark) {
    *length = first & 0x3f;  // a mark of strings; elsewhere Redis takes it for this
  } else {
    if (first != kLengthMark32 && first != kLengthMark64) {
      problem_ = "Unknown length encoding in rdbLoadLen()";
      *length = std::numeric_limits<uint64_t>::max();
      return unknown_ == UnknownLength::kGreatest;
    }
    if (!Raw(first == kLengthMark32 ? 4 : 8, &more)) return false;
    *length = BigEndian(more);
  }
  return true;
}

bool ByteReader::String(Text* text) {
  text->is_integer = false;
  if (rest_.empty()) return false;
  const auto first = static_cast<uint8_t>(rest_.front());
  uint64_t length = 0;
  if ((first & kEncodedMark) != kEncodedMark) {
    return Length(&length) && Raw(length, &text->bytes);
  }
  rest_.remove_prefix(1);
  const int encoding = first & 0x3f;
  std::string_view bytes;
  if (encoding == static_cast<int>(StringEncoding::kLzf)) {
    uint64_t compressed = 0;
    if (!Length(&compressed) || !Length(&length) || !Raw(compressed, &bytes)) return false;
    if (!LzfDecompress(bytes, length, &text->buffer)) {
      problem_ = "Invalid LZF compressed string";
      return false;
    }
    text->bytes = text->buffer;
    return true;
  }
  if (encoding > static_cast<int>(StringEncoding::kInt32)) {
    problem_ = "Unknown RDB string encoding type";
    return false;
  }
  if (!Raw(size_t{1} << encoding, &bytes)) return false;
  text->is_integer = true;
  text->integer = SignedInteger(bytes);
  const char* end =
      std::to_chars(text->digits, text->digits + sizeof(text->digits), text->integer).ptr;
  text->bytes = {text->digits, static_cast<size_t>(end - text->digits)};
  return true;
}

bool ByteReader::TextDouble(double* value) {
  constexpr uint8_t kNan = 253;
  constexpr uint8_t kInfinity = 254;
  constexpr uint8_t kMinusInfinity = 255;
  uint8_t length = 0;
  if (!Byte(&length)) return false;
  switch (length) {
    case kNan:
      *value = std::numeric_limits<double>::quiet_NaN();
      return true;
    case kInfinity:
      *value = std::numeric_limits<double>::infinity();
      return true;
    case kMinusInfinity:
      *value = -std::numeric_limits<double>::infinity();
      return true;
    default:
      break;
  }
  std::string_view bytes;
  if (!Raw(length, &bytes)) return false;
  // As Redis reads it, which stops where the text is no longer a number.
  return std::sscanf(std::string(bytes).c_str(), "%lg", value) == 1;
}

bool ByteReader::Double(double* value) {
  std::string_view bytes;
  if (!Raw(8, &bytes)) return false;
  *value = std::bit_cast<double>(LittleEndian(bytes));
  return true;
}

bool ByteReader::Millis(int64_t* ms) {
  std::string_view bytes;
  if (!Raw(8, &bytes)) return false;
  *ms = static_cast<int64_t>(LittleEndian(bytes));
  return true;
}

bool ByteReader::Id(types::StreamId* id) {
  return AnyLength(&id->ms) && AnyLength(&id->seq);
}

bool ByteReader::RawId(types::StreamId* id) {
  std::string_view bytes;
  if (!Raw(types::StreamId::kEncodedBytes, &bytes)) return false;
  *id = types::StreamId::Decode(reinterpret_cast<const uint8_t*>(bytes.data()));
  return true;
}

}  // namespace keyway::shard::rdb
