// CLUSTER: the proxies as the nodes of a cluster, for clients that want one (cluster_view.h). What
// changes a cluster is refused by the command table.
#include <string>

#include "common/command/help.h"
#include "proxy/session/cluster_view.h"
#include "proxy/session/local_commands.h"
#include "proxy/session/session.h"

namespace keyway::proxy::session {
namespace {

ClusterView View(LocalCall& call) {
  return MakeClusterView(call.session.context().identity.advertise, call.session.stream().local());
}

void Slots(LocalCall& call) {
  const ClusterView view = View(call);
  call.reply.ArrayHeader(view.members.size());
  for (const ClusterMember& member : view.members) {
    call.reply.ArrayHeader(3);
    call.reply.Integer(member.slots.first);
    call.reply.Integer(member.slots.last);
    call.reply.ArrayHeader(4);
    call.reply.Bulk(member.endpoint.host);
    call.reply.Integer(member.endpoint.port);
    call.reply.Bulk(member.id);
    call.reply.MapHeader(0);
  }
}

void Shards(LocalCall& call) {
  const ClusterView view = View(call);
  resp::ReplyWriter& reply = call.reply;
  reply.ArrayHeader(view.members.size());
  for (const ClusterMember& member : view.members) {
    reply.MapHeader(2);
    reply.Bulk("slots");
    reply.ArrayHeader(2);
    reply.Integer(member.slots.first);
    reply.Integer(member.slots.last);
    reply.Bulk("nodes");
    reply.ArrayHeader(1);
    reply.MapHeader(7);
    reply.Bulk("id");
    reply.Bulk(member.id);
    reply.Bulk("port");
    reply.Integer(member.endpoint.port);
    reply.Bulk("ip");
    reply.Bulk(member.endpoint.host);
    reply.Bulk("endpoint");
    reply.Bulk(member.endpoint.host);
    reply.Bulk("role");
    reply.Bulk("master");
    reply.Bulk("replication-offset");
    reply.Integer(0);
    reply.Bulk("health");
    reply.Bulk("online");
  }
}

// The lines of CLUSTER NODES, without the line ends. There is no bus, so its port is 0.
std::string NodeLine(const ClusterView& view, size_t place) {
  const ClusterMember& member = view.members[place];
  std::string line = member.id + " " + member.endpoint.host + ":" +
                     std::to_string(member.endpoint.port) + "@0 ";
  line += place == view.self ? "myself,master" : "master";
  line += " - 0 0 " + std::to_string(place + 1) + " connected " +
          std::to_string(member.slots.first);
  if (member.slots.last != member.slots.first) line += "-" + std::to_string(member.slots.last);
  return line;
}

void Nodes(LocalCall& call) {
  const ClusterView view = View(call);
  std::string text;
  for (size_t i = 0; i < view.members.size(); ++i) text += NodeLine(view, i) + "\n";
  call.reply.Verbatim("txt", text);
}

void ClusterInfo(LocalCall& call) {
  const ClusterView view = View(call);
  const topology::SlotMap* map = call.session.context().executor.access().map();
  const int covered = map == nullptr ? 0 : map->covered_slots();
  std::string text;
  const auto add = [&text](std::string_view name, const std::string& value) {
    text.append(name).append(":").append(value).append("\r\n");
  };
  add("cluster_state", covered == kSlotCount ? "ok" : "fail");
  add("cluster_slots_assigned", std::to_string(covered));
  add("cluster_slots_ok", std::to_string(covered));
  add("cluster_slots_pfail", "0");
  add("cluster_slots_fail", "0");
  add("cluster_known_nodes", std::to_string(view.members.size()));
  add("cluster_size", std::to_string(view.members.size()));
  add("cluster_current_epoch", std::to_string(view.members.size()));
  add("cluster_my_epoch", std::to_string(view.self + 1));
  add("cluster_stats_messages_sent", "0");
  add("cluster_stats_messages_received", "0");
  add("total_cluster_links_buffer_limit_exceeded", "0");
  call.reply.Verbatim("txt", text);
}

void MyId(LocalCall& call) {
  const ClusterView view = View(call);
  call.reply.Bulk(view.members[view.self].id);
}

void KeySlotOf(LocalCall& call) {
  call.reply.Integer(KeySlot(call.arguments[2]));
}

// COUNTKEYSINSLOT and GETKEYSINSLOT: the shard of the slot knows.
void AskSlot(LocalCall& call) {
  const bool counts = call.arguments.size() == 3;
  int64_t slot = 0;
  int64_t count = 0;
  if (!ParseInteger(call.arguments[2], &slot)) return call.Error(kNotAnInteger);
  if (!counts && !ParseInteger(call.arguments[3], &count)) return call.Error(kNotAnInteger);
  if (slot < 0 || slot >= kSlotCount || count < 0) {
    return call.Error(counts ? "ERR Invalid slot" : "ERR Invalid slot or number of keys");
  }
  call.Forward(static_cast<Slot>(slot));
}

bool KnowsNode(LocalCall& call) {
  if (View(call).Find(call.arguments[2]) != nullptr) return true;
  call.Error("ERR Unknown node " + std::string(call.arguments[2]));
  return false;
}

void Replicas(LocalCall& call) {
  if (KnowsNode(call)) call.reply.ArrayHeader(0);
}

void CountFailureReports(LocalCall& call) {
  if (KnowsNode(call)) call.reply.Integer(0);
}

// Proxies do not talk to each other.
void Links(LocalCall& call) {
  call.reply.ArrayHeader(0);
}

void Help(LocalCall& call) {
  WriteHelp(call, command::ClusterHelp());
}

}  // namespace

void RegisterClusterCommands(LocalCommands& commands) {
  commands.Add("cluster|slots", Slots);
  commands.Add("cluster|shards", Shards);
  commands.Add("cluster|nodes", Nodes);
  commands.Add("cluster|info", ClusterInfo);
  commands.Add("cluster|myid", MyId);
  commands.Add("cluster|keyslot", KeySlotOf);
  commands.AddQuiet("cluster|countkeysinslot", AskSlot);
  commands.AddQuiet("cluster|getkeysinslot", AskSlot);
  commands.Add("cluster|replicas", Replicas);
  commands.Add("cluster|slaves", Replicas);
  commands.Add("cluster|count-failure-reports", CountFailureReports);
  commands.Add("cluster|links", Links);
  commands.Add("cluster|help", Help);
}

}  // namespace keyway::proxy::session
