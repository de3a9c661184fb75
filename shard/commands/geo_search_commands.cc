// Places: GEOSEARCH, GEOSEARCHSTORE and the GEORADIUS commands that they have replaced.
#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "shard/commands/arguments.h"
#include "shard/commands/geo_arguments.h"
#include "shard/commands/geo_commands.h"
#include "shard/commands/zset_arguments.h"
#include "shard/types/score.h"

namespace keyway::shard::commands {

using keyspace::Access;
using keyspace::Event;
using keyspace::Key;
using keyspace::Record;
using types::GeoMatch;
using types::GeoOrder;
using types::GeoShape;
using types::Zset;
using types::ZsetView;

namespace {

enum class Syntax : uint8_t { kRadius, kRadiusByMember, kSearch };

struct SearchCommand {
  Syntax syntax = Syntax::kSearch;
  bool may_store = false;
};

struct SearchRequest {
  const Record* record = nullptr;
  GeoShape shape;
  size_t next = 0;  // the first option
  std::optional<std::string_view> destination;
  bool store_distance = false;
  bool with_distance = false;
  bool with_hash = false;
  bool with_coordinates = false;
  bool any = false;
  int64_t count = 0;  // 0: all
  GeoOrder order = GeoOrder::kNone;
  // GEOSEARCH: what it has been told.
  bool from_member = false;
  bool from_point = false;
  bool by_radius = false;
  bool by_box = false;
};

bool Fail(CommandContext& context, std::string_view error) {
  context.reply.Error(error);
  return false;
}

bool ReadRadius(CommandContext& context, std::string_view radius, std::string_view unit,
                GeoShape* shape) {
  shape->kind = GeoShape::Kind::kCircle;
  if (!types::ParseScore(radius, &shape->radius)) return Fail(context, "ERR need numeric radius");
  if (shape->radius < 0) return Fail(context, "ERR radius cannot be negative");
  return ReadGeoUnit(context, unit, &shape->unit);
}

bool ReadBox(CommandContext& context, size_t first, GeoShape* shape) {
  const auto args = context.args;
  shape->kind = GeoShape::Kind::kBox;
  if (!types::ParseScore(args[first], &shape->width)) {
    return Fail(context, "ERR need numeric width");
  }
  if (!types::ParseScore(args[first + 1], &shape->height)) {
    return Fail(context, "ERR need numeric height");
  }
  if (shape->height < 0 || shape->width < 0) {
    return Fail(context, "ERR height or width cannot be negative");
  }
  return ReadGeoUnit(context, args[first + 2], &shape->unit);
}

// Without the sorted set there is no centre, and no matter.
bool ReadMember(CommandContext& context, std::string_view member, SearchRequest* request) {
  if (request->record == nullptr) return true;
  const std::optional<double> score = ZsetView(*request->record).Score(member);
  if (!score.has_value()) return Fail(context, "ERR could not decode requested zset member");
  request->shape.center = types::DecodeGeo(*score);
  return true;
}

// What stands at fixed places.
bool ReadPlace(CommandContext& context, const SearchCommand& command, SearchRequest* request) {
  const auto args = context.args;
  switch (command.syntax) {
    case Syntax::kRadius:
      request->next = 6;
      return ReadGeoPoint(context, args[2], args[3], &request->shape.center) &&
             ReadRadius(context, args[4], args[5], &request->shape);
    case Syntax::kRadiusByMember:
      request->next = 5;
      return request->record == nullptr || (ReadMember(context, args[2], request) &&
                                            ReadRadius(context, args[3], args[4], &request->shape));
    case Syntax::kSearch:
      break;
  }
  request->next = command.may_store ? 3 : 2;
  if (command.may_store) request->destination = args[1];
  return true;
}

enum class Taken : uint8_t { kYes, kNo, kFailed };

Taken Result(bool ok) {
  return ok ? Taken::kYes : Taken::kFailed;
}

// An option that all commands have, at *i, which moves to its last argument.
Taken TakeCommonOption(CommandContext& context, size_t* i, SearchRequest* request) {
  const std::string_view word = context.args[*i];
  if (Is(word, "WITHDIST")) {
    request->with_distance = true;
  } else if (Is(word, "WITHHASH")) {
    request->with_hash = true;
  } else if (Is(word, "WITHCOORD")) {
    request->with_coordinates = true;
  } else if (Is(word, "ANY")) {
    request->any = true;
  } else if (Is(word, "ASC")) {
    request->order = GeoOrder::kNearest;
  } else if (Is(word, "DESC")) {
    request->order = GeoOrder::kFarthest;
  } else if (Is(word, "COUNT") && *i + 1 < context.args.size()) {
    if (!ReadInteger(context, context.args[++*i], &request->count)) return Taken::kFailed;
    if (request->count <= 0) return Result(Fail(context, "ERR COUNT must be > 0"));
  } else {
    return Taken::kNo;
  }
  return Taken::kYes;
}

Taken TakeRadiusOption(CommandContext& context, size_t* i, SearchRequest* request) {
  const std::string_view word = context.args[*i];
  const bool by_distance = Is(word, "STOREDIST");
  if ((!by_distance && !Is(word, "STORE")) || *i + 1 == context.args.size()) return Taken::kNo;
  request->destination = context.args[++*i];
  request->store_distance = by_distance;
  return Taken::kYes;
}

Taken TakeSearchOption(CommandContext& context, size_t* i, SearchRequest* request) {
  const auto args = context.args;
  const std::string_view word = args[*i];
  const size_t first = *i + 1;
  const size_t left = args.size() - first;
  if (Is(word, "FROMMEMBER") && left >= 1 && !request->from_point) {
    request->from_member = true;
    *i += 1;
    return Result(ReadMember(context, args[first], request));
  }
  if (Is(word, "FROMLONLAT") && left >= 2 && !request->from_member) {
    request->from_point = true;
    *i += 2;
    return Result(ReadGeoPoint(context, args[first], args[first + 1], &request->shape.center));
  }
  if (Is(word, "BYRADIUS") && left >= 2 && !request->by_box) {
    request->by_radius = true;
    *i += 2;
    return Result(ReadRadius(context, args[first], args[first + 1], &request->shape));
  }
  if (Is(word, "BYBOX") && left >= 3 && !request->by_radius) {
    request->by_box = true;
    *i += 3;
    return Result(ReadBox(context, first, &request->shape));
  }
  if (Is(word, "STOREDIST") && request->destination.has_value()) {
    request->store_distance = true;
    return Taken::kYes;
  }
  return Taken::kNo;
}

bool ReadOptions(CommandContext& context, const SearchCommand& command, SearchRequest* request) {
  const bool is_search = command.syntax == Syntax::kSearch;
  for (size_t i = request->next; i < context.args.size(); ++i) {
    Taken taken = TakeCommonOption(context, &i, request);
    if (taken == Taken::kNo && is_search) taken = TakeSearchOption(context, &i, request);
    if (taken == Taken::kNo && !is_search && command.may_store) {
      taken = TakeRadiusOption(context, &i, request);
    }
    if (taken == Taken::kNo) return Fail(context, kSyntaxError);
    if (taken == Taken::kFailed) return false;
  }
  if (request->destination.has_value() &&
      (request->with_distance || request->with_hash || request->with_coordinates)) {
    return Fail(context, is_search ? "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH "
                                     "and WITHCOORD options"
                                   : "ERR STORE option in GEORADIUS is not compatible with "
                                     "WITHDIST, WITHHASH and WITHCOORD options");
  }
  const std::string name(context.args[0]);
  if (is_search && !request->from_member && !request->from_point) {
    return Fail(context,
                "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for " + name);
  }
  if (is_search && !request->by_radius && !request->by_box) {
    return Fail(context, "ERR exactly one of BYRADIUS and BYBOX can be specified for " + name);
  }
  if (request->any && request->count == 0) {
    return Fail(context, "ERR the ANY argument requires COUNT argument");
  }
  return true;
}

void Reply(CommandContext& context, const SearchRequest& request,
           const std::vector<GeoMatch>& matches) {
  const size_t options =
      size_t{request.with_distance} + size_t{request.with_hash} + size_t{request.with_coordinates};
  context.reply.ArrayHeader(matches.size());
  for (const GeoMatch& match : matches) {
    if (options != 0) context.reply.ArrayHeader(options + 1);
    context.reply.Bulk(match.member);
    if (request.with_distance) ReplyGeoDistance(context, match.distance / request.shape.unit);
    if (request.with_hash) context.reply.Integer(static_cast<int64_t>(match.score));
    if (request.with_coordinates) ReplyGeoPoint(context, match.point);
  }
}

void Store(CommandContext& context, const SearchRequest& request, Event event,
           const std::vector<GeoMatch>& matches) {
  auto set = std::make_unique<types::SortedSet>();
  for (const GeoMatch& match : matches) {
    // The cells of a search across the whole map can show a place twice.
    if (set->Find(match.member) != nullptr) continue;
    set->Insert(match.member,
                request.store_distance ? match.distance / request.shape.unit : match.score);
  }
  Zset zset = Zset::Of(std::move(set));
  zset.PackIfSmall(ZsetLimitsOf(context));
  types::StoreZset(context.db, Key(*request.destination), std::move(zset), context.now_ms, event);
  context.reply.Integer(static_cast<int64_t>(matches.size()));
}

void Search(CommandContext& context, const SearchCommand& command) {
  const bool is_search = command.syntax == Syntax::kSearch;
  const std::string_view source = context.args[is_search && command.may_store ? 2 : 1];
  SearchRequest request;
  if (!FindZset(context, Key(source), Access::kRead, &request.record)) return;
  if (!ReadPlace(context, command, &request)) return;
  if (!ReadOptions(context, command, &request)) return;
  std::vector<GeoMatch> matches;
  if (request.record != nullptr) {
    const auto count = static_cast<size_t>(request.count);
    if (count != 0 && request.order == GeoOrder::kNone && !request.any) {
      request.order = GeoOrder::kNearest;
    }
    matches = types::SearchGeo(ZsetView(*request.record), request.shape, request.any ? count : 0);
    types::SortGeo(&matches, request.order,
                   count == 0 ? std::numeric_limits<size_t>::max() : count);
  }
  if (request.destination.has_value()) {
    Store(context, request, is_search ? Event::kGeoSearchStore : Event::kGeoRadiusStore, matches);
  } else {
    Reply(context, request, matches);
  }
}

void Georadius(CommandContext& context) {
  Search(context, {.syntax = Syntax::kRadius, .may_store = true});
}

void GeoradiusRo(CommandContext& context) {
  Search(context, {.syntax = Syntax::kRadius});
}

void Georadiusbymember(CommandContext& context) {
  Search(context, {.syntax = Syntax::kRadiusByMember, .may_store = true});
}

void GeoradiusbymemberRo(CommandContext& context) {
  Search(context, {.syntax = Syntax::kRadiusByMember});
}

void Geosearch(CommandContext& context) {
  Search(context, {});
}

void Geosearchstore(CommandContext& context) {
  Search(context, {.may_store = true});
}

}  // namespace

void RegisterGeoSearch(HandlerTable& handlers) {
  handlers.Register("georadius", Georadius);
  handlers.Register("georadius_ro", GeoradiusRo);
  handlers.Register("georadiusbymember", Georadiusbymember);
  handlers.Register("georadiusbymember_ro", GeoradiusbymemberRo);
  handlers.Register("geosearch", Geosearch);
  handlers.Register("geosearchstore", Geosearchstore);
}

}  // namespace keyway::shard::commands
