#include "shard/types/encodings/stream.h"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/random.h"

namespace keyway::shard::types {
namespace {

using Fields = std::vector<std::string>;
using Entries = std::vector<std::pair<StreamId, Fields>>;

constexpr Stream::NodeLimits kLimits;

void Append(Stream& stream, StreamId id, const Fields& fields,
            const Stream::NodeLimits& limits = kLimits) {
  const std::vector<std::string_view> views(fields.begin(), fields.end());
  stream.Append(id, views, limits);
}

Entries Read(const Stream& stream, StreamId first = StreamId::Min(),
             StreamId last = StreamId::Max(), bool reverse = false) {
  Entries entries;
  StreamWalk walk(stream, first, last, reverse);
  while (walk.Next()) {
    Fields fields;
    StreamWalk::Element field;
    StreamWalk::Element value;
    StreamWalk::Element::Digits digits;
    for (size_t i = 0; i < walk.field_count(); ++i) {
      walk.NextField(&field, &value);
      fields.emplace_back(field.Text(digits));
      fields.emplace_back(value.Text(digits));
    }
    entries.emplace_back(walk.id(), fields);
  }
  return entries;
}

void ExpectValidNodes(const Stream& stream) {
  const Stream::Nodes& nodes = stream.nodes();
  for (auto at = nodes.Begin(); at != nodes.End(); at = nodes.Next(at)) {
    EXPECT_TRUE(StreamNodeView::IsValid(nodes.At(at).entries.block()));
  }
}

TEST(StreamIdTest, Text) {
  EXPECT_EQ(StreamIdText({0, 0}).view(), "0-0");
  EXPECT_EQ(StreamIdText(StreamId::Max()).view(), "18446744073709551615-18446744073709551615");
  StreamId id;
  EXPECT_TRUE(ParseStreamId("15-7", 3, &id));
  EXPECT_EQ(id, (StreamId{15, 7}));
  EXPECT_TRUE(ParseStreamId("15", 3, &id));
  EXPECT_EQ(id, (StreamId{15, 3}));
  bool any = false;
  EXPECT_TRUE(ParseStreamId("15-*", 3, &id, &any));
  EXPECT_TRUE(any);
  EXPECT_FALSE(ParseStreamId("15-*", 3, &id));
  for (const char* text : {"", "-", "+", "a", "1-a", "1-", "-1", "1--1", "1-2-3",
                           "18446744073709551616", "0x1", "1.5"}) {
    EXPECT_FALSE(ParseStreamId(text, 0, &id)) << text;
  }
  EXPECT_FALSE(ParseStreamId(std::string(128, '1'), 0, &id));
  // As the reference reads them.
  for (const char* text : {" 1-1", "+1-1", "01-01", "1-+1"}) {
    EXPECT_TRUE(ParseStreamId(text, 0, &id)) << text;
    EXPECT_EQ(id, (StreamId{1, 1})) << text;
  }
  EXPECT_TRUE(ParseStreamId(std::string_view("1-1\0x", 5), 0, &id));
}

TEST(StreamIdTest, OrderAndBytes) {
  StreamId id{5, ~uint64_t{0}};
  EXPECT_TRUE(id.Increment());
  EXPECT_EQ(id, (StreamId{6, 0}));
  EXPECT_TRUE(id.Decrement());
  EXPECT_EQ(id, (StreamId{5, ~uint64_t{0}}));
  id = StreamId::Max();
  EXPECT_FALSE(id.Increment());
  id = StreamId::Min();
  EXPECT_FALSE(id.Decrement());
  uint8_t bytes[StreamId::kEncodedBytes];
  const StreamId original{0x0102030405060708, 0x1112131415161718};
  original.Encode(bytes);
  EXPECT_EQ(bytes[0], 1);
  EXPECT_EQ(bytes[15], 0x18);
  EXPECT_EQ(StreamId::Decode(bytes), original);
}

TEST(StreamTest, NodeHasRedisLayout) {
  Stream stream;
  Append(stream, {1, 1}, {"f", "12"});
  Append(stream, {2, 5}, {"f", "x"});
  Append(stream, {3, 0}, {"g", "y", "h", "z"});
  ASSERT_TRUE(stream.Delete({2, 5}));
  ASSERT_EQ(stream.nodes().size(), 1u);
  EXPECT_EQ(stream.nodes().At(stream.nodes().Begin()).id, (StreamId{1, 1}));
  const ListpackView node = stream.nodes().At(stream.nodes().Begin()).entries;
  std::vector<std::string> elements;
  ListpackView::Element::Digits digits;
  for (auto at = node.First(); at != ListpackView::kNone; at = node.Next(at)) {
    elements.emplace_back(node.At(at).Text(digits));
  }
  EXPECT_EQ(elements, (std::vector<std::string>{"2", "1", "1",  "f",  "0",  //
                                                "2", "0", "0",  "12", "4",  //
                                                "3", "1", "4",  "x",  "4",  //
                                                "0", "2", "-1", "2",  "g", "y", "h", "z", "8"}));
  EXPECT_EQ(Read(stream), (Entries{{{1, 1}, {"f", "12"}}, {{3, 0}, {"g", "y", "h", "z"}}}));
  EXPECT_EQ(stream.length(), 2u);
  EXPECT_EQ(stream.max_deleted_id(), (StreamId{2, 5}));
}

TEST(StreamTest, RadixTreeNodes) {
  Stream stream;
  EXPECT_EQ(stream.RadixTreeNodes(), 1u);
  const Stream::NodeLimits one{.bytes = 0, .entries = 1};
  // As redis-server tells it.
  const std::vector<std::pair<StreamId, size_t>> wanted = {
      {{1, 1}, 2},   {{1, 2}, 4},    {{1, 300}, 7},
      {{1, 301}, 8}, {{256, 1}, 12}, {{uint64_t{1} << 56, 1}, 15}};
  for (const auto& [id, nodes] : wanted) {
    Append(stream, id, {"f", "v"}, one);
    EXPECT_EQ(stream.RadixTreeNodes(), nodes) << StreamIdText(id).view();
  }
}

TEST(StreamTest, Groups) {
  Stream stream;
  StreamGroup& group = *stream.AddGroup("g");
  EXPECT_EQ(stream.AddGroup("g"), nullptr);
  StreamConsumer& alice = *group.AddConsumer("alice", 10);
  EXPECT_EQ(group.AddConsumer("alice", 10), nullptr);
  StreamConsumer& bob = *group.AddConsumer("bob", 20);
  for (uint64_t ms = 1; ms <= 5; ++ms) group.Assign(*group.AddPending({ms, 0}, 7, 1), alice);
  EXPECT_EQ(group.AddPending({3, 0}, 7, 1), nullptr);
  group.Assign(*group.FindPending({3, 0}), bob);
  EXPECT_EQ(alice.pending().size(), 4u);
  EXPECT_EQ(bob.pending().size(), 1u);
  EXPECT_TRUE(group.EveryPendingIsAssigned());
  EXPECT_TRUE(group.RemovePending({1, 0}));
  EXPECT_FALSE(group.RemovePending({1, 0}));
  group.AddPending({9, 0}, 7, 1);
  EXPECT_FALSE(group.EveryPendingIsAssigned());
  EXPECT_TRUE(group.RemovePending({9, 0}));

  const std::unique_ptr<Stream> copy = stream.Duplicate();
  EXPECT_EQ(group.RemoveConsumer("alice"), 3u);
  EXPECT_EQ(group.pending().size(), 1u);
  EXPECT_TRUE(stream.RemoveGroup("g"));
  EXPECT_FALSE(stream.RemoveGroup("g"));
  StreamGroup& copied = *copy->FindGroup("g");
  EXPECT_EQ(copied.pending().size(), 4u);
  EXPECT_EQ(copied.FindPending({3, 0})->consumer->name(), "bob");
  EXPECT_EQ(copied.FindConsumer("bob")->seen_ms(), 20);
}

TEST(StreamTest, IsBuiltFromNodes) {
  Stream stream;
  const Stream::NodeLimits limits{.bytes = 0, .entries = 3};
  for (uint64_t ms = 1; ms <= 10; ++ms) Append(stream, {ms, ms}, {"f", "v"}, limits);
  Stream built;
  const Stream::Nodes& nodes = stream.nodes();
  // In any order, as a file may have them.
  for (auto at = nodes.Last(); at != nodes.End(); at = nodes.Previous(at)) {
    const std::string_view block = nodes.At(at).entries.block();
    ASSERT_TRUE(StreamNodeView::IsValid(block));
    EXPECT_TRUE(built.AddNode(nodes.At(at).id, Listpack::Copy(block)));
    EXPECT_FALSE(built.AddNode(nodes.At(at).id, Listpack::Copy(block)));
  }
  built.set_header(stream.header());
  EXPECT_EQ(Read(built), Read(stream));
  EXPECT_EQ(built.LastEntry(), (StreamId{10, 10}));
  EXPECT_GT(stream.FreeEffort(), 4u);
}

// A node whose counts do not tell the truth, which RESTORE accepts, must do no harm.
TEST(StreamTest, ToleratesWrongCounts) {
  for (const uint64_t length : {uint64_t{0}, uint64_t{1}, uint64_t{100}}) {
    Stream stream;
    Append(stream, {1, 1}, {"f", "v"});
    Append(stream, {2, 2}, {"f", "v"});
    Listpack node = stream.nodes().At(stream.nodes().Begin()).entries.Duplicate();
    node.Replace(node.First(), int64_t{0});
    node.Replace(node.Next(node.First()), int64_t{2});
    ASSERT_TRUE(StreamNodeView::IsValid(node.block()));
    Stream odd;
    ASSERT_TRUE(odd.AddNode({5, 5}, std::move(node)));
    odd.set_header({.length = length, .last_id = {1, 0}, .first_id = {9, 9}});
    Append(odd, {3, 3}, {"f", "v"});
    odd.Trim({.strategy = Stream::Strategy::kMinId, .min_id = {5, 5}});
    odd.Trim({.max_length = 1});
    odd.Delete({5, 5});
    odd.Delete({6, 6});
    odd.Trim({});
    Read(odd);
  }
}

TEST(StreamNodeTest, RejectsWhatIsNoNode) {
  const auto is_valid = [](std::initializer_list<std::string_view> elements) {
    Listpack node;
    for (const std::string_view element : elements) node.Append(element);
    return StreamNodeView::IsValid(node.block());
  };
  EXPECT_TRUE(is_valid({"1", "0", "1", "f", "0", "2", "0", "0", "v", "4"}));
  EXPECT_TRUE(is_valid({"0", "0", "0", "0"}));
  EXPECT_TRUE(is_valid({"-1", "2", "1", "f", "0", "2", "0", "0", "v", "4"}));
  EXPECT_FALSE(is_valid({"-1", "0", "0", "0"}));
  EXPECT_FALSE(is_valid({}));
  EXPECT_FALSE(is_valid({"1"}));
  EXPECT_FALSE(is_valid({"0", "0", "-1", "0"}));
  EXPECT_FALSE(is_valid({"0", "0", "9223372036854775807", "0"}));
  EXPECT_FALSE(is_valid({"9223372036854775807", "9223372036854775807", "0", "0"}));
  EXPECT_FALSE(is_valid({"0", "0", "1", "f", "1"}));
  EXPECT_FALSE(is_valid({"1", "0", "1", "f", "0", "2", "0", "0", "v", "5"}));
  EXPECT_FALSE(is_valid({"2", "0", "1", "f", "0", "2", "0", "0", "v", "4"}));
  EXPECT_FALSE(is_valid({"0", "0", "1", "f", "0", "2", "0", "0", "v", "4"}));
  EXPECT_FALSE(is_valid({"1", "0", "1", "f", "0", "x", "0", "0", "v", "4"}));
  EXPECT_FALSE(is_valid({"1", "0", "1", "f", "0", "0", "0", "0", "-1", "2"}));
  EXPECT_FALSE(StreamNodeView::IsValid("abc"));
}

// The same as a list of entries that are removed one by one.
class Model {
 public:
  explicit Model(const Stream::NodeLimits& limits) : limits_(limits) {}

