#include "shard/types/encodings/listpack.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace keyway::shard::types {
namespace {

using Position = ListpackView::Position;
using namespace std::string_literals;  // NOLINT: bytes with zeros

std::string TextAt(const ListpackView& pack, Position position) {
  ListpackView::Element::Digits digits;
  return std::string(pack.At(position).Text(digits));
}

std::vector<std::string> Forwards(const ListpackView& pack) {
  std::vector<std::string> texts;
  for (Position at = pack.First(); at != ListpackView::kNone; at = pack.Next(at)) {
    texts.push_back(TextAt(pack, at));
  }
  return texts;
}

std::vector<std::string> Backwards(const ListpackView& pack) {
  std::vector<std::string> texts;
  for (Position at = pack.Last(); at != ListpackView::kNone; at = pack.Previous(at)) {
    texts.insert(texts.begin(), TextAt(pack, at));
  }
  return texts;
}

// The bytes of the only entry, without its backward length.
std::string EncodingOf(std::string_view text) {
  Listpack pack;
  pack.Append(text);
  EXPECT_TRUE(ListpackView::IsValid(pack.block()));
  EXPECT_EQ(TextAt(pack, pack.First()), text);
  EXPECT_TRUE(pack.At(pack.First()).Equals(text));
  return std::string(pack.block().substr(6, pack.bytes() - 8));
}

TEST(Listpack, EmptyOne) {
  const Listpack pack;
  EXPECT_EQ(pack.block(), "\x07\0\0\0\0\0\xff"s);
  EXPECT_TRUE(pack.empty());
  EXPECT_EQ(pack.First(), ListpackView::kNone);
  EXPECT_EQ(pack.Last(), ListpackView::kNone);
  EXPECT_EQ(pack.Seek(0), ListpackView::kNone);
  EXPECT_EQ(pack.Seek(-1), ListpackView::kNone);
  EXPECT_TRUE(ListpackView::IsValid(pack.block()));
}

TEST(Listpack, IntegersTakeTheFewestBytes) {
  EXPECT_EQ(EncodingOf("0"), "\0"s);
  EXPECT_EQ(EncodingOf("127"), "\x7f");
  EXPECT_EQ(EncodingOf("128"), "\xc0\x80");
  EXPECT_EQ(EncodingOf("-1"), "\xdf\xff");
  EXPECT_EQ(EncodingOf("4095"), "\xcf\xff");
  EXPECT_EQ(EncodingOf("-4096"), "\xd0\0"s);
  EXPECT_EQ(EncodingOf("4096"), "\xf1\0\x10"s);
  EXPECT_EQ(EncodingOf("-32768"), "\xf1\0\x80"s);
  EXPECT_EQ(EncodingOf("32768"), "\xf2\0\x80\0"s);
  EXPECT_EQ(EncodingOf("-8388608"), "\xf2\0\0\x80"s);
  EXPECT_EQ(EncodingOf("8388608"), "\xf3\0\0\x80\0"s);
  EXPECT_EQ(EncodingOf("-2147483648"), "\xf3\0\0\0\x80"s);
  EXPECT_EQ(EncodingOf("2147483648"), "\xf4\0\0\0\x80\0\0\0\0"s);
  EXPECT_EQ(EncodingOf("-9223372036854775808"), "\xf4\0\0\0\0\0\0\0\x80"s);
}

TEST(Listpack, OnlyTextThatIsPrintedAgainBecomesAnInteger) {
  for (const char* text :
       {"", "-", "-0", "00", "01", "+1", " 1", "1 ", "1.0", "0x1", "9223372036854775808",
        "-9223372036854775809", "00000000000000000000001"}) {
    const std::string encoded = EncodingOf(text);
    EXPECT_EQ(encoded, static_cast<char>(0x80 | std::string_view(text).size()) + std::string(text));
  }
}

TEST(Listpack, StringsByLength) {
  EXPECT_EQ(EncodingOf(std::string(63, 'x')), "\xbf" + std::string(63, 'x'));
  EXPECT_EQ(EncodingOf(std::string(64, 'x')), "\xe0\x40" + std::string(64, 'x'));
  Listpack pack;
  pack.Append(std::string(4095, 'x'));
  pack.Append(std::string(4096, 'y'));
  pack.Append(std::string(70000, 'z'));
  EXPECT_EQ(pack.block().substr(6, 2), "\xef\xff");
  EXPECT_EQ(pack.block().substr(6 + 2 + 4095 + 2, 5), "\xf0\0\x10\0\0"s);
  EXPECT_TRUE(ListpackView::IsValid(pack.block()));
  EXPECT_EQ(Backwards(pack), Forwards(pack));
}

// Around each length at which one more byte is needed to walk back.
TEST(Listpack, BackwardLengths) {
  for (const size_t edge : {127u, 128u, 16383u, 16384u, 2097151u, 2097152u}) {
    for (size_t length = edge - 6; length < edge + 2; ++length) {
      Listpack pack;
      pack.Append("before");
      pack.Append(std::string(length, 'x'));
      EXPECT_TRUE(ListpackView::IsValid(pack.block())) << length;
      EXPECT_EQ(Backwards(pack), Forwards(pack)) << length;
    }
  }
}

TEST(Listpack, IntegersAndTextAreTheSame) {
  Listpack by_text;
  Listpack by_integer;
  for (const int64_t value : {int64_t{0}, int64_t{-1}, int64_t{4096}, INT64_MIN, INT64_MAX}) {
    by_text.Append(std::to_string(value));
    by_integer.Append(value);
    by_text.Prepend(std::to_string(value));
    by_integer.Prepend(value);
    by_text.InsertBefore(by_text.Seek(1), std::to_string(value));
    by_integer.InsertBefore(by_integer.Seek(1), value);
    by_text.Replace(by_text.First(), std::to_string(value));
    by_integer.Replace(by_integer.First(), value);
  }
  EXPECT_EQ(by_text.block(), by_integer.block());
}

TEST(Listpack, FindSkips) {
  Listpack pack;
  for (const char* text : {"a", "b", "b", "1", "1", "c"}) pack.Append(text);
  EXPECT_EQ(pack.Find(pack.First(), "b"), pack.Seek(1));
  EXPECT_EQ(pack.Find(pack.First(), "b", 1), pack.Seek(2));
  EXPECT_EQ(pack.Find(pack.First(), "1"), pack.Seek(3));
  EXPECT_EQ(pack.Find(pack.First(), "1", 1), pack.Seek(4));
  EXPECT_EQ(pack.Find(pack.First(), "01"), ListpackView::kNone);
  EXPECT_EQ(pack.Find(pack.First(), "c", 1), ListpackView::kNone);
  EXPECT_EQ(pack.Find(pack.Seek(3), "b"), ListpackView::kNone);
  EXPECT_EQ(pack.Find(ListpackView::kNone, "b"), ListpackView::kNone);
}

TEST(Listpack, ManyEntriesAreCounted) {
  Listpack pack(200'000);
  for (int i = 0; i < 65534; ++i) pack.Append(int64_t{1});
  EXPECT_EQ(pack.size(), 65534u);
  EXPECT_EQ(pack.block().substr(4, 2), "\xfe\xff");
  pack.Append(int64_t{2});
  pack.Append(int64_t{3});
  EXPECT_EQ(pack.size(), 65536u);
  EXPECT_EQ(pack.block().substr(4, 2), "\xff\xff");
  EXPECT_TRUE(ListpackView::IsValid(pack.block()));
  EXPECT_EQ(TextAt(pack, pack.Seek(65535)), "3");
  EXPECT_EQ(TextAt(pack, pack.Seek(-65536)), "1");
  EXPECT_EQ(pack.Seek(65536), ListpackView::kNone);
  EXPECT_EQ(pack.Seek(-65537), ListpackView::kNone);
}

TEST(Listpack, OwnershipMoves) {
  Listpack pack;
  pack.Append("a");
  void* block = pack.Release();
  EXPECT_GE(Listpack::AllocatedBytes(block), 9u);
  Listpack adopted = Listpack::Adopt(block);
  Listpack copy = adopted.Duplicate();
  Listpack moved = std::move(adopted);
  moved.Append("b");
  copy = std::move(moved);
  EXPECT_EQ(Forwards(copy), (std::vector<std::string>{"a", "b"}));
}

TEST(Listpack, RefusesWhatCannotBeWalked) {
  Listpack pack;
  pack.Append("hello");
  pack.Append("1000");
  const std::string good(pack.block());
  EXPECT_TRUE(ListpackView::IsValid(good));
  EXPECT_FALSE(ListpackView::IsValid(""));
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_FALSE(ListpackView::IsValid(good.substr(0, length))) << length;
  }
  std::string longer_string = good;
  longer_string[6] = '\x86';
  EXPECT_FALSE(ListpackView::IsValid(longer_string));
  std::string wrong_count = good;
  wrong_count[4] = '\x03';
  EXPECT_FALSE(ListpackView::IsValid(wrong_count));
  std::string wrong_backlength = good;
  wrong_backlength[12] = '\x05';
  EXPECT_FALSE(ListpackView::IsValid(wrong_backlength));
  std::string no_encoding = good;
  no_encoding[6] = '\xf5';
  EXPECT_FALSE(ListpackView::IsValid(no_encoding));
}

// Against a vector: whatever is done, the entries are the same, and so is the block that one gets
// by appending them one by one.
class Model {
 public:
  explicit Model(uint64_t seed) : engine_(seed) {}

