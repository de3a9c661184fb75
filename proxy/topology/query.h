// One node asked for its picture of the cluster: CLUSTER NODES for epochs and flags, CLUSTER SHARDS
// for the addresses that clients are to use (CLUSTER SLOTS of a node before Redis 7.0), and CLUSTER
// INFO for the current epoch. Private to proxy/topology.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/expected.h"
#include "common/net/event_loop.h"
#include "proxy/backend/backend.h"
#include "proxy/topology/report.h"

namespace keyway::proxy::topology {

// cluster_current_epoch of a reply of CLUSTER INFO; 0 when it is not there.
uint64_t ParseClusterEpoch(std::string_view reply);

class Query {
 public:
  using Done = std::function<void(Query*, Expected<Report>)>;

  // `done` is called once, not before Start has returned, and may destroy the query. Destroying it
  // earlier gives the query up.
  Query(net::EventLoop& loop, backend::Pool& pool, net::Endpoint node, int timeout_ms, Done done);
  ~Query();
  void Start();

  const net::Endpoint& node() const { return node_; }

 private:
  class Request final : public backend::Call {
   public:
    using Take = void (Query::*)(std::string_view);
    Request(Query* query, Take take) : query_(query), take_(take) {}
    ~Request() override { Cancel(); }
    void OnReply(std::string_view reply, char type) override;
    void OnFailure(backend::Failure failure, std::string_view detail) override;

   private:
    Query* query_;
    Take take_;
  };

  void Send(std::string_view subcommand, Request* request);
  void TakeNodes(std::string_view reply);
  void TakeShards(std::string_view reply);
  void TakeSlots(std::string_view reply);
  void TakeInfo(std::string_view reply);
  void TakeParsed(Expected<std::vector<Shard>> shards);
  void FinishIfComplete();
  void Finish(Expected<Report> report);

  backend::Pool& pool_;
  const net::Endpoint node_;
  const int timeout_ms_;
  Done done_;
  net::Timer timeout_;
  Request nodes_request_;
  Request shards_request_;
  Request slots_request_;
  Request info_request_;
  std::optional<Expected<std::vector<NodeLine>>> lines_;  // an error: the node has no such command
  std::optional<std::vector<Shard>> shards_;
  std::optional<uint64_t> epoch_;
};

}  // namespace keyway::proxy::topology
