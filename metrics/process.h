// What every Prometheus client library tells about its process, under the usual names:
// https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
#pragma once

#include "metrics/registry.h"

namespace keyway::metrics {

// process_cpu_seconds_total, process_resident_memory_bytes, process_virtual_memory_bytes,
// process_open_fds, process_max_fds, process_start_time_seconds. Read from /proc at every scrape.
void AddProcessMetrics(Registry& registry);

}  // namespace keyway::metrics