  void Append(StreamId id, const Fields& fields) {
    types::Append(stream_, id, fields, limits_);
    entries_.emplace_back(id, fields);
  }
  void Delete(StreamId id) {
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const auto& entry) { return entry.first == id; });
    ASSERT_EQ(stream_.Delete(id), found != entries_.end());
    if (found == entries_.end()) return;
    entries_.erase(found);
    max_deleted_ = std::max(max_deleted_, id);
  }
  void Trim(const Stream::Trimming& trimming) {
    const uint64_t removed = stream_.Trim(trimming);
    uint64_t most = 0;
    for (const auto& [id, fields] : entries_) {
      if (trimming.strategy == Stream::Strategy::kMinId
              ? id >= trimming.min_id
              : entries_.size() - most <= trimming.max_length) {
        break;
      }
      ++most;
    }
    if (trimming.whole_nodes_only) {
      ASSERT_LE(removed, most);
      if (trimming.limit != 0) {
        ASSERT_LE(removed, trimming.limit);
      }
    } else {
      ASSERT_EQ(removed, most);
    }
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(removed));
  }
  void Check(StreamId first, StreamId last) {
    Entries wanted;
    for (const auto& entry : entries_) {
      if (entry.first >= first && entry.first <= last) wanted.push_back(entry);
    }
    ASSERT_EQ(Read(stream_, first, last), wanted);
    std::reverse(wanted.begin(), wanted.end());
    ASSERT_EQ(Read(stream_, first, last, true), wanted);
    ASSERT_EQ(stream_.length(), entries_.size());
    ASSERT_EQ(stream_.max_deleted_id(), max_deleted_);
    ASSERT_EQ(stream_.first_id(), entries_.empty() ? StreamId::Min() : entries_.front().first);
    ASSERT_EQ(stream_.LastEntry().value_or(StreamId::Max()),
              entries_.empty() ? StreamId::Max() : entries_.back().first);
  }
  size_t size() const { return entries_.size(); }
  const Stream& stream() const { return stream_; }

 private:
  Stream::NodeLimits limits_;
  Stream stream_;
  std::deque<std::pair<StreamId, Fields>> entries_;
  StreamId max_deleted_;
};

