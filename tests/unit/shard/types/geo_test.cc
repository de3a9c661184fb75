#include "shard/types/geo.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/random.h"

namespace keyway::shard::types {
namespace {

TEST(GeoTest, KnownPlaces) {
  const GeoPoint palermo{13.361389, 38.115556};
  const GeoPoint catania{15.087269, 37.502669};
  EXPECT_EQ(EncodeGeo(palermo), 3479099956230698u);
  EXPECT_EQ(EncodeGeo(catania), 3479447370796909u);
  EXPECT_NEAR(GeoDistance(DecodeGeo(3479099956230698), DecodeGeo(3479447370796909)), 166274.1516,
              0.0001);
  char text[kGeohashLength];
  FormatGeohash(3479099956230698, text);
  EXPECT_EQ(std::string(text, kGeohashLength), "sqc8b49rny0");
}

TEST(GeoTest, DecodesToWhereItWas) {
  Random random(1);
  for (int i = 0; i < 10000; ++i) {
    const GeoPoint point{static_cast<double>(random.Between(-180'000, 180'000)) / 1000,
                         static_cast<double>(random.Between(-85'000, 85'000)) / 1000};
    const GeoPoint decoded = DecodeGeo(static_cast<double>(EncodeGeo(point)));
    EXPECT_NEAR(decoded.longitude, point.longitude, 360.0 / (1 << 26));
    EXPECT_NEAR(decoded.latitude, point.latitude, 180.0 / (1 << 26));
  }
}

TEST(GeoTest, AnyScoreIsSomewhere) {
  for (const double score : {-1.0, -1e300, 1e300, 1.5, 9.3e18, 1.9e19, -0.0, 4503599627370496.0}) {
    EXPECT_TRUE(IsOnMap(DecodeGeo(score))) << score;
  }
}

// Far from the edges of the map, where a search may miss what lies on the other side.
TEST(GeoTest, FindsAllThatLieInside) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Random random(seed);
    Zset zset = Zset::ForFirstMember(1, {.max_entries = seed % 2 * 1000});
    std::vector<GeoPoint> points;
    for (int i = 0; i < 300; ++i) {
      const GeoPoint point{10 + static_cast<double>(random.Below(10'000)) / 1000,
                           40 + static_cast<double>(random.Below(10'000)) / 1000};
      double score = static_cast<double>(EncodeGeo(point));
      points.push_back(DecodeGeo(score));
      zset.Add(std::to_string(i), &score, {}, {.max_entries = seed % 2 * 1000});
    }
    GeoShape shape{.center = {14, 46},
                   .unit = 1000,
                   .radius = static_cast<double>(random.Below(600)),
                   .width = static_cast<double>(random.Below(900)),
                   .height = static_cast<double>(random.Below(900))};
    std::set<std::string> wanted;
    for (size_t i = 0; i < points.size(); ++i) {
      if (GeoDistance(shape.center, points[i]) <= shape.radius * 1000) {
        wanted.insert(std::to_string(i));
      }
    }
    const std::vector<GeoMatch> matches = SearchGeo(zset, shape, 0);
    std::set<std::string> found;
    for (const GeoMatch& match : matches) found.insert(match.member);
    EXPECT_EQ(found, wanted);
    EXPECT_EQ(matches.size(), wanted.size());
    EXPECT_EQ(SearchGeo(zset, shape, 3).size(), std::min<size_t>(3, wanted.size()));

    std::vector<GeoMatch> nearest = matches;
    SortGeo(&nearest, GeoOrder::kNearest, 5);
    std::vector<double> distances;
    for (const GeoMatch& match : matches) distances.push_back(match.distance);
    std::sort(distances.begin(), distances.end());
    ASSERT_EQ(nearest.size(), std::min<size_t>(5, matches.size()));
    for (size_t i = 0; i < nearest.size(); ++i) EXPECT_EQ(nearest[i].distance, distances[i]);

    shape.kind = GeoShape::Kind::kBox;
    wanted.clear();
    for (size_t i = 0; i < points.size(); ++i) {
      const GeoPoint& point = points[i];
      const double north = GeoDistance({shape.center.longitude, point.latitude}, shape.center);
      const double east = GeoDistance({shape.center.longitude, point.latitude}, point);
      if (north <= shape.height * 500 && east <= shape.width * 500) {
        wanted.insert(std::to_string(i));
      }
    }
    found.clear();
    for (const GeoMatch& match : SearchGeo(zset, shape, 0)) found.insert(match.member);
    EXPECT_EQ(found, wanted);
  }
}

}  // namespace
}  // namespace keyway::shard::types
