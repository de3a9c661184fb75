// The way of requests of a shard without a process around it: clients are sockets of this thread,
// the loop runs while a test waits for bytes.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/config/registry.h"
#include "common/net/event_loop.h"
#include "common/net/stream.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/server/blocking_engine.h"
#include "shard/server/client_registry.h"
#include "shard/server/dispatcher.h"
#include "shard/server/handler_table.h"
#include "shard/server/lifecycle.h"
#include "shard/server/stats.h"
#include "shard/server/transactions.h"

namespace keyway::shard {

class ClientRig {
 public:
  // A connection; closed when it is destroyed.
  class Peer {
   public:
    ~Peer();
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    // Words separated by single blanks, as one request.
    void Send(std::string_view line);
    // Waits for bytes, ten seconds at most; then all that comes until nothing more does.
    std::string Receive();
    // The same without waiting: to see that nothing comes.
    std::string Poll();
    std::string Call(std::string_view line) {
      Send(line);
      return Receive();
    }
    void Close();

   private:
    friend class ClientRig;
    Peer(ClientRig& rig, int fd) : rig_(rig), fd_(fd) {}
    bool IsAtEnd() const;

    ClientRig& rig_;
    int fd_;
  };

  // `clock` outlives the rig.
  explicit ClientRig(const Clock& clock = SystemClock::Instance());
  // All peers are gone.
  ~ClientRig();

  std::unique_ptr<Peer> Connect();
  // Passes of the loop until nothing happens any more.
  void Settle();
  // Passes of the loop, which wait for timers, until `condition` holds or ten seconds are over.
  template <typename Condition>
  bool RunUntil(Condition condition) {
    const int64_t end = SystemClock::Instance().MonotonicMicros() + 10'000'000;
    while (!condition()) {
      if (SystemClock::Instance().MonotonicMicros() > end) return false;
      loop.RunOnce(true);
    }
    return true;
  }

  ShardConfig config;
  config::Registry directives;
  Random random{1};
  net::EventLoop loop;
  ServerStats stats;
  Lifecycle lifecycle;
  keyspace::Keyspace keyspace;
  ClientRegistry clients;
  Services services;
  HandlerTable handlers;
  Dispatcher dispatcher;
  Transactions transactions;
  BlockingEngine blocking;

 private:
  std::unique_ptr<net::Listener> listener_;
};

}  // namespace keyway::shard