  void Step() {
    const size_t at = Below(texts_.size() + 1);
    const bool inside = at < texts_.size();
    const Position position = inside ? pack_.Seek(SignedIndex(at)) : ListpackView::kNone;
    switch (Below(inside ? 8 : 3)) {
      case 0:
        texts_.push_back(Text());
        pack_.Append(texts_.back());
        break;
      case 1:
        texts_.insert(texts_.begin(), Text());
        pack_.Prepend(texts_.front());
        break;
      case 2:
        texts_.insert(texts_.begin() + Signed(at), Text());
        pack_.InsertBefore(position, texts_[at]);
        break;
      case 3:
        texts_.insert(texts_.begin() + Signed(at) + 1, Text());
        inserted_ = pack_.InsertAfter(position, texts_[at + 1]);
        EXPECT_EQ(inserted_, pack_.Next(position));
        break;
      case 4:
        texts_[at] = Text();
        pack_.Replace(position, texts_[at]);
        break;
      case 5:
        Delete(at, position, 1 + Below(4));
        break;
      case 6:
        Delete(at, position, Below(40));
        break;
      default:
        AppendSelf();
    }
  }

  void Check() {
    ASSERT_TRUE(ListpackView::IsValid(pack_.block()));
    ASSERT_EQ(pack_.size(), texts_.size());
    ASSERT_EQ(Forwards(pack_), texts_);
    ASSERT_EQ(Backwards(pack_), texts_);
    Listpack fresh;
    for (const std::string& text : texts_) fresh.Append(text);
    ASSERT_EQ(fresh.block(), pack_.block());
    if (texts_.empty()) return;
    const std::string wanted = Below(2) == 0 ? Text() : texts_[Below(texts_.size())];
    size_t index = 0;
    while (index < texts_.size() && texts_[index] != wanted) ++index;
    ASSERT_EQ(pack_.Find(pack_.First(), wanted), pack_.Seek(static_cast<int64_t>(index)));
  }

