// What makes a session a subscriber.
#include "proxy/pubsub/hub.h"
#include "proxy/session/session.h"

namespace keyway::proxy::session {

pubsub::Subscriptions& Session::MakeSubscriptions() {
  if (subscriptions_ == nullptr) {
    subscriptions_ = std::make_unique<pubsub::Subscriptions>(*context_.hub, *this);
  }
  return *subscriptions_;
}

void Session::ForgetIfEmpty() {
  if (subscriptions_ != nullptr && subscriptions_->empty()) UnsubscribeFromAll();
}

void Session::UnsubscribeFromAll() {
  subscriptions_.reset();
  soft_limit_since_ = 0;
}

void Session::OnMessage(pubsub::Message& message) {
  Push(client_.version == resp::Version::kResp3 ? message.resp3() : message.resp2());
}

}  // namespace keyway::proxy::session
