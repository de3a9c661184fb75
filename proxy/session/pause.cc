#include "proxy/session/pause.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace keyway::proxy::session {

Pause::Pause(net::EventLoop& loop, std::function<void()> resume)
    : loop_(loop), resume_(std::move(resume)), timer_(loop, [this] { End(); }) {}

void Pause::Begin(Kind kind, int64_t milliseconds) {
  constexpr int64_t kLongest = std::numeric_limits<int64_t>::max() / 4000;
  const int64_t now = loop_.NowMicros();
  end_micros_ = std::max(end_micros_, now + std::min(milliseconds, kLongest) * 1000);
  kind_ = std::max(kind_, kind);
  timer_.Start(static_cast<uint64_t>((end_micros_ - now + 999) / 1000));
}

void Pause::End() {
  timer_.Stop();
  end_micros_ = 0;
  kind_ = Kind::kNone;
  resume_();
}

}  // namespace keyway::proxy::session
