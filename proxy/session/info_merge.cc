#include "proxy/session/info_merge.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>

namespace keyway::proxy::session {
namespace {

enum class Rule : uint8_t {
  kFirst,     // what is the same everywhere, or has no sum
  kSum,       // numbers, with the decimals of the first
  kLeast,
  kGreatest,
  kStatus,    // "ok" unless one says otherwise
  kLimit,     // the sum; no limit (0) anywhere is no limit
  kHuman,     // of the field without "_human", as it comes out
  kRatio,     // computed of other fields, by kRatios
  kDrop,      // of one node alone
};

struct FieldRule {
  std::string_view section;
  std::string_view field;  // may end in '*'; empty: all others of the section
  Rule rule;
};

// The first row that fits counts. A field whose value is no number falls back to kFirst.
constexpr FieldRule kRules[] = {
    {"Memory", "maxmemory", Rule::kLimit},
    {"Memory", "maxmemory_policy", Rule::kFirst},
    {"Memory", "mem_allocator", Rule::kFirst},
    {"Memory", "total_system_memory", Rule::kGreatest},
    {"Memory", "number_of_*", Rule::kGreatest},
    {"Memory", "active_defrag_running", Rule::kGreatest},
    {"Memory", "used_memory_peak_perc", Rule::kRatio},
    {"Memory", "used_memory_dataset_perc", Rule::kRatio},
    {"Memory", "allocator_frag_ratio", Rule::kRatio},
    {"Memory", "allocator_rss_ratio", Rule::kRatio},
    {"Memory", "rss_overhead_ratio", Rule::kRatio},
    {"Memory", "mem_fragmentation_ratio", Rule::kRatio},
    {"Memory", "", Rule::kSum},
    {"Persistence", "rdb_last_save_time", Rule::kLeast},
    {"Persistence", "rdb_last_bgsave_status", Rule::kStatus},
    {"Persistence", "aof_last_bgrewrite_status", Rule::kStatus},
    {"Persistence", "aof_last_write_status", Rule::kStatus},
    {"Persistence", "rdb_changes_since_last_save", Rule::kSum},
    {"Persistence", "rdb_saves", Rule::kSum},
    {"Persistence", "rdb_last_load_keys_*", Rule::kSum},
    {"Persistence", "aof_rewrites", Rule::kSum},
    {"Persistence", "aof_rewrites_consecutive_failures", Rule::kGreatest},
    {"Persistence", "aof_*_size", Rule::kSum},
    {"Persistence", "aof_buffer_length", Rule::kSum},
    {"Persistence", "current_save_keys_*", Rule::kSum},
    {"Persistence", "current_cow_*", Rule::kSum},
    {"Persistence", "", Rule::kGreatest},
    {"Stats", "expired_stale_perc", Rule::kGreatest},
    {"Stats", "latest_fork_usec", Rule::kGreatest},
    {"Stats", "current_eviction_exceeded_time", Rule::kGreatest},
    {"Stats", "", Rule::kSum},
    // WAIT's number: so many replicas have each of the shards.
    {"Replication", "connected_slaves", Rule::kLeast},
    {"Replication", "min_slaves_good_slaves", Rule::kLeast},
    {"Replication", "role", Rule::kFirst},
    {"Replication", "master_failover_state", Rule::kFirst},
    {"Replication", "master_replid", Rule::kFirst},
    {"Replication", "master_replid2", Rule::kFirst},
    {"Replication", "master_repl_offset", Rule::kSum},
    {"Replication", "second_repl_offset", Rule::kFirst},
    {"Replication", "repl_backlog_active", Rule::kLeast},
    {"Replication", "repl_backlog_first_byte_offset", Rule::kFirst},
    {"Replication", "repl_backlog_*", Rule::kSum},
    {"Replication", "", Rule::kDrop},
    {"CPU", "", Rule::kSum},
    {"Clients", "", Rule::kGreatest},
};

// `numerator` / `denominator`, each a field or a field less another one.
struct Ratio {
  std::string_view field;
  std::string_view numerator;
  std::string_view denominator;
  std::string_view less_of_denominator = {};
};
constexpr Ratio kRatios[] = {
    {"used_memory_peak_perc", "used_memory", "used_memory_peak"},
    {"used_memory_dataset_perc", "used_memory_dataset", "used_memory", "used_memory_startup"},
    {"allocator_frag_ratio", "allocator_active", "allocator_allocated"},
    {"allocator_rss_ratio", "allocator_resident", "allocator_active"},
    {"rss_overhead_ratio", "used_memory_rss", "allocator_resident"},
    {"mem_fragmentation_ratio", "used_memory_rss", "used_memory"},
};

constexpr std::string_view kHumanSuffix = "_human";

bool Fits(std::string_view pattern, std::string_view field) {
  if (pattern.empty()) return true;
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == field;
  const std::string_view head = pattern.substr(0, star);
  const std::string_view tail = pattern.substr(star + 1);
  return field.size() >= head.size() + tail.size() && field.starts_with(head) &&
         field.ends_with(tail);
}

Rule RuleOf(std::string_view section, std::string_view field) {
  if (field.ends_with(kHumanSuffix)) return Rule::kHuman;
  const auto* row = std::find_if(
      std::begin(kRules), std::end(kRules),
      [&](const FieldRule& each) { return each.section == section && Fits(each.field, field); });
  return row == std::end(kRules) ? Rule::kFirst : row->rule;
}

// A number, perhaps with decimals and a percent sign behind it.
struct Number {
  double value = 0;
  int64_t whole = 0;
  int decimals = 0;
  bool percent = false;

