// Brings the bytes of an append-only file to the disk as appendfsync says, on the server's thread
// (always) or by a LogThread (everysec, no), and keeps PersistenceStatus and the log informed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "shard/config/shard_config.h"
#include "shard/persistence/aof/log_thread.h"
#include "shard/persistence/files/file_system.h"
#include "shard/server/command_context.h"
#include "shard/server/persistence.h"

namespace keyway::shard::persistence {

class LogWriter {
 public:
  // More than that not written, or something waiting for longer: the server waits for the disk.
  static constexpr uint64_t kMaxUnwrittenBytes = 64 * 1024 * 1024;
  static constexpr int64_t kMaxDelayMicros = 2'000'000;

  // Services and status outlive the object. `on_fatal`: what was promised cannot be kept; must not
  // return in a server.
  LogWriter(Services& services, PersistenceStatus& status, std::function<void()> on_fatal,
            std::chrono::microseconds sync_interval);
  ~LogWriter();

  // What follows goes behind the `size` bytes of `file`, which are on the disk. The file before it is
  // closed; what was not written to that is lost.
  void Use(std::unique_ptr<File> file, uint64_t size);
  // Closes the file likewise.
  void Close();
  // Errors with an earlier file are none any more.
  void ForgetErrors();
  bool open() const { return file_ != nullptr; }

  // Bytes are appended to this, whole units between two calls.
  std::string& buffer() { return buffer_; }

  // At the end of each pass.
  void Flush() {
    if (!buffer_.empty() || unsynced_here_) FlushBuffer();
  }
  // Tries again what has failed, takes over what the thread did.
  void Cron();
  // All is on the disk when this returns without an error.
  FileStatus FlushAndSync();
  // appendfsync was changed.
  void ApplyPolicy();

  // Bytes of the other files, for status.aof_current_size; of this one, those in the buffer not
  // counted.
  void set_other_bytes(uint64_t bytes);
  uint64_t file_bytes() const { return file_bytes_; }
  void set_flush_delay_micros(int64_t micros) { flush_delay_micros_ = micros; }
  // Closes it aside.
  void CloseLater(std::unique_ptr<File> file) { thread_.CloseLater(std::move(file)); }

 private:
  bool on_thread() const { return policy_ != AppendFsync::kAlways; }
  bool SyncIsHeld() const;
  void FlushBuffer();
  void HandOver();
  bool WriteHere();
  bool SyncHere();
  void UpdateSync();
  void Take(const LogThread::Report& report);
  void NoteWriteFailure(const FileError& error, size_t written, size_t expected,
                        const FileError* cut_error);
  void NoteWritten();
  void NoteSizes(uint64_t unwritten);
  void Die();

  Services& services_;
  PersistenceStatus& status_;
  const std::function<void()> on_fatal_;
  AppendFsync policy_;
  std::unique_ptr<File> file_;
  std::string buffer_;
  uint64_t file_bytes_ = 0;  // handed over and written
  uint64_t other_bytes_ = 0;
  bool unsynced_here_ = false;  // written on this thread, not synced while a child runs
  bool sync_held_ = false;      // what the thread was told
  bool dead_ = false;
  bool write_failed_ = false;
  bool sync_failed_ = false;
  uint64_t seen_failed_writes_ = 0;
  int64_t last_error_log_seconds_ = 0;
  int64_t next_retry_micros_ = 0;
  int64_t flush_delay_micros_ = 0;
  LogThread thread_;  // ends before what it works on
};

}  // namespace keyway::shard::persistence
