// The geospatial commands.
#include "common/command/table/rows.h"

namespace keyway::command {
namespace {

using namespace rows;  // NOLINT(google-build-using-namespace)

constexpr HistoryEntry kGeoaddHistory[] = {
    {"6.2.0", "Added the `CH`, `NX` and `XX` options."},
};

constexpr Argument kGeoaddCondition[] = {
    {.name = "nx", .type = kPureToken, .token = "NX"},
    {.name = "xx", .type = kPureToken, .token = "XX"},
};

constexpr Argument kGeoaddLongitudeLatitudeMember[] = {
    {.name = "longitude", .type = kDouble},
    {.name = "latitude", .type = kDouble},
    {.name = "member"},
};

constexpr Argument kGeoaddArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "condition",
     .type = kOneOf,
     .since = "6.2.0",
     .flags = kOptional,
     .arguments = kGeoaddCondition},
    {.name = "change", .type = kPureToken, .token = "CH", .since = "6.2.0", .flags = kOptional},
    {.name = "longitude_latitude_member",
     .type = kBlock,
     .flags = kMultiple,
     .arguments = kGeoaddLongitudeLatitudeMember},
};

constexpr Argument kGeodistUnit[] = {
    {.name = "m", .type = kPureToken, .token = "M"},
    {.name = "km", .type = kPureToken, .token = "KM"},
    {.name = "ft", .type = kPureToken, .token = "FT"},
    {.name = "mi", .type = kPureToken, .token = "MI"},
};

constexpr Argument kGeodistArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "member1"},
    {.name = "member2"},
    {.name = "unit", .type = kOneOf, .flags = kOptional, .arguments = kGeodistUnit},
};

constexpr Argument kGeohashArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "member", .flags = kMultiple},
};

constexpr Argument kGeoposArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "member", .flags = kMultiple},
};

constexpr KeySpec kGeoradiusKeys[] = {
    {.flags = kKeyRO | kKeyAccess, .index = 1},
    {.flags = kKeyOW | kKeyUpdate,
     .begin = KeySpec::Begin::kKeyword,
     .keyword = "STORE",
     .start_from = 6},
    {.flags = kKeyOW | kKeyUpdate,
     .begin = KeySpec::Begin::kKeyword,
     .keyword = "STOREDIST",
     .start_from = 6},
};

constexpr HistoryEntry kGeoradiusHistory[] = {
    {"6.2.0", "Added the `ANY` option for `COUNT`."},
    {"7.0.0", "Added support for uppercase unit names."},
};

constexpr Argument kGeoradiusUnit[] = {
    {.name = "m", .type = kPureToken, .token = "M"},
    {.name = "km", .type = kPureToken, .token = "KM"},
    {.name = "ft", .type = kPureToken, .token = "FT"},
    {.name = "mi", .type = kPureToken, .token = "MI"},
};

constexpr Argument kGeoradiusCount[] = {
    {.name = "count", .type = kInteger, .token = "COUNT"},
    {.name = "any", .type = kPureToken, .token = "ANY", .since = "6.2.0", .flags = kOptional},
};

constexpr Argument kGeoradiusOrder[] = {
    {.name = "asc", .type = kPureToken, .token = "ASC"},
    {.name = "desc", .type = kPureToken, .token = "DESC"},
};

constexpr Argument kGeoradiusArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "longitude", .type = kDouble},
    {.name = "latitude", .type = kDouble},
    {.name = "radius", .type = kDouble},
    {.name = "unit", .type = kOneOf, .arguments = kGeoradiusUnit},
    {.name = "withcoord", .type = kPureToken, .token = "WITHCOORD", .flags = kOptional},
    {.name = "withdist", .type = kPureToken, .token = "WITHDIST", .flags = kOptional},
    {.name = "withhash", .type = kPureToken, .token = "WITHHASH", .flags = kOptional},
    {.name = "count", .type = kBlock, .flags = kOptional, .arguments = kGeoradiusCount},
    {.name = "order", .type = kOneOf, .flags = kOptional, .arguments = kGeoradiusOrder},
    {.name = "key", .type = kKey, .key_spec_index = 1, .token = "STORE", .flags = kOptional},
    {.name = "key", .type = kKey, .key_spec_index = 2, .token = "STOREDIST", .flags = kOptional},
};

