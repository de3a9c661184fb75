#include "shard/scripting/lua/vm.h"

#include <bit>
#include <cstdlib>
#include <string>
#include <utility>

#include <glog/logging.h>

#include "common/base/clock.h"
#include "shard/scripting/lua/base_functions.h"
#include "shard/scripting/lua/error_report.h"
#include "shard/scripting/lua/interpreter.h"
#include "shard/scripting/lua/lua_to_reply.h"
#include "shard/scripting/lua/sandbox.h"

namespace keyway::shard::scripting {
namespace {

// The interpreter does a step of collecting garbage at least every so many calls, even if they
// allocate little.
constexpr int kCallsBetweenSteps = 50;

void* Allocate(void* /*interpreter*/, void* block, size_t /*old_bytes*/, size_t bytes) {
  if (bytes == 0) {
    std::free(block);
    return nullptr;
  }
  return std::realloc(block, bytes);
}

int Panic(lua_State* state) {
  const char* text = lua_tostring(state, -1);
  LOG(FATAL) << "Lua has raised an error outside of any script: " << (text ? text : "?");
  return 0;
}

// No function of the sandbox catches what is raised here (RaiseIfEnding).
[[noreturn]] void End(lua_State* state, std::string_view error) {
  Interpreter::Of(state).ending = true;
  RaiseError(state, error);
}

void InterruptCall(lua_State* state, lua_Debug* /*where*/) {
  const std::string_view error = Interpreter::Of(state).host.Interrupt();
  if (!error.empty()) End(state, error);
}

void InterruptLoad(lua_State* state, lua_Debug* /*where*/) {
  if (SystemClock::Instance().MonotonicMicros() >= Interpreter::Of(state).load_deadline_micros) {
    End(state, "FUNCTION LOAD timeout");
  }
}

// Pushes an array of strings, of the size that it would have got by growing: # of a table with
// holes depends on it.
void PushStrings(lua_State* state, std::span<const std::string_view> strings) {
  lua_createtable(state, strings.empty() ? 0 : static_cast<int>(std::bit_ceil(strings.size())), 0);
  int i = 0;
  for (const std::string_view string : strings) {
    lua_pushlstring(state, string.data(), string.size());
    lua_rawseti(state, -2, ++i);
  }
}

// As Redis compiles: the message without any "ERR".
std::string CompileError(lua_State* state) {
  const char* text = lua_tostring(state, -1);
  std::string error = text == nullptr ? "?" : text;
  lua_settop(state, 0);
  return error;
}

}  // namespace

struct Vm::Impl {
  Impl(Purpose purpose, ScriptHost& host) : interpreter(purpose, host) {
    state = lua_newstate(Allocate, &interpreter);
    CHECK(state != nullptr) << "no memory for a Lua interpreter";
    lua_atpanic(state, Panic);
    interpreter.main = state;
    OpenSandbox(interpreter);
  }
  ~Impl() { lua_close(state); }

  void PushParameters(const Invocation& invocation);

  Interpreter interpreter;
  lua_State* state = nullptr;
  int calls = 0;
};

Vm::Vm(Purpose purpose, ScriptHost& host) : impl_(std::make_unique<Impl>(purpose, host)) {}

Vm::~Vm() = default;

Expected<FunctionRef> Vm::Compile(std::string_view body) {
  lua_State* state = impl_->state;
  if (LoadText(state, body, "@user_script") != 0) {
    return Error{"ERR Error compiling script (new function): " + CompileError(state)};
  }
  return luaL_ref(state, LUA_REGISTRYINDEX);
}

Expected<std::vector<RegisteredFunction>> Vm::Load(std::string_view code, int64_t timeout_ms) {
  lua_State* state = impl_->state;
  Interpreter& interpreter = impl_->interpreter;
  PushPlace(state, Place::kErrorHandler);
  if (LoadText(state, code, "@user_function") != 0) {
    return Error{"ERR Error compiling function: " + CompileError(state)};
  }
  std::vector<RegisteredFunction> registered;
  interpreter.registered = &registered;
  interpreter.ending = false;
  if (timeout_ms > 0) {
    interpreter.load_deadline_micros =
        SystemClock::Instance().MonotonicMicros() + timeout_ms * 1000;
    lua_sethook(state, InterruptLoad, LUA_MASKCOUNT, kStepsBetweenInterrupts);
  }
  ShowLibraryGlobals(state, true);
  const int status = lua_pcall(state, 0, 0, 1);
  ShowLibraryGlobals(state, false);
  lua_sethook(state, nullptr, 0, 0);
  interpreter.registered = nullptr;
  interpreter.registered_names.clear();
  if (status == 0) {
    lua_settop(state, 0);
    return registered;
  }
  const ScriptError error = TakeError(state);
  for (const RegisteredFunction& function : registered) Release(function.function);
  lua_settop(state, 0);
  return Error{"ERR Error registering functions: " + error.text};
}

void Vm::Release(FunctionRef function) {
  luaL_unref(impl_->state, LUA_REGISTRYINDEX, function);
}

void Vm::Impl::PushParameters(const Invocation& invocation) {
  if (interpreter.purpose == Purpose::kLibraries) {
    PushStrings(state, invocation.keys);
    PushStrings(state, invocation.arguments);
    return;
  }
  PushPlace(state, Place::kGlobals);
  PushName(state, Name::kKeys);
  PushStrings(state, invocation.keys);
  lua_rawset(state, -3);
  PushName(state, Name::kArgv);
  PushStrings(state, invocation.arguments);
  lua_rawset(state, -3);
  lua_pop(state, 1);
}

void Vm::Call(const Invocation& invocation, resp::ReplyWriter& reply) {
  lua_State* state = impl_->state;
  Interpreter& interpreter = impl_->interpreter;
  interpreter.version = resp::Version::kResp2;
  interpreter.ending = false;
  if (invocation.interruptible) {
    lua_sethook(state, InterruptCall, LUA_MASKCOUNT, kStepsBetweenInterrupts);
  } else {
    lua_sethook(state, nullptr, 0, 0);
  }
  PushPlace(state, Place::kErrorHandler);
  lua_rawgeti(state, LUA_REGISTRYINDEX, invocation.function);
  impl_->PushParameters(invocation);
  const int parameters = interpreter.purpose == Purpose::kLibraries ? 2 : 0;
  if (lua_pcall(state, parameters, 1, 1) == 0) {
    WriteReply(state, interpreter.version, reply);
  } else {
    ScriptError error = TakeError(state);
    if (!error.is_table) {
      constexpr size_t kMessageBytes = 100;
      error.text = "ERR Error running script " + std::string(invocation.name) + ", " +
                   error.text.substr(0, kMessageBytes);
    } else if (!error.place.empty()) {
      error.text.append(" script: ").append(invocation.name);
      error.text.append(", on ").append(error.place).append(".");
    }
    if (error.already_counted) {
      reply.ErrorAgain(error.text);
    } else {
      reply.Error(error.text);
    }
  }
  lua_settop(state, 0);
  if (++impl_->calls % kCallsBetweenSteps == 0) lua_gc(state, LUA_GCSTEP, 1);
}

size_t Vm::MemoryBytes() const {
  constexpr size_t kKilobyte = 1024;
  return static_cast<size_t>(lua_gc(impl_->state, LUA_GCCOUNT, 0)) * kKilobyte +
         static_cast<size_t>(lua_gc(impl_->state, LUA_GCCOUNTB, 0));
}

}  // namespace keyway::shard::scripting
