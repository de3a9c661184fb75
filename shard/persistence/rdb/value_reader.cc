#include "shard/persistence/rdb/value_reader.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "shard/persistence/rdb/crc64.h"
#include "shard/persistence/rdb/format.h"
#include "shard/persistence/rdb/old_encodings.h"
#include "shard/persistence/rdb/stream_reader.h"
#include "shard/types/encodings/field_table.h"
#include "shard/types/encodings/intset.h"
#include "shard/types/encodings/listpack.h"
#include "shard/types/encodings/set_table.h"
#include "shard/types/encodings/sorted_set.h"
#include "shard/types/integer.h"
#include "shard/types/score.h"
#include "shard/types/string.h"

namespace keyway::shard::rdb {

using keyspace::Encoding;
using keyspace::Type;
using keyspace::Value;
using types::FieldTable;
using types::Intset;
using types::IntsetView;
using types::Listpack;
using types::ListpackView;
using types::Quicklist;
using types::SetTable;
using types::SortedSet;
using Text = ByteReader::Text;
using Result = Expected<Value, ValueError>;

namespace {

constexpr size_t kMostOverhead = 32;  // of two entries in a listpack, besides their text

ValueError Corrupt(std::string_view message) { return {.message = std::string(message)}; }
ValueError Cut(const ByteReader& reader) { return Corrupt(reader.problem()); }
ValueError Empty() { return {.is_empty = true, .message = "empty key"}; }

// The rooms of a table for `claimed` items of which each takes at least a byte. Larger ones grow as
// they fill: the bytes may be a whole file.
size_t Plausible(uint64_t claimed, const ByteReader& reader) {
  constexpr uint64_t kMost = uint64_t{1} << 20;
  return static_cast<size_t>(std::min<uint64_t>({claimed, reader.rest().size(), kMost}));
}

bool Fits(const Listpack& pack, size_t text) {
  return text <= Listpack::kMaxBytes && pack.bytes() + text + kMostOverhead <= Listpack::kMaxBytes;
}

Value FromListpack(Type type, Listpack pack) {
  pack.ShrinkToFit();
  return Value::Object(type, Encoding::kListpack, pack.Release());
}

template <typename T>
Value FromObject(Type type, Encoding encoding, std::unique_ptr<T> object) {
  return Value::Object(type, encoding, object.release());
}

// Calls visit(first, second) for the pairs of `pack`, whose number is even; stops when it returns
// false, and returns that.
template <typename Visit>
bool ForEachPair(ListpackView pack, Visit&& visit) {
  for (auto at = pack.First(); at != ListpackView::kNone;) {
    const ListpackView::Element first = pack.At(at);
    at = pack.Next(at);
    const ListpackView::Element second = pack.At(at);
    at = pack.Next(at);
    ListpackView::Element::Digits first_digits;
    if (!visit(first.Text(first_digits), second)) return false;
  }
  return true;
}

// Whether no first part of the pairs is there twice.
bool HasDistinctPairs(ListpackView pack) {
  // Different hashes, as nearly always, need no copies of the texts.
  std::vector<size_t> hashes;
  hashes.reserve(pack.size() / 2);
  ForEachPair(pack, [&](std::string_view first, const ListpackView::Element&) {
    hashes.push_back(std::hash<std::string_view>()(first));
    return true;
  });
  std::sort(hashes.begin(), hashes.end());
  if (std::adjacent_find(hashes.begin(), hashes.end()) == hashes.end()) return true;
  std::unordered_set<std::string> seen;
  return ForEachPair(pack, [&](std::string_view first, const ListpackView::Element&) {
    return seen.emplace(first).second;
  });
}

double ScoreOf(const ListpackView::Element& element) {
  if (element.is_integer) return static_cast<double>(element.integer);
  // What is no number counts as 0, as it does for Redis.
  return std::strtod(std::string(element.bytes).c_str(), nullptr);
}

Result ReadList(const ReadOptions& options, ByteReader* reader, Text* text) {
  uint64_t length = 0;
  if (!reader->Length(&length)) return Cut(*reader);
  if (length == 0) return Empty();
  auto list = std::make_unique<Quicklist>(options.list);
  for (; length > 0; --length) {
    if (!reader->String(text)) return Cut(*reader);
    list->Push(Quicklist::End::kTail, text->bytes);
  }
  return FromObject(Type::kList, Encoding::kQuicklist, std::move(list));
}

Result ReadQuicklist(bool has_containers, const ReadOptions& options, ByteReader* reader,
                     Text* text) {
  uint64_t nodes = 0;
  if (!reader->Length(&nodes)) return Cut(*reader);
  if (nodes == 0) return Empty();
  auto list = std::make_unique<Quicklist>(options.list);
  for (; nodes > 0; --nodes) {
    uint64_t container = kPackedNode;
    if (has_containers && !reader->Length(&container)) return Cut(*reader);
    if (container != kPackedNode && container != kPlainNode) {
      return Corrupt("Quicklist integrity check failed.");
    }
    if (!reader->String(text) || text->bytes.empty()) return Cut(*reader);
    if (container == kPlainNode) {
      list->AppendPlain(text->bytes);
    } else if (has_containers) {
      if (!ListpackView::IsValid(text->bytes)) return Corrupt("Listpack integrity check failed.");
      list->AppendPacked(Listpack::Copy(text->bytes));
    } else {
      auto pack = ReadZiplist(text->bytes);
      if (!pack.has_value()) return Corrupt("Ziplist integrity check failed.");
      pack->ShrinkToFit();
      list->AppendPacked(std::move(*pack));
    }
  }
  if (list->empty()) return Empty();
  return FromObject(Type::kList, Encoding::kQuicklist, std::move(list));
}

Result ReadListZiplist(const ReadOptions& options, std::string_view bytes) {
  const auto pack = ReadZiplist(bytes);
  if (!pack.has_value()) return Corrupt("List ziplist integrity check failed.");
  if (pack->empty()) return Empty();
  auto list = std::make_unique<Quicklist>(options.list);
  for (auto at = pack->First(); at != ListpackView::kNone; at = pack->Next(at)) {
    ListpackView::Element::Digits digits;
    list->Push(Quicklist::End::kTail, pack->At(at).Text(digits));
  }
  return FromObject(Type::kList, Encoding::kQuicklist, std::move(list));
}

std::unique_ptr<SetTable> ToTable(const IntsetView& set, size_t room) {
  auto table = std::make_unique<SetTable>();
  table->Reserve(std::max(room, set.size()));
  ListpackView::Element::Digits digits;
  for (size_t i = 0; i < set.size(); ++i) {
    const ListpackView::Element element{.is_integer = true, .integer = set.At(i)};
    table->Add(element.Text(digits));
  }
  return table;
}

Result ReadSet(const ReadOptions& options, ByteReader* reader, Text* text) {
  uint64_t length = 0;
  if (!reader->Length(&length)) return Cut(*reader);
  if (length == 0) return Empty();
  const size_t room = Plausible(length, *reader);
  std::unique_ptr<SetTable> table;
  if (length > options.set_max_intset_entries) {
    table = std::make_unique<SetTable>();
    table->Reserve(room);
  }
  Intset integers;
  for (; length > 0; --length) {
    if (!reader->String(text)) return Cut(*reader);
    int64_t integer = 0;
    if (table == nullptr && !types::ParseInteger(text->bytes, &integer)) {
      table = ToTable(integers, room);
    }
    if (!(table == nullptr ? integers.Add(integer) : table->Add(text->bytes))) {
      return Corrupt("Duplicate set members detected");
    }
  }
  if (table == nullptr) return Value::Object(Type::kSet, Encoding::kIntset, integers.Release());
  return FromObject(Type::kSet, Encoding::kHashtable, std::move(table));
}

Result ReadIntset(const ReadOptions& options, std::string_view bytes) {
  if (!IntsetView::IsValid(bytes) || IntsetView(bytes.data()).size() == 0) {
    return Corrupt("Intset integrity check failed.");
  }
  const IntsetView set(bytes.data());
  if (set.size() > options.set_max_intset_entries) {
    return FromObject(Type::kSet, Encoding::kHashtable, ToTable(set, 0));
  }
  return Value::Object(Type::kSet, Encoding::kIntset, Intset::Copy(bytes).Release());
}

Listpack ToListpack(const SortedSet& set) {
  Listpack pack;
  for (auto at = set.Begin(); at; ++at) {
    pack.Append(at->member());
    int64_t integer = 0;
    if (types::ScoreAsInteger(at->score(), &integer)) {
      pack.Append(integer);
    } else {
      char digits[types::kScoreBytes];
      pack.Append(std::string_view(digits, types::FormatScore(at->score(), digits)));
    }
  }
  return pack;
}

Result ReadZset(bool binary_scores, const ReadOptions& options, ByteReader* reader, Text* text) {
  uint64_t length = 0;
  if (!reader->Length(&length)) return Cut(*reader);
  if (length == 0) return Empty();
  auto set = std::make_unique<SortedSet>();
  set->Reserve(Plausible(length, *reader));
  size_t longest = 0;
  size_t total = 0;
  for (; length > 0; --length) {
    double score = 0;
    if (!reader->String(text)) return Cut(*reader);
    if (!(binary_scores ? reader->Double(&score) : reader->TextDouble(&score))) return Cut(*reader);
    if (std::isnan(score)) return Corrupt("Zset with NAN score detected");
    if (set->Find(text->bytes) != nullptr) return Corrupt("Duplicate zset fields detected");
    longest = std::max(longest, text->bytes.size());
    total += text->bytes.size();
    set->Insert(text->bytes, score);
  }
  if (set->size() <= options.zset_max_listpack_entries &&
      longest <= options.zset_max_listpack_value && total < Listpack::kMaxBytes / 2) {
    return FromListpack(Type::kZset, ToListpack(*set));
  }
  return FromObject(Type::kZset, Encoding::kSkiplist, std::move(set));
}

// `broken`: what is said of a listpack that is none of pairs, here and below.
Result FromZset(const ReadOptions& options, Listpack pack, const char* broken) {
  const size_t size = pack.size() / 2;
  if (pack.size() % 2 != 0) return Corrupt(broken);
  if (size == 0) return Empty();
  if (size <= options.zset_max_listpack_entries) {
    const bool right =
        ForEachPair(pack, [&](std::string_view, const ListpackView::Element& score) {
          return !std::isnan(ScoreOf(score));
        });
    if (!right || !HasDistinctPairs(pack)) return Corrupt(broken);
    return FromListpack(Type::kZset, std::move(pack));
  }
  auto set = std::make_unique<SortedSet>();
  set->Reserve(size);
  const bool right =
      ForEachPair(pack, [&](std::string_view member, const ListpackView::Element& score) {
        const double value = ScoreOf(score);
        if (std::isnan(value) || set->Find(member) != nullptr) return false;
        set->Insert(member, value);
        return true;
      });
  if (!right) return Corrupt(broken);
  return FromObject(Type::kZset, Encoding::kSkiplist, std::move(set));
}

// nullptr when a field is there twice.
std::unique_ptr<FieldTable> ToFields(ListpackView pack, size_t room) {
  auto table = std::make_unique<FieldTable>();
  table->Reserve(std::max(room, pack.size() / 2));
  const bool distinct =
      ForEachPair(pack, [&](std::string_view field, const ListpackView::Element& value) {
        ListpackView::Element::Digits digits;
        return table->Set(field, value.Text(digits));
      });
  return distinct ? std::move(table) : nullptr;
}

Result ReadHash(const ReadOptions& options, ByteReader* reader, Text* text) {
  uint64_t length = 0;
  if (!reader->Length(&length)) return Cut(*reader);
  if (length == 0) return Empty();
  constexpr std::string_view kDuplicate = "Duplicate hash fields detected";
  const size_t room = Plausible(length, *reader);
  std::unique_ptr<FieldTable> table;
  if (length > options.hash_max_listpack_entries) {
    table = std::make_unique<FieldTable>();
    table->Reserve(room);
  }
  Listpack pack;
  Text value;
  for (; length > 0; --length) {
    if (!reader->String(text) || !reader->String(&value)) return Cut(*reader);
    const std::string_view field = text->bytes;
    if (table == nullptr) {
      if (field.size() <= options.hash_max_listpack_value &&
          value.bytes.size() <= options.hash_max_listpack_value &&
          Fits(pack, field.size() + value.bytes.size())) {
        pack.Append(field);
        pack.Append(value.bytes);
        continue;
      }
      table = ToFields(pack, room);
      if (table == nullptr) return Corrupt(kDuplicate);
    }
    if (!table->Set(field, value.bytes)) return Corrupt(kDuplicate);
  }
  if (table == nullptr) {
    if (!HasDistinctPairs(pack)) return Corrupt(kDuplicate);
    return FromListpack(Type::kHash, std::move(pack));
  }
  return FromObject(Type::kHash, Encoding::kHashtable, std::move(table));
}

// `check_values`: whether one that is too long makes it a table, too.
Result FromAnyHash(const ReadOptions& options, Listpack pack, bool check_values,
                   const char* broken) {
  if (pack.size() % 2 != 0) return Corrupt(broken);
  if (pack.empty()) return Empty();
  bool is_small = pack.size() / 2 <= options.hash_max_listpack_entries;
  if (check_values && is_small) {
    is_small = ForEachPair(pack, [&](std::string_view field, const ListpackView::Element& value) {
      ListpackView::Element::Digits digits;
      return field.size() <= options.hash_max_listpack_value &&
             value.Text(digits).size() <= options.hash_max_listpack_value;
    });
  }
  if (is_small) {
    if (!HasDistinctPairs(pack)) return Corrupt(broken);
    return FromListpack(Type::kHash, std::move(pack));
  }
  auto table = ToFields(pack, 0);
  if (table == nullptr) return Corrupt(broken);
  return FromObject(Type::kHash, Encoding::kHashtable, std::move(table));
}

Result FromHash(const ReadOptions& options, Listpack pack, const char* broken) {
  return FromAnyHash(options, std::move(pack), false, broken);
}

Result FromZipmap(const ReadOptions& options, Listpack pack, const char* broken) {
  return FromAnyHash(options, std::move(pack), true, broken);
}

using FromPack = Result (*)(const ReadOptions& options, Listpack pack, const char* broken);

Result FromBytes(const ReadOptions& options, std::string_view bytes, FromPack from_pack,
                 const char* broken) {
  if (!ListpackView::IsValid(bytes)) return Corrupt(broken);
  return from_pack(options, Listpack::Copy(bytes), broken);
}

Result FromOld(const ReadOptions& options, std::optional<Listpack> pack, FromPack from_pack,
               const char* broken) {
  if (!pack.has_value()) return Corrupt(broken);
  return from_pack(options, std::move(*pack), broken);
}

Result ReadModuleValue(ByteReader* reader) {
  uint64_t id = 0;
  if (!reader->AnyLength(&id)) return Corrupt("Short read module id");
  return Corrupt("The RDB file contains module data I can't load: no matching module type '" +
                 ModuleTypeName(id) + "'");
}

}  // namespace

Result ReadValue(uint8_t type, const ReadOptions& options, ByteReader* reader, Text* text) {
  switch (static_cast<ValueType>(type)) {
    case ValueType::kList:
      return ReadList(options, reader, text);
    case ValueType::kSet:
      return ReadSet(options, reader, text);
    case ValueType::kZset:
    case ValueType::kZset2:
      return ReadZset(type == static_cast<uint8_t>(ValueType::kZset2), options, reader, text);
    case ValueType::kHash:
      return ReadHash(options, reader, text);
    case ValueType::kListQuicklist:
    case ValueType::kListQuicklist2:
      return ReadQuicklist(type == static_cast<uint8_t>(ValueType::kListQuicklist2), options,
                           reader, text);
    case ValueType::kStreamListpacks:
    case ValueType::kStreamListpacks2: {
      auto stream = ReadStream(type == static_cast<uint8_t>(ValueType::kStreamListpacks2), reader);
      if (!stream.ok()) return Corrupt(stream.error().message);
      return FromObject(Type::kStream, Encoding::kStream, std::move(*stream));
    }
    case ValueType::kModule:
    case ValueType::kModule2:
      return ReadModuleValue(reader);
    default:
      break;
  }
  // All others are one string.
  constexpr auto kFirstPacked = static_cast<uint8_t>(ValueType::kHashZipmap);
  constexpr auto kLast = static_cast<uint8_t>(ValueType::kStreamListpacks2);
  if (type != static_cast<uint8_t>(ValueType::kString) && (type < kFirstPacked || type > kLast)) {
    return Corrupt("Unknown RDB encoding type " + std::to_string(type));
  }
  if (!reader->String(text)) return Cut(*reader);
  const std::string_view bytes = text->bytes;
  switch (static_cast<ValueType>(type)) {
    case ValueType::kString:
      return text->is_integer ? Value::Integer(text->integer) : types::EncodeString(bytes);
    case ValueType::kHashZipmap:
      return FromOld(options, ReadZipmap(bytes), FromZipmap, "Zipmap integrity check failed.");
    case ValueType::kListZiplist:
      return ReadListZiplist(options, bytes);
    case ValueType::kSetIntset:
      return ReadIntset(options, bytes);
    case ValueType::kZsetZiplist:
      return FromOld(options, ReadZiplist(bytes), FromZset,
                     "Zset ziplist integrity check failed.");
    case ValueType::kHashZiplist:
      return FromOld(options, ReadZiplist(bytes), FromHash,
                     "Hash ziplist integrity check failed.");
    case ValueType::kHashListpack:
      return FromBytes(options, bytes, FromHash, "Hash listpack integrity check failed.");
    case ValueType::kZsetListpack:
      return FromBytes(options, bytes, FromZset, "Zset listpack integrity check failed.");
    default:
      return Corrupt("Unknown RDB encoding type " + std::to_string(type));
  }
}

std::string ModuleTypeName(uint64_t id) {
  constexpr std::string_view kCharacters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  constexpr int kVersionBits = 10;
  std::string name(9, '\0');
  id >>= kVersionBits;
  for (size_t i = name.size(); i-- > 0; id >>= 6) name[i] = kCharacters[id & 63];
  return name;
}

bool IsDumpPayload(std::string_view payload, bool check_crc) {
  constexpr size_t kCrcBytes = 8;
  constexpr size_t kFooterBytes = 2 + kCrcBytes;
  if (payload.size() < kFooterBytes) return false;
  const std::string_view footer = payload.substr(payload.size() - kFooterBytes);
  const int version =
      static_cast<uint8_t>(footer[0]) | static_cast<int>(static_cast<uint8_t>(footer[1])) << 8;
  if (version > kVersion) return false;
  if (!check_crc) return true;
  uint64_t crc = 0;
  for (size_t i = kCrcBytes; i-- > 0;) crc = crc << 8 | static_cast<uint8_t>(footer[2 + i]);
  return crc == Crc64(0, payload.substr(0, payload.size() - kCrcBytes));
}

}  // namespace keyway::shard::rdb
