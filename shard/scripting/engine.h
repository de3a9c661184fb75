// Scripts and functions on a shard: one at a time, on behalf of a client, with Redis 7.0's checks
// before it starts and before each command that it calls.
//
// Run is what EVAL and FCALL share: the checks of the flags, the interpreter, the time limit. A
// script that takes longer than busy-reply-threshold steps aside (LongCall) every
// Vm::kStepsBetweenInterrupts instructions; until it has ended, or was killed, other clients get
// BUSY. Its commands are executed in the name of a client without a connection, on the database and
// at the time of the call. What they change is one unit of the effect stream.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shard/scripting/lua/script_host.h"
#include "shard/scripting/lua/vm.h"
#include "shard/server/client.h"
#include "shard/server/command_context.h"
#include "shard/server/scripts.h"

namespace keyway::shard::scripting {

class ScriptCache;  // shard/scripting/script_cache.h: EVAL, SCRIPT
class Libraries;    // shard/scripting/libraries.h: FCALL, FUNCTION

// What is about to run.
struct Program {
  Vm& vm;
  FunctionRef function;
  std::string_view name;  // SHA1 or name of the function; valid during the call
  uint32_t flags;         // ScriptFlag
  bool is_function;
  bool read_only;  // called by EVAL_RO, EVALSHA_RO, FCALL_RO
};

// How a running script looks from outside: FUNCTION STATS, KILL.
struct RunningScript {
  bool is_function;
  std::string_view name;
  int64_t started_micros;  // monotonic
  bool has_written;
  std::span<const std::string_view> args;  // the request
};

class ScriptEngine final : public Scripts, private ScriptHost {
 public:
  // `services` outlives the engine.
  explicit ScriptEngine(Services& services);
  ~ScriptEngine() override;

  // The engine of a running server.
  static ScriptEngine& Of(const Services& services);

  // Runs a program for a command whose args are NAME script numkeys key ... arg ..., the number of
  // keys being right; writes exactly one reply.
  void Run(CommandContext& context, const Program& program, std::span<const std::string_view> keys,
           std::span<const std::string_view> arguments);

  // nullptr: none.
  const RunningScript* running() const;
  // SCRIPT KILL and FUNCTION KILL: the error to reply with; empty: the script will end.
  std::string_view Kill(bool function);

  ScriptHost& host() { return *this; }
  ScriptCache& cache() { return *cache_; }
  Libraries& libraries() { return *libraries_; }

  // Scripts
  uint32_t CommandFlags(const command::Command& command,
                        std::span<const std::string_view> args) const override;
  std::string_view BusyError() const override;
  void Abort() override;
  void ForEachLibrary(const std::function<void(std::string_view code)>& visit) const override;
  Status LoadLibrary(std::string_view code, bool replace) override;
  void ClearLibraries() override;
  Usage usage() const override;
  size_t vm_bytes() const override;

 private:
  // Why the program may not be run now; empty: it may.
  std::string Refusal(const Program& program, bool obeyed) const;
  void Begin(CommandContext& context, const Program& program);
  void End();

  // ScriptHost
  void CallCommand(std::span<const std::string_view> args, resp::Version version,
                   OutputBuffer& reply) override;
  Permission MayCall(std::span<const std::string_view> args) override;
  void SetReplication(uint8_t targets) override;
  bool HasRetiredFunctions() const override;
  void Log(ScriptLogLevel level, std::string_view text) override;
  std::string_view Interrupt() override;

  struct State;
  Services& services_;
  std::unique_ptr<State> state_;
  std::unique_ptr<ScriptCache> cache_;
  std::unique_ptr<Libraries> libraries_;
};

}  // namespace keyway::shard::scripting
