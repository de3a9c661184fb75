// The gathered commands: what each asks of the shards, and its reply.
#include <algorithm>
#include <string>
#include <utility>

#include "common/base/parse_double.h"
#include "common/hyperloglog/hyperloglog.h"
#include "common/resp/number.h"
#include "proxy/execution/encode.h"
#include "proxy/execution/error_text.h"
#include "proxy/execution/gathered.h"
#include "proxy/routing/ignore_case.h"

namespace keyway::proxy::execution {
namespace {

using routing::EqualsIgnoreCase;

constexpr std::string_view kSyntaxError = "ERR syntax error";
constexpr std::string_view kStrangeReply = "ERR keyway-proxy: a shard's reply has a strange shape";

// Takes a reply apart from its front, in either version of RESP.
class ReplyReader {
 public:
  explicit ReplyReader(std::string_view reply) : rest_(reply) {}

  // The header of an array or a set.
  bool Aggregate(size_t* elements) {
    std::string_view line;
    int64_t number = 0;
    if (rest_.empty() || (rest_[0] != '*' && rest_[0] != '~') || !Line(&line) ||
        !resp::ParseLength(line, &number) || number < 0) {
      return false;
    }
    *elements = static_cast<size_t>(number);
    // An element takes four bytes at least.
    return *elements <= rest_.size() / 4;
  }
  bool Bulk(std::string_view* bytes) {
    std::string_view line;
    int64_t length = 0;
    if (rest_.empty() || rest_[0] != '$' || !Line(&line) || !resp::ParseLength(line, &length) ||
        length < 0 || static_cast<size_t>(length) + 2 > rest_.size()) {
      return false;
    }
    *bytes = rest_.substr(0, static_cast<size_t>(length));
    rest_.remove_prefix(static_cast<size_t>(length) + 2);
    return true;
  }
  bool Double(double* value) {
    std::string_view text;
    const bool is_double = !rest_.empty() && rest_[0] == ',';
    return (is_double ? Line(&text) : Bulk(&text)) && ParseDouble(text, value);
  }
  bool at_aggregate() const { return !rest_.empty() && rest_[0] == '*'; }

 private:
  bool Line(std::string_view* line) {
    const size_t end = rest_.find("\r\n");
    if (end == std::string_view::npos) return false;
    *line = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 2);
    return true;
  }

  std::string_view rest_;
};

bool ReadMembers(std::string_view reply, Members* members) {
  ReplyReader reader(reply);
  size_t count = 0;
  if (!reader.Aggregate(&count)) return false;
  members->resize(count);
  return std::all_of(members->begin(), members->end(),
                     [&reader](std::string_view& member) { return reader.Bulk(&member); });
}

// RESP2: members and scores in turn; RESP3: pairs.
bool ReadScoredMembers(std::string_view reply, ScoredMembers* members) {
  ReplyReader reader(reply);
  size_t count = 0;
  if (!reader.Aggregate(&count)) return false;
  const bool in_pairs = reader.at_aggregate();
  if (!in_pairs && count % 2 != 0) return false;
  members->resize(in_pairs ? count : count / 2);
  for (ScoredMember& member : *members) {
    size_t two = 0;
    if (in_pairs && (!reader.Aggregate(&two) || two != 2)) return false;
    if (!reader.Bulk(&member.member) || !reader.Double(&member.score)) return false;
  }
  return true;
}

// Sets
// ---------------------------------------------------------------------------------------------

enum class Algebra : uint8_t { kUnion, kIntersection, kDifference };

// SUNION, SINTER and SDIFF: each shard does the part of its slots.
class SetOperation : public GatheredOperation {
 public:
  explicit SetOperation(Algebra algebra) : algebra_(algebra) {}

 protected:
  bool asks_by_slot() const override { return true; }
  void AppendQuestion(std::span<const std::string_view> keys, bool with_first,
                      std::string* bytes) const override {
    AppendArrayHeader(keys.size() + 1, bytes);
    AppendBulk(Word(with_first), bytes);
    for (std::string_view key : keys) AppendBulk(key, bytes);
  }
  Failure Answer(resp::ReplyWriter& reply) override {
    Members result;
    if (!Combine(&result)) return Fail(kStrangeReply);
    SortIfIntegers(&result);
    reply.SetHeader(result.size());
    for (std::string_view member : result) reply.Bulk(member);
    return {};
  }
  bool Combine(Members* result) {
    std::vector<Members> sets(part_count());
    for (size_t i = 0; i < sets.size(); ++i) {
      if (!ReadMembers(part(i).reply, &sets[i])) return false;
    }
    switch (algebra_) {
      case Algebra::kUnion:
        *result = UnionOf(sets);
        break;
      case Algebra::kIntersection:
        *result = IntersectionOf(sets);
        break;
      case Algebra::kDifference:
        *result = DifferenceOf(sets);
        break;
    }
    return true;
  }

