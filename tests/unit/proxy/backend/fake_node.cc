#include "tests/unit/proxy/backend/fake_node.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

namespace keyway::proxy {

struct FakeNode::Client final : net::StreamHandler {
  FakeNode* node = nullptr;
  std::unique_ptr<net::Stream> stream;
  resp::RequestParser parser;

  size_t OnBytes(std::string_view bytes) override {
    size_t consumed = 0;
    while (parser.Next(bytes.substr(consumed)) == resp::ParseOutcome::kRequest) {
      Words words(parser.arguments().begin(), parser.arguments().end());
      consumed += parser.consumed();
      std::string line;
      for (const std::string& word : words) line += (line.empty() ? "" : " ") + word;
      if (words[0] == "HELLO" && !node->hello_.empty()) {
        node->hellos_.push_back(line);
        stream->output().Append(node->hello_);
      } else {
        node->log_.push_back(line);
        if (node->answer_) stream->output().Append(node->answer_(words));
      }
      stream->ScheduleWrite();
    }
    return consumed;
  }

  void OnClosed(net::CloseReason, std::string_view) override { node->Remove(this); }
};

FakeNode::FakeNode(net::EventLoop& loop, Answer answer, uint16_t port)
    : loop_(loop), answer_(std::move(answer)) {
  auto listener = net::Listener::Listen(loop_, {"127.0.0.1", port}, {}, [this](auto stream) {
    ++accepted_;
    auto client = std::make_unique<Client>();
    client->node = this;
    client->stream = std::move(stream);
    client->stream->Start(client.get());
    if (frozen_) client->stream->PauseReading();
    clients_.push_back(std::move(client));
  });
  CHECK(listener.ok()) << listener.error().message;
  listener_ = std::move(*listener);
  endpoint_ = listener_->local();
}

FakeNode::~FakeNode() = default;

void FakeNode::Remove(Client* client) {
  std::erase_if(clients_, [client](const auto& own) { return own.get() == client; });
}

void FakeNode::Drop() {
  clients_.clear();
}

void FakeNode::Stop() {
  listener_.reset();
  Drop();
}

void FakeNode::Say(std::string_view bytes) {
  for (const auto& client : clients_) {
    client->stream->output().Append(bytes);
    client->stream->ScheduleWrite();
  }
}

void FakeNode::Freeze() {
  frozen_ = true;
  for (const auto& client : clients_) client->stream->PauseReading();
}

bool RunUntil(net::EventLoop& loop, const std::function<bool()>& condition) {
  bool expired = false;
  net::Timer deadline(loop, [&expired] { expired = true; });
  deadline.Start(10'000);
  while (!condition() && !expired) loop.RunOnce(true);
  return condition();
}

void RunFor(net::EventLoop& loop, int millis) {
  bool expired = false;
  net::Timer deadline(loop, [&expired] { expired = true; });
  deadline.Start(static_cast<uint64_t>(millis));
  while (!expired) loop.RunOnce(true);
}

std::string Bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

std::string Request(const std::vector<std::string>& words) {
  std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) bytes += Bulk(word);
  return bytes;
}

}  // namespace keyway::proxy
