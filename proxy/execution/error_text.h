// The errors that only a proxy can give, as clients see them. They are part of the interface: what
// is written here is what the documentation promises.
//
//   CLUSTERDOWN keyway-proxy knows no cluster yet: <why>
//       No startup node has answered. Nothing was executed.
//   CLUSTERDOWN Hash slot not served
//       Redis's own words: no shard serves the slot. Nothing was executed.
//   UNCERTAIN <cause>; the command may or may not have been executed
//       A command that is not a read was sent, and its reply never came. Never repeated by the
//       proxy.
//   ERR keyway-proxy: <cause>
//       Everything else. Nothing was executed, or the command only reads; of a command that is
//       split over several slots, the parts of other slots may have been executed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/execution/outcome.h"

namespace keyway::proxy::execution {

inline constexpr std::string_view kSlotNotServed = "CLUSTERDOWN Hash slot not served";
inline constexpr std::string_view kUncertainCode = "UNCERTAIN";

std::string NoTopologyText(std::string_view why);
std::string UncertainText(std::string_view cause);
// "ERR keyway-proxy: <cause>"
std::string ProxyErrorText(std::string_view cause);
// The cause when the deadline passed. `node` may be empty: none was asked yet.
std::string DeadlineCause(std::string_view node, int deadline_ms);
// The error when it passed. `in_doubt`: something may have been executed.
std::string DeadlineText(std::string_view node, int deadline_ms, bool in_doubt, Outcome* outcome);

// `text` as a RESP error reply.
std::string ErrorReply(std::string_view text);

}  // namespace keyway::proxy::execution
