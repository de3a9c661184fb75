// The index over the rows.
//
// Every request of both programs passes FindCommand, so a name becomes three words (lower case,
// zero-padded) that are hashed and compared as such: no allocation and no loop over characters.
// Subcommands live in the same hash table, keyed by their container and their own name.
// Built once, immutable afterwards, and so shared by all threads without a lock.
#include "common/command/table.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <glog/logging.h>

#include "common/command/row_rules.h"
#include "common/command/table/rows.h"

namespace keyway::command {
namespace {

// All rows, family by family. A new row file is listed here.
const std::span<const Spec>* const kAllRows[] = {
    &kStringRows,      &kGenericRows,   &kHashRows,         &kListRows,        &kSetRows,
    &kSortedSetRows,   &kStreamRows,    &kBitmapRows,       &kHyperloglogRows, &kGeoRows,
    &kPubsubRows,      &kScriptingRows, &kTransactionsRows, &kConnectionRows,  &kServerRows,
    &kServerAdminRows, &kClusterRows,
};

// `length` (1 to 8) bytes at `bytes` as one word, without reading past them.
uint64_t LoadWord(const char* bytes, size_t length) {
  if (length == 8) {
    uint64_t word;
    std::memcpy(&word, bytes, 8);
    return word;
  }
  if (length >= 4) {
    uint32_t low, high;
    std::memcpy(&low, bytes, 4);
    std::memcpy(&high, bytes + length - 4, 4);
    return low | (static_cast<uint64_t>(high) << ((length - 4) * 8));
  }
  auto byte = [bytes](size_t i) {
    return static_cast<uint64_t>(static_cast<unsigned char>(bytes[i])) << (i * 8);
  };
  return byte(0) | byte(length / 2) | byte(length - 1);
}

// Makes each of the eight bytes lower case if it is an ASCII capital.
uint64_t ToLower(uint64_t word) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kHighBits = 0x80 * kOnes;
  const uint64_t low_bits = word & ~kHighBits;
  const uint64_t at_least_a = low_bits + (0x80 - 'A') * kOnes;
  const uint64_t beyond_z = low_bits + (0x7f - 'Z') * kOnes;
  const uint64_t capitals = (at_least_a ^ beyond_z) & ~word & kHighBits;
  return word | (capitals >> 2);
}

// A name in a form that is cheap to hash and compare: it stays in registers.
struct PackedName {
  static constexpr size_t kMaxLength = 24;

  uint64_t head = 0;
  uint64_t middle = 0;
  uint64_t tail = 0;
  uint64_t place = 0;  // the length, and above it the container's id + 1 (0: a top-level command)

  // Without branches; comparing through memory would wait for the words to be stored.
  bool operator==(const PackedName& other) const {
    return ((head ^ other.head) | (middle ^ other.middle) | (tail ^ other.tail) |
            (place ^ other.place)) == 0;
  }

  uint64_t Hash() const {
    uint64_t mixed = head ^ (middle * 0x9e3779b97f4a7c15) ^ (tail * 0xc2b2ae3d27d4eb4f) ^
                     (place * 0x165667b19e3779f9);
    mixed ^= mixed >> 32;
    return mixed * 0xd6e8feb86659fd93;
  }
};

// False when `name` is empty or too long to be any row's.
bool Pack(std::string_view name, const Command* container, PackedName* packed) {
  const size_t length = name.size();
  if (length == 0 || length > PackedName::kMaxLength) return false;
  packed->place = length | (container == nullptr ? 0 : (container->id + uint64_t{1}) << 32);
  packed->head = ToLower(LoadWord(name.data(), std::min<size_t>(length, 8)));
  if (length > 8) {
    packed->middle = ToLower(LoadWord(name.data() + 8, std::min<size_t>(length - 8, 8)));
  }
  if (length > 16) packed->tail = ToLower(LoadWord(name.data() + 16, length - 16));
  return true;
}

class Table {
 public:
  static const Table& Instance() {
    static const Table* const table = new Table;
    return *table;
  }

  const Command* Find(std::string_view name, const Command* container) const {
    PackedName packed;
    if (!Pack(name, container, &packed)) return nullptr;
    for (size_t slot = packed.Hash() >> kHashShift;; slot = (slot + 1) % kSlots) {
      const uint16_t entry = slots_[slot];
      if (entry == 0) return nullptr;
      if (names_[entry - 1] == packed) return &commands_[entry - 1];
    }
  }

  const std::vector<Command>& commands() const { return commands_; }
  std::span<const Command* const> top_level() const { return top_level_; }

 private:
  static constexpr int kHashShift = 64 - 11;
  static constexpr size_t kSlots = size_t{1} << 11;

  Table() {
    size_t count = 0;
    for (const auto* rows : kAllRows) {
      for (const Spec& row : *rows) count += 1 + row.subcommands.size();
    }
    CHECK_LE(count * 4, kSlots * 3) << "the hash table of commands is too full";
    commands_.reserve(count);  // pointers into it are handed out from here on
    names_.reserve(count);
    for (const auto* rows : kAllRows) {
      for (const Spec& row : *rows) {
        Command* command = Add(row, nullptr);
        top_level_.push_back(command);
        for (const Spec& subcommand : row.subcommands) {
          command->subcommands.push_back(Add(subcommand, command));
        }
      }
    }
  }

