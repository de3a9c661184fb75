// The values of all directives of a shard. Names are those of redis.conf with '_' for '-', the
// member initialisers are the defaults of Redis 7.0.15. What a directive means is said beside its
// row in directives_*.cc, which also says which have no effect yet.
//
// One object a process, owned by main; written only by the config registry (file, command line,
// CONFIG SET) on the main thread, read by everyone on that thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/log/log.h"

namespace keyway::shard {

enum class MaxmemoryPolicy : uint8_t {
  kVolatileLru,
  kVolatileLfu,
  kVolatileRandom,
  kVolatileTtl,
  kAllkeysLru,
  kAllkeysLfu,
  kAllkeysRandom,
  kNoEviction,
};
enum class AppendFsync : uint8_t { kEverySec, kAlways, kNo };
enum class ProtectedAction : uint8_t { kNo, kYes, kLocal };
enum class Supervised : uint8_t { kUpstart, kSystemd, kAuto, kNo };
enum class DisklessLoad : uint8_t { kDisabled, kOnEmptyDb, kSwapDb };
enum class EndpointType : uint8_t { kIp, kHostname, kUnknownEndpoint };
enum class OomScoreAdj : uint8_t { kNo, kRelative, kAbsolute };
enum class SanitizeDump : uint8_t { kNo, kYes, kClients };
enum class AclPubsubDefault : uint8_t { kAllChannels, kResetChannels };
enum class TlsAuthClients : uint8_t { kNo, kYes, kOptional };
enum class PropagationError : uint8_t { kIgnore, kPanic, kPanicOnReplicas };

// shutdown-on-sigint, shutdown-on-sigterm: any of these together; 0 is "default".
enum ShutdownFlags : uint32_t {
  kShutdownSave = 1,
  kShutdownNosave = 2,
  kShutdownNow = 4,
  kShutdownForce = 8,
};

// notify-keyspace-events, a letter each.
enum KeyspaceEvents : uint32_t {
  kEventKeyspace = 1 << 0,  // K
  kEventKeyevent = 1 << 1,  // E
  kEventGeneric = 1 << 2,   // g
  kEventString = 1 << 3,    // $
  kEventList = 1 << 4,      // l
  kEventSet = 1 << 5,       // s
  kEventHash = 1 << 6,      // h
  kEventZset = 1 << 7,      // z
  kEventExpired = 1 << 8,   // x
  kEventEvicted = 1 << 9,   // e
  kEventStream = 1 << 10,   // t
  kEventKeyMiss = 1 << 11,  // m
  kEventModule = 1 << 13,   // d
  kEventNew = 1 << 14,      // n
  kEventAll = kEventGeneric | kEventString | kEventList | kEventSet | kEventHash | kEventZset |
              kEventExpired | kEventEvicted | kEventStream | kEventModule,  // A
};

struct SavePoint {
  int64_t seconds;
  int64_t changes;
  bool operator==(const SavePoint&) const = default;
};

// client-output-buffer-limit, for one class of clients. 0 = no limit.
struct OutputLimit {
  uint64_t hard_bytes;
  uint64_t soft_bytes;
  int64_t soft_seconds;
  bool operator==(const OutputLimit&) const = default;
};
enum ClientClass : uint8_t { kClassNormal, kClassReplica, kClassPubsub, kClientClasses };

// maxmemory-clients: bytes, or a percentage of maxmemory. 0 = no limit.
struct MemoryLimit {
  int64_t amount = 0;
  bool percent = false;
  bool operator==(const MemoryLimit&) const = default;
};

struct ShardConfig {
  // Network
  std::vector<std::string> bind = {"*", "-::*"};  // a leading '-': may fail to bind; empty: no TCP
  std::string bind_source_addr;
  int64_t port = 6379;
  int64_t tcp_backlog = 511;
  int64_t tcp_keepalive = 300;  // seconds
  int64_t timeout = 0;          // seconds
  std::string unixsocket;
  int64_t unixsocketperm = 0;
  bool protected_mode = true;
  int64_t socket_mark_id = 0;
  int64_t http_port = 0;
  std::string http_bind = "127.0.0.1";

