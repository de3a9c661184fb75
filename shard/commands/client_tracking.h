// CLIENT TRACKING, CACHING, GETREDIR, TRACKINGINFO, and MONITOR.
#pragma once

#include "shard/server/handler_table.h"

namespace keyway::shard::commands {

void RegisterClientTracking(HandlerTable& handlers);

}  // namespace keyway::shard::commands
