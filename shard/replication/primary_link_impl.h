// The inside of PrimaryLink: primary_link.cc (whom to follow, upkeep, the stream),
// primary_link_connection.cc (up to the end of the handshake), primary_link_sync.cc (full syncs).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/net/stream.h"
#include "shard/replication/handshake.h"
#include "shard/replication/primary_link.h"
#include "shard/replication/primary_stream.h"
#include "shard/replication/sync_loader.h"
#include "shard/replication/sync_receiver.h"
#include "shard/server/client.h"

namespace keyway::shard::replication {

// States: kNone -> kConnect -> kConnecting -> kHandshake -> kTransfer -> kConnected, or from
// kHandshake right to kConnected, or from any of them back to kConnect or kNone. `connection_` is
// there from kConnecting to kTransfer; in kConnected it is the client's.
//
// While a data set is being loaded (loader_->running()) the state is kTransfer, unless Follow or Stop
// has been called since: then what was meant for the old primary is an orphan, loaded to its end
// because what it replaces is gone, and nothing else is begun before.
struct PrimaryLink::Impl final : public net::StreamHandler {
  Impl(Services& of_services, ReplicationStream& of_stream, Replicas& of_replicas,
       persistence::Engine& of_persistence, PrimaryStatus& of_status)
      : services_(of_services),
        stream_(of_stream),
        replicas_(of_replicas),
        persistence_(of_persistence),
        status_(of_status) {}
  ~Impl() override {
    if (primary_ != nullptr) primary_->Detach();
  }

  int64_t Now() const { return services_.clock.MonotonicMicros(); }
  bool loading() const { return loader_ != nullptr && loader_->running(); }
  // Whether the data of `services_` follow a primary, as far as is known before anything is loaded.
  bool FollowsAtStart() const;
  std::string PrimaryText() const {
    return status_.host + ":" + std::to_string(status_.port);
  }

  void Follow(const std::string& host, uint16_t port);
  void Stop();
  void Cron();
  void CheckTimeouts(int64_t now);
  void DiscardHistory();
  void SetHistory(std::optional<StreamHistory> history);
  void CacheOwnHistory(int database);
  void DropLink();

  void Connect(bool from_source = true);
  // To be tried again at the next cron, or at once.
  void Disconnect();
  void Reconnect();
  size_t OnHandshakeBytes(std::string_view bytes);
  size_t OnPayloadBytes(std::string_view bytes);
  bool BeginTransfer();
  void FinishTransfer();
  bool TakeFile();
  void LeaveOldHistory();
  void OnLoaded(const SyncLoader::Result& result);
  void OnOrphanLoaded(const SyncLoader::Result& result);
  void RemoveSyncFile();
  void BeginStream(int database, size_t unread);
  void OnExpiredAtStart(int database, std::string_view key);
  void OnStreamEnded(bool sound, int database);
  void Acknowledge();
  void SendKeepAlive();
  void TellSystemd(const char* what) const;

  // net::StreamHandler, of connection_
  void OnConnected() override;
  size_t OnBytes(std::string_view bytes) override;
  void OnClosed(net::CloseReason reason, std::string_view detail) override;

  Services& services_;
  ReplicationStream& stream_;
  Replicas& replicas_;
  persistence::Engine& persistence_;
  PrimaryStatus& status_;

  std::unique_ptr<net::Stream> connection_;
  std::optional<Handshake> handshake_;
  std::unique_ptr<SyncReceiver> receiver_;
  std::unique_ptr<SyncLoader> loader_;  // made for the first full sync: it has a stack
  Client* client_ = nullptr;            // in kConnected
  PrimaryStream* primary_ = nullptr;    // its state
  std::optional<StreamHistory> history_;  // what a partial sync would go on from; none in kConnected

  // Of the full sync that is under way.
  std::string sync_id_;  // empty: the primary has not said, or knows none
  uint64_t sync_offset_ = 0;
  bool sync_has_mark_ = false;
  bool sync_from_file_ = false;
  bool sync_aside_ = false;
  bool orphan_ = false;
  // A full sync of the old style: nothing is acknowledged, nothing can be gone on with.
  bool old_style_ = false;

  std::optional<StreamHistory> loaded_history_;  // from the RDB file at the start
  int loaded_database_ = -1;  // of the keys that had expired in it
  bool failover_ = false;
  bool without_source_ = false;  // bind-source-addr could not be had
  int64_t last_cron_micros_ = 0;
  int64_t last_keep_alive_micros_ = 0;
  // What is posted to the loop looks whether it is wanted still: each Follow, Stop and connection
  // makes a new one.
  std::shared_ptr<const bool> attempt_;
};

}  // namespace keyway::shard::replication