  // General
  bool daemonize = false;
  Supervised supervised = Supervised::kNo;
  std::string pidfile;
  std::string logfile;
  log::Level loglevel = log::Level::kNotice;
  bool syslog_enabled = false;
  std::string syslog_ident = "redis";
  int64_t syslog_facility = 16 << 3;  // LOG_LOCAL0
  int64_t databases = 16;
  bool always_show_logo = false;
  bool set_proc_title = true;
  std::string proc_title_template = "{title} {listen-addr} {server-mode}";
  bool crash_log_enabled = true;
  bool crash_memcheck_enabled = true;
  bool use_exit_on_panic = false;
  int64_t watchdog_period = 0;
  int64_t hz = 10;
  bool dynamic_hz = true;
  bool disable_thp = true;
  OomScoreAdj oom_score_adj = OomScoreAdj::kNo;
  std::array<int64_t, 3> oom_score_adj_values = {0, 200, 800};
  std::string server_cpulist;
  std::string bio_cpulist;
  std::string aof_rewrite_cpulist;
  std::string bgsave_cpulist;
  std::string ignore_warnings;
  int64_t io_threads = 1;
  bool io_threads_do_reads = false;
  bool jemalloc_bg_thread = true;
  int64_t shutdown_timeout = 10;  // seconds
  uint32_t shutdown_on_sigint = 0;
  uint32_t shutdown_on_sigterm = 0;
  int64_t latency_monitor_threshold = 0;  // ms
  bool latency_tracking = true;
  std::vector<double> latency_tracking_info_percentiles = {50, 99, 99.9};
  int64_t slowlog_log_slower_than = 10000;  // microseconds
  int64_t slowlog_max_len = 128;

  // Security
  std::string requirepass;
  std::string aclfile;
  int64_t acllog_max_len = 128;
  AclPubsubDefault acl_pubsub_default = AclPubsubDefault::kResetChannels;
  ProtectedAction enable_protected_configs = ProtectedAction::kNo;
  ProtectedAction enable_debug_command = ProtectedAction::kNo;
  ProtectedAction enable_module_command = ProtectedAction::kNo;
  // rename-command: lower-case old name, new name (empty: the command is gone).
  std::vector<std::pair<std::string, std::string>> renamed_commands;
  // `user default ... #hash` was read: requirepass must be set too, as it holds the password.
  bool default_user_has_password = false;

  // Clients
  int64_t maxclients = 10000;
  int64_t client_query_buffer_limit = 1024 * 1024 * 1024;
  std::array<OutputLimit, kClientClasses> client_output_buffer_limit = {
      OutputLimit{0, 0, 0}, OutputLimit{256u << 20, 64u << 20, 60},
      OutputLimit{32u << 20, 8u << 20, 60}};
  int64_t proto_max_bulk_len = 512 * 1024 * 1024;
  MemoryLimit maxmemory_clients;
  int64_t tracking_table_max_keys = 1000000;
  uint32_t notify_keyspace_events = 0;

  // Memory
  uint64_t maxmemory = 0;
  MaxmemoryPolicy maxmemory_policy = MaxmemoryPolicy::kNoEviction;
  int64_t maxmemory_samples = 5;
  int64_t maxmemory_eviction_tenacity = 10;
  int64_t lfu_log_factor = 10;
  int64_t lfu_decay_time = 1;  // minutes
  int64_t active_expire_effort = 1;
  bool activerehashing = true;
  bool lazyfree_lazy_eviction = false;
  bool lazyfree_lazy_expire = false;
  bool lazyfree_lazy_server_del = false;
  bool lazyfree_lazy_user_del = false;
  bool lazyfree_lazy_user_flush = false;
  bool activedefrag = false;
  int64_t active_defrag_ignore_bytes = 100 << 20;
  int64_t active_defrag_threshold_lower = 10;
  int64_t active_defrag_threshold_upper = 100;
  int64_t active_defrag_cycle_min = 1;
  int64_t active_defrag_cycle_max = 25;
  int64_t active_defrag_max_scan_fields = 1000;

  // Encodings
  int64_t hash_max_listpack_entries = 512;
  int64_t hash_max_listpack_value = 64;
  int64_t list_max_listpack_size = -2;
  int64_t list_compress_depth = 0;
  int64_t set_max_intset_entries = 512;
  int64_t zset_max_listpack_entries = 128;
  int64_t zset_max_listpack_value = 64;
  int64_t hll_sparse_max_bytes = 3000;
  int64_t stream_node_max_bytes = 4096;
  int64_t stream_node_max_entries = 100;

