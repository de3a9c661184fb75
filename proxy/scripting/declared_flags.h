// What a call of a script counts as: an author who declares flags in its first line ("#!lua
// flags=no-writes") says more than the row of EVAL.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "common/command/table.h"
#include "proxy/scripting/script_cache.h"

namespace keyway::proxy::scripting {

// The command::Flag of `command` with `arguments`, the command's name the first. EVALSHA of a
// script that is not in `cache`, and a function, count as their row.
uint32_t FlagsOfCall(const command::Command& command, std::span<const std::string_view> arguments,
                     ScriptCache& cache);

}  // namespace keyway::proxy::scripting
