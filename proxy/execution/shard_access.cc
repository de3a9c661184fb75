#include "proxy/execution/shard_access.h"

#include <utility>

#include "proxy/execution/shard_request.h"

namespace keyway::proxy::execution {
namespace {

// The first time a connection is lost it is usually the shard that closed an idle one.
constexpr uint64_t kFirstRetryMs = 1;
// Refreshes are single-flight and spaced out anyway; this spares the call into the other thread.
constexpr int64_t kRefreshSpacingMicros = 10'000;

}  // namespace

ShardAccess::ShardAccess(net::EventLoop& loop, backend::Pool& pool, const AccessOptions& options,
                         std::function<void()> request_refresh, Statistics& statistics)
    : loop_(loop),
      pool_(pool),
      options_(options),
      request_refresh_(std::move(request_refresh)),
      statistics_(statistics),
      wake_timer_(loop, [this] { WakeAll(); }) {}

ShardAccess::~ShardAccess() {
  CHECK(waiting_.empty()) << "requests still wait";
}

void ShardAccess::SetMap(topology::SlotMapPtr map) {
  map_ = std::move(map);
  WakeAll();
  map_watchers_.ForEach([](MapWatcher& watcher) { watcher.OnNewMap(); });
}

void ShardAccess::RequestRefresh() {
  const int64_t now = loop_.NowMicros();
  if (last_refresh_micros_ != 0 && now - last_refresh_micros_ < kRefreshSpacingMicros) return;
  last_refresh_micros_ = now;
  request_refresh_();
}

bool ShardAccess::Wait(ShardRequest& request, bool first_attempt) {
  if (waiting_count_ >= options_.max_waiting_requests ||
      waiting_bytes_ + request.bytes().size() > options_.max_waiting_bytes) {
    return false;
  }
  waiting_.PushBack(request);
  ++waiting_count_;
  waiting_bytes_ += request.bytes().size();
  statistics_.waiting_requests.Set(waiting_count_);
  statistics_.waiting_bytes.Set(waiting_bytes_);
  if (!wake_timer_.active()) {
    wake_timer_.Start(first_attempt ? kFirstRetryMs : options_.retry_interval_ms);
  }
  return true;
}

void ShardAccess::StopWaiting(ShardRequest& request) {
  static_cast<ListLink<WaitingTag>&>(request).Unlink();
  --waiting_count_;
  waiting_bytes_ -= request.bytes().size();
  statistics_.waiting_requests.Set(waiting_count_);
  statistics_.waiting_bytes.Set(waiting_bytes_);
}

void ShardAccess::WakeAll() {
  wake_timer_.Stop();
  // What has to wait again joins the other list, in the same order.
  IntrusiveList<ShardRequest, WaitingTag> woken;
  woken.Splice(waiting_);
  while (!woken.empty()) {
    ShardRequest& request = woken.front();
    StopWaiting(request);
    request.state_ = ShardRequest::State::kIdle;
    statistics_.retries.Add(1);
    request.Send();
  }
}

}  // namespace keyway::proxy::execution
