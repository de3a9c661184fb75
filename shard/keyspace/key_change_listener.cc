#include "shard/keyspace/key_change_listener.h"

#include <iterator>

namespace keyway::shard::keyspace {
namespace {

struct EventRow {
  Event event;
  std::string_view name;
  char event_class;
};

constexpr EventRow kEvents[] = {
    {Event::kNew, "new", 'n'},
    {Event::kSet, "set", '$'},
    {Event::kSetRange, "setrange", '$'},
    {Event::kAppend, "append", '$'},
    {Event::kIncrBy, "incrby", '$'},
    {Event::kIncrByFloat, "incrbyfloat", '$'},
    {Event::kSetBit, "setbit", '$'},
    {Event::kPfAdd, "pfadd", '$'},
    {Event::kPfCount, "", '\0'},
    {Event::kDel, "del", 'g'},
    {Event::kExpire, "expire", 'g'},
    {Event::kPersist, "persist", 'g'},
    {Event::kRenameFrom, "rename_from", 'g'},
    {Event::kRenameTo, "rename_to", 'g'},
    {Event::kCopyTo, "copy_to", 'g'},
    {Event::kMoveFrom, "move_from", 'g'},
    {Event::kMoveTo, "move_to", 'g'},
    {Event::kRestore, "restore", 'g'},
    {Event::kExpired, "expired", 'x'},
    {Event::kEvicted, "evicted", 'e'},
    {Event::kLPush, "lpush", 'l'},
    {Event::kRPush, "rpush", 'l'},
    {Event::kLPop, "lpop", 'l'},
    {Event::kRPop, "rpop", 'l'},
    {Event::kLInsert, "linsert", 'l'},
    {Event::kLSet, "lset", 'l'},
    {Event::kLRem, "lrem", 'l'},
    {Event::kLTrim, "ltrim", 'l'},
    {Event::kSortStore, "sortstore", 'l'},
    {Event::kSAdd, "sadd", 's'},
    {Event::kSRem, "srem", 's'},
    {Event::kSPop, "spop", 's'},
    {Event::kSInterStore, "sinterstore", 's'},
    {Event::kSUnionStore, "sunionstore", 's'},
    {Event::kSDiffStore, "sdiffstore", 's'},
    {Event::kHSet, "hset", 'h'},
    {Event::kHDel, "hdel", 'h'},
    {Event::kHIncrBy, "hincrby", 'h'},
    {Event::kHIncrByFloat, "hincrbyfloat", 'h'},
    {Event::kZAdd, "zadd", 'z'},
    {Event::kZIncr, "zincr", 'z'},
    {Event::kZRem, "zrem", 'z'},
    {Event::kZRemByScore, "zremrangebyscore", 'z'},
    {Event::kZRemByRank, "zremrangebyrank", 'z'},
    {Event::kZRemByLex, "zremrangebylex", 'z'},
    {Event::kZPopMin, "zpopmin", 'z'},
    {Event::kZPopMax, "zpopmax", 'z'},
    {Event::kZInterStore, "zinterstore", 'z'},
    {Event::kZUnionStore, "zunionstore", 'z'},
    {Event::kZDiffStore, "zdiffstore", 'z'},
    {Event::kZRangeStore, "zrangestore", 'z'},
    {Event::kGeoSearchStore, "geosearchstore", 'z'},
    {Event::kGeoRadiusStore, "georadiusstore", 'z'},
    {Event::kXAdd, "xadd", 't'},
    {Event::kXTrim, "xtrim", 't'},
    {Event::kXDel, "xdel", 't'},
    {Event::kXMakeStream, "xgroup-create", 't'},
    {Event::kXSetId, "xsetid", 't'},
    {Event::kXGroupCreate, "xgroup-create", 't'},
    {Event::kXGroupSetId, "xgroup-setid", 't'},
    {Event::kXGroupDestroy, "xgroup-destroy", 't'},
    {Event::kXGroupCreateConsumer, "xgroup-createconsumer", 't'},
    {Event::kXGroupDelConsumer, "xgroup-delconsumer", 't'},
    {Event::kXGroupRead, "", '\0'},
};

constexpr bool RowsAreInOrder() {
  for (size_t i = 0; i < std::size(kEvents); ++i) {
    if (static_cast<size_t>(kEvents[i].event) != i) return false;
  }
  return std::size(kEvents) == kEventCount;
}
static_assert(RowsAreInOrder());

}  // namespace

std::string_view EventName(Event event) {
  return kEvents[static_cast<size_t>(event)].name;
}

char EventClass(Event event) {
  return kEvents[static_cast<size_t>(event)].event_class;
}

bool TouchesValue(Event event) {
  return event < Event::kXSetId || event > Event::kXGroupRead;
}

}  // namespace keyway::shard::keyspace
