// One request at a time, executed before a FakeCluster.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/command/table.h"
#include "proxy/execution/encode.h"
#include "proxy/execution/executor.h"
#include "proxy/routing/router.h"
#include "tests/unit/proxy/execution/fake_cluster.h"

namespace keyway::proxy::execution {

// An array of bulk strings.
inline std::string Bulks(const FakeNode::Words& words) {
  std::string reply = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) reply += Bulk(word);
  return reply;
}

class OneRequestTest : public testing::Test, protected ReplySink {
 protected:
  void Make(AccessOptions options = {}) {
    backend::BackendOptions backend_options;
    backend_options.reconnect_min_ms = backend_options.reconnect_max_ms = 5;
    cluster_ = std::make_unique<FakeCluster>(options, backend_options);
    cluster_->access.SetMap(cluster_->Map());
  }
  // The reply to one that the router calls special.
  std::string Ask(const FakeNode::Words& words, resp::Version version = resp::Version::kResp2) {
    const std::vector<std::string_view> arguments(words.begin(), words.end());
    std::string bytes;
    AppendRequest(arguments, &bytes);
    const command::Lookup lookup = command::LookupCommand(arguments);
    EXPECT_EQ(lookup.status, command::Lookup::Status::kFound);
    router_.Route(*lookup.command, arguments, &plan_);
    EXPECT_EQ(plan_.kind, routing::Plan::Kind::kSpecial) << plan_.error;
    const Request request = {.command = lookup.command,
                             .arguments = arguments,
                             .bytes = bytes,
                             .plan = &plan_,
                             .version = version};
    reply_.clear();
    Operation* operation = cluster_->executor.Create(request);
    cluster_->executor.Start(*operation, request, *this);
    RunUntil(cluster_->loop, [this] { return !reply_.empty(); });
    return reply_;
  }
  void OnReply(Operation& operation, std::string_view reply) override {
    reply_ = reply;
    cluster_->executor.Release(operation);
  }
  void OnReply(Operation& operation, OutputBuffer&& reply) override {
    const std::string bytes = reply.ToString();
    OnReply(operation, bytes);
  }
  void OnHeldUp(Operation&) override {}

  std::unique_ptr<FakeCluster> cluster_;
  routing::Router router_;
  routing::Plan plan_;
  std::string reply_;
};

}  // namespace keyway::proxy::execution