constexpr HistoryEntry kGeoradiusRoHistory[] = {
    {"6.2.0", "Added the `ANY` option for `COUNT`."},
};

constexpr Argument kGeoradiusRoUnit[] = {
    {.name = "m", .type = kPureToken, .token = "M"},
    {.name = "km", .type = kPureToken, .token = "KM"},
    {.name = "ft", .type = kPureToken, .token = "FT"},
    {.name = "mi", .type = kPureToken, .token = "MI"},
};

constexpr Argument kGeoradiusRoCount[] = {
    {.name = "count", .type = kInteger, .token = "COUNT"},
    {.name = "any", .type = kPureToken, .token = "ANY", .since = "6.2.0", .flags = kOptional},
};

constexpr Argument kGeoradiusRoOrder[] = {
    {.name = "asc", .type = kPureToken, .token = "ASC"},
    {.name = "desc", .type = kPureToken, .token = "DESC"},
};

constexpr Argument kGeoradiusRoArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "longitude", .type = kDouble},
    {.name = "latitude", .type = kDouble},
    {.name = "radius", .type = kDouble},
    {.name = "unit", .type = kOneOf, .arguments = kGeoradiusRoUnit},
    {.name = "withcoord", .type = kPureToken, .token = "WITHCOORD", .flags = kOptional},
    {.name = "withdist", .type = kPureToken, .token = "WITHDIST", .flags = kOptional},
    {.name = "withhash", .type = kPureToken, .token = "WITHHASH", .flags = kOptional},
    {.name = "count", .type = kBlock, .flags = kOptional, .arguments = kGeoradiusRoCount},
    {.name = "order", .type = kOneOf, .flags = kOptional, .arguments = kGeoradiusRoOrder},
};

constexpr KeySpec kGeoradiusbymemberKeys[] = {
    {.flags = kKeyRO | kKeyAccess, .index = 1},
    {.flags = kKeyOW | kKeyUpdate,
     .begin = KeySpec::Begin::kKeyword,
     .keyword = "STORE",
     .start_from = 5},
    {.flags = kKeyOW | kKeyUpdate,
     .begin = KeySpec::Begin::kKeyword,
     .keyword = "STOREDIST",
     .start_from = 5},
};

constexpr HistoryEntry kGeoradiusbymemberHistory[] = {
    {"7.0.0", "Added support for uppercase unit names."},
};

constexpr Argument kGeoradiusbymemberUnit[] = {
    {.name = "m", .type = kPureToken, .token = "M"},
    {.name = "km", .type = kPureToken, .token = "KM"},
    {.name = "ft", .type = kPureToken, .token = "FT"},
    {.name = "mi", .type = kPureToken, .token = "MI"},
};

constexpr Argument kGeoradiusbymemberCount[] = {
    {.name = "count", .type = kInteger, .token = "COUNT"},
    {.name = "any", .type = kPureToken, .token = "ANY", .flags = kOptional},
};

constexpr Argument kGeoradiusbymemberOrder[] = {
    {.name = "asc", .type = kPureToken, .token = "ASC"},
    {.name = "desc", .type = kPureToken, .token = "DESC"},
};

constexpr Argument kGeoradiusbymemberArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "member"},
    {.name = "radius", .type = kDouble},
    {.name = "unit", .type = kOneOf, .arguments = kGeoradiusbymemberUnit},
    {.name = "withcoord", .type = kPureToken, .token = "WITHCOORD", .flags = kOptional},
    {.name = "withdist", .type = kPureToken, .token = "WITHDIST", .flags = kOptional},
    {.name = "withhash", .type = kPureToken, .token = "WITHHASH", .flags = kOptional},
    {.name = "count", .type = kBlock, .flags = kOptional, .arguments = kGeoradiusbymemberCount},
    {.name = "order", .type = kOneOf, .flags = kOptional, .arguments = kGeoradiusbymemberOrder},
    {.name = "key", .type = kKey, .key_spec_index = 1, .token = "STORE", .flags = kOptional},
    {.name = "key", .type = kKey, .key_spec_index = 2, .token = "STOREDIST", .flags = kOptional},
};

constexpr Argument kGeoradiusbymemberRoUnit[] = {
    {.name = "m", .type = kPureToken, .token = "M"},
    {.name = "km", .type = kPureToken, .token = "KM"},
    {.name = "ft", .type = kPureToken, .token = "FT"},
    {.name = "mi", .type = kPureToken, .token = "MI"},
};

