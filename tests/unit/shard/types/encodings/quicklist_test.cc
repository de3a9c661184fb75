#include "shard/types/encodings/quicklist.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace keyway::shard::types {
namespace {

using Cursor = Quicklist::Cursor;
using End = Quicklist::End;

std::string TextAt(const Quicklist& list, Cursor cursor) {
  ListpackView::Element::Digits digits;
  return std::string(list.At(cursor).Text(digits));
}

std::deque<std::string> Walk(const Quicklist& list, End end) {
  std::deque<std::string> texts;
  for (Cursor cursor = list.Begin(end); cursor; cursor = list.Step(cursor, end)) {
    if (end == End::kHead) {
      texts.push_back(TextAt(list, cursor));
    } else {
      texts.push_front(TextAt(list, cursor));
    }
  }
  return texts;
}

// The number of elements of each node, plain ones negative.
std::vector<int> Shape(const Quicklist& list) {
  std::vector<int> shape;
  list.ForEachNode([&](const Quicklist::NodeView& node) {
    shape.push_back(node.packed ? static_cast<int>(node.elements) : -1);
    if (!node.packed) return;
    EXPECT_TRUE(ListpackView::IsValid(node.bytes));
    EXPECT_EQ(ListpackView(node.bytes.data()).size(), node.elements);
  });
  EXPECT_EQ(shape.size(), list.node_count());
  return shape;
}

Quicklist::Options Fill(int fill) {
  return {.fill = fill, .compress_depth = 0};
}

void PushNumbers(Quicklist* list, int count) {
  for (int i = 0; i < count; ++i) list->Push(End::kTail, std::to_string(i));
}

class PackedThreshold {
 public:
  explicit PackedThreshold(size_t bytes) { EXPECT_TRUE(Quicklist::SetPackedThreshold(bytes)); }
  ~PackedThreshold() { Quicklist::SetPackedThreshold(0); }
};

TEST(Quicklist, OptionsAreCutToTheirRange) {
  const Quicklist low({.fill = -100, .compress_depth = -1});
  EXPECT_EQ(low.fill(), -5);
  EXPECT_EQ(low.compress_depth(), 0);
  const Quicklist high({.fill = 1'000'000, .compress_depth = 1'000'000});
  EXPECT_EQ(high.fill(), 32767);
  EXPECT_EQ(high.compress_depth(), 65535);
  EXPECT_FALSE(Quicklist::SetPackedThreshold(size_t{1} << 32));
}

TEST(Quicklist, NodesFillUpToTheLimit) {
  Quicklist by_count(Fill(3));
  PushNumbers(&by_count, 8);
  EXPECT_EQ(Shape(by_count), (std::vector<int>{3, 3, 2}));
  Quicklist single(Fill(0));
  PushNumbers(&single, 3);
  EXPECT_EQ(Shape(single), (std::vector<int>{1, 1, 1}));
  Quicklist by_size(Fill(-1));
  for (int i = 0; i < 9; ++i) by_size.Push(End::kHead, std::string(1000, 'x'));
  EXPECT_EQ(Shape(by_size), (std::vector<int>{1, 4, 4}));
  Quicklist large_elements(Fill(100));
  for (int i = 0; i < 3; ++i) large_elements.Push(End::kHead, std::string(5000, 'x'));
  EXPECT_EQ(Shape(large_elements), (std::vector<int>{1, 1, 1}));
}

TEST(Quicklist, InsertionSplitsAndMerges) {
  Quicklist list(Fill(4));
  PushNumbers(&list, 8);
  list.InsertAfter(list.Seek(1), "a");
  EXPECT_EQ(Shape(list), (std::vector<int>{2, 3, 4}));
  list.InsertBefore(list.Seek(0), "b");
  EXPECT_EQ(Shape(list), (std::vector<int>{3, 3, 4}));
  list.InsertAfter(list.Seek(-1), "c");
  EXPECT_EQ(Shape(list), (std::vector<int>{3, 3, 4, 1}));
  list.InsertBefore(list.Seek(-1), "d");
  EXPECT_EQ(Shape(list), (std::vector<int>{3, 3, 4, 2}));
  EXPECT_EQ(Walk(list, End::kHead),
            (std::deque<std::string>{"b", "0", "1", "a", "2", "3", "4", "5", "6", "7", "d", "c"}));
}

// Around the size up to which redis-server 7.0.15 joins what a split has just divided.
TEST(Quicklist, MergesAsRedisEstimates) {
  for (const size_t last : {81u, 82u}) {
    Quicklist list(Fill(40000));
    list.Push(End::kTail, "p");
    for (int i = 0; i < 80; ++i) list.Push(End::kTail, std::string(98, 'x'));
    list.Push(End::kTail, std::string(last, 'y'));
    list.InsertAfter(list.Seek(1), std::string(20, 'v'));
    EXPECT_EQ(Shape(list), last == 81 ? std::vector<int>{83} : (std::vector<int>{2, 81})) << last;
  }
}

TEST(Quicklist, LargeElementsStandAlone) {
  const PackedThreshold threshold(10);
  const std::string large = "0123456789";
  Quicklist list(Fill(-2));
  PushNumbers(&list, 4);
  list.Push(End::kTail, large);
  list.Push(End::kTail, "x");
  EXPECT_EQ(Shape(list), (std::vector<int>{4, -1, 1}));
  list.InsertBefore(list.Seek(2), large);
  EXPECT_EQ(Shape(list), (std::vector<int>{2, -1, 2, -1, 1}));
  list.Replace(list.Seek(0), large);
  EXPECT_EQ(Shape(list), (std::vector<int>{-1, 1, -1, 2, -1, 1}));
  list.Replace(list.Seek(0), large + large);
  EXPECT_EQ(TextAt(list, list.Seek(0)), large + large);
  list.Replace(list.Seek(0), "y");
  EXPECT_EQ(Shape(list), (std::vector<int>{2, -1, 2, -1, 1}));
  EXPECT_EQ(Walk(list, End::kTail),
            (std::deque<std::string>{"y", "1", large, "2", "3", large, "x"}));
}

TEST(Quicklist, EmptyPackedNodesAreNotAdded) {
  Quicklist list(Fill(-2));
  list.AppendPacked(Listpack());
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.node_count(), 0u);
  EXPECT_FALSE(list.Begin(End::kHead));
  EXPECT_FALSE(list.Seek(0));
  list.DeleteRange(0, 5);
  list.AppendPlain("");
  EXPECT_EQ(list.size(), 1u);
  EXPECT_EQ(TextAt(list, list.Begin(End::kTail)), "");
}

