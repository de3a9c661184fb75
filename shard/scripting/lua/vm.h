// One Lua 5.1 interpreter in Redis's sandbox
// (https://redis.io/docs/manual/programmability/lua-api): no file, no operating system, no new
// globals, no changes to the libraries, no bytecode.
//
// The interpreter is Debian's Lua 5.1, whose texts, order of pairs() and count hooks are those of
// the interpreter in redis-server; only keys of 32 bytes and more come in another order, because
// redis-server's hashes all of their bytes. Its errors are longjmps, which run no destructors: in a
// function that Lua calls, whatever has a destructor is gone before lua_error is called.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/expected.h"
#include "common/resp/reply_writer.h"
#include "common/script/shebang.h"
#include "shard/scripting/lua/script_host.h"

struct lua_State;

namespace keyway::shard::scripting {

// A function kept in a Vm until Release.
using FunctionRef = int;

// A script or function declares them.
using enum script::ScriptFlag;
using script::ScriptFlag;
using script::ScriptFlagByName;

// redis.register_function, as a library has called it.
struct RegisteredFunction {
  std::string name;
  std::string description;
  bool has_description = false;
  uint32_t flags = 0;  // ScriptFlag
  FunctionRef function = 0;
};

class Vm {
 public:
  static constexpr int kStepsBetweenInterrupts = 100'000;

  // kScripts: EVAL, whose KEYS and ARGV are globals. kLibraries: FCALL, whose functions take them
  // as parameters.
  enum class Purpose : uint8_t { kScripts, kLibraries };

  // `host` outlives the Vm.
  Vm(Purpose purpose, ScriptHost& host);
  ~Vm();
  Vm(const Vm&) = delete;
  Vm& operator=(const Vm&) = delete;

  // kScripts: compiles the body of a script, without its "#!" line but with that line's end, so
  // that lines keep their numbers. The error is Redis's: "ERR Error compiling script (new
  // function): user_script:1: ...".
  Expected<FunctionRef> Compile(std::string_view body);

  // kLibraries: runs the code of a library once, so that it registers its functions; `code` as for
  // Compile. `timeout_ms` 0: no limit. On error, as Redis words it, nothing stays registered.
  Expected<std::vector<RegisteredFunction>> Load(std::string_view code, int64_t timeout_ms);

  void Release(FunctionRef function);

  struct Invocation {
    FunctionRef function;
    // For errors: the SHA1 of the script, or the name of the function.
    std::string_view name;
    std::span<const std::string_view> keys;
    std::span<const std::string_view> arguments;
    // Whether host.Interrupt is to be called (busy-reply-threshold is not 0).
    bool interruptible = true;
  };
  // Calls the function and writes its result, or its error, as exactly one reply. Errors that came
  // from host.CallCommand are written with ReplyWriter::ErrorAgain, all others with Error: what
  // redis-server marks with "ignore_error_stats_update" in the error's table. The interpreter
  // starts with RESP2 for what redis.call returns (redis.setresp). Not to be nested.
  void Call(const Invocation& invocation, resp::ReplyWriter& reply);

  // What the interpreter has allocated, as lua_gc counts it.
  size_t MemoryBytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace keyway::shard::scripting
