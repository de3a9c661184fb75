#include "proxy/execution/admin_merge.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "common/resp/number.h"
#include "common/resp/reply_parser.h"
#include "proxy/execution/error_text.h"

namespace keyway::proxy::execution {
namespace {

using resp::ReplyValue;
using resp::ReplyWriter;

// As many samples as Redis keeps of an event (LATENCY_TS_LEN).
constexpr size_t kLatencySamples = 160;
constexpr int64_t kDefaultSlowlogEntries = 10;

bool IsArray(const ReplyValue& value) {
  return value.type == '*' || value.type == '~';
}
// A map, in RESP2 an array.
bool IsMap(const ReplyValue& value) {
  return (value.type == '%' || value.type == '*') && value.elements.size() % 2 == 0;
}
bool IsText(const ReplyValue& value) {
  return value.type == '$' || value.type == '=' || value.type == '+';
}

void WrongShape(ReplyWriter& reply) {
  reply.Error(ProxyErrorText("the shards gave replies of different shapes"));
}

// The trees of all answers. False: one is none; the error has been written.
bool ParseAll(Answers answers, std::vector<ReplyValue>* trees, ReplyWriter& reply) {
  for (const ShardAnswer& answer : answers) {
    auto tree = resp::ParseReplyTree(answer.bytes);
    if (!tree.ok()) return WrongShape(reply), false;
    trees->push_back(std::move(*tree));
  }
  if (trees->empty()) return WrongShape(reply), false;
  return true;
}

// Like ParseAll, of answers that are all arrays; in RESP3, some of them are maps.
bool ParseArrays(Answers answers, std::vector<ReplyValue>* trees, ReplyWriter& reply) {
  if (!ParseAll(answers, trees, reply)) return false;
  for (const ReplyValue& tree : *trees) {
    if (!IsArray(tree) && tree.type != '%') return WrongShape(reply), false;
  }
  return true;
}

void WriteValue(const ReplyValue& value, ReplyWriter& reply) {
  switch (value.type) {
    case ':':
      return reply.Integer(value.integer);
    case '_':
      return reply.Null();
    case '*':
      reply.ArrayHeader(value.elements.size());
      for (const ReplyValue& element : value.elements) WriteValue(element, reply);
      return;
    default:
      return reply.Bulk(value.text);
  }
}

template <typename Choose>
void ReplyNumber(Answers answers, ReplyWriter& reply, Choose choose) {
  std::vector<ReplyValue> trees;
  if (!ParseAll(answers, &trees, reply)) return;
  int64_t chosen = trees[0].integer;
  for (const ReplyValue& tree : trees) {
    if (tree.type != ':') return WrongShape(reply);
    chosen = choose(chosen, tree.integer);
  }
  reply.Integer(chosen);
}

struct NamedText {
  std::string_view node;
  std::string_view text;
};

bool ParseTexts(Answers answers, std::vector<ReplyValue>* trees, std::vector<NamedText>* texts,
                ReplyWriter& reply) {
  if (!ParseAll(answers, trees, reply)) return false;
  for (size_t i = 0; i < trees->size(); ++i) {
    if (!IsText((*trees)[i])) {
      WrongShape(reply);
      return false;
    }
    texts->push_back({answers[i].node, (*trees)[i].text});
  }
  return true;
}

void WriteNamed(const std::vector<NamedText>& texts, ReplyWriter& reply) {
  std::string all;
  for (const NamedText& text : texts) {
    all += "# " + std::string(text.node) + "\n";
    all += text.text;
    if (!text.text.ends_with('\n')) all += '\n';
  }
  reply.Verbatim("txt", all);
}

}  // namespace

void ReplyFirst(const Arguments&, Answers answers, ReplyWriter& reply) {
  reply.Raw(answers[0].bytes);
}

void ReplyLeast(const Arguments&, Answers answers, ReplyWriter& reply) {
  ReplyNumber(answers, reply, [](int64_t a, int64_t b) { return std::min(a, b); });
}

void ReplyGreatest(const Arguments&, Answers answers, ReplyWriter& reply) {
  ReplyNumber(answers, reply, [](int64_t a, int64_t b) { return std::max(a, b); });
}

void ReplyTexts(const Arguments&, Answers answers, ReplyWriter& reply) {
  std::vector<ReplyValue> trees;
  std::vector<NamedText> texts;
  if (!ParseTexts(answers, &trees, &texts, reply)) return;
  const bool same = std::all_of(texts.begin(), texts.end(), [&texts](const NamedText& text) {
    return text.text == texts[0].text;
  });
  if (same) return reply.Verbatim("txt", texts[0].text);
  WriteNamed(texts, reply);
}

void ReplyLatencyGraph(const Arguments&, Answers answers, ReplyWriter& reply) {
  std::vector<ShardAnswer> with_samples;
  for (const ShardAnswer& answer : answers) {
    if (!answer.error().starts_with("ERR No samples available")) with_samples.push_back(answer);
  }
  if (with_samples.empty()) return reply.Error(answers[0].error());
  if (const std::string error = ErrorOf(with_samples); !error.empty()) return reply.Error(error);
  std::vector<ReplyValue> trees;
  std::vector<NamedText> texts;
  if (!ParseTexts(with_samples, &trees, &texts, reply)) return;
  // Two shards may draw the same: that they are two is to be seen.
  if (texts.size() == 1) return reply.Verbatim("txt", texts[0].text);
  WriteNamed(texts, reply);
}

void ReplySlowlog(const Arguments& arguments, Answers answers, ReplyWriter& reply) {
  std::vector<ReplyValue> trees;
  if (!ParseArrays(answers, &trees, reply)) return;
  struct Entry {
    int64_t id;
    int64_t time;
    const ReplyValue* value;
  };
  std::vector<Entry> entries;
  for (size_t place = 0; place < trees.size(); ++place) {
    for (const ReplyValue& entry : trees[place].elements) {
      if (entry.elements.size() < 2) return WrongShape(reply);
      const int64_t id = entry.elements[0].integer * static_cast<int64_t>(trees.size()) +
                         static_cast<int64_t>(place);
      entries.push_back({id, entry.elements[1].integer, &entry});
    }
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.time > b.time; });
  int64_t wanted = kDefaultSlowlogEntries;
  if (arguments.size() > 2) {
    // The shards have checked it.
    std::from_chars(arguments[2].data(), arguments[2].data() + arguments[2].size(), wanted);
  }
  if (wanted >= 0) entries.resize(std::min(entries.size(), static_cast<size_t>(wanted)));
  reply.ArrayHeader(entries.size());
  for (const Entry& entry : entries) {
    reply.ArrayHeader(entry.value->elements.size());
    reply.Integer(entry.id);
    for (size_t i = 1; i < entry.value->elements.size(); ++i) {
      WriteValue(entry.value->elements[i], reply);
    }
  }
}

