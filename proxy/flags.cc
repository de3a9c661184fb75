#include "proxy/flags.h"

#include <fnmatch.h>
#include <gflags/gflags.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <climits>
#include <fstream>
#include <sstream>

#include "common/base/clock.h"
#include "common/base/process.h"
#include "common/config/memory_size.h"
#include "common/log/log.h"
#include "common/net/address.h"

DEFINE_int32(port, 6379, "Port for clients. 0 picks a free one, which the log names.");
DEFINE_string(bind, "127.0.0.1",
              "Addresses to listen on, separated by commas. For all: 0.0.0.0 or ::.");
DEFINE_int32(threads, 2, "Event-loop threads that serve clients, 1 to 60.");
DEFINE_string(startup_nodes, "127.0.0.1:7001",
              "Some nodes of the cluster as host:port, separated by commas. The others are learned "
              "from them.");
DEFINE_int32(http_port, 0, "Port of /metrics, /healthz and /readyz. 0: none.");
DEFINE_string(http_bind, "127.0.0.1", "Address of the HTTP endpoint.");
DEFINE_string(requirepass, "",
              "Password that clients have to give with AUTH or HELLO. Empty: none.");
DEFINE_string(cluster_username, "", "User for AUTH at the shards. Empty: default.");
DEFINE_string(cluster_password, "", "Password for AUTH at the shards. Empty: no AUTH.");
DEFINE_int64(maxclients, 10000, "Clients connected at a time, of all threads together.");
DEFINE_int64(timeout, 0, "Seconds after which an idle client is closed. 0: never.");
DEFINE_int64(tcp_keepalive, 300, "Seconds of silence before a client is probed. 0: never.");
DEFINE_int32(tcp_backlog, 511, "Connections that wait to be accepted, a thread.");
DEFINE_int32(request_deadline_ms, 10000,
             "Milliseconds after which a request without a reply gets an error.");
DEFINE_int32(stuck_shard_ms, 500,
             "Milliseconds of silence of a shard, while others answer, after which new requests wait at the "
             "proxy instead of being sent to it. 0: never.");
DEFINE_string(read_from, "primary",
              "Where the clients of --port read from: primary, prefer_replica, replica or nearest.");
DEFINE_string(read_ports, "",
              "More ports for clients that read from elsewhere, as 6390=replica,6391=nearest.");
DEFINE_int32(max_replica_lag_ms, 10000,
             "Milliseconds that a replica may be behind its primary to be read from.");
DEFINE_string(zone, "",
              "Zone of this proxy: nodes of the same one come first when replicas are read from. "
              "Empty: none does.");
DEFINE_string(node_zones, "",
              "Zones of nodes, as 10.0.0.1:7001=a,10.0.0.2=b; a host is an address or a hostname.");
DEFINE_int32(zone_of_hostname, 0,
             "Which label of the hostname that a node announces is its zone: 2 in "
             "redis-1.eu-west-1a.example. 0: none; --node_zones counts first.");
DEFINE_int32(max_redirects, 5, "MOVED and ASK redirects that a request follows.");
DEFINE_int32(max_pipeline, 1024,
             "Requests of one client under way. Beyond, its further ones wait in the socket.");
DEFINE_string(max_pipeline_bytes, "16mb", "Bytes of requests of one client under way.");
DEFINE_int32(max_waiting_requests, 100000, "Requests that wait for shards that are away, a thread.");
DEFINE_string(max_waiting_bytes, "64mb",
              "Bytes of such requests, a thread. Beyond, requests for such shards get an error at once.");
DEFINE_string(max_gathered_bytes, "256mb",
              "Bytes of values from several shards of which one reply is computed (SUNION ...). "
              "Beyond, it is an error.");
DEFINE_string(client_output_buffer_limit, "1gb",
              "Bytes of replies that a client has not read at which it is closed. Or three values, as for "
              "subscribers.");
