#include "shard/keyspace/record.h"

#include <bit>
#include <cstring>
#include <new>
#include <utility>

#include <glog/logging.h>

namespace keyway::shard::keyspace {
namespace {

constexpr uint32_t kLongKey = (1u << 26) - 1;
constexpr size_t kHeaderBytes = 8;
constexpr size_t kFieldBytes = 8;
constexpr size_t kRounding = 16;

static_assert(kMaxEmbeddedBytes < (1u << 6));

}  // namespace

// Where the fields of a record are.
struct Record::Layout {
  Layout(size_t key_bytes, bool with_expiry, bool value_embedded, size_t value_bytes)
      : key_length(key_bytes),
        value_length(value_embedded ? value_bytes : 0),
        expiry(with_expiry),
        long_key(key_bytes >= kLongKey),
        embedded(value_embedded) {}

  size_t key_length_offset() const { return kHeaderBytes + (expiry ? kFieldBytes : 0); }
  size_t word_offset() const { return key_length_offset() + (long_key ? kFieldBytes : 0); }
  size_t key_offset() const { return word_offset() + (embedded ? 0 : kFieldBytes); }
  size_t value_offset() const { return key_offset() + key_length; }
  size_t allocated() const {
    return (value_offset() + value_length + kRounding - 1) / kRounding * kRounding;
  }

