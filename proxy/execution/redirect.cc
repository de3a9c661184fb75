#include "proxy/execution/redirect.h"

#include <charconv>
#include <string>

namespace keyway::proxy::execution {
namespace {

bool ReadTarget(std::string_view text, const net::Endpoint& asked, Redirect* redirect) {
  unsigned slot = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), slot);
  if (error != std::errc() || slot >= kSlotCount) return false;
  text.remove_prefix(end - text.data());
  if (text.empty() || text[0] != ' ') return false;
  text.remove_prefix(1);
  // The last colon: the host may be an IPv6 address without brackets.
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  uint16_t port = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size() || port == 0) {
    return false;
  }
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  redirect->slot = static_cast<Slot>(slot);
  redirect->node.host = host.empty() || host == "?" ? asked.host : std::string(host);
  redirect->node.port = port;
  return true;
}

}  // namespace

Redirect ReadRedirect(std::string_view reply, const net::Endpoint& asked) {
  Redirect redirect;
  if (IsTryAgain(reply)) {
    redirect.kind = Redirect::Kind::kTryAgain;
    return redirect;
  }
  reply.remove_prefix(1);
  reply.remove_suffix(reply.ends_with("\r\n") ? 2 : 0);
  if (reply.starts_with("MOVED ")) {
    if (ReadTarget(reply.substr(6), asked, &redirect)) redirect.kind = Redirect::Kind::kMoved;
  } else if (reply.starts_with("ASK ")) {
    if (ReadTarget(reply.substr(4), asked, &redirect)) redirect.kind = Redirect::Kind::kAsk;
  } else if (reply.starts_with("CLUSTERDOWN") || reply.starts_with("MASTERDOWN") || reply.starts_with("LOADING")) {
    redirect.kind = Redirect::Kind::kUnsettled;
  }
  return redirect;
}

}  // namespace keyway::proxy::execution
