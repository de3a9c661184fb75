#include "shard/cluster/replica_commands.h"

#include "shard/cluster/cluster.h"
#include "shard/cluster/describe.h"
#include "shard/cluster/gossip/engine.h"
#include "shard/cluster/subcommand.h"

namespace keyway::shard::cluster {

using gossip::Engine;
using gossip::Node;

void ReplicateNode(Cluster& cluster, Arguments args, resp::ReplyWriter& reply) {
  Engine& engine = cluster.engine();
  Node* node = FindNode(engine, args[2], reply);
  if (node == nullptr) return;
  const Node& me = engine.table().myself();
  if (node == &me) {
    reply.Error("ERR Can't replicate myself");
  } else if (node->is_replica()) {
    reply.Error("ERR I can only replicate a master, not a replica.");
  } else if (me.is_primary() && (me.slot_count != 0 || cluster.keys().KeyCount() != 0)) {
    reply.Error("ERR To set a master the node must be empty and without assigned slots.");
  } else {
    engine.roles().Replicate(*node);
    reply.Ok();
  }
}

void ListReplicas(Cluster& cluster, Arguments args, resp::ReplyWriter& reply) {
  Engine& engine = cluster.engine();
  const Node* node = FindNode(engine, args[2], reply);
  if (node == nullptr) return;
  if (node->is_replica()) {
    reply.Error("ERR The specified node is not a master");
    return;
  }
  reply.ArrayHeader(node->replicas.size());
  for (const Node* replica : node->replicas) {
    reply.Bulk(DescribeNode(engine.table(), *replica, engine.clock()));
  }
}

void FailOver(Cluster& cluster, Arguments args, resp::ReplyWriter& reply) {
  using Mode = failover::ManualFailover::Mode;
  if (args.size() > 3) {
    ReplySyntax(args[1], reply);
    return;
  }
  Mode mode = Mode::kAsk;
  if (args.size() == 3) {
    if (Is(args[2], "force")) {
      mode = Mode::kForce;
    } else if (Is(args[2], "takeover")) {
      mode = Mode::kTakeover;
    } else {
      reply.Error("ERR syntax error");
      return;
    }
  }
  Engine& engine = cluster.engine();
  const Node& me = engine.table().myself();
  if (me.is_primary()) {
    reply.Error("ERR You should send CLUSTER FAILOVER to a replica");
  } else if (me.primary == nullptr) {
    reply.Error("ERR I'm a replica but my master is unknown to me");
  } else if (mode == Mode::kAsk &&
             (me.primary->is(gossip::kFail) || me.primary->outbound == gossip::kNoLink)) {
    reply.Error("ERR Master is down or failed, please use CLUSTER FAILOVER FORCE");
  } else {
    engine.manual_failover().Start(mode);
    reply.Ok();
  }
}

void ResetNode(Cluster& cluster, Arguments args, resp::ReplyWriter& reply) {
  if (args.size() > 3) {
    ReplySyntax(args[1], reply);
    return;
  }
  bool hard = false;
  if (args.size() == 3) {
    hard = Is(args[2], "hard");
    if (!hard && !Is(args[2], "soft")) {
      reply.Error("ERR syntax error");
      return;
    }
  }
  if (cluster.engine().table().myself().is_primary() && cluster.keys().KeyCount() != 0) {
    reply.Error("ERR CLUSTER RESET can't be called with master nodes containing keys");
    return;
  }
  cluster.engine().Reset(hard);
  reply.Ok();
}

}  // namespace keyway::shard::cluster
