// Sorted sets: members with scores, in the order of (score, bytes of the member).
//
// A small one is a listpack of member, score, member, score ... in order, a large one a SortedSet.
// Encodings change when Redis changes them, and a listpack's bytes are Redis's. Both are read
// through ZsetView and changed through Zset.
//
// Whatever part of a set is meant, it is first turned into a RankSpan.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "shard/keyspace/database.h"
#include "shard/keyspace/key.h"
#include "shard/keyspace/record.h"
#include "shard/keyspace/value.h"
#include "shard/types/encodings/listpack.h"
#include "shard/types/encodings/sorted_set.h"
#include "shard/types/zset_range.h"

namespace keyway::shard::types {

// Of a member and its score, as a walk shows it. Valid for the call that gets it.
class ZsetElement {
 public:
  ZsetElement(std::string_view member, double score) : member_(member), score_(score) {}
  ZsetElement(std::string_view member, const ListpackView::Element& score)
      : member_(member), packed_(&score) {}

  std::string_view member() const { return member_; }
  // Read from text in a listpack.
  double score() const { return packed_ == nullptr ? score_ : ScoreOf(*packed_); }
  static double ScoreOf(const ListpackView::Element& element);

 private:
  std::string_view member_;
  double score_ = 0;
  const ListpackView::Element* packed_ = nullptr;
};

class ZsetView {
 public:
  // Of a sorted set that outlives the view and is not changed but through it.
  explicit ZsetView(const keyspace::Record& record)
      : ZsetView(record.encoding(), record.object()) {}
  ZsetView(keyspace::Encoding encoding, const void* object)
      : encoding_(encoding), object_(const_cast<void*>(object)) {}

  bool is_listpack() const { return encoding_ == keyspace::Encoding::kListpack; }
  ListpackView listpack() const { return ListpackView(object_); }
  const SortedSet& sorted_set() const { return *static_cast<const SortedSet*>(object_); }

  size_t size() const { return is_listpack() ? listpack().size() / 2 : sorted_set().size(); }
  bool empty() const { return is_listpack() ? listpack().empty() : sorted_set().empty(); }
  std::optional<double> Score(std::string_view member) const;
  // Counted from 0.
  std::optional<size_t> Rank(std::string_view member) const;
  RankSpan All() const { return {0, size()}; }
  RankSpan Span(const ScoreRange& range) const;
  // `from_end`: when members have different scores a range of members is no part of the order; then
  // what is found in a listpack depends on the end at which one begins to look, as in Redis.
  RankSpan Span(const LexRange& range, bool from_end = false) const;

  // Calls `visit(const ZsetElement&)` for the elements of `span`, which lies within All(), in order
  // or, with `reverse`, from its end. `visit` must not change the set; if it returns bool, false
  // ends the walk.
  template <typename Visit>
  void ForEach(RankSpan span, bool reverse, Visit&& visit) const {
    if (span.empty()) return;
    const size_t first = reverse ? span.end - 1 : span.begin;
    if (is_listpack()) {
      const ListpackView pack = listpack();
      ListpackView::Position position = pack.Seek(static_cast<int64_t>(first) * 2);
      for (size_t left = span.size();;) {
        const ListpackView::Position score_position = pack.Next(position);
        const ListpackView::Element score = pack.At(score_position);
        ListpackView::Element::Digits digits;
        if (!Call(visit, ZsetElement(pack.At(position).Text(digits), score)) || --left == 0) return;
        position = reverse ? pack.Previous(pack.Previous(position)) : pack.Next(score_position);
      }
    }
    SortedSet::Iterator item = sorted_set().At(first);
    for (size_t left = span.size();
         Call(visit, ZsetElement(item->member(), item->score())) && --left != 0;) {
      reverse ? --item : ++item;
    }
  }
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    ForEach(All(), false, std::forward<Visit>(visit));
  }

 protected:
  // The member's position, kNone if it is not in the listpack.
  ListpackView::Position Find(std::string_view member) const {
    return listpack().Find(listpack().First(), member, 1);
  }

