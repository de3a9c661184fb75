#include "metrics/endpoint.h"

#include <utility>

namespace keyway::metrics {
namespace {

HttpResponse Ready(const std::function<ReadyState()>& ready) {
  const ReadyState state = ready ? ready() : ReadyState{};
  if (state.ready) return HttpResponse{.body = "ready\n"};
  return HttpResponse{.status = 503, .body = "not ready: " + state.reason + "\n"};
}

std::string IndexPage(const std::string& program) {
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + program +
         "</title></head>\n<body><h1>" + program +
         "</h1>\n<ul>\n"
         "<li><a href=\"/metrics\">/metrics</a>: measurements, for Prometheus</li>\n"
         "<li><a href=\"/healthz\">/healthz</a>: whether the program lives</li>\n"
         "<li><a href=\"/readyz\">/readyz</a>: whether it is ready to serve</li>\n"
         "</ul></body></html>\n";
}

}  // namespace

Expected<std::unique_ptr<Endpoint>> Endpoint::Start(net::EventLoop& loop, Registry& registry,
                                                    const EndpointOptions& options) {
  Expected<std::unique_ptr<HttpServer>> listening =
      HttpServer::Listen(loop, options.address, options.http);
  if (!listening) return listening.error();
  HttpServer& server = **listening;
  server.Handle("/metrics", [&registry](const HttpRequest&) {
    return HttpResponse{.content_type = std::string(Registry::kContentType),
                        .body = registry.Render()};
  });
  server.Handle("/healthz", [](const HttpRequest&) { return HttpResponse{.body = "ok\n"}; });
  server.Handle("/readyz", [ready = options.ready](const HttpRequest&) { return Ready(ready); });
  server.Handle("/", [page = IndexPage(options.program)](const HttpRequest&) {
    return HttpResponse{.content_type = "text/html; charset=utf-8", .body = page};
  });
  return std::unique_ptr<Endpoint>(new Endpoint(std::move(*listening)));
}

}  // namespace keyway::metrics
