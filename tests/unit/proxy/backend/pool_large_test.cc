// Large values on shared connections: replies in parts, and connections that retire.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "proxy/backend/backend.h"
#include "tests/unit/proxy/backend/fake_node.h"
#include "tests/unit/proxy/backend/recording_call.h"

namespace keyway::proxy::backend {
namespace {

constexpr size_t kLarge = 3'000'000;

// Takes its reply in parts, and says after each whether it wants more.
class PartsCall final : public Call {
 public:
  explicit PartsCall(const void* waiter = nullptr) : waiter_(waiter) {}
  ~PartsCall() override { Cancel(); }

  void OnReply(std::string_view reply, char reply_type) override {
    received += reply;
    type = reply_type;
    ++ended;
  }
  void OnFailure(Failure why, std::string_view) override {
    failure = why;
    failed = true;
    ++ended;
  }
  bool TakesParts() override { return true; }
  bool OnPart(std::string_view part) override {
    received += part;
    ++parts;
    return wants_more;
  }
  void OnDelaysOthers() override { ++delays; }
  void OnOvertakable() override { overtakable = true; }
  const void* waiter() const override { return waiter_; }
  void GoOn() {
    wants_more = true;
    ResumeParts();
  }

  std::string received;
  char type = 0;
  int parts = 0;
  int ended = 0;
  int delays = 0;
  bool wants_more = true;
  bool overtakable = false;
  bool failed = false;
  Failure failure = Failure::kConnect;

 private:
  const void* waiter_;
};

class PoolLargeTest : public ::testing::Test {
 protected:
  void Make(BackendOptions options = {}) { pool_ = std::make_unique<Pool>(loop_, options); }
  void Send(const std::vector<std::string>& words, Call* call, const SendOptions& options = {}) {
    const std::string bytes = Request(words);
    const std::string_view parts[] = {bytes};
    pool_->Send(node_.endpoint(), options, parts, call);
  }
  bool Until(const std::function<bool()>& condition) { return RunUntil(loop_, condition); }