void ReplyLatencyLatest(const Arguments&, Answers answers, ReplyWriter& reply) {
  std::vector<ReplyValue> trees;
  if (!ParseArrays(answers, &trees, reply)) return;
  struct Event {
    std::string_view name;
    int64_t time;
    int64_t latest;
    int64_t greatest;
  };
  std::vector<Event> events;
  for (const ReplyValue& tree : trees) {
    for (const ReplyValue& element : tree.elements) {
      if (element.elements.size() != 4) return WrongShape(reply);
      const auto& [name, time, latest, greatest] =
          std::tie(element.elements[0], element.elements[1], element.elements[2],
                   element.elements[3]);
      const auto known = std::find_if(events.begin(), events.end(), [&name](const Event& event) {
        return event.name == name.text;
      });
      if (known == events.end()) {
        events.push_back({name.text, time.integer, latest.integer, greatest.integer});
        continue;
      }
      if (std::pair(time.integer, latest.integer) > std::pair(known->time, known->latest)) {
        known->time = time.integer;
        known->latest = latest.integer;
      }
      known->greatest = std::max(known->greatest, greatest.integer);
    }
  }
  reply.ArrayHeader(events.size());
  for (const Event& event : events) {
    reply.ArrayHeader(4);
    reply.Bulk(event.name);
    reply.Integer(event.time);
    reply.Integer(event.latest);
    reply.Integer(event.greatest);
  }
}

