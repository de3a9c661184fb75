#include "shard/types/zset.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>

#include "shard/types/score.h"

namespace keyway::shard::types {

using keyspace::Encoding;
using keyspace::Record;
using keyspace::Type;
using keyspace::Value;

using Position = ListpackView::Position;

namespace {

// Of an entry's encoding, beside its bytes, at most; and of a score.
constexpr size_t kEntryOverhead = 10;
constexpr size_t kMaxScoreBytes = 32;

bool HasRoom(ListpackView pack, std::string_view member) {
  return member.size() < Listpack::kMaxBytes &&
         pack.bytes() + member.size() + kMaxScoreBytes + 2 * kEntryOverhead <= Listpack::kMaxBytes;
}

void AppendScore(Listpack* pack, double score) {
  int64_t integer = 0;
  if (ScoreAsInteger(score, &integer)) return pack->Append(integer);
  char text[kScoreBytes];
  pack->Append({text, FormatScore(score, text)});
}

}  // namespace

double ZsetElement::ScoreOf(const ListpackView::Element& element) {
  if (element.is_integer) return static_cast<double>(element.integer);
  double score = 0;
  if (ParseScore(element.bytes, &score)) return score;
  // A payload of RESTORE may have anything here.
  score = std::strtod(std::string(element.bytes).c_str(), nullptr);
  return std::isnan(score) ? 0 : score;
}

// --- Reading.

std::optional<double> ZsetView::Score(std::string_view member) const {
  if (is_listpack()) {
    const Position position = Find(member);
    if (position == ListpackView::kNone) return std::nullopt;
    return ZsetElement::ScoreOf(listpack().At(listpack().Next(position)));
  }
  const SortedSet::Item* item = sorted_set().Find(member);
  if (item == nullptr) return std::nullopt;
  return item->score();
}

std::optional<size_t> ZsetView::Rank(std::string_view member) const {
  if (!is_listpack()) {
    const SortedSet::Item* item = sorted_set().Find(member);
    if (item == nullptr) return std::nullopt;
    return sorted_set().RankOf(*item);
  }
  const ListpackView pack = listpack();
  size_t rank = 0;
  for (Position at = pack.First(); at != ListpackView::kNone; at = pack.Next(pack.Next(at))) {
    if (pack.At(at).Equals(member)) return rank;
    ++rank;
  }
  return std::nullopt;
}

RankSpan ZsetView::Span(const ScoreRange& range) const {
  if (range.IsEmpty()) return {};
  RankSpan span;
  if (is_listpack()) {
    ForEach([&](const ZsetElement& element) {
      const double score = element.score();
      if (range.IsBehind(score)) return false;
      if (range.IsBefore(score)) ++span.begin;
      ++span.end;
      return true;
    });
  } else {
    span.begin = sorted_set().CountBefore(
        [&](double score, const SortedSetItem&) { return range.IsBefore(score); });
    span.end = sorted_set().CountBefore(
        [&](double score, const SortedSetItem&) { return !range.IsBehind(score); });
  }
  return span;
}

RankSpan ZsetView::Span(const LexRange& range, bool from_end) const {
  if (range.IsEmpty() || empty()) return {};
  if (is_listpack()) return SpanInPack(range, from_end);
  RankSpan span;
  span.begin = sorted_set().CountBefore(
      [&](double, const SortedSetItem& item) { return range.IsBefore(item.member()); });
  span.end = sorted_set().CountBefore(
      [&](double, const SortedSetItem& item) { return !range.IsBehind(item.member()); });
  span.end = std::max(span.begin, span.end);
  return span;
}

RankSpan ZsetView::SpanInPack(const LexRange& range, bool from_end) const {
  const RankSpan all = All();
  // The ends are looked at first.
  bool may_have = false;
  ForEach({0, 1}, false,
          [&](const ZsetElement& first) { may_have = !range.IsBehind(first.member()); });
  if (!may_have) return {};
  ForEach({all.end - 1, all.end}, false,
          [&](const ZsetElement& last) { may_have = !range.IsBefore(last.member()); });
  if (!may_have) return {};
  RankSpan span;
  if (from_end) {
    // Over those that are behind, then over those that are not before.
    span = {all.end, all.end};
    ForEach(all, true, [&](const ZsetElement& element) {
      const bool is_behind = span.empty() && range.IsBehind(element.member());
      if (!is_behind && range.IsBefore(element.member())) return false;
      --span.begin;
      if (is_behind) --span.end;
      return true;
    });
  } else {
    ForEach(all, false, [&](const ZsetElement& element) {
      const bool is_before = span.empty() && range.IsBefore(element.member());
      if (!is_before && range.IsBehind(element.member())) return false;
      ++span.end;
      if (is_before) ++span.begin;
      return true;
    });
  }
  return span;
}

// --- Owning.

Zset Zset::ForFirstMember(size_t member_bytes, const ZsetLimits& limits) {
  if (limits.max_entries == 0 || member_bytes > limits.max_member_bytes) {
    return Of(std::make_unique<SortedSet>());
  }
  return OfListpack(Listpack());
}

Zset Zset::ForMembers(size_t members, const ZsetLimits& limits) {
  if (members > limits.max_entries) return Of(std::make_unique<SortedSet>());
  return OfListpack(Listpack());
}

Zset Zset::OfListpack(Listpack pack) {
  return {Encoding::kListpack, pack.Release()};
}

Zset Zset::Of(std::unique_ptr<SortedSet> set) {
  return {Encoding::kSkiplist, set.release()};
}

Zset Zset::Borrow(Record& record) {
  return {record.encoding(), record.object()};
}

Zset::Zset(Zset&& other) noexcept
    : ZsetView(other.encoding_, std::exchange(other.object_, nullptr)) {}

Zset::~Zset() {
  if (object_ == nullptr) return;
  if (is_listpack()) {
    Listpack::FreeBlock(object_);
  } else {
    delete static_cast<SortedSet*>(object_);
  }
}

void Zset::ReturnTo(Record& record) {
  record.set_object(encoding_, std::exchange(object_, nullptr));
}

Value Zset::Release() {
  if (is_listpack()) {
    Listpack pack = Listpack::Adopt(object_);
    pack.ShrinkToFit();
    object_ = pack.Release();
  }
  return Value::Object(Type::kZset, encoding_, std::exchange(object_, nullptr));
}

// --- Changing.

// A change may move the block.
template <typename Change>
void Zset::ChangePack(Change&& change) {
  Listpack pack = Listpack::Adopt(object_);
  change(pack);
  object_ = pack.Release();
}

// The member is not there.
void Zset::InsertInPack(std::string_view member, double score) {
  ChangePack([&](Listpack& pack) {
    Position at = pack.First();
    while (at != ListpackView::kNone) {
      const Position score_at = pack.Next(at);
      const double other = ZsetElement::ScoreOf(pack.At(score_at));
      ListpackView::Element::Digits digits;
      if (other > score || (other == score && pack.At(at).Text(digits) > member)) break;
      at = pack.Next(score_at);
    }
    if (at == ListpackView::kNone) {
      pack.Append(member);
      AppendScore(&pack, score);
      return;
    }
    // What is inserted first comes to stand behind what is inserted next.
    int64_t integer = 0;
    if (ScoreAsInteger(score, &integer)) {
      pack.InsertBefore(at, integer);
    } else {
      char text[kScoreBytes];
      pack.InsertBefore(at, {text, FormatScore(score, text)});
    }
    pack.InsertBefore(at, member);
  });
}

void Zset::Unpack(size_t members) {
  auto set = std::make_unique<SortedSet>();
  set->Reserve(members);
  ForEach([&](const ZsetElement& element) { set->Insert(element.member(), element.score()); });
  Listpack::FreeBlock(object_);
  encoding_ = Encoding::kSkiplist;
  object_ = set.release();
}

void Zset::PackIfSmall(const ZsetLimits& limits) {
  if (is_listpack() || size() > limits.max_entries) return;
  size_t bytes = ListpackView::kHeaderBytes + 1;
  for (SortedSet::Iterator item = set().Begin(); item; ++item) {
    const size_t length = item->member().size();
    if (length > limits.max_member_bytes) return;
    bytes += length + kMaxScoreBytes + 2 * kEntryOverhead;
    if (bytes > Listpack::kMaxBytes) return;
  }
  Listpack pack;
  for (SortedSet::Iterator item = set().Begin(); item; ++item) {
    pack.Append(item->member());
    AppendScore(&pack, item->score());
  }
  delete static_cast<SortedSet*>(object_);
  encoding_ = Encoding::kListpack;
  object_ = pack.Release();
}

Zset::AddResult Zset::Add(std::string_view member, double* score, const AddOptions& options,
                          const ZsetLimits& limits) {
  const SortedSet::Item* item = is_listpack() ? nullptr : set().Find(member);
  const Position position = is_listpack() ? Find(member) : ListpackView::kNone;
  if (item == nullptr && position == ListpackView::kNone) {
    if (options.only_existing) return AddResult::kRefused;
    if (is_listpack()) {
      const size_t members = size() + 1;
      if (members <= limits.max_entries && member.size() <= limits.max_member_bytes &&
          HasRoom(listpack(), member)) {
        InsertInPack(member, *score);
        return AddResult::kAdded;
      }
      Unpack(members);
    }
    set().Insert(member, *score);
    return AddResult::kAdded;
  }
  if (options.only_new) return AddResult::kRefused;
  const double current = item != nullptr
                             ? item->score()
                             : ZsetElement::ScoreOf(listpack().At(listpack().Next(position)));
  if (options.increment) {
    *score += current;
    if (std::isnan(*score)) return AddResult::kNan;
  }
  if ((options.only_less && *score >= current) || (options.only_greater && *score <= current)) {
    return AddResult::kRefused;
  }
  if (*score == current) return AddResult::kUnchanged;
  if (item != nullptr) {
    set().SetScore(item, *score);
  } else {
    ChangePack([&](Listpack& pack) { pack.Delete(position, 2); });
    InsertInPack(member, *score);
  }
  return AddResult::kUpdated;
}

bool Zset::Remove(std::string_view member) {
  if (!is_listpack()) return set().Remove(member);
  const Position position = Find(member);
  if (position == ListpackView::kNone) return false;
  ChangePack([&](Listpack& pack) { pack.Delete(position, 2); });
  return true;
}

void Zset::RemoveSpan(RankSpan span) {
  if (span.empty()) return;
  if (is_listpack()) {
    ChangePack([&](Listpack& pack) { pack.DeleteRange(span.begin * 2, span.size() * 2); });
  } else {
    set().RemoveRange(span.begin, span.end);
  }
}

size_t StoreZset(keyspace::Database& database, const keyspace::Key& key, Zset zset, int64_t now_ms,
                 keyspace::Event event) {
  const size_t size = zset.size();
  if (size == 0) {
    database.Delete(key, keyspace::kEvenIfExpired, keyspace::Reclaim::kNow);
  } else {
    database.Set(key, zset.Release(), keyspace::kNoExpiry, now_ms, event);
  }
  return size;
}

void UnpackZset(keyspace::Database& database, const keyspace::Key& key, const Record* record) {
  if (!ZsetView(*record).is_listpack()) return;
  Record& changed = database.BeginChange(key, record);
  Zset zset = Zset::Borrow(changed);
  zset.Unpack(zset.size());
  zset.ReturnTo(changed);
}

}  // namespace keyway::shard::types
