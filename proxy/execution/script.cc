#include "proxy/execution/script.h"

#include <utility>
#include <vector>

#include "proxy/execution/encode.h"
#include "proxy/execution/executor.h"

namespace keyway::proxy::execution {
namespace {

constexpr size_t kKeptBytes = 2048;
constexpr std::string_view kNoScript = "-NOSCRIPT No matching script. Please use EVAL.\r\n";

}  // namespace

ScriptName ScriptNameOf(const command::Command& command) {
  static const std::vector<ScriptName> names = [] {
    std::vector<ScriptName> all(command::CommandCount(), ScriptName::kFunction);
    for (size_t id = 0; id < all.size(); ++id) {
      const command::Spec& row = *command::CommandById(static_cast<command::CommandId>(id)).spec;
      if (!row.is(command::kRunsScript) || row.arguments.empty()) continue;
      if (row.arguments[0].name == "script") all[id] = ScriptName::kText;
      if (row.arguments[0].name == "sha1") all[id] = ScriptName::kSha1;
    }
    return all;
  }();
  return names[command.id];
}

std::string EvalInsteadOfEvalsha(std::string_view request, std::string_view script) {
  std::vector<std::string_view> arguments = ArgumentsOf(request);
  const char last = arguments[0].back();
  arguments[0] = last == 'O' || last == 'o' ? "EVAL_RO" : "EVAL";
  arguments[1] = script;
  std::string eval;
  AppendRequest(arguments, &eval);
  return eval;
}

void ScriptOperation::Begin(const Request& request) {
  request_.bytes().assign(request.bytes);
  slot_ = request.plan->kind == routing::Plan::Kind::kOneSlot ? request.plan->slot
                                                              : executor().StableSlot();
  terms_ = {.version = request.version,
            .database = request.database,
            .repeatable = request.command->spec->is(command::kReadonly),
            .scripts = true,
            .read_from = request.read_from,
            .client = request.client};
  switch (ScriptNameOf(*request.command)) {
    case ScriptName::kText: {
      auto [script, is_new] = executor().scripts().Add(request.arguments[1]);
      if (is_new) {
        executor().script_loads().Spread(script, slot_,
                                         {.version = request.version,
                                          .database = request.database});
      }
      if (script != nullptr && !script->compiled) script_ = std::move(script);
      break;
    }
    case ScriptName::kSha1:
      script_ = executor().scripts().Find(request.arguments[1]);
      repairable_ = script_ != nullptr;
      // What SCRIPT LOAD has brought no replica has.
      if (!repairable_) terms_.read_from = ReadFrom::kPrimary;
      break;
    case ScriptName::kFunction:
      break;
  }
  request_.Start(executor().access(), this, slot_, terms_);
}

void ScriptOperation::Abandon() {
  request_.Abandon();
}

std::string ScriptOperation::DeadlineError(Outcome* outcome) {
  return request_.DeadlineError(outcome);
}

void ScriptOperation::Recycle() {
  if (request_.bytes().capacity() > kKeptBytes) request_.bytes() = std::string();
  script_.reset();
  repairable_ = false;
  executor().script_operations().Return(this);
}

void ScriptOperation::OnShardReply(ShardRequest&, std::string_view reply, char type,
                                   Outcome outcome) {
  // Redis does not keep what it cannot compile.
  if (repairable_ && script_->compiled && reply == kNoScript) {
    // Once: what says NOSCRIPT to an EVAL is the script itself.
    repairable_ = false;
    executor().statistics().noscript_repaired.Add(1);
    request_.bytes() = EvalInsteadOfEvalsha(request_.bytes(), script_->text);
    ReportHeldUp();
    request_.Start(executor().access(), this, slot_, terms_);
    return;
  }
  if (!repairable_ && script_ != nullptr && type != '-' && type != '!') script_->compiled = true;
  Deliver(reply, outcome);
}

void ScriptOperation::OnShardAway(ShardRequest&) {
  ReportHeldUp();
}

}  // namespace keyway::proxy::execution
