// The RDB file: SAVE, BGSAVE, save points, and what INFO tells of them. A file is written under a
// temporary name ("temp-<pid>.rdb"), synced and renamed to dbfilename, so that there is always a
// whole one. What fails is logged in the words of redis-server.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "common/base/expected.h"
#include "shard/persistence/child/child_process.h"
#include "shard/persistence/files/file_system.h"
#include "shard/persistence/snapshot/dataset_writer.h"
#include "shard/server/command_context.h"
#include "shard/server/persistence.h"

namespace keyway::shard::persistence {

class Snapshots {
 public:
  // All outlive the object.
  Snapshots(Services& services, FileSystem& files, ChildProcess& child, PersistenceStatus& status);

  // What the data set's place in the replication stream is now; asked for each file.
  using PlaceNow = std::function<std::optional<StreamPlace>()>;
  void set_place_now(PlaceNow place_now) { place_now_ = std::move(place_now); }
  std::optional<StreamPlace> Place() const { return place_now_ ? place_now_() : std::nullopt; }
  // Called when a child of Fork is gone, after all that is noted of it; `ok`: the file is there.
  void set_on_child_end(std::function<void(bool ok)> on_child_end) {
    on_child_end_ = std::move(on_child_end);
  }

  // SAVE, in this process. The error is what a client gets ("ERR Background save already in
  // progress", "ERR").
  Status Save();
  // BGSAVE [SCHEDULE]. The error is what a client gets.
  Expected<Persistence::Begun> SaveInBackground(bool schedule);
  // Begins to write the file in a child; none may run. False: that has failed, see the log.
  bool Fork();
  // Writes the file in this process, whether a child runs or not (shutdown, DEBUG RELOAD). False:
  // that has failed, see the log.
  bool Write();
  // Ends a child that writes the file, and removes what it has written. That counts as no failure.
  void KillChild();
  // Save points and what was scheduled.
  void Cron();

 private:
  bool WriteFile(const std::function<void(uint64_t keys)>& progress);
  void RemoveFileOf(int64_t pid);
  bool MayTryAgain(int64_t now_seconds) const;
  int64_t NowSeconds() const;
  void OnChildEnd(const ChildResult& result);

  Services& services_;
  FileSystem& files_;
  ChildProcess& child_;
  PersistenceStatus& status_;
  PlaceNow place_now_;
  std::function<void(bool ok)> on_child_end_;
  uint64_t changes_at_fork_ = 0;
};

}  // namespace keyway::shard::persistence