DEFINE_string(client_output_buffer_limit_pubsub, "32mb 8mb 60",
              "The same for subscribers, as in redis.conf: hard limit, soft limit, and the seconds for "
              "which the soft one may be exceeded. 0: no limit.");
DEFINE_string(maxmemory_clients, "1gb",
              "Memory for requests and replies of all clients together, or a part of the machine's such as "
              "5%. Beyond, the clients that hold the most are closed. 0: no limit.");
DEFINE_int32(stalled_client_timeout_ms, 1000,
             "Milliseconds that a client may read nothing of a large reply while requests of others "
             "wait behind it; then it is closed.");
DEFINE_string(client_query_buffer_limit, "1gb",
              "Bytes of one request that is not complete at which its client is closed.");
DEFINE_string(backend_queue_limit, "1gb",
              "Bytes of requests that wait to be sent to one shard by one thread. Beyond, further "
              "ones get an error.");
DEFINE_string(proto_max_bulk_len, "512mb", "Longest argument of a request.");
DEFINE_int32(connect_timeout_ms, 2000, "Milliseconds to connect to a shard.");
DEFINE_int32(topology_refresh_ms, 5000, "Milliseconds between two looks at the cluster's slots.");
DEFINE_int32(drain_delay_ms, 0,
             "Milliseconds after SIGTERM in which /readyz says 503 and new clients are served still, "
             "for a balancer to notice.");
DEFINE_int32(drain_idle_ms, 1000,
             "Milliseconds of silence after which a draining proxy closes a client that waits for "
             "nothing. One that is not silent is closed behind a reply.");
DEFINE_int32(drain_timeout_ms, 10000,
             "Milliseconds that a draining proxy leaves its clients, from when it listens no more.");
DEFINE_string(script_cache_limit, "64mb",
              "Memory for the scripts that clients have sent, of all threads together. 0: none is kept.");
DEFINE_int32(databases, 0,
             "What CONFIG GET databases says; 0: what the shards say. SELECT asks the shards.");
DEFINE_string(advertise, "",
              "All proxies as host:port, separated by commas, in the same order at each: what CLUSTER "
              "shows to cluster-aware clients as the nodes. Empty: this one alone.");
DEFINE_bool(enable_debug_command, false, "Passes DEBUG on to the shards.");
DEFINE_string(logfile, "",
              "File of the log; re-opened on SIGUSR1 and SIGHUP. Empty: standard output.");
DEFINE_string(loglevel, "notice", "debug, verbose, notice or warning.");
DEFINE_string(pidfile, "", "File for the process id. Empty: none.");
DEFINE_bool(take_over, false,
            "Takes the ports over from the proxy that --pidfile names, if it runs: waits until the "
            "cluster is known, listens beside it, then has it drain.");

namespace keyway::proxy {
namespace {

constexpr int kMaxThreads = 60;
constexpr int64_t kFilesForItself = 96;

constexpr int kMaxFlagFileDepth = 8;

// What SIGHUP and, as far as it has a name there, CONFIG SET can change.
constexpr std::string_view kReloadable[] = {
    "client_output_buffer_limit",
    "client_output_buffer_limit_pubsub",
    "client_query_buffer_limit",
    "drain_delay_ms",
    "drain_idle_ms",
    "drain_timeout_ms",
    "enable_debug_command",
    "loglevel",
    "max_gathered_bytes",
    "max_pipeline",
    "max_pipeline_bytes",
    "max_redirects",
    "maxclients",
    "maxmemory_clients",
    "proto_max_bulk_len",
    "request_deadline_ms",
    "requirepass",
    "tcp_keepalive",
    "timeout",
};

// Collects what is wrong with the flags, so that one run shows all of it.
class FlagCheck {
 public:
  explicit FlagCheck(std::vector<std::string>* problems) : problems_(problems) {}
  void Range(std::string_view flag, int64_t value, int64_t low, int64_t high) {
    if (value >= low && value <= high) return;
    Wrong(flag, "must be between " + std::to_string(low) + " and " + std::to_string(high) +
                    ", not " + std::to_string(value));
  }
  size_t Memory(std::string_view flag, const std::string& text, uint64_t least) {
    const auto bytes = config::ParseMemory(text);
    if (!bytes || *bytes < least) {
      Wrong(flag, "must be an amount of memory of at least " + config::FormatMemory(least) +
                      ", such as 64mb, not '" + text + "'");
      return least;
    }
    return *bytes;
  }
  void Wrong(std::string_view flag, std::string_view what) {
    problems_->push_back("--" + std::string(flag) + " " + std::string(what));
  }

