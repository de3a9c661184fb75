// Scripts: https://redis.io/docs/manual/programmability/eval-intro. How they run is in
// shard/scripting.
#include "shard/commands/script_commands.h"

#include "common/command/help.h"
#include "shard/commands/words.h"
#include "shard/config/shard_config.h"
#include "shard/scripting/engine.h"
#include "shard/scripting/script_cache.h"
#include "shard/server/monitors.h"

namespace keyway::shard::commands {
namespace {

using scripting::Script;
using scripting::ScriptCache;
using scripting::ScriptEngine;

constexpr std::string_view kNoScript = "NOSCRIPT No matching script. Please use EVAL.";

ScriptCache& CacheOf(CommandContext& context) {
  return ScriptEngine::Of(context.services).cache();
}

// The number of arguments that are keys. False: an error was replied.
bool ReadKeyCount(CommandContext& context, size_t* count) {
  int64_t number = 0;
  const auto following = static_cast<int64_t>(context.args.size()) - 3;
  if (!ParseNumber(context.args[2], &number)) {
    context.reply.Error(kNotAnInteger);
  } else if (number > following) {
    context.reply.Error("ERR Number of keys can't be greater than number of args");
  } else if (number < 0) {
    context.reply.Error("ERR Number of keys can't be negative");
  } else {
    *count = static_cast<size_t>(number);
    return true;
  }
  return false;
}

// nullptr: an error was replied.
const Script* FindOrLoad(CommandContext& context, bool by_sha1) {
  ScriptCache& cache = CacheOf(context);
  if (by_sha1) {
    const Script* script = cache.FindBySha1(context.args[1]);
    if (script == nullptr) context.reply.Error(kNoScript);
    return script;
  }
  const auto script = cache.Load(context.args[1]);
  if (script.ok()) return script.value();
  context.reply.Error(script.error().message);
  return nullptr;
}

void RunScript(CommandContext& context, bool by_sha1, bool read_only) {
  // Before what the script calls.
  if (Monitors* monitors = context.services.monitors; monitors != nullptr && !monitors->empty()) {
    monitors->ShowEarly(context.client, context.command, context.args);
  }
  if (by_sha1 && context.args[1].size() != Script::kSha1Digits) {
    return context.reply.Error(kNoScript);
  }
  size_t key_count = 0;
  if (!ReadKeyCount(context, &key_count)) return;
  const Script* script = FindOrLoad(context, by_sha1);
  if (script == nullptr) return;
  ScriptEngine& engine = ScriptEngine::Of(context.services);
  engine.Run(context,
             {.vm = engine.cache().vm(),
              .function = script->function,
              .name = script->sha1(),
              .flags = script->flags,
              .is_function = false,
              .read_only = read_only},
             context.args.subspan(3, key_count), context.args.subspan(3 + key_count));
}

void Eval(CommandContext& context) {
  RunScript(context, /*by_sha1=*/false, /*read_only=*/false);
}

void EvalRo(CommandContext& context) {
  RunScript(context, /*by_sha1=*/false, /*read_only=*/true);
}

void EvalSha(CommandContext& context) {
  RunScript(context, /*by_sha1=*/true, /*read_only=*/false);
}

void EvalShaRo(CommandContext& context) {
  RunScript(context, /*by_sha1=*/true, /*read_only=*/true);
}

void ScriptLoad(CommandContext& context) {
  const auto script = CacheOf(context).Load(context.args[2]);
  if (!script.ok()) return context.reply.Error(script.error().message);
  context.reply.Bulk(script.value()->sha1());
}

void ScriptExists(CommandContext& context) {
  const auto names = context.args.subspan(2);
  context.reply.ArrayHeader(names.size());
  for (const std::string_view name : names) {
    context.reply.Integer(CacheOf(context).FindBySha1(name) != nullptr ? 1 : 0);
  }
}

void ScriptFlush(CommandContext& context) {
  bool later = context.services.config.lazyfree_lazy_user_flush;
  const bool has_mode = context.args.size() == 3;
  if (has_mode && Is(context.args[2], "SYNC")) {
    later = false;
  } else if (has_mode && Is(context.args[2], "ASYNC")) {
    later = true;
  } else if (context.args.size() != 2) {
    return context.reply.Error("ERR SCRIPT FLUSH only support SYNC|ASYNC option");
  }
  CacheOf(context).Clear(later);
  context.reply.Ok();
}

void ScriptKill(CommandContext& context) {
  const std::string_view error = ScriptEngine::Of(context.services).Kill(/*function=*/false);
  if (error.empty()) {
    context.reply.Ok();
  } else {
    context.reply.Error(error);
  }
}

void ScriptDebug(CommandContext& context) {
  const std::string_view mode = context.args[2];
  if (Is(mode, "NO")) return context.reply.Ok();
  const bool known = Is(mode, "YES") || Is(mode, "SYNC");
  context.reply.Error(known ? "ERR The Lua debugger is not available on this server. Debug the "
                              "script on a redis-server of the same version."
                            : "ERR Use SCRIPT DEBUG YES/SYNC/NO");
}

constexpr std::string_view kHelp[] = {
    "DEBUG (YES|SYNC|NO)",
    "    Set the debug mode for subsequent scripts executed.",
    "EXISTS <sha1> [<sha1> ...]",
    "    Return information about the existence of the scripts in the script cache.",
    "FLUSH [ASYNC|SYNC]",
    "    Flush the Lua scripts cache. Very dangerous on replicas.",
    "    When called without the optional mode argument, the behavior is determined by the",
    "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
    "    * ASYNC: Asynchronously flush the scripts cache.",
    "    * SYNC: Synchronously flush the scripts cache.",
    "KILL",
    "    Kill the currently executing Lua script.",
    "LOAD <script>",
    "    Load a script into the scripts cache without executing it.",
};

void ScriptHelp(CommandContext& context) {
  command::ReplyHelp("script", kHelp, context.reply);
}

}  // namespace

void RegisterScripts(HandlerTable& handlers) {
  handlers.Register("eval", Eval);
  handlers.Register("eval_ro", EvalRo);
  handlers.Register("evalsha", EvalSha);
  handlers.Register("evalsha_ro", EvalShaRo);
  handlers.Register("script|load", ScriptLoad);
  handlers.Register("script|exists", ScriptExists);
  handlers.Register("script|flush", ScriptFlush);
  handlers.Register("script|kill", ScriptKill);
  handlers.Register("script|debug", ScriptDebug);
  handlers.Register("script|help", ScriptHelp);
}

}  // namespace keyway::shard::commands