  net::EventLoop loop_;
  // The reply is as large as the request says, or small.
  FakeNode node_{loop_, [](const FakeNode::Words& words) -> std::string {
                   if (words[0] == "ARRAY") {
                     std::string reply = "*1000\r\n";
                     for (int i = 0; i < 1000; ++i) reply += Bulk(std::string(3000, 'a' + i % 26));
                     return reply;
                   }
                   if (words[0] == "BIG") return Bulk(std::string(std::stoul(words[1]), 'x'));
                   return words[0] == "NEVER" ? "" : "+OK\r\n";
                 }};
  std::unique_ptr<Pool> pool_;
};

TEST_F(PoolLargeTest, LargeReplyComesInParts) {
  Make();
  PartsCall call;
  Send({"BIG", std::to_string(kLarge)}, &call);
  ASSERT_TRUE(Until([&] { return call.ended == 1; }));
  EXPECT_EQ(call.received, Bulk(std::string(kLarge, 'x')));
  EXPECT_EQ(call.type, '$');
  EXPECT_GT(call.parts, 10);
  EXPECT_EQ(pool_->stats().replies_in_parts, 1u);
}

TEST_F(PoolLargeTest, AggregatesTooAndWhatStandsBehindThem) {
  Make();
  PartsCall array;
  PartsCall map;
  PartsCall small;
  Send({"ARRAY"}, &array);
  Send({"ARRAY"}, &map);
  Send({"PING"}, &small);
  ASSERT_TRUE(Until([&] { return small.ended == 1; }));
  EXPECT_EQ(array.received.size(), map.received.size());
  EXPECT_EQ(array.received, map.received);
  EXPECT_EQ(array.type, '*');
  EXPECT_EQ(small.received, "+OK\r\n");
  EXPECT_EQ(small.parts, 0);
  EXPECT_EQ(node_.accepted(), 1);
}

TEST_F(PoolLargeTest, CallThatTakesNoPartsHasTheWhole) {
  Make();
  RecordingCall call;
  Send({"BIG", std::to_string(kLarge)}, &call);
  ASSERT_TRUE(Until([&] { return call.ended == 1; }));
  EXPECT_EQ(call.result.size(), Bulk(std::string(kLarge, 'x')).size());
  EXPECT_EQ(pool_->stats().replies_in_parts, 0u);
}

TEST_F(PoolLargeTest, StoppedReplyDelaysNobodyWhoComesLater) {
  Make();
  PartsCall slow;
  PartsCall behind;
  slow.wants_more = false;
  Send({"BIG", std::to_string(kLarge)}, &slow);
  Send({"PING"}, &behind);
  ASSERT_TRUE(Until([&] { return slow.parts == 1; }));
  EXPECT_TRUE(behind.overtakable);
  RecordingCall later;
  Send({"PING"}, &later);
  ASSERT_TRUE(Until([&] { return later.ended == 1; }));
  EXPECT_EQ(slow.parts, 1);
  EXPECT_EQ(behind.ended, 0);
  EXPECT_EQ(pool_->stats().retired_connections, 1u);
  EXPECT_EQ(pool_->stats().open_connections, 2u);

  slow.GoOn();
  ASSERT_TRUE(Until([&] { return behind.ended == 1; }));
  EXPECT_EQ(slow.received.size(), Bulk(std::string(kLarge, 'x')).size());
  EXPECT_EQ(pool_->stats().retired_connections, 0u);

  // The one that has ended its work is used the next time.
  PartsCall again;
  again.wants_more = false;
  Send({"BIG", std::to_string(kLarge)}, &again);
  ASSERT_TRUE(Until([&] { return again.parts == 1; }));
  RecordingCall last;
  Send({"PING"}, &last);
  ASSERT_TRUE(Until([&] { return last.ended == 1; }));
  EXPECT_EQ(node_.accepted(), 2);
  EXPECT_EQ(pool_->stats().retirements, 2u);
}

TEST_F(PoolLargeTest, LargeRequestHoldsUpItsConnectionUntilItIsAnswered) {
  Make();
  RecordingCall first;
  Send({"PING"}, &first);
  ASSERT_TRUE(Until([&] { return first.ended == 1; }));
  PartsCall large;
  RecordingCall later;
  Send({"SET", std::string(kLarge, 'v')}, &large);
  EXPECT_TRUE(large.overtakable);
  Send({"PING"}, &later);
  EXPECT_EQ(pool_->stats().retired_connections, 1u);
  ASSERT_TRUE(Until([&] { return large.ended == 1 && later.ended == 1; }));
  EXPECT_EQ(pool_->stats().retired_connections, 0u);
  EXPECT_EQ(node_.accepted(), 2);
}

TEST_F(PoolLargeTest, CancelledReplyIsDroppedForThoseBehindIt) {
  Make();
  auto slow = std::make_unique<PartsCall>();
  RecordingCall behind;
  slow->wants_more = false;
  Send({"BIG", std::to_string(kLarge)}, slow.get());
  Send({"PING"}, &behind);
  ASSERT_TRUE(Until([&] { return slow->parts == 1; }));
  slow.reset();
  ASSERT_TRUE(Until([&] { return behind.ended == 1; }));
  EXPECT_EQ(behind.result, "+OK\r\n");
  EXPECT_EQ(node_.accepted(), 1);
}

TEST_F(PoolLargeTest, RestThatNobodyWaitsForIsNotRead) {
  Make({.stalled_ms = 40});
  auto slow = std::make_unique<PartsCall>();
  slow->wants_more = false;
  Send({"BIG", std::to_string(kLarge)}, slow.get());
  ASSERT_TRUE(Until([&] { return slow->parts == 1; }));
  RecordingCall other;
  Send({"PING"}, &other);
  ASSERT_TRUE(Until([&] { return other.ended == 1; }));
  slow.reset();
  ASSERT_TRUE(Until([&] { return pool_->stats().open_connections == 1; }));
  EXPECT_EQ(pool_->stats().retired_connections, 0u);
  EXPECT_EQ(pool_->stats().connections_lost, 0u);
  EXPECT_TRUE(Until([&] { return node_.open() == 1; }));
}

TEST_F(PoolLargeTest, SaysWhenOthersWait) {
  Make({.stalled_ms = 40});
  int client = 0;
  PartsCall slow(&client);
  auto own = std::make_unique<PartsCall>(&client);
  slow.wants_more = false;
  Send({"BIG", std::to_string(kLarge)}, &slow);
  Send({"PING"}, own.get());
  ASSERT_TRUE(Until([&] { return slow.parts == 1; }));
  RunFor(loop_, 150);
  EXPECT_EQ(slow.delays, 0);

  slow.GoOn();
  ASSERT_TRUE(Until([&] { return own->ended == 1; }));
  PartsCall stalled(&client);
  RecordingCall others;
  stalled.wants_more = false;
  Send({"BIG", std::to_string(kLarge)}, &stalled);
  Send({"PING"}, &others);
  EXPECT_TRUE(Until([&] { return stalled.delays > 0; }));
  stalled.GoOn();
  EXPECT_TRUE(Until([&] { return others.ended == 1; }));
}

TEST_F(PoolLargeTest, OfTooManyStalledRepliesTheSlowestIsGivenUp) {
  Make({.stalled_ms = 40});
  std::vector<std::unique_ptr<PartsCall>> slow;
  const auto given_up = [&] {
    int count = 0;
    for (const auto& call : slow) count += call->failed ? 1 : 0;
    return count;
  };
  // One more than connections may be retired.
  for (int i = 0; i < 17; ++i) {
    slow.push_back(std::make_unique<PartsCall>());
    slow.back()->wants_more = false;
    Send({"BIG", std::to_string(kLarge)}, slow.back().get());
    ASSERT_TRUE(Until([&] { return slow.back()->parts == 1; }));
  }
  EXPECT_EQ(pool_->stats().retired_connections, 16u);
  EXPECT_EQ(given_up(), 0);
  RunFor(loop_, 60);
  RecordingCall other;
  Send({"PING"}, &other);
  ASSERT_TRUE(Until([&] { return other.ended == 1; }));
  EXPECT_FALSE(other.failed);
  EXPECT_EQ(given_up(), 1);
  EXPECT_TRUE(slow[0]->failed);
  EXPECT_EQ(slow[0]->failure, Failure::kConnectionLost);
  EXPECT_TRUE(Until([&] { return pool_->stats().retired_connections == 16; }));
}

TEST_F(PoolLargeTest, NodeThatStopsInTheMiddleFailsTheReplyOnly) {
  Make({.reply_silence_ms = 60});
  node_.set_answer([](const FakeNode::Words& words) {
    return words[0] == "BIG" ? "$3000000\r\n" + std::string(100'000, 'x') : std::string("+OK\r\n");
  });
  PartsCall call;
  Send({"BIG"}, &call);
  ASSERT_TRUE(Until([&] { return call.ended == 1; }));
  EXPECT_TRUE(call.failed);
  EXPECT_EQ(call.failure, Failure::kConnectionLost);
  EXPECT_GT(call.parts, 0);
}

TEST_F(PoolLargeTest, LossInTheMiddleIsAFailureAfterParts) {
  Make();
  PartsCall call;
  call.wants_more = false;
  Send({"BIG", std::to_string(10 * kLarge)}, &call);
  ASSERT_TRUE(Until([&] { return call.parts == 1; }));
  node_.Drop();
  call.GoOn();
  ASSERT_TRUE(Until([&] { return call.ended == 1; }));
  EXPECT_TRUE(call.failed);
  EXPECT_EQ(call.failure, Failure::kConnectionLost);
}

}  // namespace
}  // namespace keyway::proxy::backend
