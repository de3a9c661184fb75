// Places on the earth as scores of a sorted set.
//
// A score is a geohash of 52 bits: longitude and latitude (WGS 84, cut at the limits of the Web
// Mercator projection, EPSG:3857) are each divided into 2^26 parts, and the bits of the two numbers
// are interleaved. The first 2 * s bits name a cell of a grid of 2^s * 2^s cells, and the scores of
// the places in a cell are one range.
//
// A search looks into the cell of its centre and the eight around it, in a grid coarse enough that
// they cover what is searched; the order of its result is that of these cells.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shard/types/zset.h"

namespace keyway::shard::types {

struct GeoPoint {
  double longitude = 0;  // degrees, -180 to 180
  double latitude = 0;   // degrees, -kMaxLatitude to kMaxLatitude
};

inline constexpr double kMaxLongitude = 180;
inline constexpr double kMaxLatitude = 85.05112878;

bool IsOnMap(const GeoPoint& point);
// The score; `point` must be on the map.
uint64_t EncodeGeo(const GeoPoint& point);
// The middle of the smallest cell. Any score will do.
GeoPoint DecodeGeo(double score);
// The standard geohash (latitudes from -90 to 90), of which the score gives the first 10
// characters; the last one is always "0". Writes kGeohashLength characters.
inline constexpr size_t kGeohashLength = 11;
void FormatGeohash(double score, char* out);
// Metres, on a sphere (haversine).
double GeoDistance(const GeoPoint& a, const GeoPoint& b);

struct GeoShape {
  enum class Kind : uint8_t { kCircle, kBox };
  Kind kind = Kind::kCircle;
  GeoPoint center;
  double unit = 1;    // of what follows, in metres
  double radius = 0;  // of a circle
  double width = 0;   // of a box
  double height = 0;
};

struct GeoMatch {
  std::string member;
  double score = 0;
  double distance = 0;  // from the centre, metres
  GeoPoint point;
};

enum class GeoOrder : uint8_t { kNone, kNearest, kFarthest };

// All places inside of the shape; with `limit` that is not 0, the first so many found.
std::vector<GeoMatch> SearchGeo(const ZsetView& zset, const GeoShape& shape, size_t limit);
// Sorts so that the first `count` are right, and drops the others.
void SortGeo(std::vector<GeoMatch>* matches, GeoOrder order, size_t count);

}  // namespace keyway::shard::types
