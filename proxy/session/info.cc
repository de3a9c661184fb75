#include "proxy/session/info.h"

#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "common/base/clock.h"
#include "proxy/session/client_directory.h"
#include "proxy/session/deferred.h"
#include "proxy/session/local_commands.h"
#include "proxy/session/session.h"

namespace keyway::proxy::session {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kDay = 86'400;

using Writer = std::function<std::string(SessionContext&)>;

class Lines {
 public:
  template <typename Value>
  Lines& Add(std::string_view name, const Value& value) {
    text_ << name << ':' << value << "\r\n";
    return *this;
  }
  std::string Text() const { return text_.str(); }

 private:
  std::ostringstream text_;
};

// As Redis prints sizes for people: 1.50M.
std::string HumanBytes(uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "K", "M", "G", "T", "P"};
  if (bytes < 1024) return std::to_string(bytes) + "B";
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f%s", value, kUnits[unit]);
  return text;
}

// A field of /proc/self/status in bytes; 0 when it cannot be read.
uint64_t ProcessMemory(std::string_view field) {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with(field))
      return std::strtoull(line.c_str() + field.size(), nullptr, 10) * 1024;
  }
  return 0;
}

template <typename Read>
uint64_t Total(const SessionContext& context, Read read) {
  uint64_t total = 0;
  for (const ClientDirectory::Worker& worker : context.directory.workers()) total += read(worker);
  return total;
}

uint64_t RequestTotal(const ClientDirectory::Worker& worker, bool failed_only) {
  uint64_t total = failed_only ? 0 : worker.statistics->unknown();
  for (size_t id = 0; id < command::CommandCount(); ++id) {
    for (int outcome = failed_only ? 1 : 0; outcome < execution::kOutcomes; ++outcome) {
      total += worker.statistics->requests(static_cast<command::CommandId>(id),
                                           static_cast<execution::Outcome>(outcome));
    }
  }
  return total;
}

std::string Server(SessionContext& context) {
  const Identity& identity = context.identity;
  const int64_t now = SystemClock::Instance().WallMicros();
  const int64_t uptime = (now - identity.started_wall_micros) / kSecond;
  utsname system{};
  uname(&system);
  return Lines()
      .Add("redis_version", kRedisVersion)
      .Add("redis_git_sha1", "00000000")
      .Add("redis_git_dirty", 0)
      .Add("redis_mode", "standalone")
      .Add("os", std::string(system.sysname) + " " + system.release + " " + system.machine)
      .Add("arch_bits", sizeof(void*) * 8)
      .Add("multiplexing_api", "epoll")
      .Add("process_id", getpid())
      .Add("run_id", identity.run_id)
      .Add("tcp_port", identity.port)
      .Add("server_time_usec", now)
      .Add("uptime_in_seconds", uptime)
      .Add("uptime_in_days", uptime / kDay)
      .Add("executable", identity.executable)
      .Add("config_file", "")
      .Text();
}

std::string Clients(SessionContext& context) {
  return Lines()
      .Add("connected_clients", context.directory.connected())
      .Add("cluster_connections", 0)
      .Add("maxclients", context.identity.max_clients)
      .Add("blocked_clients", 0)
      .Add("tracking_clients", 0)
      .Add("clients_in_timeout_table", 0)
      .Text();
}

std::string Memory(SessionContext&) {
  const uint64_t now = ProcessMemory("VmRSS:");
  const uint64_t peak = ProcessMemory("VmHWM:");
  return Lines()
      .Add("used_memory", now)
      .Add("used_memory_human", HumanBytes(now))
      .Add("used_memory_rss", now)
      .Add("used_memory_rss_human", HumanBytes(now))
      .Add("used_memory_peak", peak)
      .Add("used_memory_peak_human", HumanBytes(peak))
      .Add("maxmemory", 0)
      .Add("maxmemory_human", "0B")
      .Add("maxmemory_policy", "noeviction")
      .Text();
}

std::string Persistence(SessionContext&) {
  return Lines()
      .Add("loading", 0)
      .Add("async_loading", 0)
      .Add("rdb_bgsave_in_progress", 0)
      .Add("rdb_last_bgsave_status", "ok")
      .Add("aof_enabled", 0)
      .Add("aof_rewrite_in_progress", 0)
      .Text();
}

// What clients of this proxy listen to.
size_t CountTopics(const SessionContext& context, pubsub::Kind kind) {
  return context.hub == nullptr ? 0 : context.hub->census().Count(kind);
}

std::string Stats(SessionContext& context) {
  using Worker = ClientDirectory::Worker;
  return Lines()
      .Add("total_connections_received",
           Total(context, [](const Worker& w) { return w.session_statistics->accepted.Get(); }))
      .Add("total_commands_processed",
           Total(context, [](const Worker& w) { return RequestTotal(w, false); }))
      .Add("total_net_input_bytes",
           Total(context, [](const Worker& w) { return w.session_statistics->input_bytes.Get(); }))
      .Add("total_net_output_bytes",
           Total(context, [](const Worker& w) { return w.session_statistics->output_bytes.Get(); }))
      .Add("rejected_connections",
           Total(context, [](const Worker& w) { return w.session_statistics->rejected.Get(); }))
      .Add("pubsub_channels", CountTopics(context, pubsub::Kind::kChannel))
      .Add("pubsub_patterns", CountTopics(context, pubsub::Kind::kPattern))
      .Add("pubsubshard_channels", CountTopics(context, pubsub::Kind::kShardChannel))
      .Add("total_error_replies",
           Total(context, [](const Worker& w) { return RequestTotal(w, true); }))
      .Text();
}

