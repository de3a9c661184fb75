#include "shard/persistence/snapshot/snapshots.h"

#include <signal.h>
#include <unistd.h>

#include <climits>
#include <string>
#include <string_view>

#include "common/log/log.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/persistence/child/temporary_file.h"
#include "shard/persistence/snapshot/dataset_writer.h"
#include "shard/server/latency_monitor.h"
#include "shard/server/transactions.h"

namespace keyway::shard::persistence {
namespace {

// After a save that has failed, before the next one that nobody asks for.
constexpr int64_t kRetrySeconds = 5;

std::string TemporaryName(int64_t pid) {
  return "temp-" + std::to_string(pid) + ".rdb";
}

std::string WorkingDirectory() {
  char path[PATH_MAX];
  return getcwd(path, sizeof(path)) == nullptr ? "unknown" : path;
}

}  // namespace

Snapshots::Snapshots(Services& services, FileSystem& files, ChildProcess& child,
                     PersistenceStatus& status)
    : services_(services), files_(files), child_(child), status_(status) {}

int64_t Snapshots::NowSeconds() const {
  return services_.clock.WallMicros() / 1'000'000;
}

Status Snapshots::Save() {
  if (child_.running(ChildKind::kSnapshot)) {
    return Error{"ERR Background save already in progress"};
  }
  ++status_.saves;
  if (!Write()) return Error{"ERR"};
  return {};
}

Expected<Persistence::Begun> Snapshots::SaveInBackground(bool schedule) {
  if (child_.running(ChildKind::kSnapshot)) {
    return Error{"ERR Background save already in progress"};
  }
  // A transaction is not to wait for a fork between its commands.
  const bool in_exec = services_.transactions != nullptr && services_.transactions->executing();
  if (in_exec || (child_.running() && schedule)) {
    status_.bgsave_scheduled = true;
    return Persistence::Begun::kScheduled;
  }
  if (child_.running()) {
    return Error{
        "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE "
        "in "
        "order to schedule a BGSAVE whenever possible."};
  }
  if (!Fork()) return Error{"ERR"};
  return Persistence::Begun::kNow;
}

bool Snapshots::Fork() {
  if (child_.running()) return false;
  ++status_.saves;
  changes_at_fork_ = services_.keyspace.changes();
  status_.last_bgsave_try_seconds = NowSeconds();
  const ChildProcess::Options options = {.kind = ChildKind::kSnapshot,
                                         .keys_total = services_.keyspace.KeyCount(),
                                         .title = "keyway-rdb-bgsave",
                                         .cpu_list = services_.config.bgsave_cpulist};
  const Status started = child_.Start(
      options,
      [this](ChildReport& report) {
        return WriteFile([&report](uint64_t keys) { report.Keys(keys); });
      },
      [this](const ChildResult& result) { OnChildEnd(result); });
  if (!started.ok()) {
    status_.last_bgsave_ok = false;
    KEYWAY_WARNING() << "Can't save in background: fork: " << started.error().message;
    return false;
  }
  KEYWAY_NOTICE() << "Background saving started by pid " << child_.pid();
  status_.bgsave_started_seconds = NowSeconds();
  return true;
}

bool Snapshots::Write() {
  if (!WriteFile(nullptr)) return false;
  status_.changes_at_last_save = services_.keyspace.changes();
  status_.last_save_seconds = NowSeconds();
  status_.last_bgsave_ok = true;
  return true;
}

// In the server's process or in the child.
bool Snapshots::WriteFile(const std::function<void(uint64_t keys)>& progress) {
  const std::string& name = services_.config.dbfilename;
  const std::string temporary = TemporaryName(getpid());
  auto file = files_.Open(temporary, OpenMode::kCreate);
  if (!file.ok()) {
    KEYWAY_WARNING() << "Failed opening the temp RDB file " << temporary << " (in server root dir "
                     << WorkingDirectory() << ") for saving: " << file.error().message;
    return false;
  }
  const auto failed = [&](std::string_view operation, const FileError& error) {
    KEYWAY_WARNING() << "Write error saving DB on disk(" << operation << "): " << error.message;
    file->reset();
    (void)files_.Remove(temporary);  // what has failed before counts
    return false;
  };
  const FileStatus written = WriteDataset(
      **file, services_,
      {.incremental_sync = services_.config.rdb_save_incremental_fsync,
       .place = Place(),
       .progress = progress});
  if (!written.ok()) return failed("rdbSaveRio", written.error());
  if (const FileStatus synced = (*file)->Sync(); !synced.ok()) {
    return failed("fsync", synced.error());
  }
  file->reset();
  if (const FileStatus renamed = files_.Rename(temporary, name); !renamed.ok()) {
    KEYWAY_WARNING() << "Error moving temp DB file " << temporary << " on the final destination "
                     << name << " (in server root dir " << WorkingDirectory()
                     << "): " << renamed.error().message;
    (void)files_.Remove(temporary);
    return false;
  }
  if (const FileStatus synced = files_.SyncDirectory(DirectoryOf(name)); !synced.ok()) {
    return failed("fsyncFileDir", synced.error());
  }
  KEYWAY_NOTICE() << "DB saved on disk";
  return true;
}

void Snapshots::KillChild() {
  if (child_.running(ChildKind::kSnapshot)) child_.Kill();
}

bool Snapshots::MayTryAgain(int64_t now_seconds) const {
  return status_.last_bgsave_ok || now_seconds - status_.last_bgsave_try_seconds > kRetrySeconds;
}

void Snapshots::Cron() {
  if (child_.running()) return;
  const int64_t now = NowSeconds();
  if (!MayTryAgain(now)) return;
  const uint64_t changes = services_.keyspace.changes() - status_.changes_at_last_save;
  for (const SavePoint& point : services_.config.save) {
    if (changes < static_cast<uint64_t>(point.changes) ||
        now - status_.last_save_seconds <= point.seconds) {
      continue;
    }
    KEYWAY_NOTICE() << point.changes << " changes in " << point.seconds << " seconds. Saving...";
    Fork();
    break;
  }
  if (status_.bgsave_scheduled && !child_.running() && MayTryAgain(now) && Fork()) {
    status_.bgsave_scheduled = false;
  }
}

void Snapshots::RemoveFileOf(int64_t pid) {
  const int64_t began = services_.clock.MonotonicMicros();
  RemoveTemporaryFile(files_, TemporaryName(pid), services_.keyspace.lazy_free());
  if (services_.latency != nullptr) {
    services_.latency->Add("rdb-unlink-temp-file", services_.clock.MonotonicMicros() - began);
  }
}

void Snapshots::OnChildEnd(const ChildResult& result) {
  const int64_t now = NowSeconds();
  if (result.signal != 0) {
    KEYWAY_WARNING() << "Background saving terminated by signal " << result.signal;
    RemoveFileOf(result.pid);
    // Whoever sends this one wants no alarm.
    if (result.signal != SIGUSR1) status_.last_bgsave_ok = false;
  } else if (result.exit_code != 0) {
    KEYWAY_WARNING() << "Background saving error";
    status_.last_bgsave_ok = false;
  } else {
    KEYWAY_NOTICE() << "Background saving terminated with success";
    status_.changes_at_last_save = changes_at_fork_;
    status_.last_save_seconds = now;
    status_.last_bgsave_ok = true;
    status_.last_bgsave_cow_bytes = result.cow_bytes;
  }
  status_.last_bgsave_took_seconds = now - status_.bgsave_started_seconds;
  status_.bgsave_started_seconds = -1;
  if (on_child_end_) on_child_end_(result.signal == 0 && result.exit_code == 0);
}

}  // namespace keyway::shard::persistence
