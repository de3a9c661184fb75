#include "shard/persistence/aof/aof_log.h"

#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include <glog/logging.h>

#include "common/log/log.h"
#include "shard/config/shard_config.h"
#include "shard/persistence/aof/key_commands.h"
#include "shard/persistence/aof/log_files.h"
#include "shard/persistence/aof/log_writer.h"
#include "shard/persistence/snapshot/dataset_writer.h"
#include "shard/server/latency_monitor.h"

namespace keyway::shard::persistence {
namespace {

constexpr int64_t kRetryMicros = 1'000'000;

std::function<void()> OrExit(std::function<void()> on_fatal) {
  if (on_fatal) return on_fatal;
  return [] { _exit(1); };
}

}  // namespace

struct AofLog::Impl {
  Impl(AofLog& the_log, Services& the_services, FileSystem& the_files, PersistenceStatus& the_status,
       Options options)
      : log(the_log),
        services(the_services),
        config(the_services.config),
        files(the_files),
        status(the_status),
        folder(the_files, the_services.config),
        writer(the_services, the_status, OrExit(std::move(options.on_fatal)),
               options.sync_interval) {}

  // The open file gets the effects from now on.
  void Listen(std::unique_ptr<File> file, uint64_t size);
  void ListenNoLonger();
  Status WriteFirstBase(const std::string& name);
  Expected<std::unique_ptr<File>> OpenIncremental(const std::string& name, OpenMode mode);
  FileStatus Rename(const std::string& from, const std::string& to);
  // Takes the name away at once, and closes what may be a big file aside. False: it is there still.
  bool Remove(const std::string& name);
  void RemoveTemporary();
  void RemoveHistory();
  uint64_t SizeOfAllBut(const AofPart& last, const AofManifest& of);

