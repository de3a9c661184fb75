#include "shard/persistence/loading/aof_directory.h"

#include <utility>

#include "common/log/log.h"

namespace keyway::shard::persistence {
namespace {

// A line has a thousand bytes at most, and a manifest a few of them.
constexpr size_t kMaxManifestBytes = 16 * 1024 * 1024;

}  // namespace

Expected<AofManifest> AofDirectory::ReadManifest() const {
  const AofManifest none;
  const std::string name = AofManifestName(config_.appendfilename);
  const std::string path = PathOf(name);
  const auto unreadable = [&path](const FileError& error) {
    return Error{"Fatal error: can't open the AOF manifest file " + path +
                 " for reading: " + error.message};
  };
  const FileResult<bool> has_directory = files_.Exists(config_.appenddirname);
  if (!has_directory.ok()) return unreadable(has_directory.error());
  if (!*has_directory) {
    KEYWAY_DEBUG() << "The AOF directory " << config_.appenddirname << " doesn't exist";
    return none;
  }
  const FileResult<bool> exists = files_.Exists(path);
  if (!exists.ok()) return unreadable(exists.error());
  if (!*exists) {
    KEYWAY_DEBUG() << "The AOF manifest file " << name << " doesn't exist";
    return none;
  }
  const FileResult<std::string> text = ReadWhole(files_, path, kMaxManifestBytes);
  if (!text.ok()) return unreadable(text.error());
  auto manifest = AofManifest::Parse(*text);
  if (manifest.ok()) return std::move(*manifest);
  const AofManifest::ParseError& error = manifest.error();
  KEYWAY_WARNING() << "*** FATAL AOF MANIFEST FILE ERROR ***";
  if (error.line != 0) {
    KEYWAY_WARNING() << "Reading the manifest file, at line " << error.line;
    KEYWAY_WARNING() << ">>> '" << error.text << "'";
  }
  return Error{error.message};
}

FileResult<bool> AofDirectory::NeedsOldFile(const AofManifest& manifest) const {
  const std::string& name = config_.appendfilename;
  FileResult<bool> exists = files_.Exists(name);
  if (!exists.ok() || !*exists || manifest.empty()) return exists;
  // The manifest was written, but the file not moved, when the last attempt ended.
  if (!manifest.incremental().empty() || manifest.base()->name != name) return false;
  const FileResult<bool> moved = files_.Exists(PathOf(name));
  if (!moved.ok()) return moved.error();
  return !*moved;
}

Status AofDirectory::AdoptOldFile(AofManifest* manifest) const {
  const std::string& name = config_.appendfilename;
  const std::string& directory = config_.appenddirname;
  const FileResult<bool> needed = NeedsOldFile(*manifest);
  if (!needed.ok()) {
    return Error{"Fatal error: can't open the append log file " + name +
                 " for reading: " + needed.error().message};
  }
  if (!*needed) return {};
  FileStatus made = files_.MakeDirectory(directory);
  if (made.ok()) made = files_.SyncDirectory(".");
  if (!made.ok()) {
    return Error{"Can't open or create append-only dir " + directory + ": " + made.error().message};
  }
  manifest->AdoptBase(name);
  const std::string path = PathOf(AofManifestName(name));
  if (const FileStatus stored = ReplaceFile(files_, path, manifest->Print()); !stored.ok()) {
    return Error{"Error trying to write the temporary AOF manifest file " + path + ": " +
                 stored.error().message};
  }
  FileStatus moved = files_.Rename(name, PathOf(name));
  // First where it is now: it may be in both places, but not in none.
  if (moved.ok()) moved = files_.SyncDirectory(directory);
  if (moved.ok()) moved = files_.SyncDirectory(".");
  if (!moved.ok()) {
    return Error{"Error trying to move the old AOF file " + name + " into dir " + directory + ": " +
                 moved.error().message};
  }
  KEYWAY_NOTICE() << "Successfully migrated an old-style AOF file (" << name
                  << ") into the AOF directory (" << directory << ").";
  return {};
}

Expected<uint64_t> AofDirectory::SizeOf(const std::string& name) const {
  const auto file = files_.Open(PathOf(name), OpenMode::kRead);
  const FileResult<uint64_t> size = file.ok() ? (*file)->Size() : file.error();
  if (size.ok()) return *size;
  return Error{"Unable to obtain the AOF file " + name + " length. stat: " + size.error().message};
}

Expected<uint64_t> AofDirectory::TotalSize(const AofManifest& manifest) const {
  uint64_t total = 0;
  const auto add = [&](const AofPart& part) -> Status {
    auto size = SizeOf(part.name);
    if (!size.ok()) return size.error();
    total += *size;
    return {};
  };
  if (manifest.base().has_value()) {
    if (Status added = add(*manifest.base()); !added.ok()) return added.error();
  }
  for (const AofPart& part : manifest.incremental()) {
    if (Status added = add(part); !added.ok()) return added.error();
  }
  return total;
}

}  // namespace keyway::shard::persistence
