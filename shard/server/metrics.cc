#include "shard/server/metrics.h"

#include <string>
#include <utility>

#include "metrics/endpoint.h"
#include "shard/cluster/cluster.h"
#include "shard/config/shard_config.h"
#include "shard/server/lifecycle.h"
#include "shard/server/metrics_definitions.h"
#include "shard/server/persistence.h"

namespace keyway::shard {
namespace {

class ShardEndpoint final : public HttpEndpoint {
 public:
  explicit ShardEndpoint(Services& services) : metrics_(services) {}

  Status Listen(Services& services) {
    metrics::EndpointOptions options;
    options.address = {services.config.http_bind, static_cast<uint16_t>(services.config.http_port)};
    options.program = "keyway-shard";
    options.ready = [&services] { return Readiness(services); };
    auto endpoint = metrics::Endpoint::Start(services.loop, metrics_.registry(), options);
    if (!endpoint.ok()) {
      return Error{"Failed listening on http-port: " + endpoint.error().message};
    }
    endpoint_ = std::move(endpoint).value();
    return {};
  }

 private:
  static metrics::ReadyState Readiness(Services& services) {
    if (services.lifecycle.shutdown_requested()) return {false, "shutting down"};
    if (services.persistence->loading()) return {false, "loading the data set"};
    if (services.cluster != nullptr && !services.cluster->Summary().ok) {
      return {false, "the cluster is down"};
    }
    return {};
  }

  ShardMetrics metrics_;
  std::unique_ptr<metrics::Endpoint> endpoint_;
};

}  // namespace

Expected<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Start(Services& services) {
  auto endpoint = std::make_unique<ShardEndpoint>(services);
  if (Status status = endpoint->Listen(services); !status.ok()) return status.error();
  return std::unique_ptr<HttpEndpoint>(std::move(endpoint));
}

}  // namespace keyway::shard
