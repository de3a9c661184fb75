// RANDOMKEY: a primary drawn by its number of keys is asked; when it has none left, another.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/execution/gather.h"
#include "proxy/execution/operation.h"
#include "proxy/execution/shard_request.h"

namespace keyway::proxy::execution {

class RandomKeyOperation final : public Operation,
                                 private Gather::Owner,
                                 private ShardRequest::Owner {
 private:
  struct Candidate {
    Slot slot;
    uint64_t keys;
  };

  void Begin(const Request& request) override;
  void Abandon() override;
  std::string DeadlineError(Outcome* outcome) override;
  void Recycle() override;
  bool asks_all_shards(const Request&) const override { return true; }
  void OnGathered(Gather& gather) override;
  void OnShardAway(Gather& gather) override;
  void OnShardReply(ShardRequest& request, std::string_view reply, char type,
                    Outcome outcome) override;
  void OnShardAway(ShardRequest& request) override;
  // False: nobody is left to ask.
  bool AskOne();

  Gather sizes_;
  ShardRequest request_;
  bool asked_ = false;  // request_ has been started
  ShardRequest::Terms terms_;
  std::vector<Candidate> candidates_;
};

}  // namespace keyway::proxy::execution
