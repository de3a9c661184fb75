#include "proxy/session/reply_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "tests/unit/proxy/execution/fake_cluster.h"

namespace keyway::proxy::session {
namespace {

using execution::Operation;
using execution::Outcome;

// Ends when the test says so.
class FakeOperation final : public Operation {
 public:
  explicit FakeOperation(int* alive) : alive_(alive) { ++*alive_; }
  ~FakeOperation() override { --*alive_; }
  void End(std::string_view reply) { Deliver(reply, Outcome::kOk); }
  void EndWith(OutputBuffer&& reply) { Deliver(std::move(reply), Outcome::kOk); }

 private:
  void Begin(const execution::Request&) override {}
  void Abandon() override {}
  std::string DeadlineError(Outcome*) override { return "ERR deadline"; }
  void Recycle() override { delete this; }

  int* alive_;
};

class ReplyQueueTest : public testing::Test, protected execution::ReplySink {
 protected:
  FakeOperation* Push() {
    auto* operation = new FakeOperation(&alive_);
    cluster_.executor.Adopt(operation);
    operation->request_bytes = 10;
    queue_.Push(*operation);
    execution::Request request;
    request.command = command::FindCommand("get");
    cluster_.executor.Start(*operation, request, *this);
    return operation;
  }
  void OnReply(Operation& operation, std::string_view reply) override {
    queue_.Answer(operation, reply, out_);
  }
  void OnReply(Operation& operation, OutputBuffer&& reply) override {
    queue_.Answer(operation, std::move(reply), out_);
  }
  void OnHeldUp(Operation&) override {}
  std::string TakeOutput() {
    std::string bytes = out_.ToString();
    out_.Clear();
    return bytes;
  }
  static OutputBuffer BufferOf(std::string_view bytes) {
    OutputBuffer buffer;
    buffer.Append(bytes);
    return buffer;
  }

  int alive_ = 0;
  FakeCluster cluster_;
  OutputBuffer out_;
  ReplyQueue queue_{cluster_.executor};
};

TEST_F(ReplyQueueTest, WritesInTheOrderOfTheRequests) {
  FakeOperation* first = Push();
  FakeOperation* second = Push();
  FakeOperation* third = Push();
  EXPECT_EQ(queue_.size(), 3u);
  EXPECT_EQ(queue_.request_bytes(), 30u);
  second->End("two");
  EXPECT_EQ(TakeOutput(), "");
  EXPECT_EQ(queue_.held_bytes(), 3u);
  first->End("one");
  EXPECT_EQ(TakeOutput(), "onetwo");
  EXPECT_EQ(queue_.held_bytes(), 0u);
  third->End("three");
  EXPECT_EQ(TakeOutput(), "three");
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.request_bytes(), 0u);
  EXPECT_EQ(alive_, 0);
}

TEST_F(ReplyQueueTest, RepliesThatAreThereWaitForThoseBefore) {
  queue_.PushReply(BufferOf("now"), out_);
  EXPECT_EQ(TakeOutput(), "now");
  FakeOperation* slow = Push();
  queue_.PushReply(BufferOf("local"), out_);
  queue_.PushReply(BufferOf(std::string(20000, 'x')), out_);
  EXPECT_EQ(TakeOutput(), "");
  slow->EndWith(BufferOf("slow"));
  EXPECT_EQ(TakeOutput(), "slowlocal" + std::string(20000, 'x'));
}

TEST_F(ReplyQueueTest, SilentOnesLeaveNoTrace) {
  FakeOperation* first = Push();
  FakeOperation* second = Push();
  FakeOperation* third = Push();
  second->silent = third->silent = true;
  second->End("two");
  first->End("one");
  third->EndWith(BufferOf("three"));
  EXPECT_EQ(TakeOutput(), "one");
  EXPECT_TRUE(queue_.empty());
}

TEST_F(ReplyQueueTest, AnyOrderOfRepliesGivesTheOrderOfTheRequests) {
  Random random(5);
  for (int round = 0; round < 200; ++round) {
    const size_t count = 1 + random.Below(30);
    std::vector<FakeOperation*> operations;
    std::string wanted;
    for (size_t i = 0; i < count; ++i) {
      operations.push_back(Push());
      wanted += std::to_string(i) + ";";
    }
    std::vector<size_t> order(count);
    std::iota(order.begin(), order.end(), 0);
    for (size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random.Below(i)]);
    for (size_t i : order) {
      const std::string reply = std::to_string(i) + ";";
      if (random.Below(2) == 0) {
        operations[i]->End(reply);
      } else {
        operations[i]->EndWith(BufferOf(reply));
      }
    }
    ASSERT_EQ(TakeOutput(), wanted);
  }
  EXPECT_EQ(alive_, 0);
}

TEST_F(ReplyQueueTest, CancelAllEndsWhatIsUnderWayAndWhatWaits) {
  Push();
  Push()->End("held");
  queue_.PushReply(BufferOf("local"), out_);
  queue_.CancelAll();
  EXPECT_EQ(alive_, 0);
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.held_bytes(), 0u);
  EXPECT_EQ(TakeOutput(), "");
}

}  // namespace
}  // namespace keyway::proxy::session
