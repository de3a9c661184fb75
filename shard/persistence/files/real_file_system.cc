#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <system_error>
#include <utility>

#include "common/log/log.h"
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

  FileStatus BeginSync() override {
    // From the first byte to the last. A file system that cannot do it says so with EINVAL or ESPIPE.
    while (sync_file_range(fd_, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE) != 0) {
      if (errno == EINVAL || errno == ESPIPE || errno == ENOSYS) return Sync();
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

// A mapped file. One that cannot be read after all is a SIGBUS, where it is read: which is always
// outside of the allocator and the log, so the handler may use both.
class MappedView final : public FileView {
 public:
  MappedView(std::string path, char* begin, size_t size)
      : path_(std::move(path)), begin_(begin), size_(size), outer_(newest_) {
    newest_ = this;
    struct sigaction action = {};
    action.sa_sigaction = OnBusError;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGBUS, &action, &old_action_);
  }
  ~MappedView() override {
    sigaction(SIGBUS, &old_action_, nullptr);
    newest_ = outer_;
    munmap(begin_, size_);
  }

  std::string_view bytes() const override { return {begin_, size_}; }

  void Forget(uint64_t bytes) override {
    const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    const uint64_t end = std::min<uint64_t>(bytes, size_) / page * page;
    if (end > forgotten_) madvise(begin_ + forgotten_, end - forgotten_, MADV_DONTNEED);
    forgotten_ = std::max(forgotten_, end);
  }

 private:
  static void OnBusError(int number, siginfo_t* info, void* /*context*/) {
    const auto* address = static_cast<const char*>(info->si_addr);
    for (const MappedView* view = newest_; view != nullptr; view = view->outer_) {
      if (address < view->begin_ || address >= view->begin_ + view->size_) continue;
      KEYWAY_WARNING() << "Fatal error: the file " << view->path_ << " cannot be read at offset "
                       << address - view->begin_
                       << ": the disk has failed, or somebody has cut the file off meanwhile.";
      _exit(1);
    }
    // The instruction is tried again, and fails again.
    signal(number, SIG_DFL);
  }

  static inline MappedView* newest_ = nullptr;

  const std::string path_;
  char* const begin_;
  const size_t size_;
  MappedView* const outer_;
  struct sigaction old_action_;
  uint64_t forgotten_ = 0;
};

class EmptyView final : public FileView {
 public:
  std::string_view bytes() const override { return {}; }
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

  FileResult<std::unique_ptr<FileView>> Map(const std::string& path) override {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return LastError();
    const RealFile file(fd);
    struct stat status;
    if (fstat(fd, &status) != 0) return LastError();
    if (S_ISDIR(status.st_mode)) return FileError{EISDIR, "Is a directory"};
    const auto size = static_cast<size_t>(status.st_size);
    // What is no regular file has no size: a pipe.
    if (!S_ISREG(status.st_mode)) return FileSystem::Map(path);
    if (size == 0) return std::unique_ptr<FileView>(std::make_unique<EmptyView>());
    void* begin = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (begin == MAP_FAILED) return LastError();
    madvise(begin, size, MADV_SEQUENTIAL);
    return std::unique_ptr<FileView>(
        std::make_unique<MappedView>(path, static_cast<char*>(begin), size));
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
    errno = code == EEXIST ? ENOTDIR : code;
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
