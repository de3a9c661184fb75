#include "shard/persistence/aof/log_writer.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/log/log.h"
#include "shard/server/latency_monitor.h"

namespace keyway::shard::persistence {
namespace {

constexpr size_t kKeptBytes = 1024 * 1024;  // of the buffer, from pass to pass
constexpr int64_t kErrorLogSeconds = 30;
constexpr int64_t kRetryMicros = 1'000'000;

bool ChildRuns(const PersistenceStatus& status) {
  return status.bgsave_started_seconds >= 0 || status.aof_rewrite_started_seconds >= 0;
}

// Measures when anybody wants to know.
class Stopwatch {
 public:
  explicit Stopwatch(const Services& services)
      : clock_(services.clock),
        latency_(services.latency != nullptr && services.latency->enabled() ? services.latency
                                                                            : nullptr),
        start_(latency_ == nullptr ? 0 : clock_.MonotonicMicros()) {}
  void Note(std::initializer_list<std::string_view> events) const {
    if (latency_ == nullptr) return;
    const int64_t micros = clock_.MonotonicMicros() - start_;
    for (const std::string_view event : events) latency_->Add(event, micros);
  }

 private:
  const Clock& clock_;
  LatencyMonitor* const latency_;
  const int64_t start_;
};

}  // namespace

LogWriter::LogWriter(Services& services, PersistenceStatus& status,
                     std::function<void()> on_fatal, std::chrono::microseconds sync_interval)
    : services_(services),
      status_(status),
      on_fatal_(std::move(on_fatal)),
      policy_(services.config.appendfsync),
      thread_(sync_interval) {}

LogWriter::~LogWriter() = default;

void LogWriter::Use(std::unique_ptr<File> file, uint64_t size) {
  Close();
  policy_ = services_.config.appendfsync;
  file_ = std::move(file);
  file_bytes_ = size;
  seen_failed_writes_ = 0;
  if (on_thread()) {
    UpdateSync();
    thread_.Use(file_.get(), size, /*unsynced=*/false);
  }
  NoteSizes(0);
}

void LogWriter::Close() {
  if (file_ == nullptr) return;
  if (on_thread()) thread_.Release();
  thread_.CloseLater(std::move(file_));
  buffer_.clear();
  file_bytes_ = 0;
  unsynced_here_ = false;
  NoteSizes(0);
}

void LogWriter::FlushBuffer() {
  if (file_ == nullptr) buffer_.clear();
  if (file_ == nullptr || dead_) return;
  if (policy_ != services_.config.appendfsync) ApplyPolicy();
  if (flush_delay_micros_ > 0 && !buffer_.empty()) {
    usleep(static_cast<useconds_t>(flush_delay_micros_));
  }
  if (on_thread()) {
    HandOver();
  } else if (WriteHere() && unsynced_here_ && !SyncIsHeld()) {
    SyncHere();
  }
}

void LogWriter::HandOver() {
  if (sync_held_ != SyncIsHeld()) UpdateSync();
  const int64_t now = services_.clock.MonotonicMicros();
  file_bytes_ += buffer_.size();
  LogThread::Report report = thread_.Hand(&buffer_, now);
  const int64_t since = now - kMaxDelayMicros;
  const bool late = report.oldest_micros != 0 && report.oldest_micros < since;
  if (!report.failed() && (late || report.unwritten_bytes > kMaxUnwrittenBytes)) {
    ++status_.aof_delayed_fsyncs;
    KEYWAY_NOTICE() << "Asynchronous AOF fsync is taking too long (disk is busy?). Writing the AOF "
                       "buffer without waiting for fsync to complete, this may slow down Redis.";
    const Stopwatch stopwatch(services_);
    report = thread_.WaitFor(kMaxUnwrittenBytes, since);
    stopwatch.Note({"aof-write-pending-fsync", "aof-write"});
  }
  Take(report);
}

// On this thread nothing may go wrong: clients are about to be told that it is on the disk.
bool LogWriter::WriteHere() {
  if (buffer_.empty()) return true;
  const Stopwatch stopwatch(services_);
  size_t written = 0;
  const FileStatus status = WriteAll(*file_, buffer_, &written);
  stopwatch.Note({ChildRuns(status_) ? "aof-write-active-child" : "aof-write-alone", "aof-write"});
  if (!status.ok()) {
    FileStatus cut;
    if (written > 0) cut = file_->Truncate(file_bytes_);
    NoteWriteFailure(status.error(), written, buffer_.size(), cut.ok() ? nullptr : &cut.error());
    KEYWAY_WARNING() << "Can't recover from AOF write error when the AOF fsync policy is 'always'. "
                        "Exiting...";
    Die();
    return false;
  }
  NoteWritten();
  file_bytes_ += buffer_.size();
  if (buffer_.capacity() > kKeptBytes) {
    std::string().swap(buffer_);
  } else {
    buffer_.clear();
  }
  unsynced_here_ = true;
  NoteSizes(0);
  return true;
}

bool LogWriter::SyncHere() {
  const Stopwatch stopwatch(services_);
  const FileStatus status = file_->Sync();
  stopwatch.Note({"aof-fsync-always"});
  if (!status.ok()) {
    KEYWAY_WARNING() << "Can't persist AOF for fsync error when the AOF fsync policy is 'always': "
                     << status.error().message << ". Exiting...";
    Die();
    return false;
  }
  unsynced_here_ = false;
  return true;
}

void LogWriter::Cron() {
  if (file_ == nullptr || dead_) return;
  Flush();
  if (!on_thread()) return;
  UpdateSync();
  Take(thread_.Read());
  const int64_t now = services_.clock.MonotonicMicros();
  if (write_failed_ && now >= next_retry_micros_) {
    next_retry_micros_ = now + kRetryMicros;
    thread_.Retry();
  }
}

void LogWriter::ForgetErrors() {
  if (sync_failed_) {
    KEYWAY_WARNING() << "AOF reopen, just ignore the AOF fsync error in bio job";
  }
  if (write_failed_) KEYWAY_WARNING() << "AOF reopen, just ignore the last error.";
  write_failed_ = sync_failed_ = false;
  status_.aof_last_write_ok = true;
}

FileStatus LogWriter::FlushAndSync() {
  if (file_ == nullptr) return {};
  if (!on_thread()) {
    if (!dead_ && WriteHere() && (!unsynced_here_ || SyncHere())) return {};
    return FileError{EIO, status_.aof_last_write_error};
  }
  if (!buffer_.empty()) HandOver();
  const LogThread::Report report = thread_.Drain();
  Take(report);
  if (report.write_failure.has_value()) return report.write_failure->error;
  if (report.sync_error.has_value()) return *report.sync_error;
  return {};
}

void LogWriter::ApplyPolicy() {
  const AppendFsync before = std::exchange(policy_, services_.config.appendfsync);
  if (file_ == nullptr || dead_ || before == policy_) return;
  if (before == AppendFsync::kAlways) {
    UpdateSync();
    seen_failed_writes_ = 0;
    thread_.Use(file_.get(), file_bytes_, unsynced_here_);
    unsynced_here_ = false;
    return;
  }
  if (on_thread()) {
    UpdateSync();
    return;
  }
  // What the thread still has comes first; from now on there is no putting it off.
  policy_ = before;
  const FileStatus status = FlushAndSync();
  policy_ = AppendFsync::kAlways;
  if (!status.ok()) {
    KEYWAY_WARNING() << "Can't persist AOF for fsync error when the AOF fsync policy is 'always': "
                     << status.error().message << ". Exiting...";
    Die();
    return;
  }
  thread_.Release();
}

bool LogWriter::SyncIsHeld() const {
  return services_.config.no_appendfsync_on_rewrite && ChildRuns(status_);
}

void LogWriter::UpdateSync() {
  sync_held_ = SyncIsHeld();
  thread_.SetSync(policy_ == AppendFsync::kEverySec, sync_held_);
}

void LogWriter::Take(const LogThread::Report& report) {
  status_.aof_pending_fsyncs = report.syncing ? 1 : 0;
  if (report.write_failure.has_value()) {
    if (report.failed_writes != seen_failed_writes_) {
      const LogThread::WriteFailure& failure = *report.write_failure;
      NoteWriteFailure(failure.error, failure.written, failure.expected,
                       failure.cut_error.has_value() ? &*failure.cut_error : nullptr);
    }
    if (!write_failed_) next_retry_micros_ = services_.clock.MonotonicMicros() + kRetryMicros;
    write_failed_ = true;
  } else if (write_failed_) {
    write_failed_ = false;
    KEYWAY_WARNING() << "AOF write error looks solved, Redis can write again.";
  }
  seen_failed_writes_ = report.failed_writes;
  if (report.sync_error.has_value()) {
    if (!sync_failed_) {
      KEYWAY_WARNING() << "Fail to fsync the AOF file: " << report.sync_error->message;
      status_.aof_last_write_error = report.sync_error->message;
    }
    sync_failed_ = true;
  } else if (sync_failed_) {
    sync_failed_ = false;
    // The kernel tells of bytes that it has lost only once: later syncs do not bring them back.
    if (!status_.aof_waits_for_rewrite) status_.aof_rewrite_scheduled = true;
    KEYWAY_NOTICE() << "The AOF file can be synced again, and will be rewritten.";
  }
  status_.aof_last_write_ok = !write_failed_ && !sync_failed_;
  NoteSizes(report.unwritten_bytes);
}

void LogWriter::NoteWriteFailure(const FileError& error, size_t written, size_t expected,
                                 const FileError* cut_error) {
  status_.aof_last_write_ok = false;
  status_.aof_last_write_error = error.message;
  const int64_t now = services_.clock.WallMicros() / 1'000'000;
  if (now - last_error_log_seconds_ <= kErrorLogSeconds) return;
  last_error_log_seconds_ = now;
  if (written == 0) {
    KEYWAY_WARNING() << "Error writing to the AOF file: " << error.message;
    return;
  }
  KEYWAY_WARNING() << "Short write while writing to the AOF file: (nwritten=" << written
                   << ", expected=" << expected << ")";
  if (cut_error != nullptr) {
    KEYWAY_WARNING() << "Could not remove short write from the append-only file.  Redis may refuse "
                        "to load the AOF the next time it starts.  ftruncate: "
                     << cut_error->message;
  }
}

void LogWriter::NoteWritten() {
  if (!write_failed_ && !sync_failed_) return;
  write_failed_ = sync_failed_ = false;
  status_.aof_last_write_ok = true;
  KEYWAY_WARNING() << "AOF write error looks solved, Redis can write again.";
}

void LogWriter::NoteSizes(uint64_t unwritten) {
  status_.aof_buffer_bytes = buffer_.size() + unwritten;
  // What a healthy thread is about to write counts as written.
  const uint64_t missing = status_.aof_last_write_ok ? 0 : unwritten;
  status_.aof_current_size = other_bytes_ + file_bytes_ - missing;
}

void LogWriter::set_other_bytes(uint64_t bytes) {
  other_bytes_ = bytes;
  NoteSizes(status_.aof_buffer_bytes - buffer_.size());
}

void LogWriter::Die() {
  dead_ = true;
  on_fatal_();
}

}  // namespace keyway::shard::persistence
