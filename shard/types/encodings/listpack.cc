#include "shard/types/encodings/listpack.h"

#include <malloc.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include <glog/logging.h>

#include "common/resp/number.h"

// An entry starts with a byte that says what it is:
//
//   0xxxxxxx             integer 0 to 127
//   10xxxxxx             string of x bytes, which follow
//   110xxxxx +1          integer of 13 bits, signed, big endian
//   1110xxxx +1          string of x bytes (12 bits, big endian), which follow
//   11110000 +4          string of so many bytes (32 bits, little endian), which follow
//   11110001 +2 ... 0100 integer of 2, 3, 4, 8 bytes, signed, little endian
//
// and ends with the length of all that, the most significant 7 bits first; every byte of it but the
// first has its high bit set, so that it is read from its end.

namespace keyway::shard::types {

static_assert(std::endian::native == std::endian::little);

namespace {

using Position = ListpackView::Position;

constexpr uint8_t kEnd = 0xff;
constexpr uint8_t kString32 = 0xf0;
constexpr uint8_t kInteger16 = 0xf1;
constexpr uint8_t kInteger24 = 0xf2;
constexpr uint8_t kInteger32 = 0xf3;
constexpr uint8_t kInteger64 = 0xf4;

constexpr size_t kHeader = ListpackView::kHeaderBytes;
constexpr size_t kEmptyBytes = kHeader + 1;
constexpr uint16_t kUnknownCount = UINT16_MAX;
constexpr size_t kMaxDigits = 20;
constexpr size_t kMaxPrefixBytes = 9;
constexpr size_t kMaxBacklengthBytes = 5;

template <typename T>
T Load(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

template <typename T>
void Store(void* to, T value) {
  std::memcpy(to, &value, sizeof(T));
}

uint32_t TotalBytes(const void* block) {
  return Load<uint32_t>(block);
}

uint16_t StoredCount(const void* block) {
  return Load<uint16_t>(static_cast<const uint8_t*>(block) + sizeof(uint32_t));
}

void SetTotalBytes(void* block, uint32_t bytes) {
  Store(block, bytes);
}

void SetStoredCount(void* block, size_t count) {
  Store(static_cast<uint8_t*>(block) + sizeof(uint32_t),
        static_cast<uint16_t>(std::min<size_t>(count, kUnknownCount)));
}

// How many bytes of an entry come before the data of a string or are the entry of an integer; 0 if
// no entry starts so.
size_t PrefixBytes(uint8_t first) {
  if (first < 0xc0) return 1;
  if (first < 0xf0) return 2;
  switch (first) {
    case kString32:
      return 5;
    case kInteger16:
      return 3;
    case kInteger24:
      return 4;
    case kInteger32:
      return 5;
    case kInteger64:
      return 9;
    default:
      return 0;
  }
}

// Of the data of a string; 0 of an integer. The prefix must be readable.
size_t DataBytes(const uint8_t* entry) {
  const uint8_t first = entry[0];
  if (first < 0x80) return 0;
  if (first < 0xc0) return first & 0x3f;
  if (first < 0xe0) return 0;
  if (first < 0xf0) return static_cast<size_t>(first & 0x0f) << 8 | entry[1];
  return first == kString32 ? Load<uint32_t>(entry + 1) : 0;
}

size_t BodyBytes(const uint8_t* entry) {
  return PrefixBytes(entry[0]) + DataBytes(entry);
}

// Redis takes one more byte than it must for the largest length that would fit.
size_t BacklengthBytes(size_t body) {
  if (body <= 127) return 1;
  if (body < 16383) return 2;
  if (body < 2097151) return 3;
  if (body < 268435455) return 4;
  return 5;
}

void WriteBacklength(uint8_t* to, size_t body, size_t bytes) {
  for (size_t i = bytes; i > 0; --i) {
    to[i - 1] = static_cast<uint8_t>((body & 127) | (i > 1 ? 128 : 0));
    body >>= 7;
  }
}

// Reads what ends before `end`, at most `available` bytes. SIZE_MAX if it does not start there.
size_t ReadBacklength(const uint8_t* end, size_t available) {
  size_t body = 0;
  for (size_t i = 0; i < std::min(available, kMaxBacklengthBytes); ++i) {
    const uint8_t byte = *--end;
    body |= static_cast<size_t>(byte & 127) << (7 * i);
    if ((byte & 128) == 0) return body;
  }
  return SIZE_MAX;
}

size_t EntryBytes(const uint8_t* entry) {
  const size_t body = BodyBytes(entry);
  return body + BacklengthBytes(body);
}

int64_t ReadInteger(const uint8_t* entry) {
  const uint8_t first = entry[0];
  if (first < 0x80) return first;
  switch (first) {
    case kInteger16:
      return Load<int16_t>(entry + 1);
    case kInteger24:
      return static_cast<int32_t>(static_cast<uint32_t>(entry[1]) << 8 |
                                  static_cast<uint32_t>(entry[2]) << 16 |
                                  static_cast<uint32_t>(entry[3]) << 24) >>
             8;
    case kInteger32:
      return Load<int32_t>(entry + 1);
    case kInteger64:
      return Load<int64_t>(entry + 1);
    default: {
      const int32_t value = (first & 0x1f) << 8 | entry[1];
      return value < 4096 ? value : value - 8192;
    }
  }
}

bool IsInteger(const uint8_t* entry) {
  const uint8_t first = entry[0];
  return first < 0x80 || (first >= 0xc0 && first < 0xe0) || first > kString32;
}

bool ReadsAsInteger(std::string_view text, int64_t* integer) {
  if (text.empty() || text.size() > kMaxDigits || text.front() > '9') return false;
  return resp::ParseLength(text, integer);
}

// An entry to be: the prefix (or the integer), the bytes that follow, the length of both.
struct NewEntry {
  explicit NewEntry(int64_t integer) { SetInteger(integer); }
  explicit NewEntry(std::string_view text) {
    int64_t integer = 0;
    if (ReadsAsInteger(text, &integer)) {
      SetInteger(integer);
      return;
    }
    data = text;
    const size_t length = text.size();
    if (length < 64) {
      prefix[0] = static_cast<uint8_t>(0x80 | length);
      prefix_bytes = 1;
    } else if (length < 4096) {
      prefix[0] = static_cast<uint8_t>(0xe0 | length >> 8);
      prefix[1] = static_cast<uint8_t>(length);
      prefix_bytes = 2;
    } else {
      CHECK_LE(length, std::numeric_limits<uint32_t>::max());
      prefix[0] = kString32;
      Store(prefix + 1, static_cast<uint32_t>(length));
      prefix_bytes = 5;
    }
  }

  void SetInteger(int64_t integer) {
    if (integer >= 0 && integer <= 127) {
      prefix[0] = static_cast<uint8_t>(integer);
      prefix_bytes = 1;
    } else if (integer >= -4096 && integer <= 4095) {
      prefix[0] = static_cast<uint8_t>(0xc0 | (integer >> 8 & 0x1f));
      prefix[1] = static_cast<uint8_t>(integer);
      prefix_bytes = 2;
    } else {
      const bool two = integer >= INT16_MIN && integer <= INT16_MAX;
      const bool three = integer >= -(1 << 23) && integer < (1 << 23);
      const bool four = integer >= INT32_MIN && integer <= INT32_MAX;
      prefix[0] = two ? kInteger16 : three ? kInteger24 : four ? kInteger32 : kInteger64;
      Store(prefix + 1, integer);
      prefix_bytes = PrefixBytes(prefix[0]);
    }
  }

  size_t body() const { return prefix_bytes + data.size(); }
  size_t bytes() const { return body() + BacklengthBytes(body()); }
  void WriteTo(uint8_t* to) const {
    std::memcpy(to, prefix, prefix_bytes);
    if (!data.empty()) std::memcpy(to + prefix_bytes, data.data(), data.size());
    WriteBacklength(to + body(), body(), BacklengthBytes(body()));
  }

  uint8_t prefix[kMaxPrefixBytes];
  size_t prefix_bytes = 0;
  std::string_view data;
};

uint8_t* Allocate(size_t bytes) {
  auto* block = static_cast<uint8_t*>(std::malloc(bytes));
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

// Makes the allocation exactly so large; the allocator rounds up by itself.
uint8_t* Resize(void* block, size_t bytes) {
  auto* moved = static_cast<uint8_t*>(std::realloc(block, bytes));
  if (moved == nullptr) throw std::bad_alloc();
  return moved;
}

// Puts `entry` (if there is one) at `at` in place of the `removed` bytes of `removed_entries`
// entries. Returns the block, which may have moved.
uint8_t* Splice(const uint8_t* const_block, size_t at, size_t removed, size_t removed_entries,
                const NewEntry* entry) {
  auto* block = const_cast<uint8_t*>(const_block);
  const size_t old_bytes = TotalBytes(block);
  const size_t added = entry == nullptr ? 0 : entry->bytes();
  const size_t new_bytes = old_bytes - removed + added;
  CHECK_LE(new_bytes, std::numeric_limits<uint32_t>::max());
  if (new_bytes > old_bytes && new_bytes > malloc_usable_size(block)) {
    block = Resize(block, new_bytes);
  }
  if (added != removed) {
    std::memmove(block + at + added, block + at + removed, old_bytes - at - removed);
  }
  if (entry != nullptr) entry->WriteTo(block + at);
  if (new_bytes < old_bytes) block = Resize(block, new_bytes);
  SetTotalBytes(block, static_cast<uint32_t>(new_bytes));
  const size_t count = StoredCount(block);
  if (count != kUnknownCount) {
    SetStoredCount(block, count + (entry == nullptr ? 0 : 1) - removed_entries);
  }
  return block;
}

}  // namespace

std::string_view ListpackView::Element::Text(Digits& digits) const {
  if (!is_integer) return bytes;
  const auto end = std::to_chars(digits.text, digits.text + sizeof(digits.text), integer);
  return {digits.text, static_cast<size_t>(end.ptr - digits.text)};
}

bool ListpackView::Element::Equals(std::string_view text) const {
  if (!is_integer) return bytes == text;
  int64_t other = 0;
  return ReadsAsInteger(text, &other) && other == integer;
}

size_t ListpackView::size() const {
  const size_t count = StoredCount(block_);
  if (count != kUnknownCount) return count;
  size_t counted = 0;
  for (const uint8_t* entry = block_ + kHeader; *entry != kEnd; entry += EntryBytes(entry)) {
    ++counted;
  }
  return counted;
}

bool ListpackView::empty() const {
  return block_[kHeader] == kEnd;
}

size_t ListpackView::bytes() const {
  return TotalBytes(block_);
}

Position ListpackView::First() const {
  return empty() ? kNone : static_cast<Position>(kHeader);
}

Position ListpackView::Last() const {
  return Previous(static_cast<Position>(bytes() - 1));
}

Position ListpackView::Next(Position position) const {
  const Position next = position + static_cast<Position>(EntryBytes(block_ + position));
  return block_[next] == kEnd ? kNone : next;
}

Position ListpackView::Previous(Position position) const {
  if (position <= kHeader) return kNone;
  const size_t body = ReadBacklength(block_ + position, kMaxBacklengthBytes);
  return position - static_cast<Position>(body + BacklengthBytes(body));
}

Position ListpackView::Seek(int64_t index) const {
  const size_t count = StoredCount(block_);
  if (count != kUnknownCount) {
    const auto signed_count = static_cast<int64_t>(count);
    if (index >= signed_count || index < -signed_count) return kNone;
    // From the nearer end.
    if (index >= 0 && index > signed_count / 2) {
      index -= signed_count;
    } else if (index < 0 && -index > signed_count / 2) {
      index += signed_count;
    }
  }
  Position position = index >= 0 ? First() : Last();
  for (; index > 0 && position != kNone; --index) position = Next(position);
  for (; index < -1 && position != kNone; ++index) position = Previous(position);
  return position;
}

ListpackView::Element ListpackView::At(Position position) const {
  const uint8_t* entry = block_ + position;
  Element element;
  if (IsInteger(entry)) {
    element.is_integer = true;
    element.integer = ReadInteger(entry);
  } else {
    element.bytes = {reinterpret_cast<const char*>(entry) + PrefixBytes(entry[0]),
                     DataBytes(entry)};
  }
  return element;
}

Position ListpackView::Find(Position from, std::string_view text, size_t skip) const {
  if (from == kNone) return kNone;
  int64_t integer = 0;
  const bool is_integer = ReadsAsInteger(text, &integer);
  size_t to_skip = 0;
  const uint8_t* entry = block_ + from;
  while (*entry != kEnd) {
    const size_t data = DataBytes(entry);
    const size_t prefix = PrefixBytes(entry[0]);
    if (to_skip > 0) {
      --to_skip;
    } else {
      const bool found = IsInteger(entry) ? is_integer && ReadInteger(entry) == integer
                                          : data == text.size() &&
                                                std::memcmp(entry + prefix, text.data(), data) == 0;
      if (found) return static_cast<Position>(entry - block_);
      to_skip = skip;
    }
    entry += prefix + data + BacklengthBytes(prefix + data);
  }
  return kNone;
}

bool ListpackView::IsValid(std::string_view block) {
  if (block.size() < kEmptyBytes) return false;
  const auto* bytes = reinterpret_cast<const uint8_t*>(block.data());
  if (TotalBytes(bytes) != block.size() || bytes[block.size() - 1] != kEnd) return false;
  const size_t end = block.size() - 1;
  size_t count = 0;
  for (size_t at = kHeader; at < end; ++count) {
    const size_t left = end - at;
    const size_t prefix = PrefixBytes(bytes[at]);
    if (prefix == 0 || prefix > left) return false;
    const size_t body = prefix + DataBytes(bytes + at);
    const size_t entry = body + BacklengthBytes(body);
    if (entry > left || ReadBacklength(bytes + at + entry, entry) != body) return false;
    at += entry;
  }
  const size_t stored = StoredCount(bytes);
  return stored == kUnknownCount || stored == count;
}

Listpack::Listpack(size_t capacity) : ListpackView(Allocate(std::max(capacity, kEmptyBytes))) {
  auto* block = const_cast<uint8_t*>(block_);
  SetTotalBytes(block, kEmptyBytes);
  SetStoredCount(block, 0);
  block[kHeader] = kEnd;
}

Listpack Listpack::Adopt(void* block) {
  return Listpack(AdoptBlock(), block);
}

Listpack Listpack::Copy(std::string_view block) {
  uint8_t* copy = Allocate(block.size());
  std::memcpy(copy, block.data(), block.size());
  return Adopt(copy);
}

Listpack::Listpack(Listpack&& other) noexcept
    : ListpackView(std::exchange(other.block_, nullptr)) {}

Listpack& Listpack::operator=(Listpack&& other) noexcept {
  std::swap(block_, other.block_);
  return *this;
}

Listpack::~Listpack() {
  FreeBlock(const_cast<uint8_t*>(block_));
}

void* Listpack::Release() {
  return const_cast<uint8_t*>(std::exchange(block_, nullptr));
}

void Listpack::FreeBlock(void* block) {
  std::free(block);
}

size_t Listpack::AllocatedBytes(const void* block) {
  return malloc_usable_size(const_cast<void*>(block));
}

void Listpack::Append(std::string_view text) {
  const NewEntry entry(text);
  block_ = Splice(block_, bytes() - 1, 0, 0, &entry);
}

void Listpack::Append(int64_t integer) {
  const NewEntry entry(integer);
  block_ = Splice(block_, bytes() - 1, 0, 0, &entry);
}

void Listpack::Prepend(std::string_view text) {
  const NewEntry entry(text);
  block_ = Splice(block_, kHeader, 0, 0, &entry);
}

void Listpack::Prepend(int64_t integer) {
  const NewEntry entry(integer);
  block_ = Splice(block_, kHeader, 0, 0, &entry);
}

void Listpack::InsertBefore(Position position, std::string_view text) {
  const NewEntry entry(text);
  block_ = Splice(block_, position == kNone ? bytes() - 1 : position, 0, 0, &entry);
}

void Listpack::InsertBefore(Position position, int64_t integer) {
  const NewEntry entry(integer);
  block_ = Splice(block_, position == kNone ? bytes() - 1 : position, 0, 0, &entry);
}

Position Listpack::InsertAfter(Position position, std::string_view text) {
  const NewEntry entry(text);
  const size_t at = position + EntryBytes(block_ + position);
  block_ = Splice(block_, at, 0, 0, &entry);
  return static_cast<Position>(at);
}

void Listpack::Replace(Position position, std::string_view text) {
  const NewEntry entry(text);
  block_ = Splice(block_, position, EntryBytes(block_ + position), 1, &entry);
}

void Listpack::Replace(Position position, int64_t integer) {
  const NewEntry entry(integer);
  block_ = Splice(block_, position, EntryBytes(block_ + position), 1, &entry);
}

Position Listpack::Delete(Position position, size_t count) {
  if (position == kNone) return kNone;
  size_t end = position;
  size_t entries = 0;
  for (; entries < count && block_[end] != kEnd; ++entries) end += EntryBytes(block_ + end);
  if (entries > 0) block_ = Splice(block_, position, end - position, entries, nullptr);
  return block_[position] == kEnd ? kNone : position;
}

void Listpack::DeleteRange(size_t index, size_t count) {
  const auto signed_index = static_cast<int64_t>(index);
  if (count > 0 && signed_index >= 0) Delete(Seek(signed_index), count);
}

void Listpack::AppendAll(ListpackView other) {
  const size_t old_bytes = bytes();
  const size_t added = other.bytes() - kEmptyBytes;
  if (added == 0) return;
  CHECK_LE(old_bytes + added, std::numeric_limits<uint32_t>::max());
  const size_t count = size() + other.size();
  const bool is_self = other.block().data() == block().data();
  auto* block = Resize(const_cast<uint8_t*>(block_), old_bytes + added);
  block_ = block;
  const auto* from = is_self ? block : reinterpret_cast<const uint8_t*>(other.block().data());
  std::memcpy(block + old_bytes - 1, from + kHeader, added);
  block[old_bytes + added - 1] = kEnd;
  SetTotalBytes(block, static_cast<uint32_t>(old_bytes + added));
  SetStoredCount(block, count);
}

void Listpack::ShrinkToFit() {
  const size_t needed = bytes();
  if (malloc_usable_size(const_cast<uint8_t*>(block_)) > needed) {
    block_ = Resize(const_cast<uint8_t*>(block_), needed);
  }
}

}  // namespace keyway::shard::types
