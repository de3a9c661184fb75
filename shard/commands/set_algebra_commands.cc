// The commands that combine several sets.
#include <string_view>
#include <utility>
#include <vector>

#include "shard/commands/arguments.h"
#include "shard/commands/set_commands.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/database.h"

namespace keyway::shard::commands {

using keyspace::Access;
using keyspace::Event;
using keyspace::Key;
using keyspace::Record;
using types::SetElement;

namespace {

using Keys = std::span<const std::string_view>;
using Build = types::SetBuilder (*)(types::Sets sets, const types::SetLimits& limits);

// The sets of these keys, nullptr for those that are missing. Returns false after an error.
bool FindSets(CommandContext& context, Keys keys, std::vector<const Record*>* sets) {
  sets->reserve(keys.size());
  for (const std::string_view name : keys) {
    const Record* record = context.db.Find(Key(name), context.now_ms, Access::kRead);
    if (record != nullptr && !CheckType(context, *record, keyspace::Type::kSet)) return false;
    sets->push_back(record);
  }
  return true;
}

void Sinter(CommandContext& context) {
  std::vector<const Record*> sets;
  if (!FindSets(context, context.args.subspan(1), &sets)) return;
  const auto place = context.reply.BeginDeferred();
  size_t members = 0;
  types::VisitIntersection(sets, [&](const SetElement& element) {
    context.reply.Bulk(element.text);
    ++members;
    return true;
  });
  context.reply.EndDeferredSet(place, members);
}

void Sdiff(CommandContext& context) {
  std::vector<const Record*> sets;
  if (!FindSets(context, context.args.subspan(1), &sets)) return;
  const auto place = context.reply.BeginDeferred();
  size_t members = 0;
  types::VisitDifference(sets, SetLimitsOf(context), [&](const SetElement& element) {
    context.reply.Bulk(element.text);
    ++members;
  });
  context.reply.EndDeferredSet(place, members);
}

void Sunion(CommandContext& context) {
  std::vector<const Record*> sets;
  if (!FindSets(context, context.args.subspan(1), &sets)) return;
  const types::SetBuilder result = types::BuildUnion(sets, SetLimitsOf(context));
  context.reply.SetHeader(result.size());
  result.view().ForEach([&](const SetElement& element) { context.reply.Bulk(element.text); });
}

void Sintercard(CommandContext& context) {
  int64_t key_count;
  if (!types::ParseInteger(context.args[1], &key_count) || key_count < 1) {
    return context.reply.Error("ERR numkeys should be greater than 0");
  }
  if (static_cast<uint64_t>(key_count) > context.args.size() - 2) {
    return context.reply.Error("ERR Number of keys can't be greater than number of args");
  }
  const auto keys = static_cast<size_t>(key_count);
  int64_t limit = 0;
  for (size_t i = 2 + keys; i < context.args.size(); i += 2) {
    if (!Is(context.args[i], "LIMIT") || i + 1 == context.args.size()) {
      return context.reply.Error(kSyntaxError);
    }
    if (!types::ParseInteger(context.args[i + 1], &limit) || limit < 0) {
      return context.reply.Error("ERR LIMIT can't be negative");
    }
  }
  std::vector<const Record*> sets;
  if (!FindSets(context, context.args.subspan(2, keys), &sets)) return;
  int64_t members = 0;
  types::VisitIntersection(sets, [&](const SetElement&) { return ++members != limit; });
  context.reply.Integer(members);
}

void Store(CommandContext& context, Build build, Event event) {
  std::vector<const Record*> sets;
  if (!FindSets(context, context.args.subspan(2), &sets)) return;
  types::SetBuilder result = build(sets, SetLimitsOf(context));
  const Key target(context.args[1]);
  const size_t members = result.size();
  if (members != 0) {
    context.db.Set(target, result.Release(), keyspace::kNoExpiry, context.now_ms, event);
  } else {
    context.db.Delete(target, keyspace::kEvenIfExpired,
                      context.services.config.lazyfree_lazy_server_del ? keyspace::Reclaim::kLater
                                                                       : keyspace::Reclaim::kNow);
  }
  context.reply.Integer(static_cast<int64_t>(members));
}

void Sinterstore(CommandContext& context) {
  Store(context, types::BuildIntersection, Event::kSInterStore);
}

void Sunionstore(CommandContext& context) {
  Store(context, types::BuildUnion, Event::kSUnionStore);
}

void Sdiffstore(CommandContext& context) {
  Store(context, types::BuildDifference, Event::kSDiffStore);
}

}  // namespace

void RegisterSetAlgebra(HandlerTable& handlers) {
  handlers.Register("sinter", Sinter);
  handlers.Register("sintercard", Sintercard);
  handlers.Register("sinterstore", Sinterstore);
  handlers.Register("sunion", Sunion);
  handlers.Register("sunionstore", Sunionstore);
  handlers.Register("sdiff", Sdiff);
  handlers.Register("sdiffstore", Sdiffstore);
}

}  // namespace keyway::shard::commands
