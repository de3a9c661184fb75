// The disk as persistence sees it, passed in, so that tests can fill it up, make it fail at any
// operation, and cut its power (tests/support/files/memory_file_system.h).
//
// Nothing here retries or logs. What has been written is on the disk only after Sync; a file that
// was made, renamed or removed is so after a loss of power only after SyncDirectory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/expected.h"

namespace keyway::shard::persistence {

struct [[nodiscard]] FileError {
  int code = 0;         // errno
  std::string message;  // "No space left on device"
};
template <typename T>
using FileResult = Expected<T, FileError>;
using FileStatus = Expected<void, FileError>;

// An open file. Sync may be called on one thread while another writes; apart from that a file
// belongs to one thread.
class File {
 public:
  // Closes without Sync.
  virtual ~File() = default;

  // Up to `size` bytes from where the last Read ended, at first from the start; 0: the end.
  virtual FileResult<size_t> Read(char* bytes, size_t size) = 0;
  // Appends some of the first bytes, at least one unless there are none; returns how many. The disk
  // may be full in the middle of what was to be written.
  virtual FileResult<size_t> Write(std::string_view bytes) = 0;
  // Contents and length are on the disk.
  virtual FileStatus Sync() = 0;
  // Begins to bring to the disk what has been written, and waits for what the call before this began:
  // so a large file that is written at once is never far behind. It is no Sync.
  virtual FileStatus BeginSync() { return Sync(); }
  // Cuts the file off, so that the next Write continues there.
  virtual FileStatus Truncate(uint64_t size) = 0;
  virtual FileResult<uint64_t> Size() = 0;
};

// What a file held when it was mapped, for who reads it from its begin to its end.
class FileView {
 public:
  virtual ~FileView() = default;
  virtual std::string_view bytes() const = 0;
  // The first `bytes` are not read again: their memory may go.
  virtual void Forget(uint64_t /*bytes*/) {}
};

enum class OpenMode : uint8_t {
  kRead,    // of a file that exists
  kCreate,  // for writing, empty, whether it existed or not
  kAppend,  // for writing at its end; made if there is none
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // New files are readable by everyone, within the umask.
  virtual FileResult<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) = 0;
  // The whole file, without a copy of it where the system can do that. When the disk fails later,
  // or somebody cuts the file off, nobody is there to return an error to: the process says so in
  // its log and ends with code 1.
  virtual FileResult<std::unique_ptr<FileView>> Map(const std::string& path);
  // Replaces `to`, if it exists, in one step.
  virtual FileStatus Rename(const std::string& from, const std::string& to) = 0;
  virtual FileStatus Remove(const std::string& path) = 0;
  // One that is there already is no error.
  virtual FileStatus MakeDirectory(const std::string& path) = 0;
  virtual FileStatus SyncDirectory(const std::string& path) = 0;
  // Names of the files and directories in it, in no order.
  virtual FileResult<std::vector<std::string>> List(const std::string& path) = 0;
  // False: there is no such file or directory.
  virtual FileResult<bool> Exists(const std::string& path) = 0;

  // That of the operating system.
  static FileSystem& Real();
};

// Writes all of it, however many calls that takes. On error, `written`, if given, says how many of
// the first bytes have been taken.
FileStatus WriteAll(File& file, std::string_view bytes, size_t* written = nullptr);
// The whole file, of which there may be at most `max_bytes` (EFBIG).
FileResult<std::string> ReadWhole(FileSystem& files, const std::string& path, size_t max_bytes);
// `path` holds these bytes, or, on error and after a crash, still what it held before: written to
// `path` + ".tmp", synced, renamed.
FileStatus ReplaceFile(FileSystem& files, const std::string& path, std::string_view bytes);
// "dir" of "dir/name", "." of "name".
std::string DirectoryOf(const std::string& path);

}  // namespace keyway::shard::persistence
