// Full syncs: the data set, written by a child as it is at the fork, and from there on the stream.
// All replicas that wait when a child is forked share it.
//
// By a file (repl-diskless-sync no): the child is that of BGSAVE and writes dbfilename; replicas
// that come while it runs may join, if one waits for it already and the stream is kept from the fork
// on. By a pipe: the child's bytes go to all replicas at once, as fast as the slowest takes them;
// who comes later waits for the next child. When, and with which log lines, is as in redis-server
// 7.0.15.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "shard/persistence/engine/engine.h"
#include "shard/replication/dataset_pipe.h"
#include "shard/replication/replica.h"
#include "shard/replication/stream.h"
#include "shard/server/command_context.h"

namespace keyway::shard::replication {

class FullSync {
 public:
  // All outlive the object. `replicas`: those that are connected.
  FullSync(Services& services, ReplicationStream& stream, persistence::Engine& persistence,
           const std::vector<Replica*>& replicas);
  ~FullSync();

  // `replica`, in the state kWaitsForStart, is one of the replicas now. It may be on its way to be
  // disconnected when this returns.
  void Begin(Replica& replica);
  // Forks for those that wait, if it is time. Ten times a second.
  void StartPending();
  // Once a second: what full syncs leave behind, replicas that do not take their data.
  void Cron();
  // At the end of a pass: goes on with the pipe if there is room again. Returns whether the loop
  // should come back at once.
  bool Pump();
  // Its file is in its output and that is empty.
  void OnFileSent(Replica& replica);
  // It is one of the replicas no longer.
  void OnGone(const Replica& replica);

 private:
  bool PipeRuns() const { return pipe_ != nullptr; }
  Replica* FindToJoin(const Replica& replica) const;
  void Fork(const ReplicaTraits& common);
  bool ForkForPipe(const ReplicaTraits& common);
  void SetUp(Replica& replica, uint64_t offset);
  void FailWaiting();
  void OnFileEnd(bool ok);
  void SendFile(Replica& replica);
  void OnPipeBytes(std::string_view bytes);
  void OnPipeEnd(const char* error);
  void OnPipeChildEnd(const persistence::ChildResult& result);
  void EndPipe(bool ok);
  // Whether it may get the stream. False: it wanted none.
  bool PutOnline(Replica& replica);
  void Drop(Replica& replica);
  void RemoveFileOfSync();
  template <typename Visit>
  void ForEachOfPipe(Visit visit) const;

  Services& services_;
  ReplicationStream& stream_;
  persistence::Engine& persistence_;
  const std::vector<Replica*>& replicas_;
  std::unique_ptr<DatasetPipe> pipe_;      // while there is something to read, or its child runs
  bool pipe_ended_ = false;                // all has been read
  std::optional<bool> pipe_child_ok_;      // its child is gone
  bool file_is_for_sync_ = false;          // rdb-del-sync-files
};

}  // namespace keyway::shard::replication
