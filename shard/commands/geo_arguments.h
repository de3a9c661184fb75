// What the commands about places have in common. A function that returns false has written the
// error reply.
#pragma once

#include <string_view>

#include "shard/server/command_context.h"
#include "shard/types/geo.h"

namespace keyway::shard::commands {

bool ReadGeoPoint(CommandContext& context, std::string_view longitude, std::string_view latitude,
                  types::GeoPoint* point);
// *metres: of "m", "km", "ft" or "mi".
bool ReadGeoUnit(CommandContext& context, std::string_view unit, double* metres);
// An array of two.
void ReplyGeoPoint(CommandContext& context, const types::GeoPoint& point);
// With four digits behind the point.
void ReplyGeoDistance(CommandContext& context, double distance);

}  // namespace keyway::shard::commands
