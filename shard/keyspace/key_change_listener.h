// Who wants to know of every change to a key: WATCH, client-side caching, keyspace events,
// replication of expired keys, slot moves and snapshots. Called by Database, which every change
// passes; no command calls it.
#pragma once

#include <cstdint>

#include "common/slot/slot.h"
#include "shard/keyspace/key.h"
#include "shard/keyspace/record.h"

namespace keyway::shard::keyspace {

class Database;

// What has happened to a key, in the terms of Redis's keyspace events.
enum class Event : uint8_t {
  kNew,  // comes before the event that says how the key was made
  kSet,
  kSetRange,
  kAppend,
  kIncrBy,
  kIncrByFloat,
  kDel,
  kExpire,
  kPersist,
  kRenameFrom,
  kRenameTo,
  kCopyTo,
  kMoveFrom,
  kMoveTo,
  kExpired,
  kEvicted,
};

class KeyChangeListener {
 public:
  virtual ~KeyChangeListener() = default;

  // `record` is about to be changed, replaced or removed.
  virtual void BeforeChange(const Database& database, Slot slot, const Record& record) = 0;
  virtual void AfterChange(const Database& database, const Key& key, Event event) = 0;
  // All keys of the database are about to go, without a call for each of them.
  virtual void BeforeFlush(const Database& database) = 0;
  // SWAPDB has exchanged what is in the two.
  virtual void AfterSwap(const Database& first, const Database& second) = 0;
};

}  // namespace keyway::shard::keyspace
