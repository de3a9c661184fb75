// Directives that change what the kernel or the allocator does for the process: oom-score-adj,
// disable-thp, server_cpulist, jemalloc-bg-thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/expected.h"

namespace keyway::shard {

struct ShardConfig;

// "0,2,5-9", "0-9:2": the CPUs of a list as taskset takes it, at most those below 1024. What cannot
// be understood is left out.
std::vector<int> ParseCpuList(std::string_view list);
// The calling thread runs on these only, and so do those that it starts. Whether that was possible.
bool RunOnCpus(std::string_view list);
// In a forked child of a process with the `config`: what oom-score-adj-values has for such. What
// cannot be done is logged.
void ApplyOomScoreOfChild(const ShardConfig& config);

class ProcessOptions {
 public:
  // `config` outlives the object. Called on the main thread, before the others start.
  explicit ProcessOptions(const ShardConfig& config);

  // At the start: all of them. Failures are logged.
  void Apply();
  // The role has changed, and with it the value that holds. A failure is logged.
  void set_is_replica(bool is_replica);
  // CONFIG SET of oom-score-adj or oom-score-adj-values. Error: Redis's text.
  Status ApplyOomScore();
  // CONFIG SET of jemalloc-bg-thread.
  Status ApplyAllocatorThread();

 private:
  const ShardConfig& config_;
  int64_t oom_score_before_ = 0;  // of the process, as it was started
  bool oom_score_changed_ = false;
  bool is_replica_ = false;
};

}  // namespace keyway::shard
