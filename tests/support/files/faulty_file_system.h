// The real disk, failing as a control file says, so that a test can disturb a process and the children
// that it forks while they run. The file is read before each operation; without it nothing fails.
//
//   file      = *(rule LF)
//   rule      = operation SP fault [SP part-of-path]
//   operation = "open" | "read" | "write" | "sync" | "truncate" | "rename" | "remove" | "mkdir"
//             | "list" | "any"
//   fault     = errno                      ; "ENOSPC", "EIO", "EACCES"
//             | "short:" bytes             ; write: takes at most so many
//             | "room:" bytes              ; write: the file gets no longer, then ENOSPC
//             | "stall"                    ; waits until the rule is gone
//
// The first rule that fits decides. "sync" is of files and directories; "open" only of files that are
// to be written. A path fits if the words of the rule occur in it; of a rename, in the new one.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shard/persistence/files/file_system.h"

namespace keyway::shard::persistence {

// Keeps no state: any thread, any process.
class FaultyFileSystem final : public FileSystem {
 public:
  // `files` outlives the object. `control`: the path of the control file.
  FaultyFileSystem(FileSystem& files, std::string control);

  FileResult<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  FileStatus Rename(const std::string& from, const std::string& to) override;
  FileStatus Remove(const std::string& path) override;
  FileStatus MakeDirectory(const std::string& path) override;
  FileStatus SyncDirectory(const std::string& path) override;
  FileResult<std::vector<std::string>> List(const std::string& path) override;
  FileResult<bool> Exists(const std::string& path) override;

 private:
  class FaultyFile;
  // The fault that is due; empty: none. Returns when no rule says "stall" any more.
  std::string FaultOf(std::string_view operation, const std::string& path) const;
  FileStatus Enter(std::string_view operation, const std::string& path) const;

  FileSystem& files_;
  const std::string control_;
};

}  // namespace keyway::shard::persistence
