// SORT and SORT_RO.
#pragma once

#include "shard/server/handler_table.h"

namespace keyway::shard::commands {

void RegisterSort(HandlerTable& handlers);

}  // namespace keyway::shard::commands
