// Rows: memory, encodings.
#include "common/config/section.h"
#include "shard/config/list_values.h"
#include "shard/config/rows.h"

namespace keyway::shard {

using namespace config;  // NOLINT: the flags and kinds of the rows

namespace {

// Debian's redis-server says this, and means that its jemalloc cannot do it; nor can ours.
class DefragSwitch final : public Value {
 public:
  explicit DefragSwitch(bool& on) : value_(MakeBool(on)) {}
  Expected<bool> Set(std::span<const std::string> words) override {
    Expected<bool> set = value_->Set(words);
    if (!set || value_->Get() == "no") return set;
    const std::string off = "no";
    Expected<bool> reset = value_->Set({&off, 1});
    if (!reset) return reset;
    return Error{
        "Active defragmentation cannot be enabled: it requires a Redis server compiled with a "
        "modified Jemalloc like the one shipped by default with the Redis source distribution"};
  }
  std::string Get() const override { return value_->Get(); }

 private:
  std::unique_ptr<Value> value_;
};

}  // namespace

void AddMemory(Registry& registry, ShardConfig& c) {
  Section rows(registry, "memory");
  rows.Memory("maxmemory", c.maxmemory, kNone,
              "Most bytes of memory before keys are evicted or writes refused; 0: no limit");
  rows.Enum("maxmemory-policy", c.maxmemory_policy,
            {{"volatile-lru", MaxmemoryPolicy::kVolatileLru},
             {"volatile-lfu", MaxmemoryPolicy::kVolatileLfu},
             {"volatile-random", MaxmemoryPolicy::kVolatileRandom},
             {"volatile-ttl", MaxmemoryPolicy::kVolatileTtl},
             {"allkeys-lru", MaxmemoryPolicy::kAllkeysLru},
             {"allkeys-lfu", MaxmemoryPolicy::kAllkeysLfu},
             {"allkeys-random", MaxmemoryPolicy::kAllkeysRandom},
             {"noeviction", MaxmemoryPolicy::kNoEviction}},
            kNone, "Which keys go when maxmemory is reached");
  rows.Int32("maxmemory-samples", c.maxmemory_samples, 1, kNone,
             "Keys looked at to find one to evict");
  rows.Integer("maxmemory-eviction-tenacity", c.maxmemory_eviction_tenacity, {0, 100}, kNone,
               "How long one eviction may take");
  rows.Int32("lfu-log-factor", c.lfu_log_factor, 0, kNone,
             "How many uses fill the counter of a key");
  rows.Int32("lfu-decay-time", c.lfu_decay_time, 0, kNone,
             "Minutes after which the counter of a key sinks");
  rows.Integer("active-expire-effort", c.active_expire_effort, {1, 10}, kNone,
               "How much work goes into finding expired keys");
  rows.Bool("activerehashing", c.activerehashing, kNoEffectYet,
            "Rehash tables in the background; a shard's tables need none");
  rows.Bool("lazyfree-lazy-eviction", c.lazyfree_lazy_eviction, kNone,
            "Free evicted values on a side thread");
  rows.Bool("lazyfree-lazy-expire", c.lazyfree_lazy_expire, kNone,
            "Free expired values on a side thread");
  rows.Bool("lazyfree-lazy-server-del", c.lazyfree_lazy_server_del, kNone,
            "Free values that a command overwrites on a side thread");
  rows.Bool("lazyfree-lazy-user-del", c.lazyfree_lazy_user_del, kNone, "Let DEL act as UNLINK");
  rows.Bool("lazyfree-lazy-user-flush", c.lazyfree_lazy_user_flush, kNone,
            "Let FLUSHALL and FLUSHDB act as with ASYNC");
  rows.Custom("activedefrag", Kind::kBool, std::make_unique<DefragSwitch>(c.activedefrag), "yes|no",
              kNone, "Defragment memory; not possible with this allocator");
  rows.Memory("active-defrag-ignore-bytes", c.active_defrag_ignore_bytes, {1}, kNoEffectYet,
              "Least waste that starts defragmentation");
  rows.Integer("active-defrag-threshold-lower", c.active_defrag_threshold_lower, {0, 1000},
               kNoEffectYet, "Least percentage of waste that starts defragmentation");
  rows.Integer("active-defrag-threshold-upper", c.active_defrag_threshold_upper, {0, 1000},
               kNoEffectYet, "Percentage of waste with most effort");
  rows.Integer("active-defrag-cycle-min", c.active_defrag_cycle_min, {1, 99}, kNoEffectYet,
               "Least CPU percentage for defragmentation");
  rows.Integer("active-defrag-cycle-max", c.active_defrag_cycle_max, {1, 99}, kNoEffectYet,
               "Most CPU percentage for defragmentation");
  rows.Integer("active-defrag-max-scan-fields", c.active_defrag_max_scan_fields, {1}, kNoEffectYet,
               "Most fields of a collection defragmented at once");
}

void AddEncodings(Registry& registry, ShardConfig& c) {
  Section rows(registry, "encodings");
  rows.Integer({"hash-max-listpack-entries", "hash-max-ziplist-entries"},
               c.hash_max_listpack_entries, {}, kNone, "Most fields of a packed hash");
  rows.Memory({"hash-max-listpack-value", "hash-max-ziplist-value"}, c.hash_max_listpack_value, {},
              kNone, "Longest field or value of a packed hash");
  rows.Integer({"list-max-listpack-size", "list-max-ziplist-size"}, c.list_max_listpack_size,
               {-2147483648, 2147483647}, kNone,
               "Most elements of a list node, or -1..-5: 4, 8, 16, 32, 64 kb");
  rows.Int32("list-compress-depth", c.list_compress_depth, 0, kNoEffectYet,
             "List nodes at each end that stay uncompressed; 0: all");
  rows.Integer("set-max-intset-entries", c.set_max_intset_entries, {}, kNone,
               "Most elements of a packed set of integers");
  rows.Integer({"zset-max-listpack-entries", "zset-max-ziplist-entries"},
               c.zset_max_listpack_entries, {}, kNone,
               "Most elements of a packed sorted set");
  rows.Memory({"zset-max-listpack-value", "zset-max-ziplist-value"}, c.zset_max_listpack_value, {},
              kNone, "Longest element of a packed sorted set");
  rows.Memory("hll-sparse-max-bytes", c.hll_sparse_max_bytes, {}, kNone,
              "Largest sparse HyperLogLog");
  rows.Memory("stream-node-max-bytes", c.stream_node_max_bytes, {}, kNone,
              "Most bytes of a stream node; 0: no limit");
  rows.Integer("stream-node-max-entries", c.stream_node_max_entries, {}, kNone,
               "Most entries of a stream node; 0: no limit");
}

}  // namespace keyway::shard