constexpr Argument kGeoradiusbymemberRoCount[] = {
    {.name = "count", .type = kInteger, .token = "COUNT"},
    {.name = "any", .type = kPureToken, .token = "ANY", .flags = kOptional},
};

constexpr Argument kGeoradiusbymemberRoOrder[] = {
    {.name = "asc", .type = kPureToken, .token = "ASC"},
    {.name = "desc", .type = kPureToken, .token = "DESC"},
};

constexpr Argument kGeoradiusbymemberRoArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "member"},
    {.name = "radius", .type = kDouble},
    {.name = "unit", .type = kOneOf, .arguments = kGeoradiusbymemberRoUnit},
    {.name = "withcoord", .type = kPureToken, .token = "WITHCOORD", .flags = kOptional},
    {.name = "withdist", .type = kPureToken, .token = "WITHDIST", .flags = kOptional},
    {.name = "withhash", .type = kPureToken, .token = "WITHHASH", .flags = kOptional},
    {.name = "count", .type = kBlock, .flags = kOptional, .arguments = kGeoradiusbymemberRoCount},
    {.name = "order", .type = kOneOf, .flags = kOptional, .arguments = kGeoradiusbymemberRoOrder},
};

constexpr HistoryEntry kGeosearchHistory[] = {
    {"7.0.0", "Added support for uppercase unit names."},
};

constexpr Argument kGeosearchFromLongitudeLatitude[] = {
    {.name = "longitude", .type = kDouble},
    {.name = "latitude", .type = kDouble},
};

constexpr Argument kGeosearchFrom[] = {
    {.name = "member", .token = "FROMMEMBER"},
    {.name = "longitude_latitude",
     .type = kBlock,
     .token = "FROMLONLAT",
     .arguments = kGeosearchFromLongitudeLatitude},
};

constexpr Argument kGeosearchByCircleUnit[] = {
    {.name = "m", .type = kPureToken, .token = "M"},
    {.name = "km", .type = kPureToken, .token = "KM"},
    {.name = "ft", .type = kPureToken, .token = "FT"},
    {.name = "mi", .type = kPureToken, .token = "MI"},
};

constexpr Argument kGeosearchByCircle[] = {
    {.name = "radius", .type = kDouble, .token = "BYRADIUS"},
    {.name = "unit", .type = kOneOf, .arguments = kGeosearchByCircleUnit},
};

constexpr Argument kGeosearchByBox[] = {
    {.name = "width", .type = kDouble, .token = "BYBOX"},
    {.name = "height", .type = kDouble},
    {.name = "unit", .type = kOneOf, .arguments = kGeosearchByCircleUnit},
};

constexpr Argument kGeosearchBy[] = {
    {.name = "circle", .type = kBlock, .arguments = kGeosearchByCircle},
    {.name = "box", .type = kBlock, .arguments = kGeosearchByBox},
};

constexpr Argument kGeosearchOrder[] = {
    {.name = "asc", .type = kPureToken, .token = "ASC"},
    {.name = "desc", .type = kPureToken, .token = "DESC"},
};

constexpr Argument kGeosearchCount[] = {
    {.name = "count", .type = kInteger, .token = "COUNT"},
    {.name = "any", .type = kPureToken, .token = "ANY", .flags = kOptional},
};

constexpr Argument kGeosearchArguments[] = {
    {.name = "key", .type = kKey, .key_spec_index = 0},
    {.name = "from", .type = kOneOf, .arguments = kGeosearchFrom},
    {.name = "by", .type = kOneOf, .arguments = kGeosearchBy},
    {.name = "order", .type = kOneOf, .flags = kOptional, .arguments = kGeosearchOrder},
    {.name = "count", .type = kBlock, .flags = kOptional, .arguments = kGeosearchCount},
    {.name = "withcoord", .type = kPureToken, .token = "WITHCOORD", .flags = kOptional},
    {.name = "withdist", .type = kPureToken, .token = "WITHDIST", .flags = kOptional},
    {.name = "withhash", .type = kPureToken, .token = "WITHHASH", .flags = kOptional},
};

