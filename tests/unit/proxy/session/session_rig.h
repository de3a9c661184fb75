// A listener with sessions in front of fake nodes, and clients that connect to it, all on one loop.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/session/local_commands.h"
#include "proxy/session/session_list.h"
#include "tests/unit/proxy/execution/fake_cluster.h"

namespace keyway::proxy::session {

// The client's end of a connection.
class TestClient final : public net::StreamHandler {
 public:
  TestClient(net::EventLoop& loop, const net::Endpoint& to)
      : loop_(loop), stream_(net::Stream::Connect(loop, to, {}, this)) {}
  size_t OnBytes(std::string_view bytes) override {
    received_ += bytes;
    return bytes.size();
  }
  void OnClosed(net::CloseReason, std::string_view) override { closed_ = true; }
  void Send(std::string_view bytes) {
    stream_->output().Append(bytes);
    stream_->ScheduleWrite();
  }
  // What has come so far, once it is at least as long as `wanted`.
  std::string Receive(std::string_view wanted) {
    RunUntil(loop_, [&] { return received_.size() >= wanted.size() || closed_; });
    return std::exchange(received_, {});
  }
  bool WaitClosed() {
    return RunUntil(loop_, [this] { return closed_; });
  }
  const std::string& received() const { return received_; }
  net::Stream& stream() { return *stream_; }

 private:
  net::EventLoop& loop_;
  std::string received_;
  bool closed_ = false;
  std::unique_ptr<net::Stream> stream_;
};

class SessionTest : public testing::Test {
 protected:
  void Make(SessionOptions options = {}, execution::AccessOptions access = {},
            net::StreamOptions stream = {}) {
    options_ = options;
    cluster_ = std::make_unique<FakeCluster>(access);
    cluster_->access.SetMap(cluster_->Map());
    late_writes_ = std::make_unique<LateWrites>(cluster_->loop);
    context_ = std::make_unique<SessionContext>(
        SessionContext{.loop = cluster_->loop,
                       .executor = cluster_->executor,
                       .local_commands = local_commands_,
                       .directory = directory_,
                       .sessions = *reinterpret_cast<SessionList*>(sessions_room_),
                       .late_writes = *late_writes_,
                       .statistics = statistics_,
                       .identity = identity_,
                       .options = options_,
                       .memory = memory_.get()});
    sessions_ = new (sessions_room_) SessionList(*context_);
    directory_.Add({&cluster_->loop, sessions_, &statistics_, &cluster_->statistics});
    auto listener = net::Listener::Listen(
        cluster_->loop, {"127.0.0.1", 0}, {.stream = stream},
        [this](std::unique_ptr<net::Stream> accepted) { sessions_->Accept(std::move(accepted)); });
    ASSERT_TRUE(listener.ok());
    listener_ = std::move(*listener);
  }
  void TearDown() override {
    clients_.clear();
    listener_.reset();
    if (sessions_ != nullptr) sessions_->~SessionList();
  }
  TestClient& Connect() {
    clients_.push_back(std::make_unique<TestClient>(cluster_->loop, listener_->local()));
    return *clients_.back();
  }
  // Sends a request alone and expects the reply.
  void Expect(TestClient& client, const FakeNode::Words& request, const std::string& reply) {
    client.Send(Request(request));
    EXPECT_EQ(client.Receive(reply), reply) << request[0];
  }
  void Echoing() {
    for (int i = 0; i < 3; ++i) {
      cluster_->node(i).set_answer([](const FakeNode::Words& words) { return Bulk(words.back()); });
    }
  }

  SessionOptions options_;
  Identity identity_;
  LocalCommands local_commands_;
  ClientDirectory directory_{3};
  SessionStatistics statistics_;
  std::unique_ptr<ClientMemory> memory_;
  std::unique_ptr<FakeCluster> cluster_;
  std::unique_ptr<LateWrites> late_writes_;
  std::unique_ptr<SessionContext> context_;
  alignas(SessionList) char sessions_room_[sizeof(SessionList)];
  SessionList* sessions_ = nullptr;
  std::unique_ptr<net::Listener> listener_;
  std::vector<std::unique_ptr<TestClient>> clients_;
};

}  // namespace keyway::proxy::session
