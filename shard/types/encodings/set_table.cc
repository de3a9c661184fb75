#include "shard/types/encodings/set_table.h"

#include <malloc.h>

#include <cstdlib>

#include <glog/logging.h>

#include "shard/types/encodings/counted_bytes.h"
#include "shard/types/encodings/hash_bytes.h"
#include "shard/types/encodings/hash_ordered_table_impl.h"

template class keyway::shard::types::HashOrderedTable<keyway::shard::types::SetMemberPolicy>;

namespace keyway::shard::types {

SetMember* SetMember::New(std::string_view text) {
  void* memory = std::malloc(internal::CountedBytes(text));
  CHECK(memory != nullptr);
  internal::WriteCounted(static_cast<char*>(memory), text);
  return static_cast<SetMember*>(memory);
}

void SetMember::Free(SetMember* member) {
  std::free(member);
}

std::string_view SetMember::text() const {
  return internal::ReadCounted(reinterpret_cast<const char*>(this));
}

size_t SetMember::AllocatedBytes() const {
  return malloc_usable_size(const_cast<SetMember*>(this));
}

bool SetTable::Contains(std::string_view member) const {
  return table_.Find(HashBytes(member), member) != nullptr;
}

bool SetTable::Add(std::string_view member) {
  const uint64_t hash = HashBytes(member);
  if (table_.Find(hash, member) != nullptr) return false;
  table_.Insert(hash, SetMember::New(member));
  return true;
}

bool SetTable::Remove(std::string_view member) {
  SetMember* removed = table_.Remove(HashBytes(member), member);
  if (removed == nullptr) return false;
  SetMember::Free(removed);
  return true;
}

SetTable::Position SetTable::Collect(Position from, size_t count,
                                     std::vector<std::string_view>* found) const {
  Table::Walk walk{.position = from, .max_items = count};
  std::vector<SetMember*> members;
  table_.Collect(&walk, &members);
  found->reserve(found->size() + members.size());
  for (const SetMember* member : members) found->push_back(member->text());
  return walk.position;
}

std::unique_ptr<SetTable> SetTable::Duplicate() const {
  auto copy = std::make_unique<SetTable>();
  copy->Reserve(size());
  ForEach([&copy](std::string_view member) {
    copy->table_.Insert(HashBytes(member), SetMember::New(member));
  });
  return copy;
}

size_t SetTable::AllocatedBytes(size_t samples) const {
  const size_t fixed = sizeof(*this) + table_.AllocatedBytes();
  if (empty()) return fixed;
  Table::Walk walk{.max_items = samples == 0 ? size() : samples};
  std::vector<SetMember*> members;
  table_.Collect(&walk, &members);
  size_t bytes = 0;
  for (const SetMember* member : members) bytes += member->AllocatedBytes();
  return fixed +
         static_cast<size_t>(static_cast<double>(bytes) / static_cast<double>(members.size()) *
                             static_cast<double>(size()));
}

}  // namespace keyway::shard::types
