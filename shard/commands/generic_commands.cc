// Commands about keys of any type: DEL and its relatives, RENAME, COPY, MOVE, TYPE, OBJECT.
#include "common/command/help.h"
#include "shard/commands/arguments.h"
#include "shard/commands/keyspace_commands.h"
#include "shard/commands/register_keyspace_commands.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/access_clock.h"
#include "shard/keyspace/database.h"
#include "shard/keyspace/keyspace.h"

namespace keyway::shard::commands {

using keyspace::Access;
using keyspace::Database;
using keyspace::Key;
using keyspace::Reclaim;
using keyspace::Record;

namespace {

void DeleteKeys(CommandContext& context, Reclaim reclaim) {
  int64_t deleted = 0;
  for (std::string_view name : context.args.subspan(1)) {
    if (context.db.Delete(Key(name), context.now_ms, reclaim)) ++deleted;
  }
  context.reply.Integer(deleted);
}

void Del(CommandContext& context) {
  DeleteKeys(context,
             context.services.config.lazyfree_lazy_user_del ? Reclaim::kLater : Reclaim::kNow);
}

void Unlink(CommandContext& context) {
  DeleteKeys(context, Reclaim::kLater);
}

void CountKeys(CommandContext& context, Access access) {
  int64_t found = 0;
  for (std::string_view name : context.args.subspan(1)) {
    if (context.db.Find(Key(name), context.now_ms, access) != nullptr) ++found;
  }
  context.reply.Integer(found);
}

void Exists(CommandContext& context) {
  CountKeys(context, Access::kPeek);
}

void Touch(CommandContext& context) {
  CountKeys(context, Access::kRead);
}

void TypeOf(CommandContext& context) {
  const Record* record = context.db.Find(Key(context.args[1]), context.now_ms, Access::kPeek);
  context.reply.Simple(record == nullptr ? "none" : keyspace::TypeName(record->type()));
}

// Returns false when there is nothing (more) to do and the reply is written.
bool PrepareRename(CommandContext& context, const Key& from, bool same, int same_reply) {
  if (context.db.Find(from, context.now_ms, Access::kWrite) == nullptr) {
    context.reply.Error(kNoSuchKey);
    return false;
  }
  if (!same) return true;
  if (same_reply < 0) {
    context.reply.Ok();
  } else {
    context.reply.Integer(same_reply);
  }
  return false;
}

void Rename(CommandContext& context) {
  const Key from(context.args[1]);
  const Key to(context.args[2]);
  if (!PrepareRename(context, from, from.text == to.text, -1)) return;
  context.db.Rename(from, to, context.now_ms);
  context.reply.Ok();
}

void Renamenx(CommandContext& context) {
  const Key from(context.args[1]);
  const Key to(context.args[2]);
  if (!PrepareRename(context, from, from.text == to.text, 0)) return;
  if (context.db.Find(to, context.now_ms, Access::kWrite) != nullptr) {
    return context.reply.Integer(0);
  }
  context.db.Rename(from, to, context.now_ms);
  context.reply.Integer(1);
}

void Copy(CommandContext& context) {
  bool replace = false;
  int32_t database = context.db.index();
  for (size_t i = 3; i < context.args.size(); ++i) {
    if (Is(context.args[i], "REPLACE")) {
      replace = true;
    } else if (Is(context.args[i], "DB") && i + 1 < context.args.size()) {
      if (!ReadDatabase(context, context.args[++i], &database)) return;
    } else {
      return context.reply.Error(kSyntaxError);
    }
  }
  if (database != 0 && HasOneDatabaseOnly(context)) {
    return context.reply.Error("ERR Copying to another database is not allowed in cluster mode");
  }
  Database& target = context.services.keyspace.database(database);
  const Key from(context.args[1]);
  const Key to(context.args[2]);
  if (&target == &context.db && from.text == to.text) return context.reply.Error(kSameObject);
  if (context.db.Find(from, context.now_ms, Access::kRead) == nullptr) {
    return context.reply.Integer(0);
  }
  if (!replace && target.Find(to, context.now_ms, Access::kWrite) != nullptr) {
    return context.reply.Integer(0);
  }
  context.db.Copy(from, target, to, context.now_ms);
  context.reply.Integer(1);
}

void Move(CommandContext& context) {
  if (HasOneDatabaseOnly(context)) {
    return context.reply.Error("ERR MOVE is not allowed in cluster mode");
  }
  int32_t database;
  if (!ReadDatabase(context, context.args[2], &database)) return;
  Database& target = context.services.keyspace.database(database);
  if (&target == &context.db) return context.reply.Error(kSameObject);
  const Key key(context.args[1]);
  if (context.db.Find(key, context.now_ms, Access::kWrite) == nullptr ||
      target.Find(key, context.now_ms, Access::kWrite) != nullptr) {
    return context.reply.Integer(0);
  }
  context.db.Move(key, target);
  context.reply.Integer(1);
}

const Record* FindObject(CommandContext& context) {
  const Record* record = context.db.Find(Key(context.args[2]), context.now_ms, Access::kLook);
  if (record == nullptr) context.reply.Null();
  return record;
}

void ObjectEncoding(CommandContext& context) {
  const Record* record = FindObject(context);
  if (record != nullptr) context.reply.Bulk(keyspace::EncodingName(record->encoding()));
}

void ObjectRefcount(CommandContext& context) {
  const Record* record = FindObject(context);
  if (record == nullptr) return;
  // Nothing is shared here, but this is what Redis says of its shared small integers, which it has
  // unless each value needs an access clock of its own.
  constexpr int64_t kSharedIntegers = 10000;
  constexpr int64_t kShared = INT32_MAX;
  const ShardConfig& config = context.services.config;
  const bool shares = config.maxmemory == 0 ||
                      config.maxmemory_policy == MaxmemoryPolicy::kNoEviction ||
                      config.maxmemory_policy == MaxmemoryPolicy::kVolatileTtl ||
                      config.maxmemory_policy == MaxmemoryPolicy::kVolatileRandom ||
                      config.maxmemory_policy == MaxmemoryPolicy::kAllkeysRandom;
  const bool is_shared = shares && !record->is_duplicate() &&
                         record->encoding() == keyspace::Encoding::kInt && record->integer() >= 0 &&
                         record->integer() < kSharedIntegers;
  context.reply.Integer(is_shared ? kShared : 1);
}

constexpr std::string_view kPolicyChangeHint =
    "Please note that when switching between policies at runtime LRU and LFU data will take some "
    "time to adjust.";

void ObjectIdletime(CommandContext& context) {
  const Record* record = FindObject(context);
  if (record == nullptr) return;
  if (KeyspaceOptionsOf(context.services.config).access.lfu) {
    return context.reply.Error("ERR An LFU maxmemory policy is selected, idle time not tracked. " +
                               std::string(kPolicyChangeHint));
  }
  context.reply.Integer(keyspace::IdleSeconds(record->access(), context.now_ms));
}

void ObjectFreq(CommandContext& context) {
  const Record* record = FindObject(context);
  if (record == nullptr) return;
  const keyspace::AccessPolicy policy = KeyspaceOptionsOf(context.services.config).access;
  if (!policy.lfu) {
    return context.reply.Error(
        "ERR An LFU maxmemory policy is not selected, access frequency not tracked. " +
        std::string(kPolicyChangeHint));
  }
  context.reply.Integer(keyspace::UseFrequency(policy, record->access(), context.now_ms));
}

void ObjectHelp(CommandContext& context) {
  constexpr std::string_view kLines[] = {
      "ENCODING <key>",
      "    Return the kind of internal representation used in order to store the value",
      "    associated with a <key>.",
      "FREQ <key>",
      "    Return the access frequency index of the <key>. The returned integer is",
      "    proportional to the logarithm of the recent access frequency of the key.",
      "IDLETIME <key>",
      "    Return the idle time of the <key>, that is the approximated number of",
      "    seconds elapsed since the last access to the key.",
      "REFCOUNT <key>",
      "    Return the number of references of the value associated with the specified",
      "    <key>.",
  };
  command::ReplyHelp(context.args[0], kLines, context.reply);
}

}  // namespace

keyspace::KeyspaceOptions KeyspaceOptionsOf(const ShardConfig& config) {
  const bool lfu = config.maxmemory_policy == MaxmemoryPolicy::kAllkeysLfu ||
                   config.maxmemory_policy == MaxmemoryPolicy::kVolatileLfu;
  return {.access = {.lfu = lfu,
                     .lfu_log_factor = config.lfu_log_factor,
                     .lfu_decay_minutes = config.lfu_decay_time},
          .lazy_expire = config.lazyfree_lazy_expire,
          .lazy_server_delete = config.lazyfree_lazy_server_del};
}

void RegisterGeneric(HandlerTable& handlers) {
  handlers.Register("del", Del);
  handlers.Register("unlink", Unlink);
  handlers.Register("exists", Exists);
  handlers.Register("touch", Touch);
  handlers.Register("type", TypeOf);
  handlers.Register("rename", Rename);
  handlers.Register("renamenx", Renamenx);
  handlers.Register("copy", Copy);
  handlers.Register("move", Move);
  handlers.Register("object|encoding", ObjectEncoding);
  handlers.Register("object|freq", ObjectFreq);
  handlers.Register("object|idletime", ObjectIdletime);
  handlers.Register("object|refcount", ObjectRefcount);
  handlers.Register("object|help", ObjectHelp);
  RegisterWholeKeyspace(handlers);
}

}  // namespace keyway::shard::commands
