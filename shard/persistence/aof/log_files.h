// The directory of an append-only file (appenddirname, in dir): where its files lie, and the manifest
// that names them, replaced in one step.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/base/expected.h"
#include "shard/config/shard_config.h"
#include "shard/persistence/aof/manifest.h"
#include "shard/persistence/files/file_system.h"

namespace keyway::shard::persistence {

class LogFiles {
 public:
  // Both outlive the object.
  LogFiles(FileSystem& files, const ShardConfig& config) : files_(files), config_(config) {}

  std::string PathOf(std::string_view name) const;
  // "temp-appendonly.aof.incr": what is written until the first rewrite has ended.
  std::string TemporaryName() const;

  // The error is for the log.
  Status MakeDirectory();

  struct [[nodiscard]] StoreError {
    std::string message;  // for the log
    // The manifest was replaced, but a loss of power may bring back the one before.
    bool replaced = false;
  };
  // The directory, with all files that are in it now, is on the disk when this returns without an
  // error.
  Expected<void, StoreError> Store(const AofManifest& manifest);
  // The same without a new manifest.
  Expected<void, StoreError> SyncDirectory();

  // `file`, whose name is in the directory but may not outlive a loss of power: what is written to it
  // is on the disk only when the directory is, so that its Sync sees to that first.
  std::unique_ptr<File> SyncedWithDirectory(std::unique_ptr<File> file);

  // Bytes of a file of the directory; 0, and a line in the log, when there is no telling.
  uint64_t SizeOf(const std::string& name);

 private:
  FileSystem& files_;
  const ShardConfig& config_;
};

}  // namespace keyway::shard::persistence
