#include "shard/cluster/cluster_commands.h"

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "common/command/help.h"
#include "common/net/address.h"
#include "common/resp/number.h"
#include "common/slot/slot.h"
#include "shard/cluster/cluster.h"
#include "shard/cluster/describe.h"
#include "shard/cluster/gossip/engine.h"
#include "shard/cluster/replica_commands.h"
#include "shard/cluster/slot_commands.h"
#include "shard/cluster/subcommand.h"
#include "shard/cluster/views.h"
#include "shard/server/command_context.h"
#include "shard/server/handler_table.h"

namespace keyway::shard::cluster {

using gossip::Engine;
using gossip::Node;

namespace {

constexpr int64_t kBusPortOffset = 10000;
constexpr int64_t kMaxPort = 65535;

// --- Nodes ----------------------------------------------------------------------------------

void Meet(Cluster& cluster, Arguments args, resp::ReplyWriter& reply) {
  if (args.size() > 5) {
    ReplySyntax(args[1], reply);
    return;
  }
  int64_t port = 0;
  if (!resp::ParseLength(args[3], &port)) {
    reply.Error("ERR Invalid TCP base port specified: " + std::string(args[3]));
    return;
  }
  int64_t bus_port = port + kBusPortOffset;
  if (args.size() == 5 && !resp::ParseLength(args[4], &bus_port)) {
    reply.Error("ERR Invalid TCP bus port specified: " + std::string(args[4]));
    return;
  }
  const auto valid = [](int64_t number) { return number > 0 && number <= kMaxPort; };
  sockaddr_storage address;
  if (!valid(port) || !valid(bus_port) ||
      !net::ToSockaddr({std::string(args[2]), static_cast<uint16_t>(port)}, &address)) {
    reply.Error("ERR Invalid node address specified: " + std::string(args[2]) + ":" +
                std::string(args[3]));
    return;
  }
  // In the one form that every node writes it in.
  const std::string ip = net::FromSockaddr(reinterpret_cast<const sockaddr*>(&address)).host;
  const Status status =
      cluster.engine().Meet(ip, static_cast<uint16_t>(port), static_cast<uint16_t>(bus_port));
  if (!status.ok()) {
    reply.Error("ERR " + status.error().message);
    return;
  }
  reply.Ok();
}

void Forget(Cluster& cluster, Arguments args, resp::ReplyWriter& reply) {
  Engine& engine = cluster.engine();
  Node* node = FindNode(engine, args[2], reply);
  if (node == nullptr) return;
  const Node& me = engine.table().myself();
  if (node == &me) {
    reply.Error("ERR I tried hard but I can't forget myself...");
  } else if (me.is_replica() && me.primary == node) {
    reply.Error("ERR Can't forget my master!");
  } else {
    engine.Forget(*node);
    reply.Ok();
  }
}

void CountFailureReports(Cluster& cluster, Arguments args, resp::ReplyWriter& reply) {
  Node* node = FindNode(cluster.engine(), args[2], reply);
  if (node == nullptr) return;
  reply.Integer(static_cast<int64_t>(cluster.engine().failures().ValidReports(*node)));
}

// --- Epochs ---------------------------------------------------------------------------------

void SetConfigEpoch(Cluster& cluster, Arguments args, resp::ReplyWriter& reply) {
  const auto epoch = ParseInteger(args[2], reply);
  if (!epoch) return;
  Engine& engine = cluster.engine();
  if (*epoch < 0) {
    reply.Error("ERR Invalid config epoch specified: " + std::to_string(*epoch));
  } else if (engine.table().size() > 1) {
    reply.Error(
        "ERR The user can assign a config epoch only when the node does not know any other node.");
  } else if (engine.table().myself().config_epoch != 0) {
    reply.Error("ERR Node config epoch is already non-zero");
  } else {
    engine.SetConfigEpoch(static_cast<uint64_t>(*epoch));
    reply.Ok();
  }
}

void BumpEpoch(Cluster& cluster, Arguments, resp::ReplyWriter& reply) {
  const bool bumped = cluster.engine().BumpEpoch();
  const uint64_t epoch = cluster.engine().table().myself().config_epoch;
  reply.Simple((bumped ? "BUMPED " : "STILL ") + std::to_string(epoch));
}

// --- Views ----------------------------------------------------------------------------------

void Info(Cluster& cluster, Arguments, resp::ReplyWriter& reply) {
  reply.Verbatim("txt", ClusterInfoText(cluster.engine()));
}
void Nodes(Cluster& cluster, Arguments, resp::ReplyWriter& reply) {
  reply.Verbatim("txt", DescribeNodes(cluster.engine().table(), cluster.engine().clock()));
}
void Slots(Cluster& cluster, Arguments, resp::ReplyWriter& reply) {
  ReplySlots(cluster.engine(), reply);
}
void Shards(Cluster& cluster, Arguments, resp::ReplyWriter& reply) {
  ReplyShards(cluster.engine(), reply);
}
void Links(Cluster& cluster, Arguments, resp::ReplyWriter& reply) {
  ReplyLinks(cluster.engine(), reply);
}
void MyId(Cluster& cluster, Arguments, resp::ReplyWriter& reply) {
  reply.Bulk(cluster.MyId());
}

void SaveConfig(Cluster& cluster, Arguments, resp::ReplyWriter& reply) {
  const Status status = cluster.SaveConfig();
  if (status.ok()) {
    reply.Ok();
  } else {
    reply.Error("ERR error saving the cluster node config: " + status.error().message);
  }
}

void Help(Cluster&, Arguments, resp::ReplyWriter& reply) {
  command::ReplyHelp("cluster", command::ClusterHelp(), reply);
}

// --- Table ----------------------------------------------------------------------------------

struct Row {
  std::string_view name;
  Subcommand execute;
};

constexpr std::array kSubcommands = {
    Row{"addslots", AddSlots},
    Row{"addslotsrange", AddSlotsRange},
    Row{"bumpepoch", BumpEpoch},
    Row{"count-failure-reports", CountFailureReports},
    Row{"countkeysinslot", CountKeysInSlot},
    Row{"delslots", DelSlots},
    Row{"delslotsrange", DelSlotsRange},
    Row{"failover", FailOver},
    Row{"flushslots", FlushSlots},
    Row{"forget", Forget},
    Row{"getkeysinslot", GetKeysInSlot},
    Row{"help", Help},
    Row{"info", Info},
    Row{"keyslot", KeySlotOf},
    Row{"links", Links},
    Row{"meet", Meet},
    Row{"myid", MyId},
    Row{"nodes", Nodes},
    Row{"replicas", ListReplicas},
    Row{"replicate", ReplicateNode},
    Row{"reset", ResetNode},
    Row{"saveconfig", SaveConfig},
    Row{"set-config-epoch", SetConfigEpoch},
    Row{"setslot", SetSlot},
    Row{"shards", Shards},
    Row{"slaves", ListReplicas},
    Row{"slots", Slots},
};

void Handle(CommandContext& context) {
  if (context.services.cluster == nullptr) {
    context.reply.Error("ERR This instance has cluster support disabled");
    return;
  }
  (void)ExecuteCluster(*context.services.cluster, context.args, context.reply);
}

}  // namespace

bool ExecuteCluster(Cluster& cluster, Arguments args, resp::ReplyWriter& reply) {
  for (const Row& row : kSubcommands) {
    if (!Is(args[1], row.name)) continue;
    row.execute(cluster, args, reply);
    return true;
  }
  return false;
}

void RegisterCluster(HandlerTable& handlers) {
  for (const Row& row : kSubcommands) handlers.Register("cluster|" + std::string(row.name), Handle);
}

}  // namespace keyway::shard::cluster
