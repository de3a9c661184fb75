// Leases: connections that serve one owner alone.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/backend/backend.h"
#include "tests/unit/proxy/backend/fake_node.h"
#include "tests/unit/proxy/backend/recording_call.h"

namespace keyway::proxy::backend {
namespace {

constexpr const char* kHello = "*4\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:42\r\n";

class RecordingOwner final : public LeaseOwner {
 public:
  void OnPush(std::string_view message) override {
    pushes.emplace_back(message);
    if (on_push) on_push();
  }
  void OnLeaseLost(std::string_view detail) override {
    ++lost;
    cause = detail;
    if (on_lost) on_lost();
  }

  std::vector<std::string> pushes;
  int lost = 0;
  std::string cause;
  std::function<void()> on_push;
  std::function<void()> on_lost;
};

std::string Answer(const FakeNode::Words& words) {
  if (words[0] == "BLOCK") return "";
  return words.size() < 2 || words[0] == "SELECT" ? "+OK\r\n" : Bulk(words[1]);
}

class LeaseTest : public ::testing::Test {
 protected:
  LeaseTest() : node_(loop_, Answer), pool_(std::make_unique<Pool>(loop_, BackendOptions{})) {
    node_.set_hello(kHello);
  }

  std::unique_ptr<Lease> Borrow(resp::Version version = resp::Version::kResp2) {
    return pool_->Borrow(node_.endpoint(), version, &owner_);
  }
  static void Send(Lease& lease, const std::vector<std::string>& words, Call* call,
                   const SendOptions& options = {}) {
    const std::string bytes = Request(words);
    const std::string_view parts[] = {bytes};
    lease.Send(options, parts, call);
  }
  bool RunUntilEnded(const RecordingCall& call) {
    return RunUntil(loop_, [&call] { return call.ended > 0; });
  }

