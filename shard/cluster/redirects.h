// May this node execute a command on these keys, and if not, where should the client go?
// Source: Redis Cluster specification, "Redirection and resharding"; where it is silent, what
// redis-server 7.0.15 answers.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "common/command/table.h"
#include "common/resp/reply_writer.h"
#include "shard/cluster/gossip/host.h"
#include "shard/cluster/gossip/node_table.h"
#include "shard/cluster/options.h"
#include "shard/cluster/state.h"

namespace keyway::shard::cluster {

// A command as admission sees it.
struct Admission {
  const command::Command& command;
  std::span<const std::string_view> args;
  std::span<const command::KeyPosition> keys;  // not empty
  bool asking = false;
  bool readonly_client = false;
  int database = 0;
};

class Redirects {
 public:
  Redirects(const gossip::NodeTable& table, const State& state, const ClusterOptions& options,
            const gossip::SlotKeys& keys)
      : table_(table), state_(state), options_(options), keys_(keys) {}

  // Writes an error to `reply` when it returns false.
  bool Admit(const Admission& request, resp::ReplyWriter& reply) const {
    if (request.keys.size() == 1 && state_.ok() && !table_.HasMigrations()) {
      const std::string_view key = request.args[static_cast<size_t>(request.keys[0].index)];
      if (table_.myself().slots.test(KeySlot(key))) return true;
    }
    return AdmitSlowly(request, reply);
  }

 private:
  struct Found {
    int missing = 0;
    int existing = 0;
    bool several = false;  // not all keys are the same
  };

  bool AdmitSlowly(const Admission& request, resp::ReplyWriter& reply) const;
  // False, with an error, when the keys are of several slots or of one that nobody owns.
  bool FindSlot(const Admission& request, int* slot, resp::ReplyWriter& reply) const;
  bool CheckState(const Admission& request, bool channels, resp::ReplyWriter& reply) const;
  Found CountKeys(const Admission& request) const;

  const gossip::NodeTable& table_;
  const State& state_;
  const ClusterOptions& options_;
  const gossip::SlotKeys& keys_;
};

// What clients are told to connect to: the ip, the host name ("?" when it has none), or nothing,
// that is: the address they used.
std::string PreferredEndpointOf(const gossip::Node& node, const ClusterOptions& options);

}  // namespace keyway::shard::cluster
