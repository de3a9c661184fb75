// From a command's row and its arguments to a Plan.
//
// Everything the router knows of commands it reads from the columns of the command table: route,
// key specs, request policy. No command is named here. A new command needs no change; a row that
// says something the proxy cannot do is refused by Validate before the proxy serves.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/expected.h"
#include "common/command/table.h"
#include "proxy/routing/command_classes.h"
#include "proxy/routing/plan.h"
#include "proxy/routing/transaction_part.h"

namespace keyway::proxy::routing {

inline constexpr std::string_view kCrossSlot =
    "CROSSSLOT Keys in request don't hash to the same slot";

// One for each worker thread: it keeps room for the keys of a request between calls.
class Router {
 public:
  Router();

  // `arguments` have passed LookupCommand, which gave `command`. `plan` is overwritten; it is the
  // caller's so that its vectors are reused.
  void Route(const command::Command& command, std::span<const std::string_view> arguments,
             Plan* plan);

  // What is done with calls of `command`, as far as its row tells: one whose option makes it wait is
  // pinned.
  static CommandClass ClassOf(const command::Command& command);
  // The same for a command that is queued in a transaction.
  TransactionPart FindPart(const command::Command& command,
                           std::span<const std::string_view> arguments) {
    TransactionPart part = FindTransactionPart(command, arguments, &positions_);
    part.scripts = rows_[command.id].scripts;
    return part;
  }

 private:
  // What can be said of a row without looking at arguments.
  enum class Shape : uint8_t {
    kFixedKey,  // exactly one key, always at the same place
    kKeys,      // the keys are where FindKeys says
    kSplit,
    kGathered,
    kAnyShard,
    kAllShards,
    kLocal,
    kSpecial,
    kRefused,
  };
  // Whether it may wait at the shard, and where its time-out stands.
  enum class Blocking : uint8_t { kNever, kWithOption, kTimeoutFirst, kTimeoutLast };
  struct Row {
    Shape shape = Shape::kRefused;
    uint8_t fixed_key = 0;
    Blocking blocking = Blocking::kNever;
    bool first_ready = false;  // takes from the first of several keys
    bool scripts = false;  // Plan::scripts
  };

  static Row Classify(const command::Command& command);
  static Blocking ClassifyBlocking(const command::Spec& row);
  void RouteBlocking(const command::Command& command, std::span<const std::string_view> arguments,
                     int timeout, Plan* plan);
  void RouteByKeys(const command::Command& command, std::span<const std::string_view> arguments,
                   Plan* plan);
  // Of keys in several slots, `several` is the plan.
  void Split(const command::Command& command, std::span<const std::string_view> arguments,
             Plan::Kind several, Plan* plan);
  // MSET k v k2: a shard would look at the slots first, so the error is given here.
  bool KeyWithoutValue(const command::Command& command, std::span<const std::string_view> arguments,
                       Plan* plan) const;

  std::vector<Row> rows_;  // by CommandId
  std::vector<command::KeyPosition> positions_;
};

// Where `arguments` use the option `token` (upper case), read by the row's argument tree; 0: nowhere.
int FindOption(const command::Spec& row, std::span<const std::string_view> arguments,
               std::string_view token);

// Whether a call of `command`, planned so, may be answered by a replica: it only reads the keys that it
// names. What is about a node as a whole (SCAN, DBSIZE) is the primary's.
bool MayReadReplica(const command::Command& command, const Plan& plan);

// Whether a command takes from the first of its keys that has something, or waits.
bool TakesFirstReady(const command::Spec& row);

// Why the proxy refuses a command whose route is kRefused, for the error that the client sees:
// "ERR keyway-proxy does not support 'monitor' yet: ...".
std::string RefusalText(const command::Command& command);

// Checks that the proxy can do what every row of the table asks of it. `has_local` and
// `has_special` tell whether a handler and an executor exist for a row. The error names the row.
Status Validate(const std::function<bool(const command::Command&)>& has_local,
                const std::function<bool(const command::Command&)>& has_special);

}  // namespace keyway::proxy::routing
