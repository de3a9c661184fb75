#include "shard/persistence/files/file_system.h"

#include <cerrno>
#include <limits>
#include <utility>

namespace keyway::shard::persistence {
namespace {

class CopiedView final : public FileView {
 public:
  explicit CopiedView(std::string contents) : contents_(std::move(contents)) {}
  std::string_view bytes() const override { return contents_; }

 private:
  const std::string contents_;
};

}  // namespace

FileResult<std::unique_ptr<FileView>> FileSystem::Map(const std::string& path) {
  FileResult<std::string> contents = ReadWhole(*this, path, std::numeric_limits<size_t>::max());
  if (!contents.ok()) return contents.error();
  return std::unique_ptr<FileView>(std::make_unique<CopiedView>(std::move(*contents)));
}

FileStatus WriteAll(File& file, std::string_view bytes, size_t* written) {
  size_t done = 0;
  while (done < bytes.size()) {
    const FileResult<size_t> step = file.Write(bytes.substr(done));
    if (!step.ok()) {
      if (written != nullptr) *written = done;
      return step.error();
    }
    done += *step;
  }
  if (written != nullptr) *written = done;
  return {};
}

FileResult<std::string> ReadWhole(FileSystem& files, const std::string& path, size_t max_bytes) {
  FileResult<std::unique_ptr<File>> file = files.Open(path, OpenMode::kRead);
  if (!file.ok()) return file.error();
  constexpr size_t kStep = 64 * 1024;
  std::string text;
  for (;;) {
    const size_t end = text.size();
    text.resize(end + kStep);
    const FileResult<size_t> step = (*file)->Read(text.data() + end, kStep);
    if (!step.ok()) return step.error();
    text.resize(end + *step);
    if (*step == 0) return text;
    if (text.size() > max_bytes) return FileError{EFBIG, "File too large"};
  }
}

FileStatus ReplaceFile(FileSystem& files, const std::string& path, std::string_view bytes) {
  const std::string aside = path + ".tmp";
  {
    FileResult<std::unique_ptr<File>> file = files.Open(aside, OpenMode::kCreate);
    if (!file.ok()) return file.error();
    FileStatus stored = WriteAll(**file, bytes);
    if (stored.ok()) stored = (*file)->Sync();
    if (!stored.ok()) {
      file->reset();
      (void)files.Remove(aside);  // what has failed before counts
      return stored;
    }
  }
  if (FileStatus renamed = files.Rename(aside, path); !renamed.ok()) {
    (void)files.Remove(aside);
    return renamed;
  }
  return files.SyncDirectory(DirectoryOf(path));
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace keyway::shard::persistence
