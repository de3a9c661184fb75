#include "shard/persistence/loading/loader.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <utility>

#include "common/log/log.h"
#include "shard/cluster/cluster.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/persistence/aof/reader.h"
#include "shard/persistence/loading/command_replayer.h"
#include "shard/persistence/loading/dataset_loader.h"
#include "shard/persistence/loading/load_delay.h"
#include "shard/persistence/loading/loading_scope.h"
#include "shard/persistence/rdb/byte_reader.h"
#include "shard/persistence/rdb/file_format.h"

namespace keyway::shard::persistence {
namespace {

constexpr uint64_t kCommandsBetweenReports = 1024;
constexpr uint64_t kCommandsBetweenClocks = 64;
constexpr int64_t kMaxMicrosBetweenReports = 10'000;
constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int kNotFound = ENOENT;

// What is behind the first `offset` bytes of a view, as a file.
class FileOfView final : public File {
 public:
  FileOfView(std::string_view bytes, uint64_t offset) : rest_(bytes.substr(offset)) {}

  FileResult<size_t> Read(char* bytes, size_t size) override {
    const size_t length = rest_.copy(bytes, size);
    rest_.remove_prefix(length);
    return length;
  }
  FileResult<size_t> Write(std::string_view /*bytes*/) override { return ReadOnly(); }
  FileStatus Sync() override { return ReadOnly(); }
  FileStatus Truncate(uint64_t /*size*/) override { return ReadOnly(); }
  FileResult<uint64_t> Size() override { return uint64_t{rest_.size()}; }

 private:
  static FileError ReadOnly() { return {EBADF, "Bad file descriptor"}; }

  std::string_view rest_;
};

// How long something took, as redis-server prints it.
class Stopwatch {
 public:
  explicit Stopwatch(const Clock& clock) : clock_(clock), start_(clock.MonotonicMicros()) {}
  std::string Seconds() const {
    char text[32];
    std::snprintf(text, sizeof(text), "%.3f seconds",
                  static_cast<double>(clock_.MonotonicMicros() - start_) / kMicrosPerSecond);
    return text;
  }

