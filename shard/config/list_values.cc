#include "shard/config/list_values.h"

#include <limits.h>
#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "common/config/memory_size.h"
#include "common/config/split_words.h"
#include "common/config/values.h"
#include "shard/config/directives.h"

namespace keyway::shard {

namespace {

using config::Range;
using config::RewriteLine;
using Words = std::span<const std::string>;

// Looser than config::ParseInteger: as strtol has it, a sign, leading zeros and blanks are fine,
// and nothing at all is 0.
std::optional<int64_t> ParseLoose(const std::string& text, Range range) {
  char* end = nullptr;
  errno = 0;
  long long value = strtoll(text.c_str(), &end, 10);
  if (errno != 0 || *end != '\0' || end != text.c_str() + text.size()) return std::nullopt;
  if (value < range.low || value > range.high) return std::nullopt;
  return value;
}

template <typename T>
bool Store(T& variable, T value) {
  bool changed = variable != value;
  variable = std::move(value);
  return changed;
}

void AppendWord(std::string& text, const std::string& word) {
  if (!text.empty()) text += ' ';
  text += word;
}

class BindValue final : public config::Value {
 public:
  explicit BindValue(std::vector<std::string>& addresses) : addresses_(addresses) {}

  Expected<bool> Set(Words words) override {
    constexpr size_t kMost = 16;
    if (words.size() > kMost) return Error{"Too many bind addresses specified."};
    // A single empty word (`bind ""`) also says: no address.
    bool none = words.size() == 1 && words[0].empty();
    std::vector<std::string> addresses;
    if (!none) addresses.assign(words.begin(), words.end());
    return Store(addresses_, std::move(addresses));
  }
  std::string Get() const override {
    std::string text;
    for (const std::string& address : addresses_) AppendWord(text, address);
    return text;
  }
  std::vector<RewriteLine> Rewrite(const std::string& initial) const override {
    std::string text = Get();
    if (text == initial) return {};
    return {{text.empty() ? "\"\"" : text, true}};
  }

 private:
  std::vector<std::string>& addresses_;
};

class SaveValue final : public config::Value {
 public:
  explicit SaveValue(std::vector<SavePoint>& points) : points_(points) {}

  Expected<bool> Set(Words words) override {
    auto points = Parse(words);
    if (!points) return points.error();
    return Store(points_, *std::move(points));
  }
  Expected<bool> SetFromFile(Words words, bool first) override {
    auto points = Parse(words);
    if (!points) return points.error();
    if (first || points->empty()) points_.clear();
    points_.insert(points_.end(), points->begin(), points->end());
    return true;
  }
  std::string Get() const override {
    std::string text;
    for (const SavePoint& point : points_) AppendWord(text, Print(point));
    return text;
  }
  std::vector<RewriteLine> Rewrite(const std::string&) const override {
    if (points_.empty()) return {{"\"\"", true}};
    std::vector<RewriteLine> lines;
    for (const SavePoint& point : points_) lines.push_back({Print(point), true});
    return lines;
  }

 private:
  static std::string Print(const SavePoint& point) {
    return std::to_string(point.seconds) + ' ' + std::to_string(point.changes);
  }

  static Expected<std::vector<SavePoint>> Parse(Words words) {
    std::vector<SavePoint> points;
    if (words.size() == 1 && words[0].empty()) return points;
    if (words.size() % 2 != 0) return Error{"Invalid save parameters"};
    for (size_t i = 0; i < words.size(); i += 2) {
      auto seconds = ParseLoose(words[i], {1});
      auto changes = ParseLoose(words[i + 1], {0, INT_MAX});
      if (!seconds || !changes) return Error{"Invalid save parameters"};
      points.push_back({*seconds, *changes});
    }
    return points;
  }

  std::vector<SavePoint>& points_;
};

class OutputLimitsValue final : public config::Value {
 public:
  using Limits = std::array<OutputLimit, kClientClasses>;

  explicit OutputLimitsValue(Limits& limits) : limits_(limits), initial_(limits) {}