constexpr KeySpec kGeosearchstoreKeys[] = {
    {.flags = kKeyOW | kKeyUpdate, .index = 1},
    {.flags = kKeyRO | kKeyAccess, .index = 2},
};

constexpr HistoryEntry kGeosearchstoreHistory[] = {
    {"7.0.0", "Added support for uppercase unit names."},
};

constexpr Argument kGeosearchstoreFromLongitudeLatitude[] = {
    {.name = "longitude", .type = kDouble},
    {.name = "latitude", .type = kDouble},
};

constexpr Argument kGeosearchstoreFrom[] = {
    {.name = "member", .token = "FROMMEMBER"},
    {.name = "longitude_latitude",
     .type = kBlock,
     .token = "FROMLONLAT",
     .arguments = kGeosearchstoreFromLongitudeLatitude},
};

constexpr Argument kGeosearchstoreByCircleUnit[] = {
    {.name = "m", .type = kPureToken, .token = "M"},
    {.name = "km", .type = kPureToken, .token = "KM"},
    {.name = "ft", .type = kPureToken, .token = "FT"},
    {.name = "mi", .type = kPureToken, .token = "MI"},
};

constexpr Argument kGeosearchstoreByCircle[] = {
    {.name = "radius", .type = kDouble, .token = "BYRADIUS"},
    {.name = "unit", .type = kOneOf, .arguments = kGeosearchstoreByCircleUnit},
};

constexpr Argument kGeosearchstoreByBox[] = {
    {.name = "width", .type = kDouble, .token = "BYBOX"},
    {.name = "height", .type = kDouble},
    {.name = "unit", .type = kOneOf, .arguments = kGeosearchstoreByCircleUnit},
};

constexpr Argument kGeosearchstoreBy[] = {
    {.name = "circle", .type = kBlock, .arguments = kGeosearchstoreByCircle},
    {.name = "box", .type = kBlock, .arguments = kGeosearchstoreByBox},
};

constexpr Argument kGeosearchstoreOrder[] = {
    {.name = "asc", .type = kPureToken, .token = "ASC"},
    {.name = "desc", .type = kPureToken, .token = "DESC"},
};

constexpr Argument kGeosearchstoreCount[] = {
    {.name = "count", .type = kInteger, .token = "COUNT"},
    {.name = "any", .type = kPureToken, .token = "ANY", .flags = kOptional},
};

constexpr Argument kGeosearchstoreArguments[] = {
    {.name = "destination", .type = kKey, .key_spec_index = 0},
    {.name = "source", .type = kKey, .key_spec_index = 1},
    {.name = "from", .type = kOneOf, .arguments = kGeosearchstoreFrom},
    {.name = "by", .type = kOneOf, .arguments = kGeosearchstoreBy},
    {.name = "order", .type = kOneOf, .flags = kOptional, .arguments = kGeosearchstoreOrder},
    {.name = "count", .type = kBlock, .flags = kOptional, .arguments = kGeosearchstoreCount},
    {.name = "storedist", .type = kPureToken, .token = "STOREDIST", .flags = kOptional},
};

