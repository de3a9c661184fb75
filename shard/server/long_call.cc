#include "shard/server/long_call.h"

#include <utility>

#include <glog/logging.h>

#include "shard/server/client.h"
#include "shard/server/client_registry.h"
#include "shard/server/command_context.h"
#include "shard/server/dispatcher.h"
#include "shard/server/lifecycle.h"

namespace keyway::shard {

LongCall::LongCall(net::EventLoop& loop, ClientRegistry& clients)
    : loop_(loop), clients_(clients), fiber_(kStackBytes) {}

LongCall::~LongCall() {
  CHECK(!stands_aside());
}

bool StandsAside(const Services& services) {
  return services.long_call != nullptr && services.long_call->stands_aside();
}

bool LeavesKeysAlone(const Services& services) {
  return StandsAside(services) || services.lifecycle.shutdown_requested();
}

void LongCall::Run(Client& client, std::function<void()> body) {
  if (fiber_.Run(std::move(body))) return;
  clients_.BeginLongCall(client);
  ContinueSoon();
}

void LongCall::StepAside() {
  fiber_.Suspend();
}

// Not by a timer: one that is started anew inside its callback, for at once, comes before sockets.
void LongCall::ContinueSoon() {
  loop_.Post([this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) Continue();
  });
}

void LongCall::Continue() {
  if (!stands_aside()) return;
  clients_.dispatcher().BeginBatch();
  if (fiber_.Resume()) {
    clients_.EndLongCall();
  } else {
    ContinueSoon();
  }
}

void LongCall::Finish() {
  while (stands_aside()) {
    clients_.dispatcher().BeginBatch();
    if (fiber_.Resume()) clients_.EndLongCall();
  }
}

}  // namespace keyway::shard
