#include "shard/types/sort.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "shard/keyspace/key.h"
#include "shard/types/collation.h"
#include "shard/types/encodings/intset.h"
#include "shard/types/encodings/set_table.h"
#include "shard/types/hash.h"
#include "shard/types/integer.h"
#include "shard/types/list.h"
#include "shard/types/partial_sort.h"
#include "shard/types/string.h"
#include "shard/types/zset.h"

namespace keyway::shard::types {

using keyspace::Access;
using keyspace::Key;
using keyspace::Record;
using keyspace::Type;

namespace {

// As strtod reads all of it, up to a zero byte.
bool ReadScore(std::string_view text, double* score) {
  int64_t integer;
  if (ParseInteger(text, &integer)) {
    *score = static_cast<double>(integer);
    return true;
  }
  const std::string terminated(text);
  char* end = nullptr;
  errno = 0;
  *score = std::strtod(terminated.c_str(), &end);
  return *end == '\0' && errno != ERANGE && !std::isnan(*score);
}

class Order {
 public:
  Order(const SortOptions& options, bool by_pattern) : options_(options), by_pattern_(by_pattern) {}

  // Negative, 0, positive.
  int operator()(const Sort::Item& first, const Sort::Item& second) const {
    const int order = Ascending(first, second);
    return options_.descending ? (order < 0) - (order > 0) : order;
  }

 private:
  int Ascending(const Sort::Item& first, const Sort::Item& second) const {
    if (!options_.alphabetic) {
      if (first.score != second.score) return first.score < second.score ? -1 : 1;
      return first.text.compare(second.text);
    }
    if (!by_pattern_) return Texts(first.text, second.text);
    if (!first.has_weight || !second.has_weight) return first.has_weight - second.has_weight;
    return Texts(first.weight, second.weight);
  }
  int Texts(std::string_view first, std::string_view second) const {
    return options_.for_store ? first.compare(second) : Collate(first, second);
  }

  const SortOptions& options_;
  const bool by_pattern_;
};

// The patterns of Redis end at a zero byte when it looks for their parts.
std::string_view Searchable(std::string_view pattern) {
  return pattern.substr(0, pattern.find('\0'));
}

}  // namespace

bool IsSortPattern(std::string_view pattern) {
  return Searchable(pattern).find('*') != std::string_view::npos;
}

std::string_view Sort::Keep(std::string_view text) {
  auto* copy = static_cast<char*>(arena_.allocate(std::max<size_t>(text.size(), 1), 1));
  if (!text.empty()) std::memcpy(copy, text.data(), text.size());
  return {copy, text.size()};
}

void Sort::Add(const ListpackView::Element& element) {
  Add(element.is_integer ? Keep(element.Text(digits_)) : element.bytes);
}

void Sort::Load(const Record& record) {
  if (record.type() == Type::kList) {
    const Quicklist& list = ListOf(record);
    items_.reserve(list.size());
    for (auto cursor = list.Begin(ListEnd::kHead); cursor; cursor = list.Next(cursor)) {
      Add(list.At(cursor));
    }
  } else if (record.type() == Type::kZset) {
    const ZsetView zset(record);
    items_.reserve(zset.size());
    // The text of an integer in a listpack is that of the element only.
    zset.ForEach([&](const ZsetElement& element) {
      Add(zset.is_listpack() ? Keep(element.member()) : element.member());
    });
  } else if (record.encoding() == keyspace::Encoding::kIntset) {
    const IntsetView set(record.object());
    items_.reserve(set.size());
    for (size_t i = 0; i < set.size(); ++i) {
      Add(ListpackView::Element{.is_integer = true, .integer = set.At(i), .bytes = {}});
    }
  } else {
    const auto& set = *static_cast<const SetTable*>(record.object());
    items_.reserve(set.size());
    set.ForEach([&](std::string_view member) { Add(member); });
  }
}

std::optional<std::string_view> Sort::Get(std::string_view pattern, std::string_view text) {
  if (pattern == "#") return text;
  const std::string_view searchable = Searchable(pattern);
  const size_t star = searchable.find('*');
  if (star == std::string_view::npos) return std::nullopt;
  constexpr std::string_view kArrow = "->";
  const size_t arrow = searchable.find(kArrow, star + 1);
  const bool has_field =
      arrow != std::string_view::npos && arrow + kArrow.size() < searchable.size();
  key_.assign(pattern.substr(0, star)).append(text);
  key_.append(pattern.substr(star + 1, has_field ? arrow - star - 1 : std::string_view::npos));

  const Record* record = database_.Find(Key(key_), now_ms_, Access::kRead);
  if (record == nullptr) return std::nullopt;
  if (has_field) {
    if (record->type() != Type::kHash) return std::nullopt;
    return HashGet(*record, pattern.substr(arrow + kArrow.size()), digits_);
  }
  if (record->type() != Type::kString) return std::nullopt;
  const std::string_view bytes = StringBytes(*record).view();
  if (record->encoding() != keyspace::Encoding::kInt) return bytes;
  // The digits were those of the temporary.
  return ListpackView::Element{.is_integer = true, .integer = record->integer(), .bytes = {}}.Text(
      digits_);
}

bool Sort::ReadWeights(const SortOptions& options, bool by_pattern) {
  if (options.alphabetic && !by_pattern) return true;
  bool all_numbers = true;
  for (Item& item : items_) {
    std::string_view value = item.text;
    if (by_pattern) {
      const std::optional<std::string_view> found = Get(*options.by, item.text);
      if (!found.has_value()) continue;
      value = *found;
    }
    if (!options.alphabetic) {
      all_numbers &= ReadScore(value, &item.score);
      continue;
    }
    item.has_weight = true;
    // Only digits, which the next call overwrites, must be copied.
    item.weight = value.data() == digits_.text ? Keep(value) : value;
  }
  return all_numbers;
}

void Sort::SetRange(const SortOptions& options) {
  const auto size = static_cast<int64_t>(items_.size());
  const int64_t start = std::clamp<int64_t>(options.offset, 0, size);
  const int64_t left = size - start;
  const int64_t count = options.count < 0 ? left : std::min(options.count, left);
  range_ = std::span(items_).subspan(static_cast<size_t>(start), static_cast<size_t>(count));
}

void Sort::Order(const SortOptions& options, bool by_pattern) {
  const types::Order order(options, by_pattern);
  if (by_pattern && range_.size() != items_.size()) {
    if (range_.empty()) return;
    const auto first = static_cast<size_t>(range_.data() - items_.data());
    PartialSort(std::span(items_), first, first + range_.size() - 1, order).Run();
    return;
  }
  std::stable_sort(items_.begin(), items_.end(),
                   [&](const Item& a, const Item& b) { return order(a, b) < 0; });
}

bool Sort::Run(const Record* record, const SortOptions& options) {
  if (record == nullptr) return true;
  Load(*record);
  SetRange(options);
  SortOptions used = options;
  if (options.unsorted) {
    const bool has_order = record->type() != Type::kSet;
    if (has_order && options.descending) std::reverse(items_.begin(), items_.end());
    if (has_order || !options.for_store) return true;
    // What is stored must not hang on the order of a table.
    used.by.reset();
    used.alphabetic = true;
  }
  const bool by_pattern = used.by.has_value();
  if (!ReadWeights(used, by_pattern)) return false;
  Order(used, by_pattern);
  return true;
}

}  // namespace keyway::shard::types
