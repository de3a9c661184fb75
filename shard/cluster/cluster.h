// A shard's part in the cluster, as the rest of the shard sees it: admission of commands by slot,
// and the state that INFO and metrics show. CLUSTER's subcommands are in cluster_commands.h.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/expected.h"
#include "common/base/random.h"
#include "common/command/table.h"
#include "common/net/event_loop.h"
#include "common/resp/reply_writer.h"
#include "common/slot/slot.h"

namespace keyway::shard {
struct ShardConfig;
class Effects;
namespace keyspace {
class Keyspace;
}
}  // namespace keyway::shard
namespace keyway::shard::cluster::gossip {
class Engine;
class SlotKeys;
class DataNode;
}  // namespace keyway::shard::cluster::gossip

namespace keyway::shard::cluster {

struct ClusterSummary {
  bool ok = false;
  int slots_assigned = 0;
  int slots_ok = 0;
  int slots_pfail = 0;
  int slots_fail = 0;
  int known_nodes = 0;
  int size = 0;  // primaries that own a slot
  uint64_t current_epoch = 0;
  uint64_t my_epoch = 0;
  uint64_t messages_sent = 0;
  uint64_t messages_received = 0;
  uint64_t messages_dropped = 0;  // malformed, or from senders that are not trusted
  std::vector<std::pair<std::string_view, uint64_t>> dropped_by_cause;
  int links = 0;             // connections of the bus
  uint64_t link_memory = 0;  // bytes queued on them
};

// Who listens on this node to what is published on others.
class Subscribers {
 public:
  virtual ~Subscribers() = default;
  // A message of another node; `shard`: on a shard channel. The views are valid during the call.
  virtual void OnPublished(std::string_view channel, std::string_view message, bool shard) = 0;
  // This node does not serve these slots any more.
  virtual void OnSlotsLost(const SlotSet& slots) = 0;
};

class Cluster {
 public:
  // Reads or creates nodes.conf (locking it), opens the bus port and starts the cron on `loop`.
  // Keys that it deletes by itself are said to `effects`. The references must outlive the cluster.
  // Errors are fatal for the start and carry the text for the log.
  static Expected<std::unique_ptr<Cluster>> Start(net::EventLoop& loop, const Clock& clock,
                                                  Random& random, const ShardConfig& config,
                                                  keyspace::Keyspace& keyspace, Effects& effects);
  virtual ~Cluster() = default;

  // May this node execute a command that touches the keys at `keys` (not empty)? If not, writes the
  // error that Redis gives: CROSSSLOT, MOVED, ASK, TRYAGAIN or CLUSTERDOWN.
  // `asking` and `readonly_client` are the client's ASKING and READONLY state; `database` is the
  // one it selected.
  virtual bool Admit(const command::Command& command, std::span<const std::string_view> args,
                     std::span<const command::KeyPosition> keys, bool asking, bool readonly_client,
                     resp::ReplyWriter& reply, int database = 0) = 0;

  virtual ClusterSummary Summary() const = 0;
  // The slots this node serves as a primary.
  virtual const SlotSet& OwnSlots() const = 0;
  virtual const std::string& MyId() const = 0;

  // For the CLUSTER subcommands: all there is to see and to change.
  virtual gossip::Engine& engine() = 0;
  virtual gossip::SlotKeys& keys() = 0;
  // Writes nodes.conf now.
  virtual Status SaveConfig() = 0;

  // The data set was loaded. A primary takes over slots that hold keys and have no owner; those that
  // have another owner it imports, as Redis does.
  virtual void ClaimSlotsWithKeys() = 0;

  // Outlives the cluster; nullptr: there are no data whose role could change.
  virtual void set_data(gossip::DataNode* data) = 0;

  // Outlives the cluster; nullptr: nobody listens.
  virtual void set_subscribers(Subscribers* subscribers) = 0;
  // Sends a published message to all other nodes, or, with `shard`, to those of this node's shard.
  virtual void Publish(std::string_view channel, std::string_view message, bool shard) = 0;

  // CONFIG SET of a cluster directive has changed the configuration: announce it.
  virtual void OnConfigChanged() = 0;
  // Before the process ends: saves nodes.conf and closes the bus.
  virtual void Shutdown() = 0;
};

}  // namespace keyway::shard::cluster
