// The order of a libuv iteration is: timers, prepare, poll (sleep, then sockets, posted tasks and
// signals), check, close callbacks. The end of a pass is the prepare step: whatever any of the
// others asked for since the last sleep is done before the next one.
#include "common/net/event_loop.h"

#include <csignal>
#include <utility>

#include <glog/logging.h>

#include "common/net/loop_impl.h"

namespace keyway::net {
namespace {

// Work that causes work is repeated within the pass, but other sockets are to be looked at too.
constexpr int kRoundsPerPass = 8;

void RunAndClear(std::vector<std::function<void()>>& batch) {
  for (std::function<void()>& task : batch) {
    task();
    // What a task holds must not outlive it by the rest of the batch.
    task = nullptr;
  }
  batch.clear();
}

template <typename Handle>
uv_handle_t* AsHandle(Handle* handle) {
  return reinterpret_cast<uv_handle_t*>(handle);
}

void Check(int result, const char* what) {
  CHECK_EQ(result, 0) << what << ": " << uv_strerror(result);
}

}  // namespace

EventLoop::EventLoop() : impl_(std::make_unique<Impl>()) {
  // A peer that is gone shows as EPIPE, not as a signal that ends the process.
  static const auto previous_action = std::signal(SIGPIPE, SIG_IGN);
  static_cast<void>(previous_action);
  Check(uv_loop_init(&loop_), "event loop");
  loop_.data = this;
  Check(uv_prepare_init(&loop_, &impl_->end_of_pass), "prepare handle");
  Check(uv_idle_init(&loop_, &impl_->no_sleep), "idle handle");
  Check(uv_async_init(&loop_, &impl_->wake,
                      [](uv_async_t* wake) {
                        auto* loop = static_cast<EventLoop*>(wake->loop->data);
                        Impl& impl = *loop->impl_;
                        if (!loop->awake_) loop->StartPass();
                        {
                          std::lock_guard<std::mutex> lock(impl.posted_mutex);
                          impl.posted_batch.swap(impl.posted);
                        }
                        RunAndClear(impl.posted_batch);
                        if (impl.stop) uv_stop(wake->loop);
                      }),
        "async handle");
  Check(uv_prepare_start(
            &impl_->end_of_pass,
            [](uv_prepare_t* prepare) { static_cast<EventLoop*>(prepare->loop->data)->EndPass(); }),
        "prepare handle");
  uv_unref(AsHandle(&impl_->end_of_pass));
}

EventLoop::~EventLoop() {
  // They may own streams and timers, which must close before the loop does.
  impl_->hooks.clear();
  impl_->before_writes.clear();
  impl_->tasks.clear();
  {
    std::lock_guard<std::mutex> lock(impl_->posted_mutex);
    impl_->posted.clear();
  }
  uv_close(AsHandle(&impl_->end_of_pass), nullptr);
  uv_close(AsHandle(&impl_->no_sleep), nullptr);
  uv_close(AsHandle(&impl_->wake), nullptr);
  uv_walk(
      &loop_,
      [](uv_handle_t* handle, void*) {
        CHECK(uv_is_closing(handle)) << "a " << uv_handle_type_name(uv_handle_get_type(handle))
                                     << " handle outlives its event loop";
      },
      nullptr);
  uv_run(&loop_, UV_RUN_DEFAULT);
  Check(uv_loop_close(&loop_), "closing the event loop");
}

void EventLoop::Run() {
  while (!impl_->stop) uv_run(&loop_, UV_RUN_DEFAULT);
  // What happened after the last prepare step belongs to the pass that ends here.
  EndPass();
  impl_->stop = false;
}

void EventLoop::Stop() {
  impl_->stop = true;
  uv_async_send(&impl_->wake);
}

bool EventLoop::RunOnce(bool may_block) {
  uv_run(&loop_, may_block ? UV_RUN_ONCE : UV_RUN_NOWAIT);
  // libuv polls after its prepare step; here the caller wants to see the whole pass.
  EndPass();
  bool posted = false;
  {
    std::lock_guard<std::mutex> lock(impl_->posted_mutex);
    posted = !impl_->posted.empty();
  }
  uv_unref(AsHandle(&impl_->wake));
  const bool alive = uv_loop_alive(&loop_) != 0 || posted || impl_->HasWork();
  uv_ref(AsHandle(&impl_->wake));
  return alive;
}

void EventLoop::Post(std::function<void()> task) {
  bool first = false;
  {
    std::lock_guard<std::mutex> lock(impl_->posted_mutex);
    first = impl_->posted.empty();
    impl_->posted.push_back(std::move(task));
  }
  if (first) uv_async_send(&impl_->wake);
}

void EventLoop::AtEndOfPass(std::function<void()> task) {
  impl_->tasks.push_back(std::move(task));
}

void EventLoop::EveryPass(std::function<void()> hook) {
  impl_->hooks.push_back(std::move(hook));
}

void EventLoop::BeforeWrites(std::function<void()> hook) {
  impl_->before_writes.push_back(std::move(hook));
}

void EventLoop::PrepareWrites() {
  for (const std::function<void()>& hook : impl_->before_writes) hook();
}

void EventLoop::StartPass() const {
  now_micros_ = SystemClock::Instance().MonotonicMicros();
  awake_ = true;
}

void EventLoop::EndPass() {
  if (!awake_) StartPass();
  Impl& impl = *impl_;
  for (int round = 0; round < kRoundsPerPass; ++round) {
    impl.presentations.Run();
    impl.task_batch.swap(impl.tasks);
    RunAndClear(impl.task_batch);
    for (size_t i = 0; i < impl.hooks.size(); ++i) impl.hooks[i]();
    PrepareWrites();
    impl.writes.Run();
    if (!impl.HasWork()) break;
  }
  if (impl.HasWork()) {
    uv_idle_start(&impl.no_sleep, [](uv_idle_t*) {});
  } else {
    uv_idle_stop(&impl.no_sleep);
  }
  const auto relaxed = std::memory_order_relaxed;
  const int64_t busy = SystemClock::Instance().MonotonicMicros() - now_micros_;
  busy_micros_.store(busy_micros_.load(relaxed) + busy, relaxed);
  passes_.store(passes_.load(relaxed) + 1, relaxed);
  awake_ = false;
}

struct Timer::State {
  uv_timer_t handle;
  std::function<void()> callback;
};

Timer::Timer(EventLoop& loop, std::function<void()> callback) : state_(new State) {
  state_->callback = std::move(callback);
  Check(uv_timer_init(loop.raw(), &state_->handle), "timer");
  state_->handle.data = state_;
}

Timer::~Timer() {
  uv_close(AsHandle(&state_->handle),
           [](uv_handle_t* handle) { delete static_cast<State*>(handle->data); });
}

void Timer::Start(uint64_t delay_ms, uint64_t repeat_ms) {
  // libuv counts from its time of the pass, which lies far back before the loop runs.
  uv_update_time(state_->handle.loop);
  uv_timer_start(
      &state_->handle,
      [](uv_timer_t* handle) {
        static_cast<EventLoop*>(handle->loop->data)->NowMicros();
        static_cast<State*>(handle->data)->callback();
      },
      delay_ms, repeat_ms);
}

void Timer::Stop() {
  uv_timer_stop(&state_->handle);
}

bool Timer::active() const {
  return uv_is_active(AsHandle(&state_->handle)) != 0;
}

struct Signal::State {
  uv_signal_t handle;
  std::function<void()> callback;
};

Signal::Signal(EventLoop& loop, int signal_number, std::function<void()> callback)
    : state_(new State) {
  state_->callback = std::move(callback);
  Check(uv_signal_init(loop.raw(), &state_->handle), "signal handle");
  state_->handle.data = state_;
  Check(uv_signal_start(
            &state_->handle,
            [](uv_signal_t* handle, int) {
              static_cast<EventLoop*>(handle->loop->data)->NowMicros();
              static_cast<State*>(handle->data)->callback();
            },
            signal_number),
        "signal handle");
}

Signal::~Signal() {
  uv_close(AsHandle(&state_->handle),
           [](uv_handle_t* handle) { delete static_cast<State*>(handle->data); });
}

}  // namespace keyway::net