  keyspace::Encoding encoding_;
  void* object_;

 private:
  RankSpan SpanInPack(const LexRange& range, bool from_end) const;
  template <typename Visit>
  static bool Call(Visit& visit, const ZsetElement& element) {
    if constexpr (std::is_same_v<decltype(visit(element)), bool>) {
      return visit(element);
    } else {
      visit(element);
      return true;
    }
  }
};

// zset-max-listpack-entries and -value.
struct ZsetLimits {
  size_t max_entries = 128;
  size_t max_member_bytes = 64;
};

// Owns its object, or has one on loan from a record.
class Zset : public ZsetView {
 public:
  // Empty, of the encoding that suits a first member of that length.
  static Zset ForFirstMember(size_t member_bytes, const ZsetLimits& limits);
  // Empty, of the encoding that suits that many members.
  static Zset ForMembers(size_t members, const ZsetLimits& limits);
  static Zset OfListpack(Listpack pack);
  static Zset Of(std::unique_ptr<SortedSet> set);
  // On loan from `record`, whose object may be looked at again after ReturnTo.
  static Zset Borrow(keyspace::Record& record);
  Zset(Zset&& other) noexcept;
  Zset& operator=(Zset&&) = delete;
  ~Zset();
  void ReturnTo(keyspace::Record& record);
  // To be stored.
  keyspace::Value Release();

  struct AddOptions {
    bool only_new = false;       // NX
    bool only_existing = false;  // XX
    bool only_greater = false;   // GT
    bool only_less = false;      // LT
    bool increment = false;      // the score is added to that of the member
  };
  enum class AddResult : uint8_t {
    kAdded,
    kUpdated,
    kUnchanged,  // it has that score already
    kRefused,    // by the options
    kNan,        // the sum is not a number
  };
  // `score`: after kAdded, kUpdated and kUnchanged the one that the member has.
  AddResult Add(std::string_view member, double* score, const AddOptions& options,
                const ZsetLimits& limits);
  // Whether it was there.
  bool Remove(std::string_view member);
  // Within All().
  void RemoveSpan(RankSpan span);
  // Makes a SortedSet of a listpack, with room for so many members.
  void Unpack(size_t members);
  // Makes a listpack of a SortedSet that is small enough for one.
  void PackIfSmall(const ZsetLimits& limits);

 private:
  Zset(keyspace::Encoding encoding, void* object) : ZsetView(encoding, object) {}
  SortedSet& set() { return *static_cast<SortedSet*>(object_); }
  template <typename Change>
  void ChangePack(Change&& change);
  void InsertInPack(std::string_view member, double score);
};

// Makes `key` hold `zset`, or nothing if that is empty; no expiry. Returns the size.
size_t StoreZset(keyspace::Database& database, const keyspace::Key& key, Zset zset, int64_t now_ms,
                 keyspace::Event event);

// Makes a SortedSet of the listpack of `record`, a sorted set that Find returned for `key`: what SORT
// does to what it sorts. No event, as the members stay the same.
void UnpackZset(keyspace::Database& database, const keyspace::Key& key,
                const keyspace::Record* record);

// Changes the sorted set of `record`, which Find returned for `key`: calls `change(Zset&)`, which
// returns how many changes it made, none if nothing has changed. Removes the key if nothing is left
// in it. Returns the number of changes.
template <typename Change>
size_t ChangeZset(keyspace::Database& database, const keyspace::Key& key,
                  const keyspace::Record* record, keyspace::Event event, Change&& change) {
  keyspace::Record& changed = database.BeginChange(key, record);
  Zset zset = Zset::Borrow(changed);
  const size_t changes = change(zset);
  const bool emptied = zset.empty();
  zset.ReturnTo(changed);
  if (changes == 0) return 0;
  database.EndChange(key, event, changes);
  if (emptied) database.DeleteEmptied(key);
  return changes;
}

}  // namespace keyway::shard::types
