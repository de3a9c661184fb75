#include "shard/scripting/engine.h"

#include <utility>

#include "common/log/log.h"
#include "common/script/shebang.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/scripting/libraries.h"
#include "shard/scripting/script_cache.h"
#include "shard/scripting/script_calls.h"
#include "shard/server/dispatcher.h"
#include "shard/server/effects.h"
#include "shard/server/long_call.h"
#include "shard/server/persistence.h"
#include "shard/server/replica_rules.h"

namespace keyway::shard::scripting {
namespace {

constexpr std::string_view kBusyWithScript =
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
constexpr std::string_view kBusyWithFunction =
    "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";
constexpr std::string_view kNothingRuns = "NOTBUSY No scripts in execution right now.";
constexpr std::string_view kUnkillable =
    "UNKILLABLE Sorry the script already executed write commands against the dataset. You can "
    "either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE "
    "command.";
// Of functions, too.
constexpr std::string_view kKilled = "Script killed by user with SCRIPT KILL...";
constexpr std::string_view kAborted = "The server is shutting down";

constexpr std::string_view kNotInCluster =
    "ERR Can not run script on cluster, 'no-cluster' flag is set.";
constexpr std::string_view kWritesInReadOnly =
    "ERR Can not execute a script with write flag using *_ro command.";
constexpr std::string_view kStaleScript =
    "MASTERDOWN Link with MASTER is down, replica-serve-stale-data is set to 'no' and 'allow-stale' "
    "flag is not set on the script.";
constexpr std::string_view kReadOnlyScript =
    "READONLY You can not run script with write flag on readonly replica.";
constexpr std::string_view kOutOfMemory =
    "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'";

ScriptCalls::Rights RightsOf(const Program& program) {
  const uint32_t flags = program.flags;
  if ((flags & kScriptEvalCompat) != 0) return {program.read_only, false, true};
  return {program.read_only || (flags & kScriptNoWrites) != 0, (flags & kScriptAllowOom) != 0,
          (flags & kScriptAllowCrossSlotKeys) != 0};
}

}  // namespace

struct ScriptEngine::State {
  explicit State(Services& services)
      : calls(services),
        evalsha(command::FindCommand("evalsha")),
        evalsha_ro(command::FindCommand("evalsha_ro")),
        fcall(command::FindCommand("fcall")),
        fcall_ro(command::FindCommand("fcall_ro")) {}

