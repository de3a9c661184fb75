// INFO: the merged numbers of the shards (info_merge.h), over which the proxy puts what it knows
// better: itself and its clients. A shard that does not answer soon is named, never left out silently.
#include "proxy/session/info.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/resp/reply_parser.h"
#include "proxy/execution/ask_all.h"
#include "proxy/session/client_directory.h"
#include "proxy/session/info_merge.h"
#include "proxy/session/local_commands.h"
#include "proxy/session/session.h"

namespace keyway::proxy::session {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kDay = 86'400;
// Monitoring asks often, and asks because something may be wrong.
constexpr int kPatienceMs = 1000;

// The fields of one section that are the proxy's own.
class Own {
 public:
  Own& Add(std::string_view name, std::string value) {
    fields_.emplace_back(name, std::move(value));
    return *this;
  }
  Own& Add(std::string_view name, std::string_view value) { return Add(name, std::string(value)); }
  Own& Add(std::string_view name, const char* value) { return Add(name, std::string(value)); }
  template <typename Number>
  Own& Add(std::string_view name, Number value) {
    return Add(name, std::to_string(value));
  }
  InfoFields Fields() { return std::move(fields_); }

 private:
  InfoFields fields_;
};

template <typename Read>
uint64_t Total(const SessionContext& context, Read read) {
  uint64_t total = 0;
  for (const ClientDirectory::Worker& worker : context.directory.workers()) total += read(worker);
  return total;
}

InfoFields Server(SessionContext& context) {
  const Identity& identity = context.identity;
  const int64_t now = SystemClock::Instance().WallMicros();
  const int64_t uptime = (now - identity.started_wall_micros) / kSecond;
  utsname system{};
  uname(&system);
  return Own()
      .Add("redis_version", kRedisVersion)
      .Add("redis_git_sha1", "00000000")
      .Add("redis_git_dirty", 0)
      .Add("redis_mode", "standalone")
      .Add("os", std::string(system.sysname) + " " + system.release + " " + system.machine)
      .Add("arch_bits", sizeof(void*) * 8)
      .Add("multiplexing_api", "epoll")
      .Add("process_id", getpid())
      .Add("process_supervised", "no")
      .Add("run_id", identity.run_id)
      .Add("tcp_port", identity.port)
      .Add("server_time_usec", now)
      .Add("uptime_in_seconds", uptime)
      .Add("uptime_in_days", uptime / kDay)
      .Add("executable", identity.executable)
      .Add("config_file", "")
      .Fields();
}

InfoFields Clients(SessionContext& context) {
  return Own()
      .Add("connected_clients", context.directory.connected())
      .Add("cluster_connections", 0)
      .Add("maxclients", context.directory.max_clients())
      .Add("blocked_clients", context.directory.blocked())
      .Add("tracking_clients", 0)
      .Add("clients_in_timeout_table", 0)
      .Fields();
}

InfoFields Persistence(SessionContext&) {
  return Own().Add("loading", 0).Add("async_loading", 0).Fields();
}

// What clients of this proxy listen to.
size_t CountTopics(const SessionContext& context, pubsub::Kind kind) {
  return context.hub == nullptr ? 0 : context.hub->census().Count(kind);
}

InfoFields Stats(SessionContext& context) {
  const ConnectionTotals totals = context.directory.Totals();
  return Own()
      .Add("total_connections_received", totals.accepted)
      .Add("total_net_input_bytes", totals.input_bytes)
      .Add("total_net_output_bytes", totals.output_bytes)
      .Add("rejected_connections", totals.rejected)
      .Add("pubsub_channels", CountTopics(context, pubsub::Kind::kChannel))
      .Add("pubsub_patterns", CountTopics(context, pubsub::Kind::kPattern))
      .Add("pubsubshard_channels", CountTopics(context, pubsub::Kind::kShardChannel))
      .Fields();
}

InfoFields Replication(SessionContext& context) {
  return Own()
      .Add("role", "master")
      .Add("master_failover_state", "no-failover")
      .Add("master_replid", context.identity.run_id)
      .Add("master_replid2", std::string(40, '0'))
      .Add("second_repl_offset", -1)
      .Fields();
}

InfoFields None(SessionContext&) {
  return {};
}

// redis-py's RedisCluster and redis-cli --cluster go by this: who advertises wants such clients.
InfoFields Cluster(SessionContext& context) {
  return Own().Add("cluster_enabled", context.identity.advertise.empty() ? 0 : 1).Fields();
}

InfoFields Proxy(SessionContext& context) {
  using Worker = ClientDirectory::Worker;
  const topology::SlotMap* map = context.executor.access().map();
  return Own()
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
           Total(context, [](const Worker& w) { return w.statistics->retried(); }))
      .Add("proxy_requests_in_flight",
           Total(context, [](const Worker& w) { return w.statistics->in_flight.Get(); }))
      .Add("proxy_requests_waiting",
           Total(context, [](const Worker& w) { return w.statistics->waiting_requests.Get(); }))
      .Fields();
}

enum class Shown : uint8_t { kByDefault, kWithAll };
struct Section {
  std::string_view name;
  std::string_view title;
  Shown shown;
  InfoFields (*own)(SessionContext&);
};

constexpr std::string_view kKeyspace = "Keyspace";
constexpr std::string_view kProxy = "Proxy";

