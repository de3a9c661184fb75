#include "shard/keyspace/slot_table.h"

#include "shard/types/encodings/hash_ordered_table_impl.h"

template class keyway::shard::types::HashOrderedTable<keyway::shard::keyspace::RecordPolicy>;
