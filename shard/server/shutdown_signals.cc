#include "shard/server/shutdown_signals.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <utility>

namespace keyway::shard {
namespace {

// What a signal handler may touch.
std::atomic<uv_async_t*> wake_up{nullptr};
std::atomic<int> received{0};

// What the shutdown may have begun to write: temp-<pid>.rdb in the working directory.
void RemoveTemporaryFile() {
  char name[32] = "temp-";
  char digits[20];
  size_t count = 0;
  for (pid_t pid = getpid(); pid != 0; pid /= 10) {
    digits[count++] = static_cast<char>('0' + pid % 10);
  }
  size_t length = strlen(name);
  while (count != 0) name[length++] = digits[--count];
  memcpy(name + length, ".rdb", 5);
  unlink(name);  // all of this may be done in a signal handler
}

void OnSignal(int number) {
  uv_async_t* async = wake_up.load();
  int none = 0;
  if (async == nullptr || !received.compare_exchange_strong(none, number)) {
    constexpr char kText[] = "You insist... exiting now.\n";
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kText, sizeof(kText) - 1);
    RemoveTemporaryFile();
    _exit(1);
  }
  uv_async_send(async);
}

void Install(int number, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, nullptr);
}

}  // namespace

struct ShutdownSignals::State {
  uv_async_t async;
  std::function<void(int)> on_signal;
};

ShutdownSignals::ShutdownSignals(net::EventLoop& loop, std::function<void(int)> on_signal)
    : state_(new State{{}, std::move(on_signal)}) {
  uv_async_init(loop.raw(), &state_->async, [](uv_async_t* async) {
    static_cast<State*>(async->data)->on_signal(received.load());
  });
  state_->async.data = state_;
  received = 0;
  wake_up = &state_->async;
  Install(SIGTERM, OnSignal);
  Install(SIGINT, OnSignal);
}

void ShutdownSignals::Rearm() {
  received = 0;
}

ShutdownSignals::~ShutdownSignals() {
  Install(SIGTERM, SIG_DFL);
  Install(SIGINT, SIG_DFL);
  wake_up = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&state_->async),
           [](uv_handle_t* handle) { delete static_cast<State*>(handle->data); });
}

}  // namespace keyway::shard
