// The commands about one set, and SMOVE.
#include "shard/commands/set_commands.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "shard/commands/arguments.h"
#include "shard/commands/random_count.h"
#include "shard/commands/scan_options.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/database.h"
#include "shard/server/effects.h"

namespace keyway::shard::commands {

using keyspace::Access;
using keyspace::Key;
using keyspace::Record;
using types::SetElement;
using types::SetView;

namespace {

// Finds the set of the first argument, nullptr if there is none. Returns false after an error.
bool FindSet(CommandContext& context, Access access, const Record** record) {
  *record = context.db.Find(Key(context.args[1]), context.now_ms, access);
  return *record == nullptr || CheckType(context, **record, keyspace::Type::kSet);
}

void Sadd(CommandContext& context) {
  const auto added = types::SetAdd(context.db, Key(context.args[1]), context.args.subspan(2),
                                   SetLimitsOf(context), context.now_ms);
  if (!added.ok()) return context.reply.Error(kWrongType);
  context.reply.Integer(static_cast<int64_t>(*added));
}

void Srem(CommandContext& context) {
  const auto removed =
      types::SetRemove(context.db, Key(context.args[1]), context.args.subspan(2), context.now_ms);
  if (!removed.ok()) return context.reply.Error(kWrongType);
  context.reply.Integer(static_cast<int64_t>(*removed));
}

void Smove(CommandContext& context) {
  const auto moved = types::SetMove(context.db, Key(context.args[1]), Key(context.args[2]),
                                    context.args[3], SetLimitsOf(context), context.now_ms);
  if (!moved.ok()) return context.reply.Error(kWrongType);
  context.reply.Integer(*moved ? 1 : 0);
}

void ReplyContains(CommandContext& context, const Record* record, std::string_view member) {
  context.reply.Integer(record != nullptr && SetView(*record).Contains(member) ? 1 : 0);
}

void Sismember(CommandContext& context) {
  const Record* record;
  if (FindSet(context, Access::kRead, &record)) ReplyContains(context, record, context.args[2]);
}

void Smismember(CommandContext& context) {
  const Record* record;
  if (!FindSet(context, Access::kRead, &record)) return;
  const auto members = context.args.subspan(2);
  context.reply.ArrayHeader(members.size());
  for (const std::string_view member : members) ReplyContains(context, record, member);
}

void Scard(CommandContext& context) {
  const Record* record;
  if (!FindSet(context, Access::kRead, &record)) return;
  context.reply.Integer(record == nullptr ? 0 : static_cast<int64_t>(SetView(*record).size()));
}

void Smembers(CommandContext& context) {
  const Record* record;
  if (!FindSet(context, Access::kRead, &record)) return;
  if (record == nullptr) return context.reply.SetHeader(0);
  const SetView set(*record);
  context.reply.SetHeader(set.size());
  set.ForEach([&context](const SetElement& element) { context.reply.Bulk(element.text); });
}

void PopSome(CommandContext& context) {
  int64_t count;
  if (!types::ParseInteger(context.args[2], &count) || count < 0) {
    return context.reply.Error("ERR value is out of range, must be positive");
  }
  const Record* record;
  if (!FindSet(context, Access::kWrite, &record)) return;
  if (record == nullptr || count == 0) return context.reply.SetHeader(0);
  const auto wanted = static_cast<size_t>(count);
  const size_t size = SetView(*record).size();
  const bool by_member = context.effects != nullptr && wanted < size;
  if (by_member) {
    context.effects->None();
  } else if (context.effects != nullptr) {
    context.effects->Replace({"DEL", context.args[1]});
  }
  context.reply.SetHeader(std::min(wanted, size));
  types::SetPop(context.db, Key(context.args[1]), record, wanted, context.services.random,
                SetLimitsOf(context), [&context, by_member](const SetElement& element) {
                  context.reply.Bulk(element.text);
                  if (by_member) context.effects->Add({"SREM", context.args[1], element.text});
                });
}

void Spop(CommandContext& context) {
  if (context.args.size() > 3) return context.reply.Error(kSyntaxError);
  if (context.args.size() == 3) return PopSome(context);
  const Record* record;
  if (!FindSet(context, Access::kWrite, &record)) return;
  if (record == nullptr) return context.reply.Null();
  types::SetPop(context.db, Key(context.args[1]), record, 1, context.services.random,
                SetLimitsOf(context), [&context](const SetElement& element) {
                  context.reply.Bulk(element.text);
                  if (context.effects == nullptr) return;
                  context.effects->Replace({"SREM", context.args[1], element.text});
                });
}

void ReplyRandomMember(CommandContext& context, const SetView& set) {
  types::IntegerText text;
  context.reply.Bulk(set.RandomMember(context.services.random, text).text);
}

void ReplyRandomMembers(CommandContext& context, const SetView& set, int64_t count) {
  if (count < 0) {
    return ReplyRepeated(context, static_cast<size_t>(-count), 1,
                         [&] { ReplyRandomMember(context, set); });
  }
  const auto reply = [&context](const SetElement& element) { context.reply.Bulk(element.text); };
  const size_t wanted = std::min(static_cast<size_t>(count), set.size());
  context.reply.ArrayHeader(wanted);
  if (wanted == set.size()) {
    set.ForEach(reply);
  } else {
    set.Sample(context.services.random, wanted, reply);
  }
}

void Srandmember(CommandContext& context) {
  const Record* record;
  if (context.args.size() > 3) return context.reply.Error(kSyntaxError);
  if (context.args.size() == 2) {
    if (!FindSet(context, Access::kRead, &record)) return;
    if (record == nullptr) return context.reply.Null();
    return ReplyRandomMember(context, SetView(*record));
  }
  int64_t count;
  if (!ReadRandomCount(context, context.args[2], &count)) return;
  if (!FindSet(context, Access::kRead, &record)) return;
  if (record == nullptr || count == 0) return context.reply.ArrayHeader(0);
  if (CheckRepeats(context, count)) ReplyRandomMembers(context, SetView(*record), count);
}

void Sscan(CommandContext& context) {
  uint64_t cursor;
  ScanOptions options;
  const Record* record = BeginElementScan(context, keyspace::Type::kSet, &cursor, &options);
  if (record == nullptr) return;
  // The cursor stands before the members, and is known after them.
  std::vector<std::string_view> found;
  const bool is_table = record->encoding() == keyspace::Encoding::kHashtable;
  if (is_table) {
    const auto* table = static_cast<const types::SetTable*>(record->object());
    cursor = table->Collect(cursor, options.count, &found);
  }
  ReplyScanCursor(context, is_table && cursor != types::SetTable::kEnd ? cursor : 0);
  const auto place = context.reply.BeginDeferred();
  size_t elements = 0;
  const auto reply = [&](std::string_view member) {
    if (!options.Matches(member)) return;
    context.reply.Bulk(member);
    ++elements;
  };
  if (is_table) {
    for (const std::string_view member : found) reply(member);
  } else {
    SetView(*record).ForEach([&reply](const SetElement& element) { reply(element.text); });
  }
  context.reply.EndDeferredArray(place, elements);
}

}  // namespace

types::SetLimits SetLimitsOf(const CommandContext& context) {
  return {.max_integers = static_cast<size_t>(context.services.config.set_max_intset_entries)};
}

void RegisterSet(HandlerTable& handlers) {
  handlers.Register("sadd", Sadd);
  handlers.Register("srem", Srem);
  handlers.Register("smove", Smove);
  handlers.Register("sismember", Sismember);
  handlers.Register("smismember", Smismember);
  handlers.Register("scard", Scard);
  handlers.Register("smembers", Smembers);
  handlers.Register("spop", Spop);
  handlers.Register("srandmember", Srandmember);
  handlers.Register("sscan", Sscan);
  RegisterSetAlgebra(handlers);
}

}  // namespace keyway::shard::commands