std::string Replication(SessionContext& context) {
  return Lines()
      .Add("role", "master")
      .Add("connected_slaves", 0)
      .Add("master_failover_state", "no-failover")
      .Add("master_replid", context.identity.run_id)
      .Add("master_replid2", std::string(40, '0'))
      .Add("master_repl_offset", 0)
      .Add("second_repl_offset", -1)
      .Add("repl_backlog_active", 0)
      .Text();
}

std::string Cpu(SessionContext&) {
  const auto seconds = [](const timeval& time) {
    char text[48];
    std::snprintf(text, sizeof(text), "%ld.%06ld", static_cast<long>(time.tv_sec),
                  static_cast<long>(time.tv_usec));
    return std::string(text);
  };
  rusage self{};
  getrusage(RUSAGE_SELF, &self);
  return Lines()
      .Add("used_cpu_sys", seconds(self.ru_stime))
      .Add("used_cpu_user", seconds(self.ru_utime))
      .Add("used_cpu_sys_children", "0.000000")
      .Add("used_cpu_user_children", "0.000000")
      .Text();
}

std::string Nothing(SessionContext&) {
  return {};
}

std::string Cluster(SessionContext&) {
  return Lines().Add("cluster_enabled", 0).Text();
}

std::string Proxy(SessionContext& context) {
  using Worker = ClientDirectory::Worker;
  const topology::SlotMap* map = context.executor.access().map();
  return Lines()
      .Add("proxy_threads", context.identity.threads)
      .Add("proxy_startup_nodes", context.identity.startup_nodes)
      .Add("proxy_topology_version", map == nullptr ? 0 : map->version())
      .Add("proxy_cluster_epoch", map == nullptr ? 0 : map->cluster_epoch())
      .Add("proxy_covered_slots", map == nullptr ? 0 : map->covered_slots())
      .Add("proxy_primaries", map == nullptr ? 0 : map->shards().size())
      .Add("proxy_redirects_moved",
           Total(context, [](const Worker& w) { return w.statistics->moved.Get(); }))
      .Add("proxy_redirects_ask",
           Total(context, [](const Worker& w) { return w.statistics->asked.Get(); }))
      .Add("proxy_retries",
           Total(context, [](const Worker& w) { return w.statistics->retries.Get(); }))
      .Add("proxy_requests_in_flight",
           Total(context, [](const Worker& w) { return w.statistics->in_flight.Get(); }))
      .Add("proxy_requests_waiting",
           Total(context, [](const Worker& w) { return w.statistics->waiting_requests.Get(); }))
      .Text();
}

struct Section {
  std::string_view name;
  std::string_view title;
  std::string (*write)(SessionContext&);
};

constexpr std::string_view kKeyspace = "keyspace";

constexpr Section kSections[] = {
    {"server", "Server", Server},
    {"clients", "Clients", Clients},
    {"memory", "Memory", Memory},
    {"persistence", "Persistence", Persistence},
    {"stats", "Stats", Stats},
    {"replication", "Replication", Replication},
    {"cpu", "CPU", Cpu},
    {"modules", "Modules", Nothing},
    {"errorstats", "Errorstats", Nothing},
    {"cluster", "Cluster", Cluster},
    {"proxy", "Proxy", Proxy},
    {kKeyspace, "Keyspace", nullptr},  // written last, when the shards have answered
};

// Which sections `arguments` ask for, by their place in kSections.
std::set<size_t> WantedSections(std::span<const std::string_view> arguments) {
  std::set<size_t> wanted;
  const auto add_all = [&wanted] {
    for (size_t i = 0; i < std::size(kSections); ++i) wanted.insert(i);
  };
  if (arguments.size() == 1) add_all();
  for (std::string_view name : arguments.subspan(1)) {
    if (EqualsIgnoreCase(name, "default") || EqualsIgnoreCase(name, "all") ||
        EqualsIgnoreCase(name, "everything")) {
      add_all();
    }
    for (size_t i = 0; i < std::size(kSections); ++i) {
      if (EqualsIgnoreCase(name, kSections[i].name)) wanted.insert(i);
    }
  }
  return wanted;
}

}  // namespace

void Info(LocalCall& call) {
  SessionContext& context = call.session.context();
  std::string text;
  bool keyspace = false;
  for (size_t i : WantedSections(call.arguments)) {
    const Section& section = kSections[i];
    keyspace = keyspace || section.write == nullptr;
    if (section.write == nullptr) continue;
    if (!text.empty()) text += "\r\n";
    text += "# " + std::string(section.title) + "\r\n" + section.write(context);
  }
  if (!keyspace) {
    call.reply.Verbatim("txt", text);
    return;
  }
  call.Defer(new KeyspaceOperation(
      [text, version = call.reply.version()](std::string_view lines, bool complete) {
        std::string all = text;
        if (!all.empty()) all += "\r\n";
        all += "# Keyspace\r\n";
        // A section that is not there is better than one that lacks a shard's keys.
        all += complete ? std::string(lines) : "keyspace_unavailable:a shard did not answer\r\n";
        OutputBuffer buffer;
        resp::ReplyWriter(buffer, version).Verbatim("txt", all);
        return buffer;
      }));
}

}  // namespace keyway::proxy::session
