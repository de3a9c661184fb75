// Directives whose values have a form of their own. Errors are Redis 7.0.15's texts.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/config/directive.h"
#include "shard/config/shard_config.h"

namespace keyway::shard {

// bind: up to 16 addresses; none means no TCP listener.
std::unique_ptr<config::Value> MakeBind(std::vector<std::string>& addresses);

// save: <seconds> <changes> ..., or nothing. The first line of a file replaces the defaults, the
// following ones add to it.
std::unique_ptr<config::Value> MakeSave(std::vector<SavePoint>& points);

// client-output-buffer-limit: <class> <hard> <soft> <seconds> ...; classes not named stay.
std::unique_ptr<config::Value> MakeOutputLimits(std::array<OutputLimit, kClientClasses>& limits);

// oom-score-adj-values: three integers, for primary, replica and child process.
std::unique_ptr<config::Value> MakeOomScores(std::array<int64_t, 3>& scores);

// latency-tracking-info-percentiles: numbers from 0 to 100.
std::unique_ptr<config::Value> MakePercentiles(std::vector<double>& percentiles);

// notify-keyspace-events: letters, see KeyspaceEvents.
std::unique_ptr<config::Value> MakeKeyspaceEvents(uint32_t& events);

// replicaof: <host> <port>, or "no one". In a cluster, which decides it, it stands in no file.
std::unique_ptr<config::Value> MakeReplicaof(std::string& host, int64_t& port,
                                             const bool& in_cluster);

// dir: the working directory of the process.
std::unique_ptr<config::Value> MakeDirectory();

// maxmemory-clients: bytes or N%.
std::unique_ptr<config::Value> MakeMemoryLimit(MemoryLimit& limit);

// hz: any number from 0 up, kept between 1 and 500.
std::unique_ptr<config::Value> MakeHz(int64_t& hz);

}  // namespace keyway::shard
