// The data of this server as the cluster sees them: it says whom they follow, and asks how far they
// are.
#pragma once

#include <cstdint>
#include <string>

#include "shard/cluster/gossip/host.h"
#include "shard/server/command_context.h"

namespace keyway::shard {

class ClusterData final : public cluster::gossip::DataNode {
 public:
  // Outlives the object, with everything in it.
  explicit ClusterData(Services& services) : services_(services) {}

  cluster::gossip::ReplicationView replication() const override;
  void Replicate(const std::string& ip, uint16_t port) override;
  void BecomePrimary() override;
  void Empty() override;
  void PauseWrites(int64_t until_ms) override;
  void UnpauseWrites() override;

 private:
  Services& services_;
};

}  // namespace keyway::shard
