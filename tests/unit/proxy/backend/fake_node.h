// A node made of a function: listens on loopback, parses requests, answers what the function says.
// Runs on the loop of the test, so every step of a conversation can be arranged.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/event_loop.h"
#include "common/net/stream.h"
#include "common/resp/request_parser.h"

namespace keyway::proxy {

class FakeNode {
 public:
  using Words = std::vector<std::string>;
  // Returns the bytes of the reply; none: the request stays without one.
  using Answer = std::function<std::string(const Words&)>;

  static constexpr const char* kHelloReply = "*2\r\n$5\r\nproto\r\n:2\r\n";

  // `answer` is not asked for HELLO as long as `hello` is not empty. `port` 0: any free one.
  explicit FakeNode(net::EventLoop& loop, Answer answer = {}, uint16_t port = 0);
  ~FakeNode();

  const net::Endpoint& endpoint() const { return endpoint_; }
  uint16_t port() const { return endpoint_.port; }

  // Everything asked, "HELLO" left out, words joined by blanks.
  const std::vector<std::string>& log() const { return log_; }
  const std::vector<std::string>& hellos() const { return hellos_; }
  int accepted() const { return accepted_; }
  size_t open() const { return clients_.size(); }

  void set_answer(Answer answer) { answer_ = std::move(answer); }
  void set_hello(std::string reply) { hello_ = std::move(reply); }
  // Closes the connections / the connections and the listener.
  void Drop();
  void Stop();
  // Sends bytes on all connections.
  void Say(std::string_view bytes);
  // Reads nothing any more from those who are connected now or connect later.
  void Freeze();

 private:
  struct Client;
  void Remove(Client* client);

  net::EventLoop& loop_;
  Answer answer_;
  std::string hello_ = kHelloReply;
  net::Endpoint endpoint_;
  std::unique_ptr<net::Listener> listener_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::string> log_;
  std::vector<std::string> hellos_;
  int accepted_ = 0;
  bool frozen_ = false;
};

// Runs the loop until `condition` holds; false when it does not within ten seconds.
bool RunUntil(net::EventLoop& loop, const std::function<bool()>& condition);
// Runs the loop for so long, for what must not happen.
void RunFor(net::EventLoop& loop, int millis);

std::string Bulk(std::string_view text);
// A request as a client sends it.
std::string Request(const std::vector<std::string>& words);

}  // namespace keyway::proxy
