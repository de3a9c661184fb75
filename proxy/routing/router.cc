#include "proxy/routing/router.h"

#include <algorithm>

#include "common/slot/slot.h"
#include "proxy/routing/ignore_case.h"

namespace keyway::proxy::routing {
namespace {

using command::Command;
using command::KeySpec;
using command::RequestPolicy;
using command::Spec;
using Arguments = std::span<const std::string_view>;

constexpr std::string_view kBlockOption = "BLOCK";
constexpr std::string_view kTimeoutName = "timeout";

// How many words an argument takes behind its token.
size_t ValueCount(const command::Argument& argument) {
  switch (argument.type) {
    case command::Argument::Type::kPureToken:
      return 0;
    case command::Argument::Type::kBlock:
      return argument.arguments.size();
    default:
      return 1;
  }
}

const command::Argument* FindToken(std::span<const command::Argument> arguments,
                                   std::string_view word) {
  for (const command::Argument& argument : arguments) {
    if (!argument.token.empty() && EqualsIgnoreCase(word, argument.token)) return &argument;
    if (argument.type == command::Argument::Type::kOneOf) {
      if (const auto* found = FindToken(argument.arguments, word)) return found;
    }
  }
  return nullptr;
}

bool HasToken(const Spec& row, std::string_view token) {
  return FindToken(row.arguments, token) != nullptr;
}

}  // namespace

int FindOption(const Spec& row, Arguments arguments, std::string_view token) {
  for (size_t i = 1; i < arguments.size();) {
    const command::Argument* option = FindToken(row.arguments, arguments[i]);
    // The shard says what is wrong with a word that is no option.
    if (option == nullptr) return 0;
    if (option->token == token) return static_cast<int>(i);
    // Keys come last; what stands behind them are no options.
    const auto& values = option->arguments;
    if (std::any_of(values.begin(), values.end(), [](const command::Argument& value) {
          return value.type == command::Argument::Type::kKey;
        })) {
      return 0;
    }
    i += 1 + ValueCount(*option);
  }
  return 0;
}

bool TakesFirstReady(const Spec& row) {
  return row.is(command::kBlocking) && !HasToken(row, kBlockOption) &&
         std::any_of(row.arguments.begin(), row.arguments.end(), [](const command::Argument& part) {
           return part.type == command::Argument::Type::kKey &&
                  (part.flags & command::Argument::kMultiple) != 0;
         });
}

bool MayReadReplica(const Command& command, const Plan& plan) {
  if (!command.spec->is(command::kReadonly)) return false;
  switch (plan.kind) {
    case Plan::Kind::kOneSlot:
    case Plan::Kind::kSplit:
      return true;
    case Plan::Kind::kAnyShard:
      return plan.scripts;
    case Plan::Kind::kSpecial:
      return command.spec->route == command::Route::kGathered;
    default:
      return false;
  }
}

Router::Router() {
  rows_.resize(command::CommandCount());
  for (size_t id = 0; id < rows_.size(); ++id) {
    const Command& command = command::CommandById(static_cast<command::CommandId>(id));
    rows_[id] = Classify(command);
    // What a node answers while a script runs (SCRIPT KILL) must not wait behind it.
    rows_[id].scripts =
        command.spec->group == "scripting" && !command.spec->is(command::kAllowBusy);
  }
}

Router::Row Router::Classify(const Command& command) {
  const Spec& row = *command.spec;
  switch (row.route) {
    case command::Route::kLocal:
      return {.shape = Shape::kLocal};
    case command::Route::kSpecial:
      // Special in that it must not be torn apart, though its policies say how: MSETNX sets all or
      // nothing.
      if (row.request_policy == RequestPolicy::kMultiShard) return {.shape = Shape::kKeys};
      return {.shape = Shape::kSpecial};
    case command::Route::kGathered:
      return {.shape = Shape::kGathered};
    case command::Route::kRefused:
      return {.shape = Shape::kRefused};
    case command::Route::kByPolicy:
      break;
  }
  Row entry;
  entry.blocking = ClassifyBlocking(row);
  entry.first_ready = TakesFirstReady(row);
  switch (row.request_policy) {
    case RequestPolicy::kAllShards:
    case RequestPolicy::kAllNodes:
      entry.shape = Shape::kAllShards;
      return entry;
    case RequestPolicy::kMultiShard:
      entry.shape = Shape::kSplit;
      return entry;
    case RequestPolicy::kNone:
    case RequestPolicy::kSpecial:
      break;
  }
  if (row.key_specs.empty() && row.key_rule == command::KeyRule::kSpecs) {
    entry.shape = Shape::kAnyShard;
    return entry;
  }
  entry.shape = Shape::kKeys;
  const bool place_is_fixed = row.key_rule == command::KeyRule::kSpecs ||
                              row.key_rule == command::KeyRule::kSet ||
                              row.key_rule == command::KeyRule::kBitfield;
  if (place_is_fixed && row.key_specs.size() == 1) {
    const KeySpec& spec = row.key_specs[0];
    const int least_arguments = row.arity < 0 ? -row.arity : row.arity;
    if (spec.begin == KeySpec::Begin::kIndex && spec.find == KeySpec::Find::kRange &&
        spec.last_key == 0 && spec.index < least_arguments) {
      entry.shape = Shape::kFixedKey;
      entry.fixed_key = static_cast<uint8_t>(spec.index);
    }
  }
  return entry;
}

CommandClass Router::ClassOf(const Command& command) {
  const Row row = Classify(command);
  if (row.blocking != Blocking::kNever) return CommandClass::kPinned;
  switch (row.shape) {
    case Shape::kFixedKey:
    case Shape::kKeys:
      return CommandClass::kRouted;
    case Shape::kSplit:
      return CommandClass::kSplit;
    case Shape::kGathered:
      return CommandClass::kGathered;
    case Shape::kAnyShard:
      return CommandClass::kAnyShard;
    case Shape::kAllShards:
      return CommandClass::kAllShards;
    case Shape::kLocal:
      return CommandClass::kLocal;
    case Shape::kSpecial:
      return CommandClass::kSpecial;
    case Shape::kRefused:
      return CommandClass::kRefused;
  }
  return CommandClass::kRefused;
}

Router::Blocking Router::ClassifyBlocking(const Spec& row) {
  if (!row.is(command::kBlocking)) return Blocking::kNever;
  if (HasToken(row, kBlockOption)) return Blocking::kWithOption;
  return row.arguments.front().name == kTimeoutName ? Blocking::kTimeoutFirst
                                                    : Blocking::kTimeoutLast;
}

void Router::Route(const Command& command, Arguments arguments, Plan* plan) {
  const Row& row = rows_[command.id];
  plan->pinned = plan->divisible = false;
  plan->scripts = row.scripts;
  switch (row.blocking) {
    case Blocking::kNever:
      break;
    case Blocking::kWithOption:
      if (const int option = FindOption(*command.spec, arguments, kBlockOption); option != 0) {
        return RouteBlocking(command, arguments, option + 1, plan);
      }
      break;
    case Blocking::kTimeoutFirst:
      return RouteBlocking(command, arguments, 1, plan);
    case Blocking::kTimeoutLast:
      return RouteBlocking(command, arguments, static_cast<int>(arguments.size()) - 1, plan);
  }
  switch (row.shape) {
    case Shape::kFixedKey:
      plan->kind = Plan::Kind::kOneSlot;
      plan->slot = KeySlot(arguments[row.fixed_key]);
      return;
    case Shape::kKeys:
      RouteByKeys(command, arguments, plan);
      return;
    case Shape::kSplit:
      Split(command, arguments, Plan::Kind::kSplit, plan);
      return;
    case Shape::kGathered:
      Split(command, arguments, Plan::Kind::kSpecial, plan);
      return;
    case Shape::kAnyShard:
      plan->kind = Plan::Kind::kAnyShard;
      return;
    case Shape::kAllShards:
      plan->kind = Plan::Kind::kAllShards;
      return;
    case Shape::kLocal:
      plan->kind = Plan::Kind::kLocal;
      return;
    case Shape::kSpecial:
      plan->kind = Plan::Kind::kSpecial;
      return;
    case Shape::kRefused:
      plan->kind = Plan::Kind::kRefused;
      plan->error = RefusalText(command);
      return;
  }
}

void Router::RouteByKeys(const Command& command, Arguments arguments, Plan* plan) {
  // Arguments that make no sense, or name no key, are the shard's to answer.
  if (!command::FindSlotKeys(command, arguments, &positions_).ok() || positions_.empty()) {
    plan->kind = Plan::Kind::kAnyShard;
    return;
  }
  if (KeyWithoutValue(command, arguments, plan)) return;
  const Slot slot = KeySlot(arguments[positions_[0].index]);
  for (size_t i = 1; i < positions_.size(); ++i) {
    if (KeySlot(arguments[positions_[i].index]) != slot) {
      plan->kind = Plan::Kind::kRefused;
      plan->error = kCrossSlot;
      return;
    }
  }
  plan->kind = Plan::Kind::kOneSlot;
  plan->slot = slot;
}

void Router::RouteBlocking(const Command& command, Arguments arguments, int timeout, Plan* plan) {
  const Row& row = rows_[command.id];
  plan->pinned = true;
  plan->timeout = timeout < static_cast<int>(arguments.size()) ? timeout : 0;
  plan->timeout_in_millis = row.blocking == Blocking::kWithOption;
  plan->kind = Plan::Kind::kBlocking;
  plan->slot = 0;
  plan->keys.clear();
  // What makes no sense is the shard's to answer, but not on a connection that others use: it may be
  // the proxy that does not understand.
  if (!command::FindSlotKeys(command, arguments, &positions_).ok()) return;
  for (const command::KeyPosition& position : positions_) {
    const Slot slot = KeySlot(arguments[position.index]);
    if (!plan->keys.empty() && plan->keys[0].slot != slot) plan->kind = Plan::Kind::kFirstReady;
    plan->keys.push_back({slot, position.index});
  }
  if (!plan->keys.empty()) plan->slot = plan->keys[0].slot;
  if (plan->kind == Plan::Kind::kFirstReady && !row.first_ready) {
    plan->kind = Plan::Kind::kRefused;
    plan->error = kCrossSlot;
  }
}

void Router::Split(const Command& command, Arguments arguments, Plan::Kind several, Plan* plan) {
  if (!command::FindSlotKeys(command, arguments, &positions_).ok() || positions_.empty()) {
    plan->kind = Plan::Kind::kAnyShard;
    return;
  }
  if (KeyWithoutValue(command, arguments, plan)) return;
  plan->keys.clear();
  bool one_slot = true;
  for (const command::KeyPosition& position : positions_) {
    const Slot slot = KeySlot(arguments[position.index]);
    one_slot = one_slot && (plan->keys.empty() || plan->keys[0].slot == slot);
    plan->keys.push_back({slot, position.index});
  }
  plan->key_step = command::KeyStep(command);
  if (one_slot) {
    plan->kind = Plan::Kind::kOneSlot;
    plan->slot = plan->keys[0].slot;
    plan->divisible = several == Plan::Kind::kSplit && plan->keys.size() > 1;
    return;
  }
  // By index within a slot: the order of the request, without stable_sort's allocation.
  std::sort(plan->keys.begin(), plan->keys.end(), [](const Plan::Key& a, const Plan::Key& b) {
    return a.slot != b.slot ? a.slot < b.slot : a.index < b.index;
  });
  plan->kind = several;
}

bool Router::KeyWithoutValue(const Command& command, Arguments arguments, Plan* plan) const {
  if (command.spec->request_policy != RequestPolicy::kMultiShard) return false;
  const int step = command::KeyStep(command);
  if (positions_.back().index + step <= static_cast<int>(arguments.size())) return false;
  plan->kind = Plan::Kind::kRefused;
  plan->error = command::LookupError({command::Lookup::Status::kWrongArity, &command}, arguments);
  return true;
}

std::string RefusalText(const Command& command) {
  const Spec& row = *command.spec;
  const std::string_view group =
      command.container != nullptr ? command.container->spec->group : row.group;
  // In standalone Redis it exists only to say so.
  if (group == "cluster" && command.container == nullptr) {
    return "ERR This instance has cluster support disabled";
  }
  std::string_view why = "it concerns a single server, and a proxy stands for a whole cluster";
  if (row.is(command::kAdmin)) {
    why = "it administers a single server, ask the shards themselves";
  }
  return "ERR keyway-proxy does not support '" + command.full_name + "' yet: " + std::string(why);
}

Status Validate(const std::function<bool(const Command&)>& has_local,
                const std::function<bool(const Command&)>& has_special) {
  if (Status table = command::ValidateTable(); !table.ok()) return table;
  for (size_t id = 0; id < command::CommandCount(); ++id) {
    const Command& command = command::CommandById(static_cast<command::CommandId>(id));
    const Spec& row = *command.spec;
    const auto bad = [&command](std::string_view what) {
      return Error{"command table: '" + command.full_name + "' " + std::string(what)};
    };
    // LookupCommand answers a container without a subcommand, unless its arity allows that.
    if (!row.subcommands.empty() && row.arity < -1) continue;
    switch (row.route) {
      case command::Route::kLocal:
        if (!has_local(command)) return bad("is answered locally, but has no handler");
        continue;
      case command::Route::kSpecial:
        if (row.request_policy != RequestPolicy::kMultiShard && !has_special(command)) {
          return bad("is special, but has no executor");
        }
        continue;
      case command::Route::kGathered:
        if (!has_special(command)) return bad("is gathered, but has no executor");
        continue;
      case command::Route::kRefused:
        continue;
      case command::Route::kByPolicy:
        break;
    }
    if (row.request_policy == RequestPolicy::kSpecial ||
        row.response_policy == command::ResponsePolicy::kSpecial) {
      return bad("is routed by policy, but its policy is special");
    }
    if (row.request_policy == RequestPolicy::kMultiShard) {
      if (command::KeyStep(command) <= 0) return bad("is split by key, but has no range of keys");
      if (row.response_policy == command::ResponsePolicy::kNone && command::KeyStep(command) != 1) {
        return bad("gives one element a key, but its keys are not next to each other");
      }
      if (row.response_policy == command::ResponsePolicy::kOneSucceeded) {
        return bad("is split by key, so one success is not enough");
      }
    }
    const bool all = row.request_policy == RequestPolicy::kAllShards ||
                     row.request_policy == RequestPolicy::kAllNodes;
    if (all && !row.key_specs.empty()) return bad("goes to all shards, but has keys");
    if (row.request_policy == RequestPolicy::kNone &&
        row.response_policy != command::ResponsePolicy::kNone) {
      return bad("has one reply, but a response policy");
    }
    // A shared connection must not change its state, nor wait for one client.
    if (row.is(command::kNoAuth)) return bad("changes its connection, but is routed to shards");
    if (row.is(command::kPubsub) && row.is(command::kNoscript)) {
      return bad("subscribes its connection, but is routed to shards");
    }
    if (row.is(command::kBlocking) && !HasToken(row, kBlockOption) &&
        (row.arguments.empty() || (row.arguments.front().name != kTimeoutName &&
                                   row.arguments.back().name != kTimeoutName))) {
      return bad("blocks, but does not say where its time-out stands");
    }
    if (TakesFirstReady(row) && !has_special(command)) {
      return bad("takes from the first of its keys, but has no executor");
    }
  }
  return {};
}

}  // namespace keyway::proxy::routing
