#include "shard/commands/bitmap_commands.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shard/commands/arguments.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/database.h"
#include "shard/types/bitmap.h"

namespace keyway::shard::commands {

using keyspace::Access;
using keyspace::Event;
using keyspace::Key;
using keyspace::Record;
using types::BitfieldOperation;
using types::BitfieldOverflow;
using types::BitfieldResult;
using types::BitfieldType;
using types::StringBytes;

namespace {

// `bits`: of an integer in BITFIELD, where "#3" stands for the third; 0: a plain offset.
bool ReadBitOffset(CommandContext& context, std::string_view argument, uint8_t bits,
                   uint64_t* offset) {
  const bool is_multiple = bits != 0 && argument.starts_with('#');
  int64_t value = 0;
  bool right = types::ParseInteger(argument.substr(is_multiple ? 1 : 0), &value);
  // Wraps around as Redis's does.
  if (right && is_multiple) value = static_cast<int64_t>(static_cast<uint64_t>(value) * bits);
  right = right && value >= 0 && value / 8 < MaxStringBytes(context);
  if (!right) context.reply.Error("ERR bit offset is not an integer or out of range");
  *offset = static_cast<uint64_t>(value);
  return right;
}

void Setbit(CommandContext& context) {
  uint64_t offset = 0;
  if (!ReadBitOffset(context, context.args[2], 0, &offset)) return;
  int64_t bit = 0;
  if (!types::ParseInteger(context.args[3], &bit) || (bit != 0 && bit != 1)) {
    return context.reply.Error("ERR bit is not an integer or out of range");
  }
  const auto old =
      types::SetBit(context.db, Key(context.args[1]), offset, bit == 1, context.now_ms);
  if (!old.ok()) return ReplyError(context, old.error());
  context.reply.Integer(*old ? 1 : 0);
}

void Getbit(CommandContext& context) {
  uint64_t offset = 0;
  if (!ReadBitOffset(context, context.args[2], 0, &offset)) return;
  const Record* record = context.db.Find(Key(context.args[1]), context.now_ms, Access::kRead);
  if (record == nullptr) return context.reply.Integer(0);
  if (!CheckString(context, *record)) return;
  context.reply.Integer(types::GetBit(StringBytes(*record).view(), offset) ? 1 : 0);
}

// The unit of a range: BYTE or BIT.
bool ReadUnit(CommandContext& context, std::string_view argument, bool* is_bits) {
  *is_bits = Is(argument, "BIT");
  if (*is_bits || Is(argument, "BYTE")) return true;
  context.reply.Error(kSyntaxError);
  return false;
}

// Resolves negative ends against `length`, in whatever unit. Returns false when nothing is left.
bool ClampRange(int64_t length, int64_t* start, int64_t* end) {
  if (*start < 0) *start = std::max<int64_t>(0, *start + length);
  if (*end < 0) *end = std::max<int64_t>(0, *end + length);
  *end = std::min(*end, length - 1);
  return *start <= *end;
}

void Bitcount(CommandContext& context) {
  const auto args = context.args;
  const Record* record = context.db.Find(Key(args[1]), context.now_ms, Access::kRead);
  if (record == nullptr) return context.reply.Integer(0);
  if (!CheckString(context, *record)) return;
  const StringBytes string(*record);
  const std::string_view bytes = string.view();
  if (args.size() == 2) return context.reply.Integer(static_cast<int64_t>(types::CountBits(bytes)));
  if (args.size() != 4 && args.size() != 5) return context.reply.Error(kSyntaxError);
  int64_t start;
  int64_t end;
  if (!ReadInteger(context, args[2], &start) || !ReadInteger(context, args[3], &end)) return;
  if (start < 0 && end < 0 && start > end) return context.reply.Integer(0);
  bool is_bits = false;
  if (args.size() == 5 && !ReadUnit(context, args[4], &is_bits)) return;
  const auto length = static_cast<int64_t>(bytes.size());
  if (!ClampRange(is_bits ? length * 8 : length, &start, &end)) return context.reply.Integer(0);
  const auto first = static_cast<uint64_t>(start);
  const auto last = static_cast<uint64_t>(end);
  const uint64_t bits = is_bits ? types::CountBits(bytes, first, last)
                                : types::CountBits(bytes.substr(first, last - first + 1));
  context.reply.Integer(static_cast<int64_t>(bits));
}

void Bitpos(CommandContext& context) {
  const auto args = context.args;
  int64_t bit;
  if (!ReadInteger(context, args[2], &bit)) return;
  if (bit != 0 && bit != 1) return context.reply.Error("ERR The bit argument must be 1 or 0.");
  const Record* record = context.db.Find(Key(args[1]), context.now_ms, Access::kRead);
  if (record == nullptr) return context.reply.Integer(bit == 1 ? -1 : 0);
  if (!CheckString(context, *record)) return;
  const StringBytes string(*record);
  const auto length = static_cast<int64_t>(string.view().size());
  if (args.size() > 6) return context.reply.Error(kSyntaxError);
  int64_t start = 0;
  bool is_bits = false;
  if (args.size() >= 4 && !ReadInteger(context, args[3], &start)) return;
  if (args.size() == 6 && !ReadUnit(context, args[5], &is_bits)) return;
  const int64_t units = is_bits ? length * 8 : length;
  int64_t end = units - 1;
  if (args.size() >= 5 && !ReadInteger(context, args[4], &end)) return;
  if (!ClampRange(units, &start, &end)) return context.reply.Integer(-1);
  const auto first = static_cast<uint64_t>(is_bits ? start : start * 8);
  const auto last = static_cast<uint64_t>(is_bits ? end : end * 8 + 7);
  int64_t found = types::FindBit(string.view(), bit == 1, first, last);
  // Without an end the string goes on with zeros.
  if (found < 0 && bit == 0 && args.size() < 5) found = length * 8;
  context.reply.Integer(found);
}

void Bitop(CommandContext& context) {
  const auto args = context.args;
  types::BitOperation operation = types::BitOperation::kNot;
  if (Is(args[1], "AND")) {
    operation = types::BitOperation::kAnd;
  } else if (Is(args[1], "OR")) {
    operation = types::BitOperation::kOr;
  } else if (Is(args[1], "XOR")) {
    operation = types::BitOperation::kXor;
  } else if (!Is(args[1], "NOT")) {
    return context.reply.Error(kSyntaxError);
  }
  if (operation == types::BitOperation::kNot && args.size() != 4) {
    return context.reply.Error("ERR BITOP NOT must be called with a single source key.");
  }
  // The digits of integers live in `digits` while they are combined.
  std::vector<std::string_view> sources;
  sources.reserve(args.size() - 3);
  std::vector<std::string> digits;
  digits.reserve(args.size() - 3);
  for (std::string_view name : args.subspan(3)) {
    const Record* record = context.db.Find(Key(name), context.now_ms, Access::kRead);
    if (record == nullptr) {
      sources.emplace_back();
    } else if (!CheckString(context, *record)) {
      return;
    } else if (record->encoding() == keyspace::Encoding::kInt) {
      sources.push_back(digits.emplace_back(StringBytes(*record).view()));
    } else {
      sources.push_back(StringBytes(*record).view());
    }
  }
  const Key target(args[2]);
  auto result = types::CombineBits(operation, sources);
  if (result == nullptr) {
    context.db.Delete(target, keyspace::kEvenIfExpired, keyspace::Reclaim::kNow);
    return context.reply.Integer(0);
  }
  const auto length = static_cast<int64_t>(result->length());
  context.db.Set(target, keyspace::Value::Raw(std::move(result)), keyspace::kNoExpiry,
                 context.now_ms, Event::kSet);
  context.reply.Integer(length);
}

bool ReadBitfieldType(CommandContext& context, std::string_view argument, BitfieldType* type) {
  int64_t bits = 0;
  type->is_signed = argument.starts_with('i');
  if ((type->is_signed || argument.starts_with('u')) &&
      types::ParseInteger(argument.substr(1), &bits) && bits >= 1 &&
      bits <= (type->is_signed ? 64 : 63)) {
    type->bits = static_cast<uint8_t>(bits);
    return true;
  }
  context.reply.Error(
      "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but "
      "i64 is.");
  return false;
}

bool ReadOverflow(CommandContext& context, std::string_view argument, BitfieldOverflow* overflow) {
  if (Is(argument, "WRAP")) {
    *overflow = BitfieldOverflow::kWrap;
  } else if (Is(argument, "SAT")) {
    *overflow = BitfieldOverflow::kSaturate;
  } else if (Is(argument, "FAIL")) {
    *overflow = BitfieldOverflow::kFail;
  } else {
    context.reply.Error("ERR Invalid OVERFLOW type specified");
    return false;
  }
  return true;
}

bool ReadBitfieldOperations(CommandContext& context, std::vector<BitfieldOperation>* operations) {
  using Kind = BitfieldOperation::Kind;
  const auto args = context.args;
  BitfieldOverflow overflow = BitfieldOverflow::kWrap;
  for (size_t i = 2; i < args.size();) {
    const size_t more = args.size() - i - 1;
    BitfieldOperation operation{.overflow = overflow};
    if (Is(args[i], "GET") && more >= 2) {
      operation.kind = Kind::kGet;
    } else if (Is(args[i], "SET") && more >= 3) {
      operation.kind = Kind::kSet;
    } else if (Is(args[i], "INCRBY") && more >= 3) {
      operation.kind = Kind::kIncrement;
    } else if (Is(args[i], "OVERFLOW") && more >= 1) {
      if (!ReadOverflow(context, args[i + 1], &overflow)) return false;
      i += 2;
      continue;
    } else {
      context.reply.Error(kSyntaxError);
      return false;
    }
    if (!ReadBitfieldType(context, args[i + 1], &operation.type)) return false;
    if (!ReadBitOffset(context, args[i + 2], operation.type.bits, &operation.offset)) return false;
    if (operation.kind != Kind::kGet && !ReadInteger(context, args[i + 3], &operation.value)) {
      return false;
    }
    i += operation.kind == Kind::kGet ? 3 : 4;
    operations->push_back(operation);
  }
  return true;
}

void BitfieldCommand(CommandContext& context, bool read_only) {
  std::vector<BitfieldOperation> operations;
  operations.reserve((context.args.size() - 2) / 3);
  if (!ReadBitfieldOperations(context, &operations)) return;
  const bool only_reads = std::all_of(
      operations.begin(), operations.end(), [](const BitfieldOperation& operation) {
        return operation.kind == BitfieldOperation::Kind::kGet;
      });
  const Key key(context.args[1]);
  if (only_reads) {
    const Record* record = context.db.Find(key, context.now_ms, Access::kRead);
    if (record != nullptr && !CheckString(context, *record)) return;
    context.reply.ArrayHeader(operations.size());
    for (const BitfieldOperation& operation : operations) {
      context.reply.Integer(record == nullptr ? 0
                                              : types::ReadBitfield(StringBytes(*record).view(),
                                                                    operation.type, operation.offset));
    }
    return;
  }
  if (read_only) return context.reply.Error("ERR BITFIELD_RO only supports the GET subcommand");
  std::vector<BitfieldResult> results(operations.size());
  const auto done = types::ChangeBitfields(context.db, key, operations, results, context.now_ms);
  if (!done.ok()) return ReplyError(context, done.error());
  context.reply.ArrayHeader(results.size());
  for (const BitfieldResult& result : results) {
    if (result.failed) {
      context.reply.Null();
    } else {
      context.reply.Integer(result.value);
    }
  }
}

void Bitfield(CommandContext& context) {
  BitfieldCommand(context, false);
}

void BitfieldRo(CommandContext& context) {
  BitfieldCommand(context, true);
}

}  // namespace

void RegisterBitmap(HandlerTable& handlers) {
  handlers.Register("setbit", Setbit);
  handlers.Register("getbit", Getbit);
  handlers.Register("bitcount", Bitcount);
  handlers.Register("bitpos", Bitpos);
  handlers.Register("bitop", Bitop);
  handlers.Register("bitfield", Bitfield);
  handlers.Register("bitfield_ro", BitfieldRo);
}

}  // namespace keyway::shard::commands
