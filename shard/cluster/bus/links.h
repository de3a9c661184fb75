// The links of the cluster bus as TCP connections: those this node opens, and those it accepts on
// its bus port.
//
// Bounds: a message of a stranger, of a known node (FrameReader); what is queued for a peer that
// sends but does not read (its own sending is paused); how many strangers may be connected (the
// one that has been there longest without turning out to be a node has to go).
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/expected.h"
#include "common/net/event_loop.h"
#include "common/net/stream.h"
#include "shard/cluster/bus/message.h"
#include "shard/cluster/gossip/transport.h"
#include "shard/cluster/options.h"

namespace keyway::shard::cluster::bus {

// What happens on the links. Closing any link inside these calls is allowed.
class LinkEvents {
 public:
  virtual ~LinkEvents() = default;
  virtual void OnAccepted(gossip::LinkId link) = 0;
  virtual void OnConnected(gossip::LinkId link) = 0;
  virtual void OnMessage(gossip::LinkId link, const Message& message) = 0;
  virtual void OnDropped(gossip::LinkId link, DropCause cause) = 0;
  // Not after Close.
  virtual void OnClosed(gossip::LinkId link, std::string_view why) = 0;
};

class Links final : public gossip::Transport {
 public:
  static constexpr size_t kMaxStrangers = 1024;
  // Queued answers at which an inbound peer is not read any more.
  static constexpr size_t kInboundHighBytes = 1024 * 1024;

  // `events` and `options` must outlive the object.
  Links(net::EventLoop& loop, const ClusterOptions& options, LinkEvents& events);
  ~Links() override;

  // Listens on the bus port, on every address of options.bind. Error: text for the log.
  Status Listen();
  // Stops to accept, closes all links without telling.
  void Shutdown();

  gossip::LinkId Connect(const std::string& ip, uint16_t bus_port) override;
  void Send(gossip::LinkId link, std::string_view message) override;
  void Close(gossip::LinkId link) override;
  void Trust(gossip::LinkId link) override;
  std::string LocalIp(gossip::LinkId link) const override;
  std::string PeerIp(gossip::LinkId link) const override;
  size_t QueuedBytes(gossip::LinkId link) const override;
  size_t QueueMemory(gossip::LinkId link) const override;

 private:
  class Link;

  net::StreamOptions StreamOptionsFor(bool inbound) const;
  void Accept(std::unique_ptr<net::Stream> stream);
  void DropOldestStranger();
  Link* Find(gossip::LinkId link) const;
  // Takes the link out; it is deleted at the end of the pass, as it may be at work right now.
  void Retire(gossip::LinkId link);

  net::EventLoop& loop_;
  const ClusterOptions& options_;
  LinkEvents& events_;
  gossip::LinkId last_id_ = gossip::kNoLink;
  std::unordered_map<gossip::LinkId, std::unique_ptr<Link>> links_;
  size_t strangers_ = 0;
  std::deque<gossip::LinkId> stranger_order_;  // oldest first; some are gone or known by now
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  // Links that were closed in this pass; outlives this object until the pass is over.
  std::shared_ptr<std::vector<std::unique_ptr<Link>>> retired_;
};

}  // namespace keyway::shard::cluster::bus