  std::string Text() const {
    if (decimals == 0 && !percent) return std::to_string(whole);
    char text[64];
    std::snprintf(text, sizeof(text), "%.*f%s", decimals, value, percent ? "%" : "");
    return text;
  }
};

std::optional<Number> ParseNumber(std::string_view text) {
  Number number;
  number.percent = text.ends_with('%');
  if (number.percent) text.remove_suffix(1);
  const char* end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, number.value);
  if (error != std::errc() || parsed != end) return std::nullopt;
  std::from_chars(text.data(), end, number.whole);
  const size_t point = text.find('.');
  if (point != std::string_view::npos) number.decimals = static_cast<int>(text.size() - point - 1);
  return number;
}

using Texts = std::vector<std::string_view>;

std::string MergeNumbers(Rule rule, const Texts& values) {
  std::optional<Number> merged;
  for (std::string_view text : values) {
    const std::optional<Number> number = ParseNumber(text);
    if (!number) return std::string(values[0]);
    if (!merged) {
      merged = number;
      continue;
    }
    switch (rule) {
      case Rule::kLeast:
        if (number->value < merged->value) merged = number;
        break;
      case Rule::kGreatest:
        if (number->value > merged->value) merged = number;
        break;
      default:
        merged->value += number->value;
        merged->whole += number->whole;
    }
    if (rule == Rule::kLimit && number->whole == 0) return "0";
  }
  if (rule == Rule::kLimit && values[0] == "0") return "0";
  return merged->Text();
}

std::string MergeValues(Rule rule, const Texts& values) {
  switch (rule) {
    case Rule::kSum:
    case Rule::kLeast:
    case Rule::kGreatest:
    case Rule::kLimit:
      return MergeNumbers(rule, values);
    case Rule::kStatus:
      for (std::string_view value : values) {
        if (value != "ok") return std::string(value);
      }
      return "ok";
    default:
      return std::string(values[0]);
  }
}

const std::string* FindField(const InfoFields& fields, std::string_view name) {
  const auto field = std::find_if(fields.begin(), fields.end(),
                                  [name](const auto& each) { return each.first == name; });
  return field == fields.end() ? nullptr : &field->second;
}

double FieldNumber(const InfoFields& fields, std::string_view name) {
  const std::string* text = FindField(fields, name);
  const auto number = text == nullptr ? std::nullopt : ParseNumber(*text);
  return number ? number->value : 0;
}

// What follows from other fields, once they are merged.
void ComputeFields(InfoFields* fields) {
  for (auto& [name, value] : *fields) {
    if (name.ends_with(kHumanSuffix)) {
      const std::string base = name.substr(0, name.size() - kHumanSuffix.size());
      value = HumanBytes(static_cast<uint64_t>(FieldNumber(*fields, base)));
      continue;
    }
    const auto* ratio =
        std::find_if(std::begin(kRatios), std::end(kRatios),
                     [name = std::string_view(name)](const Ratio& r) { return r.field == name; });
    if (ratio == std::end(kRatios)) continue;
    std::optional<Number> number = ParseNumber(value);
    const double whole = FieldNumber(*fields, ratio->denominator) -
                         FieldNumber(*fields, ratio->less_of_denominator);
    if (!number || whole <= 0) continue;
    number->value =
        FieldNumber(*fields, ratio->numerator) / whole * (number->percent ? 100 : 1);
    value = number->Text();
  }
}

// "calls=3,usec=10": names and values in turn.
InfoFields ParsePairs(std::string_view text) {
  InfoFields pairs;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view pair = text.substr(0, comma);
    const size_t equals = pair.find('=');
    if (equals != std::string_view::npos) {
      pairs.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
    }
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return pairs;
}

// Lines of pairs: of commands and errors, numbers added; of latencies, the greatest percentiles, as
// those of a whole cannot be told from those of its parts.
std::string MergePairs(Rule rule, const Texts& values) {
  std::vector<std::pair<std::string, std::vector<std::string>>> pairs;
  for (std::string_view value : values) {
    for (auto& [name, text] : ParsePairs(value)) {
      auto known = std::find_if(pairs.begin(), pairs.end(),
                                [&name](const auto& each) { return each.first == name; });
      if (known == pairs.end()) known = pairs.insert(known, {name, {}});
      known->second.push_back(std::move(text));
    }
  }
  InfoFields merged;
  for (const auto& [name, texts] : pairs) {
    merged.emplace_back(name, MergeNumbers(rule, Texts(texts.begin(), texts.end())));
  }
  const double calls = FieldNumber(merged, "calls");
  std::string text;
  for (auto& [name, value] : merged) {
    if (name == "usec_per_call") {
      char mean[64];
      std::snprintf(mean, sizeof(mean), "%.2f",
                    calls > 0 ? FieldNumber(merged, "usec") / calls : 0.0);
      value = mean;
    }
    text += (text.empty() ? "" : ",") + name + "=" + value;
  }
  return text;
}

InfoSection MergeSection(const std::vector<const InfoSection*>& sections) {
  InfoSection merged{sections[0]->title, {}};
  std::vector<std::pair<std::string, Texts>> fields;
  for (const InfoSection* section : sections) {
    for (const auto& [name, value] : section->fields) {
      auto known = std::find_if(fields.begin(), fields.end(),
                                [&name](const auto& each) { return each.first == name; });
      if (known == fields.end()) known = fields.insert(known, {name, {}});
      known->second.push_back(value);
    }
  }
  for (const auto& [name, values] : fields) {
    const bool pairs = values[0].find('=') != std::string_view::npos;
    const Rule rule = RuleOf(merged.title, name);
    if (rule == Rule::kDrop) continue;
    if (pairs) {
      const bool latencies = merged.title == "Latencystats";
      merged.fields.emplace_back(name,
                                 MergePairs(latencies ? Rule::kGreatest : Rule::kSum, values));
    } else {
      merged.fields.emplace_back(name, MergeValues(rule, values));
    }
  }
  ComputeFields(&merged.fields);
  return merged;
}

// The number behind `name` in "keys=3,expires=1,avg_ttl=50"; 0 when it is not there.
uint64_t PairNumber(std::string_view line, std::string_view name) {
  const size_t at = line.find(name);
  if (at == std::string_view::npos) return 0;
  const std::string_view digits = line.substr(at + name.size());
  uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

}  // namespace

std::string HumanBytes(uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "K", "M", "G", "T", "P"};
  if (bytes < 1024) return std::to_string(bytes) + "B";
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f%s", value, kUnits[unit]);
  return text;
}