 private:
  std::vector<std::string>* problems_;
};

std::vector<std::string> SplitList(std::string_view text) {
  std::vector<std::string> items;
  while (true) {
    const size_t comma = text.find(',');
    std::string_view item = text.substr(0, comma);
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
    if (!item.empty()) items.emplace_back(item);
    if (comma == std::string_view::npos) return items;
    text.remove_prefix(comma + 1);
  }
}

// "32mb 8mb 60"
session::OutputLimit ReadOutputLimit(FlagCheck& check, std::string_view flag,
                                     const std::string& text) {
  std::istringstream words(text);
  std::string hard;
  std::string soft;
  std::string rest;
  session::OutputLimit limit;
  words >> hard >> soft >> limit.seconds;
  const auto hard_bytes = config::ParseMemory(hard);
  const auto soft_bytes = config::ParseMemory(soft);
  if (words.fail() || words >> rest || !hard_bytes || !soft_bytes || limit.seconds < 0) {
    check.Wrong(flag, "must be a hard limit, a soft limit and seconds, such as '32mb 8mb 60', not '" +
                          text + "'");
    return limit;
  }
  limit.hard = *hard_bytes;
  limit.soft = *soft_bytes;
  return limit;
}

// The same, or the hard limit alone.
session::OutputLimit ReadNormalLimit(FlagCheck& check) {
  const std::string& text = FLAGS_client_output_buffer_limit;
  constexpr size_t kLeastBytes = 64 * 1024;
  if (text.find(' ') == std::string::npos) {
    return {.hard = check.Memory("client_output_buffer_limit", text, kLeastBytes)};
  }
  const session::OutputLimit limit = ReadOutputLimit(check, "client_output_buffer_limit", text);
  for (const size_t bytes : {limit.hard, limit.soft}) {
    if (bytes > 0 && bytes < kLeastBytes) {
      check.Wrong("client_output_buffer_limit", "must have limits of at least 64kb, or 0 for none");
    }
  }
  return limit;
}

// "512mb", or "5%" of the machine's memory.
size_t ReadClientMemory(FlagCheck& check) {
  constexpr size_t kLeastBytes = 16 * 1024 * 1024;
  std::string text = FLAGS_maxmemory_clients;
  if (text == "0") return 0;
  if (!text.empty() && text.back() == '%') {
    text.pop_back();
    const auto percent = config::ParseMemory(text);
    if (!percent || *percent < 1 || *percent > 100) {
      check.Wrong("maxmemory_clients", "must be between 1% and 100%, not '" + text + "%'");
      return 0;
    }
    const auto pages = static_cast<size_t>(sysconf(_SC_PHYS_PAGES));
    return pages * static_cast<size_t>(sysconf(_SC_PAGESIZE)) / 100 * *percent;
  }
  return check.Memory("maxmemory_clients", text, kLeastBytes);
}

// "6390=replica"
void ReadReadPorts(FlagCheck& check, WorkerOptions* worker) {
  for (const std::string& item : SplitList(FLAGS_read_ports)) {
    const size_t equals = std::min(item.find('='), item.size());
    uint16_t port = 0;
    const auto [end, error] = std::from_chars(item.data(), item.data() + equals, port);
    const auto read_from = execution::ParseReadFrom(std::string_view(item).substr(
        std::min(equals + 1, item.size())));
    if (error != std::errc() || end != item.data() + equals || port == 0 || !read_from) {
      check.Wrong("read_ports", "must be ports with policies, such as 6390=replica, not '" + item + "'");
      continue;
    }
    const auto& others = worker->read_listen;
    // The system would spread the clients of one port over both policies.
    if (port == FLAGS_port || std::any_of(others.begin(), others.end(), [port](const auto& other) {
          return other.endpoint.port == port;
        })) {
      check.Wrong("read_ports", "must not name a port twice, nor that of --port: " + item);
      continue;
    }
    for (const net::Endpoint& main : worker->listen) {
      worker->read_listen.push_back({{main.host, port}, *read_from});
    }
  }
}

void ReadReadFrom(FlagCheck& check, ServerOptions* options) {
  if (const auto read_from = execution::ParseReadFrom(FLAGS_read_from)) {
    options->worker.read_from = *read_from;
  } else {
    check.Wrong("read_from", "must be primary, prefer_replica, replica or nearest, not '" +
                                 FLAGS_read_from + "'");
  }
  ReadReadPorts(check, &options->worker);
  check.Range("max_replica_lag_ms", FLAGS_max_replica_lag_ms, 100, 3'600'000);
  check.Range("zone_of_hostname", FLAGS_zone_of_hostname, 0, 100);
  topology::ReplicaWatchOptions& watch = options->replica_watch;
  watch.max_lag_ms = FLAGS_max_replica_lag_ms;
  // While there are writes, a lag is only known to be between that of two rounds.
  watch.interval_ms = std::clamp(FLAGS_max_replica_lag_ms / 3, 50, watch.interval_ms);
  watch.username = FLAGS_cluster_username;
  watch.password = FLAGS_cluster_password;
  watch.zones.own = FLAGS_zone;
  watch.zones.hostname_label = FLAGS_zone_of_hostname;
  if (auto zones = topology::ParseNodeZones(FLAGS_node_zones); zones.ok()) {
    watch.zones.of_nodes = *zones;
  } else {
    check.Wrong("node_zones", zones.error().message);
  }
}

// A numeric address: nothing is resolved for listening.
void CheckAddress(FlagCheck& check, std::string_view flag, const net::Endpoint& endpoint) {
  sockaddr_storage ignored;
  if (!net::ToSockaddr(endpoint, &ignored)) {
    check.Wrong(flag, "must be a numeric IP address, not '" + endpoint.host + "'");
  }
}

void CheckNumbers(FlagCheck& check) {
  check.Range("port", FLAGS_port, 0, 65535);
  check.Range("http_port", FLAGS_http_port, 0, 65535);
  check.Range("threads", FLAGS_threads, 1, kMaxThreads);
  check.Range("maxclients", FLAGS_maxclients, 1, UINT_MAX);
  check.Range("timeout", FLAGS_timeout, 0, INT_MAX);
  check.Range("tcp_keepalive", FLAGS_tcp_keepalive, 0, INT_MAX);
  check.Range("tcp_backlog", FLAGS_tcp_backlog, 1, INT_MAX);
  check.Range("request_deadline_ms", FLAGS_request_deadline_ms, 10, 3'600'000);
  check.Range("stuck_shard_ms", FLAGS_stuck_shard_ms, 0, 3'600'000);
  check.Range("max_waiting_requests", FLAGS_max_waiting_requests, 0, INT_MAX);
  check.Range("stalled_client_timeout_ms", FLAGS_stalled_client_timeout_ms, 10, 3'600'000);
  check.Range("max_redirects", FLAGS_max_redirects, 0, 100);
  check.Range("max_pipeline", FLAGS_max_pipeline, 1, 1'000'000);
  check.Range("connect_timeout_ms", FLAGS_connect_timeout_ms, 10, 3'600'000);
  check.Range("topology_refresh_ms", FLAGS_topology_refresh_ms, 100, 3'600'000);
  check.Range("drain_delay_ms", FLAGS_drain_delay_ms, 0, 3'600'000);
  check.Range("drain_idle_ms", FLAGS_drain_idle_ms, 0, 3'600'000);
  check.Range("drain_timeout_ms", FLAGS_drain_timeout_ms, 0, 3'600'000);
  check.Range("databases", FLAGS_databases, 0, INT_MAX);
}

session::Identity MakeIdentity(std::string_view program) {
  session::Identity identity;
  identity.started_wall_micros = SystemClock::Instance().WallMicros();
  identity.startup_nodes = FLAGS_startup_nodes;
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
  identity.executable = length > 0 ? std::string(path, static_cast<size_t>(length)) : std::string(program);
  return identity;
}

}  // namespace

ServerOptions ReadFlags(std::string_view program, std::vector<std::string>* problems) {
  FlagCheck check(problems);
  CheckNumbers(check);
  ServerOptions options;
  options.threads = FLAGS_threads;
  options.max_clients = FLAGS_maxclients;
  options.script_cache_bytes = check.Memory("script_cache_limit", FLAGS_script_cache_limit, 0);
  options.client_memory_limit = ReadClientMemory(check);

  WorkerOptions& worker = options.worker;
  for (std::string& host : SplitList(FLAGS_bind)) {
    worker.listen.push_back({std::move(host), static_cast<uint16_t>(FLAGS_port)});
    CheckAddress(check, "bind", worker.listen.back());
  }
  if (worker.listen.empty()) check.Wrong("bind", "must name an address");
  ReadReadFrom(check, &options);
  worker.listener.backlog = FLAGS_tcp_backlog;
  worker.listener.stream.keepalive_seconds = static_cast<int>(FLAGS_tcp_keepalive);
  worker.listener.stream.input_limit_bytes =
      check.Memory("client_query_buffer_limit", FLAGS_client_query_buffer_limit, 1024 * 1024);
  worker.drain = {.delay_ms = FLAGS_drain_delay_ms,
                  .idle_ms = FLAGS_drain_idle_ms,
                  .timeout_ms = FLAGS_drain_timeout_ms};

  worker.backend.username = FLAGS_cluster_username;
  worker.backend.password = FLAGS_cluster_password;
  worker.backend.connect_timeout_ms = FLAGS_connect_timeout_ms;
  worker.backend.stuck_ms = FLAGS_stuck_shard_ms;
  worker.backend.max_queued_bytes =
      check.Memory("backend_queue_limit", FLAGS_backend_queue_limit, 1024 * 1024);

  worker.access.max_redirects = FLAGS_max_redirects;
  worker.access.deadline_ms = FLAGS_request_deadline_ms;
  worker.access.startup_nodes = FLAGS_startup_nodes;
  worker.access.max_gathered_bytes =
      check.Memory("max_gathered_bytes", FLAGS_max_gathered_bytes, 1024);
  worker.access.max_waiting_requests = static_cast<size_t>(FLAGS_max_waiting_requests);
  worker.access.max_waiting_bytes = check.Memory("max_waiting_bytes", FLAGS_max_waiting_bytes, 0);

  worker.session.password = FLAGS_requirepass;
  worker.session.request_limits.max_bulk_bytes = static_cast<int64_t>(
      check.Memory("proto_max_bulk_len", FLAGS_proto_max_bulk_len, 1024 * 1024));
  worker.session.max_requests_in_flight = static_cast<size_t>(FLAGS_max_pipeline);
  worker.session.max_request_bytes_in_flight =
      check.Memory("max_pipeline_bytes", FLAGS_max_pipeline_bytes, 1);
  worker.session.output_limit = ReadNormalLimit(check);
  worker.session.pubsub_output_limit = ReadOutputLimit(
      check, "client_output_buffer_limit_pubsub", FLAGS_client_output_buffer_limit_pubsub);
  worker.session.idle_timeout_seconds = static_cast<int>(FLAGS_timeout);
  worker.session.stalled_client_timeout_ms = FLAGS_stalled_client_timeout_ms;
  worker.backend.stalled_ms = FLAGS_stalled_client_timeout_ms;
  worker.backend.reply_silence_ms = FLAGS_request_deadline_ms;
  worker.session.allow_debug = FLAGS_enable_debug_command;
  worker.session.max_transaction_bytes = worker.listener.stream.input_limit_bytes;
  options.identity = MakeIdentity(program);

  if (auto nodes = net::ParseEndpoints(FLAGS_startup_nodes); nodes.ok()) {
    options.topology.startup_nodes = *nodes;
  } else {
    check.Wrong("startup_nodes", "'" + FLAGS_startup_nodes + "': " + nodes.error().message);
  }
  if (!FLAGS_advertise.empty()) {
    if (auto proxies = net::ParseEndpoints(FLAGS_advertise); proxies.ok()) {
      options.identity.advertise = *proxies;
    } else {
      check.Wrong("advertise", "'" + FLAGS_advertise + "': " + proxies.error().message);
    }
  }
  options.topology.refresh_interval_ms = FLAGS_topology_refresh_ms;
  options.topology.username = FLAGS_cluster_username;
  options.topology.password = FLAGS_cluster_password;

  if (FLAGS_http_port != 0) {
    options.http = net::Endpoint{FLAGS_http_bind, static_cast<uint16_t>(FLAGS_http_port)};
    CheckAddress(check, "http_bind", *options.http);
  }
  if (auto level = log::ParseLevel(FLAGS_loglevel); level.ok()) {
    options.log_level = *level;
  } else {
    check.Wrong("loglevel", "'" + FLAGS_loglevel + "': " + level.error().message);
  }
  if (FLAGS_take_over && FLAGS_pidfile.empty()) {
    check.Wrong("take_over", "needs --pidfile, which names the proxy to take over from");
  }
  if (FLAGS_take_over && FLAGS_port == 0) check.Wrong("take_over", "needs a --port");
  return options;
}

Status RaiseLimits(ServerOptions* options) {
  auto limit = RaiseFileLimit(options->max_clients, kFilesForItself);
  if (!limit.ok()) return limit.error();
  // A client that watches or waits has a connection to a shard, too.
  RaiseFileLimitAtMost(2 * limit->max_clients + kFilesForItself);
  for (const std::string& notice : limit->notices) KEYWAY_NOTICE() << notice;
  for (const std::string& warning : limit->warnings) KEYWAY_WARNING() << warning;
  options->max_clients = limit->max_clients;
  return {};
}

// Setting them anew
// --------------------------------------------------------------------------------------

namespace {

std::vector<gflags::CommandLineFlagInfo> OwnFlags() {
  std::vector<gflags::CommandLineFlagInfo> flags;
  gflags::GetAllFlags(&flags);
  std::erase_if(flags, [](const gflags::CommandLineFlagInfo& flag) {
    return !flag.filename.ends_with(kFlagsFile);
  });
  return flags;
}

class FlagReplay {
 public:
  explicit FlagReplay(std::string program) : program_(std::move(program)) {}

