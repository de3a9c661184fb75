// A disk in memory that fails when it is told to, and forgets what was not synced when its power is
// cut. For any number of threads.
#pragma once

#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/random.h"
#include "shard/persistence/files/file_system.h"

namespace keyway::shard::persistence {

enum class FileOperation : uint8_t { kOpen, kRead, kWrite, kSync, kTruncate, kRename, kRemove };

class MemoryFileSystem final : public FileSystem {
 public:
  MemoryFileSystem();
  ~MemoryFileSystem() override;

  // The `skip`th of these operations from now (0: the next) fails with `code`; if `for_good`, so do
  // all that follow. A later call for the same operation replaces this.
  void Fail(FileOperation operation, int code, int skip = 0, bool for_good = false);
  // No operation fails any more; there is room again.
  void Heal();
  // From now on so many bytes can be written: the last Write is short, the next one fails (ENOSPC).
  void set_room(uint64_t bytes);
  // Writes take at most so many bytes each. 0: all.
  void set_longest_write(size_t bytes);
  // While held, Sync of a file does not return.
  void HoldSyncs(bool held);
  // Files hold what they held at their last Sync, directories what they did at SyncDirectory. Files
  // that are open stay so, and go nowhere.
  void CutPower();
  // As disks really do it: files keep, besides, as much as they like of what was appended since, and
  // a directory has either its old names or its new ones.
  void CutPower(Random& random);

  // What is in a file; nullopt: there is none.
  std::optional<std::string> Contents(const std::string& path) const;
  // Makes a file, synced.
  void Put(const std::string& path, std::string_view contents);
  // How many operations have been asked for, those that failed included.
  uint64_t count(FileOperation operation) const;

  // FileSystem
  FileResult<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  FileStatus Rename(const std::string& from, const std::string& to) override;
  FileStatus Remove(const std::string& path) override;
  FileStatus MakeDirectory(const std::string& path) override;
  FileStatus SyncDirectory(const std::string& path) override;
  FileResult<std::vector<std::string>> List(const std::string& path) override;
  FileResult<bool> Exists(const std::string& path) override;

 private:
  class OpenFile;
  struct Node {
    std::string contents;
    std::string synced;
  };
  using Entries = std::map<std::string, std::shared_ptr<Node>>;
  struct Fault {
    int code = 0;
    int skip = 0;
    bool for_good = false;
  };

  using Lock = std::unique_lock<std::recursive_mutex>;

  // With the lock held: the error that is due, if any.
  std::optional<FileError> Enter(FileOperation operation);

  mutable std::recursive_mutex mutex_;  // guards all of these
  std::condition_variable_any released_;
  bool syncs_held_ = false;
  Entries entries_;
  Entries synced_entries_;
  std::set<std::string> directories_ = {".", "/"};
  std::map<FileOperation, Fault> faults_;
  std::map<FileOperation, uint64_t> counts_;
  uint64_t room_ = UINT64_MAX;
  size_t longest_write_ = 0;
};

}  // namespace keyway::shard::persistence
