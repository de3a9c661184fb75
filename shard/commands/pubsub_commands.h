// SUBSCRIBE and its relatives, PUBLISH, SPUBLISH, PUBSUB.
#pragma once

#include "shard/server/handler_table.h"

namespace keyway::shard::commands {

void RegisterPubSub(HandlerTable& handlers);

}  // namespace keyway::shard::commands
