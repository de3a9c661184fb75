// Sets: what the set commands do to a key, without the protocol.
//
// A set of integers that are not too many is an Intset, any other a SetTable. A set that has become
// a SetTable stays one.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/expected.h"
#include "common/base/random.h"
#include "shard/keyspace/database.h"
#include "shard/keyspace/key.h"
#include "shard/keyspace/record.h"
#include "shard/types/encodings/intset.h"
#include "shard/types/encodings/set_table.h"
#include "shard/types/sampling.h"

namespace keyway::shard::types {

// set-max-intset-entries.
struct SetLimits {
  size_t max_integers = 512;
};

enum class SetError : uint8_t { kWrongType };

// One member on its way through a visitor. The text is valid until the visitor returns, or, where a
// function takes the room for it, as long as that and the set are.
struct SetElement {
  std::string_view text;
  bool is_integer = false;  // it comes from an Intset; if not, the text may be an integer anyway
  int64_t integer = 0;
};

struct IntegerText {
  SetElement Format(int64_t integer) {
    const char* end = std::to_chars(digits, digits + sizeof(digits), integer).ptr;
    return {.text = {digits, static_cast<size_t>(end - digits)},
            .is_integer = true,
            .integer = integer};
  }
  char digits[20];
};

// A set that is read: of a record, or under construction. Valid until the key is changed.
class SetView {
 public:
  // `record` is a set.
  explicit SetView(const keyspace::Record& record);
  explicit SetView(const IntsetView& integers) : intset_(integers.block().data()) {}
  explicit SetView(const SetTable& table) : table_(&table) {}

  size_t size() const { return table_ != nullptr ? table_->size() : integers().size(); }
  bool Contains(std::string_view member) const;
  bool Contains(const SetElement& element) const;
  // Whether it is the same object.
  bool operator==(const SetView&) const = default;

  // Calls `visit(const SetElement&)` for every member, of an Intset in ascending order; it must not
  // change the set.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    if (table_ != nullptr) {
      table_->ForEach([&visit](std::string_view text) { visit(SetElement{.text = text}); });
      return;
    }
    IntegerText text;
    const IntsetView set = integers();
    for (size_t i = 0; i < set.size(); ++i) visit(text.Format(set.At(i)));
  }
  // The same until `visit` returns false.
  template <typename Visit>
  void VisitWhile(Visit&& visit) const;

  // A member chosen at random; the set must not be empty.
  SetElement RandomMember(Random& random, IntegerText& text) const;
  // Calls `visit` for `count` different members chosen at random; `count` at most size().
  template <typename Visit>
  void Sample(Random& random, size_t count, Visit&& visit) const;

 private:
  IntsetView integers() const { return IntsetView(intset_); }

  const void* intset_ = nullptr;  // one of the two
  const SetTable* table_ = nullptr;
};

// A set that is built or changed.
class SetBuilder {
 public:
  // An empty one.
  explicit SetBuilder(const SetLimits& limits) : limits_(limits), integers_(Intset()) {}
  // Works on the object of `record`, a set, until PutBack.
  SetBuilder(const SetLimits& limits, const keyspace::Record& record);

  SetView view() const { return table_ != nullptr ? SetView(*table_) : SetView(*integers_); }
  size_t size() const { return view().size(); }
  // Whether it was added, was removed.
  bool Add(std::string_view member);
  bool Add(const SetElement& element);
  bool Remove(std::string_view member);
  bool Remove(const SetElement& element);

  // The set as a value. Must not be empty.
  keyspace::Value Release();
  void PutBack(keyspace::Record& record);

 private:
  bool AddInteger(int64_t integer);
  void MakeLarge();
  std::pair<keyspace::Encoding, void*> ReleaseObject();

  SetLimits limits_;
  std::optional<Intset> integers_;  // one of the two
  std::unique_ptr<SetTable> table_;
};

// --- Changing. A key that is missing is an empty set; a set without members does not exist.

// SADD, SREM: return how many members were not there, were there.
Expected<size_t, SetError> SetAdd(keyspace::Database& database, const keyspace::Key& key,
                                  std::span<const std::string_view> members,
                                  const SetLimits& limits, int64_t now_ms);
Expected<size_t, SetError> SetRemove(keyspace::Database& database, const keyspace::Key& key,
                                     std::span<const std::string_view> members, int64_t now_ms);
// SMOVE: whether the member was in `from`.
Expected<bool, SetError> SetMove(keyspace::Database& database, const keyspace::Key& from,
                                 const keyspace::Key& to, std::string_view member,
                                 const SetLimits& limits, int64_t now_ms);
// SPOP: removes `count` members (at least 1) of the set `record`, or all if there are not more,
// after a call of `visit` for each of them.
void SetPop(keyspace::Database& database, const keyspace::Key& key, const keyspace::Record* record,
            size_t count, Random& random, const SetLimits& limits,
            const std::function<void(const SetElement&)>& visit);

// --- Several sets; nullptr is an empty one. Each is a set.

using Sets = std::span<const keyspace::Record* const>;

// SINTER: calls `visit` for each member that all sets have until it returns false. Of integers in
// ascending order.
void VisitIntersection(Sets sets, const std::function<bool(const SetElement&)>& visit);
// SDIFF: calls `visit` for each member of the first set that no other has.
void VisitDifference(Sets sets, const SetLimits& limits,
                     const std::function<void(const SetElement&)>& visit);
// The results as sets. Whether one of them is an Intset is as in Redis, which adds members one by
// one and may have to take some of them away again.
SetBuilder BuildIntersection(Sets sets, const SetLimits& limits);
SetBuilder BuildUnion(Sets sets, const SetLimits& limits);
SetBuilder BuildDifference(Sets sets, const SetLimits& limits);

// --- Templates.

template <typename Visit>
void SetView::VisitWhile(Visit&& visit) const {
  if (table_ == nullptr) {
    IntegerText text;
    const IntsetView set = integers();
    for (size_t i = 0; i < set.size(); ++i) {
      if (!visit(text.Format(set.At(i)))) return;
    }
    return;
  }
  constexpr size_t kStep = 256;
  std::vector<std::string_view> found;
  for (SetTable::Position at = 0; at != SetTable::kEnd;) {
    found.clear();
    at = table_->Collect(at, kStep, &found);
    for (const std::string_view text : found) {
      if (!visit(SetElement{.text = text})) return;
    }
  }
}

template <typename Visit>
void SetView::Sample(Random& random, size_t count, Visit&& visit) const {
  if (table_ != nullptr) {
    for (const SetMember* member : SampleItems(table_->table(), random, count)) {
      visit(SetElement{.text = member->text()});
    }
    return;
  }
  IntegerText text;
  for (const size_t rank : SampleRanks(random, size(), count)) {
    visit(text.Format(integers().At(rank)));
  }
}

}  // namespace keyway::shard::types
