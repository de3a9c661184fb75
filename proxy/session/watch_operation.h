// WATCH: has the shard of a slot watch keys on a connection of the client's own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/net/event_loop.h"
#include "proxy/execution/operation.h"
#include "proxy/session/watch.h"

namespace keyway::proxy::session {

class Session;

// Follows the slot and tries again, as long as nothing is watched yet: watching late is as good.
// When earlier keys are watched already, what goes wrong loses the watch, and the reply is OK: EXEC
// says the rest.
class WatchOperation final : public execution::Operation, private Watch::User {
 public:
  // `keys` lie in the slot of the watch that `session` has.
  WatchOperation(Session& session, std::vector<std::string> keys);

 private:
  void Begin(const execution::Request& request) override;
  void Abandon() override;
  std::string DeadlineError(execution::Outcome* outcome) override;
  void Recycle() override;
  void OnWatchReply(std::string_view reply, char type) override;
  void OnWatchFailure(backend::Failure failure, std::string_view detail) override;

  // To the primary that the map names.
  void Locate();
  void Ask(const net::Endpoint& node);
  void TryLater(std::string_view cause);
  // True: earlier keys were watched, and OK was the reply.
  bool LoseEarlier();
  void DeliverFailure(std::string_view text, execution::Outcome outcome);

  Session& session_;
  Watch* watch_;  // the session's
  std::vector<std::string> keys_;
  std::string bytes_;
  int database_ = 0;
  int redirects_ = 0;
  int attempts_ = 0;
  std::string cause_;
  net::Timer retry_timer_;
};

}  // namespace keyway::proxy::session
