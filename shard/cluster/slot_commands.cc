#include "shard/cluster/slot_commands.h"

#include <optional>
#include <string>
#include <vector>

#include "common/slot/slot.h"
#include "shard/cluster/cluster.h"
#include "shard/cluster/gossip/engine.h"

namespace keyway::shard::cluster {

using gossip::Engine;
using gossip::Node;
using gossip::NodeTable;

namespace {

constexpr std::string_view kUnknownPartner = "I don't know about node";
constexpr std::string_view kUnknownOwner = "Unknown node";

std::optional<int> ParseSlot(std::string_view text, resp::ReplyWriter& reply) {
  int64_t slot = 0;
  if (!resp::ParseLength(text, &slot) || slot < 0 || slot >= kSlotCount) {
    reply.Error("ERR Invalid or out of range slot");
    return std::nullopt;
  }
  return static_cast<int>(slot);
}

// Adds a range to `slots` if each of its slots is free, or owned, as wanted.
bool CollectRange(const Engine& engine, int first, int last, bool want_owned, SlotSet* slots,
                  resp::ReplyWriter& reply) {
  for (int slot = first; slot <= last; ++slot) {
    const bool owned = engine.table().Owner(slot) != nullptr;
    if (owned != want_owned) {
      reply.Error("ERR Slot " + std::to_string(slot) +
                  (want_owned ? " is already unassigned" : " is already busy"));
      return false;
    }
    if (slots->test(static_cast<size_t>(slot))) {
      reply.Error("ERR Slot " + std::to_string(slot) + " specified multiple times");
      return false;
    }
    slots->set(static_cast<size_t>(slot));
  }
  return true;
}

void ChangeSlots(Engine& engine, const SlotSet& slots, bool add, resp::ReplyWriter& reply) {
  if (add) {
    engine.AddSlots(slots);
  } else {
    engine.RemoveSlots(slots);
  }
  reply.Ok();
}

void ChangeListedSlots(Cluster& cluster, Arguments args, bool add, resp::ReplyWriter& reply) {
  SlotSet slots;
  std::vector<int> numbers;
  for (std::string_view text : args.subspan(2)) {
    const auto slot = ParseSlot(text, reply);
    if (!slot) return;
    numbers.push_back(*slot);
  }
  for (int slot : numbers) {
    if (!CollectRange(cluster.engine(), slot, slot, !add, &slots, reply)) return;
  }
  ChangeSlots(cluster.engine(), slots, add, reply);
}

void ChangeSlotRanges(Cluster& cluster, Arguments args, bool add, resp::ReplyWriter& reply) {
  if (args.size() % 2 == 1) {
    reply.Error(std::string("ERR wrong number of arguments for 'cluster|") +
                (add ? "addslotsrange" : "delslotsrange") + "' command");
    return;
  }
  SlotSet slots;
  for (size_t i = 2; i < args.size(); i += 2) {
    const auto first = ParseSlot(args[i], reply);
    if (!first) return;
    const auto last = ParseSlot(args[i + 1], reply);
    if (!last) return;
    if (*first > *last) {
      reply.Error("ERR start slot number " + std::to_string(*first) +
                  " is greater than end slot number " + std::to_string(*last));
      return;
    }
    if (!CollectRange(cluster.engine(), *first, *last, !add, &slots, reply)) return;
  }
  ChangeSlots(cluster.engine(), slots, add, reply);
}

// The primary that SETSLOT names.
Node* FindSlotNode(Engine& engine, std::string_view text, std::string_view unknown,
                   resp::ReplyWriter& reply) {
  const auto id = NodeId::Parse(text);
  Node* node = id ? engine.table().Find(*id) : nullptr;
  if (node == nullptr) {
    reply.Error("ERR " + std::string(unknown) + ' ' + std::string(text));
  } else if (node->is_replica()) {
    reply.Error("ERR Target node is not a master");
    return nullptr;
  }
  return node;
}

bool BeginToMigrate(Engine& engine, int slot, std::string_view id, resp::ReplyWriter& reply) {
  NodeTable& table = engine.table();
  if (table.Owner(slot) != &table.myself()) {
    reply.Error("ERR I'm not the owner of hash slot " + std::to_string(slot));
    return false;
  }
  Node* const target = FindSlotNode(engine, id, kUnknownPartner, reply);
  if (target == nullptr) return false;
  table.SetMigratingTo(slot, target);
  return true;
}

bool BeginToImport(Engine& engine, int slot, std::string_view id, resp::ReplyWriter& reply) {
  NodeTable& table = engine.table();
  if (table.Owner(slot) == &table.myself()) {
    reply.Error("ERR I'm already the owner of hash slot " + std::to_string(slot));
    return false;
  }
  Node* const source = FindSlotNode(engine, id, kUnknownPartner, reply);
  if (source == nullptr) return false;
  table.SetImportingFrom(slot, source);
  return true;
}

bool Assign(Cluster& cluster, int slot, std::string_view id, resp::ReplyWriter& reply) {
  Engine& engine = cluster.engine();
  NodeTable& table = engine.table();
  Node* const owner = FindSlotNode(engine, id, kUnknownOwner, reply);
  if (owner == nullptr) return false;
  const bool has_keys = cluster.keys().CountInSlot(static_cast<Slot>(slot)) != 0;
  if (has_keys && table.Owner(slot) == &table.myself() && owner != &table.myself()) {
    reply.Error("ERR Can't assign hashslot " + std::to_string(slot) +
                " to a different node while I still hold keys for this hash slot.");
    return false;
  }
  if (!has_keys) table.SetMigratingTo(slot, nullptr);
  engine.AssignSlot(slot, *owner);
  return true;
}

}  // namespace

void AddSlots(Cluster& cluster, Arguments args, resp::ReplyWriter& reply) {
  ChangeListedSlots(cluster, args, true, reply);
}
void DelSlots(Cluster& cluster, Arguments args, resp::ReplyWriter& reply) {
  ChangeListedSlots(cluster, args, false, reply);
}
void AddSlotsRange(Cluster& cluster, Arguments args, resp::ReplyWriter& reply) {
  ChangeSlotRanges(cluster, args, true, reply);
}
void DelSlotsRange(Cluster& cluster, Arguments args, resp::ReplyWriter& reply) {
  ChangeSlotRanges(cluster, args, false, reply);
}

void FlushSlots(Cluster& cluster, Arguments, resp::ReplyWriter& reply) {
  if (cluster.keys().KeyCount() != 0) {
    reply.Error("ERR DB must be empty to perform CLUSTER FLUSHSLOTS.");
    return;
  }
  const SlotSet mine = cluster.OwnSlots();
  cluster.engine().RemoveSlots(mine);
  reply.Ok();
}

void SetSlot(Cluster& cluster, Arguments args, resp::ReplyWriter& reply) {
  Engine& engine = cluster.engine();
  if (engine.table().myself().is_replica()) {
    reply.Error("ERR Please use SETSLOT only with masters.");
    return;
  }
  const auto slot = ParseSlot(args[2], reply);
  if (!slot) return;
  const std::string_view action = args[3];
  if (args.size() == 5 && Is(action, "migrating")) {
    if (!BeginToMigrate(engine, *slot, args[4], reply)) return;
  } else if (args.size() == 5 && Is(action, "importing")) {
    if (!BeginToImport(engine, *slot, args[4], reply)) return;
  } else if (args.size() == 4 && Is(action, "stable")) {
    engine.table().SetMigratingTo(*slot, nullptr);
    engine.table().SetImportingFrom(*slot, nullptr);
  } else if (args.size() == 5 && Is(action, "node")) {
    if (!Assign(cluster, *slot, args[4], reply)) return;
  } else {
    reply.Error("ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP");
    return;
  }
  engine.pending().SaveAndUpdateState();
  reply.Ok();
}

void KeySlotOf(Cluster&, Arguments args, resp::ReplyWriter& reply) {
  reply.Integer(KeySlot(args[2]));
}

void CountKeysInSlot(Cluster& cluster, Arguments args, resp::ReplyWriter& reply) {
  const auto slot = ParseInteger(args[2], reply);
  if (!slot) return;
  if (*slot < 0 || *slot >= kSlotCount) {
    reply.Error("ERR Invalid slot");
    return;
  }
  reply.Integer(static_cast<int64_t>(cluster.keys().CountInSlot(static_cast<Slot>(*slot))));
}

void GetKeysInSlot(Cluster& cluster, Arguments args, resp::ReplyWriter& reply) {
  const auto slot = ParseInteger(args[2], reply);
  if (!slot) return;
  const auto limit = ParseInteger(args[3], reply);
  if (!limit) return;
  if (*slot < 0 || *slot >= kSlotCount || *limit < 0) {
    reply.Error("ERR Invalid slot or number of keys");
    return;
  }
  const auto place = reply.BeginDeferred();
  size_t count = 0;
  cluster.keys().VisitSlot(static_cast<Slot>(*slot), static_cast<size_t>(*limit),
                           [&](std::string_view key) {
                             reply.Bulk(key);
                             ++count;
                           });
  reply.EndDeferredArray(place, count);
}

}  // namespace keyway::shard::cluster
