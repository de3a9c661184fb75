// The list commands.
#pragma once

#include <string_view>

#include "shard/commands/arguments.h"
#include "shard/keyspace/key.h"
#include "shard/server/command_context.h"
#include "shard/server/handler_table.h"
#include "shard/types/list.h"

namespace keyway::shard::commands {

void RegisterList(HandlerTable& handlers);
// Those that move or pop, from several keys or with waiting: a part of RegisterList.
void RegisterListMoves(HandlerTable& handlers);

// Finds the list at `key`, nullptr if there is none. Returns false after an error.
bool FindList(CommandContext& context, const keyspace::Key& key, keyspace::Access access,
              const keyspace::Record** record);

// Of the lists that a command makes.
types::Quicklist::Options NewListOptions(const CommandContext& context);

void ReplyElement(CommandContext& context, const types::ListpackView::Element& element);
// An array of `count` elements, the first of which stands at `cursor`, going away from `end`.
void ReplyElements(CommandContext& context, const types::Quicklist& list,
                   types::Quicklist::Cursor cursor, types::ListEnd end, size_t count);

}  // namespace keyway::shard::commands