  net::EventLoop loop_;
  FakeNode node_;
  RecordingOwner owner_;
  std::unique_ptr<Pool> pool_;
};

TEST_F(LeaseTest, ConnectsWithTheFirstSendAndServesItsOwnerAlone) {
  auto one = Borrow();
  auto two = Borrow();
  EXPECT_EQ(pool_->stats().leases, 2u);
  RunFor(loop_, 5);
  EXPECT_EQ(node_.accepted(), 0);
  EXPECT_EQ(one->client_id(), 0);
  RecordingCall first;
  RecordingCall second;
  Send(*one, {"GET", "a"}, &first);
  Send(*two, {"GET", "b"}, &second);
  ASSERT_TRUE(RunUntil(loop_, [&] { return first.ended == 1 && second.ended == 1; }));
  EXPECT_EQ(first.result, Bulk("a"));
  EXPECT_EQ(second.result, Bulk("b"));
  EXPECT_EQ(node_.accepted(), 2);
  EXPECT_EQ(one->client_id(), 42);
  EXPECT_EQ(one->node(), node_.endpoint());
}

TEST_F(LeaseTest, ReturnedIsUsedAgain) {
  auto lease = Borrow();
  RecordingCall call;
  Send(*lease, {"GET", "a"}, &call);
  ASSERT_TRUE(RunUntilEnded(call));
  Lease::Return(std::move(lease));
  EXPECT_EQ(pool_->stats().leases, 0u);
  EXPECT_EQ(pool_->stats().spare_leases, 1u);
  // Of another kind: not that one.
  auto other = Borrow(resp::Version::kResp3);
  EXPECT_EQ(pool_->stats().spare_leases, 1u);
  lease = Borrow();
  EXPECT_EQ(pool_->stats().spare_leases, 0u);
  EXPECT_EQ(lease->client_id(), 42);
  RecordingCall again;
  Send(*lease, {"GET", "b"}, &again);
  ASSERT_TRUE(RunUntilEnded(again));
  EXPECT_EQ(again.result, Bulk("b"));
  EXPECT_EQ(node_.accepted(), 1);
}

TEST_F(LeaseTest, ReturnedInsideItsReply) {
  auto lease = Borrow();
  RecordingCall call;
  call.then = [&] { Lease::Return(std::move(lease)); };
  Send(*lease, {"GET", "a"}, &call);
  ASSERT_TRUE(RunUntilEnded(call));
  EXPECT_EQ(pool_->stats().spare_leases, 1u);
  RunFor(loop_, 5);
  lease = Borrow();
  RecordingCall again;
  Send(*lease, {"GET", "b"}, &again);
  ASSERT_TRUE(RunUntilEnded(again));
  EXPECT_EQ(node_.accepted(), 1);
}

TEST_F(LeaseTest, ReturnedBeforeAllIsAnsweredIsClosed) {
  auto lease = Borrow();
  RecordingCall call;
  RecordingCall blocked;
  Send(*lease, {"GET", "a"}, &call);
  Send(*lease, {"BLOCK"}, &blocked);
  ASSERT_TRUE(RunUntilEnded(call));
  blocked.Cancel();
  Lease::Return(std::move(lease));
  EXPECT_EQ(pool_->stats().spare_leases, 0u);
  EXPECT_TRUE(RunUntil(loop_, [&] { return node_.open() == 0; }));
}

TEST_F(LeaseTest, DestroyedWhileBlockedClosesTheSocket) {
  auto lease = Borrow();
  RecordingCall call;
  Send(*lease, {"BLOCK"}, &call);
  ASSERT_TRUE(RunUntil(loop_, [&] { return node_.log().size() == 1; }));
  EXPECT_EQ(node_.open(), 1u);
  call.Cancel();
  lease.reset();
  EXPECT_EQ(pool_->stats().leases, 0u);
  ASSERT_TRUE(RunUntil(loop_, [&] { return node_.open() == 0; }));
  EXPECT_EQ(call.ended, 0);
  EXPECT_EQ(owner_.lost, 0);
}

TEST_F(LeaseTest, TellsOfPushes) {
  auto lease = Borrow(resp::Version::kResp3);
  RecordingCall call;
  Send(*lease, {"GET", "a"}, &call);
  ASSERT_TRUE(RunUntilEnded(call));
  node_.Say(">1\r\n$1\r\nx\r\n>1\r\n$1\r\ny\r\n");
  ASSERT_TRUE(RunUntil(loop_, [&] { return owner_.pushes.size() == 2; }));
  EXPECT_EQ(owner_.pushes[0], ">1\r\n$1\r\nx\r\n");
  // The second one has no owner any more.
  owner_.on_push = [&] { lease.reset(); };
  node_.Say(">1\r\n$1\r\nz\r\n>1\r\n$1\r\nz\r\n");
  ASSERT_TRUE(RunUntil(loop_, [&] { return node_.open() == 0; }));
  EXPECT_EQ(owner_.pushes.size(), 3u);
}

TEST_F(LeaseTest, LostTellsTheCallsAndThenTheOwner) {
  auto lease = Borrow();
  RecordingCall blocked;
  blocked.then = [&] { EXPECT_EQ(owner_.lost, 0); };
  Send(*lease, {"BLOCK"}, &blocked);
  ASSERT_TRUE(RunUntil(loop_, [&] { return node_.log().size() == 1; }));
  node_.Drop();
  ASSERT_TRUE(RunUntil(loop_, [&] { return owner_.lost == 1; }));
  EXPECT_TRUE(blocked.failed);
  EXPECT_EQ(blocked.failure, Failure::kConnectionLost);
  EXPECT_TRUE(lease->lost());
  EXPECT_NE(owner_.cause.find("was lost"), std::string::npos) << owner_.cause;
  // It does not connect again: its state would not be there.
  RecordingCall call;
  Send(*lease, {"GET", "a"}, &call);
  ASSERT_TRUE(RunUntilEnded(call));
  EXPECT_EQ(call.failure, Failure::kNotSent);
  EXPECT_EQ(node_.accepted(), 1);
  Lease::Return(std::move(lease));
  EXPECT_EQ(pool_->stats().spare_leases, 0u);
}

TEST_F(LeaseTest, LostWithNothingUnderWay) {
  auto lease = Borrow();
  RecordingCall call;
  Send(*lease, {"GET", "a"}, &call);
  ASSERT_TRUE(RunUntilEnded(call));
  owner_.on_lost = [&] { lease.reset(); };
  node_.Drop();
  ASSERT_TRUE(RunUntil(loop_, [&] { return owner_.lost == 1; }));
  RunFor(loop_, 5);
  EXPECT_EQ(pool_->stats().leases, 0u);
}

TEST_F(LeaseTest, DestroyedInsideItsFailure) {
  auto lease = Borrow();
  RecordingCall first;
  RecordingCall second;
  first.then = [&] {
    second.Cancel();
    lease.reset();
  };
  Send(*lease, {"BLOCK"}, &first);
  Send(*lease, {"BLOCK"}, &second);
  ASSERT_TRUE(RunUntil(loop_, [&] { return node_.log().size() >= 1; }));
  node_.Drop();
  ASSERT_TRUE(RunUntilEnded(first));
  RunFor(loop_, 5);
  EXPECT_EQ(second.ended, 0);
  EXPECT_EQ(owner_.lost, 0);
}

TEST_F(LeaseTest, NoConnection) {
  node_.Stop();
  auto lease = Borrow();
  RecordingCall call;
  Send(*lease, {"GET", "a"}, &call);
  ASSERT_TRUE(RunUntilEnded(call));
  EXPECT_EQ(call.failure, Failure::kConnect);
  RunFor(loop_, 5);
  EXPECT_EQ(owner_.lost, 0);
  EXPECT_TRUE(lease->lost());
}

TEST_F(LeaseTest, OneThatFailsEndsAnothersLease) {
  auto one = Borrow();
  auto two = Borrow();
  RecordingCall first;
  RecordingCall second;
  const auto end_other = [&](RecordingCall& other, std::unique_ptr<Lease>& lease) {
    if (other.pending()) other.Cancel();
    lease.reset();
  };
  first.then = [&] { end_other(second, two); };
  second.then = [&] { end_other(first, one); };
  Send(*one, {"BLOCK"}, &first);
  Send(*two, {"BLOCK"}, &second);
  ASSERT_TRUE(RunUntil(loop_, [&] { return node_.log().size() == 2; }));
  node_.Drop();
  ASSERT_TRUE(RunUntil(loop_, [&] { return first.ended + second.ended == 1; }));
  RunFor(loop_, 10);
  EXPECT_EQ(first.ended + second.ended, 1);
  EXPECT_EQ(pool_->stats().leases, 1u);
}

TEST_F(LeaseTest, SpareThatIsLostIsNotBorrowed) {
  auto lease = Borrow();
  RecordingCall call;
  Send(*lease, {"GET", "a"}, &call);
  ASSERT_TRUE(RunUntilEnded(call));
  Lease::Return(std::move(lease));
  node_.Drop();
  RunFor(loop_, 20);
  EXPECT_EQ(owner_.lost, 0);
  lease = Borrow();
  RecordingCall again;
  Send(*lease, {"GET", "b"}, &again);
  ASSERT_TRUE(RunUntilEnded(again));
  EXPECT_FALSE(again.failed);
  EXPECT_EQ(node_.accepted(), 2);
}

TEST_F(LeaseTest, SparesHaveABound) {
  std::vector<std::unique_ptr<Lease>> leases(300);
  std::vector<RecordingCall> calls(leases.size());
  for (size_t i = 0; i < leases.size(); ++i) {
    leases[i] = Borrow();
    Send(*leases[i], {"GET", std::to_string(i)}, &calls[i]);
  }
  for (size_t i = 0; i < leases.size(); ++i) {
    ASSERT_TRUE(RunUntilEnded(calls[i]));
    EXPECT_EQ(calls[i].result, Bulk(std::to_string(i)));
  }
  EXPECT_EQ(pool_->stats().leases, leases.size());
  for (auto& lease : leases) Lease::Return(std::move(lease));
  EXPECT_EQ(pool_->stats().leases, 0u);
  const size_t spare = pool_->stats().spare_leases;
  EXPECT_LT(spare, leases.size());
  EXPECT_TRUE(RunUntil(loop_, [&] { return node_.open() == spare; }));
}

TEST_F(LeaseTest, UnknownDatabaseIsNotWhatTheNextOneGets) {
  auto lease = Borrow();
  RecordingCall call;
  Send(*lease, {"GET", "a"}, &call, {.database = 3});
  ASSERT_TRUE(RunUntilEnded(call));
  Lease::Return(std::move(lease));
  lease = Borrow();
  RecordingCall again;
  Send(*lease, {"GET", "b"}, &again);
  ASSERT_TRUE(RunUntilEnded(again));
  EXPECT_EQ(node_.log(), (std::vector<std::string>{"SELECT 3", "GET a", "SELECT 0", "GET b"}));
}

TEST_F(LeaseTest, SeveralRequestsInOnePiece) {
  auto lease = Borrow();
  RecordingCall call;
  const std::string bytes = Request({"PING"}) + Request({"GET", "a"});
  const std::string_view parts[] = {bytes};
  std::vector<std::string> replies;
  call.then = [&] { replies.push_back(call.result + (call.pending() ? "more" : "")); };
  lease->Send({.replies = 2}, parts, &call);
  ASSERT_TRUE(RunUntil(loop_, [&] { return call.ended == 2; }));
  EXPECT_EQ(replies, (std::vector<std::string>{"+OK\r\nmore", Bulk("a")}));
}

TEST_F(LeaseTest, EndOfThePoolEndsWhatIsUnderWay) {
  auto lease = Borrow();
  RecordingCall blocked;
  blocked.then = [&] { lease.reset(); };
  Send(*lease, {"BLOCK"}, &blocked);
  ASSERT_TRUE(RunUntil(loop_, [&] { return node_.log().size() == 1; }));
  pool_.reset();
  EXPECT_EQ(blocked.ended, 1);
  EXPECT_TRUE(blocked.failed);
  EXPECT_EQ(lease, nullptr);
}

}  // namespace
}  // namespace keyway::proxy::backend
