// A request that goes to one shard as it is: nearly all of them.
#pragma once

#include <string>
#include <string_view>

#include "proxy/execution/operation.h"
#include "proxy/execution/shard_request.h"

namespace keyway::proxy::execution {

class SingleOperation final : public Operation, private ShardRequest::Owner {
 private:
  void ResumeParts() override { request_.ResumeParts(); }
  void Begin(const Request& request) override;
  void Abandon() override;
  std::string DeadlineError(Outcome* outcome) override;
  void Recycle() override;
  void OnShardReply(ShardRequest& request, std::string_view reply, char type,
                    Outcome outcome) override;
  void OnShardAway(ShardRequest& request) override;
  bool TakesParts() override { return sink().TakesParts(*this); }
  bool OnShardPart(std::string_view part) override { return sink().OnPart(*this, part); }
  void OnDelaysOthers() override { sink().OnDelaysOthers(*this); }
  bool TakeBackParts() override { return sink().TakeBackParts(*this); }
  const void* waiter() const override { return &sink(); }

  ShardRequest request_;
};

}  // namespace keyway::proxy::execution
