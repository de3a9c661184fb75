// What a peer can do to a node: messages go through the frame reader and the codec to an engine, as
// coming from a stranger, from a known node, and as the answer of a node that was asked. Whatever
// they are, the table stays consistent and nodes.conf stays readable.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "common/log/log.h"
#include "shard/cluster/bus/frame_reader.h"
#include "shard/cluster/nodes_file.h"
#include "tests/unit/shard/cluster/fakes.h"

namespace keyway::shard::cluster {
namespace {

class Target : public EngineTest {
 public:
  void TestBody() override {}

  void Run(std::string bytes) {
    AddPeer('a');
    table().AddSlot(me(), 100);
    Feed(bytes, transport_.Accept(), /*inbound=*/true);
    if (bytes.size() < bus::kHeaderBytes) return;
    bytes.replace(0, 4, bus::kSignature);
    bytes.replace(8, 2, std::string("\0\1", 2));
    bytes.replace(4, 4,
                  std::string("\0\0", 2) + static_cast<char>(bytes.size() >> 8) +
                      static_cast<char>(bytes.size()));
    Feed(bytes, transport_.Accept(), /*inbound=*/true);
    (void)engine_->Meet("10.1.1.1", 1, 2);
    engine_->Tick();
    // Over the outbound links: that of the known node, and that of the handshake.
    std::vector<gossip::LinkId> links;
    for (const gossip::Node* peer : table().nodes()) {
      if (peer->outbound != gossip::kNoLink) links.push_back(peer->outbound);
    }
    for (const gossip::LinkId link : links) Feed(bytes, link, /*inbound=*/false);
    bytes.replace(40, 40, std::string(40, 'a'));
    Feed(bytes, transport_.Accept(), /*inbound=*/true);
    Check();
  }

 private:
  void Feed(const std::string& bytes, gossip::LinkId link, bool inbound) {
    if (inbound) engine_->OnAccepted(link);
    bus::FrameReader reader;
    std::string_view rest = bytes;
    while (true) {
      const auto step = reader.Next(rest);
      if (!step.ok()) break;
      rest.remove_prefix(step->consumed);
      if (step->complete) {
        const auto message = bus::Decode(step->frame);
        if (message.ok()) engine_->OnMessage(link, *message);
      } else if (step->consumed == 0) {
        break;
      }
    }
    engine_->OnClosed(link);
    clock_.AdvanceMillis(100);
    engine_->Tick();
    engine_->FinishPass();
  }

  void Check() {
    int assigned = 0;
    for (const gossip::Node* node : table().nodes()) {
      assigned += node->slot_count;
      Require(node->slots.count() == static_cast<size_t>(node->slot_count));
      Require(!node->is_replica() || node->slot_count == 0);
      Require(table().Find(node->id) == node);
    }
    Require(assigned == table().assigned_slots());
    Require(ParseNodesFile(FormatNodesFile(table(), clock_), clock_).ok());
  }

  static void Require(bool holds) {
    if (!holds) std::abort();
  }
};

}  // namespace
}  // namespace keyway::shard::cluster

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  keyway::log::SetLevel(keyway::log::Level::kWarning);
  keyway::shard::cluster::Target().Run(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
