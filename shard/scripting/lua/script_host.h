// What a script can reach outside of its interpreter: the functions behind redis.*.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "common/base/output_buffer.h"
#include "common/resp/reply_writer.h"

namespace keyway::shard::scripting {

// redis.LOG_DEBUG ... redis.LOG_WARNING, with Redis's numbers.
enum class ScriptLogLevel : uint8_t { kDebug = 0, kVerbose = 1, kNotice = 2, kWarning = 3 };

// redis.REPL_*: who gets the effects of the writes that follow, with Redis's bits.
inline constexpr uint8_t kReplicateNone = 0;
inline constexpr uint8_t kReplicateAof = 1;
inline constexpr uint8_t kReplicateReplicas = 2;
inline constexpr uint8_t kReplicateAll = 3;

class ScriptHost {
 public:
  virtual ~ScriptHost() = default;

  // redis.call and redis.pcall: executes a command and appends its one reply to `reply`, in
  // `version`. A command that the script may not call, or that does not exist, is an error reply
  // like any other. `args` is not empty and valid as long as nothing else is called.
  virtual void CallCommand(std::span<const std::string_view> args, resp::Version version,
                           OutputBuffer& reply) = 0;

  // redis.acl_check_cmd.
  enum class Permission : uint8_t { kAllowed, kDenied, kUnknownCommand };
  virtual Permission MayCall(std::span<const std::string_view> args) = 0;

  // redis.set_repl.
  virtual void SetReplication(uint8_t targets) = 0;

  // Whether scripts get the functions that Redis has retired: getfenv, setfenv, newproxy
  // (lua-enable-deprecated-api). Asked when an interpreter is made.
  virtual bool HasRetiredFunctions() const { return false; }

  // redis.log.
  virtual void Log(ScriptLogLevel level, std::string_view text) = 0;

  // Called every Vm::kStepsBetweenInterrupts instructions: lets the rest of the server go on when
  // the script has taken too long. Not empty: the script ends with this error ("Script killed by
  // user with SCRIPT KILL..."), which it cannot catch.
  virtual std::string_view Interrupt() = 0;
};

}  // namespace keyway::shard::scripting
