// The HTTP endpoint of the shard: /metrics, /healthz, /readyz.
//
// Metrics that redis_exporter has carry its names and labels, so that dashboards and alerts made
// for it work; our own begin with keyway_. All are read from where INFO reads them when they are
// asked for, so that serving commands costs nothing more.
#pragma once

#include <memory>

#include "common/base/expected.h"
#include "shard/server/command_context.h"

namespace keyway::shard {

class HttpEndpoint {
 public:
  virtual ~HttpEndpoint() = default;

  // Listens on http-bind, http-port, on the loop of `services`, which outlives the endpoint. Error:
  // the address cannot be bound.
  static Expected<std::unique_ptr<HttpEndpoint>> Start(Services& services);
};

}  // namespace keyway::shard