  Command* Add(const Spec& row, const Command* container) {
    const auto id = static_cast<CommandId>(commands_.size());
    Command& command = commands_.emplace_back();
    command.spec = &row;
    command.container = container;
    command.id = id;
    if (container != nullptr) command.full_name = container->full_name + "|";
    command.full_name += row.name;

    PackedName packed;
    CHECK(Pack(row.name, container, &packed)) << "too long a name: " << command.full_name;
    names_.push_back(packed);
    size_t slot = packed.Hash() >> kHashShift;
    while (slots_[slot] != 0) slot = (slot + 1) % kSlots;
    slots_[slot] = static_cast<uint16_t>(id + 1);
    return &command;
  }

  std::vector<Command> commands_;            // by id
  std::vector<PackedName> names_;            // by id
  std::array<uint16_t, kSlots> slots_ = {};  // id + 1; 0: empty
  std::vector<const Command*> top_level_;
};

// `text` up to its first NUL and at most `limit` bytes: how Redis prints an argument.
std::string_view Printed(std::string_view text, size_t limit) {
  return text.substr(0, std::min(text.find('\0'), limit));
}

std::string UpperCase(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

}  // namespace

size_t CommandCount() {
  return Table::Instance().commands().size();
}

const Command& CommandById(CommandId id) {
  const std::vector<Command>& commands = Table::Instance().commands();
  CHECK_LT(id, commands.size());
  return commands[id];
}

std::span<const Command* const> TopLevelCommands() {
  return Table::Instance().top_level();
}

const Command* FindCommand(std::string_view name) {
  return Table::Instance().Find(name, nullptr);
}

const Command* FindByFullName(std::string_view full_name) {
  const size_t bar = full_name.find('|');
  const Command* command = FindCommand(full_name.substr(0, bar));
  if (command == nullptr || bar == std::string_view::npos) return command;
  return Table::Instance().Find(full_name.substr(bar + 1), command);
}

Lookup LookupCommand(std::span<const std::string_view> arguments,
                     const std::function<bool(const Command&)>* available) {
  const Table& table = Table::Instance();
  const auto hidden = [available](const Command& command) {
    return available != nullptr && *available && !(*available)(command);
  };
  const Command* command = table.Find(arguments[0], nullptr);
  if (command == nullptr || hidden(*command)) return {};
  if (!command->subcommands.empty() && arguments.size() > 1) {
    const Command* subcommand = table.Find(arguments[1], command);
    if (subcommand == nullptr || hidden(*subcommand)) {
      return {Lookup::Status::kUnknownSubcommand, command};
    }
    command = subcommand;
  }
  const auto given = static_cast<int64_t>(arguments.size());
  const int arity = command->spec->arity;
  if (arity > 0 ? given != arity : given < -arity) return {Lookup::Status::kWrongArity, command};
  return {Lookup::Status::kFound, command};
}

std::string LookupError(const Lookup& lookup, std::span<const std::string_view> arguments) {
  constexpr size_t kPrintedBytes = 128;
  std::string text;
  switch (lookup.status) {
    case Lookup::Status::kFound:
      return text;
    case Lookup::Status::kWrongArity:
      return "ERR wrong number of arguments for '" + lookup.command->full_name + "' command";
    case Lookup::Status::kUnknownSubcommand:
      text = "ERR unknown subcommand '";
      text += Printed(arguments[1], kPrintedBytes);
      text += "'. Try " + UpperCase(Printed(arguments[0], kPrintedBytes)) + " HELP.";
      break;
    case Lookup::Status::kUnknownCommand: {
      text = "ERR unknown command '";
      text += Printed(arguments[0], kPrintedBytes);
      text += "', with args beginning with: ";
      std::string rest;
      for (size_t i = 1; i < arguments.size() && rest.size() < kPrintedBytes; ++i) {
        const size_t room = kPrintedBytes - rest.size();
        rest += '\'';
        rest += Printed(arguments[i], room);
        rest += "' ";
      }
      text += rest;
      break;
    }
  }
  for (char& c : text) {
    if (c == '\r' || c == '\n') c = ' ';
  }
  return text;
}

Status ValidateTable() {
  const auto fail = [](const Command& command, std::string_view rule) {
    return Error{"command table, row '" + command.full_name + "': " + std::string(rule)};
  };
  for (const Command& command : Table::Instance().commands()) {
    const Spec& row = *command.spec;
    if (std::string_view rule = RuleBrokenWithin(row, command.container != nullptr);
        !rule.empty()) {
      return fail(command, rule);
    }
    // A second row of the same name is never found.
    if (FindByFullName(command.full_name) != &command)
      return fail(command, "the name is not unique");
    if (command.container != nullptr && row.group != command.container->spec->group) {
      return fail(command, "a subcommand belongs to the group of its container");
    }
    for (std::string_view tip : row.tips) {
      if (tip.find("_policy:") != std::string_view::npos) {
        return fail(command, "the policies have columns of their own");
      }
    }
  }
  return {};
}

}  // namespace keyway::command