constexpr Spec kRows[] = {
    {.name = "geoadd",
     .arity = -5,
     .flags = kWrite | kDenyOom,
     .acl = kAclWrite | kAclGeo | kAclSlow,
     .key_specs = kKeys<kKeyRW | kKeyUpdate>,
     .group = "geo",
     .summary =
         "Add one or more geospatial items in the geospatial index represented using a sorted set",
     .since = "3.2.0",
     .complexity =
         "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
     .history = kGeoaddHistory,
     .arguments = kGeoaddArguments},
    {.name = "geodist",
     .arity = -4,
     .flags = kReadonly,
     .acl = kAclRead | kAclGeo | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "geo",
     .summary = "Returns the distance between two members of a geospatial index",
     .since = "3.2.0",
     .complexity = "O(log(N))",
     .arguments = kGeodistArguments},
    {.name = "geohash",
     .arity = -2,
     .flags = kReadonly,
     .acl = kAclRead | kAclGeo | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "geo",
     .summary = "Returns members of a geospatial index as standard geohash strings",
     .since = "3.2.0",
     .complexity = "O(log(N)) for each member requested, where N is the number of elements in the "
                   "sorted set.",
     .arguments = kGeohashArguments},
    {.name = "geopos",
     .arity = -2,
     .flags = kReadonly,
     .acl = kAclRead | kAclGeo | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "geo",
     .summary = "Returns longitude and latitude of members of a geospatial index",
     .since = "3.2.0",
     .complexity = "O(N) where N is the number of members requested.",
     .arguments = kGeoposArguments},
    {.name = "georadius",
     .arity = -6,
     .flags = kWrite | kDenyOom | kMovableKeys,
     .acl = kAclWrite | kAclGeo | kAclSlow,
     .key_specs = kGeoradiusKeys,
     .group = "geo",
     .summary = "Query a sorted set representing a geospatial index to fetch members matching a "
                "given maximum distance from a point",
     .since = "3.2.0",
     .complexity =
         "O(N+log(M)) where N is the number of elements inside the bounding box of the circular "
         "area delimited by center and radius and M is the number of items inside the index.",
     .deprecated_since = "6.2.0",
     .replaced_by = "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument",
     .history = kGeoradiusHistory,
     .arguments = kGeoradiusArguments},
    {.name = "georadius_ro",
     .arity = -6,
     .flags = kReadonly,
     .acl = kAclRead | kAclGeo | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "geo",
     .summary = "A read-only variant for GEORADIUS",
     .since = "3.2.10",
     .complexity =
         "O(N+log(M)) where N is the number of elements inside the bounding box of the circular "
         "area delimited by center and radius and M is the number of items inside the index.",
     .deprecated_since = "6.2.0",
     .replaced_by = "`GEOSEARCH` with the `BYRADIUS` argument",
     .history = kGeoradiusRoHistory,
     .arguments = kGeoradiusRoArguments},
    {.name = "georadiusbymember",
     .arity = -5,
     .flags = kWrite | kDenyOom | kMovableKeys,
     .acl = kAclWrite | kAclGeo | kAclSlow,
     .key_specs = kGeoradiusbymemberKeys,
     .group = "geo",
     .summary = "Query a sorted set representing a geospatial index to fetch members matching a "
                "given maximum distance from a member",
     .since = "3.2.0",
     .complexity =
         "O(N+log(M)) where N is the number of elements inside the bounding box of the circular "
         "area delimited by center and radius and M is the number of items inside the index.",
     .deprecated_since = "6.2.0",
     .replaced_by =
         "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
     .history = kGeoradiusbymemberHistory,
     .arguments = kGeoradiusbymemberArguments},
    {.name = "georadiusbymember_ro",
     .arity = -5,
     .flags = kReadonly,
     .acl = kAclRead | kAclGeo | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "geo",
     .summary = "A read-only variant for GEORADIUSBYMEMBER",
     .since = "3.2.10",
     .complexity =
         "O(N+log(M)) where N is the number of elements inside the bounding box of the circular "
         "area delimited by center and radius and M is the number of items inside the index.",
     .deprecated_since = "6.2.0",
     .replaced_by = "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments",
     .arguments = kGeoradiusbymemberRoArguments},
    {.name = "geosearch",
     .arity = -7,
     .flags = kReadonly,
     .acl = kAclRead | kAclGeo | kAclSlow,
     .key_specs = kKeys<kKeyRO | kKeyAccess>,
     .group = "geo",
     .summary = "Query a sorted set representing a geospatial index to fetch members inside an "
                "area of a box or a circle.",
     .since = "6.2.0",
     .complexity =
         "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area "
         "around the shape provided as the filter and M is the number of items inside the shape",
     .history = kGeosearchHistory,
     .arguments = kGeosearchArguments},
    {.name = "geosearchstore",
     .arity = -8,
     .flags = kWrite | kDenyOom,
     .acl = kAclWrite | kAclGeo | kAclSlow,
     .key_specs = kGeosearchstoreKeys,
     .group = "geo",
     .summary = "Query a sorted set representing a geospatial index to fetch members inside an "
                "area of a box or a circle, and store the result in another key.",
     .since = "6.2.0",
     .complexity =
         "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area "
         "around the shape provided as the filter and M is the number of items inside the shape",
     .history = kGeosearchstoreHistory,
     .arguments = kGeosearchstoreArguments},
};
static_assert(RowsKeepRules<FirstBadRow(kRows)>::value);

}  // namespace

constinit const std::span<const Spec> kGeoRows = kRows;

}  // namespace keyway::command
