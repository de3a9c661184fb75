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
    const Lock lock(files_.mutex_);
    if (auto error = files_.Enter(FileOperation::kRead)) return *error;
    const std::string& contents = node_->contents;
    const size_t from = std::min(read_, contents.size());
    const size_t length = std::min(size, contents.size() - from);
    contents.copy(bytes, length, from);
    read_ = from + length;
    return length;
  }

  FileResult<size_t> Write(std::string_view bytes) override {
    const Lock lock(files_.mutex_);
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
    Lock lock(files_.mutex_);
    files_.released_.wait(lock, [this] { return !files_.syncs_held_; });
    if (auto error = files_.Enter(FileOperation::kSync)) return *error;
    node_->synced = node_->contents;
    return {};
  }

  FileStatus Truncate(uint64_t size) override {
    const Lock lock(files_.mutex_);
    if (auto error = files_.Enter(FileOperation::kTruncate)) return *error;
    node_->contents.resize(size);
    return {};
  }

  FileResult<uint64_t> Size() override {
    const Lock lock(files_.mutex_);
    return node_->contents.size();
  }

 private:
  MemoryFileSystem& files_;
  std::shared_ptr<Node> node_;
  const bool writable_;
  size_t read_ = 0;
};

MemoryFileSystem::MemoryFileSystem() = default;
MemoryFileSystem::~MemoryFileSystem() = default;

void MemoryFileSystem::Fail(FileOperation operation, int code, int skip, bool for_good) {
  const Lock lock(mutex_);
  faults_[operation] = {code, skip, for_good};
}

void MemoryFileSystem::Heal() {
  const Lock lock(mutex_);
  faults_.clear();
  room_ = UINT64_MAX;
  longest_write_ = 0;
}

void MemoryFileSystem::set_room(uint64_t bytes) {
  const Lock lock(mutex_);
  room_ = bytes;
}

void MemoryFileSystem::set_longest_write(size_t bytes) {
  const Lock lock(mutex_);
  longest_write_ = bytes;
}

void MemoryFileSystem::HoldSyncs(bool held) {
  const Lock lock(mutex_);
  syncs_held_ = held;
  released_.notify_all();
}

void MemoryFileSystem::CutPower() {
  const Lock lock(mutex_);
  entries_ = synced_entries_;
  // Who has the file open keeps the node that was there before.
  for (auto& [path, node] : entries_) {
    node = std::make_shared<Node>(Node{node->synced, node->synced});
  }
  synced_entries_ = entries_;
}

void MemoryFileSystem::CutPower(Random& random) {
  const Lock lock(mutex_);
  if (random.Below(2) == 0) synced_entries_ = entries_;
  std::set<Node*> seen;  // a node may have two names: an old and a new one
  for (const auto& [path, node] : synced_entries_) {
    if (!seen.insert(node.get()).second) continue;
    if (node->contents.starts_with(node->synced)) {
      const size_t more = node->contents.size() - node->synced.size();
      node->synced = node->contents.substr(0, node->synced.size() + random.Below(more + 1));
    } else if (random.Below(2) == 0) {
      node->synced = node->contents;
    }
  }
  CutPower();
}

std::optional<std::string> MemoryFileSystem::Contents(const std::string& path) const {
  const Lock lock(mutex_);
  const auto found = entries_.find(path);
  if (found == entries_.end()) return std::nullopt;
  return found->second->contents;
}

void MemoryFileSystem::Put(const std::string& path, std::string_view contents) {
  const Lock lock(mutex_);
  const std::string text(contents);
  entries_[path] = synced_entries_[path] = std::make_shared<Node>(Node{text, text});
}

uint64_t MemoryFileSystem::count(FileOperation operation) const {
  const Lock lock(mutex_);
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
  const Lock lock(mutex_);
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
  const Lock lock(mutex_);
  if (auto error = Enter(FileOperation::kRename)) return *error;
  const auto found = entries_.find(from);
  if (found == entries_.end()) return ErrorOf(ENOENT);
  entries_[to] = found->second;
  if (from != to) entries_.erase(from);
  return {};
}

FileStatus MemoryFileSystem::Remove(const std::string& path) {
  const Lock lock(mutex_);
  if (auto error = Enter(FileOperation::kRemove)) return *error;
  if (entries_.erase(path) == 0) return ErrorOf(ENOENT);
  return {};
}

FileStatus MemoryFileSystem::MakeDirectory(const std::string& path) {
  const Lock lock(mutex_);
  if (entries_.count(path) != 0) return ErrorOf(EEXIST);
  directories_.insert(path);
  return {};
}

FileStatus MemoryFileSystem::SyncDirectory(const std::string& path) {
  const Lock lock(mutex_);
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
  const Lock lock(mutex_);
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
  const Lock lock(mutex_);
  return entries_.count(path) != 0 || directories_.count(path) != 0;
}

}  // namespace keyway::shard::persistence
