// MULTI, EXEC, DISCARD, WATCH, UNWATCH, and WAIT. Needs a server: Services::transactions and
// Services::blocking.
#pragma once

#include "shard/server/handler_table.h"

namespace keyway::shard::commands {

void RegisterTransactions(HandlerTable& handlers);

}  // namespace keyway::shard::commands
