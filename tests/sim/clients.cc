#include "tests/sim/clients.h"

#include <cstdlib>
#include <utility>

#include <glog/logging.h>

#include "common/base/output_buffer.h"
#include "common/command/table.h"
#include "common/resp/reply_writer.h"
#include "shard/cluster/redirects.h"

namespace keyway::sim {
namespace {

constexpr int64_t kMillisecond = 1000;
constexpr int64_t kTimeoutUs = 500 * kMillisecond;
constexpr int64_t kRetryPausedUs = 50 * kMillisecond;
constexpr int kMaxAttempts = 12;

// What the node says to "APPEND key x"; empty: it executes it.
std::string Admit(gossip::Engine& engine, const gossip::SlotKeys& keys, int key, bool asking) {
  const std::vector<std::string_view> words = {"append", AllKeys()[static_cast<size_t>(key)].name,
                                               "x"};
  static const command::Command& append = [&]() -> const command::Command& {
    const command::Lookup lookup = command::LookupCommand(words);
    CHECK(lookup.status == command::Lookup::Status::kFound);
    return *lookup.command;
  }();
  std::vector<command::KeyPosition> positions;
  CHECK(command::FindKeys(append, words, &positions).ok());
  OutputBuffer out;
  resp::ReplyWriter reply(out);
  const cluster::Redirects redirects(engine.table(), engine.state(), engine.options(), keys);
  if (redirects.Admit({append, words, positions, asking, false, 0}, reply)) return {};
  return out.ToString();
}

}  // namespace

Clients::Clients(ClusterSimulation& simulation, const ReplicatedData::Group& data, History& history,
                 int count)
    : simulation_(simulation), data_(data), history_(history) {
  for (int i = 0; i < count; ++i) {
    clients_.push_back({AnyNode(), std::vector<int>(kKeys, AnyNode())});
  }
}

int Clients::AnyNode() {
  return static_cast<int>(simulation_.random().Below(static_cast<uint64_t>(simulation_.size())));
}

void Clients::Start() {
  running_ = true;
  for (size_t i = 0; i < clients_.size(); ++i) Next(i);
}

void Clients::Next(size_t client) {
  if (!running_) return;
  const int64_t pause = simulation_.random().Between(5, 80) * kMillisecond;
  simulation_.At(simulation_.now_us() + pause, [this, client] {
    if (!running_) return;
    const int key = static_cast<int>(simulation_.random().Below(kKeys));
    Send({client, key, history_.NewWrite(key)}, clients_[client].owners[static_cast<size_t>(key)]);
  });
}

void Clients::Send(const Request& request, int node) {
  const int home = clients_[request.client].home;
  if (!simulation_.CanReach(home, node)) {
    simulation_.At(simulation_.now_us() + kTimeoutUs, [this, request] { Fail(request); });
    return;
  }
  const int64_t arrival = simulation_.now_us() + simulation_.Delay();
  if (!simulation_.up(node)) {
    simulation_.At(arrival, [this, request] { Fail(request); });
    return;
  }
  simulation_.At(arrival, [this, request, node, life = simulation_.life(node)] {
    Process(request, node, life);
  });
}

void Clients::Process(const Request& request, int node, uint64_t life) {
  if (!simulation_.up(node) || simulation_.life(node) != life) {
    Fail(request);
    return;
  }
  ReplicatedData& data = *data_[static_cast<size_t>(node)];
  const std::string error = Admit(simulation_.engine(node), data, request.key, request.asking);
  if (error.empty() && data.writes_paused()) {
    simulation_.At(simulation_.now_us() + kRetryPausedUs,
                   [this, request, node, life] { Process(request, node, life); });
    return;
  }
  if (error.empty()) {
    const Slot slot = AllKeys()[static_cast<size_t>(request.key)].slot;
    const bool owner = simulation_.engine(node).table().myself().slots.test(slot);
    history_.OnAccepted(node, request.write, !owner);
    data.Append(request.key, request.write);
  }
  Reply(request, node, error);
}

void Clients::Reply(const Request& request, int node, const std::string& reply) {
  const int home = clients_[request.client].home;
  const int64_t arrival = simulation_.now_us() + simulation_.Delay();
  simulation_.At(arrival, [this, request, node, home, reply] {
    if (simulation_.CanReach(node, home)) {
      if (reply.empty()) clients_[request.client].owners[static_cast<size_t>(request.key)] = node;
      OnReply(request, reply);
      return;
    }
    // Nobody knows what has become of it: it is not sent again.
    simulation_.At(simulation_.now_us() + kTimeoutUs, [this, request] { Next(request.client); });
  });
}

void Clients::OnReply(Request request, const std::string& reply) {
  if (reply.empty()) {
    history_.OnAcknowledged(request.write);
    Next(request.client);
    return;
  }
  const bool moved = reply.compare(0, 7, "-MOVED ") == 0;
  const bool ask = reply.compare(0, 5, "-ASK ") == 0;
  if ((!moved && !ask) || ++request.attempts > kMaxAttempts) {
    Fail(request);
    return;
  }
  const size_t address = reply.rfind(' ') + 1;
  const std::string ip = reply.substr(address, reply.rfind(':') - address);
  const int node = simulation_.FindNodeByIp(ip);
  if (node < 0) {
    Fail(request);
    return;
  }
  if (moved) clients_[request.client].owners[static_cast<size_t>(request.key)] = node;
  request.asking = ask;
  Send(request, node);
}

void Clients::Fail(Request request) {
  clients_[request.client].owners[static_cast<size_t>(request.key)] = AnyNode();
  if (++request.attempts > kMaxAttempts) {
    ++refused_;
    Next(request.client);
    return;
  }
  request.asking = false;
  simulation_.At(simulation_.now_us() + 100 * kMillisecond, [this, request] {
    Send(request, clients_[request.client].owners[static_cast<size_t>(request.key)]);
  });
}

}  // namespace keyway::sim