  AofLog& log;
  Services& services;
  const ShardConfig& config;
  FileSystem& files;
  PersistenceStatus& status;
  LogFiles folder;
  AofManifest manifest;
  LogWriter writer;
  EffectEncoder encoder{kEffectAof};
  int64_t annotated_seconds = 0;
  bool listening = false;
  // The manifest may not outlive a loss of power: history is needed still.
  bool manifest_unsynced = false;
  int64_t next_sync_micros = 0;
};

AofLog::AofLog(Services& services, FileSystem& files, PersistenceStatus& status)
    : AofLog(services, files, status, Options()) {}

AofLog::AofLog(Services& services, FileSystem& files, PersistenceStatus& status, Options options)
    : impl_(std::make_unique<Impl>(*this, services, files, status, std::move(options))) {}

AofLog::~AofLog() {
  if (impl_->listening) impl_->services.effects->RemoveSink(*this);
}

void AofLog::set_manifest(AofManifest manifest) {
  impl_->manifest = std::move(manifest);
}

const AofManifest& AofLog::manifest() const {
  return impl_->manifest;
}

bool AofLog::on() const {
  return impl_->status.aof_on;
}

// ---- Effects on their way to the disk.

void AofLog::OnUnit(std::span<const Effect> effects) {
  Impl& impl = *impl_;
  std::string& buffer = impl.writer.buffer();
  const size_t before = buffer.size();
  if (impl.config.aof_timestamp_enabled) {
    const int64_t seconds = impl.services.clock.WallMicros() / 1'000'000;
    if (seconds > impl.annotated_seconds) {
      impl.annotated_seconds = seconds;
      buffer.append("#TS:").append(std::to_string(seconds)).append("\r\n");
    }
  }
  impl.encoder.Append(effects, &buffer);
  impl.status.aof_buffer_bytes += buffer.size() - before;
}

void AofLog::Flush() {
  impl_->writer.Flush();
}

void AofLog::Cron() {
  Impl& impl = *impl_;
  impl.writer.Cron();
  if (!impl.manifest_unsynced) return;
  const int64_t now = impl.services.clock.MonotonicMicros();
  if (now < impl.next_sync_micros) return;
  impl.next_sync_micros = now + kRetryMicros;
  if (!impl.folder.SyncDirectory().ok()) return;
  impl.manifest_unsynced = false;
  impl.RemoveHistory();
}

FileStatus AofLog::FlushAndSync() {
  return impl_->writer.FlushAndSync();
}

void AofLog::OnConfigChanged() {
  impl_->writer.ApplyPolicy();
}

void AofLog::CollectHistory() {
  if (!impl_->manifest_unsynced) impl_->RemoveHistory();
}

void AofLog::set_flush_delay_micros(int64_t micros) {
  impl_->writer.set_flush_delay_micros(micros);
}

void AofLog::Impl::Listen(std::unique_ptr<File> file, uint64_t size) {
  writer.Use(std::move(file), size);
  encoder.ForgetDatabase();
  if (!listening) services.effects->AddSink(log, kEffectAof);
  listening = true;
}

void AofLog::Impl::ListenNoLonger() {
  if (listening) services.effects->RemoveSink(log);
  listening = false;
  writer.Close();
}

// ---- On and off.

Status AofLog::Start() {
  Impl& impl = *impl_;
  if (Status made = impl.folder.MakeDirectory(); !made.ok()) return made;
  AofManifest next = impl.manifest;
  const bool had_file = !next.incremental().empty();
  uint64_t other_bytes = 0;
  if (next.empty()) {
    const std::string name =
        next.SetNewBase(impl.config.appendfilename, impl.config.aof_use_rdb_preamble).name;
    if (Status written = impl.WriteFirstBase(name); !written.ok()) return written;
    KEYWAY_NOTICE() << "Creating AOF base file " << name << " on server start";
  }
  const AofPart part =
      had_file ? next.incremental().back() : next.AddIncremental(impl.config.appendfilename);
  // The process before may have gone on with one of these after it had named the next one. What was
  // loaded of it must not be lost when later effects are on the disk.
  for (const AofPart& earlier : next.incremental()) {
    if (earlier == part) break;
    const auto file = impl.OpenIncremental(earlier.name, OpenMode::kAppend);
    if (!file.ok()) return file.error();
    if (const FileStatus synced = (*file)->Sync(); !synced.ok()) {
      return Error{"Fail to fsync the AOF file " + earlier.name + ": " + synced.error().message};
    }
  }
  Expected<std::unique_ptr<File>> file = impl.OpenIncremental(
      part.name, had_file ? OpenMode::kAppend : OpenMode::kCreate);
  if (!file.ok()) return file.error();
  const FileResult<uint64_t> size = (*file)->Size();
  if (!size.ok()) {
    return Error{"Unable to obtain the AOF file " + part.name +
                 " length. stat: " + size.error().message};
  }
  // Also a manifest that is there may have been put there just before the last process ended.
  const auto stored = next == impl.manifest ? impl.folder.SyncDirectory() : impl.folder.Store(next);
  if (!stored.ok()) return Error{stored.error().message};
  if (!impl.manifest.empty()) other_bytes = impl.SizeOfAllBut(part, next);
  impl.manifest = std::move(next);
  impl.status.aof_on = true;
  impl.status.aof_base_size = 0;
  if (impl.manifest.base().has_value() && other_bytes > 0) {
    impl.status.aof_base_size = impl.folder.SizeOf(impl.manifest.base()->name);
  }
  impl.Listen(std::move(*file), *size);
  impl.writer.set_other_bytes(other_bytes);
  KEYWAY_NOTICE() << (had_file ? "Opening" : "Creating") << " AOF incr file " << part.name
                  << " on server start";
  impl.RemoveHistory();
  return {};
}

Status AofLog::Impl::WriteFirstBase(const std::string& name) {
  const std::string path = "temp-rewriteaof-" + std::to_string(getpid()) + ".aof";
  FileResult<std::unique_ptr<File>> file = files.Open(path, OpenMode::kCreate);
  if (!file.ok()) {
    return Error{"Opening the temp file for AOF rewrite in rewriteAppendOnlyFile(): " +
                 file.error().message};
  }
  FileStatus written = config.aof_use_rdb_preamble
                           ? WriteDataset(**file, services, {.aof_base = true, .progress = {}})
                           : WriteDatasetAsCommands(**file, services, {.progress = {}});
  if (written.ok()) written = (*file)->Sync();
  file->reset();
  if (!written.ok()) {
    (void)files.Remove(path);  // what has failed before counts
    return Error{"Write error writing append only file on disk: " + written.error().message};
  }
  if (const FileStatus renamed = files.Rename(path, folder.PathOf(name)); !renamed.ok()) {
    (void)files.Remove(path);
    return Error{"Error moving temp append only file on the final destination: " +
                 renamed.error().message};
  }
  return {};
}

Expected<std::unique_ptr<File>> AofLog::Impl::OpenIncremental(const std::string& name,
                                                              OpenMode mode) {
  FileResult<std::unique_ptr<File>> file = files.Open(folder.PathOf(name), mode);
  if (!file.ok()) {
    return Error{"Can't open the append-only file " + name + ": " + file.error().message};
  }
  // An earlier process may have left a file of that name behind, whose contents must not come back
  // with a loss of power; or it has written what was loaded just now, which must not be lost with it.
  if (const FileStatus synced = (*file)->Sync(); !synced.ok()) {
    return Error{"Fail to fsync the AOF file " + name + ": " + synced.error().message};
  }
  return std::move(file).value();
}

uint64_t AofLog::Impl::SizeOfAllBut(const AofPart& last, const AofManifest& of) {
  uint64_t bytes = of.base().has_value() ? folder.SizeOf(of.base()->name) : 0;
  for (const AofPart& part : of.incremental()) {
    if (part != last) bytes += folder.SizeOf(part.name);
  }
  return bytes;
}

Status AofLog::StartWithRewrite() {
  Impl& impl = *impl_;
  CHECK(!impl.status.aof_on);
  if (Status made = impl.folder.MakeDirectory(); !made.ok()) return made;
  impl.writer.ForgetErrors();
  impl.status.aof_on = true;
  impl.status.aof_waits_for_rewrite = true;
  return {};
}

void AofLog::Stop() {
  Impl& impl = *impl_;
  if (!impl.status.aof_on) return;
  if (const FileStatus synced = FlushAndSync(); !synced.ok()) {
    KEYWAY_WARNING() << "Fail to fsync the AOF file: " << synced.error().message;
  }
  impl.ListenNoLonger();
  if (impl.status.aof_waits_for_rewrite) impl.RemoveTemporary();
  impl.status.aof_on = false;
  impl.status.aof_waits_for_rewrite = false;
}

// ---- A rewrite.

Status AofLog::BeginRewrite() {
  Impl& impl = *impl_;
  if (Status made = impl.folder.MakeDirectory(); !made.ok()) return made;
  if (!impl.status.aof_on) return {};
  if (impl.status.aof_waits_for_rewrite) {
    impl.ListenNoLonger();
    const std::string name = impl.folder.TemporaryName();
    Expected<std::unique_ptr<File>> file = impl.OpenIncremental(name, OpenMode::kCreate);
    if (!file.ok()) return file.error();
    KEYWAY_NOTICE() << "Creating AOF incr file " << name << " on background rewrite";
    impl.Listen(std::move(*file), 0);
    impl.writer.set_other_bytes(0);
    return {};
  }
  // A file that is no longer the last must be whole: only the end of the last one may be cut off.
  // And what comes into the new file must not be in what the child is about to write.
  if (const FileStatus synced = FlushAndSync(); !synced.ok()) {
    return Error{"Can't rewrite append only file in background: the present one cannot be written: " +
                 synced.error().message};
  }
  AofManifest next = impl.manifest;
  const std::string name = next.AddIncremental(impl.config.appendfilename).name;
  Expected<std::unique_ptr<File>> file = impl.OpenIncremental(name, OpenMode::kCreate);
  if (!file.ok()) return file.error();
  const auto stored = impl.folder.Store(next);
  if (!stored.ok() && !stored.error().replaced) return Error{stored.error().message};
  // Whichever manifest a loss of power leaves, the file before this one is whole, and nothing that is
  // in this one has been promised before its name is on the disk.
  if (!stored.ok()) *file = impl.folder.SyncedWithDirectory(std::move(*file));
  impl.manifest = std::move(next);
  impl.manifest_unsynced = !stored.ok();
  KEYWAY_NOTICE() << "Creating AOF incr file " << name << " on background rewrite";
  const uint64_t bytes_before = impl.status.aof_current_size;
  impl.Listen(std::move(*file), 0);
  impl.writer.set_other_bytes(bytes_before);
  if (!stored.ok()) return Error{stored.error().message};
  return {};
}

Status AofLog::EndRewrite(const std::string& path) {
  Impl& impl = *impl_;
  const bool waits = impl.status.aof_waits_for_rewrite;
  if (waits && !impl.listening) return Error{"The AOF rewrite was not begun"};
  AofManifest next = impl.manifest;
  const std::string base =
      next.SetNewBase(impl.config.appendfilename, impl.config.aof_use_rdb_preamble).name;
  if (const FileStatus renamed = impl.Rename(path, impl.folder.PathOf(base)); !renamed.ok()) {
    return Error{"Error trying to rename the temporary AOF base file " + path + " into " +
                 impl.folder.PathOf(base) + ": " + renamed.error().message};
  }
  KEYWAY_NOTICE() << "Successfully renamed the temporary AOF base file " << path << " into " << base;
  std::string incremental;
  if (waits) {
    const std::string name = impl.folder.TemporaryName();
    incremental = next.AddIncremental(impl.config.appendfilename).name;
    const FileStatus renamed =
        impl.Rename(impl.folder.PathOf(name), impl.folder.PathOf(incremental));
    if (!renamed.ok()) {
      impl.Remove(base);
      return Error{"Error trying to rename the temporary AOF incr file " + name + " into " +
                   incremental + ": " + renamed.error().message};
    }
    KEYWAY_NOTICE() << "Successfully renamed the temporary AOF incr file " << name << " into "
                    << incremental;
  }
  next.RetireIncremental(impl.status.aof_on ? 1 : 0);
  const auto stored = impl.folder.Store(next);
  if (!stored.ok() && !stored.error().replaced) {
    impl.Remove(base);
    if (waits) impl.Remove(incremental);
    return Error{stored.error().message};
  }
  impl.manifest = std::move(next);
  if (impl.status.aof_on) {
    impl.writer.set_other_bytes(impl.folder.SizeOf(base));
    impl.status.aof_base_size = impl.status.aof_current_size;
  }
  impl.manifest_unsynced = !stored.ok();
  if (!stored.ok()) return Error{stored.error().message};
  impl.status.aof_waits_for_rewrite = false;
  impl.RemoveHistory();
  return {};
}

void AofLog::AbandonRewrite() {
  if (!impl_->status.aof_waits_for_rewrite) return;
  impl_->ListenNoLonger();
  impl_->RemoveTemporary();
}

FileStatus AofLog::Impl::Rename(const std::string& from, const std::string& to) {
  LatencyMonitor* latency = services.latency;
  const int64_t start = services.clock.MonotonicMicros();
  FileStatus renamed = files.Rename(from, to);
  if (latency != nullptr && latency->enabled()) {
    latency->Add("aof-rename", services.clock.MonotonicMicros() - start);
  }
  return renamed;
}

bool AofLog::Impl::Remove(const std::string& name) {
  const std::string path = folder.PathOf(name);
  FileResult<std::unique_ptr<File>> file = files.Open(path, OpenMode::kRead);
  const FileStatus removed = files.Remove(path);
  if (file.ok()) writer.CloseLater(std::move(*file));
  if (removed.ok() || removed.error().code == ENOENT) return true;
  KEYWAY_WARNING() << "Can't remove the AOF file " << name << ": " << removed.error().message;
  return false;
}

void AofLog::Impl::RemoveTemporary() {
  const std::string name = folder.TemporaryName();
  const FileResult<bool> there = files.Exists(folder.PathOf(name));
  if (there.ok() && !*there) return;
  KEYWAY_NOTICE() << "Removing the temp incr aof file " << name << " in the background";
  Remove(name);
}

void AofLog::Impl::RemoveHistory() {
  if (config.aof_disable_auto_gc || manifest.history().empty()) return;
  bool gone = true;
  for (const AofPart& part : manifest.history()) {
    KEYWAY_NOTICE() << "Removing the history file " << part.name << " in the background";
    gone &= Remove(part.name);
  }
  if (!gone) return;  // the next rewrite or start tries again
  AofManifest next = manifest;
  next.ForgetHistory();
  const auto stored = folder.Store(next);
  // The manifest before it is just as true.
  if (stored.ok() || stored.error().replaced) manifest = std::move(next);
  if (!stored.ok()) KEYWAY_WARNING() << stored.error().message;
}

}  // namespace keyway::shard::persistence
