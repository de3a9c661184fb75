// Takes the payload of a full sync as it arrives:
//
//   payload = *( "\n" ) "$" length "\r\n" length bytes
//           | *( "\n" ) "$EOF:" mark "\r\n" bytes mark      ; mark: 40 random characters
//           | "-" error "\r\n"
//
// Empty lines are sent while the primary prepares. The bytes go into a file (temp-<time>.<pid>.rdb in
// dir), which is synced while it grows, or into memory; there is as much of either as the primary
// sends. Whatever goes wrong is logged in the words of redis-server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/clock.h"
#include "shard/persistence/files/file_system.h"

namespace keyway::shard::replication {

class SyncReceiver {
 public:
  enum class Target : uint8_t { kFile, kMemory };
  // nullptr: the file cannot be made; the reason is in the log. `files` outlives the object.
  static std::unique_ptr<SyncReceiver> Open(persistence::FileSystem& files, const Clock& clock,
                                            Target target);
  // A file that nobody has taken is removed.
  ~SyncReceiver();
  SyncReceiver(const SyncReceiver&) = delete;
  SyncReceiver& operator=(const SyncReceiver&) = delete;

  enum class Outcome : uint8_t { kMore, kComplete, kFailed };
  // `bytes`: everything that has arrived and was not consumed. Sets `consumed`; what is behind the
  // payload is left.
  Outcome Take(std::string_view bytes, size_t* consumed);

  Target target() const { return target_; }
  // With a mark behind the payload, not a length in front of it.
  bool has_mark() const { return !mark_.empty(); }
  // As INFO shows them: of the payload, -1 until its length is known, 0 with a mark; so far.
  int64_t total_bytes() const { return total_; }
  int64_t received_bytes() const { return received_; }

  // After kComplete. Of a file: it is on the disk, under this name; false: that has failed, see the
  // log.
  bool Finish();
  const std::string& path() const { return path_; }
  // It has another name now.
  void FileIsTaken() { path_.clear(); }
  std::string TakeMemory() { return std::move(memory_); }

 private:
  SyncReceiver(persistence::FileSystem& files, Target target) : files_(files), target_(target) {}

  Outcome TakeHeader(std::string_view line);
  Outcome TakeCounted(std::string_view bytes, size_t* consumed);
  Outcome TakeUntilMark(std::string_view bytes, size_t* consumed);
  bool Store(std::string_view bytes);

  persistence::FileSystem& files_;
  const Target target_;
  std::string path_;
  std::unique_ptr<persistence::File> file_;
  std::string memory_;
  std::string mark_;
  int64_t total_ = -1;
  int64_t received_ = 0;
  int64_t synced_ = 0;
};

}  // namespace keyway::shard::replication
