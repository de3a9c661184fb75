#include "shard/cluster/gossip/link_table.h"

#include <glog/logging.h>

#include "common/log/log.h"

namespace keyway::shard::cluster::gossip {

const LinkTable::Link* LinkTable::Find(LinkId link) const {
  const auto it = links_.find(link);
  return it == links_.end() ? nullptr : &it->second;
}

void LinkTable::Open(Node& node, int64_t now_ms) {
  CHECK(node.outbound == kNoLink);
  const LinkId link = transport_.Connect(node.ip, node.bus_port);
  node.outbound = link;
  links_[link] = Link{&node, false, now_ms};
}

void LinkTable::AddInbound(LinkId link, int64_t now_ms) {
  links_[link] = Link{nullptr, true, now_ms};
}

void LinkTable::BindInbound(LinkId link, Node& node) {
  if (node.inbound == link) return;
  if (node.inbound != kNoLink) {
    KEYWAY_DEBUG() << "Replacing inbound link of node " << node.id;
    CloseInbound(node);
  }
  const auto it = links_.find(link);
  if (it == links_.end()) return;
  it->second.node = &node;
  node.inbound = link;
  transport_.Trust(link);
}

void LinkTable::UnbindInbound(LinkId link) {
  const auto it = links_.find(link);
  if (it == links_.end() || it->second.node == nullptr) return;
  it->second.node->inbound = kNoLink;
  it->second.node = nullptr;
}

void LinkTable::CloseOutbound(Node& node) {
  if (node.outbound != kNoLink) Close(node.outbound);
}

void LinkTable::CloseInbound(Node& node) {
  if (node.inbound != kNoLink) Close(node.inbound);
}

void LinkTable::Close(LinkId link) {
  if (links_.count(link) == 0) return;
  Erase(link);
  transport_.Close(link);
}

void LinkTable::OnClosed(LinkId link) {
  Erase(link);
}

void LinkTable::Erase(LinkId link) {
  const auto it = links_.find(link);
  if (it == links_.end()) return;
  if (Node* node = it->second.node; node != nullptr) {
    (it->second.inbound ? node->inbound : node->outbound) = kNoLink;
  }
  links_.erase(it);
}

}  // namespace keyway::shard::cluster::gossip
