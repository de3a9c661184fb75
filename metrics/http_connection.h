// One client of the HTTP server: finds requests in the bytes with llhttp, answers them one at a
// time. Private to metrics.
#pragma once

#include <llhttp.h>

#include <memory>
#include <string>
#include <string_view>

#include "common/net/event_loop.h"
#include "common/net/stream.h"
#include "metrics/http_message.h"
#include "metrics/http_server.h"

namespace keyway::metrics {

// The whole text of an answer. `body` is left away for HEAD, its length is not.
std::string FormatResponse(const HttpResponse& response, bool with_body, bool keep_alive,
                           bool http_1_0);

class HttpConnection : public net::StreamHandler {
 public:
  HttpConnection(HttpServer& server, std::unique_ptr<net::Stream> stream);
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  void Start();

  size_t OnBytes(std::string_view bytes) override;
  bool OnEndOfInput() override;
  void OnClosed(net::CloseReason reason, std::string_view detail) override;
  void OnOutputFull() override;
  void OnDrained() override;

 private:
  enum class State : uint8_t {
    kIdle,     // between requests
    kRequest,  // part of one is there
    kFull,     // the client does not read its answers
    kClosing,
  };

  static const llhttp_settings_t& Settings();
  static HttpConnection& Of(llhttp_t* parser) {
    return *static_cast<HttpConnection*>(parser->data);
  }
  int OnHeadersComplete();
  int OnBody(std::string_view piece);
  void BeginRequest();
  void SetTarget();

  void Respond();
  void Refuse(int status, std::string_view text);
  void Send(const HttpResponse& response, bool keep_alive);
  void Enter(State state);
  void OnTimeout();

  HttpServer& server_;
  std::unique_ptr<net::Stream> stream_;
  net::Timer timer_;
  llhttp_t parser_;
  State state_ = State::kIdle;

  HttpRequest request_;
  std::string target_;
  std::string header_name_;
  std::string header_value_;
  size_t head_bytes_ = 0;   // of the current request, until its headers are complete
  size_t total_bytes_ = 0;  // of the current request, chunk headers and trailers included
  bool head_complete_ = false;
  bool request_complete_ = false;
  bool keep_alive_ = false;
  int refusal_ = 0;  // the status that a callback of the parser decided on
};

}  // namespace keyway::metrics