 private:
  const Clock& clock_;
  const int64_t start_;
};

FileResult<bool> BeginsAsRdb(FileSystem& files, const std::string& path) {
  auto file = files.Open(path, OpenMode::kRead);
  if (!file.ok()) return file.error();
  std::string begin(rdb::kMagic.size(), '\0');
  for (size_t length = 0; length < begin.size();) {
    const FileResult<size_t> step = (*file)->Read(begin.data() + length, begin.size() - length);
    if (!step.ok()) return step.error();
    if (*step == 0) return false;
    length += *step;
  }
  return begin == rdb::kMagic;
}

}  // namespace

Loader::Loader(Services& services, FileSystem& files, PersistenceStatus& status,
               std::function<void()> let_others_run)
    : services_(services),
      files_(files),
      status_(status),
      let_others_run_(std::move(let_others_run)),
      directory_(files, services.config) {}

Expected<AofManifest> Loader::ReadManifest() {
  auto manifest = directory_.ReadManifest();
  if (!manifest.ok() || !services_.config.appendonly) return manifest;
  if (Status adopted = directory_.AdoptOldFile(&*manifest); !adopted.ok()) return adopted.error();
  return manifest;
}

Status Loader::LoadAtStart(const AofManifest& manifest) {
  at_start_ = true;
  Status loaded = services_.config.appendonly
                      ? LoadAofFiles(manifest)
                      : LoadRdbFile(/*replace=*/false, /*may_be_missing=*/true);
  at_start_ = false;
  if (loaded.ok() && services_.cluster != nullptr) services_.cluster->ClaimSlotsWithKeys();
  return loaded;
}

Status Loader::LoadRdb(bool replace) {
  return LoadRdbFile(replace, /*may_be_missing=*/false);
}

Status Loader::LoadAof(const AofManifest& manifest) {
  return LoadAofFiles(manifest);
}

void Loader::Report(uint64_t bytes) {
  status_.loading_loaded_bytes = std::min(bytes, status_.loading_total_bytes);
  if (at_start_) let_others_run_();
}

Status Loader::LoadRdbFile(bool replace, bool may_be_missing) {
  const Stopwatch stopwatch(services_.clock);
  const std::string& path = services_.config.dbfilename;
  auto view = files_.Map(path);
  if (!view.ok()) {
    if (view.error().code == kNotFound && may_be_missing) return {};
    KEYWAY_WARNING() << "Fatal error: can't open the RDB file " << path
                     << " for reading: " << view.error().message;
    return Error{"Fatal error loading the DB, check server logs. Exiting."};
  }
  const std::string_view bytes = (*view)->bytes();
  const LoadingScope scope(services_, status_, bytes.size());
  const bool follows = at_start_ && start_options_.follows && start_options_.follows();
  DatasetLoadOptions options{.keep_expired = follows,
                             .replace = replace,
                             .progress = [&](uint64_t read) {
                               Report(read);
                               (*view)->Forget(read);
                             }};
  if (at_start_ && !follows) options.on_expired = start_options_.on_expired;
  const auto loaded = LoadDataset(bytes, services_, status_, options);
  if (!loaded.ok()) {
    return FailRdb(path, loaded.error(), "Fatal error loading the DB, check server logs. Exiting.");
  }
  KEYWAY_NOTICE() << "DB loaded from disk: " << stopwatch.Seconds();
  if (at_start_) origin_ = loaded->origin;
  return {};
}

Status Loader::FailRdb(const std::string& path, const rdb::FileReadError& error,
                       std::string text) const {
  if (error.message == rdb::kEndOfFile) {
    KEYWAY_WARNING() << "Short read or OOM loading DB. Unrecoverable error, aborting now.";
  }
  KEYWAY_WARNING() << error.message;
  KEYWAY_WARNING() << "Internal error in RDB reading offset " << error.offset << " of the file "
                   << path << ". Nothing was changed in it. You can: 1) Make a backup of the file "
                   << "and look at it with redis-check-rdb " << path
                   << ". 2) Put another, sound file in its place.";
  return Error{std::move(text)};
}

Status Loader::LoadAofFiles(const AofManifest& manifest) {
  if (manifest.empty()) return {};
  const Stopwatch stopwatch(services_.clock);
  const auto total = directory_.TotalSize(manifest);
  if (!total.ok()) return total.error();
  uint64_t base_size = 0;
  uint64_t cut = 0;
  if (*total != 0) {
    const LoadingScope scope(services_, status_, *total);
    std::vector<const AofPart*> parts;
    if (manifest.base().has_value()) parts.push_back(&*manifest.base());
    for (const AofPart& part : manifest.incremental()) parts.push_back(&part);
    uint64_t before = 0;
    for (const AofPart* part : parts) {
      const Stopwatch file_stopwatch(services_.clock);
      const auto size = directory_.SizeOf(part->name);
      if (!size.ok()) return size.error();
      const bool is_base = part->kind == AofPartKind::kBase;
      // A file behind it that nothing came into, as a rewrite that could not begin may leave one, did
      // not end it.
      const bool last = part == parts.back() || (!is_base && before + *size == *total);
      if (Status loaded = LoadAofFile(*part, last, before, &cut); !loaded.ok()) return loaded;
      if (is_base) base_size = *size;
      if (*size != 0) {
        KEYWAY_NOTICE() << "DB loaded from " << (is_base ? "base" : "incr") << " file "
                        << part->name << ": " << file_stopwatch.Seconds();
      }
      before += *size;
      Report(before);
    }
  }
  status_.aof_current_size = *total - std::min(*total, cut);
  status_.aof_base_size = base_size;
  KEYWAY_NOTICE() << "DB loaded from append only file: " << stopwatch.Seconds();
  return {};
}

Status Loader::LoadAofFile(const AofPart& part, bool last, uint64_t before, uint64_t* cut) {
  const std::string& name = part.name;
  const std::string path = directory_.PathOf(name);
  const auto unreadable = [&name](const FileError& error) {
    return Error{"Fatal error: can't open the append log file " + name +
                 " for reading: " + error.message};
  };
  const FileResult<bool> is_rdb = BeginsAsRdb(files_, path);
  if (!is_rdb.ok()) return unreadable(is_rdb.error());

  std::unique_ptr<FileView> view;
  std::unique_ptr<File> file;
  uint64_t offset = 0;
  uint64_t size = 0;
  if (*is_rdb) {
    // An old file that Redis 6 has rewritten has commands behind the data set.
    const bool old_style = name == services_.config.appendfilename;
    KEYWAY_NOTICE() << (old_style ? "Reading RDB preamble from AOF file..."
                                  : "Reading RDB base file on AOF loading...");
    auto mapped = files_.Map(path);
    if (!mapped.ok()) return unreadable(mapped.error());
    view = std::move(*mapped);
    const DatasetLoadOptions options{.keep_expired = true, .progress = [&](uint64_t read) {
                                       Report(before + read);
                                       view->Forget(read);
                                     }};
    const auto loaded = LoadDataset(view->bytes(), services_, status_, options);
    if (!loaded.ok()) {
      return FailRdb(path, loaded.error(),
                     std::string("Error reading the RDB ") +
                         (old_style ? "preamble of the AOF file " : "base file ") + name +
                         ", AOF loading aborted");
    }
    if (old_style) KEYWAY_NOTICE() << "Reading the remaining AOF tail...";
    offset = loaded->bytes;
    size = view->bytes().size();
    file = std::make_unique<FileOfView>(view->bytes(), offset);
  } else {
    auto opened = files_.Open(path, OpenMode::kRead);
    if (!opened.ok()) return unreadable(opened.error());
    file = std::move(*opened);
    const FileResult<uint64_t> bytes = file->Size();
    if (!bytes.ok()) return unreadable(bytes.error());
    size = *bytes;
  }

  AofReader reader(*file, offset);
  CommandReplayer replayer(services_);
  uint64_t sound = offset;  // where the file may be cut off
  int64_t reported_micros = services_.clock.MonotonicMicros();
  AofReader::Outcome outcome = AofReader::Outcome::kCommand;
  for (uint64_t commands = 1; (outcome = reader.Next()) == AofReader::Outcome::kCommand;
       ++commands) {
    if (Status replayed = replayer.Replay(reader.args(), name); !replayed.ok()) return replayed;
    if (!replayer.in_transaction()) sound = reader.offset();
    DelayLoad(services_.config);
    if (commands % kCommandsBetweenReports == 0 ||
        (commands % kCommandsBetweenClocks == 0 &&
         services_.clock.MonotonicMicros() - reported_micros > kMaxMicrosBetweenReports)) {
      Report(before + reader.offset());
      reported_micros = services_.clock.MonotonicMicros();
    }
  }
  if (replayer.errors() != 0) {
    KEYWAY_WARNING() << "While the AOF file " << name << " was loaded " << replayer.errors()
                     << " commands have failed, the first one with " << replayer.first_error();
  }
  switch (outcome) {
    case AofReader::Outcome::kFailed:
      return Error{"Unrecoverable error reading the append only file " + name + ": " +
                   reader.error().message};
    case AofReader::Outcome::kBadFormat:
      KEYWAY_WARNING() << "The append only file " << name << " is sound up to offset "
                       << reader.offset();
      return Error{"Bad file format reading the append only file " + name +
                   ": make a backup of your AOF file, then use ./redis-check-aof --fix "
                   "<filename.manifest>"};
    case AofReader::Outcome::kEnd:
      if (!replayer.in_transaction()) return {};
      KEYWAY_WARNING() << "Revert incomplete MULTI/EXEC transaction in AOF file " << name;
      break;
    case AofReader::Outcome::kCutOff:
    case AofReader::Outcome::kCommand:
      break;
  }
  *cut += size - std::min(size, sound);
  file.reset();
  return CutTail(name, size, sound, last);
}

// The file ends in the middle of something that begins at `offset`.
Status Loader::CutTail(const std::string& name, uint64_t size, uint64_t offset, bool last) {
  if (services_.config.aof_load_truncated && !last) {
    KEYWAY_WARNING() << "!!! Warning: short read while loading the AOF file " << name << "!!!";
    KEYWAY_WARNING() << "The AOF file " << name << " has " << size
                     << " bytes and is sound up to offset " << offset
                     << ". It was left as it is. Make a backup of your AOF files, then use "
                        "./redis-check-aof --fix <filename.manifest>";
    return Error{"Fatal error: the truncated file is not the last file"};
  }
  if (services_.config.aof_load_truncated) {
    KEYWAY_WARNING() << "!!! Warning: short read while loading the AOF file " << name << "!!!";
    KEYWAY_WARNING() << "!!! Truncating the AOF " << name << " at offset " << offset << " !!!";
    auto file = files_.Open(directory_.PathOf(name), OpenMode::kAppend);
    FileStatus done = file.ok() ? (*file)->Truncate(offset) : file.error();
    if (done.ok()) done = (*file)->Sync();
    if (done.ok()) {
      KEYWAY_WARNING() << "AOF " << name << " loaded anyway because aof-load-truncated is enabled";
      return {};
    }
    KEYWAY_WARNING() << "Error truncating the AOF file " << name << ": " << done.error().message;
  } else {
    KEYWAY_WARNING() << "The AOF file " << name << " has " << size
                     << " bytes and is sound up to offset " << offset;
  }
  return Error{
      "Unexpected end of file reading the append only file " + name +
      ". You can: 1) Make a backup of your AOF file, then use ./redis-check-aof --fix "
      "<filename.manifest>. 2) Alternatively you can set the 'aof-load-truncated' configuration "
      "option to yes and restart the server."};
}

}  // namespace keyway::shard::persistence
