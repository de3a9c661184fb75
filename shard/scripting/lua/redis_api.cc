#include "shard/scripting/lua/redis_api.h"

#include <openssl/sha.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "shard/scripting/lua/interpreter.h"
#include "shard/scripting/lua/register_function.h"
#include "shard/scripting/lua/reply_to_lua.h"

namespace keyway::shard::scripting {
namespace {

constexpr const char* kNoArguments = "Please specify at least one argument for this redis lib call";
constexpr const char* kBadArgument = "Lua redis lib command arguments must be strings or integers";
constexpr size_t kNumberBytes = 32;

// "%.17g"; whole numbers, which need no search for digits, directly.
size_t FormatNumber(lua_Number number, char* out) {
  constexpr lua_Number kExponentFrom = 1e17;
  if (std::abs(number) < kExponentFrom && std::trunc(number) == number &&
      !(number == 0 && std::signbit(number))) {
    return std::to_chars(out, out + kNumberBytes, static_cast<int64_t>(number)).ptr - out;
  }
  return static_cast<size_t>(std::snprintf(out, kNumberBytes, "%.17g", number));
}

// Collects the arguments on the stack, which own the bytes, into interpreter.arguments. Returns
// nullptr or what is wrong.
const char* ReadArguments(lua_State* state, Interpreter& interpreter) {
  const int count = lua_gettop(state);
  if (count == 0) return kNoArguments;
  interpreter.arguments.clear();
  size_t numbers = 0;
  for (int i = 1; i <= count; ++i) {
    switch (lua_type(state, i)) {
      case LUA_TSTRING: {
        size_t length = 0;
        const char* bytes = lua_tolstring(state, i, &length);
        interpreter.arguments.emplace_back(bytes, length);
        break;
      }
      case LUA_TNUMBER: {
        const size_t needed = static_cast<size_t>(count) * kNumberBytes;
        if (interpreter.numbers_bytes < needed && numbers == 0) {
          interpreter.numbers = std::make_unique<char[]>(needed);
          interpreter.numbers_bytes = needed;
        }
        char* digits = interpreter.numbers.get() + numbers++ * kNumberBytes;
        interpreter.arguments.emplace_back(digits, FormatNumber(lua_tonumber(state, i), digits));
        break;
      }
      default:
        return kBadArgument;
    }
  }
  return nullptr;
}

// Calls the command that the arguments on the stack name and pushes what it replied. Returns
// whether that is an error.
bool CallCommand(lua_State* state) {
  Interpreter& interpreter = Interpreter::Of(state);
  if (const char* error = ReadArguments(state, interpreter)) {
    PushError(state, error);
    return true;
  }
  OutputBuffer& reply = interpreter.reply;
  reply.Clear();
  interpreter.host.CallCommand(interpreter.arguments, interpreter.version, reply);

  iovec parts[2];
  std::string_view bytes;
  if (reply.Gather(parts, 2) == 1) {
    bytes = {static_cast<const char*>(parts[0].iov_base), parts[0].iov_len};
  } else {
    interpreter.text = reply.ToString();
    bytes = interpreter.text;
  }
  const bool is_error = bytes.starts_with('-');
  PushReply(state, bytes);
  reply.Clear();
  constexpr size_t kKeptBytes = 64 * 1024;
  if (interpreter.text.capacity() > kKeptBytes) interpreter.text = std::string();
  return is_error;
}

int Call(lua_State* state) {
  if (CallCommand(state)) return lua_error(state);
  return 1;
}

int ProtectedCall(lua_State* state) {
  CallCommand(state);
  return 1;
}

int CheckPermission(lua_State* state) {
  Interpreter& interpreter = Interpreter::Of(state);
  if (const char* error = ReadArguments(state, interpreter)) RaiseError(state, error);
  switch (interpreter.host.MayCall(interpreter.arguments)) {
    case ScriptHost::Permission::kUnknownCommand:
      RaiseError(state, "Invalid command passed to redis.acl_check_cmd()");
    case ScriptHost::Permission::kAllowed:
      lua_pushboolean(state, 1);
      break;
    case ScriptHost::Permission::kDenied:
      lua_pushboolean(state, 0);
      break;
  }
  return 1;
}

bool HasOneString(lua_State* state) {
  return lua_gettop(state) == 1 && lua_type(state, 1) == LUA_TSTRING;
}

int ErrorReply(lua_State* state) {
  if (!HasOneString(state)) {
    PushError(state, "wrong number or type of arguments");
    return 1;
  }
  // With a '-', so that the text may begin with a code.
  if (*lua_tostring(state, 1) != '-') {
    lua_pushliteral(state, "-");
    lua_insert(state, 1);
    lua_concat(state, 2);
  }
  PushError(state, lua_tostring(state, 1));
  return 1;
}

int StatusReply(lua_State* state) {
  if (!HasOneString(state)) {
    PushError(state, "wrong number or type of arguments");
    return 1;
  }
  lua_newtable(state);
  PushName(state, Name::kOk);
  lua_pushvalue(state, 1);
  lua_rawset(state, -3);
  return 1;
}

int Sha1Hex(lua_State* state) {
  if (lua_gettop(state) != 1) RaiseError(state, "wrong number of arguments");
  size_t length = 0;
  const char* bytes = lua_tolstring(state, 1, &length);
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
  SHA1(reinterpret_cast<const unsigned char*>(bytes == nullptr ? "" : bytes), length,
       digest.data());
  static constexpr char kDigits[] = "0123456789abcdef";
  char hex[2 * SHA_DIGEST_LENGTH];
  for (size_t i = 0; i < digest.size(); ++i) {
    hex[2 * i] = kDigits[digest[i] >> 4];
    hex[2 * i + 1] = kDigits[digest[i] & 15];
  }
  lua_pushlstring(state, hex, sizeof(hex));
  return 1;
}

// What is no integer's neighbour is no choice of anything.
int ToInt(lua_Number number) {
  constexpr lua_Number kLimit = 2147483648.0;
  return number > -kLimit && number < kLimit ? static_cast<int>(number) : -1;
}

int Log(lua_State* state) {
  const int count = lua_gettop(state);
  if (count < 2) RaiseError(state, "redis.log() requires two arguments or more.");
  if (lua_isnumber(state, 1) == 0) {
    RaiseError(state, "First argument must be a number (log level).");
  }
  const int level = ToInt(lua_tonumber(state, 1));
  if (level < static_cast<int>(ScriptLogLevel::kDebug) ||
      level > static_cast<int>(ScriptLogLevel::kWarning)) {
    RaiseError(state, "Invalid debug level.");
  }
  Interpreter& interpreter = Interpreter::Of(state);
  std::string& line = interpreter.text;
  line.clear();
  for (int i = 2; i <= count; ++i) {
    size_t length = 0;
    const char* bytes = lua_tolstring(state, i, &length);
    if (bytes == nullptr) continue;
    if (i > 2) line += ' ';
    line.append(bytes, length);
  }
  interpreter.host.Log(static_cast<ScriptLogLevel>(level), line);
  return 0;
}

int SetResp(lua_State* state) {
  if (lua_gettop(state) != 1) RaiseError(state, "redis.setresp() requires one argument.");
  const int version = ToInt(lua_tonumber(state, 1));
  if (version != 2 && version != 3) RaiseError(state, "RESP version must be 2 or 3.");
  Interpreter::Of(state).version = version == 2 ? resp::Version::kResp2 : resp::Version::kResp3;
  return 0;
}

int SetReplication(lua_State* state) {
  if (lua_gettop(state) != 1) RaiseError(state, "redis.set_repl() requires two arguments.");
  const int targets = ToInt(lua_tonumber(state, 1));
  if ((targets & ~kReplicateAll) != 0) {
    RaiseError(state,
               "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.");
  }
  Interpreter::Of(state).host.SetReplication(static_cast<uint8_t>(targets));
  return 0;
}

int ReplicateCommands(lua_State* state) {
  lua_pushboolean(state, 1);
  return 1;
}

// There is no debugger to stop in.
int Breakpoint(lua_State* state) {
  lua_pushboolean(state, 0);
  return 1;
}
int Debug(lua_State* /*state*/) {
  return 0;
}

// Into the table at the top. The order decides about the order of pairs(redis).
void SetFunction(lua_State* state, const char* name, lua_CFunction function) {
  lua_pushcfunction(state, function);
  lua_setfield(state, -2, name);
}
void SetNumber(lua_State* state, const char* name, lua_Number number) {
  lua_pushnumber(state, number);
  lua_setfield(state, -2, name);
}

void SetLogFields(lua_State* state) {
  SetFunction(state, "log", Log);
  SetNumber(state, "LOG_DEBUG", static_cast<int>(ScriptLogLevel::kDebug));
  SetNumber(state, "LOG_VERBOSE", static_cast<int>(ScriptLogLevel::kVerbose));
  SetNumber(state, "LOG_NOTICE", static_cast<int>(ScriptLogLevel::kNotice));
  SetNumber(state, "LOG_WARNING", static_cast<int>(ScriptLogLevel::kWarning));
}

void SetVersionFields(lua_State* state) {
  constexpr int kVersion = 0x0007000f;
  SetNumber(state, "REDIS_VERSION_NUM", kVersion);
  lua_pushliteral(state, "7.0.15");
  lua_setfield(state, -2, "REDIS_VERSION");
}

void SetCommonFields(lua_State* state) {
  SetFunction(state, "call", Call);
  SetFunction(state, "pcall", ProtectedCall);
  SetLogFields(state);
  SetVersionFields(state);
  SetFunction(state, "setresp", SetResp);
  SetFunction(state, "sha1hex", Sha1Hex);
  SetFunction(state, "error_reply", ErrorReply);
  SetFunction(state, "status_reply", StatusReply);
  SetFunction(state, "set_repl", SetReplication);
  SetNumber(state, "REPL_NONE", kReplicateNone);
  SetNumber(state, "REPL_AOF", kReplicateAof);
  SetNumber(state, "REPL_SLAVE", kReplicateReplicas);
  SetNumber(state, "REPL_REPLICA", kReplicateReplicas);
  SetNumber(state, "REPL_ALL", kReplicateAll);
  SetFunction(state, "acl_check_cmd", CheckPermission);
}

}  // namespace

void PushScriptApi(lua_State* state) {
  lua_newtable(state);
  SetCommonFields(state);
  SetFunction(state, "breakpoint", Breakpoint);
  SetFunction(state, "debug", Debug);
  SetFunction(state, "replicate_commands", ReplicateCommands);
}

void PushFunctionApi(lua_State* state) {
  lua_newtable(state);
  SetCommonFields(state);
}

void PushLibraryApi(lua_State* state) {
  lua_newtable(state);
  SetFunction(state, "register_function", RegisterFunction);
  SetLogFields(state);
  SetVersionFields(state);
}

}  // namespace keyway::shard::scripting
