#include "shard/persistence/aof/log_files.h"

#include <memory>
#include <utility>

#include "common/log/log.h"

namespace keyway::shard::persistence {
namespace {

class FileInUnsyncedDirectory final : public File {
 public:
  FileInUnsyncedDirectory(FileSystem& files, std::string directory, std::unique_ptr<File> file)
      : files_(files), directory_(std::move(directory)), file_(std::move(file)) {}

  FileResult<size_t> Read(char* bytes, size_t size) override { return file_->Read(bytes, size); }
  FileResult<size_t> Write(std::string_view bytes) override { return file_->Write(bytes); }
  FileStatus Sync() override {
    if (!directory_synced_) {
      if (FileStatus synced = files_.SyncDirectory(directory_); !synced.ok()) return synced;
      directory_synced_ = true;
    }
    return file_->Sync();
  }
  FileStatus Truncate(uint64_t size) override { return file_->Truncate(size); }
  FileResult<uint64_t> Size() override { return file_->Size(); }

 private:
  FileSystem& files_;
  const std::string directory_;
  const std::unique_ptr<File> file_;
  bool directory_synced_ = false;
};

}  // namespace

std::unique_ptr<File> LogFiles::SyncedWithDirectory(std::unique_ptr<File> file) {
  return std::make_unique<FileInUnsyncedDirectory>(files_, config_.appenddirname, std::move(file));
}

std::string LogFiles::PathOf(std::string_view name) const {
  return config_.appenddirname + "/" + std::string(name);
}

std::string LogFiles::TemporaryName() const {
  return "temp-" + config_.appendfilename + ".incr";
}

Status LogFiles::MakeDirectory() {
  const std::string& directory = config_.appenddirname;
  const FileResult<bool> there = files_.Exists(directory);
  FileStatus made = there.ok() ? files_.MakeDirectory(directory) : FileStatus(there.error());
  // It must not be lost with all that is in it.
  if (made.ok() && !*there) made = files_.SyncDirectory(DirectoryOf(directory));
  if (made.ok()) return {};
  return Error{"Can't open or create append-only dir " + directory + ": " + made.error().message};
}

Expected<void, LogFiles::StoreError> LogFiles::Store(const AofManifest& manifest) {
  const std::string name = AofManifestName(config_.appendfilename);
  const std::string aside = "temp-" + name;
  const std::string path = PathOf(aside);
  {
    FileResult<std::unique_ptr<File>> file = files_.Open(path, OpenMode::kCreate);
    if (!file.ok()) {
      return StoreError{"Can't open the AOF manifest file " + aside + ": " + file.error().message};
    }
    if (const FileStatus written = WriteAll(**file, manifest.Print()); !written.ok()) {
      return StoreError{"Error trying to write the temporary AOF manifest file " + aside + ": " +
                        written.error().message};
    }
    if (const FileStatus synced = (*file)->Sync(); !synced.ok()) {
      return StoreError{"Fail to fsync the temp AOF file " + aside + ": " + synced.error().message +
                        "."};
    }
  }
  if (const FileStatus renamed = files_.Rename(path, PathOf(name)); !renamed.ok()) {
    return StoreError{"Error trying to rename the temporary AOF manifest file " + aside + " into " +
                      name + ": " + renamed.error().message};
  }
  return SyncDirectory();
}

Expected<void, LogFiles::StoreError> LogFiles::SyncDirectory() {
  const FileStatus synced = files_.SyncDirectory(config_.appenddirname);
  if (synced.ok()) return {};
  return StoreError{"Fail to fsync AOF directory " + config_.appenddirname + ": " +
                        synced.error().message + ".",
                    true};
}

uint64_t LogFiles::SizeOf(const std::string& name) {
  FileResult<std::unique_ptr<File>> file = files_.Open(PathOf(name), OpenMode::kRead);
  const FileResult<uint64_t> size =
      file.ok() ? (*file)->Size() : FileResult<uint64_t>(file.error());
  if (size.ok()) return *size;
  KEYWAY_WARNING() << "Unable to obtain the AOF file " << name << " length. stat: "
                   << size.error().message;
  return 0;
}

}  // namespace keyway::shard::persistence
