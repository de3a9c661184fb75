// A request that may wait at the shard of its slot, on a connection leased for it alone.
//
// The shard does the waiting and keeps the time. The operation only follows the slot: when its shard
// sends the request elsewhere (MOVED, ASK, -UNBLOCKED by a failover), cannot be reached, or is lost,
// it waits on at the slot's new primary with the rest of the time.
//
//   kSent     the request is on the lease; the shard may be at work, or waiting
//   kPausing  the shard is away; it is asked again in a moment, for at most the request deadline
//
// A connection that is lost while the shard waits has taken nothing that the client could have had: a
// shard writes the reply in the pass of its event loop that takes the element. Therefore waiting on is
// right also for what writes. One that is lost within kSettledMicros of the sending may have been served
// at once; then a write ends as kUncertain, as any other write does.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/net/event_loop.h"
#include "proxy/backend/backend.h"
#include "proxy/execution/operation.h"
#include "proxy/execution/shard_access.h"

namespace keyway::proxy::execution {

// The replies that end a wait without a result.
std::string_view TimeoutReply(resp::Version version);
inline constexpr std::string_view kUnblockedText = "UNBLOCKED client unblocked via CLIENT UNBLOCK";

// CLIENT UNBLOCK of a leased connection, on the shared connection to its node.
class LeaseUnblocker final : private backend::Call {
 public:
  using Answer = std::function<void(bool unblocked)>;
  ~LeaseUnblocker() override { Finish(false); }

  // `answer` is called when the node has answered, or at Finish.
  void Start(backend::Pool& pool, const backend::Lease& lease, bool error, Answer answer);
  // Whether the end of the wait may come of it.
  bool started() const { return started_; }
  // The connection has answered and is needed no more. While the node is still asked to unblock it, it is
  // closed: it would unblock the next owner.
  void Release(std::unique_ptr<backend::Lease> lease);
  // The wait has ended; `unblocked` if it may be by this.
  void Finish(bool unblocked);

 private:
  void OnReply(std::string_view reply, char type) override;
  void OnFailure(backend::Failure failure, std::string_view detail) override;

  // Before the node has begun with what is to be unblocked it says that nobody waits.
  static constexpr int kMaxTries = 20;
  void Ask();

  backend::Pool* pool_ = nullptr;
  net::Endpoint node_;
  std::string request_;
  int tries_ = 0;
  bool started_ = false;
  Answer answer_;
};

class BlockingOperation final : public Operation,
                                private backend::Call,
                                private backend::LeaseOwner,
                                private MapWatcher {
 public:
  // How long a shard may take for what it can serve at once.
  static constexpr int64_t kSettledMicros = 100'000;

  void Unblock(bool error, std::function<void(bool unblocked)> answer) override;
  bool blocks_client() const override { return true; }
  bool waits() const override { return lease_ == nullptr || lease_->client_id() != 0; }

 private:
  enum class State : uint8_t { kIdle, kSent, kPausing };

  void Begin(const Request& request) override;
  void Abandon() override;
  std::string DeadlineError(Outcome* outcome) override;
  void Recycle() override { delete this; }
  bool is_patient() const override { return true; }

  // A PING in front of the request, when it matters that the shard has begun with it.
  struct Begun final : backend::Call {
    BlockingOperation* operation = nullptr;

    ~Begun() override;
    void OnReply(std::string_view reply, char type) override;
    // The request behind it fails, too.
    void OnFailure(backend::Failure, std::string_view) override {}
  };

  void OnReply(std::string_view reply, char type) override;
  void OnFailure(backend::Failure failure, std::string_view detail) override;
  void OnNewMap() override;

  void Send();
  void OnError(std::string_view reply);
  void Follow(net::Endpoint node, bool asking);
  // It waits at no shard just now: whether somebody wants it to wait no more, and so it has ended.
  bool EndIfUnblocked();
  // `cause`: an error reply, for when it has waited long enough.
  void Pause(std::string cause, Outcome outcome);
  void OnTimer();
  void ArmTimer();
  // Lets go of everything. Before each Deliver.
  void End(bool unblocked);
  void EndWith(std::string_view reply, Outcome outcome);
  bool TimeIsOver();

  std::string bytes_;
  Slot slot_ = 0;
  int database_ = 0;
  int timeout_index_ = 0;
  bool timeout_in_millis_ = false;
  bool repeatable_ = false;
  bool sent_before_ = false;
  int64_t ends_micros_ = 0;  // 0: never

  State state_ = State::kIdle;
  std::unique_ptr<backend::Lease> lease_;
  net::Endpoint node_;
  bool redirected_ = false;  // node_ comes from a redirect, not from the map
  bool asking_ = false;
  bool by_ask_ = false;  // it was so when it was sent
  int redirects_ = 0;
  int64_t sent_micros_ = 0;
  int64_t away_since_micros_ = 0;  // 0: it is not
  int64_t pause_millis_ = 0;       // the last pause
  int64_t elsewhere_since_micros_ = 0;  // since when the map names another node; 0: it does not
  std::string cause_;              // of a pause
  Outcome cause_outcome_ = Outcome::kUnreachable;
  bool unblock_with_error_ = false;
  // Of an UNBLOCK for which it has to begin first.
  std::function<void(bool)> unblock_answer_;
  Begun begun_;
  LeaseUnblocker unblocker_;
  std::unique_ptr<net::Timer> timer_;
};

}  // namespace keyway::proxy::execution