 private:
  std::string_view Word(bool with_first) const {
    switch (algebra_) {
      case Algebra::kIntersection:
        return "SINTER";
      case Algebra::kDifference:
        // What is taken away may be taken away at once.
        if (with_first) return "SDIFF";
        break;
      case Algebra::kUnion:
        break;
    }
    return "SUNION";
  }

  const Algebra algebra_;
};

// Reads "[LIMIT n] ..." from words[at] on, of SINTERCARD and ZINTERCARD.
std::string_view ReadLimit(std::span<const std::string> words, size_t at, int64_t* limit) {
  for (; at < words.size(); at += 2) {
    if (!EqualsIgnoreCase(words[at], "LIMIT") || at + 1 == words.size()) return kSyntaxError;
    if (!resp::ParseLength(words[at + 1], limit) || *limit < 0) {
      return "ERR LIMIT can't be negative";
    }
  }
  return {};
}

class SintercardOperation final : public SetOperation {
 public:
  SintercardOperation() : SetOperation(Algebra::kIntersection) {}

 private:
  Failure Check() override {
    int64_t keys = 0;
    if (!resp::ParseLength(words()[1], &keys) || keys < 1) {
      return Fail("ERR numkeys should be greater than 0");
    }
    if (static_cast<uint64_t>(keys) > words().size() - 2) {
      return Fail("ERR Number of keys can't be greater than number of args");
    }
    const std::string_view wrong = ReadLimit(words(), 2 + static_cast<size_t>(keys), &limit_);
    return wrong.empty() ? Failure{} : Fail(wrong);
  }
  Failure Answer(resp::ReplyWriter& reply) override {
    Members result;
    if (!Combine(&result)) return Fail(kStrangeReply);
    const auto count = static_cast<int64_t>(result.size());
    reply.Integer(limit_ > 0 ? std::min(limit_, count) : count);
    return {};
  }

  int64_t limit_ = 0;
};

// HyperLogLogs
// ---------------------------------------------------------------------------------------------

class PfcountOperation final : public GatheredOperation {
 private:
  bool asks_by_slot() const override { return false; }
  void AppendQuestion(std::span<const std::string_view> keys, bool,
                      std::string* bytes) const override {
    AppendArrayHeader(2, bytes);
    AppendBulk("GET", bytes);
    AppendBulk(keys[0], bytes);
  }
  // What is no HyperLogLog is met before what is no string, if its key comes before.
  bool judges_failures() const override { return true; }
  Failure Answer(resp::ReplyWriter& reply) override {
    HyperLogLog::Registers registers{};
    for (size_t i = 0; i < part_count(); ++i) {
      if (part(i).failed()) return {.reply = part(i).reply, .outcome = part(i).outcome};
      if (part(i).type == '_' || part(i).reply == "$-1\r\n") continue;
      std::string_view bytes;
      if (!ReplyReader(part(i).reply).Bulk(&bytes)) return Fail(kStrangeReply);
      if (!HyperLogLog::IsValid(bytes)) {
        return Fail("WRONGTYPE Key is not a valid HyperLogLog string value.");
      }
      if (!HyperLogLog::MergeInto(bytes, &registers)) {
        return Fail("INVALIDOBJ Corrupted HLL object detected");
      }
    }
    reply.Integer(static_cast<int64_t>(HyperLogLog::Count(registers)));
    return {};
  }
};

// Sorted sets
// ---------------------------------------------------------------------------------------------

class ZsetOperation : public GatheredOperation {
 public:
  explicit ZsetOperation(Algebra algebra) : algebra_(algebra) {}

 protected:
  Failure Check() override {
    int64_t keys = 0;
    if (!resp::ParseLength(words()[1], &keys)) {
      return Fail("ERR value is not an integer or out of range");
    }
    if (keys < 1) {
      return Fail("ERR at least 1 input key is needed for '" + command().full_name + "' command");
    }
    if (static_cast<uint64_t>(keys) > words().size() - 2) return Fail(kSyntaxError);
    key_count_ = static_cast<size_t>(keys);
    return {};
  }
  bool asks_by_slot() const override { return false; }
  // Of a set, too, it gives scores.
  void AppendQuestion(std::span<const std::string_view> keys, bool,
                      std::string* bytes) const override {
    AppendArrayHeader(4, bytes);
    for (std::string_view word : {std::string_view("ZUNION"), std::string_view("1"), keys[0],
                                  std::string_view("WITHSCORES")}) {
      AppendBulk(word, bytes);
    }
  }
  Failure Answer(resp::ReplyWriter& reply) override {
    std::vector<ScoredSet> sets;
    if (!ReadSets(&sets)) return Fail(kStrangeReply);
    if (const std::string_view wrong = ReadOptions(&sets); !wrong.empty()) return Fail(wrong);
    const ScoredMembers result = Combine(sets);
    const bool in_pairs = with_scores_ && version() == resp::Version::kResp3;
    reply.ArrayHeader(with_scores_ && !in_pairs ? result.size() * 2 : result.size());
    for (const ScoredMember& member : result) {
      if (in_pairs) reply.ArrayHeader(2);
      reply.Bulk(member.member);
      if (with_scores_) reply.Double(member.score);
    }
    return {};
  }

