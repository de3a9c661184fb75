#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "shard/persistence/files/file_system.h"

namespace keyway::shard::persistence {
namespace {

constexpr mode_t kFileMode = 0644;
constexpr mode_t kDirectoryMode = 0755;

FileError LastError() {
  const int code = errno;
  return {code, std::generic_category().message(code)};
}

class RealFile final : public File {
 public:
  explicit RealFile(int fd) : fd_(fd) {}
  ~RealFile() override { close(fd_); }

  FileResult<size_t> Read(char* bytes, size_t size) override {
    for (;;) {
      const ssize_t result = read(fd_, bytes, size);
      if (result >= 0) return static_cast<size_t>(result);
      if (errno != EINTR) return LastError();
    }
  }

  FileResult<size_t> Write(std::string_view bytes) override {
    for (;;) {
      const ssize_t result = write(fd_, bytes.data(), bytes.size());
      if (result > 0 || bytes.empty()) return static_cast<size_t>(result < 0 ? 0 : result);
      if (result == 0) return FileError{EIO, "Input/output error"};
      if (errno != EINTR) return LastError();
    }
  }

  FileStatus Sync() override {
    while (fdatasync(fd_) != 0) {
      if (errno != EINTR) return LastError();
    }
    return {};
  }

  FileStatus Truncate(uint64_t size) override {
    if (ftruncate(fd_, static_cast<off_t>(size)) != 0) return LastError();
    if (lseek(fd_, static_cast<off_t>(size), SEEK_SET) < 0) return LastError();
    return {};
  }

  FileResult<uint64_t> Size() override {
    struct stat status;
    if (fstat(fd_, &status) != 0) return LastError();
    return static_cast<uint64_t>(status.st_size);
  }

 private:
  const int fd_;
};

class RealFileSystem final : public FileSystem {
 public:
  FileResult<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override {
    int flags = O_CLOEXEC;
    switch (mode) {
      case OpenMode::kRead:
        flags |= O_RDONLY;
        break;
      case OpenMode::kCreate:
        flags |= O_WRONLY | O_CREAT | O_TRUNC;
        break;
      case OpenMode::kAppend:
        flags |= O_WRONLY | O_CREAT | O_APPEND;
        break;
    }
    const int fd = open(path.c_str(), flags, kFileMode);
    if (fd < 0) return LastError();
    return std::unique_ptr<File>(std::make_unique<RealFile>(fd));
  }

  FileStatus Rename(const std::string& from, const std::string& to) override {
    return Done(rename(from.c_str(), to.c_str()) == 0);
  }

  FileStatus Remove(const std::string& path) override { return Done(unlink(path.c_str()) == 0); }

  FileStatus MakeDirectory(const std::string& path) override {
    if (mkdir(path.c_str(), kDirectoryMode) == 0) return {};
    struct stat status;
    const int code = errno;
    if (code == EEXIST && stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return {};
    errno = code;
    return LastError();
  }

  FileStatus SyncDirectory(const std::string& path) override {
    const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return LastError();
    // Some file systems cannot sync a directory, and say so with EINVAL: there is nothing to do.
    FileStatus result;
    if (fsync(fd) != 0 && errno != EINVAL) result = LastError();
    close(fd);
    return result;
  }

  FileResult<std::vector<std::string>> List(const std::string& path) override {
    DIR* directory = opendir(path.c_str());
    if (directory == nullptr) return LastError();
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = readdir(directory)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
      errno = 0;
    }
    const bool failed = errno != 0;
    const FileError error = failed ? LastError() : FileError{};
    closedir(directory);
    if (failed) return error;
    return names;
  }

  FileResult<bool> Exists(const std::string& path) override {
    struct stat status;
    if (stat(path.c_str(), &status) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return LastError();
  }

 private:
  static FileStatus Done(bool done) {
    if (done) return {};
    return LastError();
  }
};

}  // namespace

FileSystem& FileSystem::Real() {
  static RealFileSystem files;
  return files;
}

}  // namespace keyway::shard::persistence
