// SCAN over all primaries: one call to one primary a request, with a cursor that says where the
// walk stands (scan_cursor.h).
#pragma once

#include <string>
#include <string_view>

#include "proxy/execution/operation.h"
#include "proxy/execution/scan_cursor.h"
#include "proxy/execution/shard_request.h"

namespace keyway::proxy::execution {

class ScanOperation final : public Operation, private ShardRequest::Owner {
 private:
  void Begin(const Request& request) override;
  void Abandon() override;
  std::string DeadlineError(Outcome* outcome) override;
  void Recycle() override;
  void OnShardReply(ShardRequest& request, std::string_view reply, char type,
                    Outcome outcome) override;
  void OnShardAway(ShardRequest& request) override;

  void Ask();

  ShardRequest request_;
  ShardRequest::Terms terms_;
  ScanCursor cursor_;
  std::string head_;  // of the request, up to the cursor
  std::string tail_;  // behind the cursor
  int asked_ = 0;
};

}  // namespace keyway::proxy::execution
