// An append-only file on a disk in memory, whose effects are numbers added to a list, one after the
// other: whatever is loaded from it must be the first so many of them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "shard/persistence/aof/aof_log.h"
#include "shard/server/effects.h"
#include "shard/server/persistence.h"
#include "tests/support/files/memory_file_system.h"
#include "tests/unit/shard/server/client_rig.h"

namespace keyway::shard::persistence {

// Calls `condition` until it holds, for ten seconds at most.
template <typename Condition>
bool Eventually(Condition condition) {
  const int64_t end = SystemClock::Instance().MonotonicMicros() + 10'000'000;
  while (!condition()) {
    if (SystemClock::Instance().MonotonicMicros() > end) return false;
  }
  return true;
}

class AofLogRig {
 public:
  static constexpr char kManifest[] = "appendonlydir/appendonly.aof.manifest";
  static constexpr char kChildFile[] = "temp-rewriteaof-bg-1.aof";

  explicit AofLogRig(AppendFsync policy);
  ~AofLogRig();

  // A process starts that has loaded what is on the disk.
  Status Start();
  // A process starts without the append-only file, having loaded `numbers` from elsewhere.
  void StartWithout(int numbers);
  // The process is gone; what the side thread had is written.
  void End();

  // Effects: the next number, or the next two in a transaction, in some database.
  void Add();
  void AddPair();
  void AddSome(int units);
  // A pass ends. False: the process would have ended.
  bool Flush();
  // All that there is gets to the disk.
  bool FlushAndSync();

  // BeginRewrite, and what the child writes then.
  bool Begin();
  bool Finish() { return log->EndRewrite(kChildFile).ok(); }

  // What a start would load: how many numbers. An error says why it would not start. The end of the
  // last file, where it was cut off, is removed.
  Expected<int> Load();
  // The same, and the manifest.
  Expected<int> Load(AofManifest* manifest);
  std::string Manifest() const { return files.Contents(kManifest).value_or("none"); }
  std::string Contents(const std::string& name) const {
    return files.Contents("appendonlydir/" + name).value_or("none");
  }

  MemoryFileSystem files;
  ManualClock clock;
  ClientRig rig;
  Effects effects;
  PersistenceStatus status;
  std::chrono::microseconds sync_interval = std::chrono::hours(1);
  std::unique_ptr<AofLog> log;
  int next = 0;  // numbers so far
  int units = 0;
  bool dead = false;  // on_fatal was called

 private:
  void MakeLog(AofManifest manifest);
  void Unit(std::vector<int> numbers);
};

}  // namespace keyway::shard::persistence