class Model {
 public:
  Model(uint64_t seed, int fill) : engine_(seed), list_(std::make_unique<Quicklist>(Fill(fill))) {}

  void Step() {
    const size_t at = Below(texts_.size() + 1);
    const bool inside = at < texts_.size();
    const auto place = texts_.begin() + static_cast<std::ptrdiff_t>(at);
    switch (Below(inside ? 9 : 2)) {
      case 0:
        texts_.push_front(Text());
        list_->Push(End::kHead, texts_.front());
        break;
      case 1:
        texts_.push_back(Text());
        list_->Push(End::kTail, texts_.back());
        break;
      case 2:
        list_->InsertBefore(At(at), *texts_.insert(place, Text()));
        break;
      case 3:
        list_->InsertAfter(At(at), *texts_.insert(place + 1, Text()));
        break;
      case 4:
        *place = Text();
        list_->Replace(At(at), *place);
        break;
      case 5: {
        texts_.erase(place);
        const Cursor next = list_->Delete(At(at));
        EXPECT_EQ(next, list_->Seek(static_cast<int64_t>(at)));
        break;
      }
      case 6: {
        const size_t count = Below(Below(4) == 0 ? 60 : 6);
        texts_.erase(place,
                     place + static_cast<std::ptrdiff_t>(std::min(count, texts_.size() - at)));
        list_->DeleteRange(at, count);
        break;
      }
      case 7:
        list_ = list_->Duplicate();
        break;
      default:
        for (int i = 0; i < 5; ++i) {
          texts_.push_back(Text());
          list_->Push(End::kTail, texts_.back());
        }
    }
  }

  void Check() {
    ASSERT_EQ(list_->size(), texts_.size());
    ASSERT_EQ(Walk(*list_, End::kHead), texts_);
    ASSERT_EQ(Walk(*list_, End::kTail), texts_);
    size_t elements = 0;
    for (const int node : Shape(*list_)) elements += static_cast<size_t>(node < 0 ? 1 : node);
    ASSERT_EQ(elements, texts_.size());
    ASSERT_GE(list_->AllocatedBytes(), sizeof(Quicklist));
    ASSERT_EQ(list_->FreeEffort(), list_->node_count());
  }

 private:
  size_t Below(size_t bound) { return static_cast<size_t>(engine_() % bound); }
  // The element with that number, counted from either end.
  Cursor At(size_t index) {
    const auto from_start = static_cast<int64_t>(index);
    if (Below(2) == 0) return list_->Seek(from_start);
    return list_->Seek(from_start - static_cast<int64_t>(list_->size()));
  }
  std::string Text() {
    if (Below(2) == 0) return std::to_string(static_cast<int64_t>(engine_()) >> Below(64));
    constexpr size_t kLengths[] = {0, 1, 5, 30, 200, 4000};
    return std::string(kLengths[Below(Below(8) == 0 ? 6 : 4)], static_cast<char>('a' + Below(3)));
  }

  std::mt19937_64 engine_;
  std::unique_ptr<Quicklist> list_;
  std::deque<std::string> texts_;
};

TEST(Quicklist, AgreesWithADeque) {
  uint64_t seed = 1;
  for (const size_t threshold : {0u, 25u, 150u}) {
    const PackedThreshold set(threshold);
    for (const int fill : {-1, -2, 0, 1, 2, 3, 5, 16, 128}) {
      Model model(seed++, fill);
      for (int step = 0; step < 400; ++step) {
        model.Step();
        model.Check();
        if (HasFatalFailure()) return;
      }
    }
  }
}

}  // namespace
}  // namespace keyway::shard::types