  // Persistence. `dir` is the process's working directory, not a member.
  std::vector<SavePoint> save = {{3600, 1}, {300, 100}, {60, 10000}};
  std::string dbfilename = "dump.rdb";
  bool stop_writes_on_bgsave_error = true;
  bool rdbcompression = true;
  bool rdbchecksum = true;
  bool rdb_save_incremental_fsync = true;
  bool rdb_del_sync_files = false;
  int64_t rdb_key_save_delay = 0;
  int64_t key_load_delay = 0;
  int64_t loading_process_events_interval_bytes = 2 << 20;
  SanitizeDump sanitize_dump_payload = SanitizeDump::kNo;
  bool appendonly = false;
  std::string appendfilename = "appendonly.aof";
  std::string appenddirname = "appendonlydir";
  AppendFsync appendfsync = AppendFsync::kEverySec;
  bool no_appendfsync_on_rewrite = false;
  int64_t auto_aof_rewrite_percentage = 100;
  int64_t auto_aof_rewrite_min_size = 64 << 20;
  bool aof_load_truncated = true;
  bool aof_use_rdb_preamble = true;
  bool aof_timestamp_enabled = false;
  bool aof_rewrite_incremental_fsync = true;
  bool aof_disable_auto_gc = false;

  // Replication
  std::string replicaof_host;  // empty: a primary
  int64_t replicaof_port = 0;
  std::string masteruser;
  std::string masterauth;
  bool replica_serve_stale_data = true;
  bool replica_read_only = true;
  bool replica_lazy_flush = false;
  bool replica_ignore_maxmemory = true;
  bool replica_ignore_disk_write_errors = false;
  int64_t replica_priority = 100;
  bool replica_announced = true;
  std::string replica_announce_ip;
  int64_t replica_announce_port = 0;
  bool repl_diskless_sync = true;
  int64_t repl_diskless_sync_delay = 5;  // seconds
  int64_t repl_diskless_sync_max_replicas = 0;
  DisklessLoad repl_diskless_load = DisklessLoad::kDisabled;
  int64_t repl_ping_replica_period = 10;  // seconds
  int64_t repl_timeout = 60;              // seconds
  bool repl_disable_tcp_nodelay = false;
  int64_t repl_backlog_size = 1 << 20;
  int64_t repl_backlog_ttl = 3600;  // seconds
  int64_t min_replicas_to_write = 0;
  int64_t min_replicas_max_lag = 10;  // seconds
  PropagationError propagation_error_behavior = PropagationError::kIgnore;

  // Cluster
  bool cluster_enabled = false;
  std::string cluster_config_file = "nodes.conf";
  int64_t cluster_node_timeout = 15000;  // ms
  int64_t cluster_port = 0;              // 0: port + 10000
  std::string cluster_announce_ip;
  int64_t cluster_announce_port = 0;
  int64_t cluster_announce_tls_port = 0;
  int64_t cluster_announce_bus_port = 0;
  std::string cluster_announce_hostname;
  EndpointType cluster_preferred_endpoint_type = EndpointType::kIp;
  bool cluster_require_full_coverage = true;
  bool cluster_allow_reads_when_down = false;
  bool cluster_allow_pubsubshard_when_down = true;
  uint64_t cluster_link_sendbuf_limit = 0;
  int64_t cluster_migration_barrier = 1;
  bool cluster_allow_replica_migration = true;
  int64_t cluster_replica_validity_factor = 10;
  bool cluster_replica_no_failover = false;
  int64_t cluster_databases = 1;

  // Scripts
  int64_t busy_reply_threshold = 5000;  // ms
  bool lua_enable_deprecated_api = false;

  // TLS
  int64_t tls_port = 0;
  bool tls_cluster = false;
  bool tls_replication = false;
  TlsAuthClients tls_auth_clients = TlsAuthClients::kYes;
  std::string tls_cert_file;
  std::string tls_key_file;
  std::string tls_key_file_pass;
  std::string tls_client_cert_file;
  std::string tls_client_key_file;
  std::string tls_client_key_file_pass;
  std::string tls_dh_params_file;
  std::string tls_ca_cert_file;
  std::string tls_ca_cert_dir;
  std::string tls_protocols;
  std::string tls_ciphers;
  std::string tls_ciphersuites;
  bool tls_prefer_server_ciphers = false;
  bool tls_session_caching = true;
  int64_t tls_session_cache_size = 20480;
  int64_t tls_session_cache_timeout = 300;
};

}  // namespace keyway::shard
