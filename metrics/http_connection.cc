#include "metrics/http_connection.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <ctime>
#include <utility>

namespace keyway::metrics {
namespace {

// Chunk headers and trailers come on top of the head and the body, but not without end.
constexpr size_t kFramingBytes = 64 * 1024;
constexpr uint64_t kFlushTimeoutMs = 5'000;

std::string ToLower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// RFC 9110 section 5.6.7, whatever the locale is.
std::string HttpDate(time_t now) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  tm parts{};
  gmtime_r(&now, &parts);
  char text[64];
  std::snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[parts.tm_wday],
                parts.tm_mday, kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour,
                parts.tm_min, parts.tm_sec);
  return text;
}

}  // namespace

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

std::string FormatResponse(const HttpResponse& response, bool with_body, bool keep_alive,
                           bool http_1_0) {
  std::string text = "HTTP/1.1 " + std::to_string(response.status) + " ";
  text += ReasonPhrase(response.status);
  text += "\r\nDate: " + HttpDate(std::time(nullptr));
  text += "\r\nContent-Type: " + response.content_type;
  text += "\r\nContent-Length: " + std::to_string(response.body.size());
  if (!keep_alive) text += "\r\nConnection: close";
  if (keep_alive && http_1_0) text += "\r\nConnection: keep-alive";
  for (const auto& [name, value] : response.headers) text += "\r\n" + name + ": " + value;
  text += "\r\n\r\n";
  if (with_body) text += response.body;
  return text;
}

HttpConnection::HttpConnection(HttpServer& server, std::unique_ptr<net::Stream> stream)
    : server_(server), stream_(std::move(stream)), timer_(server.loop_, [this] { OnTimeout(); }) {
  llhttp_init(&parser_, HTTP_REQUEST, &Settings());
  parser_.data = this;
}

const llhttp_settings_t& HttpConnection::Settings() {
  static const llhttp_settings_t settings = [] {
    llhttp_settings_t callbacks;
    llhttp_settings_init(&callbacks);
    callbacks.on_message_begin = [](llhttp_t* parser) {
      Of(parser).BeginRequest();
      return 0;
    };
    callbacks.on_url = [](llhttp_t* parser, const char* bytes, size_t size) {
      Of(parser).target_.append(bytes, size);
      return 0;
    };
    callbacks.on_header_field = [](llhttp_t* parser, const char* bytes, size_t size) {
      Of(parser).header_name_.append(bytes, size);
      return 0;
    };
    callbacks.on_header_value = [](llhttp_t* parser, const char* bytes, size_t size) {
      Of(parser).header_value_.append(bytes, size);
      return 0;
    };
    callbacks.on_header_value_complete = [](llhttp_t* parser) {
      HttpConnection& self = Of(parser);
      std::string name = ToLower(std::exchange(self.header_name_, {}));
      std::string value = std::exchange(self.header_value_, {});
      // The parser leaves blanks at the end, which RFC 9112 section 5.1 says are not of the value.
      value.erase(value.find_last_not_of(" \t") + 1);
      // What follows the body (trailers) is of no use here.
      if (!self.head_complete_) {
        self.request_.headers.emplace_back(std::move(name), std::move(value));
      }
      return 0;
    };
    callbacks.on_headers_complete = [](llhttp_t* parser) { return Of(parser).OnHeadersComplete(); };
    callbacks.on_body = [](llhttp_t* parser, const char* bytes, size_t size) {
      return Of(parser).OnBody({bytes, size});
    };
    callbacks.on_message_complete = [](llhttp_t* parser) -> int {
      HttpConnection& self = Of(parser);
      self.request_complete_ = true;
      // An upgrade (CONNECT, h2c, websocket) is not followed, so what comes behind has no meaning.
      self.keep_alive_ = llhttp_should_keep_alive(parser) != 0 && parser->upgrade == 0;
      return HPE_PAUSED;
    };
    return callbacks;
  }();
  return settings;
}

void HttpConnection::BeginRequest() {
  request_ = HttpRequest();
  target_.clear();
  header_name_.clear();
  header_value_.clear();
  head_complete_ = false;
  request_complete_ = false;
  keep_alive_ = false;
}

int HttpConnection::OnHeadersComplete() {
  head_complete_ = true;
  request_.head = parser_.method == HTTP_HEAD;
  if (parser_.http_major != 1) {
    refusal_ = 505;
    return -1;
  }
  const auto hosts = std::count_if(request_.headers.begin(), request_.headers.end(),
                                   [](const auto& header) { return header.first == "host"; });
  // RFC 9112 section 3.2.
  if (hosts > 1 || (hosts == 0 && parser_.http_minor > 0)) {
    refusal_ = 400;
    return -1;
  }
  if ((parser_.flags & F_CONTENT_LENGTH) != 0 &&
      parser_.content_length > server_.options_.max_body_bytes) {
    refusal_ = 413;
    return -1;
  }
  // RFC 9110 section 10.1.1.
  if (parser_.http_minor > 0 && ToLower(std::string(request_.Header("expect"))) == "100-continue") {
    stream_->output().Append("HTTP/1.1 100 Continue\r\n\r\n");
    stream_->ScheduleWrite();
  }
  return 0;
}

int HttpConnection::OnBody(std::string_view piece) {
  if (request_.body.size() + piece.size() > server_.options_.max_body_bytes) {
    refusal_ = 413;
    return -1;
  }
  request_.body.append(piece);
  return 0;
}

