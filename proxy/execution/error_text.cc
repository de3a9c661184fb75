#include "proxy/execution/error_text.h"

#include <algorithm>

namespace keyway::proxy::execution {

std::string NoTopologyText(std::string_view why) {
  return "CLUSTERDOWN keyway-proxy knows no cluster yet: " + std::string(why);
}

std::string UncertainText(std::string_view cause) {
  return std::string(kUncertainCode) + " " + std::string(cause) +
         "; the command may or may not have been executed";
}

std::string ProxyErrorText(std::string_view cause) {
  return "ERR keyway-proxy: " + std::string(cause);
}

std::string DeadlineCause(std::string_view node, int deadline_ms) {
  std::string text = "no reply";
  if (!node.empty()) text.append(" from ").append(node);
  return text + " within " + std::to_string(deadline_ms) + " ms";
}

std::string DeadlineText(std::string_view node, int deadline_ms, bool in_doubt, Outcome* outcome) {
  *outcome = in_doubt ? Outcome::kUncertain : Outcome::kDeadline;
  const std::string cause = DeadlineCause(node, deadline_ms);
  return in_doubt ? UncertainText(cause) : ProxyErrorText(cause);
}

std::string ErrorReply(std::string_view text) {
  std::string reply = "-" + std::string(text) + "\r\n";
  std::replace_if(
      reply.begin(), reply.end() - 2, [](char c) { return c == '\r' || c == '\n'; }, ' ');
  return reply;
}

}  // namespace keyway::proxy::execution
