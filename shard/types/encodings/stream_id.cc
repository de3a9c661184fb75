#include "shard/types/encodings/stream_id.h"

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

namespace keyway::shard::types {
namespace {

constexpr uint64_t kMaxPart = std::numeric_limits<uint64_t>::max();
constexpr size_t kLongestText = 127;

uint64_t DecodePart(const uint8_t* bytes) {
  uint64_t part = 0;
  for (size_t i = 0; i < sizeof(part); ++i) part = part << 8 | bytes[i];
  return part;
}

void EncodePart(uint64_t part, uint8_t* bytes) {
  for (size_t i = sizeof(part); i-- > 0; part >>= 8) bytes[i] = static_cast<uint8_t>(part);
}

// `text` ends with a zero. What is not a plain number is read as strtoull does, because the
// reference takes its oddities (blanks, signs, zeros in front) too; negative numbers that are
// written plainly it does not take.
bool ParsePart(const char* text, uint64_t* part) {
  const char* end = text + std::strlen(text);
  if (text == end) return false;
  const bool is_plain =
      (*text >= '1' && *text <= '9') || (*text == '-' && text[1] >= '1' && text[1] <= '9');
  if (is_plain && *text == '-') {
    int64_t negative = 0;
    const auto result = std::from_chars(text, end, negative);
    if (result.ec == std::errc() && result.ptr == end) return false;
  } else if (is_plain) {
    const auto result = std::from_chars(text, end, *part);
    return result.ec == std::errc() && result.ptr == end;
  }
  errno = 0;
  char* parsed_end = nullptr;
  *part = std::strtoull(text, &parsed_end, 10);
  return errno == 0 && parsed_end == end;
}

}  // namespace

StreamId StreamId::Decode(const uint8_t* bytes) {
  return {DecodePart(bytes), DecodePart(bytes + kEncodedBytes / 2)};
}

void StreamId::Encode(uint8_t* bytes) const {
  EncodePart(ms, bytes);
  EncodePart(seq, bytes + kEncodedBytes / 2);
}

bool StreamId::Increment() {
  if (seq < kMaxPart) {
    ++seq;
  } else if (ms < kMaxPart) {
    ++ms;
    seq = 0;
  } else {
    return false;
  }
  return true;
}

bool StreamId::Decrement() {
  if (seq > 0) {
    --seq;
  } else if (ms > 0) {
    --ms;
    seq = kMaxPart;
  } else {
    return false;
  }
  return true;
}

StreamIdText::StreamIdText(StreamId id) {
  char* const end = text_ + sizeof(text_);
  char* at = std::to_chars(text_, end, id.ms).ptr;
  *at++ = '-';
  at = std::to_chars(at, end, id.seq).ptr;
  length_ = static_cast<uint8_t>(at - text_);
}

bool ParseStreamId(std::string_view text, uint64_t missing_seq, StreamId* id, bool* any_seq) {
  if (any_seq != nullptr) *any_seq = false;
  if (text.size() > kLongestText) return false;
  // Read as a C string, as the reference does: what follows a zero byte does not count.
  char copy[kLongestText + 1];
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  char* const dash = std::strchr(copy, '-');
  if (dash != nullptr) *dash = '\0';
  StreamId parsed;
  if (!ParsePart(copy, &parsed.ms)) return false;
  if (dash == nullptr) {
    parsed.seq = missing_seq;
  } else if (any_seq != nullptr && std::strcmp(dash + 1, "*") == 0) {
    *any_seq = true;
  } else if (!ParsePart(dash + 1, &parsed.seq)) {
    return false;
  }
  *id = parsed;
  return true;
}

}  // namespace keyway::shard::types
