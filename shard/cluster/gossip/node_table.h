// All nodes this node knows, and which of them owns which slot, as far as it knows.
//
// Invariants: there is always a `myself`; a slot has one owner or none, and Node::slots agrees with
// Owner(); a replica points to a node of the table and stands in its `replicas`, or points nowhere.
// Only NodeTable's methods change ids, slots, roles and links between nodes.
//
// Times are milliseconds of the monotonic clock; 0 means never.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/base/random.h"
#include "common/slot/slot.h"
#include "shard/cluster/gossip/transport.h"
#include "shard/cluster/node_id.h"

namespace keyway::shard::cluster::gossip {

// The numbers are those of the wire.
enum NodeFlag : uint16_t {
  kPrimary = 1,
  kReplica = 2,
  kPfail = 4,  // this node cannot reach it
  kFail = 8,   // a majority of the primaries cannot
  kMyself = 16,
  kHandshake = 32,   // met, but it has not answered yet: its id is made up
  kNoAddr = 64,      // nobody knows its address
  kMeet = 128,       // the first message to it is a MEET, so that it trusts us
  kMigrateTo = 256,  // a primary that spare replicas may move to
  kNoFailover = 512,
  kExtensions = 1024,
};

struct Node;

// `reporter` says that a node does not answer.
struct FailureReport {
  const Node* reporter;
  int64_t time_ms;
};

struct Node {
  NodeId id;
  uint16_t flags = 0;
  uint64_t config_epoch = 0;
  SlotSet slots;
  int slot_count = 0;
  Node* primary = nullptr;  // of a replica
  std::vector<Node*> replicas;

  std::string ip;  // empty: not known (only ever of myself)
  std::string hostname;
  uint16_t port = 0;
  uint16_t plain_port = 0;
  uint16_t bus_port = 0;

  int64_t created_ms = 0;
  int64_t ping_sent_ms = 0;  // of the ping not yet answered; 0: none
  int64_t pong_received_ms = 0;
  int64_t data_received_ms = 0;
  int64_t failed_ms = 0;  // when it was marked kFail
  int64_t orphaned_ms = 0;  // of a primary: since when its replicas are gone; 0: they are not
  int64_t voted_ms = 0;   // of a primary: when this node voted for one of its replicas
  uint64_t offset = 0;    // replication offset it told
  std::vector<FailureReport> reports;

  LinkId outbound = kNoLink;
  LinkId inbound = kNoLink;
  uint64_t gossip_stamp = 0;  // of the last message that mentions it

  bool is(uint16_t flag) const { return (flags & flag) != 0; }
  bool is_primary() const { return is(kPrimary); }
  bool is_replica() const { return is(kReplica); }
};

class NodeTable {
 public:
  // A bound on what peers can make this node remember.
  static constexpr size_t kMaxNodes = 16384;

  // `myself` is a primary without slots.
  NodeTable(const NodeId& my_id, int64_t now_ms);
  NodeTable(const NodeTable&) = delete;
  NodeTable& operator=(const NodeTable&) = delete;
  NodeTable(NodeTable&&) = default;
  NodeTable& operator=(NodeTable&&) = default;

  Node& myself() { return *myself_; }
  const Node& myself() const { return *myself_; }
  size_t size() const { return order_.size(); }
  bool full() const { return size() >= kMaxNodes; }

  // nullptr when there is none.
  Node* Find(const NodeId& id);
  const Node* Find(const NodeId& id) const;
  // In no particular, but stable, order. Not to be held over Add or Remove.
  const std::vector<Node*>& nodes() const { return order_; }
  Node& RandomNode(Random& random) const { return *order_[random.Below(order_.size())]; }

  // `id` must be new.
  Node& Add(const NodeId& id, uint16_t flags, int64_t now_ms);
  // Everything that refers to it is cleared: slots, replicas, failure reports, migrations. Its
  // links are the caller's business. Not for myself.
  void Remove(Node& node);
  // `id` must be new.
  void Rename(Node& node, const NodeId& id);

  Node* Owner(int slot) { return owners_[static_cast<size_t>(slot)]; }
  const Node* Owner(int slot) const { return owners_[static_cast<size_t>(slot)]; }
  int assigned_slots() const { return assigned_slots_; }
  // False when the slot has an owner already.
  bool AddSlot(Node& node, int slot);
  // False when the slot has no owner.
  bool RemoveSlot(int slot);
  int RemoveAllSlots(Node& node);
  // The owner has stopped claiming the slot, but nobody else claims it: whoever does, gets it.
  void MarkUnclaimed(int slot) { unclaimed_.set(static_cast<size_t>(slot)); }
  void MarkClaimed(int slot) { unclaimed_.reset(static_cast<size_t>(slot)); }
  bool Unclaimed(int slot) const { return unclaimed_.test(static_cast<size_t>(slot)); }

  const SlotSet& unclaimed() const { return unclaimed_; }

  // Slots of this node on their way to another, and the other way round.
  Node* MigratingTo(int slot) const;
  Node* ImportingFrom(int slot) const;
  void SetMigratingTo(int slot, Node* node);
  void SetImportingFrom(int slot, Node* node);
  void CloseAllMigrations();
  bool HasMigrations() const { return !migrating_.empty() || !importing_.empty(); }
  const std::map<int, Node*>& migrating() const { return migrating_; }
  const std::map<int, Node*>& importing() const { return importing_; }

  // Makes `node` a primary. False when it is one.
  bool MakePrimary(Node& node);
  // Makes `node`, without slots, a replica of `primary` (nullptr: of a node not known yet).
  void MakeReplica(Node& node, Node* primary);

  // The node whose slots `node` stands for: itself, or its primary; nullptr when not known.
  static Node* PrimaryOf(Node& node) { return node.is_replica() ? node.primary : &node; }

  uint64_t current_epoch = 0;
  uint64_t last_vote_epoch = 0;
  // The highest epoch known anywhere.
  uint64_t MaxEpoch() const;

 private:
  void Detach(Node& replica);

  std::unordered_map<NodeId, std::unique_ptr<Node>> by_id_;
  std::vector<Node*> order_;
  Node* myself_ = nullptr;
  std::vector<Node*> owners_ = std::vector<Node*>(kSlotCount, nullptr);
  SlotSet unclaimed_;
  int assigned_slots_ = 0;
  std::map<int, Node*> migrating_;
  std::map<int, Node*> importing_;
};

}  // namespace keyway::shard::cluster::gossip
