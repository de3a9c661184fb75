// Which link leads to which node. A node has at most two: one that this node opened, over which it
// sends pings, and one that the node opened, over which it answers.
//
// Invariant: Node::outbound and Node::inbound name links of this table, and those name the node.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "shard/cluster/gossip/node_table.h"
#include "shard/cluster/gossip/transport.h"

namespace keyway::shard::cluster::gossip {

class LinkTable {
 public:
  struct Link {
    Node* node = nullptr;  // of an inbound link: nullptr until a known node has spoken
    bool inbound = false;
    int64_t created_ms = 0;
  };

  explicit LinkTable(Transport& transport) : transport_(transport) {}

  Transport& transport() { return transport_; }
  const Transport& transport() const { return transport_; }

  // nullptr when the link is closed.
  const Link* Find(LinkId link) const;
  // Opens the outbound link to a node that has none.
  void Open(Node& node, int64_t now_ms);
  void AddInbound(LinkId link, int64_t now_ms);
  // The node at the other end of an inbound link is known now. Another inbound link of it is
  // closed.
  void BindInbound(LinkId link, Node& node);
  // An inbound link's peer is not who it was.
  void UnbindInbound(LinkId link);

  void CloseOutbound(Node& node);
  void CloseInbound(Node& node);
  void CloseBoth(Node& node) {
    CloseOutbound(node);
    CloseInbound(node);
  }
  void Close(LinkId link);
  // The transport has closed it.
  void OnClosed(LinkId link);

 private:
  void Erase(LinkId link);

  Transport& transport_;
  std::unordered_map<LinkId, Link> links_;
};

}  // namespace keyway::shard::cluster::gossip
