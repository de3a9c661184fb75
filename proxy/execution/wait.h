// WAIT over all primaries: the least number of replicas that any of them has.
//
// A client's writes have been made on connections that it shares with others. What a WAIT waits for is
// the offset that its connection knows of, which is the primary's own after any command: so each
// primary gets a PING and the WAIT on a leased connection, after all earlier requests of the client
// have been answered. It may wait for writes of others that came before, never for less.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/event_loop.h"
#include "proxy/backend/backend.h"
#include "proxy/execution/blocking.h"
#include "proxy/execution/operation.h"

namespace keyway::proxy::execution {

class WaitOperation final : public Operation {
 public:
  void Unblock(bool error, std::function<void(bool unblocked)> answer) override;
  bool blocks_client() const override { return true; }
  bool waits() const override { return begun_ == parts_.size(); }

 private:
  // One primary.
  struct Part final : backend::LeaseOwner, backend::Call {
    WaitOperation* wait = nullptr;
    std::unique_ptr<backend::Lease> lease;
    LeaseUnblocker unblocker;
    bool begun = false;
    bool ended = false;

    ~Part() override;
    void OnReply(std::string_view reply, char type) override;
    void OnFailure(backend::Failure failure, std::string_view detail) override;
  };

  void Begin(const Request& request) override;
  void Abandon() override { End(); }
  std::string DeadlineError(Outcome* outcome) override;
  void Recycle() override { delete this; }
  bool is_patient() const override { return true; }

  void OnBegun(Part& part);
  void OnPart(Part& part, std::string_view reply, char type);
  void UnblockPart(Part& part);
  void End();
  void EndWithError(std::string_view reply, Outcome outcome);

  std::vector<std::unique_ptr<Part>> parts_;
  size_t begun_ = 0;
  size_t outstanding_ = 0;
  bool unblocked_ = false;
  int64_t least_ = INT64_MAX;
  std::unique_ptr<net::Timer> timer_;
};

}  // namespace keyway::proxy::execution
