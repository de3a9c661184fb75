// INFO, as one standalone Redis: the proxy's own numbers, the keyspace of all shards, and a section
// "Proxy" about the cluster behind it.
#pragma once

namespace keyway::proxy::session {

struct LocalCall;

void Info(LocalCall& call);

}  // namespace keyway::proxy::session
