// Where the files of the append-only file lie: the directory appenddirname in dir, with a manifest
// that says which they are.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/expected.h"
#include "shard/config/shard_config.h"
#include "shard/persistence/aof/manifest.h"
#include "shard/persistence/files/file_system.h"

namespace keyway::shard::persistence {

class AofDirectory {
 public:
  // Both outlive the object.
  AofDirectory(FileSystem& files, const ShardConfig& config) : files_(files), config_(config) {}

  std::string PathOf(const std::string& name) const { return config_.appenddirname + "/" + name; }

  // An empty one if there is no directory, or no manifest in it. The log has the details of an
  // error, which ends the start.
  Expected<AofManifest> ReadManifest() const;

  // If there is the single append-only file of Redis 6, and nothing in the directory: moves it into
  // the directory as the base of a manifest, so that a crash at any point loses nothing and the
  // next start goes on. The error, for the log, ends the start.
  Status AdoptOldFile(AofManifest* manifest) const;

  // Bytes of one file. The error, for the log, says what is wrong with it.
  Expected<uint64_t> SizeOf(const std::string& name) const;
  // Of all that are to be loaded.
  Expected<uint64_t> TotalSize(const AofManifest& manifest) const;

 private:
  FileResult<bool> NeedsOldFile(const AofManifest& manifest) const;

  FileSystem& files_;
  const ShardConfig& config_;
};

}  // namespace keyway::shard::persistence
