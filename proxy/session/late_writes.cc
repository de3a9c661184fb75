#include "proxy/session/late_writes.h"

namespace keyway::proxy::session {
namespace {

constexpr uint64_t kLongestMs = 1;

}  // namespace

LateWrites::LateWrites(net::EventLoop& loop)
    : loop_(loop), timer_(loop, [this] {
        Write(&waiting_);
        Write(&added_);
      }) {
  loop.EveryPass([this] { OnEndOfPass(); });
}

void LateWrites::Add(LateWriter& writer) {
  added_.PushBack(writer);
  if (!timer_.active()) timer_.Start(kLongestMs);
}

void LateWrites::OnEndOfPass() {
  // The end of a pass may have several rounds.
  if (pass_ == loop_.passes()) return;
  pass_ = loop_.passes();
  Write(&waiting_);
  waiting_.Splice(added_);
}

void LateWrites::Write(List* writers) {
  while (!writers->empty()) {
    LateWriter& writer = writers->front();
    writer.DoNotWriteLate();
    writer.WriteNow();
  }
}

}  // namespace keyway::proxy::session
