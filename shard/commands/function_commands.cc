// Functions: https://redis.io/docs/manual/programmability/functions-intro. FUNCTION administers the
// libraries, FCALL calls what they have registered. What FCALL has in common with EVAL is done by
// the script engine.
#include "shard/commands/function_commands.h"

#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/glob.h"
#include "common/command/help.h"
#include "shard/commands/words.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/scripting/engine.h"
#include "shard/scripting/libraries.h"
#include "shard/server/lifecycle.h"
#include "shard/server/monitors.h"

namespace keyway::shard::commands {
namespace {

using scripting::Function;
using scripting::Libraries;
using scripting::Library;
using scripting::RunningScript;
using scripting::ScriptEngine;

// As it is listed.
constexpr std::string_view kEngine = "LUA";

Libraries& LibrariesOf(const CommandContext& context) {
  return ScriptEngine::Of(context.services).libraries();
}

// As Redis repeats an argument at the end of an error: up to the first NUL, without line ends.
std::string Repeated(std::string_view argument) {
  argument = argument.substr(0, argument.find('\0'));
  return std::string(argument.substr(0, argument.find_last_not_of("\r\n") + 1));
}

// Libraries are no keys, but replicas and the AOF must have them.
void Changed(CommandContext& context) {
  ++context.services.keyspace.stats().changes;
}

// --- FUNCTION that changes ------------------------------------------------------------------

void Load(CommandContext& context) {
  const std::string_view code = context.args.back();
  bool replace = false;
  for (std::string_view option : context.args.subspan(2, context.args.size() - 3)) {
    if (!Is(option, "REPLACE")) {
      return context.reply.Error("ERR Unknown option given: " + Repeated(option));
    }
    replace = true;
  }
  const Expected<std::string> name =
      LibrariesOf(context).Load(code, replace, Libraries::kLoadTimeoutMs);
  if (!name.ok()) return context.reply.Error(name.error().message);
  Changed(context);
  context.reply.Bulk(name.value());
}

void Delete(CommandContext& context) {
  if (!LibrariesOf(context).Delete(context.args[2])) {
    return context.reply.Error("ERR Library not found");
  }
  Changed(context);
  context.reply.Ok();
}

void Flush(CommandContext& context) {
  const auto args = context.args;
  if (args.size() > 3) return context.reply.Error(SubcommandSyntaxError("FUNCTION", args[1]));
  bool later = context.services.config.lazyfree_lazy_user_flush;
  if (args.size() == 3) {
    later = Is(args[2], "ASYNC");
    if (!later && !Is(args[2], "SYNC")) {
      return context.reply.Error("ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
    }
  }
  LibrariesOf(context).Clear(later);
  Changed(context);
  context.reply.Ok();
}

std::optional<Libraries::RestorePolicy> ParsePolicy(std::string_view name) {
  if (Is(name, "APPEND")) return Libraries::RestorePolicy::kAppend;
  if (Is(name, "REPLACE")) return Libraries::RestorePolicy::kReplace;
  if (Is(name, "FLUSH")) return Libraries::RestorePolicy::kFlush;
  return std::nullopt;
}

void Restore(CommandContext& context) {
  const auto args = context.args;
  if (args.size() > 4) return context.reply.Error(SubcommandSyntaxError("FUNCTION", args[1]));
  std::optional<Libraries::RestorePolicy> policy = Libraries::RestorePolicy::kAppend;
  if (args.size() == 4) policy = ParsePolicy(args[3]);
  if (!policy) {
    return context.reply.Error(
        "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.");
  }
  const bool check_crc = !context.services.lifecycle.skip_checksum();
  const Status restored = LibrariesOf(context).Restore(args[2], *policy, check_crc);
  if (!restored.ok()) return context.reply.Error(restored.error().message);
  Changed(context);
  context.reply.Ok();
}

void Kill(CommandContext& context) {
  const std::string_view error = ScriptEngine::Of(context.services).Kill(/*function=*/true);
  if (!error.empty()) return context.reply.Error(error);
  context.reply.Ok();
}

// --- FUNCTION that tells --------------------------------------------------------------------

void ReplyFlags(CommandContext& context, uint32_t flags) {
  // In Redis's order.
  constexpr std::string_view kNames[] = {"no-writes", "allow-oom", "allow-stale", "no-cluster",
                                         "allow-cross-slot-keys"};
  const auto place = context.reply.BeginDeferred();
  size_t count = 0;
  for (std::string_view name : kNames) {
    if ((flags & scripting::ScriptFlagByName(name)) == 0) continue;
    context.reply.Simple(name);
    ++count;
  }
  context.reply.EndDeferredSet(place, count);
}

void ReplyFunction(CommandContext& context, const Function& function) {
  context.reply.MapHeader(3);
  context.reply.Bulk("name");
  context.reply.Bulk(function.name);
  context.reply.Bulk("description");
  if (function.has_description) {
    context.reply.Bulk(function.description);
  } else {
    context.reply.Null();
  }
  context.reply.Bulk("flags");
  ReplyFlags(context, function.flags);
}

void ReplyLibrary(CommandContext& context, const Library& library, bool with_code) {
  context.reply.MapHeader(with_code ? 4 : 3);
  context.reply.Bulk("library_name");
  context.reply.Bulk(library.name);
  context.reply.Bulk("engine");
  context.reply.Bulk(kEngine);
  context.reply.Bulk("functions");
  context.reply.ArrayHeader(library.functions.size());
  for (const auto& [name, function] : library.functions) ReplyFunction(context, function);
  if (!with_code) return;
  context.reply.Bulk("library_code");
  context.reply.Bulk(library.code);
}

void List(CommandContext& context) {
  const auto args = context.args;
  std::optional<std::string_view> pattern;
  bool with_code = false;
  for (size_t i = 2; i < args.size(); ++i) {
    if (!with_code && Is(args[i], "WITHCODE")) {
      with_code = true;
    } else if (!pattern && Is(args[i], "LIBRARYNAME")) {
      if (++i == args.size()) {
        return context.reply.Error("ERR library name argument was not given");
      }
      pattern = args[i];
    } else {
      const std::string_view argument = args[i].substr(0, args[i].find('\0'));
      return context.reply.Error("ERR Unknown argument " + std::string(argument));
    }
  }
  const auto place = context.reply.BeginDeferred();
  size_t count = 0;
  for (const auto& [name, library] : LibrariesOf(context).all()) {
    if (pattern && !GlobMatch(*pattern, name, /*ignore_case=*/true)) continue;
    ReplyLibrary(context, *library, with_code);
    ++count;
  }
  context.reply.EndDeferredArray(place, count);
}

void ReplyRunning(CommandContext& context, const RunningScript* running) {
  context.reply.Bulk("running_script");
  if (running == nullptr) return context.reply.Null();
  context.reply.MapHeader(3);
  context.reply.Bulk("name");
  context.reply.Bulk(running->name);
  context.reply.Bulk("command");
  context.reply.ArrayHeader(running->args.size());
  for (std::string_view argument : running->args) context.reply.Bulk(argument);
  context.reply.Bulk("duration_ms");
  const int64_t now_micros = context.services.clock.MonotonicMicros();
  context.reply.Integer((now_micros - running->started_micros) / 1000);
}

void Stats(CommandContext& context) {
  const ScriptEngine& engine = ScriptEngine::Of(context.services);
  const RunningScript* running = engine.running();
  if (running != nullptr && !running->is_function) {
    return context.reply.Error(engine.BusyError());
  }
  const Libraries& libraries = LibrariesOf(context);
  context.reply.MapHeader(2);
  ReplyRunning(context, running);
  context.reply.Bulk("engines");
  context.reply.MapHeader(1);
  context.reply.Bulk(kEngine);
  context.reply.MapHeader(2);
  context.reply.Bulk("libraries_count");
  context.reply.Integer(static_cast<int64_t>(libraries.all().size()));
  context.reply.Bulk("functions_count");
  context.reply.Integer(static_cast<int64_t>(libraries.function_count()));
}

void Dump(CommandContext& context) {
  context.reply.Bulk(LibrariesOf(context).Dump(context.services.config.rdbcompression));
}

void Help(CommandContext& context) {
  constexpr std::string_view kLines[] = {
      "LOAD [REPLACE] <FUNCTION CODE>",
      "    Create a new library with the given library name and code.",
      "DELETE <LIBRARY NAME>",
      "    Delete the given library.",
      "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
      "    Return general information on all the libraries:",
      "    * Library name",
      "    * The engine used to run the Library",
      "    * Library description",
      "    * Functions list",
      "    * Library code (if WITHCODE is given)",
      "    It also possible to get only function that matches a pattern using LIBRARYNAME "
      "argument.",
      "STATS",
      "    Return information about the current function running:",
      "    * Function name",
      "    * Command used to run the function",
      "    * Duration in MS that the function is running",
      "    If no function is running, return nil",
      "    In addition, returns a list of available engines.",
      "KILL",
      "    Kill the current running function.",
      "FLUSH [ASYNC|SYNC]",
      "    Delete all the libraries.",
      "    When called without the optional mode argument, the behavior is determined by the",
      "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
      "    * ASYNC: Asynchronously flush the libraries.",
      "    * SYNC: Synchronously flush the libraries.",
      "DUMP",
      "    Return a serialized payload representing the current libraries, can be restored using "
      "FUNCTION RESTORE command",
      "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
      "    Restore the libraries represented by the given payload, it is possible to give a "
      "restore "
      "policy to",
      "    control how to handle existing libraries (default APPEND):",
      "    * FLUSH: delete all existing libraries.",
      "    * APPEND: appends the restored libraries to the existing libraries. On collision, "
      "abort.",
      "    * REPLACE: appends the restored libraries to the existing libraries, On collision, "
      "replace "
      "the old",
      "      libraries with the new libraries (notice that even on this option there is a chance "
      "of "
      "failure",
      "      in case of functions name collision with another library).",
  };
  command::ReplyHelp("function", kLines, context.reply);
}

// --- FCALL ----------------------------------------------------------------------------------

void Call(CommandContext& context, bool read_only) {
  // Before what the function calls.
  if (Monitors* monitors = context.services.monitors; monitors != nullptr && !monitors->empty()) {
    monitors->ShowEarly(context.client, context.command, context.args);
  }
  const auto args = context.args;
  ScriptEngine& engine = ScriptEngine::Of(context.services);
  const Function* function = engine.libraries().Find(args[1]);
  if (function == nullptr) return context.reply.Error("ERR Function not found");
  const auto rest = args.subspan(3);
  int64_t key_count = 0;
  if (!ParseNumber(args[2], &key_count)) {
    return context.reply.Error("ERR Bad number of keys provided");
  }
  if (key_count > static_cast<int64_t>(rest.size())) {
    return context.reply.Error("ERR Number of keys can't be greater than number of args");
  }
  if (key_count < 0) return context.reply.Error("ERR Number of keys can't be negative");
  const auto keys = rest.first(static_cast<size_t>(key_count));
  engine.Run(context,
             {.vm = engine.libraries().vm(),
              .function = function->ref,
              .name = function->name,
              .flags = function->flags,
              .is_function = true,
              .read_only = read_only},
             keys, rest.subspan(keys.size()));
}

void Fcall(CommandContext& context) {
  Call(context, /*read_only=*/false);
}

void FcallRo(CommandContext& context) {
  Call(context, /*read_only=*/true);
}

}  // namespace

void RegisterFunctions(HandlerTable& handlers) {
  handlers.Register("function|load", Load);
  handlers.Register("function|delete", Delete);
  handlers.Register("function|flush", Flush);
  handlers.Register("function|restore", Restore);
  handlers.Register("function|kill", Kill);
  handlers.Register("function|list", List);
  handlers.Register("function|stats", Stats);
  handlers.Register("function|dump", Dump);
  handlers.Register("function|help", Help);
  handlers.Register("fcall", Fcall);
  handlers.Register("fcall_ro", FcallRo);
}

}  // namespace keyway::shard::commands
