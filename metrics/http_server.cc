#include "metrics/http_server.h"

#include <utility>

#include "metrics/http_connection.h"

namespace keyway::metrics {
namespace {

// So that a reset does not overtake the answer to a request that was cut off.
constexpr int kLingerMs = 1'000;

}  // namespace

HttpServer::HttpServer(net::EventLoop& loop, const Options& options)
    : loop_(loop), options_(options) {}

HttpServer::~HttpServer() = default;

Expected<std::unique_ptr<HttpServer>> HttpServer::Listen(net::EventLoop& loop,
                                                         const net::Endpoint& address,
                                                         const Options& options) {
  std::unique_ptr<HttpServer> server(new HttpServer(loop, options));
  net::Listener::Options listening;
  listening.reuse_port = options.reuse_port;
  listening.stream.output_high_bytes = options.max_waiting_output;
  listening.stream.output_low_bytes = options.max_waiting_output / 4;
  listening.stream.linger_ms = kLingerMs;
  HttpServer* self = server.get();
  Expected<std::unique_ptr<net::Listener>> listener = net::Listener::Listen(
      loop, address, listening,
      [self](std::unique_ptr<net::Stream> stream) { self->Accept(std::move(stream)); });
  if (!listener) return listener.error();
  server->listener_ = std::move(*listener);
  return server;
}

void HttpServer::Handle(std::string path, Handler handler) {
  handlers_.insert_or_assign(std::move(path), std::move(handler));
}

void HttpServer::Accept(std::unique_ptr<net::Stream> stream) {
  if (connections_.size() >= options_.max_connections) {
    HttpResponse refusal{.status = 503, .body = "503 Service Unavailable: too many connections\n"};
    stream->output().Append(FormatResponse(refusal, true, false, false));
    stream->FlushNow();
    return;
  }
  auto connection = std::make_unique<HttpConnection>(*this, std::move(stream));
  HttpConnection* started = connection.get();
  connections_.emplace(started, std::move(connection));
  started->Start();
}

HttpResponse HttpServer::Answer(const HttpRequest& request) const {
  const auto handler = handlers_.find(request.path);
  if (handler == handlers_.end()) {
    return HttpResponse{.status = 404, .body = "404 Not Found\n"};
  }
  return handler->second(request);
}

void HttpServer::Remove(HttpConnection* connection) {
  connections_.erase(connection);
}

}  // namespace keyway::metrics
