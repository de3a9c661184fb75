#include "shard/persistence/rdb/old_encodings.h"

#include <cstdint>
#include <utility>

namespace keyway::shard::rdb {

using types::Listpack;

namespace {

constexpr uint8_t kEnd = 0xff;
constexpr size_t kZiplistHeader = 10;
constexpr uint8_t kBigZipmap = 254;
// What an entry of a listpack may need besides its text.
constexpr size_t kMostOverhead = 10;

// Reads little-endian numbers and bytes; `at` never goes past the end.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : bytes_(bytes) {}

  size_t at() const { return at_; }
  size_t left() const { return bytes_.size() - at_; }
  uint8_t Peek() const { return static_cast<uint8_t>(bytes_[at_]); }
  bool Skip(size_t count) {
    if (count > left()) return false;
    at_ += count;
    return true;
  }
  bool Bytes(size_t count, std::string_view* taken) {
    if (count > left()) return false;
    *taken = bytes_.substr(at_, count);
    at_ += count;
    return true;
  }
  bool Number(size_t count, uint64_t* number) {
    std::string_view taken;
    if (!Bytes(count, &taken)) return false;
    *number = 0;
    for (size_t i = count; i-- > 0;) *number = *number << 8 | static_cast<uint8_t>(taken[i]);
    return true;
  }
  // One byte, or `mark` and the number in four.
  bool Short(uint8_t mark, uint64_t* number) {
    return Number(1, number) && (*number < mark || (*number == mark && Number(4, number)));
  }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
};

bool Fits(const Listpack& pack, size_t text) {
  return text <= Listpack::kMaxBytes && pack.bytes() + text + kMostOverhead <= Listpack::kMaxBytes;
}

// The encoding and data of an entry, which it appends to `pack`.
bool TakeZiplistEntry(Cursor* cursor, Listpack* pack) {
  if (cursor->left() == 0) return false;
  const uint8_t encoding = cursor->Peek();
  cursor->Skip(1);
  size_t integer_bytes = 0;
  switch (encoding) {
    case 0xc0:
      integer_bytes = 2;
      break;
    case 0xd0:
      integer_bytes = 4;
      break;
    case 0xe0:
      integer_bytes = 8;
      break;
    case 0xf0:
      integer_bytes = 3;
      break;
    case 0xfe:
      integer_bytes = 1;
      break;
    default:
      break;
  }
  if (integer_bytes != 0) {
    uint64_t bits = 0;
    if (!cursor->Number(integer_bytes, &bits) || !Fits(*pack, 0)) return false;
    const auto unused = static_cast<int>(64 - 8 * integer_bytes);
    pack->Append(static_cast<int64_t>(bits << unused) >> unused);
    return true;
  }
  if (encoding >= 0xf1 && encoding <= 0xfd) {
    if (!Fits(*pack, 0)) return false;
    pack->Append(int64_t{encoding} - 0xf1);
    return true;
  }
  size_t length = 0;
  std::string_view more;
  if (encoding >> 6 == 0) {
    length = encoding;
  } else if (encoding >> 6 == 1) {
    if (!cursor->Bytes(1, &more)) return false;
    length = (encoding & 0x3fu) << 8 | static_cast<uint8_t>(more[0]);
  } else if (encoding >> 6 == 2) {
    if (!cursor->Bytes(4, &more)) return false;
    for (char byte : more) length = length << 8 | static_cast<uint8_t>(byte);
  } else {
    return false;
  }
  std::string_view text;
  if (!cursor->Bytes(length, &text) || !Fits(*pack, length)) return false;
  pack->Append(text);
  return true;
}

}  // namespace

std::optional<Listpack> ReadZiplist(std::string_view bytes) {
  Cursor cursor(bytes);
  uint64_t total = 0;
  uint64_t last_offset = 0;
  uint64_t count = 0;
  if (bytes.size() < kZiplistHeader + 1 || static_cast<uint8_t>(bytes.back()) != kEnd ||
      !cursor.Number(4, &total) || !cursor.Number(4, &last_offset) || !cursor.Number(2, &count) ||
      total != bytes.size() || last_offset > bytes.size() - 1) {
    return std::nullopt;
  }
  Listpack pack(bytes.size());
  uint64_t entries = 0;
  size_t previous = kZiplistHeader;  // where the last entry starts
  size_t previous_bytes = 0;
  while (cursor.at() < bytes.size() - 1) {
    const size_t start = cursor.at();
    uint64_t before = 0;
    if (!cursor.Short(0xfe, &before) || before != previous_bytes ||
        !TakeZiplistEntry(&cursor, &pack)) {
      return std::nullopt;
    }
    previous = start;
    previous_bytes = cursor.at() - start;
    ++entries;
  }
  if (cursor.at() != bytes.size() - 1 || (entries > 0 && last_offset != previous)) {
    return std::nullopt;
  }
  if (count != 0xffff && count != entries) return std::nullopt;
  return pack;
}

std::optional<Listpack> ReadZipmap(std::string_view bytes) {
  if (bytes.size() < 2 || static_cast<uint8_t>(bytes.back()) != kEnd) return std::nullopt;
  Cursor cursor(bytes);
  uint64_t count = 0;
  cursor.Number(1, &count);
  Listpack pack(bytes.size());
  uint64_t entries = 0;
  while (true) {
    if (cursor.left() == 0) return std::nullopt;
    if (cursor.Peek() == kEnd) break;
    uint64_t length = 0;
    uint64_t unused = 0;
    std::string_view key;
    std::string_view value;
    if (!cursor.Short(kBigZipmap, &length) || !cursor.Bytes(length, &key) ||
        !cursor.Short(kBigZipmap, &length) || !cursor.Number(1, &unused) ||
        !cursor.Bytes(length, &value) || !cursor.Skip(unused)) {
      return std::nullopt;
    }
    if (!Fits(pack, key.size() + value.size())) return std::nullopt;
    pack.Append(key);
    pack.Append(value);
    ++entries;
  }
  // The mark is the last byte, and an empty zipmap was never written.
  if (cursor.left() != 1 || entries == 0 || (count != kBigZipmap && count != entries)) {
    return std::nullopt;
  }
  return pack;
}

}  // namespace keyway::shard::rdb
