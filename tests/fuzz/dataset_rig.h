// A data set and what loads and writes it, without a server around it: the keys of all databases,
// libraries of functions (their code only; nothing runs), the commands about keys, a clock that
// stands still.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/config/registry.h"
#include "common/net/event_loop.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/server/blocking_engine.h"
#include "shard/server/client_registry.h"
#include "shard/server/dispatcher.h"
#include "shard/server/handler_table.h"
#include "shard/server/lifecycle.h"
#include "shard/server/persistence.h"
#include "shard/server/scripts.h"
#include "shard/server/stats.h"
#include "shard/server/transactions.h"

namespace keyway::shard {

// Takes any library that begins as one.
class LibraryShelf final : public Scripts {
 public:
  uint32_t CommandFlags(const command::Command&, std::span<const std::string_view>) const override {
    return 0;
  }
  std::string_view BusyError() const override { return {}; }
  void Abort() override {}
  void ForEachLibrary(const std::function<void(std::string_view code)>& visit) const override;
  Status LoadLibrary(std::string_view code, bool replace) override;
  void ClearLibraries() override { libraries_.clear(); }
  Usage usage() const override { return {}; }
  size_t vm_bytes() const override { return 0; }

 private:
  std::map<std::string, std::string> libraries_;  // the code by the first line
};

class DatasetRig {
 public:
  DatasetRig();

  // Equal for equal contents.
  std::string Digest();

  ManualClock clock;
  ShardConfig config;
  config::Registry directives;
  Random random{1};
  net::EventLoop loop;
  ServerStats stats;
  Lifecycle lifecycle;
  keyspace::Keyspace keyspace;
  ClientRegistry clients;
  LibraryShelf libraries;
  Services services;
  HandlerTable handlers;
  Dispatcher dispatcher;
  Transactions transactions;
  BlockingEngine blocking;
  PersistenceStatus status;
};

}  // namespace keyway::shard
