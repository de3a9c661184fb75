// The command table: every command of Redis 7.0.15, and where its keys are.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/expected.h"
#include "common/command/spec.h"

namespace keyway::command {

// All rows are numbered densely in [0, CommandCount()), subcommands included, so that a program can
// keep what it knows of a command (handler, statistics) in a plain array.
using CommandId = uint16_t;

// A row with its place in the table. Lives as long as the program.
struct Command {
  const Spec* spec = nullptr;
  const Command* container = nullptr;  // of a subcommand
  CommandId id = 0;
  std::string full_name;  // "get", "config|get": as Redis names it in errors and statistics
  std::vector<const Command*> subcommands;
};

// Number of rows, subcommands included.
size_t CommandCount();
const Command& CommandById(CommandId id);
// Top-level commands in the table's order.
std::span<const Command* const> TopLevelCommands();
// The top-level command `name`, any case; nullptr when there is none.
const Command* FindCommand(std::string_view name);
// "get" or "config|get", any case.
const Command* FindByFullName(std::string_view full_name);

// The command that `arguments` call. `arguments` is not empty.
struct Lookup {
  enum class Status : uint8_t {
    kFound,
    kUnknownCommand,
    kUnknownSubcommand,  // of the container `command`
    kWrongArity,         // `command` is known, the number of arguments is wrong
  };
  Status status = Status::kUnknownCommand;
  const Command* command = nullptr;
};
// `available`, when given, hides rows for which it returns false (as if they were not in the
// table). A container called without a subcommand is kWrongArity, as in Redis.
Lookup LookupCommand(std::span<const std::string_view> arguments,
                     const std::function<bool(const Command&)>* available = nullptr);
// The error text Redis 7.0.15 gives for a Lookup that is not kFound ("ERR unknown command 'x', with
// args beginning with: 'y' ", "ERR unknown subcommand 'x'. Try CONFIG HELP.", "ERR wrong number of
// arguments for 'get' command"). Redis puts every error that refuses EXEC, these included, into an
// EXECABORT error; that is the caller's part.
std::string LookupError(const Lookup& lookup, std::span<const std::string_view> arguments);

struct KeyPosition {
  int index;       // into the arguments
  uint32_t flags;  // KeyFlag
};

// Where the keys stand in a call of `command`. The caller has checked the arity. Commands whose
// keys no key spec describes (kMovableKeys with an incomplete spec: SORT, MIGRATE, ...) are handled
// too. Channels of sharded pub/sub (kKeyNotKey) count as keys here: they choose the slot. Error:
// the arguments make no sense, e.g. a numkeys that is no number or too large ("Invalid arguments
// specified for command"). `out` is cleared first; it is the caller's so that it can be reused
// without allocating.
Status FindKeys(const Command& command, std::span<const std::string_view> arguments,
                std::vector<KeyPosition>* out);
// The keys that choose the slot of a call, which is what a cluster goes by. As FindKeys, which is
// COMMAND GETKEYS, but for two kinds of calls, as in Redis: lists of keys and ids of different
// length (XREAD) have no keys, and a call that lacks keys which may be missing (PFMERGE with a
// destination alone) has the first.
Status FindSlotKeys(const Command& command, std::span<const std::string_view> arguments,
                    std::vector<KeyPosition>* out);

// Where keys repeat with a step (MSET 2, MGET 1): how a multi_shard command is split. 0 when the
// command has no key spec of the range kind.
int KeyStep(const Command& command);

// Whether this call may be executed twice without harm (Spec::repeat). `arguments` as for LookupCommand.
bool IsRepeatable(const Command& command, std::span<const std::string_view> arguments);

// The names as COMMAND INFO, ACL CAT and COMMAND DOCS print them, in the order they print them.
std::vector<std::string_view> FlagNames(uint32_t flags);
std::vector<std::string_view> AclCategoryNames(uint32_t categories);  // "@read" ...
std::vector<std::string_view> KeyFlagNames(uint32_t flags);
// Tips with both policies, in Redis's order.
std::vector<std::string> TipNames(const Spec& spec);

// Checks every row against the rules of the table (a key spec for each keyed command, policies that
// go together, unique names, ...). Run at the start of both programs and in a test; the error names
// the row.
Status ValidateTable();

}  // namespace keyway::command
