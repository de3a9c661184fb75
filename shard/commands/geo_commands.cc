// Places: GEOADD and the commands that look at single members. A geo set is a sorted set, see
// shard/types/geo.h.
#include "shard/commands/geo_commands.h"

#include <charconv>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "shard/commands/arguments.h"
#include "shard/commands/geo_arguments.h"
#include "shard/commands/zset_arguments.h"
#include "shard/server/effects.h"
#include "shard/types/long_double.h"

namespace keyway::shard::commands {

using keyspace::Access;
using keyspace::Key;
using keyspace::Record;
using types::GeoPoint;
using types::ZsetView;

bool ReadGeoPoint(CommandContext& context, std::string_view longitude, std::string_view latitude,
                  GeoPoint* point) {
  if (!ReadScore(context, longitude, &point->longitude)) return false;
  if (!ReadScore(context, latitude, &point->latitude)) return false;
  if (types::IsOnMap(*point)) return true;
  char error[1024];
  const int length =
      std::snprintf(error, sizeof(error), "ERR invalid longitude,latitude pair %f,%f",
                    point->longitude, point->latitude);
  context.reply.Error({error, static_cast<size_t>(length)});
  return false;
}

bool ReadGeoUnit(CommandContext& context, std::string_view unit, double* metres) {
  constexpr std::pair<std::string_view, double> kUnits[] = {
      {"m", 1}, {"km", 1000}, {"ft", 0.3048}, {"mi", 1609.34}};
  for (const auto& [name, length] : kUnits) {
    if (!Is(unit, name)) continue;
    *metres = length;
    return true;
  }
  context.reply.Error("ERR unsupported unit provided. please use M, KM, FT, MI");
  return false;
}

void ReplyGeoPoint(CommandContext& context, const GeoPoint& point) {
  context.reply.ArrayHeader(2);
  for (const double degrees : {point.longitude, point.latitude}) {
    const std::string text = types::FormatLongDouble(degrees);
    if (context.reply.version() == resp::Version::kResp2) {
      context.reply.Bulk(text);
    } else {
      context.reply.Raw("," + text + "\r\n");
    }
  }
}

void ReplyGeoDistance(CommandContext& context, double distance) {
  constexpr int kDigits = 4;
  char text[400];
  const auto result =
      std::to_chars(text, text + sizeof(text), distance, std::chars_format::fixed, kDigits);
  context.reply.Bulk({text, static_cast<size_t>(result.ptr - text)});
}

namespace {

// As ZADD with the same options. What is at the edge of the map has a score that a double cannot
// hold, which is why the points are encoded again.
void ReplaceByZadd(CommandContext& context, size_t first) {
  std::vector<std::string_view> args(context.args.begin(),
                                     context.args.begin() + static_cast<ptrdiff_t>(first));
  args[0] = "zadd";
  std::vector<std::string> scores;
  scores.reserve((context.args.size() - first) / 3);
  for (size_t i = first; i < context.args.size(); i += 3) {
    GeoPoint point;
    if (!ReadGeoPoint(context, context.args[i], context.args[i + 1], &point)) return;
    scores.push_back(std::to_string(types::EncodeGeo(point)));
    args.push_back(scores.back());
    args.push_back(context.args[i + 2]);
  }
  context.effects->Replace(args);
}

void Geoadd(CommandContext& context) {
  AddRequest request;
  bool only_new = false;
  bool only_existing = false;
  const auto args = context.args;
  for (; request.first < args.size(); ++request.first) {
    const std::string_view word = args[request.first];
    if (Is(word, "NX")) {
      only_new = true;
    } else if (Is(word, "XX")) {
      only_existing = true;
    } else if (Is(word, "CH")) {
      request.count_updated = true;
    } else {
      break;
    }
  }
  const size_t left = args.size() - request.first;
  if (left == 0 || left % 3 != 0 || (only_new && only_existing)) {
    return context.reply.Error(kSyntaxError);
  }
  request.options.only_new = only_new;
  request.options.only_existing = only_existing;
  std::vector<ScoredMember> members;
  members.reserve(left / 3);
  for (size_t i = request.first; i < args.size(); i += 3) {
    GeoPoint point;
    if (!ReadGeoPoint(context, args[i], args[i + 1], &point)) return;
    members.push_back({static_cast<double>(types::EncodeGeo(point)), args[i + 2]});
  }
  request.members = members;
  AddToZset(context, request);
  if (context.effects != nullptr && context.effects->changed()) {
    ReplaceByZadd(context, request.first);
  }
}

void Geopos(CommandContext& context) {
  const Record* record;
  if (!FindZset(context, Key(context.args[1]), Access::kRead, &record)) return;
  const auto members = context.args.subspan(2);
  context.reply.ArrayHeader(members.size());
  for (std::string_view member : members) {
    const std::optional<double> score =
        record == nullptr ? std::nullopt : ZsetView(*record).Score(member);
    if (score.has_value()) {
      ReplyGeoPoint(context, types::DecodeGeo(*score));
    } else {
      context.reply.NullArray();
    }
  }
}

void Geohash(CommandContext& context) {
  const Record* record;
  if (!FindZset(context, Key(context.args[1]), Access::kRead, &record)) return;
  const auto members = context.args.subspan(2);
  context.reply.ArrayHeader(members.size());
  for (std::string_view member : members) {
    const std::optional<double> score =
        record == nullptr ? std::nullopt : ZsetView(*record).Score(member);
    if (score.has_value()) {
      char text[types::kGeohashLength];
      types::FormatGeohash(*score, text);
      context.reply.Bulk({text, sizeof(text)});
    } else {
      context.reply.Null();
    }
  }
}

void Geodist(CommandContext& context) {
  const auto args = context.args;
  double metres = 1;
  if (args.size() > 5) return context.reply.Error(kSyntaxError);
  if (args.size() == 5 && !ReadGeoUnit(context, args[4], &metres)) return;
  const Record* record;
  if (!FindZset(context, Key(args[1]), Access::kRead, &record)) return;
  if (record == nullptr) return context.reply.Null();
  const std::optional<double> from = ZsetView(*record).Score(args[2]);
  const std::optional<double> to = ZsetView(*record).Score(args[3]);
  if (!from.has_value() || !to.has_value()) return context.reply.Null();
  ReplyGeoDistance(context,
                   types::GeoDistance(types::DecodeGeo(*from), types::DecodeGeo(*to)) / metres);
}

}  // namespace

void RegisterGeo(HandlerTable& handlers) {
  handlers.Register("geoadd", Geoadd);
  handlers.Register("geopos", Geopos);
  handlers.Register("geohash", Geohash);
  handlers.Register("geodist", Geodist);
  RegisterGeoSearch(handlers);
}

}  // namespace keyway::shard::commands
