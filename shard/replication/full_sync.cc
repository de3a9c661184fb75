#include "shard/replication/full_sync.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/log/log.h"
#include "common/net/event_loop.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/persistence/child/temporary_file.h"
#include "shard/persistence/snapshot/dataset_writer.h"
#include "shard/server/client_registry.h"

namespace keyway::shard::replication {
namespace {

constexpr int kMarkLength = 40;
constexpr int64_t kMicros = 1'000'000;

}  // namespace

FullSync::FullSync(Services& services, ReplicationStream& stream,
                   persistence::Engine& persistence, const std::vector<Replica*>& replicas)
    : services_(services), stream_(stream), persistence_(persistence), replicas_(replicas) {
  persistence_.snapshots().set_on_child_end([this](bool ok) { OnFileEnd(ok); });
}

FullSync::~FullSync() {
  persistence_.snapshots().set_on_child_end(nullptr);
  // Its end would be told to this object.
  if (PipeRuns() && !pipe_child_ok_.has_value()) persistence_.child().Kill();
}

template <typename Visit>
void FullSync::ForEachOfPipe(Visit visit) const {
  for (size_t i = replicas_.size(); i > 0; --i) {  // those behind may go meanwhile
    if (i > replicas_.size()) continue;
    Replica& replica = *replicas_[i - 1];
    if (replica.by_pipe && replica.state == SyncState::kWaitsForEnd) visit(replica);
  }
}

// --- The beginning.

void FullSync::Begin(Replica& replica) {
  const persistence::ChildProcess& child = persistence_.child();
  const ShardConfig& config = services_.config;
  if (PipeRuns()) {
    KEYWAY_NOTICE() << "Current BGSAVE has socket target. Waiting for next BGSAVE for SYNC";
  } else if (child.running(persistence::ChildKind::kSnapshot)) {
    const Replica* const other = FindToJoin(replica);
    if (other == nullptr) {
      KEYWAY_NOTICE() << "Can't attach the replica to the current BGSAVE. Waiting for next BGSAVE "
                         "for SYNC";
      return;
    }
    SetUp(replica, other->sync_offset);
    KEYWAY_NOTICE() << "Waiting for end of BGSAVE for SYNC";
  } else if (config.repl_diskless_sync && replica.traits().can_eof &&
             config.repl_diskless_sync_delay != 0) {
    KEYWAY_NOTICE() << "Delay next BGSAVE for diskless SYNC";
  } else if (child.running()) {
    KEYWAY_NOTICE() << "No BGSAVE in progress, but another BG operation is active. BGSAVE for "
                       "replication delayed";
  } else {
    Fork(replica.traits());
  }
}

// One that waits for the child that runs, so that the stream is kept from its fork on, if the file is
// good for `replica`, too.
Replica* FullSync::FindToJoin(const Replica& replica) const {
  for (Replica* other : replicas_) {
    if (other->state != SyncState::kWaitsForEnd) continue;
    if (other->traits().rdb_only && !replica.traits().rdb_only) continue;
    const ReplicaTraits& needs = other->traits();
    const ReplicaTraits& has = replica.traits();
    const bool able = (!needs.can_eof || has.can_eof) && (!needs.can_psync2 || has.can_psync2);
    return able && has.SameFilter(needs) ? other : nullptr;
  }
  return nullptr;
}

void FullSync::StartPending() {
  if (persistence_.child().running() || PipeRuns()) return;
  const ShardConfig& config = services_.config;
  const int64_t now = services_.clock.MonotonicMicros();
  ReplicaTraits common;
  int64_t waiting = 0;
  int64_t longest = 0;
  for (const Replica* replica : replicas_) {
    if (replica->state != SyncState::kWaitsForStart) continue;
    const ReplicaTraits& traits = replica->traits();
    if (waiting == 0) {
      common = traits;
    } else if (!traits.SameFilter(common)) {
      continue;  // the next child is for these
    }
    common.can_eof = common.can_eof && traits.can_eof;
    ++waiting;
    longest = std::max(longest, now - replica->client().last_request_micros());
  }
  if (waiting == 0) return;
  const bool enough = config.repl_diskless_sync_max_replicas > 0 &&
                      waiting >= config.repl_diskless_sync_max_replicas;
  if (config.repl_diskless_sync && !enough &&
      longest < config.repl_diskless_sync_delay * kMicros) {
    return;
  }
  Fork(common);
}

// `common`: what all of those can that wait, and the filter of those whose turn it is.
void FullSync::Fork(const ReplicaTraits& common) {
  // A filtered data set must not replace the file.
  const bool pipe = (services_.config.repl_diskless_sync || common.filtered()) && common.can_eof;
  KEYWAY_NOTICE() << "Starting BGSAVE for SYNC with target: "
                  << (pipe ? "replicas sockets" : "disk");
  if (pipe ? !ForkForPipe(common) : !persistence_.snapshots().Fork()) {
    KEYWAY_WARNING() << "BGSAVE for replication failed";
    FailWaiting();
    return;
  }
  if (!pipe && services_.config.rdb_del_sync_files) file_is_for_sync_ = true;
  const uint64_t offset = stream_.offset();
  for (Replica* replica : replicas_) {
    if (replica->state != SyncState::kWaitsForStart || !replica->traits().SameFilter(common)) {
      continue;
    }
    replica->by_pipe = pipe;
    SetUp(*replica, offset);
  }
}

// The stream behind `offset` is its from now on.
void FullSync::SetUp(Replica& replica, uint64_t offset) {
  replica.sync_offset = offset;
  replica.state = SyncState::kWaitsForEnd;
  if (!replica.traits().rdb_only) {
    replica.reader = offset == stream_.offset()
                         ? stream_.ReadFromHere()
                         : stream_.Continue(stream_.id(), static_cast<int64_t>(offset) + 1);
  }
  if (!replica.says_sync) {
    replica.Send("+FULLRESYNC " + stream_.id() + " " + std::to_string(offset) + "\r\n");
  }
}

void FullSync::FailWaiting() {
  const std::vector<Replica*> replicas = replicas_;
  for (Replica* replica : replicas) {
    if (replica->state != SyncState::kWaitsForStart) continue;
    Client& client = replica->client();
    replica->state = SyncState::kSent;  // its connection is not lost
    client.set_state(StateKind::kReplica, nullptr);
    client.output().Append("-ERR BGSAVE failed, replication can't continue\r\n");
    client.CloseAfterReply();
  }
}

// --- By a file.

void FullSync::OnFileEnd(bool ok) {
  const std::vector<Replica*> replicas = replicas_;
  for (Replica* replica : replicas) {
    if (replica->state != SyncState::kWaitsForEnd || replica->by_pipe) continue;
    if (ok) {
      SendFile(*replica);
    } else {
      KEYWAY_WARNING() << "SYNC failed. BGSAVE child returned an error";
      Drop(*replica);
    }
  }
}

void FullSync::SendFile(Replica& replica) {
  persistence::FileSystem& files = persistence_.files();
  auto file = files.Open(services_.config.dbfilename, persistence::OpenMode::kRead);
  persistence::FileStatus begun;
  if (file.ok()) {
    replica.state = SyncState::kReceives;
    begun = replica.SendFile(std::move(file).value());
  } else {
    begun = file.error();
  }
  if (begun.ok()) return;
  KEYWAY_WARNING() << "SYNC failed. Can't open/stat DB after BGSAVE: " << begun.error().message;
  Drop(replica);
}

void FullSync::OnFileSent(Replica& replica) {
  replica.CloseFile();
  if (!PutOnline(replica)) replica.client().CloseAfterReply();
}

bool FullSync::PutOnline(Replica& replica) {
  if (replica.traits().rdb_only) {
    replica.state = SyncState::kSent;
    KEYWAY_NOTICE() << "RDB transfer completed, rdb only replica (" << replica.Name()
                    << ") should be disconnected asap";
    return false;
  }
  replica.state = SyncState::kOnline;
  replica.acknowledged_micros = services_.clock.MonotonicMicros();
  KEYWAY_NOTICE() << "Synchronization with replica " << replica.Name() << " succeeded";
  return true;
}

void FullSync::Drop(Replica& replica) {
  services_.clients.Close(replica.client());
}

// --- By a pipe.

bool FullSync::ForkForPipe(const ReplicaTraits& common) {
  if (persistence_.child().running()) return false;
  auto pipe = DatasetPipe::Make(services_.loop);
  if (!pipe.ok()) return false;
  pipe_ = std::move(pipe).value();
  pipe_ended_ = false;
  pipe_child_ok_.reset();
  const std::string mark = services_.random.Hex(kMarkLength);
  const auto body = [this, mark, filter = common](persistence::ChildReport& report) {
    const std::unique_ptr<persistence::File> file = pipe_->OpenForWriting();
    const auto written =
        persistence::WriteAll(*file, "$EOF:" + mark + "\r\n").ok() &&
        persistence::WriteDataset(
            *file, services_,
            {.place = persistence_.snapshots().Place(),
             .libraries = !filter.without_libraries,
             .keys = !filter.without_keys,
             .progress = [&report](uint64_t keys) { report.Keys(keys); }})
            .ok();
    return written && persistence::WriteAll(*file, mark).ok();
  };
  const Status started = persistence_.child().Start(
      {.kind = persistence::ChildKind::kSnapshot,
       .keys_total = common.without_keys ? 0 : services_.keyspace.KeyCount(),
       .title = "keyway-rdb-to-slaves",
       .cpu_list = services_.config.bgsave_cpulist,
       .descriptor = pipe_->write_end()},
      body, [this](const persistence::ChildResult& result) { OnPipeChildEnd(result); });
  if (!started.ok()) {
    KEYWAY_WARNING() << "Can't save in background: fork: " << started.error().message;
    pipe_.reset();
    return false;
  }
  KEYWAY_NOTICE() << "Background RDB transfer started by pid " << persistence_.child().pid();
  persistence_.mutable_status().bgsave_started_seconds =
      services_.clock.WallMicros() / kMicros;
  pipe_->Start([this](std::string_view bytes) { OnPipeBytes(bytes); },
               [this](const char* error) { OnPipeEnd(error); });
  return true;
}

void FullSync::OnPipeBytes(std::string_view bytes) {
  bool all_have_room = true;
  ForEachOfPipe([&](Replica& replica) {
    replica.Send(bytes);
    all_have_room = all_have_room && replica.has_room();
  });
  if (!all_have_room) pipe_->Pause();
}

bool FullSync::Pump() {
  if (!PipeRuns() || !pipe_->paused()) return false;
  bool all_have_room = true;
  bool moves = true;
  ForEachOfPipe([&](const Replica& replica) {
    if (replica.has_room()) return;
    all_have_room = false;
    moves = moves && !replica.client().stream().write_blocked();
  });
  if (all_have_room) pipe_->Resume();
  return !all_have_room && moves;
}

void FullSync::OnPipeEnd(const char* error) {
  pipe_ended_ = true;
  if (error != nullptr) {
    KEYWAY_WARNING() << "Diskless rdb transfer, read error sending DB to replicas: " << error;
    ForEachOfPipe([this](Replica& replica) { Drop(replica); });
    if (!pipe_child_ok_.has_value()) persistence_.child().Kill();
    return;
  }
  int left = 0;
  ForEachOfPipe([&left](const Replica&) { ++left; });
  KEYWAY_WARNING() << "Diskless rdb transfer, done reading from pipe, " << left
                   << " replicas still up.";
  if (pipe_child_ok_.has_value()) EndPipe(*pipe_child_ok_);
}

void FullSync::OnPipeChildEnd(const persistence::ChildResult& result) {
  if (result.signal != 0) {
    KEYWAY_WARNING() << "Background transfer terminated by signal " << result.signal;
  } else if (result.exit_code != 0) {
    KEYWAY_WARNING() << "Background transfer error";
  } else {
    KEYWAY_NOTICE() << "Background RDB transfer terminated with success";
  }
  PersistenceStatus& status = persistence_.mutable_status();
  status.last_bgsave_took_seconds =
      services_.clock.WallMicros() / kMicros - status.bgsave_started_seconds;
  status.bgsave_started_seconds = -1;
  const bool ok = result.signal == 0 && result.exit_code == 0;
  pipe_child_ok_ = ok;
  // What it has written last may still be in the pipe.
  if (!ok || pipe_ended_) EndPipe(ok);
}

void FullSync::EndPipe(bool ok) {
  ForEachOfPipe([this, ok](Replica& replica) {
    if (!ok) {
      KEYWAY_WARNING() << "SYNC failed. BGSAVE child returned an error";
      Drop(replica);
      return;
    }
    KEYWAY_NOTICE() << "Streamed RDB transfer with replica " << replica.Name()
                    << " succeeded (socket). Waiting for REPLCONF ACK from slave to enable "
                       "streaming";
    replica.waits_for_ack = !replica.has_acknowledged;
    if (!PutOnline(replica)) replica.client().CloseAfterReply();
  });
  pipe_.reset();
}

// --- Upkeep.

void FullSync::OnGone(const Replica& replica) {
  if (replica.state != SyncState::kWaitsForEnd || !persistence_.child().running()) return;
  const bool others = std::any_of(replicas_.begin(), replicas_.end(), [&](const Replica* other) {
    return other->state == SyncState::kWaitsForEnd && other->by_pipe == replica.by_pipe;
  });
  if (others) return;
  if (replica.by_pipe) {
    if (!PipeRuns() || pipe_ended_ || pipe_child_ok_.has_value()) return;
    KEYWAY_WARNING() << "Diskless rdb transfer, last replica dropped, killing fork child.";
    persistence_.child().Kill();
  } else if (services_.config.save.empty()) {
    persistence_.snapshots().KillChild();  // nobody wants the file
  }
}

void FullSync::Cron() {
  const int64_t now = services_.clock.MonotonicMicros();
  ForEachOfPipe([this, now](Replica& replica) {
    const int64_t since = replica.StuckSince(now);
    if (since == 0 || now - since <= services_.config.repl_timeout * kMicros) return;
    KEYWAY_WARNING() << "Disconnecting timedout replica (full sync): " << replica.Name();
    Drop(replica);
  });
  RemoveFileOfSync();
}

void FullSync::RemoveFileOfSync() {
  const ShardConfig& config = services_.config;
  if (!config.rdb_del_sync_files) file_is_for_sync_ = false;
  if (!file_is_for_sync_ || !config.save.empty() || config.appendonly) return;
  const bool needed = std::any_of(replicas_.begin(), replicas_.end(), [](const Replica* replica) {
    return replica->state != SyncState::kOnline && replica->state != SyncState::kSent;
  });
  if (needed) return;
  file_is_for_sync_ = false;
  const auto exists = persistence_.files().Exists(config.dbfilename);
  if (!exists.ok() || !*exists) return;
  KEYWAY_NOTICE() << "Removing the RDB file used to feed replicas in a persistence-less instance";
  persistence::RemoveTemporaryFile(persistence_.files(), config.dbfilename,
                                   services_.keyspace.lazy_free());
}

}  // namespace keyway::shard::replication
