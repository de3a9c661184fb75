#include "shard/commands/sort_command.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shard/commands/arguments.h"
#include "shard/commands/list_commands.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/database.h"
#include "shard/types/list.h"
#include "shard/types/sort.h"
#include "shard/types/zset.h"

namespace keyway::shard::commands {

using keyspace::Access;
using keyspace::Key;
using keyspace::Record;
using keyspace::Type;

namespace {

struct Request {
  types::SortOptions options;
  std::vector<std::string_view> gets;
  std::optional<std::string_view> destination;
};

// In a cluster the keys that a pattern names may be anywhere.
bool DeniedInCluster(CommandContext& context, std::string_view option) {
  if (context.services.cluster == nullptr) return false;
  context.reply.Error("ERR " + std::string(option) + " option of SORT denied in Cluster mode.");
  return true;
}

bool ReadRequest(CommandContext& context, bool read_only, Request* request) {
  types::SortOptions& options = request->options;
  for (size_t i = 2; i < context.args.size(); ++i) {
    const std::string_view word = context.args[i];
    const size_t left = context.args.size() - i - 1;
    if (Is(word, "ASC")) {
      options.descending = false;
    } else if (Is(word, "DESC")) {
      options.descending = true;
    } else if (Is(word, "ALPHA")) {
      options.alphabetic = true;
    } else if (Is(word, "LIMIT") && left >= 2) {
      if (!ReadInteger(context, context.args[i + 1], &options.offset) ||
          !ReadInteger(context, context.args[i + 2], &options.count)) {
        return false;
      }
      i += 2;
    } else if (Is(word, "STORE") && left >= 1 && !read_only) {
      request->destination = context.args[++i];
      options.for_store = true;
    } else if (Is(word, "BY") && left >= 1) {
      options.by = context.args[++i];
      if (!types::IsSortPattern(*options.by)) {
        options.unsorted = true;
      } else if (DeniedInCluster(context, "BY")) {
        return false;
      }
    } else if (Is(word, "GET") && left >= 1) {
      if (DeniedInCluster(context, "GET")) return false;
      request->gets.push_back(context.args[++i]);
    } else {
      context.reply.Error(kSyntaxError);
      return false;
    }
  }
  return true;
}

void Reply(CommandContext& context, types::Sort& sort, const std::vector<std::string_view>& gets) {
  const auto items = sort.items();
  context.reply.ArrayHeader(items.size() * std::max<size_t>(gets.size(), 1));
  for (const types::Sort::Item& item : items) {
    if (gets.empty()) context.reply.Bulk(item.text);
    for (const std::string_view pattern : gets) {
      const std::optional<std::string_view> value = sort.Get(pattern, item.text);
      value.has_value() ? context.reply.Bulk(*value) : context.reply.Null();
    }
  }
}

void Store(CommandContext& context, types::Sort& sort, const std::vector<std::string_view>& gets,
           std::string_view destination) {
  auto list = std::make_unique<types::Quicklist>(NewListOptions(context));
  for (const types::Sort::Item& item : sort.items()) {
    if (gets.empty()) list->Push(types::ListEnd::kTail, item.text);
    for (const std::string_view pattern : gets) {
      list->Push(types::ListEnd::kTail, sort.Get(pattern, item.text).value_or(""));
    }
  }
  const Key key(destination);
  const size_t size = list->size();
  if (size > 0) {
    types::StoreList(context.db, key, std::move(list), context.now_ms, keyspace::Event::kSortStore);
  } else {
    context.db.Delete(key, keyspace::kEvenIfExpired,
                      context.services.config.lazyfree_lazy_server_del ? keyspace::Reclaim::kLater
                                                                       : keyspace::Reclaim::kNow);
  }
  context.reply.Integer(static_cast<int64_t>(size));
}

void Execute(CommandContext& context, bool read_only) {
  Request request;
  if (!ReadRequest(context, read_only, &request)) return;
  const Record* record = context.db.Find(Key(context.args[1]), context.now_ms, Access::kRead);
  if (record != nullptr && record->type() != Type::kList && record->type() != Type::kSet &&
      record->type() != Type::kZset) {
    return context.reply.Error(kWrongType);
  }
  // As by Redis, which shows in OBJECT ENCODING.
  if (record != nullptr && record->type() == Type::kZset) {
    types::UnpackZset(context.db, Key(context.args[1]), record);
  }
  types::Sort sort(context.db, context.now_ms);
  if (!sort.Run(record, request.options)) {
    return context.reply.Error("ERR One or more scores can't be converted into double");
  }
  if (request.destination.has_value()) {
    Store(context, sort, request.gets, *request.destination);
  } else {
    Reply(context, sort, request.gets);
  }
}

void Sort(CommandContext& context) {
  Execute(context, false);
}

void SortRo(CommandContext& context) {
  Execute(context, true);
}

}  // namespace

void RegisterSort(HandlerTable& handlers) {
  handlers.Register("sort", Sort);
  handlers.Register("sort_ro", SortRo);
}

}  // namespace keyway::shard::commands
