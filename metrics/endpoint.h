// The HTTP endpoint of a program: its metrics, whether it lives, whether it is ready to serve.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/base/expected.h"
#include "common/net/event_loop.h"
#include "metrics/http_server.h"
#include "metrics/registry.h"

namespace keyway::metrics {

struct ReadyState {
  bool ready = true;
  std::string reason;  // why not, for the operator; one line
};

struct EndpointOptions {
  net::Endpoint address;
  // Called on the loop's thread for each /readyz. Without one the program is always ready.
  std::function<ReadyState()> ready;
  std::string program = "keyway";  // for the heading of the index page
  HttpServer::Options http;
};

// /metrics: the registry's text. /healthz: 200 "ok" as long as the loop turns. /readyz: 200
// "ready", or 503 with the reason. /: an index of these. Further pages: server().Handle.
class Endpoint {
 public:
  // `registry` must outlive the endpoint; Render is called on the loop's thread. Errors: as
  // Listener::Listen.
  static Expected<std::unique_ptr<Endpoint>> Start(net::EventLoop& loop, Registry& registry,
                                                   const EndpointOptions& options);

  const net::Endpoint& local() const { return server_->local(); }
  HttpServer& server() { return *server_; }

 private:
  explicit Endpoint(std::unique_ptr<HttpServer> server) : server_(std::move(server)) {}
  std::unique_ptr<HttpServer> server_;
};

}  // namespace keyway::metrics
