#include "shard/server/latency_monitor.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <vector>

#include "shard/config/shard_config.h"

namespace keyway::shard {
namespace {

// The graph: a column's height has as many steps as there are rows of three characters each, from
// the lowest to the highest sample; whole rows below are filled.
constexpr int kRows = 4;
constexpr int kStepsInRow = 3;
constexpr char kPartOfRow[kStepsInRow] = {'_', 'o', '#'};
constexpr char kWholeRow = '|';
constexpr size_t kColumns = 80;

struct Column {
  uint32_t millis;
  std::string label;
};

std::string AgoText(int64_t seconds) {
  if (seconds < 60) return std::to_string(seconds) + "s";
  if (seconds < 3600) return std::to_string(seconds / 60) + "m";
  if (seconds < 3600 * 24) return std::to_string(seconds / 3600) + "h";
  return std::to_string(seconds / (3600 * 24)) + "d";
}

// One band of the graph: rows of columns, an empty row, the labels from top to bottom.
void AppendBand(const std::vector<Column>& columns, size_t from, size_t to, uint32_t low,
                uint32_t high, std::string* text) {
  const double range = high == low ? 1 : high - low;
  constexpr int kSteps = kRows * kStepsInRow;
  for (int row = kRows - 1; row >= 0; --row) {
    for (size_t i = from; i < to; ++i) {
      const int step =
          std::min(kSteps - 1, static_cast<int>((columns[i].millis - low) * kSteps / range));
      const int part = step - row * kStepsInRow;
      *text += part < 0 ? ' ' : part < kStepsInRow ? kPartOfRow[part] : kWholeRow;
    }
    *text += '\n';
  }
  text->append(to - from, ' ').append("\n");
  size_t longest = 0;
  for (size_t i = from; i < to; ++i) longest = std::max(longest, columns[i].label.size());
  for (size_t at = 0; at < longest; ++at) {
    for (size_t i = from; i < to; ++i) {
      *text += at < columns[i].label.size() ? columns[i].label[at] : ' ';
    }
    *text += '\n';
  }
}

struct Analysis {
  uint32_t samples = 0;
  uint32_t low = UINT32_MAX;
  uint32_t high = 0;
  uint64_t average = 0;
  uint64_t deviation = 0;
  double period_seconds = 0;
};

Analysis Analyze(const LatencySeries& series, int64_t now_seconds) {
  Analysis analysis;
  uint64_t sum = 0;
  int64_t oldest = 0;
  series.ForEach([&](const LatencySample& sample) {
    ++analysis.samples;
    analysis.low = std::min(analysis.low, sample.millis);
    analysis.high = std::max(analysis.high, sample.millis);
    sum += sample.millis;
    if (oldest == 0 || sample.seconds < oldest) oldest = sample.seconds;
  });
  if (analysis.samples == 0) return analysis;
  analysis.average = sum / analysis.samples;
  analysis.period_seconds =
      static_cast<double>(now_seconds - oldest) / static_cast<double>(analysis.samples);
  uint64_t deviations = 0;
  series.ForEach([&](const LatencySample& sample) {
    deviations += sample.millis > analysis.average ? sample.millis - analysis.average
                                                   : analysis.average - sample.millis;
  });
  analysis.deviation = deviations / analysis.samples;
  return analysis;
}

bool UsesHugePages() {
  std::ifstream pages("/proc/self/smaps");
  const std::string wanted = "AnonHugePages:";
  for (std::string line; std::getline(pages, line);) {
    if (line.starts_with(wanted) && line.find_first_of("123456789") != std::string::npos)
      return true;
  }
  return false;
}

std::string Printed(const char* format, unsigned long long number) {
  char text[512];
  std::snprintf(text, sizeof(text), format, number);
  return text;
}

constexpr char kDisabled[] =
    "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance. You "
    "may use \"CONFIG SET latency-monitor-threshold <milliseconds>.\" in order to enable it. If we "
    "weren't in a deep space mission I'd suggest to take a look at "
    "https://redis.io/topics/latency-monitor.\n";
constexpr char kSpikes[] =
    "Dave, I have observed latency spikes in this Redis instance. You don't mind talking about it, "
    "do you Dave?\n\n";
constexpr char kNoSpike[] =
    "Dave, no latency spike was observed during the lifetime of this Redis instance, not in the "
    "slightest bit. I honestly think you ought to sit down calmly, take a stress pill, and think "
    "things over.\n";
constexpr char kNoAdvice[] =
    "\nWhile there are latency events logged, I'm not able to suggest any easy fix. Please use the "
    "Redis community to get some help, providing this report in your help request.\n";
constexpr char kAdvices[] = "\nI have a few advices for you:\n\n";
constexpr char kEnableSlowLog[] =
    "- There are latency issues with potentially slow commands you are using. Try to enable the "
    "Slow Log Redis feature using the command 'CONFIG SET slowlog-log-slower-than %llu'. If the "
    "Slow log is disabled Redis is not able to log slow commands execution for you.\n";
constexpr char kTuneSlowLog[] =
    "- Your current Slow Log configuration only logs events that are slower than your configured "
    "latency monitor threshold. Please use 'CONFIG SET slowlog-log-slower-than %llu'.\n";
constexpr char kInspectSlowLog[] =
    "- Check your Slow Log to understand what are the commands you are running which are too slow "
    "to execute. Please check https://redis.io/commands/slowlog for more information.\n";
constexpr char kScheduler[] =
    "- The system is slow to execute Redis code paths not containing system calls. This usually "
    "means the system does not provide Redis CPU time to run for long periods. You should try to:\n"
    "  1) Lower the system load.\n"
    "  2) Use a computer / VM just for Redis if you are running other software in the same "
    "system.\n"
    "  3) Check if you have a \"noisy neighbour\" problem.\n"
    "  4) Check with 'redis-cli --intrinsic-latency 100' what is the intrinsic latency in your "
    "system.\n"
    "  5) Check if the problem is allocator-related by recompiling Redis with MALLOC=libc, if you "
    "are using Jemalloc. However this may create fragmentation problems.\n";
constexpr char kHz[] =
    "- In order to make the Redis keys expiring process more incremental, try to set the 'hz' "
    "configuration parameter to 100 using 'CONFIG SET hz 100'.\n";
constexpr char kLargeObjects[] =
    "- Deleting, expiring or evicting (because of maxmemory policy) large objects is a blocking "
    "operation. If you have very large objects that are often deleted, expired, or evicted, try to "
    "fragment those objects into multiple smaller objects.\n";
constexpr char kMassEviction[] =
    "- Sudden changes to the 'maxmemory' setting via 'CONFIG SET', or allocation of large objects "
    "via sets or sorted sets intersections, STORE option of SORT, Redis Cluster large keys "
    "migrations (RESTORE command), may create sudden memory pressure forcing the server to block "
    "trying to evict keys. \n";
constexpr char kHugePages[] =
    "- I detected a non zero amount of anonymous huge pages used by your process. This creates "
    "very "
    "serious latency events in different conditions, especially when Redis is persisting on disk. "
    "To disable THP support use the command 'echo never > "
    "/sys/kernel/mm/transparent_hugepage/enabled', make sure to also add it into /etc/rc.local so "
    "that the command will be executed again after a reboot. Note that even if you have already "
    "disabled THP, you still need to restart the Redis process to get rid of the huge pages "
    "already "
    "created.\n";

constexpr int64_t kManyHz = 100;

}  // namespace

void LatencySeries::Add(LatencySample sample) {
  max_ = std::max(max_, sample.millis);
  LatencySample& last = samples_[(next_ + kCapacity - 1) % kCapacity];
  if (last.seconds == sample.seconds) {
    last.millis = std::max(last.millis, sample.millis);
    return;
  }
  samples_[next_] = sample;
  next_ = (next_ + 1) % kCapacity;
}

LatencyMonitor::LatencyMonitor(const Clock& clock, const ShardConfig& config)
    : clock_(clock), config_(config) {}

bool LatencyMonitor::enabled() const {
  return config_.latency_monitor_threshold != 0;
}

void LatencyMonitor::Add(std::string_view event, int64_t micros) {
  const int64_t millis = micros / 1000;
  if (!enabled() || millis < config_.latency_monitor_threshold) return;
  const LatencySample sample{clock_.WallMicros() / 1'000'000,
                             static_cast<uint32_t>(std::min<int64_t>(millis, UINT32_MAX))};
  auto found = series_.find(event);
  if (found == series_.end()) found = series_.emplace(event, LatencySeries()).first;
  found->second.Add(sample);
}

const LatencySeries* LatencyMonitor::Find(std::string_view event) const {
  const auto found = series_.find(event);
  return found == series_.end() ? nullptr : &found->second;
}

bool LatencyMonitor::Reset(std::string_view event) {
  const auto found = series_.find(event);
  if (found == series_.end()) return false;
  series_.erase(found);
  return true;
}

size_t LatencyMonitor::ResetAll() {
  const size_t count = series_.size();
  series_.clear();
  return count;
}

std::string LatencyMonitor::Graph(std::string_view event, const LatencySeries& series) const {
  const int64_t now = clock_.WallMicros() / 1'000'000;
  std::vector<Column> columns;
  uint32_t low = UINT32_MAX;
  uint32_t high = 0;
  series.ForEach([&](const LatencySample& sample) {
    columns.push_back({sample.millis, AgoText(now - sample.seconds)});
    low = std::min(low, sample.millis);
    high = std::max(high, sample.millis);
  });
  std::string text(event);
  text += " - high " + std::to_string(high) + " ms, low " + std::to_string(low) +
          " ms (all time high " + std::to_string(series.max()) + " ms)\n";
  text.append(kColumns, '-').append("\n");
  for (size_t from = 0; from < columns.size(); from += kColumns) {
    if (from != 0) text += '\n';
    AppendBand(columns, from, std::min(from + kColumns, columns.size()), low, high, &text);
  }
  return text;
}

std::string LatencyMonitor::Report() const {
  if (!enabled()) return kDisabled;
  if (series_.empty()) return kNoSpike;
  const int64_t now = clock_.WallMicros() / 1'000'000;
  const auto threshold_micros =
      static_cast<unsigned long long>(config_.latency_monitor_threshold) * 1000;
  std::string report = kSpikes;
  int number = 0;
  for (const auto& [event, series] : series_) {
    const Analysis analysis = Analyze(series, now);
    char line[256];
    std::snprintf(
        line, sizeof(line),
        "%d. %.100s: %u latency spikes (average %llums, mean deviation %llums, period %.2f "
        "sec). Worst all time event %ums.\n",
        ++number, event.c_str(), analysis.samples,
        static_cast<unsigned long long>(analysis.average),
        static_cast<unsigned long long>(analysis.deviation), analysis.period_seconds, series.max());
    report += line;
  }

  // In the order in which Redis gives them.
  const bool command = Find("command") != nullptr;
  const bool expire = Find("expire-cycle") != nullptr;
  std::string advices;
  bool advised = expire;  // one about hz, which is not given when hz is high already
  if (command && (config_.slowlog_log_slower_than < 0 || config_.slowlog_max_len == 0)) {
    advices += Printed(kEnableSlowLog, threshold_micros);
  } else if (command &&
             config_.slowlog_log_slower_than / 1000 > config_.latency_monitor_threshold) {
    advices += Printed(kTuneSlowLog, threshold_micros);
  }
  if (command) advices += kInspectSlowLog;
  if (Find("fast-command") != nullptr) advices += kScheduler;
  if (expire && config_.hz < kManyHz) advices += kHz;
  if (command || expire || Find("eviction-del") != nullptr) advices += kLargeObjects;
  if (Find("eviction-cycle") != nullptr) advices += kMassEviction;
  if (UsesHugePages()) advices += kHugePages;
  advised = advised || !advices.empty();
  return report + (advised ? kAdvices + advices : std::string(kNoAdvice));
}

}  // namespace keyway::shard
