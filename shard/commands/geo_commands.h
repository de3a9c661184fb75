// The commands about places.
#pragma once

#include "shard/server/handler_table.h"

namespace keyway::shard::commands {

void RegisterGeo(HandlerTable& handlers);
// Its part: the searches.
void RegisterGeoSearch(HandlerTable& handlers);

}  // namespace keyway::shard::commands
