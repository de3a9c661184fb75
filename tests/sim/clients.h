// Clients that write to the simulated cluster: each asks the node that it believes to own the slot,
// goes where MOVED and ASK send it, and asks any other one after an error.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/cluster_simulation.h"
#include "tests/sim/history.h"
#include "tests/sim/replicated_data.h"

namespace keyway::sim {

class Clients {
 public:
  // Each is near a node: partitions cut it off with that one.
  Clients(ClusterSimulation& simulation, const ReplicatedData::Group& data, History& history,
          int count);

  void Start();
  // Each ends what it does.
  void Stop() { running_ = false; }
  uint64_t refused() const { return refused_; }

 private:
  struct Request {
    size_t client;
    int key;
    uint64_t write;
    int attempts = 0;
    bool asking = false;
  };
  struct Client {
    int home;
    std::vector<int> owners;  // by key
  };

  void Next(size_t client);
  void Send(const Request& request, int node);
  void Process(const Request& request, int node, uint64_t life);
  void Reply(const Request& request, int node, const std::string& reply);
  void OnReply(Request request, const std::string& reply);
  void Fail(Request request);
  int AnyNode();

  ClusterSimulation& simulation_;
  const ReplicatedData::Group& data_;
  History& history_;
  std::vector<Client> clients_;
  bool running_ = false;
  uint64_t refused_ = 0;
};

}  // namespace keyway::sim
