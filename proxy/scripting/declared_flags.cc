#include "proxy/scripting/declared_flags.h"

#include "common/script/shebang.h"

namespace keyway::proxy::scripting {

uint32_t FlagsOfCall(const command::Command& command, std::span<const std::string_view> arguments,
                     ScriptCache& cache) {
  const command::Spec& row = *command.spec;
  if (!row.is(command::kRunsScript) || row.arguments.empty()) return row.flags;
  const std::string_view names = row.arguments[0].name;
  const ScriptPtr known = names == "sha1" ? cache.Find(arguments[1]) : nullptr;
  const std::string_view text = names == "script"  ? arguments[1]
                                : known != nullptr ? std::string_view(known->text)
                                                   : std::string_view();
  const auto declaration = script::ReadScriptDeclaration(text);
  return declaration.ok() ? script::CommandFlagsOf(row.flags, declaration->flags) : row.flags;
}

}  // namespace keyway::proxy::scripting