  Expected<bool> Set(Words words) override {
    if (words.size() % 4 != 0) {
      return Error{"Wrong number of arguments in buffer limit configuration."};
    }
    Limits limits = limits_;
    for (size_t i = 0; i < words.size(); i += 4) {
      auto which = FindClass(words[i]);
      if (!which) return Error{"Invalid client class specified in buffer limit configuration."};
      auto hard = config::ParseMemory(words[i + 1]);
      auto soft = config::ParseMemory(words[i + 2]);
      auto seconds = ParseLoose(words[i + 3], {0});
      if (!hard || !soft || !seconds) {
        return Error{"Error in hard, soft or soft_seconds setting in buffer limit configuration."};
      }
      limits[*which] = {*hard, *soft, *seconds};
    }
    return Store(limits_, limits);
  }

  std::string Get() const override {
    static constexpr const char* kNames[] = {"normal", "slave", "pubsub"};
    std::string text;
    for (size_t i = 0; i < limits_.size(); ++i) {
      const OutputLimit& limit = limits_[i];
      AppendWord(text, std::string(kNames[i]) + ' ' + std::to_string(limit.hard_bytes) + ' ' +
                           std::to_string(limit.soft_bytes) + ' ' +
                           std::to_string(limit.soft_seconds));
    }
    return text;
  }

  std::vector<RewriteLine> Rewrite(const std::string&) const override {
    static constexpr const char* kNames[] = {"normal", "replica", "pubsub"};
    std::vector<RewriteLine> lines;
    for (size_t i = 0; i < limits_.size(); ++i) {
      const OutputLimit& limit = limits_[i];
      lines.push_back({std::string(kNames[i]) + ' ' + config::FormatMemory(limit.hard_bytes) + ' ' +
                           config::FormatMemory(limit.soft_bytes) + ' ' +
                           std::to_string(limit.soft_seconds),
                       limit != initial_[i]});
    }
    return lines;
  }

 private:
  static std::optional<size_t> FindClass(const std::string& name) {
    const char* text = name.c_str();
    if (strcasecmp(text, "normal") == 0) return kClassNormal;
    if (strcasecmp(text, "slave") == 0 || strcasecmp(text, "replica") == 0) return kClassReplica;
    if (strcasecmp(text, "pubsub") == 0) return kClassPubsub;
    return std::nullopt;
  }

  Limits& limits_;
  Limits initial_;
};

class OomScoresValue final : public config::Value {
 public:
  explicit OomScoresValue(std::array<int64_t, 3>& scores) : scores_(scores) {}

  Expected<bool> Set(Words words) override {
    if (words.size() != scores_.size()) return Error{"wrong number of arguments"};
    std::array<int64_t, 3> scores{};
    for (size_t i = 0; i < scores.size(); ++i) {
      auto score = ParseLoose(words[i], {-2000, 2000});
      if (!score) {
        return Error{"Invalid oom-score-adj-values, elements must be between -2000 and 2000."};
      }
      scores[i] = *score;
    }
    return Store(scores_, scores);
  }
  std::string Get() const override {
    std::string text;
    for (int64_t score : scores_) AppendWord(text, std::to_string(score));
    return text;
  }

 private:
  std::array<int64_t, 3>& scores_;
};

class PercentilesValue final : public config::Value {
 public:
  explicit PercentilesValue(std::vector<double>& percentiles) : percentiles_(percentiles) {}

  Expected<bool> Set(Words words) override {
    std::vector<double> percentiles;
    bool none = words.size() == 1 && words[0].empty();
    if (none) words = {};
    for (const std::string& word : words) {
      char* end = nullptr;
      double value = strtod(word.c_str(), &end);
      bool number = !word.empty() && end == word.c_str() + word.size() && !std::isnan(value) &&
                    isspace(static_cast<unsigned char>(word[0])) == 0;
      if (!number) return Error{"Invalid latency-tracking-info-percentiles parameters"};
      if (value < 0 || value > 100) {
        return Error{"latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"};
      }
      percentiles.push_back(value);
    }
    return Store(percentiles_, std::move(percentiles));
  }
  std::string Get() const override {
    std::string text;
    for (double percentile : percentiles_) AppendWord(text, Print(percentile));
    return text;
  }
  std::vector<RewriteLine> Rewrite(const std::string&) const override {
    std::string text = Get();
    return {{text.empty() ? "\"\"" : text, true}};
  }

