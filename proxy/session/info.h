// INFO, as one standalone Redis: the merged numbers of all primaries, the proxy's own clients, and a
// section "Proxy" about the cluster behind it.
#pragma once

namespace keyway::proxy::session {

struct LocalCall;

void Info(LocalCall& call);

}  // namespace keyway::proxy::session
