// What carries the gossip: links to other nodes. In a process, TCP connections (bus/links.h); in
// the simulation, queues with delays and losses.
//
// The transport's owner tells the Engine what happens: OnAccepted, OnConnected, OnMessage,
// OnClosed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace keyway::shard::cluster::gossip {

using LinkId = uint64_t;  // never used twice
inline constexpr LinkId kNoLink = 0;

class Transport {
 public:
  virtual ~Transport() = default;

  // Starts to open a link. Its end, or its failure, is told by OnClosed, never from inside here.
  virtual LinkId Connect(const std::string& ip, uint16_t bus_port) = 0;
  // Queues a whole message; it may be lost if the link closes. Allowed before OnConnected. A link
  // that is gone is ignored.
  virtual void Send(LinkId link, std::string_view message) = 0;
  // Closes without telling. Allowed inside the transport's own calls.
  virtual void Close(LinkId link) = 0;

  // The peer is a known node: its messages may be large.
  virtual void Trust(LinkId link) = 0;
  // Numeric addresses of both ends; empty when not known.
  virtual std::string LocalIp(LinkId link) const = 0;
  virtual std::string PeerIp(LinkId link) const = 0;
  // Bytes queued and not yet sent, and the memory they take.
  virtual size_t QueuedBytes(LinkId link) const = 0;
  virtual size_t QueueMemory(LinkId link) const = 0;
};

}  // namespace keyway::shard::cluster::gossip