 private:
  // Six decimals without the zeros at their end.
  static std::string Print(double value) {
    char digits[64];
    int length = snprintf(digits, sizeof(digits), "%.6f", value);
    std::string text(digits, static_cast<size_t>(length));
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
    return text;
  }

  std::vector<double>& percentiles_;
};

struct EventLetter {
  char letter;
  uint32_t bit;
};
// In the order in which they are printed.
constexpr EventLetter kEventLetters[] = {
    {'g', kEventGeneric},  {'$', kEventString},  {'l', kEventList},    {'s', kEventSet},
    {'h', kEventHash},     {'z', kEventZset},    {'x', kEventExpired}, {'e', kEventEvicted},
    {'t', kEventStream},   {'d', kEventModule},  {'n', kEventNew},     {'K', kEventKeyspace},
    {'E', kEventKeyevent}, {'m', kEventKeyMiss},
};

class KeyspaceEventsValue final : public config::Value {
 public:
  explicit KeyspaceEventsValue(uint32_t& events) : events_(events) {}

  Expected<bool> Set(Words words) override {
    uint32_t events = 0;
    for (char letter : words[0]) {
      if (letter == 'A') {
        events |= kEventAll;
        continue;
      }
      auto known = std::find_if(std::begin(kEventLetters), std::end(kEventLetters),
                                [letter](const EventLetter& e) { return e.letter == letter; });
      if (known == std::end(kEventLetters)) {
        return Error{"Invalid event class character. Use 'Ag$lshzxeKEtmdn'."};
      }
      events |= known->bit;
    }
    return Store(events_, events);
  }
  std::string Get() const override { return KeyspaceEventsText(events_); }
  std::vector<RewriteLine> Rewrite(const std::string& initial) const override {
    std::string text = Get();
    return {{config::Quote(text), text != initial}};
  }

 private:
  uint32_t& events_;
};

class ReplicaofValue final : public config::Value {
 public:
  ReplicaofValue(std::string& host, int64_t& port, const bool& in_cluster)
      : host_(host), port_(port), in_cluster_(in_cluster) {}

  Expected<bool> Set(Words words) override {
    if (words.size() != 2) return Error{"wrong number of arguments"};
    bool nobody =
        strcasecmp(words[0].c_str(), "no") == 0 && strcasecmp(words[1].c_str(), "one") == 0;
    auto port = ParseLoose(words[1], {0, 65535});
    if (!nobody && !port) return Error{"Invalid master port"};
    bool host_changed = Store(host_, nobody ? std::string() : words[0]);
    return Store(port_, nobody ? 0 : *port) || host_changed;
  }
  std::string Get() const override {
    return host_.empty() ? "" : host_ + ' ' + std::to_string(port_);
  }
  std::vector<RewriteLine> Rewrite(const std::string&) const override {
    if (host_.empty() || in_cluster_) return {};
    // REPLICAOF takes any text for a host.
    const bool plain = std::all_of(host_.begin(), host_.end(), [](unsigned char c) {
      return std::isalnum(c) != 0 || std::strchr(".:-_%[]", c) != nullptr;
    });
    return {{plain ? Get() : config::Quote(host_) + ' ' + std::to_string(port_), true}};
  }

 private:
  std::string& host_;
  int64_t& port_;
  const bool& in_cluster_;
};

class DirectoryValue final : public config::Value {
 public:
  Expected<bool> Set(Words words) override {
    if (chdir(words[0].c_str()) != 0) return Error{std::strerror(errno)};
    return true;
  }
  std::string Get() const override {
    char directory[PATH_MAX];
    return getcwd(directory, sizeof(directory)) == nullptr ? "" : directory;
  }
  std::vector<RewriteLine> Rewrite(const std::string&) const override {
    return {{config::Quote(Get()), true}};
  }
};

class MemoryLimitValue final : public config::Value {
 public:
  explicit MemoryLimitValue(MemoryLimit& limit) : limit_(limit) {}