  ScriptCalls calls;
  bool is_running = false;
  RunningScript running = {};
  std::string_view end_error;  // with which the script is to end; empty: it goes on
  bool aborted = false;        // all are to end
  const command::Command* const evalsha;
  const command::Command* const evalsha_ro;
  const command::Command* const fcall;
  const command::Command* const fcall_ro;
};

ScriptEngine::ScriptEngine(Services& services)
    : services_(services),
      state_(std::make_unique<State>(services)),
      cache_(std::make_unique<ScriptCache>(host(), services.keyspace.lazy_free())),
      libraries_(std::make_unique<Libraries>(host(), services.keyspace.lazy_free())) {}

ScriptEngine::~ScriptEngine() = default;

ScriptEngine& ScriptEngine::Of(const Services& services) {
  return static_cast<ScriptEngine&>(*services.scripts);
}

// --- Running --------------------------------------------------------------------------------

uint32_t ScriptEngine::CommandFlags(const command::Command& command,
                                    std::span<const std::string_view> args) const {
  const uint32_t flags = command.spec->flags;
  if (&command == state_->fcall || &command == state_->fcall_ro) {
    const Function* function = libraries_->Find(args[1]);
    return function == nullptr ? flags : script::CommandFlagsOf(flags, function->flags);
  }
  const bool by_sha1 = &command == state_->evalsha || &command == state_->evalsha_ro;
  const Script* script = by_sha1 ? cache_->FindBySha1(args[1]) : cache_->FindByText(args[1]);
  uint32_t script_flags = kScriptEvalCompat;
  if (script != nullptr) {
    script_flags = script->flags;
  } else if (!by_sha1) {
    const auto declaration = script::ReadScriptDeclaration(args[1]);
    if (declaration.ok()) script_flags = declaration->flags;
  }
  return script::CommandFlagsOf(flags, script_flags);
}

std::string ScriptEngine::Refusal(const Program& program, bool obeyed) const {
  const bool stale = IsStaleReplica(services_);
  if ((program.flags & kScriptEvalCompat) != 0) return std::string(stale ? kPrimaryDown : "");
  if ((program.flags & kScriptNoCluster) != 0 && services_.cluster != nullptr) {
    return std::string(kNotInCluster);
  }
  if (stale && (program.flags & kScriptAllowStale) == 0) return std::string(kStaleScript);
  const bool writes = (program.flags & kScriptNoWrites) == 0;
  if (writes && !obeyed && IsReadOnlyReplica(services_)) return std::string(kReadOnlyScript);
  if (writes && !obeyed && services_.persistence != nullptr) {
    std::string error = services_.persistence->ScriptRefusal(services_.config);
    if (!error.empty()) return error;
  }
  if (writes && program.read_only) return std::string(kWritesInReadOnly);
  if (writes && HasTooFewReplicas(services_)) return std::string(kTooFewReplicas);
  if (writes && (program.flags & kScriptAllowOom) == 0 && services_.config.maxmemory != 0 &&
      services_.dispatcher->out_of_memory()) {
    return std::string(kOutOfMemory);
  }
  return {};
}

void ScriptEngine::Run(CommandContext& context, const Program& program,
                       std::span<const std::string_view> keys,
                       std::span<const std::string_view> arguments) {
  if (const std::string error = Refusal(program, context.client.from_primary());
      !error.empty()) {
    context.reply.Error(error);
    return;
  }
  Begin(context, program);
  program.vm.Call({.function = program.function,
                   .name = program.name,
                   .keys = keys,
                   .arguments = arguments,
                   .interruptible = services_.config.busy_reply_threshold != 0},
                  context.reply);
  End();
}

void ScriptEngine::Begin(CommandContext& context, const Program& program) {
  state_->calls.Begin(context, RightsOf(program));
  state_->running = {.is_function = program.is_function,
                     .name = program.name,
                     .started_micros = services_.clock.MonotonicMicros(),
                     .has_written = false,
                     .args = context.args};
  state_->end_error = state_->aborted ? kAborted : std::string_view();
  state_->is_running = true;
  if (services_.effects != nullptr) services_.effects->set_script_targets(kEffectAll);
}

void ScriptEngine::End() {
  state_->is_running = false;
  busy_ = false;
}

// --- Taking too long ------------------------------------------------------------------------

const RunningScript* ScriptEngine::running() const {
  if (!state_->is_running) return nullptr;
  state_->running.has_written = state_->calls.has_written();
  return &state_->running;
}

std::string_view ScriptEngine::Interrupt() {
  if (!state_->end_error.empty()) return state_->end_error;
  if (!busy_) {
    const RunningScript& script = state_->running;
    const int64_t elapsed_ms = (services_.clock.MonotonicMicros() - script.started_micros) / 1000;
    if (elapsed_ms < services_.config.busy_reply_threshold) return {};
    KEYWAY_WARNING() << "Slow script detected: still in execution after " << elapsed_ms
                     << " milliseconds. You can try killing the script using the "
                     << (script.is_function ? "FUNCTION KILL" : "SCRIPT KILL")
                     << " command. Script name is: " << script.name << ".";
    busy_ = true;
  }
  if (services_.long_call != nullptr && services_.long_call->inside()) {
    services_.long_call->StepAside();
  }
  if (state_->end_error == kKilled) {
    KEYWAY_WARNING() << "Lua script killed by user with SCRIPT KILL.";
  }
  return state_->end_error;
}

std::string_view ScriptEngine::Kill(bool function) {
  const RunningScript* script = running();
  if (script == nullptr) return kNothingRuns;
  if (script->has_written) return kUnkillable;
  if (script->is_function != function) return BusyError();
  state_->end_error = kKilled;
  return {};
}

std::string_view ScriptEngine::BusyError() const {
  return state_->running.is_function ? kBusyWithFunction : kBusyWithScript;
}

void ScriptEngine::Abort() {
  state_->aborted = true;  // a transaction may begin further scripts
  state_->end_error = kAborted;
}

void ScriptEngine::ForEachLibrary(const std::function<void(std::string_view code)>& visit) const {
  for (const auto& [name, library] : libraries_->all()) visit(library->code);
}

Status ScriptEngine::LoadLibrary(std::string_view code, bool replace) {
  const auto loaded = libraries_->Load(code, replace, 0);
  if (!loaded.ok()) return loaded.error();
  return {};
}

void ScriptEngine::ClearLibraries() {
  libraries_->Clear(false);
}

// --- What scripts reach ---------------------------------------------------------------------

void ScriptEngine::CallCommand(std::span<const std::string_view> args, resp::Version version,
                               OutputBuffer& reply) {
  state_->calls.Call(args, version, reply);
}

ScriptHost::Permission ScriptEngine::MayCall(std::span<const std::string_view> args) {
  return state_->calls.MayCall(args);
}

void ScriptEngine::SetReplication(uint8_t targets) {
  if (services_.effects != nullptr) services_.effects->set_script_targets(targets);
}

bool ScriptEngine::HasRetiredFunctions() const {
  return services_.config.lua_enable_deprecated_api;
}

void ScriptEngine::Log(ScriptLogLevel level, std::string_view text) {
  switch (level) {
    case ScriptLogLevel::kDebug:
      KEYWAY_DEBUG() << text;
      break;
    case ScriptLogLevel::kVerbose:
      KEYWAY_VERBOSE() << text;
      break;
    case ScriptLogLevel::kNotice:
      KEYWAY_NOTICE() << text;
      break;
    case ScriptLogLevel::kWarning:
      KEYWAY_WARNING() << text;
      break;
  }
}

Scripts::Usage ScriptEngine::usage() const {
  return {.eval_vm_bytes = cache_->vm().MemoryBytes(),
          .functions_vm_bytes = libraries_->vm().MemoryBytes(),
          .scripts_bytes = cache_->MemoryBytes(),
          .functions_bytes = libraries_->MemoryBytes(),
          .cached_scripts = cache_->count(),
          .functions = libraries_->function_count(),
          .libraries = libraries_->all().size()};
}

size_t ScriptEngine::vm_bytes() const {
  return cache_->vm().MemoryBytes() + libraries_->vm().MemoryBytes();
}

}  // namespace keyway::shard::scripting