  size_t first_option() const { return 2 + key_count_; }
  bool ReadSets(std::vector<ScoredSet>* sets) {
    sets->resize(part_count());
    for (size_t i = 0; i < part_count(); ++i) {
      if (!ReadScoredMembers(part(i).reply, &(*sets)[i].members)) return false;
    }
    return true;
  }

  Aggregate aggregate_ = Aggregate::kSum;

 private:
  std::string_view ReadOptions(std::vector<ScoredSet>* sets) {
    const bool has_aggregate = algebra_ != Algebra::kDifference;
    for (size_t at = first_option(); at < words().size();) {
      const std::string_view word = words()[at];
      const size_t left = words().size() - at - 1;
      if (has_aggregate && left >= key_count_ && EqualsIgnoreCase(word, "WEIGHTS")) {
        for (size_t i = 0; i < key_count_; ++i) {
          if (!ParseDouble(words()[at + 1 + i], &(*sets)[i].weight)) {
            return "ERR weight value is not a float";
          }
        }
        at += key_count_ + 1;
      } else if (has_aggregate && left >= 1 && EqualsIgnoreCase(word, "AGGREGATE")) {
        const std::string_view how = words()[at + 1];
        if (EqualsIgnoreCase(how, "SUM")) {
          aggregate_ = Aggregate::kSum;
        } else if (EqualsIgnoreCase(how, "MIN")) {
          aggregate_ = Aggregate::kMin;
        } else if (EqualsIgnoreCase(how, "MAX")) {
          aggregate_ = Aggregate::kMax;
        } else {
          return kSyntaxError;
        }
        at += 2;
      } else if (EqualsIgnoreCase(word, "WITHSCORES")) {
        with_scores_ = true;
        ++at;
      } else {
        return kSyntaxError;
      }
    }
    return {};
  }
  ScoredMembers Combine(std::vector<ScoredSet>& sets) {
    switch (algebra_) {
      case Algebra::kUnion:
        return UnionOf(std::span(sets), aggregate_);
      case Algebra::kIntersection:
        return IntersectionOf(std::span(sets), aggregate_);
      case Algebra::kDifference:
        break;
    }
    return DifferenceOf(std::span<const ScoredSet>(sets));
  }

  const Algebra algebra_;
  size_t key_count_ = 0;
  bool with_scores_ = false;
};

class ZintercardOperation final : public ZsetOperation {
 public:
  ZintercardOperation() : ZsetOperation(Algebra::kIntersection) {}

 private:
  Failure Answer(resp::ReplyWriter& reply) override {
    std::vector<ScoredSet> sets;
    if (!ReadSets(&sets)) return Fail(kStrangeReply);
    int64_t limit = 0;
    if (const std::string_view wrong = ReadLimit(words(), first_option(), &limit);
        !wrong.empty()) {
      return Fail(wrong);
    }
    const auto count =
        static_cast<int64_t>(IntersectionOf(std::span(sets), Aggregate::kSum).size());
    reply.Integer(limit > 0 ? std::min(limit, count) : count);
    return {};
  }
};

}  // namespace

Operation* MakeSunion() {
  return new SetOperation(Algebra::kUnion);
}
Operation* MakeSinter() {
  return new SetOperation(Algebra::kIntersection);
}
Operation* MakeSdiff() {
  return new SetOperation(Algebra::kDifference);
}
Operation* MakeSintercard() {
  return new SintercardOperation;
}
Operation* MakePfcount() {
  return new PfcountOperation;
}
Operation* MakeZunion() {
  return new ZsetOperation(Algebra::kUnion);
}
Operation* MakeZinter() {
  return new ZsetOperation(Algebra::kIntersection);
}
Operation* MakeZdiff() {
  return new ZsetOperation(Algebra::kDifference);
}
Operation* MakeZintercard() {
  return new ZintercardOperation;
}

}  // namespace keyway::proxy::execution