// In the order of Redis.
constexpr Section kSections[] = {
    {"server", "Server", Shown::kByDefault, Server},
    {"clients", "Clients", Shown::kByDefault, Clients},
    {"memory", "Memory", Shown::kByDefault, None},
    {"persistence", "Persistence", Shown::kByDefault, Persistence},
    {"stats", "Stats", Shown::kByDefault, Stats},
    {"replication", "Replication", Shown::kByDefault, Replication},
    {"cpu", "CPU", Shown::kByDefault, None},
    {"modules", "Modules", Shown::kByDefault, None},
    {"commandstats", "Commandstats", Shown::kWithAll, None},
    {"errorstats", "Errorstats", Shown::kByDefault, None},
    {"latencystats", "Latencystats", Shown::kWithAll, None},
    {"cluster", "Cluster", Shown::kByDefault, Cluster},
    {"keyspace", kKeyspace, Shown::kByDefault, None},
    {"proxy", kProxy, Shown::kByDefault, Proxy},
};

// Which sections `arguments` ask for, by their place in kSections.
std::set<size_t> WantedSections(std::span<const std::string_view> arguments) {
  std::set<size_t> wanted;
  const auto add_all = [&wanted](bool with_all) {
    for (size_t i = 0; i < std::size(kSections); ++i) {
      if (with_all || kSections[i].shown == Shown::kByDefault) wanted.insert(i);
    }
  };
  if (arguments.size() == 1) add_all(false);
  for (std::string_view name : arguments.subspan(1)) {
    if (EqualsIgnoreCase(name, "default")) add_all(false);
    if (EqualsIgnoreCase(name, "all") || EqualsIgnoreCase(name, "everything")) add_all(true);
    for (size_t i = 0; i < std::size(kSections); ++i) {
      if (EqualsIgnoreCase(name, kSections[i].name)) wanted.insert(i);
    }
  }
  return wanted;
}

// What the shards say.
struct ShardInfo {
  std::vector<InfoSection> sections;
  std::string keyspace;  // the merged lines
  std::string silent;    // the shards that did not answer, separated by commas
};

ShardInfo ReadAnswers(std::span<const execution::ShardAnswer> answers) {
  ShardInfo info;
  std::vector<std::string_view> texts;
  for (const execution::ShardAnswer& answer : answers) {
    const auto tree = answer.failed() ? Error{} : resp::ParseReplyTree(answer.bytes);
    if (tree.ok() && (tree->type == '$' || tree->type == '=')) {
      texts.push_back(tree->text);
    } else {
      info.silent += (info.silent.empty() ? "" : ",") + answer.node;
    }
  }
  info.sections = MergeInfo(texts);
  info.keyspace = MergeKeyspace(texts);
  return info;
}

// The shards' fields, with the proxy's own in their places.
InfoFields Compose(const Section& section, SessionContext& context, const ShardInfo& shards) {
  InfoFields fields;
  for (const InfoSection& merged : shards.sections) {
    if (merged.title == section.title) fields = merged.fields;
  }
  for (auto& [name, value] : section.own(context)) {
    const auto known = std::find_if(fields.begin(), fields.end(), [&name](const auto& field) {
      return field.first == name;
    });
    if (known == fields.end()) {
      fields.emplace_back(std::move(name), std::move(value));
    } else {
      known->second = std::move(value);
    }
  }
  return fields;
}

std::string WriteInfo(const std::set<size_t>& wanted, SessionContext& context,
                      const ShardInfo& shards, bool asked) {
  // Numbers that lack those of a shard are not shown without a word.
  const bool complete = shards.silent.empty() && (!asked || !shards.sections.empty());
  std::set<size_t> shown = wanted;
  if (!complete) shown.insert(std::size(kSections) - 1);
  std::string text;
  for (size_t i : shown) {
    const Section& section = kSections[i];
    if (!text.empty()) text += "\r\n";
    text += "# " + std::string(section.title) + "\r\n";
    if (section.title == kKeyspace) {
      text += complete ? shards.keyspace : "keyspace_unavailable:a shard did not answer\r\n";
      continue;
    }
    InfoFields fields = Compose(section, context, shards);
    if (asked && section.title == kProxy) {
      fields.emplace_back("proxy_unreachable_shards", shards.silent);
    }
    for (const auto& [name, value] : fields) text += name + ":" + value + "\r\n";
  }
  return text;
}

}  // namespace

void Info(LocalCall& call) {
  SessionContext& context = call.session.context();
  const std::set<size_t> wanted = WantedSections(call.arguments);
  const bool asks = std::any_of(wanted.begin(), wanted.end(),
                                [](size_t i) { return kSections[i].title != kProxy; });
  if (!asks) {
    call.reply.Verbatim("txt", WriteInfo(wanted, context, {}, false));
    return;
  }
  const int patience = std::min(kPatienceMs, context.executor.access().options().deadline_ms / 2);
  call.Defer(new execution::AskAllOperation(
      {.on_failure = execution::AskAllOperation::OnFailure::kReplyAnyway,
       .patience_ms = patience},
      [&context, wanted](const execution::Arguments&,
                         std::span<const execution::ShardAnswer> answers, resp::ReplyWriter& reply) {
        reply.Verbatim("txt", WriteInfo(wanted, context, ReadAnswers(answers), true));
      }));
}

}  // namespace keyway::proxy::session
