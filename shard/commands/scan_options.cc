#include "shard/commands/scan_options.h"

#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <string>

#include "common/base/glob.h"
#include "shard/commands/arguments.h"
#include "shard/keyspace/database.h"

namespace keyway::shard::commands {

bool ScanOptions::Matches(std::string_view text) const {
  return !pattern.has_value() || GlobMatch(*pattern, text);
}

bool ReadScanCursor(CommandContext& context, std::string_view argument, uint64_t* cursor) {
  const std::string terminated(argument);
  char* end = nullptr;
  errno = 0;
  *cursor = std::strtoull(terminated.c_str(), &end, 10);
  if (std::isspace(static_cast<unsigned char>(terminated[0])) == 0 && *end == '\0' &&
      errno != ERANGE) {
    return true;
  }
  context.reply.Error("ERR invalid cursor");
  return false;
}

bool ReadScanOptions(CommandContext& context, size_t first, bool with_type, ScanOptions* options) {
  for (size_t i = first; i < context.args.size(); i += 2) {
    const std::string_view word = context.args[i];
    if (i + 1 == context.args.size()) {
      context.reply.Error(kSyntaxError);
      return false;
    }
    const std::string_view argument = context.args[i + 1];
    if (Is(word, "COUNT")) {
      int64_t count = 0;
      if (!ReadInteger(context, argument, &count)) return false;
      if (count < 1) {
        context.reply.Error(kSyntaxError);
        return false;
      }
      options->count = static_cast<size_t>(count);
    } else if (Is(word, "MATCH")) {
      options->pattern = argument;
    } else if (with_type && Is(word, "TYPE")) {
      options->type = argument;
    } else {
      context.reply.Error(kSyntaxError);
      return false;
    }
  }
  if (options->pattern == "*") options->pattern.reset();
  return true;
}

const keyspace::Record* BeginElementScan(CommandContext& context, keyspace::Type type,
                                         uint64_t* cursor, ScanOptions* options) {
  if (!ReadScanCursor(context, context.args[2], cursor)) return nullptr;
  const keyspace::Record* record =
      context.db.Find(keyspace::Key(context.args[1]), context.now_ms, keyspace::Access::kRead);
  if (record == nullptr) {
    ReplyScanCursor(context, 0);
    context.reply.ArrayHeader(0);
    return nullptr;
  }
  if (!CheckType(context, *record, type)) return nullptr;
  return ReadScanOptions(context, 3, false, options) ? record : nullptr;
}

void ReplyScanCursor(CommandContext& context, uint64_t cursor) {
  char digits[20];
  const char* end = std::to_chars(digits, digits + sizeof(digits), cursor).ptr;
  context.reply.ArrayHeader(2);
  context.reply.Bulk({digits, static_cast<size_t>(end - digits)});
}

}  // namespace keyway::shard::commands
