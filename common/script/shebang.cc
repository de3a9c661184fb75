#include "common/script/shebang.h"

#include <optional>
#include <utility>

#include "common/command/table.h"
#include "common/config/split_words.h"

namespace keyway::script {
namespace {

constexpr std::string_view kFlagsOption = "flags=";

struct FlagName {
  std::string_view name;
  ScriptFlag flag;
};
constexpr FlagName kFlags[] = {
    {"no-writes", kScriptNoWrites},
    {"allow-oom", kScriptAllowOom},
    {"allow-stale", kScriptAllowStale},
    {"no-cluster", kScriptNoCluster},
    {"allow-cross-slot-keys", kScriptAllowCrossSlotKeys},
};

// As Redis sees a word: up to the first NUL.
std::string_view Text(std::string_view word) {
  return word.substr(0, word.find('\0'));
}

// "no-writes,allow-oom".
Expected<uint32_t> ReadFlags(std::string_view list) {
  uint32_t flags = 0;
  while (!list.empty()) {
    const size_t comma = list.find(',');
    const std::string_view name = list.substr(0, comma);
    const uint32_t flag = ScriptFlagByName(name);
    if (flag == 0) {
      return Error{"ERR Unexpected flag in script shebang: " + std::string(Text(name))};
    }
    flags |= flag;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
    if (list.empty()) return Error{"ERR Unexpected flag in script shebang: "};
  }
  return flags;
}

}  // namespace

uint32_t ScriptFlagByName(std::string_view name) {
  for (const FlagName& known : kFlags) {
    if (known.name == name) return known.flag;
  }
  return 0;
}

uint32_t CommandFlagsOf(uint32_t command_flags, uint32_t script_flags) {
  if ((script_flags & kScriptEvalCompat) != 0) return command_flags;
  uint32_t flags = command_flags & ~(command::kStale | command::kDenyOom | command::kWrite |
                                     command::kMayReplicate);
  if ((script_flags & (kScriptAllowOom | kScriptNoWrites)) == 0) flags |= command::kDenyOom;
  if ((script_flags & kScriptNoWrites) == 0) flags |= command::kWrite;
  if ((script_flags & kScriptAllowStale) != 0) flags |= command::kStale;
  return flags;
}

Shebang ReadShebang(std::string_view code) {
  Shebang shebang;
  shebang.body = code;
  if (!code.starts_with("#!")) return shebang;
  const size_t end = code.find_first_of(std::string_view("\n\0", 2));
  if (end == std::string_view::npos || code[end] != '\n') {
    shebang.status = Shebang::Status::kEndless;
    return shebang;
  }
  std::optional<std::vector<std::string>> words = config::SplitWords(code.substr(0, end));
  if (!words || words->empty()) {
    shebang.status = Shebang::Status::kMalformed;
    return shebang;
  }
  shebang.status = Shebang::Status::kOk;
  shebang.words = std::move(*words);
  shebang.body = code.substr(end);
  return shebang;
}

Expected<ScriptDeclaration> ReadScriptDeclaration(std::string_view code) {
  const Shebang shebang = ReadShebang(code);
  switch (shebang.status) {
    case Shebang::Status::kNone:
      return ScriptDeclaration{kScriptEvalCompat, code};
    case Shebang::Status::kEndless:
      return Error{"ERR Invalid script shebang"};
    case Shebang::Status::kMalformed:
      return Error{"ERR Invalid engine in script shebang"};
    case Shebang::Status::kOk:
      break;
  }
  if (Text(shebang.words[0]) != "#!lua") {
    return Error{"ERR Unexpected engine in script shebang: " + std::string(Text(shebang.words[0]))};
  }
  ScriptDeclaration declaration{0, shebang.body};
  for (size_t i = 1; i < shebang.words.size(); ++i) {
    const std::string_view word = shebang.words[i];
    if (!word.starts_with(kFlagsOption)) {
      return Error{"ERR Unknown lua shebang option: " + std::string(Text(word))};
    }
    const Expected<uint32_t> flags = ReadFlags(word.substr(kFlagsOption.size()));
    if (!flags.ok()) return flags.error();
    declaration.flags |= flags.value();
  }
  return declaration;
}

}  // namespace keyway::script
