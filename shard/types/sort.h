// SORT: the elements of a list, a set or a sorted set in the order of themselves or of what other
// keys hold, without the protocol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shard/keyspace/database.h"
#include "shard/keyspace/record.h"
#include "shard/types/encodings/listpack.h"

namespace keyway::shard::types {

struct SortOptions {
  std::optional<std::string_view> by;  // a pattern, if not the elements themselves are compared
  bool unsorted = false;               // the order of a list or a sorted set stays as it is
  bool descending = false;
  bool alphabetic = false;
  bool for_store = false;  // compares bytes, not in the language of the environment
  int64_t offset = 0;      // LIMIT; negative: 0
  int64_t count = -1;      // negative: all
};

// Whether a pattern has a place for an element. One that has none says, after BY, that nothing is
// sorted.
bool IsSortPattern(std::string_view pattern);

// Views into elements stay valid as long as no key is changed.
class Sort {
 public:
  Sort(keyspace::Database& database, int64_t now_ms) : database_(database), now_ms_(now_ms) {}

  // `record` is a list, a set or a sorted set, or nullptr. Returns false if a value to sort by is
  // no number.
  [[nodiscard]] bool Run(const keyspace::Record* record, const SortOptions& options);

  struct Item {
    std::string_view text;
    std::string_view weight;  // to sort by, if alphabetic
    double score = 0;
    bool has_weight = false;
  };
  // The range that LIMIT leaves, in order.
  std::span<const Item> items() const { return range_; }

  // What "GET pattern" shows of an element: for "#" itself, else the string at the key that the
  // pattern names with `text` in the place of the first '*', or with "->field" the field of the
  // hash there. nullopt if there is none. Valid until the next call.
  std::optional<std::string_view> Get(std::string_view pattern, std::string_view text);

 private:
  void Load(const keyspace::Record& record);
  void Add(const ListpackView::Element& element);
  void Add(std::string_view text) { items_.push_back({.text = text}); }
  // A copy that stays.
  std::string_view Keep(std::string_view text);
  bool ReadWeights(const SortOptions& options, bool by_pattern);
  void SetRange(const SortOptions& options);
  void Order(const SortOptions& options, bool by_pattern);

  keyspace::Database& database_;
  int64_t now_ms_;
  std::pmr::monotonic_buffer_resource arena_;
  std::vector<Item> items_;
  std::span<Item> range_;
  std::string key_;
  ListpackView::Element::Digits digits_;
};

}  // namespace keyway::shard::types
