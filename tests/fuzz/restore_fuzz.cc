// Any bytes as the type and value of a DUMP payload: they are refused, or make a value that can be
// written, read again, and then is written the same way. How to run: driver.cc.
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "shard/keyspace/record.h"
#include "shard/persistence/rdb/value_reader.h"
#include "shard/persistence/rdb/value_writer.h"
#include "shard/types/encodings/field_table.h"
#include "shard/types/encodings/set_table.h"

namespace {

using keyway::shard::keyspace::kNoExpiry;
using keyway::shard::keyspace::Record;
namespace rdb = keyway::shard::rdb;

void Check(bool right) {
  if (!right) std::abort();
}

// nullptr when it is refused.
Record* Read(std::string_view payload, const rdb::ReadOptions& options) {
  rdb::ByteReader reader(payload);
  rdb::ByteReader::Text text;
  uint8_t type = 0;
  if (!reader.Byte(&type)) return nullptr;
  auto value = rdb::ReadValue(type, options, &reader, &text);
  return value.ok() ? Record::New("key", std::move(*value), kNoExpiry, 0) : nullptr;
}

// Two tables with the same elements may list those whose hashes collide in another order.
std::multiset<std::string> ElementsOf(const Record& record) {
  std::multiset<std::string> elements;
  if (record.type() == keyway::shard::keyspace::Type::kSet) {
    static_cast<const keyway::shard::types::SetTable*>(record.object())
        ->ForEach([&](std::string_view member) { elements.emplace(member); });
  } else {
    static_cast<const keyway::shard::types::FieldTable*>(record.object())
        ->ForEach([&](const keyway::shard::types::Field& field) {
          elements.insert(std::to_string(field.name().size()) + ":" + std::string(field.name()) +
                          std::string(field.value()));
        });
  }
  return elements;
}

bool AreEqual(const Record& first, const std::string& first_dump, const Record& second) {
  const std::string second_dump = rdb::DumpPayload(second, {});
  if (first.encoding() != keyway::shard::keyspace::Encoding::kHashtable) {
    return second_dump == first_dump;
  }
  return second_dump.size() == first_dump.size() && ElementsOf(first) == ElementsOf(second);
}

void Try(std::string_view payload, const rdb::ReadOptions& options) {
  Record* first = Read(payload, options);
  if (first == nullptr) return;
  first->AllocatedBytes();
  Record::Free(Record::Duplicate(*first, "copy", kNoExpiry, 0));
  const std::string written = rdb::DumpPayload(*first, {});
  Check(rdb::IsDumpPayload(written));
  Record* second = Read(written, options);
  Check(second != nullptr && second->type() == first->type() &&
        second->encoding() == first->encoding());
  Check(AreEqual(*first, written, *second));
  Record::Free(first);
  Record::Free(second);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Try(bytes, {});
  Try(bytes, {.hash_max_listpack_entries = 1,
              .hash_max_listpack_value = 1,
              .set_max_intset_entries = 1,
              .zset_max_listpack_entries = 1,
              .zset_max_listpack_value = 1,
              .list = {.fill = 1}});
  return 0;
}
