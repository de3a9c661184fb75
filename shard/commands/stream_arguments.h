// What the stream commands have in common: ids, ranges and trimming among the arguments, and how
// entries are written. A function that returns false, or nullptr, has written the reply.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "shard/keyspace/database.h"
#include "shard/server/command_context.h"
#include "shard/server/handler_table.h"
#include "shard/types/encodings/stream.h"

namespace keyway::shard::commands {

inline constexpr std::string_view kInvalidStreamId =
    "ERR Invalid stream ID specified as stream command argument";
inline constexpr std::string_view kInvalidIntervalStart = "ERR invalid start ID for the interval";

// "ms" or "ms-seq"; "ms-*" too when `any_seq` is given.
bool ReadStreamId(CommandContext& context, std::string_view argument, uint64_t missing_seq,
                  types::StreamId* id, bool* any_seq = nullptr);
// The same, or "-" or "+".
bool ReadStreamIdOrEnd(CommandContext& context, std::string_view argument, uint64_t missing_seq,
                       types::StreamId* id);
// One that stands for the first or the last id of a range: "(" in front excludes it.
bool ReadRangeStart(CommandContext& context, std::string_view argument, types::StreamId* id);
bool ReadRangeEnd(CommandContext& context, std::string_view argument, types::StreamId* id);

// With `error` instead of the usual one.
bool ReadIntegerOr(CommandContext& context, std::string_view argument, std::string_view error,
                   int64_t* value);

// The text up to its first zero byte, as Redis prints arguments in errors.
std::string_view PrintedText(std::string_view text);
// "NOGROUP No such key 'k' or consumer group 'g'" and what comes behind it.
void ReplyNoKeyOrGroup(CommandContext& context, std::string_view key, std::string_view group,
                       std::string_view end = {});
// "NOGROUP No such consumer group 'g' for key name 'k'"
void ReplyNoGroup(CommandContext& context, std::string_view key, std::string_view group);

// The consumer of that name and when it was seen; one that is new counts as a change of `key`,
// whose record is being changed.
types::StreamConsumer& SeeConsumer(CommandContext& context, const keyspace::Key& key,
                                   types::StreamGroup& group, std::string_view name);

// What other servers have to know of a delivery or a claim (XCLAIM), and of how far a group has
// read (XGROUP SETID). context.effects is not nullptr. `id`: of the entry, as the client wrote it.
void AddClaimEffect(CommandContext& context, std::string_view key, std::string_view group_name,
                    const types::StreamGroup& group, const types::StreamPending& pending,
                    std::string_view id);
void AddGroupIdEffect(CommandContext& context, std::string_view key, std::string_view group_name,
                      const types::StreamGroup& group);

void ReplyStreamId(CommandContext& context, types::StreamId id);
// The entry at which `walk` stands: its id and its fields.
void ReplyEntry(CommandContext& context, types::StreamWalk& walk);
// The entry with that id; false, and nothing is written, when there is none.
bool ReplyEntryOf(CommandContext& context, const types::Stream& stream, types::StreamId id);
// An array of the entries of `walk`, at most `count` of them; 0: all.
void ReplyEntries(CommandContext& context, types::StreamWalk& walk, uint64_t count);

// The handlers by file.
void RegisterStreamReading(HandlerTable& handlers);
void RegisterStreamGroups(HandlerTable& handlers);
void RegisterStreamClaiming(HandlerTable& handlers);
void RegisterStreamInfo(HandlerTable& handlers);

}  // namespace keyway::shard::commands
