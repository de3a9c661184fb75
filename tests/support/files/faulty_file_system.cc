#include "tests/support/files/faulty_file_system.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <system_error>
#include <utility>

namespace keyway::shard::persistence {
namespace {

constexpr size_t kMaxControlBytes = 64 * 1024;
constexpr useconds_t kStallStepMicros = 5000;
constexpr std::string_view kShort = "short:";
constexpr std::string_view kRoom = "room:";

FileError ErrorOf(int code) {
  return {code, std::generic_category().message(code)};
}

FileError ErrorNamed(std::string_view name) {
  if (name == "ENOSPC") return ErrorOf(ENOSPC);
  if (name == "EACCES") return ErrorOf(EACCES);
  if (name == "EDQUOT") return ErrorOf(EDQUOT);
  return ErrorOf(EIO);
}

std::string_view NextWord(std::string_view* line) {
  const size_t end = std::min(line->find(' '), line->size());
  const std::string_view word = line->substr(0, end);
  line->remove_prefix(std::min(end + 1, line->size()));
  return word;
}

uint64_t NumberBehind(std::string_view fault, std::string_view name) {
  return std::strtoull(std::string(fault.substr(name.size())).c_str(), nullptr, 10);
}

}  // namespace

class FaultyFileSystem::FaultyFile final : public File {
 public:
  FaultyFile(const FaultyFileSystem& files, std::string path, std::unique_ptr<File> file)
      : files_(files), path_(std::move(path)), file_(std::move(file)) {}

  FileResult<size_t> Read(char* bytes, size_t size) override {
    if (FileStatus entered = files_.Enter("read", path_); !entered.ok()) return entered.error();
    return file_->Read(bytes, size);
  }

  FileResult<size_t> Write(std::string_view bytes) override {
    const std::string fault = files_.FaultOf("write", path_);
    if (fault.empty()) return file_->Write(bytes);
    if (fault.starts_with(kShort)) {
      return file_->Write(bytes.substr(0, std::max<uint64_t>(NumberBehind(fault, kShort), 1)));
    }
    if (fault.starts_with(kRoom)) {
      const FileResult<uint64_t> size = file_->Size();
      if (!size.ok()) return size.error();
      const uint64_t room = NumberBehind(fault, kRoom);
      if (*size >= room) return ErrorOf(ENOSPC);
      return file_->Write(bytes.substr(0, room - *size));
    }
    return ErrorNamed(fault);
  }

  FileStatus Sync() override {
    if (FileStatus entered = files_.Enter("sync", path_); !entered.ok()) return entered;
    return file_->Sync();
  }

  FileStatus Truncate(uint64_t size) override {
    if (FileStatus entered = files_.Enter("truncate", path_); !entered.ok()) return entered;
    return file_->Truncate(size);
  }

  FileResult<uint64_t> Size() override { return file_->Size(); }

 private:
  const FaultyFileSystem& files_;
  const std::string path_;
  const std::unique_ptr<File> file_;
};

FaultyFileSystem::FaultyFileSystem(FileSystem& files, std::string control)
    : files_(files), control_(std::move(control)) {}

std::string FaultyFileSystem::FaultOf(std::string_view operation, const std::string& path) const {
  for (;;) {
    const FileResult<std::string> text = ReadWhole(files_, control_, kMaxControlBytes);
    if (!text.ok()) return {};
    std::string_view left = *text;
    std::string_view fault;
    while (!left.empty() && fault.empty()) {
      const size_t end = std::min(left.find('\n'), left.size());
      std::string_view line = left.substr(0, end);
      left.remove_prefix(std::min(end + 1, left.size()));
      const std::string_view name = NextWord(&line);
      const std::string_view said = NextWord(&line);
      if (name != operation && name != "any") continue;
      if (path.find(line) != std::string::npos) fault = said;
    }
    if (fault != "stall") return std::string(fault);
    usleep(kStallStepMicros);
  }
}

FileStatus FaultyFileSystem::Enter(std::string_view operation, const std::string& path) const {
  const std::string fault = FaultOf(operation, path);
  if (fault.empty()) return {};
  return ErrorNamed(fault);
}

FileResult<std::unique_ptr<File>> FaultyFileSystem::Open(const std::string& path, OpenMode mode) {
  if (mode != OpenMode::kRead) {
    if (FileStatus entered = Enter("open", path); !entered.ok()) return entered.error();
  }
  FileResult<std::unique_ptr<File>> file = files_.Open(path, mode);
  if (!file.ok()) return file;
  return std::unique_ptr<File>(
      std::make_unique<FaultyFile>(*this, path, std::move(file).value()));
}

FileStatus FaultyFileSystem::Rename(const std::string& from, const std::string& to) {
  if (FileStatus entered = Enter("rename", to); !entered.ok()) return entered;
  return files_.Rename(from, to);
}

FileStatus FaultyFileSystem::Remove(const std::string& path) {
  if (FileStatus entered = Enter("remove", path); !entered.ok()) return entered;
  return files_.Remove(path);
}

FileStatus FaultyFileSystem::MakeDirectory(const std::string& path) {
  if (FileStatus entered = Enter("mkdir", path); !entered.ok()) return entered;
  return files_.MakeDirectory(path);
}

FileStatus FaultyFileSystem::SyncDirectory(const std::string& path) {
  if (FileStatus entered = Enter("sync", path + "/"); !entered.ok()) return entered;
  return files_.SyncDirectory(path);
}

FileResult<std::vector<std::string>> FaultyFileSystem::List(const std::string& path) {
  if (FileStatus entered = Enter("list", path); !entered.ok()) return entered.error();
  return files_.List(path);
}

FileResult<bool> FaultyFileSystem::Exists(const std::string& path) {
  return files_.Exists(path);
}

}  // namespace keyway::shard::persistence
