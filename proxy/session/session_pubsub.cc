// What makes a session a subscriber, and when one that does not read is closed.
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

bool Session::OverOutputLimit(size_t bytes) {
  if (subscriptions_ == nullptr) return bytes > context_.options.output_limit_bytes;
  const OutputLimit& limit = context_.options.pubsub_output_limit;
  if (limit.hard > 0 && bytes >= limit.hard) return true;
  if (limit.soft == 0 || bytes < limit.soft) {
    soft_limit_since_ = 0;
    return false;
  }
  const int64_t now = context_.loop.NowMicros();
  if (soft_limit_since_ == 0) soft_limit_since_ = now;
  return now - soft_limit_since_ > int64_t{limit.seconds} * 1'000'000;
}

void Session::CheckOutput() {
  if (soft_limit_since_ != 0) AfterOutput();
}

}  // namespace keyway::proxy::session
