#include "shard/server/process_options.h"

#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>
#include <charconv>
#include <fstream>

#include "common/log/log.h"
#include "shard/config/shard_config.h"
#include "shard/server/memory_usage.h"

namespace keyway::shard {
namespace {

constexpr char kOomScoreFile[] = "/proc/self/oom_score_adj";
constexpr int64_t kMostOomScore = 1000;
// Places in oom-score-adj-values.
constexpr size_t kOomScoreOfPrimary = 0;
constexpr size_t kOomScoreOfReplica = 1;
constexpr size_t kOomScoreOfChild = 2;

bool WriteOomScore(int64_t score) {
  std::ofstream file(kOomScoreFile);
  file << std::clamp(score, -kMostOomScore, kMostOomScore) << std::flush;
  return file.good();
}

bool ReadNumber(std::string_view* text, int* number) {
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), *number);
  if (error != std::errc() || *number < 0) return false;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return true;
}

bool Skip(std::string_view* text, char c) {
  if (!text->starts_with(c)) return false;
  text->remove_prefix(1);
  return true;
}

}  // namespace

std::vector<int> ParseCpuList(std::string_view list) {
  std::vector<int> cpus;
  while (!list.empty()) {
    std::string_view range = list.substr(0, list.find(','));
    list.remove_prefix(std::min(range.size() + 1, list.size()));
    while (Skip(&range, ' ')) {
    }
    int first = 0;
    if (!ReadNumber(&range, &first)) continue;
    int last = first;
    int step = 1;
    if (Skip(&range, '-') && !ReadNumber(&range, &last)) continue;
    if (Skip(&range, ':') && !ReadNumber(&range, &step)) continue;
    for (int cpu = first; cpu <= std::min(last, CPU_SETSIZE - 1);
         cpu += std::clamp(step, 1, CPU_SETSIZE)) {
      cpus.push_back(cpu);
    }
  }
  return cpus;
}

bool RunOnCpus(std::string_view list) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : ParseCpuList(list)) CPU_SET(cpu, &set);
  return sched_setaffinity(0, sizeof(set), &set) == 0;
}

void ApplyOomScoreOfChild(const ShardConfig& config) {
  if (config.oom_score_adj == OomScoreAdj::kNo) return;
  const auto& values = config.oom_score_adj_values;
  int64_t score = values[kOomScoreOfChild];
  if (config.oom_score_adj == OomScoreAdj::kRelative) {
    // To what the parent had before it added its own.
    int64_t of_parent = 0;
    std::ifstream(kOomScoreFile) >> of_parent;
    score += of_parent - values[kOomScoreOfPrimary];
  }
  if (!WriteOomScore(score)) KEYWAY_WARNING() << "Unable to write oom_score_adj";
}

ProcessOptions::ProcessOptions(const ShardConfig& config) : config_(config) {
  std::ifstream(kOomScoreFile) >> oom_score_before_;
}

void ProcessOptions::Apply() {
  if (config_.disable_thp) prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
  if (!config_.server_cpulist.empty() && !RunOnCpus(config_.server_cpulist)) {
    KEYWAY_WARNING() << "server_cpulist '" << config_.server_cpulist << "' could not be applied";
  }
  // Their errors are in the log.
  [[maybe_unused]] const Status score = ApplyOomScore();
  [[maybe_unused]] const Status thread = ApplyAllocatorThread();
}

void ProcessOptions::set_is_replica(bool is_replica) {
  is_replica_ = is_replica;
  [[maybe_unused]] const Status score = ApplyOomScore();
}

Status ProcessOptions::ApplyOomScore() {
  const bool on = config_.oom_score_adj != OomScoreAdj::kNo;
  if (!on && !oom_score_changed_) return {};
  int64_t score = oom_score_before_;
  if (on) {
    const int64_t wanted =
        config_.oom_score_adj_values[is_replica_ ? kOomScoreOfReplica : kOomScoreOfPrimary];
    score = config_.oom_score_adj == OomScoreAdj::kRelative ? score + wanted : wanted;
  }
  if (!WriteOomScore(score)) {
    KEYWAY_WARNING() << "Unable to write oom_score_adj";
    return Error{"Failed to apply new oom_score_adj configuration, check server logs."};
  }
  oom_score_changed_ = on;
  return {};
}

Status ProcessOptions::ApplyAllocatorThread() {
  SetAllocatorThread(config_.jemalloc_bg_thread);
  return {};
}

}  // namespace keyway::shard
