// The commands that a script calls: Redis 7.0's checks before each, in its order and words, and the
// call itself, in the name of a client without a connection.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/output_buffer.h"
#include "common/command/table.h"
#include "common/resp/reply_writer.h"
#include "shard/scripting/lua/script_host.h"
#include "shard/server/client.h"
#include "shard/server/command_context.h"

namespace keyway::shard::scripting {

class ScriptCalls {
 public:
  // `services` outlives the object.
  explicit ScriptCalls(Services& services);

  // What a script may do, from its flags.
  struct Rights {
    bool read_only = false;
    bool allow_oom = false;
    bool allow_cross_slot = false;
  };
  // A script begins; `call` is its call, whose time all its commands see.
  void Begin(const CommandContext& call, const Rights& rights);
  // Executes a command, or refuses it, and appends the one reply to `reply`.
  void Call(std::span<const std::string_view> args, resp::Version version, OutputBuffer& reply);

  ScriptHost::Permission MayCall(std::span<const std::string_view> args) const;
  // Whether the script has called a command that writes.
  bool has_written() const { return has_written_; }
  Client& client() { return client_; }

 private:
  // Each returns the error to refuse the command with; empty: none.
  std::string_view Refusal(const command::Command& command, std::span<const std::string_view> args);
  std::string_view WriteRefusal(const command::Command& command);
  std::string_view MemoryRefusal(const command::Command& command) const;
  std::string_view ClusterRefusal(const command::Command& command,
                                  std::span<const std::string_view> args);
  std::string_view SlotRefusal(std::string_view key);

  Services& services_;
  Client client_;  // in whose name commands are called
  const CommandContext* call_ = nullptr;
  Rights rights_;
  bool has_written_ = false;
  bool refuses_memory_ = false;             // there was no memory left when the script began
  std::vector<command::KeyPosition> keys_;  // reused
  OutputBuffer cluster_error_;              // reused
  std::string disk_error_;                  // what WriteRefusal returned last
};

}  // namespace keyway::shard::scripting
