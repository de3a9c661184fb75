// Who wants to know of every change to a key: WATCH, client-side caching, keyspace events,
// replication of expired keys, slot moves and snapshots. Called by Database, which every change
// passes; no command calls it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/slot/slot.h"
#include "shard/keyspace/key.h"
#include "shard/keyspace/record.h"

namespace keyway::shard::keyspace {

class Database;

// What has happened to a key, in the terms of Redis's keyspace events
// (https://redis.io/docs/manual/keyspace-notifications). EventName and EventClass say how each is
// announced. kNew comes before the event that says how the key was made.
enum class Event : uint8_t {
  kNew,
  kSet,
  kSetRange,
  kAppend,
  kIncrBy,
  kIncrByFloat,
  kSetBit,
  kPfAdd,
  kPfCount,  // the cached cardinality of a HyperLogLog: a change that is not announced
  kDel,
  kExpire,
  kPersist,
  kRenameFrom,
  kRenameTo,
  kCopyTo,
  kMoveFrom,
  kMoveTo,
  kRestore,
  kExpired,
  kEvicted,
  kLPush,
  kRPush,
  kLPop,
  kRPop,
  kLInsert,
  kLSet,
  kLRem,
  kLTrim,
  kSortStore,
  kSAdd,
  kSRem,
  kSPop,
  kSInterStore,
  kSUnionStore,
  kSDiffStore,
  kHSet,
  kHDel,
  kHIncrBy,
  kHIncrByFloat,
  kZAdd,
  kZIncr,
  kZRem,
  kZRemByScore,
  kZRemByRank,
  kZRemByLex,
  kZPopMin,
  kZPopMax,
  kZInterStore,
  kZUnionStore,
  kZDiffStore,
  kZRangeStore,
  kGeoSearchStore,
  kGeoRadiusStore,
  kXAdd,
  kXTrim,
  kXDel,
  kXMakeStream,  // by XGROUP CREATE with MKSTREAM
  kXSetId,
  kXGroupCreate,
  kXGroupSetId,
  kXGroupDestroy,
  kXGroupCreateConsumer,
  kXGroupDelConsumer,
  kXGroupRead,  // what a group has delivered or acknowledged: a change that is not announced
};
inline constexpr size_t kEventCount = static_cast<size_t>(Event::kXGroupRead) + 1;

// "lpush"
std::string_view EventName(Event event);
// Its letter in notify-keyspace-events: one of g$lshzxetn; '\0': it is never announced.
char EventClass(Event event);
// Whether clients that watch or track the key hear of it: as in Redis not when only the groups of a
// stream, or its last id, have changed.
bool TouchesValue(Event event);

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
  // A command looked a key up to read it, and there is none.
  virtual void AfterMiss(const Database& /*database*/, const Key& /*key*/) {}
};

}  // namespace keyway::shard::keyspace
