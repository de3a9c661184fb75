#include "shard/types/geo.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <optional>
#include <span>

#include "shard/types/partial_sort.h"

namespace keyway::shard::types {
namespace {

constexpr int kMaxStep = 26;
constexpr double kEarthRadius = 6372797.560856;  // metres
constexpr double kHalfEquator = 20037726.37;     // metres
constexpr double kRadian = std::numbers::pi / 180.0;

double ToRadians(double degrees) {
  return degrees * kRadian;
}

double ToDegrees(double radians) {
  return radians / kRadian;
}

// A cell of a grid with 2^step cells in both directions.
struct Cell {
  uint32_t x = 0;
  uint32_t y = 0;
  int step = 0;

  bool operator==(const Cell&) const = default;
};

// The limits of a cell, degrees.
struct Bounds {
  double west = 0;
  double south = 0;
  double east = 0;
  double north = 0;
};

// The bits of x at the even places of the result.
uint64_t Spread(uint32_t x) {
  uint64_t bits = x;
  bits = (bits | (bits << 16)) & 0x0000ffff0000ffff;
  bits = (bits | (bits << 8)) & 0x00ff00ff00ff00ff;
  bits = (bits | (bits << 4)) & 0x0f0f0f0f0f0f0f0f;
  bits = (bits | (bits << 2)) & 0x3333333333333333;
  return (bits | (bits << 1)) & 0x5555555555555555;
}

uint32_t Gather(uint64_t bits) {
  bits &= 0x5555555555555555;
  bits = (bits | (bits >> 1)) & 0x3333333333333333;
  bits = (bits | (bits >> 2)) & 0x0f0f0f0f0f0f0f0f;
  bits = (bits | (bits >> 4)) & 0x00ff00ff00ff00ff;
  bits = (bits | (bits >> 8)) & 0x0000ffff0000ffff;
  return static_cast<uint32_t>(bits | (bits >> 16));
}

uint64_t BitsOf(const Cell& cell) {
  return Spread(cell.y) | Spread(cell.x) << 1;
}

uint32_t PartOf(double degrees, double limit, int step) {
  const double offset = (degrees + limit) / (limit + limit);
  return static_cast<uint32_t>(offset * static_cast<double>(uint64_t{1} << step));
}

Cell CellOf(const GeoPoint& point, double max_latitude, int step) {
  return {PartOf(point.longitude, kMaxLongitude, step), PartOf(point.latitude, max_latitude, step),
          step};
}

double LimitOf(uint64_t part, double limit, int step) {
  const double parts = static_cast<double>(uint64_t{1} << step);
  return -limit + static_cast<double>(part) / parts * (limit + limit);
}

Bounds BoundsOf(const Cell& cell) {
  return {.west = LimitOf(cell.x, kMaxLongitude, cell.step),
          .south = LimitOf(cell.y, kMaxLatitude, cell.step),
          .east = LimitOf(uint64_t{cell.x} + 1, kMaxLongitude, cell.step),
          .north = LimitOf(uint64_t{cell.y} + 1, kMaxLatitude, cell.step)};
}

// Over the edge of the map it goes on at the other one.
Cell Neighbor(const Cell& cell, int dx, int dy) {
  const auto moved = [&](uint32_t part, int by) {
    // The edge itself, 180 degrees east, has a number of its own as long as one stays there.
    if (by == 0) return part;
    return (part + static_cast<uint32_t>(by)) & ((uint32_t{1} << cell.step) - 1);
  };
  return {moved(cell.x, dx), moved(cell.y, dy), cell.step};
}

// The bits of a score that may be no geohash at all: as an x86-64 converts it.
uint64_t BitsOfScore(double score) {
  constexpr double kTwoTo63 = 9223372036854775808.0;
  constexpr uint64_t kTop = uint64_t{1} << 63;
  if (score >= 2 * kTwoTo63) return 0;
  if (score >= kTwoTo63) return static_cast<uint64_t>(score - kTwoTo63) | kTop;
  if (score < -kTwoTo63) return kTop;
  return static_cast<uint64_t>(static_cast<int64_t>(score));
}

double LatitudeDistance(double a, double b) {
  return kEarthRadius * std::fabs(ToRadians(b) - ToRadians(a));
}

// --- What a search covers.

// Within these all of the shape lies.
Bounds BoundsOf(const GeoShape& shape) {
  const bool is_circle = shape.kind == GeoShape::Kind::kCircle;
  const double height = shape.unit * (is_circle ? shape.radius : shape.height / 2);
  const double width = shape.unit * (is_circle ? shape.radius : shape.width / 2);
  const auto [longitude, latitude] = shape.center;
  const double latitude_delta = ToDegrees(height / kEarthRadius);
  const double edge = latitude < 0 ? latitude - latitude_delta : latitude + latitude_delta;
  const double longitude_delta = ToDegrees(width / kEarthRadius / std::cos(ToRadians(edge)));
  return {.west = longitude - longitude_delta,
          .south = latitude - latitude_delta,
          .east = longitude + longitude_delta,
          .north = latitude + latitude_delta};
}

// The grid in which nine cells cover a circle, but for what CellsToSearch corrects.
int StepForRadius(double metres, double latitude) {
  if (metres == 0) return kMaxStep;
  int step = 1;
  while (metres < kHalfEquator) {
    metres *= 2;
    ++step;
  }
  // So that the circle is covered in most cases.
  step -= 2;
  // Cells become narrower towards the poles.
  constexpr double kFarFromEquator = 66;
  constexpr double kNearPole = 80;
  if (std::fabs(latitude) > kFarFromEquator) --step;
  if (std::fabs(latitude) > kNearPole) --step;
  return std::clamp(step, 1, kMaxStep);
}

bool Covers(const Cell& cell, const Bounds& bounds) {
  return BoundsOf(Neighbor(cell, 0, 1)).north >= bounds.north &&
         BoundsOf(Neighbor(cell, 0, -1)).south <= bounds.south &&
         BoundsOf(Neighbor(cell, 1, 0)).east >= bounds.east &&
         BoundsOf(Neighbor(cell, -1, 0)).west <= bounds.west;
}

// In the order in which they are looked at; some may be left out.
using Cells = std::array<std::optional<Cell>, 9>;

Cells CellsToSearch(const GeoShape& shape) {
  const Bounds bounds = BoundsOf(shape);
  const double radius = shape.kind == GeoShape::Kind::kCircle
                            ? shape.radius
                            : std::sqrt((shape.width / 2) * (shape.width / 2) +
                                        (shape.height / 2) * (shape.height / 2));
  int step = StepForRadius(radius * shape.unit, shape.center.latitude);
  Cell center = CellOf(shape.center, kMaxLatitude, step);
  if (step > 1 && !Covers(center, bounds)) {
    --step;
    center = CellOf(shape.center, kMaxLatitude, step);
  }
  bool north = true;
  bool south = true;
  bool east = true;
  bool west = true;
  // In a coarser grid both neighbours may be one.
  if (step >= 2) {
    const Bounds inner = BoundsOf(center);
    south = inner.south >= bounds.south;
    north = inner.north <= bounds.north;
    west = inner.west >= bounds.west;
    east = inner.east <= bounds.east;
  }
  const auto neighbor = [&](bool wanted, int dx, int dy) {
    return wanted ? std::optional(Neighbor(center, dx, dy)) : std::nullopt;
  };
  return {center,
          neighbor(north, 0, 1),
          neighbor(south, 0, -1),
          neighbor(east, 1, 0),
          neighbor(west, -1, 0),
          neighbor(north && east, 1, 1),
          neighbor(north && west, -1, 1),
          neighbor(south && east, 1, -1),
          neighbor(south && west, -1, -1)};
}

// --- Searching.

// *distance: metres from the centre.
bool IsInside(const GeoShape& shape, const GeoPoint& point, double* distance) {
  const GeoPoint& center = shape.center;
  if (shape.kind == GeoShape::Kind::kBox) {
    if (LatitudeDistance(point.latitude, center.latitude) > shape.height * shape.unit / 2) {
      return false;
    }
    const GeoPoint beside{center.longitude, point.latitude};
    if (GeoDistance(point, beside) > shape.width * shape.unit / 2) return false;
  }
  *distance = GeoDistance(center, point);
  return shape.kind == GeoShape::Kind::kBox || !(*distance > shape.radius * shape.unit);
}

ScoreRange ScoresOf(const Cell& cell) {
  const uint64_t bits = BitsOf(cell);
  const int shift = 2 * (kMaxStep - cell.step);
  return {.min = static_cast<double>(bits << shift),
          .max = static_cast<double>((bits + 1) << shift),
          .without_max = true};
}

void SearchCell(const ZsetView& zset, const GeoShape& shape, const Cell& cell, size_t limit,
                std::vector<GeoMatch>* found) {
  zset.ForEach(zset.Span(ScoresOf(cell)), false, [&](const ZsetElement& element) {
    const double score = element.score();
    const GeoPoint point = DecodeGeo(score);
    double distance = 0;
    if (IsInside(shape, point, &distance)) {
      found->push_back({std::string(element.member()), score, distance, point});
    }
    return limit == 0 || found->size() < limit;
  });
}

}  // namespace

bool IsOnMap(const GeoPoint& point) {
  return point.longitude >= -kMaxLongitude && point.longitude <= kMaxLongitude &&
         point.latitude >= -kMaxLatitude && point.latitude <= kMaxLatitude;
}

uint64_t EncodeGeo(const GeoPoint& point) {
  return BitsOf(CellOf(point, kMaxLatitude, kMaxStep));
}

GeoPoint DecodeGeo(double score) {
  const uint64_t bits = BitsOfScore(score);
  const Bounds bounds = BoundsOf(Cell{Gather(bits >> 1), Gather(bits), kMaxStep});
  return {std::clamp((bounds.west + bounds.east) / 2, -kMaxLongitude, kMaxLongitude),
          std::clamp((bounds.south + bounds.north) / 2, -kMaxLatitude, kMaxLatitude)};
}

void FormatGeohash(double score, char* out) {
  constexpr std::string_view kAlphabet = "0123456789bcdefghjkmnpqrstuvwxyz";
  constexpr double kStandardLatitude = 90;
  constexpr int kBitsOfCharacter = 5;
  const uint64_t bits = BitsOf(CellOf(DecodeGeo(score), kStandardLatitude, kMaxStep));
  for (size_t i = 0; i + 1 < kGeohashLength; ++i) {
    const int shift = 2 * kMaxStep - kBitsOfCharacter * (static_cast<int>(i) + 1);
    out[i] = kAlphabet[(bits >> shift) & (kAlphabet.size() - 1)];
  }
  out[kGeohashLength - 1] = kAlphabet[0];
}

double GeoDistance(const GeoPoint& a, const GeoPoint& b) {
  const double v = std::sin((ToRadians(b.longitude) - ToRadians(a.longitude)) / 2);
  if (v == 0) return LatitudeDistance(a.latitude, b.latitude);
  const double latitude_a = ToRadians(a.latitude);
  const double latitude_b = ToRadians(b.latitude);
  const double u = std::sin((latitude_b - latitude_a) / 2);
  const double haversine = u * u + std::cos(latitude_a) * std::cos(latitude_b) * v * v;
  return 2.0 * kEarthRadius * std::asin(std::sqrt(haversine));
}

std::vector<GeoMatch> SearchGeo(const ZsetView& zset, const GeoShape& shape, size_t limit) {
  std::vector<GeoMatch> found;
  const Cells cells = CellsToSearch(shape);
  // Near the edges of a coarse grid neighbours can be one cell. As in Redis, only one that is the
  // same as the last one, and not that in the centre, is left out.
  size_t last = 0;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (!cells[i].has_value() || (last != 0 && cells[i] == cells[last])) continue;
    if (limit != 0 && found.size() >= limit) break;
    SearchCell(zset, shape, *cells[i], limit, &found);
    last = i;
  }
  return found;
}

void SortGeo(std::vector<GeoMatch>* matches, GeoOrder order, size_t count) {
  count = std::min(count, matches->size());
  if (order != GeoOrder::kNone && count != 0) {
    const auto compare = [order](const GeoMatch& a, const GeoMatch& b) {
      const int nearest = a.distance > b.distance ? 1 : a.distance == b.distance ? 0 : -1;
      return order == GeoOrder::kNearest ? nearest : -nearest;
    };
    if (count == matches->size()) {
      std::stable_sort(matches->begin(), matches->end(),
                       [&](const GeoMatch& a, const GeoMatch& b) { return compare(a, b) < 0; });
    } else {
      PartialSort(std::span<GeoMatch>(*matches), 0, count - 1, compare).Run();
    }
  }
  matches->resize(count);
}

}  // namespace keyway::shard::types
