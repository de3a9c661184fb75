// The order of strings in the language of the process's environment, as SORT ... ALPHA has it.
#pragma once

#include <string_view>

namespace keyway::shard::types {

// Less than, equal to or greater than 0 as `first` comes before, with or after `second` in the
// LC_COLLATE that the environment named when the process started ("C" if that is not there). A zero
// byte ends a string, as for strcoll.
int Collate(std::string_view first, std::string_view second);

}  // namespace keyway::shard::types
