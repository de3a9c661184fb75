// The append-only file as it is written: takes the effect stream, brings it to the disk as
// appendfsync says, and keeps the manifest true.
//
//   always    before the replies of the pass are sent, all effects are written and synced
//   everysec  effects go to a side thread, which writes them at once and syncs once a second; when the
//             disk cannot keep up, the server waits after two seconds (aof_delayed_fsync)
//   no        the same without the sync
//
// What cannot be written stays in memory and is tried again; meanwhile writes are refused
// (status.aof_last_write_ok). With `always` there is nothing left to do but to end, as Redis does,
// before a reply has been sent that is not true.
//
// A sync that has failed may have cost bytes that the kernel had taken, and it says so only once: as
// Redis, the log refuses writes until a sync succeeds; then, unlike Redis, it also has the base
// rewritten (status.aof_rewrite_scheduled), which leaves the damaged file behind. A loss of power
// between the two may cost what was written since the last good sync.
//
// Sequence of a rewrite: BeginRewrite starts a new incremental file; a child writes the data set as of
// now; EndRewrite makes that file the base and what it replaces history, which is removed. At every
// point of it the manifest on the disk names files that are there and, loaded in its order, give the
// state as of the last effect that is on the disk; all of them but the last end behind a whole unit.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "common/base/expected.h"
#include "shard/persistence/aof/manifest.h"
#include "shard/persistence/files/file_system.h"
#include "shard/server/command_context.h"
#include "shard/server/effects.h"
#include "shard/server/persistence.h"

namespace keyway::shard::persistence {

class AofLog final : public EffectSink {
 public:
  struct Options {
    // A promise cannot be kept, and the log says why; empty: the process ends. If it returns, as in
    // tests, nothing is written any more.
    std::function<void()> on_fatal;
    std::chrono::microseconds sync_interval = std::chrono::seconds(1);  // of everysec
  };
  // All outlive the object.
  AofLog(Services& services, FileSystem& files, PersistenceStatus& status);
  AofLog(Services& services, FileSystem& files, PersistenceStatus& status, Options options);
  ~AofLog() override;

  // What is on the disk, from Loader::ReadManifest; before Start.
  void set_manifest(AofManifest manifest);
  const AofManifest& manifest() const;

  // At the start, when all has been loaded: opens the last incremental file, or makes a base of the
  // data set and the first one; removes history; listens to the effects from now on. The error, for
  // the log, ends the start.
  Status Start();
  // appendonly was switched on (status.aof_waits_for_rewrite): from the next BeginRewrite on, effects
  // go to a new file that is worth nothing until EndRewrite. The error is for the log.
  Status StartWithRewrite();
  // appendonly was switched off: writes and syncs what there is, and listens no longer.
  void Stop();
  bool on() const;

  // At the end of each pass, before replies are sent.
  void Flush();
  // Whenever Persistence::Cron runs: tries again what has failed, takes over what the side thread did.
  void Cron();
  // All is on the disk when this returns without an error.
  FileStatus FlushAndSync();
  // appendfsync was changed.
  void OnConfigChanged();
  // Removes what a rewrite has replaced, unless aof-disable-auto-gc says otherwise.
  void CollectHistory();

  // Before the child is forked: from now on effects go to a new incremental file. When the log is off,
  // only makes the directory. The error is for the log: no child is to be forked, among others when
  // what there is cannot be written to the present file.
  Status BeginRewrite();
  // `path`: what the child has written, synced; becomes the base. The error is for the log: all is as
  // it was before, or (when the disk does not say whether the new manifest will outlive a loss of
  // power) both the old files and the new ones are kept, until it does.
  Status EndRewrite(const std::string& path);
  // The child has failed. A log that waits for its first base listens no longer, until the next
  // BeginRewrite.
  void AbandonRewrite();

  // The next flush sleeps first: DEBUG AOF-FLUSH-SLEEP, for tests.
  void set_flush_delay_micros(int64_t micros);

  // EffectSink
  void OnUnit(std::span<const Effect> effects) override;

 private:
  struct Impl;

  std::unique_ptr<Impl> impl_;
};

}  // namespace keyway::shard::persistence