 private:
  size_t Below(size_t bound) { return static_cast<size_t>(engine_() % bound); }
  static std::ptrdiff_t Signed(size_t index) { return static_cast<std::ptrdiff_t>(index); }
  // The same entry counted from either end.
  int64_t SignedIndex(size_t index) {
    const auto from_start = static_cast<int64_t>(index);
    return Below(2) == 0 ? from_start : from_start - static_cast<int64_t>(texts_.size());
  }

  std::string Text() {
    if (Below(2) == 0) return std::to_string(static_cast<int64_t>(engine_()) >> Below(64));
    constexpr size_t kLengths[] = {0, 1, 62, 63, 64, 125, 126, 127, 128, 300, 4095, 4096, 17000};
    return std::string(kLengths[Below(Below(8) == 0 ? 13 : 6)], static_cast<char>('a' + Below(3)));
  }

  void Delete(size_t at, Position position, size_t count) {
    const size_t end = std::min(at + count, texts_.size());
    texts_.erase(texts_.begin() + Signed(at), texts_.begin() + Signed(end));
    if (Below(2) == 0) {
      pack_.DeleteRange(at, count);
    } else {
      const Position next = pack_.Delete(position, count);
      EXPECT_EQ(next, pack_.Seek(static_cast<int64_t>(at)));
    }
  }

  void AppendSelf() {
    if (texts_.size() > 60) return Delete(0, pack_.First(), 50);
    pack_.AppendAll(pack_);
    const std::vector<std::string> copy = texts_;
    texts_.insert(texts_.end(), copy.begin(), copy.end());
    pack_.ShrinkToFit();
  }

  std::mt19937_64 engine_;
  Listpack pack_;
  std::vector<std::string> texts_;
  Position inserted_ = ListpackView::kNone;
};

TEST(Listpack, AgreesWithAVector) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Model model(seed);
    for (int step = 0; step < 250; ++step) {
      model.Step();
      model.Check();
      if (HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace keyway::shard::types
