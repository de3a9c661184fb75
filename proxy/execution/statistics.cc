#include "proxy/execution/statistics.h"

#include <algorithm>

namespace keyway::proxy::execution {

Statistics::Statistics(Histograms& histograms)
    : request_wait(histograms.request_wait),
      shard_absence(histograms.shard_absence),
      requests_(std::make_unique<SingleWriterCell[]>(command::CommandCount() * kOutcomes)),
      latency_(histograms.latency) {}

void Statistics::CountRequest(command::CommandId command, Outcome outcome, int64_t latency_micros) {
  requests_[command * kOutcomes + static_cast<size_t>(outcome)].Add(1);
  latency_.Observe(static_cast<uint64_t>(std::max<int64_t>(0, latency_micros)));
}

}  // namespace keyway::proxy::execution