  Status Run(const std::vector<std::string>& arguments) {
    for (size_t i = 0; i < arguments.size(); ++i) {
      Option option = Parse(arguments[i]);
      // gflags has accepted the command line, so that the value is there.
      if (!option.complete && i + 1 < arguments.size()) option.value = arguments[++i];
      if (Status status = Set(option); !status.ok()) return status;
    }
    return {};
  }

 private:
  struct Option {
    std::string name;
    std::string value;
    bool complete = true;  // else the value is the next word
  };

  // "--name=value", "-name", "--noname", "--name" before its value.
  static Option Parse(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of('-'), text.size()));
    const size_t equals = text.find('=');
    if (equals != std::string_view::npos) {
      return {std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
    }
    std::string name(text);
    gflags::CommandLineFlagInfo info;
    if (gflags::GetCommandLineFlagInfo(name.c_str(), &info)) {
      if (info.type == "bool") return {std::move(name), "true"};
    } else if (name.starts_with("no") &&
               gflags::GetCommandLineFlagInfo(name.c_str() + 2, &info) && info.type == "bool") {
      return {name.substr(2), "false"};
    }
    return {std::move(name), {}, false};
  }

  Status Set(const Option& option) {
    if (option.name == "flagfile") return ReadFiles(option.value);
    gflags::CommandLineFlagInfo info;
    if (!gflags::GetCommandLineFlagInfo(option.name.c_str(), &info)) {
      return Error{"there is no flag --" + option.name};
    }
    // Those of gflags and glog stay as they are.
    if (!info.filename.ends_with(kFlagsFile)) return {};
    if (gflags::SetCommandLineOption(option.name.c_str(), option.value.c_str()).empty()) {
      return Error{"--" + option.name + " cannot be '" + option.value + "'"};
    }
    return {};
  }

