// Visits records a little later than it gets them, so that memory that is in no cache is asked for
// before it is needed: a walk over all keys waits for memory more than for anything else.
#pragma once

#include <cstddef>

#include "shard/keyspace/record.h"

namespace keyway::shard::keyspace {

template <typename Visit>
class RecordsAhead {
 public:
  // Calls visit(const Record&), which outlives this object, in the order of Push.
  explicit RecordsAhead(Visit& visit) : visit_(visit) {}

  void Push(const Record& record) {
    __builtin_prefetch(&record);
    __builtin_prefetch(reinterpret_cast<const char*>(&record) + kLineBytes);
    if (pushed_ >= kObjectAhead) PrefetchObject(*ring_[(pushed_ - kObjectAhead) % kRecordsAhead]);
    if (pushed_ >= kRecordsAhead) visit_(*ring_[pushed_ % kRecordsAhead]);
    ring_[pushed_++ % kRecordsAhead] = &record;
  }
  // Visits those that are left.
  void Finish() {
    for (size_t i = pushed_ < kRecordsAhead ? 0 : pushed_ - kRecordsAhead; i < pushed_; ++i) {
      visit_(*ring_[i % kRecordsAhead]);
    }
    pushed_ = 0;
  }

 private:
  static constexpr size_t kLineBytes = 64;
  static constexpr size_t kRecordsAhead = 16;
  static constexpr size_t kObjectAhead = 8;  // a record has come by then, and says where that is

  static void PrefetchObject(const Record& record) {
    if (record.encoding() == Encoding::kInt || record.encoding() == Encoding::kEmbstr) return;
    __builtin_prefetch(record.object());
    __builtin_prefetch(static_cast<const char*>(record.object()) + kLineBytes);
  }

  Visit& visit_;
  const Record* ring_[kRecordsAhead];
  size_t pushed_ = 0;
};

}  // namespace keyway::shard::keyspace
