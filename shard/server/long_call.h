// A command that may go on for longer than other clients can wait: it runs on a stack of its own
// and steps aside again and again, so that the loop turns as ever while it goes on.
//
// There is one such stack, so one such command at a time. While it stands aside its client is
// suspended and kept alive, even when its connection closes (ClientRegistry::BeginLongCall), and
// what the server would do to keys by itself waits (StandsAside, ClientRegistry::AfterLongCall).
// The body goes on once a pass of the loop.
#pragma once

#include <functional>
#include <memory>

#include "common/base/fiber.h"
#include "common/net/event_loop.h"

namespace keyway::shard {

class Client;
class ClientRegistry;
struct Services;

class LongCall {
 public:
  // As much as the main stack has: scripts nest deeply.
  static constexpr size_t kStackBytes = 8 * 1024 * 1024;

  LongCall(net::EventLoop& loop, ClientRegistry& clients);
  ~LongCall();

  // Runs `body`, the whole of a request of `client`; nothing that it refers to may end with the
  // caller's frame. Nothing is under way.
  void Run(Client& client, std::function<void()> body);
  // Inside of `body` only: the loop turns once before this returns.
  void StepAside();
  // Inside of `body`, called from somewhere that can step aside.
  bool inside() const { return fiber_.inside(); }
  // Whether a body stands aside now.
  bool stands_aside() const { return fiber_.suspended(); }
  // At the end of the process: runs the rest of the body, which must have been told to end soon.
  void Finish();

 private:
  void ContinueSoon();
  void Continue();

  net::EventLoop& loop_;
  ClientRegistry& clients_;
  Fiber fiber_;
  // What is posted to the loop looks whether we are there still.
  const std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

// Whether a command stands aside now, in the middle of what it does to the keys: whatever the
// server does with keys by itself has to wait.
bool StandsAside(const Services& services);
// The same, or the process is about to end: what has been saved, and what replicas have been told, is
// all there will ever be.
bool LeavesKeysAlone(const Services& services);

}  // namespace keyway::shard