  Expected<bool> Set(Words words) override {
    const std::string& text = words[0];
    if (!text.empty() && text.back() == '%') {
      auto percent = config::ParseInteger(std::string_view(text).substr(0, text.size() - 1));
      if (!percent || *percent < 0) return Error{"argument must be a memory or percent value"};
      if (*percent > 100) return Error{"percentage argument must be less or equal to 100"};
      return Store(limit_, MemoryLimit{*percent, *percent > 0});
    }
    auto bytes = config::ParseMemory(text);
    if (!bytes) return Error{"argument must be a memory or percent value"};
    constexpr auto kMost = std::numeric_limits<int64_t>::max();
    if (*bytes > static_cast<uint64_t>(kMost)) {
      return Error{"argument must be between -100 and " + std::to_string(kMost) + " inclusive"};
    }
    return Store(limit_, MemoryLimit{static_cast<int64_t>(*bytes), false});
  }
  std::string Get() const override {
    return std::to_string(limit_.amount) + (limit_.percent ? "%" : "");
  }
  std::vector<RewriteLine> Rewrite(const std::string& initial) const override {
    std::string text =
        limit_.percent ? Get() : config::FormatMemory(static_cast<uint64_t>(limit_.amount));
    return {{text, Get() != initial}};
  }

 private:
  MemoryLimit& limit_;
};

class HzValue final : public config::Value {
 public:
  explicit HzValue(int64_t& hz) : hz_(hz), given_(config::MakeInteger(wish_, {0, INT_MAX})) {}

  Expected<bool> Set(Words words) override {
    Expected<bool> parsed = given_->Set(words);
    if (!parsed) return parsed;
    return Store(hz_, std::clamp<int64_t>(wish_, 1, 500));
  }
  std::string Get() const override { return std::to_string(hz_); }

 private:
  int64_t& hz_;
  int64_t wish_ = 0;
  std::unique_ptr<config::Value> given_;
};

}  // namespace

std::string KeyspaceEventsText(uint32_t events) {
  std::string text;
  bool all = (events & kEventAll) == kEventAll;
  if (all) text += 'A';
  constexpr uint32_t kImpliedByAll = kEventAll | kEventNew;
  for (const EventLetter& event : kEventLetters) {
    if ((events & event.bit) == 0 || (all && (event.bit & kImpliedByAll) != 0)) continue;
    text += event.letter;
  }
  return text;
}

std::unique_ptr<config::Value> MakeBind(std::vector<std::string>& addresses) {
  return std::make_unique<BindValue>(addresses);
}
std::unique_ptr<config::Value> MakeSave(std::vector<SavePoint>& points) {
  return std::make_unique<SaveValue>(points);
}
std::unique_ptr<config::Value> MakeOutputLimits(std::array<OutputLimit, kClientClasses>& limits) {
  return std::make_unique<OutputLimitsValue>(limits);
}
std::unique_ptr<config::Value> MakeOomScores(std::array<int64_t, 3>& scores) {
  return std::make_unique<OomScoresValue>(scores);
}
std::unique_ptr<config::Value> MakePercentiles(std::vector<double>& percentiles) {
  return std::make_unique<PercentilesValue>(percentiles);
}
std::unique_ptr<config::Value> MakeKeyspaceEvents(uint32_t& events) {
  return std::make_unique<KeyspaceEventsValue>(events);
}
std::unique_ptr<config::Value> MakeReplicaof(std::string& host, int64_t& port,
                                             const bool& in_cluster) {
  return std::make_unique<ReplicaofValue>(host, port, in_cluster);
}
std::unique_ptr<config::Value> MakeDirectory() {
  return std::make_unique<DirectoryValue>();
}
std::unique_ptr<config::Value> MakeMemoryLimit(MemoryLimit& limit) {
  return std::make_unique<MemoryLimitValue>(limit);
}
std::unique_ptr<config::Value> MakeHz(int64_t& hz) {
  return std::make_unique<HzValue>(hz);
}

}  // namespace keyway::shard
