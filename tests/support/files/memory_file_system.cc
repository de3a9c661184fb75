#include "tests/support/files/memory_file_system.h"

#include <algorithm>
#include <system_error>
#include <utility>

namespace keyway::shard::persistence {
namespace {

FileError ErrorOf(int code) {
  return {code, std::generic_category().message(code)};
}

}  // namespace

class MemoryFileSystem::OpenFile final : public File {
 public:
  OpenFile(MemoryFileSystem& files, std::shared_ptr<Node> node, bool writable)
      : files_(files), node_(std::move(node)), writable_(writable) {}

  FileResult<size_t> Read(char* bytes, size_t size) override {
    if (auto error = files_.Enter(FileOperation::kRead)) return *error;
    const std::string& contents = node_->contents;
    const size_t from = std::min(read_, contents.size());
    const size_t length = std::min(size, contents.size() - from);
    contents.copy(bytes, length, from);
    read_ = from + length;
    return length;
  }

  FileResult<size_t> Write(std::string_view bytes) override {
    if (auto error = files_.Enter(FileOperation::kWrite)) return *error;
    if (!writable_) return ErrorOf(EBADF);
    if (bytes.empty()) return size_t{0};
    if (files_.room_ == 0) return ErrorOf(ENOSPC);
    size_t length = std::min<uint64_t>(bytes.size(), files_.room_);
    if (files_.longest_write_ != 0) length = std::min(length, files_.longest_write_);
    node_->contents.append(bytes.substr(0, length));
    if (files_.room_ != UINT64_MAX) files_.room_ -= length;
    return length;
  }

  FileStatus Sync() override {
    if (auto error = files_.Enter(FileOperation::kSync)) return *error;
    node_->synced = node_->contents;
    return {};
  }

  FileStatus Truncate(uint64_t size) override {
    if (auto error = files_.Enter(FileOperation::kTruncate)) return *error;
    node_->contents.resize(size);
    return {};
  }

  FileResult<uint64_t> Size() override { return node_->contents.size(); }

 private:
  MemoryFileSystem& files_;
  std::shared_ptr<Node> node_;
  const bool writable_;
  size_t read_ = 0;
};

MemoryFileSystem::MemoryFileSystem() = default;
MemoryFileSystem::~MemoryFileSystem() = default;

void MemoryFileSystem::Fail(FileOperation operation, int code, int skip, bool for_good) {
  faults_[operation] = {code, skip, for_good};
}

void MemoryFileSystem::Heal() {
  faults_.clear();
  room_ = UINT64_MAX;
  longest_write_ = 0;
}

void MemoryFileSystem::CutPower() {
  entries_ = synced_entries_;
  // Who has the file open keeps the node that was there before.
  for (auto& [path, node] : entries_) {
    node = std::make_shared<Node>(Node{node->synced, node->synced});
  }
  synced_entries_ = entries_;
}

std::optional<std::string> MemoryFileSystem::Contents(const std::string& path) const {
  const auto found = entries_.find(path);
  if (found == entries_.end()) return std::nullopt;
  return found->second->contents;
}

void MemoryFileSystem::Put(const std::string& path, std::string_view contents) {
  const std::string text(contents);
  entries_[path] = synced_entries_[path] = std::make_shared<Node>(Node{text, text});
}

uint64_t MemoryFileSystem::count(FileOperation operation) const {
  const auto found = counts_.find(operation);
  return found == counts_.end() ? 0 : found->second;
}

std::optional<FileError> MemoryFileSystem::Enter(FileOperation operation) {
  ++counts_[operation];
  const auto fault = faults_.find(operation);
  if (fault == faults_.end()) return std::nullopt;
  if (fault->second.skip > 0) {
    --fault->second.skip;
    return std::nullopt;
  }
  const FileError error = ErrorOf(fault->second.code);
  if (!fault->second.for_good) faults_.erase(fault);
  return error;
}

FileResult<std::unique_ptr<File>> MemoryFileSystem::Open(const std::string& path, OpenMode mode) {
  if (auto error = Enter(FileOperation::kOpen)) return *error;
  if (directories_.count(DirectoryOf(path)) == 0) return ErrorOf(ENOENT);
  if (directories_.count(path) != 0) return ErrorOf(EISDIR);
  auto found = entries_.find(path);
  if (found == entries_.end()) {
    if (mode == OpenMode::kRead) return ErrorOf(ENOENT);
    found = entries_.emplace(path, std::make_shared<Node>()).first;
  } else if (mode == OpenMode::kCreate) {
    found->second->contents.clear();
  }
  return std::unique_ptr<File>(
      std::make_unique<OpenFile>(*this, found->second, mode != OpenMode::kRead));
}

FileStatus MemoryFileSystem::Rename(const std::string& from, const std::string& to) {
  if (auto error = Enter(FileOperation::kRename)) return *error;
  const auto found = entries_.find(from);
  if (found == entries_.end()) return ErrorOf(ENOENT);
  entries_[to] = found->second;
  if (from != to) entries_.erase(from);
  return {};
}

FileStatus MemoryFileSystem::Remove(const std::string& path) {
  if (auto error = Enter(FileOperation::kRemove)) return *error;
  if (entries_.erase(path) == 0) return ErrorOf(ENOENT);
  return {};
}

FileStatus MemoryFileSystem::MakeDirectory(const std::string& path) {
  if (entries_.count(path) != 0) return ErrorOf(EEXIST);
  directories_.insert(path);
  return {};
}

FileStatus MemoryFileSystem::SyncDirectory(const std::string& path) {
  if (auto error = Enter(FileOperation::kSync)) return *error;
  if (directories_.count(path) == 0) return ErrorOf(ENOENT);
  std::erase_if(synced_entries_,
                [&path](const auto& entry) { return DirectoryOf(entry.first) == path; });
  for (const auto& [name, node] : entries_) {
    if (DirectoryOf(name) == path) synced_entries_[name] = node;
  }
  return {};
}

FileResult<std::vector<std::string>> MemoryFileSystem::List(const std::string& path) {
  if (directories_.count(path) == 0) return ErrorOf(ENOENT);
  std::vector<std::string> names;
  const auto add = [&](const std::string& entry) {
    if (entry != path && DirectoryOf(entry) == path)
      names.push_back(entry.substr(entry.rfind('/') + 1));
  };
  for (const auto& [name, node] : entries_) add(name);
  for (const std::string& directory : directories_) add(directory);
  return names;
}

FileResult<bool> MemoryFileSystem::Exists(const std::string& path) {
  return entries_.count(path) != 0 || directories_.count(path) != 0;
}

}  // namespace keyway::shard::persistence