  // A list separated by commas, as gflags has it.
  Status ReadFiles(const std::string& list) {
    for (const std::string& path : SplitList(list)) {
      if (Status status = ReadFile(path); !status.ok()) return status;
    }
    return {};
  }

  // Flags one a line, comments, and lines with names of programs, which the flags below are for.
  Status ReadFile(const std::string& path) {
    std::ifstream file(path);
    if (!file) return Error{"the flag file '" + path + "' cannot be read"};
    if (depth_ == kMaxFlagFileDepth) return Error{"flag files name each other too deeply"};
    ++depth_;
    bool for_us = true;
    bool names_before = false;
    int number = 0;
    for (std::string line; std::getline(file, line);) {
      ++number;
      const size_t begin = line.find_first_not_of(" \t\r");
      if (begin == std::string::npos || line[begin] == '#') continue;
      line = line.substr(begin, line.find_last_not_of(" \t\r") + 1 - begin);
      if (line[0] != '-') {
        for_us = (names_before && for_us) || NamesUs(line);
        names_before = true;
        continue;
      }
      names_before = false;
      if (!for_us) continue;
      const Option option = Parse(line);
      Status status = option.complete ? Set(option)
                                      : Status(Error{"--" + option.name + " has no value"});
      if (!status.ok()) {
        return Error{path + ":" + std::to_string(number) + ": " + status.error().message};
      }
    }
    --depth_;
    return {};
  }