void ReplyLatencyHistory(const Arguments&, Answers answers, ReplyWriter& reply) {
  std::vector<ReplyValue> trees;
  if (!ParseArrays(answers, &trees, reply)) return;
  std::map<int64_t, int64_t> samples;
  for (const ReplyValue& tree : trees) {
    for (const ReplyValue& sample : tree.elements) {
      if (sample.elements.size() != 2) return WrongShape(reply);
      int64_t& latency = samples[sample.elements[0].integer];
      latency = std::max(latency, sample.elements[1].integer);
    }
  }
  while (samples.size() > kLatencySamples) samples.erase(samples.begin());
  reply.ArrayHeader(samples.size());
  for (const auto& [time, latency] : samples) {
    reply.ArrayHeader(2);
    reply.Integer(time);
    reply.Integer(latency);
  }
}

namespace {

// How many calls took at most so many microseconds, by one shard's cumulative buckets.
int64_t CallsUpTo(const ReplyValue& buckets, int64_t micros) {
  int64_t calls = 0;
  for (size_t i = 0; i + 1 < buckets.elements.size(); i += 2) {
    if (buckets.elements[i].integer <= micros) calls = buckets.elements[i + 1].integer;
  }
  return calls;
}

}  // namespace

void ReplyLatencyHistogram(const Arguments&, Answers answers, ReplyWriter& reply) {
  std::vector<ReplyValue> trees;
  if (!ParseArrays(answers, &trees, reply)) return;
  struct Histogram {
    std::string_view command;
    int64_t calls = 0;
    std::vector<const ReplyValue*> parts;
    std::map<int64_t, int64_t> buckets;
  };
  std::vector<Histogram> histograms;
  for (const ReplyValue& tree : trees) {
    if (!IsMap(tree)) return WrongShape(reply);
    for (size_t i = 0; i < tree.elements.size(); i += 2) {
      const std::string_view command = tree.elements[i].text;
      const ReplyValue* calls = tree.elements[i + 1].Find("calls");
      const ReplyValue* buckets = tree.elements[i + 1].Find("histogram_usec");
      if (calls == nullptr || buckets == nullptr || !IsMap(*buckets)) return WrongShape(reply);
      auto place = std::find_if(histograms.begin(), histograms.end(),
                                [command](const Histogram& h) { return h.command == command; });
      if (place == histograms.end()) place = histograms.insert(place, {command, 0, {}, {}});
      place->calls += calls->integer;
      place->parts.push_back(buckets);
      for (size_t k = 0; k < buckets->elements.size(); k += 2) {
        place->buckets[buckets->elements[k].integer] = 0;
      }
    }
  }
  reply.MapHeader(histograms.size());
  for (Histogram& histogram : histograms) {
    for (auto& [micros, calls] : histogram.buckets) {
      for (const ReplyValue* part : histogram.parts) calls += CallsUpTo(*part, micros);
    }
    reply.Bulk(histogram.command);
    reply.MapHeader(2);
    reply.Bulk("calls");
    reply.Integer(histogram.calls);
    reply.Bulk("histogram_usec");
    reply.MapHeader(histogram.buckets.size());
    for (const auto& [micros, calls] : histogram.buckets) {
      reply.Integer(micros);
      reply.Integer(calls);
    }
  }
}

