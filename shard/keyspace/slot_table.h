// The records of one slot of one database: a set of records, found by key. It does not know time:
// whether a record has expired is for Database. A record's flag is whether it has an expiry.
#pragma once

#include "shard/keyspace/record.h"
#include "shard/types/encodings/hash_ordered_table.h"

namespace keyway::shard::keyspace {

struct RecordPolicy {
  using Item = Record;
  static std::string_view KeyOf(const Record& record) { return record.key(); }
  static bool FlagOf(const Record& record) { return record.has_expiry(); }
  static void Free(Record* record) { Record::Free(record); }
};

using SlotTable = types::HashOrderedTable<RecordPolicy>;

static_assert(sizeof(SlotTable) == 16);

}  // namespace keyway::shard::keyspace

extern template class keyway::shard::types::HashOrderedTable<keyway::shard::keyspace::RecordPolicy>;
