// Cuts the byte stream of a bus link into messages.
//
// A message whose body this node reads is waited for as a whole, up to a bound; of the others
// (MODULE, later types) and of published messages above the bound the header is kept and the body,
// of any length, is skipped as it comes in, so that a peer cannot make this node buffer what it
// will not use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/base/expected.h"
#include "shard/cluster/bus/message.h"

namespace keyway::shard::cluster::bus {

class FrameReader {
 public:
  // Before the link's peer is known to be a node of the cluster, its messages must be smaller.
  static constexpr size_t kMaxStrangerBytes = 256 * 1024;

  struct Step {
    size_t consumed = 0;     // of the bytes given
    std::string_view frame;  // a view into them; empty: no message yet
    bool complete = false;   // whether there is a message
  };

  // Takes at most one message from the front of `bytes`. `complete` false and `consumed` 0: more
  // bytes are needed. Error: the stream cannot be followed any further, close the link.
  Expected<Step, DropCause> Next(std::string_view bytes);

  void TrustPeer() {
    max_bytes_ = kMaxMessageBytes;
    max_publish_bytes_ = kMaxPublishBytes;
  }

 private:
  uint64_t skip_ = 0;  // bytes of a body nobody reads, still to come
  size_t max_bytes_ = kMaxStrangerBytes;
  size_t max_publish_bytes_ = kMaxStrangerBytes;
};

}  // namespace keyway::shard::cluster::bus
