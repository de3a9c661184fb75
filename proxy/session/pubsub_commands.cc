// SUBSCRIBE, UNSUBSCRIBE and their relatives.
//
// Their replies are messages, as those that follow: an array for RESP2, a push for RESP3, and sent
// whatever CLIENT REPLY said. SUBSCRIBE is answered when the shards have confirmed it: what anybody
// publishes after that arrives. UNSUBSCRIBE is answered when they do not count us any more, or after
// a moment. The client is served no further meanwhile.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/execution/error_text.h"
#include "proxy/execution/executor.h"
#include "proxy/pubsub/hub.h"
#include "proxy/session/local_commands.h"
#include "proxy/session/session.h"

namespace keyway::proxy::session {
namespace {

using execution::Outcome;
using pubsub::Kind;
using pubsub::Topic;

constexpr int kUnsubscribePatienceMs = 1000;

std::vector<std::string> Names(const LocalCall& call) {
  const auto names = call.arguments.subspan(1);
  return {names.begin(), names.end()};
}

// One answer for each name. `name` nullopt: there was nothing to unsubscribe from.
void Answer(resp::ReplyWriter& out, std::string_view verb, std::optional<std::string_view> name,
            size_t count) {
  out.PushHeader(3);
  out.Bulk(verb);
  if (name) {
    out.Bulk(*name);
  } else {
    out.Null();
  }
  out.Integer(static_cast<int64_t>(count));
}

// What both wait with.
class SubscriptionOperation : public execution::Operation, protected pubsub::Waiter {
 public:
  SubscriptionOperation(Session& session, Kind kind, std::string_view verb,
                        std::vector<std::string> names)
      : session_(session), kind_(kind), verb_(verb), names_(std::move(names)) {}
  bool blocks_client() const override { return true; }

 protected:

  pubsub::Hub& hub() { return *session_.context().hub; }
  void Finish(OutputBuffer&& answers) {
    silent = false;
    Deliver(std::move(answers), Outcome::kOk);
  }
  void Recycle() override { delete this; }

  Session& session_;  // it owns this operation
  const Kind kind_;
  const std::string_view verb_;
  const std::vector<std::string> names_;
};

class SubscribeOperation final : public SubscriptionOperation {
 public:
  using SubscriptionOperation::SubscriptionOperation;

 private:
  void Begin(const execution::Request&) override {
    for (const std::string& name : names_) topics_.push_back(&hub().Pin(kind_, name));
    if (!hub().Wait(*this, topics_, 0)) OnSettled();
  }
  void OnSettled() override {
    OutputBuffer answers;
    resp::ReplyWriter out(answers, version());
    pubsub::Subscriptions& subscriptions = session_.MakeSubscriptions();
    for (Topic* topic : topics_) {
      subscriptions.Add(*topic);
      Answer(out, verb_, topic->name, subscriptions.CountFor(kind_));
    }
    Unpin();
    Finish(std::move(answers));
  }
  void Abandon() override {
    hub().StopWaiting(*this);
    Unpin();
  }
  std::string DeadlineError(Outcome* outcome) override {
    *outcome = Outcome::kDeadline;
    for (const Topic* topic : topics_) {
      if (!topic->ready()) return execution::ProxyErrorText(hub().Cause(*topic));
    }
    return execution::ProxyErrorText("the subscription is not confirmed");
  }
  void Unpin() {
    for (Topic* topic : std::exchange(topics_, {})) hub().Unpin(*topic);
  }

  std::vector<Topic*> topics_;
};

class UnsubscribeOperation final : public SubscriptionOperation {
 public:
  using SubscriptionOperation::SubscriptionOperation;

 private:
  bool is_patient() const override { return true; }
  void Begin(const execution::Request&) override {
    resp::ReplyWriter out(answers_, version());
    pubsub::Subscriptions& subscriptions = session_.MakeSubscriptions();
    std::vector<Topic*> leaving;
    const auto leave = [&](const std::string& name) {
      const bool had = subscriptions.Remove(kind_, name);
      Answer(out, verb_, name, subscriptions.CountFor(kind_));
      Topic* topic = had ? hub().Find(kind_, name) : nullptr;
      if (topic != nullptr && !topic->needed()) leaving.push_back(topic);
    };
    for (const std::string& name : names_) leave(name);
    if (names_.empty() && subscriptions.First(kind_) == nullptr) {
      Answer(out, verb_, std::nullopt, subscriptions.CountFor(kind_));
    }
    while (names_.empty() && subscriptions.First(kind_) != nullptr) {
      leave(std::string(subscriptions.First(kind_)->name));
    }
    session_.ForgetIfEmpty();
    if (!hub().Wait(*this, leaving, kUnsubscribePatienceMs)) OnSettled();
  }
  void OnSettled() override { Finish(std::move(answers_)); }
  void Abandon() override { hub().StopWaiting(*this); }
  std::string DeadlineError(Outcome* outcome) override {
    *outcome = Outcome::kDeadline;
    return execution::ProxyErrorText("the subscription did not end");
  }

  OutputBuffer answers_;
};

template <Kind kind>
void Subscribe(LocalCall& call) {
  // Redis lets a transaction subscribe to the others, for the sake of old clients.
  if (kind == Kind::kShardChannel && call.deferrals != nullptr) {
    return call.Error("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
  }
  call.Defer(new SubscribeOperation(call.session, kind, call.command.spec->name, Names(call)));
}

template <Kind kind>
void Unsubscribe(LocalCall& call) {
  call.Defer(new UnsubscribeOperation(call.session, kind, call.command.spec->name, Names(call)));
}

}  // namespace

void RegisterPubsubCommands(LocalCommands& commands) {
  commands.AddQuiet("subscribe", Subscribe<Kind::kChannel>);
  commands.AddQuiet("psubscribe", Subscribe<Kind::kPattern>);
  commands.AddQuiet("ssubscribe", Subscribe<Kind::kShardChannel>);
  commands.AddQuiet("unsubscribe", Unsubscribe<Kind::kChannel>);
  commands.AddQuiet("punsubscribe", Unsubscribe<Kind::kPattern>);
  commands.AddQuiet("sunsubscribe", Unsubscribe<Kind::kShardChannel>);
  for (std::string_view name : {"subscribe", "psubscribe", "ssubscribe", "unsubscribe",
                                "punsubscribe", "sunsubscribe", "ping", "quit", "reset"}) {
    commands.OpenToSubscribers(name);
  }
}

}  // namespace keyway::proxy::session