// The origin form "/path?query", or the absolute form "http://host/path" (RFC 9112 section 3.2).
void HttpConnection::SetTarget() {
  std::string_view target = target_;
  const size_t scheme = target.find("://");
  if (!target.starts_with('/') && scheme != std::string_view::npos) {
    const size_t slash = target.find('/', scheme + 3);
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  const size_t question = target.find('?');
  request_.path = target.substr(0, question);
  if (question != std::string_view::npos) request_.query = target.substr(question + 1);
}

void HttpConnection::Start() {
  // A client that connects and says nothing gets the time of a request, not that of a pause.
  timer_.Start(server_.options_.request_timeout_ms);
  stream_->Start(this);
}

size_t HttpConnection::OnBytes(std::string_view bytes) {
  if (state_ == State::kFull) return 0;
  if (state_ == State::kIdle) Enter(State::kRequest);
  const HttpServer::Options& options = server_.options_;
  size_t used = 0;
  while (used < bytes.size() && state_ == State::kRequest) {
    size_t piece = bytes.size() - used;
    if (!head_complete_) piece = std::min(piece, options.max_head_bytes + 1 - head_bytes_);
    const char* begin = bytes.data() + used;
    const llhttp_errno_t error = llhttp_execute(&parser_, begin, piece);
    if (error != HPE_OK) piece = static_cast<size_t>(llhttp_get_error_pos(&parser_) - begin);
    used += piece;
    total_bytes_ += piece;
    if (!head_complete_) head_bytes_ += piece;
    if (error == HPE_PAUSED && request_complete_) {
      llhttp_resume(&parser_);
      Respond();
      break;
    }
    if (error != HPE_OK) {
      Refuse(refusal_ != 0 ? refusal_ : 400, llhttp_get_error_reason(&parser_));
    } else if (!head_complete_ && head_bytes_ > options.max_head_bytes) {
      Refuse(431, "the request line and headers are too long");
    } else if (total_bytes_ > options.max_head_bytes + options.max_body_bytes + kFramingBytes) {
      Refuse(413, "the request is too long");
    }
  }
  if (state_ == State::kClosing) return bytes.size();
  // One answer at a time: the next request is taken when this answer is on its way.
  if (used < bytes.size()) {
    Enter(State::kRequest);
    stream_->ResumeReading();
  }
  return used;
}

void HttpConnection::Respond() {
  head_bytes_ = total_bytes_ = 0;
  head_complete_ = false;
  request_complete_ = false;
  const bool keep_alive = keep_alive_;
  if (!request_.head && parser_.method != HTTP_GET) {
    HttpResponse refusal{.status = 405, .body = "405 Method Not Allowed\n"};
    refusal.headers.emplace_back("Allow", "GET, HEAD");
    Send(refusal, keep_alive);
    return;
  }
  SetTarget();
  Send(server_.Answer(request_), keep_alive);
}

void HttpConnection::Refuse(int status, std::string_view text) {
  HttpResponse response{.status = status};
  response.body = std::to_string(status) + " ";
  response.body += ReasonPhrase(status);
  if (!text.empty()) response.body += std::string(": ").append(text);
  response.body += "\n";
  Send(response, false);
}

void HttpConnection::Send(const HttpResponse& response, bool keep_alive) {
  const bool http_1_0 = parser_.http_major == 1 && parser_.http_minor == 0;
  stream_->output().Append(FormatResponse(response, !request_.head, keep_alive, http_1_0));
  request_ = HttpRequest();
  if (keep_alive) {
    stream_->ScheduleWrite();
    Enter(State::kIdle);
  } else {
    Enter(State::kClosing);
    stream_->CloseAfterFlush(kFlushTimeoutMs);
  }
}

void HttpConnection::Enter(State state) {
  const HttpServer::Options& options = server_.options_;
  if (state == state_) return;
  state_ = state;
  switch (state) {
    case State::kIdle:
      timer_.Start(options.idle_timeout_ms);
      break;
    case State::kRequest:
      timer_.Start(options.request_timeout_ms);
      break;
    case State::kFull:
      timer_.Start(options.write_timeout_ms);
      break;
    case State::kClosing:
      timer_.Stop();
      break;
  }
}

void HttpConnection::OnTimeout() {
  if (state_ == State::kRequest) {
    Refuse(408, "the request did not arrive in time");
  } else {
    server_.Remove(this);
  }
}

bool HttpConnection::OnEndOfInput() {
  // Answers that were asked for before are still owed. Half a request is not.
  if (state_ == State::kClosing) return true;
  if (stream_->output().empty() || state_ == State::kRequest) return false;
  Enter(State::kClosing);
  stream_->CloseAfterFlush(kFlushTimeoutMs);
  return true;
}

void HttpConnection::OnOutputFull() {
  if (state_ == State::kClosing) return;
  Enter(State::kFull);
  stream_->PauseReading();
}

void HttpConnection::OnDrained() {
  if (state_ != State::kFull) return;
  // Bytes of a next request that are there already come with the resumption.
  Enter(State::kIdle);
  stream_->ResumeReading();
}

void HttpConnection::OnClosed(net::CloseReason, std::string_view) {
  server_.Remove(this);
}

}  // namespace keyway::metrics
