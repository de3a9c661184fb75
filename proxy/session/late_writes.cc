#include "proxy/session/late_writes.h"

namespace keyway::proxy::session {
namespace {

constexpr uint64_t kLongestMs = 1;

}  // namespace

void LateWrites::Add(LateWriter& writer) {
  waiting_.PushBack(writer);
  if (!timer_.active()) timer_.Start(kLongestMs);
}

void LateWrites::WriteAll() {
  while (!waiting_.empty()) {
    LateWriter& writer = waiting_.front();
    writer.DoNotWriteLate();
    writer.WriteNow();
  }
}

}  // namespace keyway::proxy::session
