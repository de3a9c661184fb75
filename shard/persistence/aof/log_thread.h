// The thread that writes and syncs an append-only file, so that the server's thread does not wait for
// the disk: what it is handed is written at once, in order, each byte once.
//
// What cannot be written stays in memory until Retry. A write that went wrong in the middle is taken
// back, so that the file ends behind a whole piece; where that fails, too, writing goes on from there.
// A sync that has failed is tried again every interval.
//
// The lock is held for moving pieces in and out, never while the disk works. The thread starts with
// the first thing to do, handles no signals, and logs nothing: the server's thread reads a Report.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "shard/persistence/files/file_system.h"

namespace keyway::shard::persistence {

class LogThread {
 public:
  // Why the bytes that are there have not been written.
  struct WriteFailure {
    FileError error;
    size_t written = 0;   // 0, or the piece was written only so far
    size_t expected = 0;  // then: bytes of the piece
    std::optional<FileError> cut_error;  // then: why this could not be taken back
  };
  struct Report {
    uint64_t unwritten_bytes = 0;
    // When the oldest piece was handed over of what is not written or, if there is a sync every
    // second, not synced; 0: there is none.
    int64_t oldest_micros = 0;
    bool syncing = false;
    uint64_t failed_writes = 0;  // attempts, since Use
    std::optional<WriteFailure> write_failure;
    std::optional<FileError> sync_error;

    bool failed() const { return write_failure.has_value() || sync_error.has_value(); }
  };

  explicit LogThread(std::chrono::microseconds sync_interval = std::chrono::seconds(1))
      : sync_interval_(sync_interval) {}
  // Writes what there is, unless writing has failed; does not sync.
  ~LogThread();
  LogThread(const LogThread&) = delete;
  LogThread& operator=(const LogThread&) = delete;

  // All of these: on the server's thread.

  // `file` has `size` bytes, `unsynced` says whether all of them are on the disk; it belongs to the
  // thread until Release, and nothing is left of another one.
  void Use(File* file, uint64_t size, bool unsynced);
  // Waits until the thread does nothing with the file, and drops what has not been written.
  void Release();

  // Whether to sync every interval; `held`: not now.
  void SetSync(bool every_interval, bool held);
  // Takes over all of `buffer`, which is empty then and may have the room of an earlier one.
  // `now_micros`: by the caller's clock, not 0.
  Report Hand(std::string* buffer, int64_t now_micros);
  Report Read();
  // What could not be written is tried again.
  void Retry();
  // Waits until at most `bytes` are unwritten and all that was handed over before `since_micros` is
  // written (synced), or something has failed.
  Report WaitFor(uint64_t bytes, int64_t since_micros);
  // Waits until all is written and synced, or that has been tried in vain.
  Report Drain();

  // Closes it: this may take long when the file is no longer in any directory.
  void CloseLater(std::unique_ptr<File> file);

 private:
  struct Piece {
    std::string bytes;
    int64_t handed_micros = 0;
  };
  using Lock = std::unique_lock<std::mutex>;

  void StartThread();
  void Wake();
  void Run();
  void WriteNext(Lock& lock);
  void Sync(Lock& lock);
  bool MayWrite() const;
  bool SyncsByTime() const;
  bool Idle() const;
  int64_t Oldest() const;
  Report MakeReport() const;

  const std::chrono::microseconds sync_interval_;
  std::thread thread_;

  std::mutex mutex_;
  std::condition_variable wake_;      // for the thread
  std::condition_variable progress_;  // for who waits for it
  // All of these are guarded by mutex_, but for `file_`, `piece_` and `piece_done_` while busy_.
  bool stopping_ = false;
  bool waiting_ = false;  // the thread waits for wake_
  bool busy_ = false;     // the thread works on the file, without the lock
  File* file_ = nullptr;
  uint64_t size_ = 0;  // of the file, up to which it consists of whole pieces or cannot be cut
  std::deque<Piece> queue_;
  Piece piece_;            // the first, being written
  size_t piece_done_ = 0;  // bytes of it that are in the file for good
  std::string spare_;      // room for a buffer
  uint64_t unwritten_ = 0;
  bool retry_ = false;
  uint64_t failed_writes_ = 0;
  std::optional<WriteFailure> write_failure_;
  bool unsynced_ = false;
  int64_t unsynced_since_ = 0;  // handed_micros of the first piece that is not synced; 0: unknown
  bool syncing_ = false;
  bool sync_wanted_ = false;
  bool sync_every_interval_ = false;
  bool sync_held_ = false;
  std::optional<FileError> sync_error_;
  std::chrono::steady_clock::time_point next_sync_;
  std::vector<std::unique_ptr<File>> to_close_;
};

}  // namespace keyway::shard::persistence
