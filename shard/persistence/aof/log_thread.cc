#include "shard/persistence/aof/log_thread.h"

#include <pthread.h>

#include <cerrno>
#include <csignal>
#include <string_view>
#include <utility>

#include <glog/logging.h>

#include "common/base/allocated_bytes.h"

namespace keyway::shard::persistence {
namespace {

constexpr size_t kKeptBytes = 1024 * 1024;  // of a buffer that has been written

}  // namespace

LogThread::~LogThread() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void LogThread::StartThread() {
  if (thread_.joinable()) return;
  // Signals are for the threads that handle them.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread(&LogThread::Run, this);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// With the lock held. A thread that is awake looks by itself.
void LogThread::Wake() {
  if (!waiting_) return;
  waiting_ = false;
  wake_.notify_one();
}

void LogThread::Use(File* file, uint64_t size, bool unsynced) {
  const Lock lock(mutex_);
  CHECK(!busy_ && unwritten_ == 0);
  file_ = file;
  size_ = size;
  unsynced_ = unsynced;
  unsynced_since_ = 0;
  failed_writes_ = 0;
  write_failure_.reset();
  sync_error_.reset();
  if (unsynced) Wake();
}

void LogThread::Release() {
  Lock lock(mutex_);
  progress_.wait(lock, [this] { return !busy_; });
  file_ = nullptr;
  queue_.clear();
  piece_ = {};
  piece_done_ = 0;
  unwritten_ = 0;
  unsynced_ = false;
  unsynced_since_ = 0;
  retry_ = sync_wanted_ = false;
  write_failure_.reset();
  sync_error_.reset();
}

void LogThread::SetSync(bool every_interval, bool held) {
  const Lock lock(mutex_);
  sync_every_interval_ = every_interval;
  sync_held_ = held;
  Wake();
}

LogThread::Report LogThread::Hand(std::string* buffer, int64_t now_micros) {
  StartThread();
  const Lock lock(mutex_);
  unwritten_ += buffer->size();
  if (!queue_.empty() &&
      queue_.back().bytes.capacity() - queue_.back().bytes.size() >= buffer->size()) {
    // The thread is behind: fewer, longer writes let it catch up.
    queue_.back().bytes.append(*buffer);
    buffer->clear();
  } else if (!buffer->empty()) {
    queue_.push_back({std::move(*buffer), now_micros});
    *buffer = std::exchange(spare_, {});
  }
  Wake();
  return MakeReport();
}

LogThread::Report LogThread::Read() {
  const Lock lock(mutex_);
  return MakeReport();
}

void LogThread::Retry() {
  const Lock lock(mutex_);
  if (!write_failure_.has_value()) return;
  retry_ = true;
  Wake();
}

LogThread::Report LogThread::WaitFor(uint64_t bytes, int64_t since_micros) {
  Lock lock(mutex_);
  const auto done = [&] {
    if (write_failure_.has_value() || sync_error_.has_value()) return true;
    const int64_t oldest = Oldest();
    return unwritten_ <= bytes && (oldest == 0 || oldest >= since_micros);
  };
  if (!done()) {
    sync_wanted_ = sync_every_interval_ && !sync_held_;
    Wake();
    progress_.wait(lock, done);
  }
  return MakeReport();
}

LogThread::Report LogThread::Drain() {
  Lock lock(mutex_);
  if (file_ == nullptr || (unwritten_ == 0 && !unsynced_ && !busy_)) return MakeReport();
  StartThread();
  retry_ = write_failure_.has_value();
  sync_wanted_ = true;
  Wake();
  progress_.wait(lock, [this] { return Idle(); });
  return MakeReport();
}

void LogThread::CloseLater(std::unique_ptr<File> file) {
  StartThread();
  const Lock lock(mutex_);
  to_close_.push_back(std::move(file));
  Wake();
}

bool LogThread::MayWrite() const {
  return unwritten_ > 0 && (!write_failure_.has_value() || retry_);
}

// There is something that the next interval will sync.
bool LogThread::SyncsByTime() const {
  return file_ != nullptr && unsynced_ && sync_every_interval_ && !sync_held_;
}

// Nothing that was asked for is left to do.
bool LogThread::Idle() const {
  return !busy_ && !MayWrite() && !(sync_wanted_ && unsynced_);
}

int64_t LogThread::Oldest() const {
  if (sync_every_interval_ && !sync_held_ && unsynced_since_ != 0) return unsynced_since_;
  if (unwritten_ == 0) return 0;
  if (piece_.handed_micros != 0) return piece_.handed_micros;
  return queue_.empty() ? 0 : queue_.front().handed_micros;
}

LogThread::Report LogThread::MakeReport() const {
  return {unwritten_, Oldest(), syncing_, failed_writes_, write_failure_, sync_error_};
}

void LogThread::Run() {
  CountAllocationsOfThisThread();
  Lock lock(mutex_);
  for (;;) {
    if (SyncsByTime() && std::chrono::steady_clock::now() >= next_sync_) {
      Sync(lock);
    } else if (MayWrite()) {
      WriteNext(lock);
    } else if (sync_wanted_ && unsynced_) {
      Sync(lock);
    } else if (!to_close_.empty()) {
      std::vector<std::unique_ptr<File>> files = std::exchange(to_close_, {});
      lock.unlock();
      files.clear();
      lock.lock();
    } else if (stopping_) {
      return;
    } else {
      waiting_ = true;
      const auto awake = [this] { return !waiting_ || stopping_; };
      if (SyncsByTime()) {
        wake_.wait_until(lock, next_sync_, awake);
      } else {
        wake_.wait(lock, awake);
      }
      waiting_ = false;
    }
  }
}

void LogThread::WriteNext(Lock& lock) {
  retry_ = false;
  if (piece_.handed_micros == 0) {
    piece_ = std::move(queue_.front());
    queue_.pop_front();
    piece_done_ = 0;
  }
  busy_ = true;
  const uint64_t size = size_;
  lock.unlock();

  const std::string_view rest = std::string_view(piece_.bytes).substr(piece_done_);
  size_t written = 0;
  const FileStatus status = WriteAll(*file_, rest, &written);
  std::optional<WriteFailure> failure;
  if (!status.ok()) {
    failure = WriteFailure{status.error(), written, rest.size(), std::nullopt};
    if (written > 0) {
      if (const FileStatus cut = file_->Truncate(size); cut.ok()) {
        written = 0;
      } else {
        failure->cut_error = cut.error();
      }
    }
  }

  lock.lock();
  busy_ = false;
  size_ += written;
  unwritten_ -= written;
  piece_done_ += written;
  if (written > 0) {
    unsynced_ = true;
    if (unsynced_since_ == 0) unsynced_since_ = piece_.handed_micros;
  }
  if (failure.has_value()) ++failed_writes_;
  write_failure_ = std::move(failure);
  if (status.ok()) {
    if (piece_.bytes.capacity() <= kKeptBytes && spare_.capacity() < piece_.bytes.capacity()) {
      spare_ = std::move(piece_.bytes);
      spare_.clear();
    }
    piece_ = {};
    piece_done_ = 0;
  }
  progress_.notify_all();
}

void LogThread::Sync(Lock& lock) {
  // Who waits for a sync wants everything before it to be written.
  if (!MayWrite()) sync_wanted_ = false;
  next_sync_ = std::chrono::steady_clock::now() + sync_interval_;
  busy_ = syncing_ = true;
  lock.unlock();
  const FileStatus status = file_->Sync();
  lock.lock();
  busy_ = syncing_ = false;
  // Some files cannot be synced (a pipe, a device): as Redis, take that for success.
  if (status.ok() || status.error().code == EINVAL) {
    sync_error_.reset();
    unsynced_ = false;
    unsynced_since_ = 0;
  } else {
    sync_error_ = status.error();
  }
  progress_.notify_all();
}

}  // namespace keyway::shard::persistence
