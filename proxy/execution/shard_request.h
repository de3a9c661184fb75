// One RESP request to the shard that serves a slot, followed wherever the cluster sends it.
//
// MOVED and ASK are followed, up to the number of redirects allowed. A request that surely was not
// executed, or that may be repeated, waits and is sent again when its shard is away (away.h); any other
// one whose connection is lost ends as kUncertain. Deadlines are the operation's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/net/address.h"
#include "common/resp/reply_writer.h"
#include "common/slot/slot.h"
#include "proxy/backend/backend.h"
#include "proxy/execution/intrusive_list.h"
#include "proxy/execution/outcome.h"
#include "proxy/execution/read_from.h"
#include "proxy/execution/shard_access.h"

namespace keyway::proxy::execution {

class ShardRequest final : public backend::Call, private ListLink<WaitingTag> {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // The end. `reply`: one complete reply, valid during the call; when no shard gave one, an error
    // made by the proxy. `type`: its first byte. May destroy or restart `request`.
    virtual void OnShardReply(ShardRequest& request, std::string_view reply, char type,
                              Outcome outcome) = 0;
    // It has to wait for its shard, or later requests could overtake it.
    virtual void OnShardAway(ShardRequest& request) = 0;
    // A large reply may come in parts: as backend::Call has it. OnShardReply has the last part.
    virtual bool TakesParts() { return false; }
    virtual bool OnShardPart(std::string_view part) {
      (void)part;
      return true;
    }
    virtual void OnDelaysOthers() {}
    // The connection was lost among the parts. Whether nobody has seen them, so that all of them may come
    // anew; if not, OnShardReply has an error.
    virtual bool TakeBackParts() { return true; }
    virtual const void* waiter() const { return nullptr; }
  };

  struct Terms {
    resp::Version version = resp::Version::kResp2;
    int database = 0;
    bool repeatable = false;  // executing it twice harms nothing
    // Of what is repeatable: it is a write all the same, so that a deadline leaves it in doubt.
    bool writes = false;
    // Of a transaction, MULTI ... EXEC in one piece: how many requests these are. OnShardReply has the
    // reply of EXEC. One that was aborted because the slot is elsewhere is sent again there; because of
    // anything else, gives the error of the request that caused it, which was the first to fail.
    int requests = 1;
    // Its keys may be asked for one at a time: TRYAGAIN is reported at once. Else it is sent again
    // until the slot has arrived.
    bool reports_tryagain = false;
    bool scripts = false;  // Plan::scripts
    ReadFrom read_from = ReadFrom::kPrimary;  // another one only for what only reads
    uint64_t client = 0;                      // keeps to one node among equals

    bool only_reads() const { return repeatable && !writes; }
    bool from_replicas() const { return read_from != ReadFrom::kPrimary; }
  };

  ShardRequest() = default;
  ~ShardRequest() override;

  // To be filled before Start: a RESP array of bulk strings.
  std::string& bytes() { return bytes_; }
  // For the owner: which of its requests this is.
  uint32_t tag = 0;

  // The end may be reported inside. `access` and `owner` must outlive the request's work.
  void Start(ShardAccess& access, Owner* owner, Slot slot, const Terms& terms);
  // To `node` and no other: neither the map nor a redirect is followed, and what cannot be sent or
  // loses its connection ends at once, as kUnreachable.
  void StartAt(ShardAccess& access, Owner* owner, const net::Endpoint& node, const Terms& terms);
  // After a part that was answered with false: the next ones may come.
  void ResumeParts() { Call::ResumeParts(); }
  // Gives up; nothing is reported any more. Also when there is nothing to give up.
  void Abandon();

  // Whether a shard may have executed it, or may still do so, without the reply having come.
  bool in_doubt() const {
    return (state_ == State::kSent || maybe_executed_) && !terms_.only_reads();
  }
  const net::Endpoint& node() const { return node_; }
  // The error for who will not wait any longer: that of a shard because of which it is to be sent
  // again, if there is one.
  std::string DeadlineError(Outcome* outcome) const;

  // Rises with the starts of a worker's requests.
  uint64_t ticket() const { return ticket_; }
  // In the waiting room.
  size_t size() const { return bytes_.size(); }

 private:
  friend class ShardAccess;
  friend class WaitingRoom;
  template <typename T, typename Tag>
  friend class IntrusiveList;

  enum class State : uint8_t { kIdle, kSent, kWaiting };

  void OnReply(std::string_view reply, char type) override;
  void OnFailure(backend::Failure failure, std::string_view detail) override;
  void Begin(ShardAccess& access, Owner* owner, const Terms& terms);
  bool TakesParts() override { return terms_.requests == 1 && owner_->TakesParts(); }
  bool OnPart(std::string_view part) override;
  void OnDelaysOthers() override { owner_->OnDelaysOthers(); }
  void OnOvertakable() override { owner_->OnShardAway(*this); }
  const void* waiter() const override { return owner_->waiter(); }
  void OnWholeReply(std::string_view reply, char type);
  // CLUSTERDOWN, MASTERDOWN, LOADING.
  void OnUnsettled(std::string_view reply);
  // To the node of the last redirect, else to the one that the map names.
  void Send();
  // The replica that it was sent to does not serve: asks another node.
  void LeaveReplica(AwayCause cause);
  // It does not have the slot.
  void OnReplicaRedirect();
  void WaitForReplica(const std::string& why);
  // Sets node_. False: it waits for one, or has ended.
  bool ChooseNode(const topology::SlotMap& map, const topology::Shard& shard);
  void Follow(net::Endpoint node, bool asking);
  // By the waiting room, which it has left.
  void SendAgain();
  void ForgetRedirect() { redirected_ = asking_ = false; }
  // `why`: for the error when the deadline passes.
  void WaitForShard(ShardAccess::Await await, AwayCause cause, std::string_view why);
  void EndScout();
  void Finish(std::string_view reply, char type, Outcome outcome);
  void FinishError(std::string_view text, Outcome outcome);

  ShardAccess* access_ = nullptr;
  Owner* owner_ = nullptr;
  std::string bytes_;
  net::Endpoint node_;
  Terms terms_;
  Slot slot_ = 0;
  State state_ = State::kIdle;
  bool only_there_ = false;
  bool redirected_ = false;  // node_ comes from a redirect, not from the map
  bool asking_ = false;
  bool maybe_executed_ = false;  // at a shard whose reply never came
  bool parked_ = false;          // has waited, or does
  AwayCause cause_ = AwayCause::kNoShard;  // of the last wait
  bool in_parts_ = false;  // the owner has some of the reply
  bool at_replica_ = false;    // sent to one
  bool left_replica_ = false;  // to be sent to the primary, as a replica has redirected it
  int redirects_ = 0;
  int attempts_ = 0;
  int replies_left_ = 0;
  uint64_t ticket_ = 0;
  int64_t parked_micros_ = 0;  // when it began to wait
  std::string first_error_;    // of a transaction
  std::string last_error_;     // the reply because of which it is sent again, or one that stands for it
  std::string why_;            // it waits, where no shard said so
};

}  // namespace keyway::proxy::execution
