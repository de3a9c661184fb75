// Rows: network, clients.
#include <limits>

#include "common/config/section.h"
#include "shard/config/list_values.h"
#include "shard/config/rows.h"

namespace keyway::shard {

using namespace config;  // NOLINT: the flags and kinds of the rows

void AddNetwork(Registry& registry, ShardConfig& c) {
  Section rows(registry, "network");
  rows.Custom("bind", Kind::kList, MakeBind(c.bind), "address ...", kMultiWord,
              "Addresses to listen on; a leading '-' marks one that may be missing; none: no TCP");
  rows.Text("bind-source-addr", c.bind_source_addr, kNone, "Local address of outgoing connections");
  rows.Integer("port", c.port, {0, 65535}, kNone, "TCP port for clients; 0: no TCP");
  rows.Int32("tcp-backlog", c.tcp_backlog, 0, kImmutable,
             "Connections that may wait to be accepted");
  rows.Int32("tcp-keepalive", c.tcp_keepalive, 0, kNone,
             "Seconds between keepalive probes of clients; 0: none");
  rows.Int32("timeout", c.timeout, 0, kNone,
             "Seconds after which an idle client is disconnected; 0: never");
  rows.Text("unixsocket", c.unixsocket, kImmutable, "Path of a unix socket to listen on");
  rows.Octal("unixsocketperm", c.unixsocketperm, {0, 0777}, kImmutable,
             "Permissions of the unix socket; 0: as umask has it");
  rows.Bool("protected-mode", c.protected_mode, kNone,
            "Without a password, accept clients of this host only");
  rows.Integer("socket-mark-id", c.socket_mark_id, {0, 4294967295}, kImmutable | kNoEffectYet,
               "Mark put on listening sockets, for filtering traffic");
  rows.Integer("http-port", c.http_port, {0, 65535}, kImmutable,
               "HTTP port for /metrics, /healthz and /readyz; 0: none");
  rows.Text("http-bind", c.http_bind, kImmutable, "Address of the HTTP port");
}

void AddClients(Registry& registry, ShardConfig& c) {
  Section rows(registry, "clients");
  rows.Integer("maxclients", c.maxclients, {1, 4294967295}, kNone, "Most clients at a time");
  rows.Memory("client-query-buffer-limit", c.client_query_buffer_limit, {1024 * 1024}, kNone,
              "Most bytes of unfinished requests a client may send before it is disconnected");
  rows.Custom("client-output-buffer-limit", Kind::kList,
              MakeOutputLimits(c.client_output_buffer_limit), "class hard soft seconds ...",
              kMultiWord,
              "Most bytes of unread replies, by class normal, replica, pubsub; 0: no limit");
  rows.Memory("proto-max-bulk-len", c.proto_max_bulk_len, {1024 * 1024}, kNone,
              "Longest single argument of a request");
  rows.Custom("maxmemory-clients", Kind::kMemoryOrPercent, MakeMemoryLimit(c.maxmemory_clients),
              "bytes or N%", kNone,
              "Most memory of all clients together, or a share of maxmemory; 0: no limit");
  rows.Integer("tracking-table-max-keys", c.tracking_table_max_keys, {}, kNone,
               "Most keys remembered for client side caching");
  rows.Custom("notify-keyspace-events", Kind::kString, MakeKeyspaceEvents(c.notify_keyspace_events),
              "letters of Ag$lshzxeKEtmdn", kNone, "Which changes of keys are published");
}

}  // namespace keyway::shard
