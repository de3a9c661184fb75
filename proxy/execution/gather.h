// Several requests to shards, and all their replies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/address.h"
#include "proxy/execution/shard_request.h"

namespace keyway::proxy::execution {

class Gather final : private ShardRequest::Owner {
 public:
  struct Part {
    ShardRequest request;
    Slot slot = 0;
    net::Endpoint node;  // if it has a port: this one is asked, whatever its slots
    std::string reply;
    char type = 0;
    Outcome outcome = Outcome::kOk;
    // For the owner.
    uint32_t key_count = 0;
    uint32_t belongs_to = 0;

    bool failed() const { return type == '-' || type == '!'; }
  };

  class Owner {
   public:
    virtual ~Owner() = default;
    // Every part has its reply. May destroy or reuse `gather`.
    virtual void OnGathered(Gather& gather) = 0;
    virtual void OnShardAway(Gather& gather) = 0;
  };

  // One more part, empty; its bytes are filled in by the caller. Before Start.
  Part& Add(Slot slot);
  // Bytes of all replies together; beyond, they are dropped as they come. Before Start.
  void set_byte_limit(size_t bytes) { byte_limit_ = bytes; }
  bool overflowed() const { return bytes_ > byte_limit_; }
  // Reports inside when every part ends at once. At least one part.
  void Start(ShardAccess& access, Owner* owner, const ShardRequest::Terms& terms);
  // Gives up on what is under way.
  void Abandon();
  // Forgets the parts; keeps memory for as many as are common.
  void Reset();

  size_t size() const { return used_; }
  Part& part(size_t index) { return *parts_[index]; }
  // The first part that failed, in the order of Add; nullptr when none did.
  const Part* FirstFailure() const;
  // Before all have replied: whether something may have been changed already. `node` is set to a
  // shard that has not replied.
  bool InDoubt(std::string* node) const;
  // The error for a deadline that passes before all have replied.
  std::string DeadlineError(int deadline_ms, Outcome* outcome) const;

 private:
  void OnShardReply(ShardRequest& request, std::string_view reply, char type,
                    Outcome outcome) override;
  void OnShardAway(ShardRequest& request) override;
  void CountDown();

  std::vector<std::unique_ptr<Part>> parts_;  // the first used_ are in use
  size_t used_ = 0;
  size_t outstanding_ = 0;
  size_t byte_limit_ = SIZE_MAX;
  size_t bytes_ = 0;
  Owner* owner_ = nullptr;
  bool only_reads_ = false;
};

}  // namespace keyway::proxy::execution
