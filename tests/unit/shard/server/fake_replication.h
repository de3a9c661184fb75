// A replication that is what a test says it is.
#pragma once

#include <string>
#include <vector>

#include "shard/server/client_state.h"
#include "shard/server/replication.h"

namespace keyway::shard {

class FakeReplication : public Replication {
 public:
  // Follows a primary, or, without a host, nobody.
  void Follow(const std::string& host, PrimaryLinkState state = PrimaryLinkState::kConnected) {
    primary_.host = host;
    primary_.state = state;
    TellRoleChanged();
  }
  void set_good_replicas(size_t count) { good_replicas_ = count; }

  const std::string& id() const override { return id_; }
  const std::string& second_id() const override { return id_; }
  int64_t second_offset() const override { return -1; }
  uint64_t offset() const override { return 0; }
  BacklogStatus backlog() const override { return {}; }
  void ChangeId() override {}
  void Append(std::span<const std::string_view>) override {}
  void Replicate(const std::string& host, uint16_t) override { Follow(host); }
  void BecomePrimary() override { Follow(""); }
  size_t replica_count() const override { return 0; }
  std::vector<ReplicaStatus> replicas() const override { return {}; }
  size_t CountAcknowledged(uint64_t) const override { return 0; }
  void RequestAcknowledgements() override {}
  void HandleReplconf(CommandContext&) override {}
  void HandleSync(CommandContext&) override {}
  FailoverState failover_state() const override { return FailoverState::kNone; }
  Status StartFailover(const FailoverOptions&) override { return {}; }
  Status AbortFailover() override { return {}; }
  void OnConfigChanged() override {}
  void End() override {}

 private:
  std::string id_ = std::string(40, '0');
};

// Makes a client the link to the primary; it gets replies all the same, for the test to read.
class FakePrimaryState : public PrimaryState {
 public:
  explicit FakePrimaryState(size_t* executed) : executed_(executed) {}
  void OnExecuted(std::string_view bytes) override { *executed_ += bytes.size(); }
  void Describe(ClientDescription& description) const override { description.primary = true; }
  size_t Memory() const override { return sizeof(*this); }

 private:
  size_t* const executed_;
};

class FakeReplicaState : public ClientState {
 public:
  void Describe(ClientDescription& description) const override { description.replica = true; }
  size_t Memory() const override { return sizeof(*this); }
};

}  // namespace keyway::shard