std::vector<InfoSection> ParseInfo(std::string_view text) {
  std::vector<InfoSection> sections;
  while (!text.empty()) {
    const size_t end = text.find("\r\n");
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 2);
    if (line.starts_with("# ")) {
      sections.push_back({std::string(line.substr(2)), {}});
      continue;
    }
    const size_t colon = line.find(':');
    if (sections.empty() || colon == std::string_view::npos) continue;
    sections.back().fields.emplace_back(line.substr(0, colon), line.substr(colon + 1));
  }
  return sections;
}

std::vector<InfoSection> MergeInfo(std::span<const std::string_view> texts) {
  std::vector<std::vector<InfoSection>> nodes;
  for (std::string_view text : texts) nodes.push_back(ParseInfo(text));
  std::vector<std::pair<std::string_view, std::vector<const InfoSection*>>> by_title;
  for (const auto& sections : nodes) {
    for (const InfoSection& section : sections) {
      auto known = std::find_if(by_title.begin(), by_title.end(), [&section](const auto& each) {
        return each.first == section.title;
      });
      if (known == by_title.end()) known = by_title.insert(known, {section.title, {}});
      known->second.push_back(&section);
    }
  }
  std::vector<InfoSection> merged;
  for (const auto& [title, sections] : by_title) merged.push_back(MergeSection(sections));
  return merged;
}

std::string MergeKeyspace(std::span<const std::string_view> sections) {
  struct Database {
    uint64_t keys = 0;
    uint64_t expires = 0;
    double ttl = 0;  // sum over the keys that expire
  };
  std::map<unsigned, Database> databases;
  for (std::string_view rest : sections) {
    while (!rest.empty()) {
      const size_t end = rest.find('\n');
      const std::string_view line = rest.substr(0, end);
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
      if (!line.starts_with("db")) continue;
      unsigned number = 0;
      const auto [colon, error] =
          std::from_chars(line.data() + 2, line.data() + line.size(), number);
      if (error != std::errc() || colon == line.data() + line.size() || *colon != ':') continue;
      Database& database = databases[number];
      const uint64_t expires = PairNumber(line, "expires=");
      database.keys += PairNumber(line, "keys=");
      database.expires += expires;
      database.ttl +=
          static_cast<double>(PairNumber(line, "avg_ttl=")) * static_cast<double>(expires);
    }
  }
  std::string text;
  for (const auto& [number, database] : databases) {
    const auto ttl =
        database.expires == 0
            ? uint64_t{0}
            : static_cast<uint64_t>(database.ttl / static_cast<double>(database.expires));
    text += "db" + std::to_string(number) + ":keys=" + std::to_string(database.keys) +
            ",expires=" + std::to_string(database.expires) + ",avg_ttl=" + std::to_string(ttl) +
            "\r\n";
  }
  return text;
}

}  // namespace keyway::proxy::session
