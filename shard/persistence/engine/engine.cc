#include "shard/persistence/engine/engine.h"

#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "common/config/registry.h"
#include "common/log/log.h"
#include "common/net/event_loop.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/server/effects.h"
#include "shard/server/scripts.h"

namespace keyway::shard::persistence {
namespace {

constexpr int kAofRestarts = 10;

}  // namespace

Engine::Engine(Services& services, FileSystem& files, std::function<void()> serve_while_loading)
    : services_(services),
      files_(files),
      child_(services, status_),
      snapshots_(services, files, child_, status_),
      loader_(services, files, status_,
              [this, serve = std::move(serve_while_loading)] {
                // DEBUG RELOAD is a command: the loop is on the stack already.
                if (!started_) serve();
              }),
      aof_(services, files, status_),
      rewriter_(services, files, child_, aof_, status_) {
  status_.last_save_seconds = services.clock.WallMicros() / 1'000'000;
  services.loop.BeforeWrites([this] { aof_.Flush(); });
}

Engine::~Engine() = default;

Status Engine::Start() {
  auto manifest = loader_.ReadManifest();
  if (!manifest.ok()) return manifest.error();
  if (Status loaded = loader_.LoadAtStart(*manifest); !loaded.ok()) return loaded;
  status_.changes_at_last_save = services_.keyspace.changes();
  aof_.set_manifest(std::move(manifest).value());
  if (services_.config.appendonly) {
    if (Status opened = aof_.Start(); !opened.ok()) return opened;
  }
  started_ = true;
  return {};
}

void Engine::ConnectConfig() {
  services_.registry.OnApply({"appendonly"}, [this]() -> Status {
    if (services_.config.appendonly && !aof_.on()) return rewriter_.SwitchOn();
    if (!services_.config.appendonly && aof_.on()) rewriter_.SwitchOff();
    return {};
  });
  services_.registry.OnApply({"appendfsync"}, [this]() -> Status {
    if (started_) aof_.OnConfigChanged();
    return {};
  });
  services_.registry.OnApply({"aof-disable-auto-gc"}, [this]() -> Status {
    aof_.CollectHistory();
    return {};
  });
}

Status Engine::Save() {
  return snapshots_.Save();
}

Expected<Persistence::Begun> Engine::SaveInBackground(bool schedule) {
  return snapshots_.SaveInBackground(schedule);
}

Expected<Persistence::Begun> Engine::RewriteInBackground() {
  return rewriter_.RewriteInBackground();
}

// --- Replication

void Engine::PrepareForReplacement(bool to_file) {
  if (aof_.on()) rewriter_.SwitchOff();
  if (!child_.running(ChildKind::kSnapshot)) return;
  if (to_file) {
    KEYWAY_NOTICE() << "Replica is about to load the RDB file received from the master, but there "
                       "is a pending RDB child running. Killing process "
                    << child_.pid() << " and removing its temp file to avoid any race";
  }
  snapshots_.KillChild();
}

void Engine::RestartAof() {
  if (!services_.config.appendonly || aof_.on()) return;
  for (int attempt = 0; attempt < kAofRestarts; ++attempt) {
    if (rewriter_.SwitchOn().ok()) return;
    KEYWAY_WARNING() << "Failed enabling the AOF after successful master synchronization! Trying "
                        "it again in one second.";
    sleep(1);
  }
  KEYWAY_WARNING() << "FATAL: this replica instance finished the synchronization with its master, "
                      "but the AOF can't be turned on. Exiting now.";
  std::_Exit(1);
}

// --- DEBUG

void Engine::EmptyDataset() {
  services_.keyspace.FlushAll(false);
  if (services_.scripts != nullptr) services_.scripts->ClearLibraries();
}

Status Engine::Reload(const ReloadOptions& options) {
  if (status_.loading || status_.async_loading) return Error{kLoadingError};
  if (options.save && !snapshots_.Write()) return Error{"ERR"};
  // What emptying counts as changes is none: the same keys come back, as a rule.
  const uint64_t unsaved = services_.keyspace.changes() - status_.changes_at_last_save;
  if (options.flush) EmptyDataset();
  const Status loaded = loader_.LoadRdb(options.merge);
  status_.changes_at_last_save = services_.keyspace.changes() - unsaved;
  if (!loaded.ok()) return Error{"ERR Error trying to load the RDB dump"};  // why is in the log
  KEYWAY_WARNING() << "DB reloaded by DEBUG RELOAD";
  return {};
}

Status Engine::LoadAof() {
  if (status_.loading || status_.async_loading) return Error{kLoadingError};
  if (aof_.on()) {
    if (FileStatus flushed = aof_.FlushAndSync(); !flushed.ok()) {
      return Error{"ERR Error writing the append only file: " + flushed.error().message};
    }
  } else if (aof_.manifest().empty()) {
    return Error{"ERR There is no append only file"};
  }
  EmptyDataset();
  if (const Status loaded = loader_.LoadAof(aof_.manifest()); !loaded.ok()) {
    // What is in memory now is neither what was there nor what is on the disk.
    KEYWAY_WARNING() << loaded.error().message;
    std::_Exit(1);
  }
  status_.changes_at_last_save = services_.keyspace.changes();
  KEYWAY_WARNING() << "Append Only File loaded by DEBUG LOADAOF";
  return {};
}

// --- FLUSHALL and the end

void Engine::AfterFlushAll() {
  if (!started_ || status_.loading) return;  // a command of the append-only file
  if (child_.running(ChildKind::kSnapshot)) snapshots_.KillChild();
  if (!services_.config.save.empty()) snapshots_.Write();
}

// In the order, and with the lines, of Redis 7.0.
bool Engine::PrepareForEnd(SaveAtEnd save, bool force) {
  if (child_.running(ChildKind::kSnapshot)) {
    KEYWAY_WARNING() << "There is a child saving an .rdb. Killing it!";
    snapshots_.KillChild();
  }
  if (child_.running(ChildKind::kRewrite)) {
    // The incremental file alone is not the data set.
    if (status_.aof_waits_for_rewrite && !force) {
      KEYWAY_WARNING() << "Writing initial AOF, can't exit.";
      return false;
    }
    if (status_.aof_waits_for_rewrite) KEYWAY_WARNING() << "Writing initial AOF. Exit anyway.";
    KEYWAY_WARNING() << "There is a child rewriting the AOF. Killing it!";
    rewriter_.KillChild();
  }
  if (aof_.on()) CloseAof();
  const bool saves = save == SaveAtEnd::kYes ||
                     (save == SaveAtEnd::kAuto && !services_.config.save.empty());
  if (!saves) return true;
  KEYWAY_NOTICE() << "Saving the final RDB snapshot before exiting.";
  if (snapshots_.Write()) return true;
  KEYWAY_WARNING() << (force ? "Error trying to save the DB. Exit anyway."
                             : "Error trying to save the DB, can't exit.");
  return force;
}

void Engine::CloseAof() {
  KEYWAY_NOTICE() << "Calling fsync() on the AOF file.";
  if (const FileStatus synced = aof_.FlushAndSync(); !synced.ok()) {
    KEYWAY_WARNING() << "Fail to fsync the AOF file: " << synced.error().message << ".";
  }
}

void Engine::End() {
  if (aof_.on()) services_.effects->RemoveSink(aof_);
}

void Engine::Cron() {
  aof_.Cron();
  rewriter_.StartScheduled();
  snapshots_.Cron();
  rewriter_.Cron();
}

}  // namespace keyway::shard::persistence
