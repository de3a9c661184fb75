// Replication put together.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/net/event_loop.h"
#include "shard/persistence/engine/engine.h"
#include "shard/replication/failover.h"
#include "shard/replication/primary_link.h"
#include "shard/replication/replicas.h"
#include "shard/replication/stream.h"
#include "shard/server/replication.h"

namespace keyway::shard::replication {

class Engine final : public Replication {
 public:
  // All outlive the engine.
  Engine(Services& services, Effects& effects, persistence::Engine& persistence);
  ~Engine() override;

  // The data set is loaded: follows the primary that the configuration (replicaof) names.
  void Start();
  void ConnectConfig();

  ReplicationStream& stream() { return stream_; }
  PrimaryLink& link() { return link_; }
  Replicas& replica_set() { return replicas_; }

  // Replication
  const std::string& id() const override { return stream_.id(); }
  const std::string& second_id() const override { return stream_.second_id(); }
  int64_t second_offset() const override { return stream_.second_offset(); }
  uint64_t offset() const override { return stream_.offset(); }
  BacklogStatus backlog() const override;
  void ChangeId() override { stream_.ChangeId(); }
  void Append(std::span<const std::string_view> args) override { stream_.AppendCommand(args); }
  void Replicate(const std::string& host, uint16_t port) override;
  void BecomePrimary() override;
  size_t replica_count() const override { return replicas_.count(); }
  std::vector<ReplicaStatus> replicas() const override { return replicas_.Describe(); }
  size_t CountAcknowledged(uint64_t offset) const override {
    return replicas_.CountAcknowledged(offset);
  }
  void RequestAcknowledgements() override { replicas_.RequestAcknowledgements(); }
  void HandleReplconf(CommandContext& context) override;
  void HandleSync(CommandContext& context) override { replicas_.HandleSync(context); }
  FailoverState failover_state() const override { return failover_.state(); }
  Status StartFailover(const FailoverOptions& options) override { return failover_.Start(options); }
  Status AbortFailover() override { return failover_.Abort(); }
  void OnConfigChanged() override;
  void End() override { replicas_.End(); }

 private:
  std::optional<persistence::StreamPlace> PlaceNow() const;
  void Cron();
  void TellAcknowledged();
  void SetDirective(const std::vector<std::string>& words);

  Services& services_;
  ReplicationStream stream_;
  Replicas replicas_;
  PrimaryLink link_;
  Failover failover_;
  net::Timer timer_;
  bool acknowledged_ = false;  // in this pass
};

}  // namespace keyway::shard::replication
