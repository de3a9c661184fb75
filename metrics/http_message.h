// A request and its answer, as the handlers of the HTTP endpoint see them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keyway::metrics {

struct HttpRequest {
  bool head = false;  // HEAD; otherwise GET. The server leaves the body of the answer away itself
  std::string path;   // "/metrics", as sent: percent signs are not decoded
  std::string query;  // what follows the first '?', or empty
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case

  // The value of the first header of that (lower-case) name, or empty.
  std::string_view Header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return {};
  }
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  // Further ones. Content-Type, Content-Length, Date and Connection are the server's own.
  std::vector<std::pair<std::string, std::string>> headers;
};

// "Not Found" for 404; "Unknown" for what this server does not send.
std::string_view ReasonPhrase(int status);

}  // namespace keyway::metrics