  bool NamesUs(const std::string& line) const {
    std::istringstream words(line);
    const std::string name = program_.substr(program_.rfind('/') + 1);
    for (std::string word; words >> word;) {
      if (fnmatch(word.c_str(), program_.c_str(), FNM_PATHNAME) == 0 ||
          fnmatch(word.c_str(), name.c_str(), FNM_PATHNAME) == 0) {
        return true;
      }
    }
    return false;
  }

  const std::string program_;
  int depth_ = 0;
};

}  // namespace

FlagValues CurrentFlags() {
  FlagValues values;
  for (const auto& flag : OwnFlags()) values.emplace_back(flag.name, flag.current_value);
  return values;
}

void RestoreFlags(const FlagValues& values) {
  for (const auto& [name, value] : values) {
    gflags::SetCommandLineOption(name.c_str(), value.c_str());
  }
}

Status ReplayFlags(const std::string& program, const std::vector<std::string>& arguments) {
  for (const auto& flag : OwnFlags()) {
    gflags::SetCommandLineOption(flag.name.c_str(), flag.default_value.c_str());
  }
  return FlagReplay(program).Run(arguments);
}

bool IsReloadable(std::string_view flag) {
  return std::find(std::begin(kReloadable), std::end(kReloadable), flag) != std::end(kReloadable);
}

}  // namespace keyway::proxy
