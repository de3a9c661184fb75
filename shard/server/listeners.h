// Where the shard accepts clients: every address of `bind` on `port`, and `unixsocket`.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "common/base/expected.h"
#include "common/net/event_loop.h"
#include "common/net/stream.h"

namespace keyway::shard {

class ClientRegistry;
struct ShardConfig;

class Listeners {
 public:
  // All outlive the object.
  Listeners(net::EventLoop& loop, const ShardConfig& config, ClientRegistry& clients);

  // Opens everything, logging each address that cannot be opened. The error, for the log, is fatal
  // to the start: an address that is not marked as optional failed, or there is none at all.
  Status Open();
  // After `bind` or `port` has changed: listens there instead. With an error it listens nowhere;
  // the caller puts the old values back and calls again.
  Status ReopenTcp();
  void Close();

  size_t count() const { return tcp_.size() + (unix_ != nullptr ? 1 : 0); }

 private:
  Status OpenTcp();
  Status OpenUnix();
  net::Listener::Options Options() const;
  net::Listener::AcceptCallback OnAccept();

  net::EventLoop& loop_;
  const ShardConfig& config_;
  ClientRegistry& clients_;
  std::vector<std::unique_ptr<net::Listener>> tcp_;
  std::unique_ptr<net::Listener> unix_;
};

}  // namespace keyway::shard
