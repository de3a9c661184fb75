#include "shard/types/encodings/field_table.h"

#include <malloc.h>

#include <cstdlib>

#include <glog/logging.h>

#include "shard/types/encodings/counted_bytes.h"
#include "shard/types/encodings/hash_bytes.h"
#include "shard/types/encodings/hash_ordered_table_impl.h"

template class keyway::shard::types::HashOrderedTable<keyway::shard::types::FieldPolicy>;

namespace keyway::shard::types {
namespace {

// Of an allocation whose value has become shorter; a quarter of it may be wasted too.
constexpr size_t kMaxWaste = 16;

const char* EndOf(std::string_view bytes) {
  return bytes.data() + bytes.size();
}

}  // namespace

Field* Field::New(std::string_view name, std::string_view value) {
  void* memory = std::malloc(internal::CountedBytes(name) + internal::CountedBytes(value));
  CHECK(memory != nullptr);
  internal::WriteCounted(internal::WriteCounted(static_cast<char*>(memory), name), value);
  return static_cast<Field*>(memory);
}

void Field::Free(Field* field) {
  std::free(field);
}

Field* Field::SetValue(Field* field, std::string_view value) {
  const std::string_view name = field->name();
  const size_t allocated = field->AllocatedBytes();
  const size_t needed = internal::CountedBytes(name) + internal::CountedBytes(value);
  if (needed <= allocated && allocated - needed < kMaxWaste + allocated / 4) {
    internal::WriteCounted(const_cast<char*>(EndOf(name)), value);
    return field;
  }
  Field* moved = New(name, value);
  Free(field);
  return moved;
}

std::string_view Field::name() const {
  return internal::ReadCounted(reinterpret_cast<const char*>(this));
}

std::string_view Field::value() const {
  return internal::ReadCounted(EndOf(name()));
}

size_t Field::AllocatedBytes() const {
  return malloc_usable_size(const_cast<Field*>(this));
}

const Field* FieldTable::Find(std::string_view name) const {
  return table_.Find(HashBytes(name), name);
}

bool FieldTable::Set(std::string_view name, std::string_view value) {
  const uint64_t hash = HashBytes(name);
  const Field* changed =
      table_.Replace(hash, name, [value](Field* field) { return Field::SetValue(field, value); });
  if (changed != nullptr) return false;
  table_.Insert(hash, Field::New(name, value));
  return true;
}

bool FieldTable::Remove(std::string_view name) {
  Field* removed = table_.Remove(HashBytes(name), name);
  if (removed == nullptr) return false;
  Field::Free(removed);
  return true;
}

FieldTable::Position FieldTable::Collect(Position from, size_t count,
                                         std::vector<const Field*>* found) const {
  Table::Walk walk{.position = from, .max_items = count};
  std::vector<Field*> fields;
  table_.Collect(&walk, &fields);
  found->insert(found->end(), fields.begin(), fields.end());
  return walk.position;
}

std::unique_ptr<FieldTable> FieldTable::Duplicate() const {
  auto copy = std::make_unique<FieldTable>();
  copy->Reserve(size());
  ForEach([&copy](const Field& field) {
    copy->table_.Insert(HashBytes(field.name()), Field::New(field.name(), field.value()));
  });
  return copy;
}

size_t FieldTable::AllocatedBytes(size_t samples) const {
  const size_t fixed = sizeof(*this) + table_.AllocatedBytes();
  if (empty()) return fixed;
  Table::Walk walk{.max_items = samples == 0 ? size() : samples};
  std::vector<Field*> fields;
  table_.Collect(&walk, &fields);
  size_t bytes = 0;
  for (const Field* field : fields) bytes += field->AllocatedBytes();
  return fixed +
         static_cast<size_t>(static_cast<double>(bytes) / static_cast<double>(fields.size()) *
                             static_cast<double>(size()));
}

}  // namespace keyway::shard::types