namespace {

// Shares and ratios, and the field that they are shares of; subtracted from it, a second one.
struct Share {
  std::string_view name;
  std::string_view of;
  std::string_view less = {};
};
constexpr Share kShares[] = {
    {"keys.bytes-per-key", "keys.count"},
    {"dataset.percentage", "total.allocated", "startup.allocated"},
    {"peak.percentage", "peak.allocated"},
    {"allocator-fragmentation.ratio", "allocator.allocated"},
    {"allocator-rss.ratio", "allocator.active"},
    {"rss-overhead.ratio", "allocator.resident"},
    {"fragmentation", "total.allocated"},
};

double NumberOf(const ReplyValue& value) {
  if (value.type == ':') return static_cast<double>(value.integer);
  double number = 0;
  std::from_chars(value.text.data(), value.text.data() + value.text.size(), number);
  return number;
}

double WeightOf(const ReplyValue& map, const Share& share) {
  const ReplyValue* of = map.Find(share.of);
  const ReplyValue* less = share.less.empty() ? nullptr : map.Find(share.less);
  return std::max(0.0, (of == nullptr ? 0 : NumberOf(*of)) -
                           (less == nullptr ? 0 : NumberOf(*less)));
}

void WriteShare(const Share& share, const std::vector<const ReplyValue*>& maps,
                ReplyWriter& reply) {
  double sum = 0;
  double weights = 0;
  bool whole = false;
  for (const ReplyValue* map : maps) {
    const ReplyValue* value = map->Find(share.name);
    if (value == nullptr) continue;
    whole = value->type == ':';
    const double weight = WeightOf(*map, share);
    sum += NumberOf(*value) * weight;
    weights += weight;
  }
  const double mean = weights > 0 ? sum / weights : 0;
  if (whole) {
    reply.Integer(static_cast<int64_t>(mean));
  } else {
    reply.Double(mean);
  }
}

// Numbers added, maps inside (of a database) likewise. Names stand in the order of the first map, with
// those that only others have behind the names that they follow there.
void WriteSums(const std::vector<const ReplyValue*>& maps, ReplyWriter& reply) {
  std::vector<std::string_view> names;
  for (const ReplyValue* map : maps) {
    auto behind = names.begin();
    for (size_t i = 0; i + 1 < map->elements.size(); i += 2) {
      const std::string_view name = map->elements[i].text;
      auto place = std::find(names.begin(), names.end(), name);
      if (place == names.end()) place = names.insert(behind, name);
      behind = place + 1;
    }
  }
  reply.MapHeader(names.size());
  for (std::string_view name : names) {
    reply.Bulk(name);
    const auto* share = std::find_if(std::begin(kShares), std::end(kShares),
                                     [name](const Share& each) { return each.name == name; });
    if (share != std::end(kShares)) {
      WriteShare(*share, maps, reply);
      continue;
    }
    std::vector<const ReplyValue*> values;
    for (const ReplyValue* map : maps) {
      if (const ReplyValue* value = map->Find(name)) values.push_back(value);
    }
    if (IsMap(*values[0])) {
      WriteSums(values, reply);
    } else if (values[0]->type == ':') {
      int64_t sum = 0;
      for (const ReplyValue* value : values) sum += value->integer;
      reply.Integer(sum);
    } else {
      WriteValue(*values[0], reply);
    }
  }
}

}  // namespace

void ReplyMemoryStats(const Arguments&, Answers answers, ReplyWriter& reply) {
  std::vector<ReplyValue> trees;
  if (!ParseArrays(answers, &trees, reply)) return;
  std::vector<const ReplyValue*> maps;
  for (const ReplyValue& tree : trees) {
    if (!IsMap(tree)) return WrongShape(reply);
    maps.push_back(&tree);
  }
  WriteSums(maps, reply);
}

void ReplySwapDb(const Arguments& arguments, Answers answers, ReplyWriter& reply) {
  const std::string error = ErrorOf(answers);
  if (error.empty()) return reply.Ok();
  if (error != "ERR SWAPDB is not allowed in cluster mode") return reply.Error(error);
  constexpr std::string_view kInvalid[] = {"ERR invalid first DB index",
                                           "ERR invalid second DB index"};
  bool in_range = true;
  for (size_t i = 0; i < 2; ++i) {
    int64_t database = 0;
    if (!resp::ParseLength(arguments[i + 1], &database) || database < INT32_MIN ||
        database > INT32_MAX) {
      return reply.Error(kInvalid[i]);
    }
    in_range = in_range && database == 0;
  }
  if (!in_range) return reply.Error("ERR DB index is out of range");
  reply.Ok();
}

}  // namespace keyway::proxy::execution