TEST(StreamTest, RandomChanges) {
  for (const Stream::NodeLimits& limits : {kLimits, Stream::NodeLimits{.bytes = 0, .entries = 3},
                                           Stream::NodeLimits{.bytes = 100, .entries = 0},
                                           Stream::NodeLimits{.bytes = 1, .entries = 1}}) {
    Random random(static_cast<uint64_t>(limits.entries) + 11);
    Model model(limits);
    StreamId now{1, 0};
    const auto near_id = [&] {
      return StreamId{now.ms - random.Below(std::min<uint64_t>(now.ms, 300)), random.Below(3)};
    };
    for (int step = 0; step < 6000; ++step) {
      const uint64_t kind = random.Below(100);
      if (kind < 60) {
        now = random.Below(2) == 0 ? StreamId{now.ms + 1, 0} : StreamId{now.ms, now.seq + 1};
        Fields fields = random.Below(3) == 0 ? Fields{"other", "1", "fields", std::string(70, 'x')}
                                             : Fields{"same", std::to_string(random.Below(100000))};
        model.Append(now, fields);
      } else if (kind < 85) {
        model.Delete(near_id());
      } else if (kind < 90) {
        Stream::Trimming trimming{.whole_nodes_only = random.Below(2) == 0};
        if (random.Below(2) == 0) {
          trimming.max_length = model.size() - std::min<uint64_t>(model.size(), random.Below(40));
        } else {
          trimming.strategy = Stream::Strategy::kMinId;
          trimming.min_id = near_id();
        }
        if (trimming.whole_nodes_only) trimming.limit = random.Below(2) * random.Below(20);
        model.Trim(trimming);
      } else {
        StreamId first = near_id();
        StreamId last = near_id();
        if (last < first) std::swap(first, last);
        model.Check(first, last);
      }
      ASSERT_FALSE(HasFatalFailure());
    }
    model.Check(StreamId::Min(), StreamId::Max());
    ExpectValidNodes(model.stream());
    const std::unique_ptr<Stream> copy = model.stream().Duplicate();
    EXPECT_EQ(Read(*copy), Read(model.stream()));
    EXPECT_GT(copy->AllocatedBytes(), sizeof(Stream));
  }
}

}  // namespace
}  // namespace keyway::shard::types