  size_t key_length;
  size_t value_length;
  bool expiry;
  bool long_key;
  bool embedded;
};

Record::Layout Record::layout() const {
  size_t key_length = key_length_;
  if (key_length == kLongKey) {
    std::memcpy(&key_length, at(kHeaderBytes + (has_expiry() ? kFieldBytes : 0)), kFieldBytes);
  }
  return Layout(key_length, has_expiry(), is_embedded(), value_length_);
}

Record* Record::Allocate(const Layout& layout) {
  return new (::operator new(layout.allocated())) Record;
}

void Record::Release(Record* record, const Layout& layout) {
  const size_t bytes = layout.allocated();
  record->~Record();
  ::operator delete(record, bytes);
}

std::string_view Record::key() const {
  const Layout place = layout();
  return {at(place.key_offset()), place.key_length};
}

int64_t Record::expiry_ms() const {
  if (!has_expiry()) return kNoExpiry;
  int64_t expiry_ms;
  std::memcpy(&expiry_ms, at(kHeaderBytes), sizeof(expiry_ms));
  return expiry_ms;
}

uint64_t Record::word() const {
  DCHECK(!is_embedded());
  uint64_t word;
  std::memcpy(&word, at(layout().word_offset()), sizeof(word));
  return word;
}

void Record::set_integer(int64_t integer) {
  set_word(static_cast<uint64_t>(integer));
  value_length_ = 0;
}

void Record::set_object(Encoding encoding, void* object) {
  DCHECK(this->encoding() != Encoding::kInt && encoding != Encoding::kInt);
  encoding_ = static_cast<uint32_t>(encoding) & 15;
  set_word(std::bit_cast<uint64_t>(object));
}

void Record::set_word(uint64_t word) {
  DCHECK(!is_embedded());
  std::memcpy(at(layout().word_offset()), &word, sizeof(word));
}

std::string_view Record::embedded() const {
  DCHECK(is_embedded());
  return {at(layout().value_offset()), value_length_};
}

const RawString& Record::raw() const {
  DCHECK(encoding() == Encoding::kRaw);
  return *std::bit_cast<const RawString*>(word());
}

RawString::Ptr Record::TakeRaw() {
  DCHECK(encoding() == Encoding::kRaw);
  return RawString::Ptr(std::bit_cast<RawString*>(word()));
}

void Record::set_raw(RawString::Ptr string) {
  set_word(std::bit_cast<uint64_t>(string.release()));
}

// Leaves the record with nothing to free.
Value Record::TakeValue() {
  if (is_embedded()) return Value::Embedded(embedded());
  const uint64_t taken = word();
  if (encoding() == Encoding::kInt) return Value::Integer(static_cast<int64_t>(taken));
  return Value::Object(type(), encoding(), std::bit_cast<void*>(taken));
}

// Everything but the access clock, the expiry and the key.
void Record::WriteValue(const Layout& layout, Value value) {
  type_ = static_cast<uint32_t>(value.type()) & 7;
  encoding_ = static_cast<uint32_t>(value.encoding()) & 15;
  has_expiry_ = layout.expiry;
  key_length_ = layout.long_key ? kLongKey : static_cast<uint32_t>(layout.key_length) & kLongKey;
  value_length_ = static_cast<uint32_t>(layout.value_length) & 63;
  if (layout.long_key) {
    std::memcpy(at(layout.key_length_offset()), &layout.key_length, kFieldBytes);
  }
  if (layout.embedded) {
    if (layout.value_length != 0) {
      std::memcpy(at(layout.value_offset()), value.bytes().data(), layout.value_length);
    }
  } else {
    const uint64_t word = value.ReleaseWord();
    std::memcpy(at(layout.word_offset()), &word, kFieldBytes);
  }
}

Record* Record::New(std::string_view key, Value value, int64_t expiry_ms, uint32_t access) {
  const Layout place(key.size(), expiry_ms != kNoExpiry, value.embedded(), value.bytes().size());
  Record* record = Allocate(place);
  if (place.expiry) std::memcpy(record->at(kHeaderBytes), &expiry_ms, kFieldBytes);
  if (!key.empty()) std::memcpy(record->at(place.key_offset()), key.data(), key.size());
  record->WriteValue(place, std::move(value));
  record->set_access(access);
  return record;
}

void Record::Free(Record* record) {
  const Layout place = record->layout();
  if (!place.embedded) DestroyObject(record->type(), record->encoding(), record->word());
  Release(record, place);
}

Record* Record::SetValue(Record* record, Value value, Value* old_value) {
  const Layout before = record->layout();
  const Layout after(before.key_length, before.expiry, value.embedded(), value.bytes().size());
  if (!before.embedded) *old_value = record->TakeValue();
  if (after.allocated() != before.allocated()) {
    Record* moved = New({record->at(before.key_offset()), before.key_length}, std::move(value),
                        record->expiry_ms(), record->access());
    Release(record, before);
    return moved;
  }
  if (after.key_offset() != before.key_offset()) {
    std::memmove(record->at(after.key_offset()), record->at(before.key_offset()),
                 before.key_length);
  }
  record->WriteValue(after, std::move(value));
  return record;
}

Record* Record::SetExpiry(Record* record, int64_t expiry_ms) {
  const Layout before = record->layout();
  const Layout after(before.key_length, expiry_ms != kNoExpiry, before.embedded,
                     before.value_length);
  if (after.allocated() != before.allocated()) {
    Record* moved = New({record->at(before.key_offset()), before.key_length}, record->TakeValue(),
                        expiry_ms, record->access());
    moved->value_length_ = record->value_length_;
    Release(record, before);
    return moved;
  }
  // What follows the expiry moves as one piece.
  if (after.expiry != before.expiry) {
    std::memmove(record->at(after.key_length_offset()), record->at(before.key_length_offset()),
                 before.value_offset() + before.value_length - before.key_length_offset());
    record->has_expiry_ = after.expiry;
  }
  if (after.expiry) std::memcpy(record->at(kHeaderBytes), &expiry_ms, kFieldBytes);
  return record;
}

Record* Record::SetKey(Record* record, std::string_view key) {
  const Layout before = record->layout();
  Record* renamed = New(key, record->TakeValue(), record->expiry_ms(), record->access());
  renamed->value_length_ = record->value_length_;
  Release(record, before);
  return renamed;
}

Record* Record::Duplicate(const Record& record, std::string_view key, int64_t expiry_ms,
                          uint32_t access) {
  if (record.is_embedded()) return New(key, Value::Embedded(record.embedded()), expiry_ms, access);
  Value value =
      record.encoding() == Encoding::kInt
          ? Value::Integer(record.integer())
          : Value::Object(record.type(), record.encoding(),
                          std::bit_cast<void*>(DuplicateObject(record.type(), record.encoding(),
                                                               record.word())));
  Record* duplicate = New(key, std::move(value), expiry_ms, access);
  duplicate->value_length_ = 1;
  return duplicate;
}

size_t Record::AllocatedBytes() const {
  size_t bytes = layout().allocated();
  if (!is_embedded()) bytes += ObjectBytes(type(), encoding(), word());
  return bytes;
}

}  // namespace keyway::shard::keyspace
