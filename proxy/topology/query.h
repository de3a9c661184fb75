// One node asked for its picture of the cluster: CLUSTER SHARDS and CLUSTER INFO, or CLUSTER SLOTS
// of a node that does not know the former (before Redis 7.0). Private to proxy/topology.
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
#include "proxy/topology/slot_map.h"

namespace keyway::proxy::topology {

struct Answer {
  std::vector<Shard> shards;
  uint64_t cluster_epoch = 0;  // 0: unknown
};

// cluster_current_epoch of a reply of CLUSTER INFO; 0 when it is not there.
uint64_t ParseClusterEpoch(std::string_view reply);

class Query {
 public:
  using Done = std::function<void(Query*, Expected<Answer>)>;

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
  void TakeShards(std::string_view reply);
  void TakeSlots(std::string_view reply);
  void TakeInfo(std::string_view reply);
  void TakeParsed(Expected<std::vector<Shard>> shards);
  void FinishIfComplete();
  void Finish(Expected<Answer> answer);

  backend::Pool& pool_;
  const net::Endpoint node_;
  const int timeout_ms_;
  Done done_;
  net::Timer timeout_;
  Request shards_request_;
  Request slots_request_;
  Request info_request_;
  std::optional<std::vector<Shard>> shards_;
  std::optional<uint64_t> epoch_;
};

}  // namespace keyway::proxy::topology
