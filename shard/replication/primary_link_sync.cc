// The full sync: taking the data set, loading it, beginning the stream behind it.
#include <algorithm>
#include <utility>

#include "common/log/log.h"
#include "common/net/event_loop.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/persistence/child/temporary_file.h"
#include "shard/replication/primary_link_impl.h"
#include "shard/server/blocking.h"
#include "shard/server/client_registry.h"

namespace keyway::shard::replication {

using State = PrimaryLinkState;

bool PrimaryLink::Impl::BeginTransfer() {
  const DisklessLoad mode = services_.config.repl_diskless_load;
  const bool to_memory =
      mode == DisklessLoad::kSwapDb ||
      (mode == DisklessLoad::kOnEmptyDb && services_.keyspace.KeyCount() == 0);
  receiver_ = SyncReceiver::Open(
      persistence_.files(), services_.clock,
      to_memory ? SyncReceiver::Target::kMemory : SyncReceiver::Target::kFile);
  if (receiver_ == nullptr) return false;
  handshake_.reset();
  status_.state = State::kTransfer;
  status_.sync_total_bytes = -1;
  status_.sync_read_bytes = 0;
  status_.sync_left_bytes = -1;
  return true;
}

size_t PrimaryLink::Impl::OnPayloadBytes(std::string_view bytes) {
  size_t consumed = 0;
  const SyncReceiver::Outcome outcome = receiver_->Take(bytes, &consumed);
  status_.sync_total_bytes = receiver_->total_bytes();
  status_.sync_read_bytes = receiver_->received_bytes();
  status_.sync_left_bytes = status_.sync_total_bytes - status_.sync_read_bytes;
  switch (outcome) {
    case SyncReceiver::Outcome::kMore:
      break;
    case SyncReceiver::Outcome::kFailed:
      Reconnect();
      return bytes.size();
    case SyncReceiver::Outcome::kComplete:
      connection_->PauseReading();
      services_.loop.AtEndOfPass([this, attempt = std::weak_ptr<const bool>(attempt_)] {
        // A script that is under way goes on with the old data.
        services_.clients.AfterLongCall([this, attempt] {
          if (!attempt.expired()) FinishTransfer();
        });
      });
      break;
  }
  return consumed;
}

void PrimaryLink::Impl::FinishTransfer() {
  const bool to_file = receiver_->target() == SyncReceiver::Target::kFile;
  persistence_.PrepareForReplacement(to_file);
  if (to_file && !TakeFile()) {
    Reconnect();
    return;
  }
  SyncLoader::Options options;
  if (to_file) {
    options.path = services_.config.dbfilename;
  } else {
    options.memory = receiver_->TakeMemory();
    options.aside = services_.config.repl_diskless_load == DisklessLoad::kSwapDb;
    options.serve = options.aside && sync_id_ == stream_.id();
  }
  options.before_swap = [this] { LeaveOldHistory(); };
  options.progress = [this] { SendKeepAlive(); };
  sync_has_mark_ = receiver_->has_mark();
  sync_from_file_ = to_file;
  sync_aside_ = options.aside;
  receiver_.reset();
  orphan_ = false;
  if (!options.aside) LeaveOldHistory();
  if (loader_ == nullptr) loader_ = std::make_unique<SyncLoader>(services_, persistence_);
  loader_->Start(std::move(options), [this](const SyncLoader::Result& result) {
    if (orphan_) {
      OnOrphanLoaded(result);
    } else {
      OnLoaded(result);
    }
  });
}

// The file that has come is the RDB file from now on.
bool PrimaryLink::Impl::TakeFile() {
  const std::string& name = services_.config.dbfilename;
  if (!receiver_->Finish()) return false;
  const auto renamed = persistence_.files().Rename(receiver_->path(), name);
  if (!renamed.ok()) {
    KEYWAY_WARNING() << "Failed trying to rename the temp DB into " << name
                     << " in MASTER <-> REPLICA synchronization: " << renamed.error().message;
    return false;
  }
  receiver_->FileIsTaken();
  const auto synced = persistence_.files().SyncDirectory(persistence::DirectoryOf(name));
  if (synced.ok()) return true;
  KEYWAY_WARNING() << "Failed trying to sync DB directory " << name
                   << " in MASTER <-> REPLICA synchronization: " << synced.error().message;
  return false;
}

// The replicas of this server cannot follow from the old data to the new, nor can it itself.
void PrimaryLink::Impl::LeaveOldHistory() {
  DiscardHistory();
  replicas_.DisconnectAll();
  stream_.Deactivate();
}

void PrimaryLink::Impl::RemoveSyncFile() {
  if (!sync_from_file_ || !services_.config.rdb_del_sync_files) return;
  if (services_.config.appendonly || !services_.config.save.empty()) return;
  KEYWAY_NOTICE() << "Removing the RDB file obtained from the master. This replica has persistence "
                     "disabled";
  persistence::RemoveTemporaryFile(persistence_.files(), services_.config.dbfilename,
                                   services_.keyspace.lazy_free());
}

void PrimaryLink::Impl::OnLoaded(const SyncLoader::Result& result) {
  RemoveSyncFile();
  if (result.outcome != SyncLoader::Outcome::kLoaded) {
    KEYWAY_WARNING() << "Failed trying to load the MASTER synchronization DB from "
                     << (sync_from_file_ ? "disk" : "socket") << ": Invalid argument";
    Reconnect();
    return;
  }
  // There is no file of what came from the socket.
  if (!sync_from_file_) ++services_.keyspace.stats().changes;
  if (sync_id_.empty()) {
    stream_.ChangeId();
    stream_.Adopt(stream_.id(), 0);
  } else {
    stream_.Adopt(sync_id_, sync_offset_);
  }
  stream_.Activate();
  const int databases = services_.keyspace.database_count();
  const int database = std::clamp(result.origin.database, 0, databases - 1);
  const bool lost = connection_ == nullptr;
  if (!lost) BeginStream(database, connection_->retained_input_bytes());
  KEYWAY_NOTICE() << "MASTER <-> REPLICA sync: Finished with success";
  TellSystemd("Finished with success.");
  if (sync_has_mark_) Acknowledge();
  persistence_.RestartAof();
  // Who waits for a key may have got it.
  if (services_.blocking != nullptr && services_.blocking->has_ready()) {
    services_.blocking->ServeReady();
  }
  if (lost) OnStreamEnded(true, database);
}

// What has been loaded is a data set of a primary that this server does not follow any more.
void PrimaryLink::Impl::OnOrphanLoaded(const SyncLoader::Result& result) {
  orphan_ = false;
  RemoveSyncFile();
  const bool follows = !status_.host.empty();
  if (result.outcome == SyncLoader::Outcome::kLoaded && follows && !sync_id_.empty()) {
    stream_.Adopt(sync_id_, sync_offset_);
    stream_.Activate();
    SetHistory(StreamHistory{sync_id_, sync_offset_, std::max(result.origin.database, 0)});
  } else if (result.outcome == SyncLoader::Outcome::kLoaded || !sync_aside_) {
    // Nobody can go on with the history that the data have come out of.
    SetHistory(std::nullopt);
    stream_.ChangeId();
  }
  if (!follows) persistence_.RestartAof();
}

}  // namespace keyway::shard::replication
