// Persistence put together: what is loaded at the start, the RDB file, the append-only file and the
// child that writes either.
#pragma once

#include <functional>
#include <utility>

#include "shard/persistence/aof/aof_log.h"
#include "shard/persistence/aof/aof_rewriter.h"
#include "shard/persistence/child/child_process.h"
#include "shard/persistence/files/file_system.h"
#include "shard/persistence/loading/loader.h"
#include "shard/persistence/snapshot/snapshots.h"
#include "shard/server/persistence.h"

namespace keyway::shard::persistence {

class Engine final : public Persistence {
 public:
  // Both outlive the engine. `serve_while_loading` is called many times a second while Start loads:
  // it lets the loop turn once.
  Engine(Services& services, FileSystem& files, std::function<void()> serve_while_loading);
  ~Engine() override;

  // Loads what there is, while the loop turns now and then, and opens the append-only file. The error,
  // for the log, ends the start.
  Status Start();
  // To be called before Start, as clients may change directives while it loads.
  void ConnectConfig();

  AofLog& aof() { return aof_; }

  // --- For replication.
  // Before Start.
  void set_start_options(Loader::StartOptions options) {
    loader_.set_start_options(std::move(options));
  }
  // After Start: what the RDB file said about replication, if that is what was loaded.
  const DatasetOrigin& origin() const { return loader_.origin(); }
  // Another data set is about to take the place of this one: ends the append-only file, until
  // RestartAof, and a child that saves. `to_file`: the other one becomes the RDB file.
  void PrepareForReplacement(bool to_file);
  // The append-only file that PrepareForReplacement has ended begins anew, if appendonly is on. The
  // process ends if that fails again and again.
  void RestartAof();
  // For full syncs, which write the same file, or to a pipe instead, in the same child.
  FileSystem& files() { return files_; }
  ChildProcess& child() { return child_; }
  Snapshots& snapshots() { return snapshots_; }
  PersistenceStatus& mutable_status() { return status_; }

  // Persistence
  Status Save() override;
  Expected<Begun> SaveInBackground(bool schedule) override;
  Expected<Begun> RewriteInBackground() override;
  Status Reload(const ReloadOptions& options) override;
  Status LoadAof() override;
  void SetAofFlushDelay(int64_t micros) override { aof_.set_flush_delay_micros(micros); }
  void AfterFlushAll() override;
  bool PrepareForEnd(SaveAtEnd save, bool force) override;
  void End() override;
  void Cron() override;

 private:
  void EmptyDataset();
  void CloseAof();

  Services& services_;
  FileSystem& files_;
  ChildProcess child_;
  Snapshots snapshots_;
  Loader loader_;
  AofLog aof_;
  AofRewriter rewriter_;
  bool started_ = false;
};

}  // namespace keyway::shard::persistence
