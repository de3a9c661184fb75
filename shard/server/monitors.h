// MONITOR: clients that are shown every command that is executed.
//
// A line is the time, the database, where the command came from, and its quoted arguments:
//   +1339518083.107412 [0 127.0.0.1:60866] "keys" "*"
// Commands of administration are not shown, nor are secrets. A monitor that does not keep up is
// closed as client-output-buffer-limit says.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/command/table.h"
#include "common/config/registry.h"
#include "shard/server/client_state.h"

namespace keyway::shard {

class Client;

class Monitors {
 public:
  // Both outlive the object. `registry` knows which directives are secrets.
  Monitors(const Clock& clock, const config::Registry& registry)
      : clock_(clock), registry_(registry) {}
  // Every client has let go of its state.
  ~Monitors() = default;

  // False when the client is a monitor already.
  bool Add(Client& client);
  bool empty() const { return monitors_.empty(); }
  // The client has executed the command. `args`: as it was sent.
  void Show(const Client& client, const command::Command& command,
            std::span<const std::string_view> args);
  // The same for a command that wants to be shown before what it executes itself (kSkipMonitor).
  void ShowEarly(const Client& client, const command::Command& command,
                 std::span<const std::string_view> args);

 private:
  friend class MonitorState;

  const Clock& clock_;
  const config::Registry& registry_;
  std::vector<Client*> monitors_;  // in the order in which they came
  std::string line_;               // reused
};

class MonitorState final : public ClientState {
 public:
  MonitorState(Monitors& monitors, Client& client) : monitors_(monitors), client_(client) {}
  ~MonitorState() override;

  void Describe(ClientDescription& description) const override { description.monitor = true; }
  size_t Memory() const override { return sizeof(*this); }

 private:
  Monitors& monitors_;
  Client& client_;
};

}  // namespace keyway::shard
