// A small HTTP/1.1 server for metrics, health checks and, later, a dashboard: GET and HEAD of exact
// paths, keep-alive and pipelining, on an EventLoop of the program.
//
// It shares the loop with real work, so everything is bounded: connections, sizes, times, answers a
// pass, output waiting. Any sequence of bytes ends in an answer or a closed connection.
// Reference: RFC 9110 and RFC 9112.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "common/base/expected.h"
#include "common/net/stream.h"
#include "metrics/http_message.h"

namespace keyway::metrics {

class HttpConnection;

class HttpServer {
 public:
  struct Options {
    size_t max_connections = 64;             // further ones get 503 and are closed
    size_t max_head_bytes = 8 * 1024;        // request line and headers; more is 431
    size_t max_body_bytes = 64 * 1024;       // more is 413
    uint64_t request_timeout_ms = 5'000;     // from its first byte to its last; then 408
    uint64_t idle_timeout_ms = 60'000;       // between requests
    uint64_t write_timeout_ms = 10'000;      // for a client that does not read its answers
    size_t max_waiting_output = 256 * 1024;  // a connection; no request is taken above it
    bool reuse_port = false;                 // SO_REUSEPORT: a successor may listen as well
  };
  // Runs on the loop's thread. Must not destroy the server.
  using Handler = std::function<HttpResponse(const HttpRequest&)>;

  // Errors: as Listener::Listen.
  static Expected<std::unique_ptr<HttpServer>> Listen(net::EventLoop& loop,
                                                      const net::Endpoint& address,
                                                      const Options& options);
  static Expected<std::unique_ptr<HttpServer>> Listen(net::EventLoop& loop,
                                                      const net::Endpoint& address) {
    return Listen(loop, address, Options());
  }
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Answers `path` with `handler`, instead of an earlier one.
  void Handle(std::string path, Handler handler);

  // The address bound, with the port picked.
  const net::Endpoint& local() const { return listener_->local(); }
  size_t connections() const { return connections_.size(); }

 private:
  friend class HttpConnection;
  HttpServer(net::EventLoop& loop, const Options& options);
  void Accept(std::unique_ptr<net::Stream> stream);
  HttpResponse Answer(const HttpRequest& request) const;
  void Remove(HttpConnection* connection);

  net::EventLoop& loop_;
  const Options options_;
  std::map<std::string, Handler, std::less<>> handlers_;
  std::unordered_map<HttpConnection*, std::unique_ptr<HttpConnection>> connections_;
  std::unique_ptr<net::Listener> listener_;
};

}  // namespace keyway::metrics
