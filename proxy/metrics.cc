#include "proxy/metrics.h"

#include <optional>
#include <string>
#include <utility>

#include "common/command/table.h"
#include "proxy/execution/outcome.h"

namespace keyway::proxy {
namespace {

using Workers = std::vector<std::unique_ptr<Worker>>;
using metrics::Registry;

// A function that adds up one number of all workers.
template <typename Read>
std::function<double()> SumOf(const Workers& workers, Read read) {
  return [&workers, read] {
    uint64_t sum = 0;
    for (const auto& worker : workers) sum += read(*worker);
    return static_cast<double>(sum);
  };
}

void AddRequests(Registry& registry, const Workers& workers, const execution::Statistics::Histograms& histograms) {
  registry.CountersFrom(
      "keyway_proxy_requests_total", "Requests of clients, by command and result.",
      [&workers](Registry::Samples& samples) {
        for (size_t id = 0; id < command::CommandCount(); ++id) {
          const auto command = static_cast<command::CommandId>(id);
          for (int i = 0; i < execution::kOutcomes; ++i) {
            const auto outcome = static_cast<execution::Outcome>(i);
            uint64_t sum = 0;
            for (const auto& worker : workers)
              sum += worker->statistics().requests(command, outcome);
            // A series a command and result that never happened would be three thousand of them.
            if (sum == 0) continue;
            samples.Add({{"command", command::CommandById(command).full_name},
                         {"result", std::string(execution::OutcomeName(outcome))}},
                        static_cast<double>(sum));
          }
        }
      });
  registry.CounterFrom("keyway_proxy_unknown_commands_total",
                       "Requests that named no known command.", {},
                       SumOf(workers, [](const Worker& w) { return w.statistics().unknown(); }));
  registry.HistogramFrom("keyway_proxy_request_duration_seconds",
                         "Time from reading a request to having its reply.", {}, &histograms.latency);
  registry.GaugeFrom(
      "keyway_proxy_requests_in_flight", "Requests under way.", {},
      SumOf(workers, [](const Worker& w) { return w.statistics().in_flight.Get(); }));
  const auto sent = [&](const char* role, auto cell) {
    registry.CounterFrom(
        "keyway_proxy_shard_requests_total",
        "Requests sent for clients, those sent again included, by the role of their node.",
        {{"role", role}},
        SumOf(workers, [cell](const Worker& w) { return (w.statistics().*cell).Get(); }));
  };
  sent("primary", &execution::Statistics::to_primaries);
  sent("replica", &execution::Statistics::to_replicas);
  registry.CounterFrom("keyway_proxy_redirects_total", "Redirects by shards, by kind.",
                       {{"kind", "moved"}},
                       SumOf(workers, [](const Worker& w) { return w.statistics().moved.Get(); }));
  registry.CounterFrom("keyway_proxy_redirects_total", "Redirects by shards, by kind.",
                       {{"kind", "ask"}},
                       SumOf(workers, [](const Worker& w) { return w.statistics().asked.Get(); }));
}

void AddWaiting(Registry& registry, const Workers& workers,
                const execution::Statistics::Histograms& histograms) {
  registry.GaugeFrom(
      "keyway_proxy_requests_waiting", "Requests that wait for a shard that is away.", {},
      SumOf(workers, [](const Worker& w) { return w.statistics().waiting_requests.Get(); }));
  registry.GaugeFrom(
      "keyway_proxy_requests_waiting_bytes", "Bytes of requests that wait for a shard.", {},
      SumOf(workers, [](const Worker& w) { return w.statistics().waiting_bytes.Get(); }));
  using Cells = execution::SingleWriterCell[execution::kAwayCauses];
  const auto by_cause = [&](const std::string& name, const std::string& help,
                            const Cells execution::Statistics::*cells) {
    for (int i = 0; i < execution::kAwayCauses; ++i) {
      const auto cause = static_cast<execution::AwayCause>(i);
      registry.CounterFrom(
          name, help, {{"cause", std::string(execution::AwayCauseName(cause))}},
          SumOf(workers, [cells, i](const Worker& w) { return (w.statistics().*cells)[i].Get(); }));
    }
  };
  by_cause("keyway_proxy_parked_total", "Requests that had to wait for a shard, by the first cause.",
           &execution::Statistics::parked);
  by_cause("keyway_proxy_retries_total", "Requests sent again after their shard was away, by cause.",
           &execution::Statistics::retries);
  by_cause("keyway_proxy_given_up_total",
           "Requests that ended while they waited: their deadline, no room to wait, or a client that "
           "left; by cause of the wait.",
           &execution::Statistics::given_up);
  const std::string ambiguous = "keyway_proxy_ambiguous_total";
  const std::string help = "Writes that may or may not have been executed (UNCERTAIN), by cause.";
  registry.CounterFrom(
      ambiguous, help, {{"cause", "lost"}},
      SumOf(workers, [](const Worker& w) { return w.statistics().ambiguous_lost.Get(); }));
  registry.CounterFrom(
      ambiguous, help, {{"cause", "deadline"}},
      SumOf(workers, [](const Worker& w) { return w.statistics().ambiguous_deadline.Get(); }));
  registry.HistogramFrom("keyway_proxy_request_wait_seconds",
                         "Time from when a request had to wait for its shard to its end.", {},
                         &histograms.request_wait);
  registry.HistogramFrom("keyway_proxy_shard_absence_seconds",
                         "How long a node could not serve requests meant for it, until it answered or "
                         "another one had its slots.",
                         {}, &histograms.shard_absence);
}

void AddClients(Registry& registry, const Workers& workers,
                const session::ClientDirectory& directory,
                const session::ClientMemory& client_memory) {
  const auto count = [&](const std::string& name, const std::string& help,
                         execution::SingleWriterCell session::SessionStatistics::*cell) {
    registry.CounterFrom(name, help, {}, SumOf(workers, [cell](const Worker& w) {
                           return (w.session_statistics().*cell).Get();
                         }));
  };
  registry.GaugeFrom("keyway_proxy_client_connections", "Clients connected.", {},
                     [&directory] { return static_cast<double>(directory.connected()); });
  registry.GaugeFrom("keyway_proxy_client_memory_bytes",
                     "Memory for requests and replies of all clients.", {},
                     [&client_memory] { return static_cast<double>(client_memory.bytes()); });
  registry.GaugeFrom("keyway_proxy_blocked_clients",
                     "Clients that wait for keys or for the end of CLIENT PAUSE.", {},
                     [&directory] { return static_cast<double>(directory.blocked()); });
  count("keyway_proxy_client_connections_total", "Clients accepted.",
        &session::SessionStatistics::accepted);
  count("keyway_proxy_client_connections_rejected_total", "Clients refused for --maxclients.",
        &session::SessionStatistics::rejected);
  count("keyway_proxy_client_input_bytes_total", "Bytes of requests read from clients.",
        &session::SessionStatistics::input_bytes);
  count("keyway_proxy_client_output_bytes_total", "Bytes of replies written for clients.",
        &session::SessionStatistics::output_bytes);
  count("keyway_proxy_client_protocol_errors_total", "Clients closed for a protocol error.",
        &session::SessionStatistics::protocol_errors);
  const std::string closed = "keyway_proxy_clients_closed_total";
  const std::string closed_help = "Clients closed by the proxy, by limit.";
  const auto close = [&](const char* limit, auto cell) {
    registry.CounterFrom(
        closed, closed_help, {{"limit", limit}},
        SumOf(workers, [cell](const Worker& w) { return (w.session_statistics().*cell).Get(); }));
  };
  close("output", &session::SessionStatistics::closed_for_output);
  close("input", &session::SessionStatistics::closed_for_input);
  close("idle", &session::SessionStatistics::closed_for_idleness);
  close("memory", &session::SessionStatistics::closed_for_memory);
  close("stalled", &session::SessionStatistics::closed_for_stalling);
  registry.CounterFrom("keyway_proxy_replies_broken_total",
                       "Clients closed because their shard was lost in the middle of a large reply.",
                       {}, SumOf(workers, [](const Worker& w) {
                         return w.session_statistics().closed_for_broken_reply.Get();
                       }));
}

void AddLifeCycle(Registry& registry, const Workers& workers, const LifeCycle& life_cycle) {
  registry.GaugeFrom("keyway_proxy_draining", "Whether the proxy is about to end.", {},
                     [draining = life_cycle.draining] { return draining() ? 1.0 : 0.0; });
  const auto reloads = [&](const char* result, const std::function<uint64_t()>& read) {
    registry.CounterFrom("keyway_proxy_reloads_total", "Times that the flags were read again.",
                         {{"result", result}}, [read] { return static_cast<double>(read()); });
  };
  reloads("ok", life_cycle.reloads_ok);
  reloads("failed", life_cycle.reloads_failed);
  const auto drained = [&](const char* when, auto cell) {
    registry.CounterFrom(
        "keyway_proxy_drained_clients_total", "Clients closed because the proxy ends.",
        {{"when", when}},
        SumOf(workers, [cell](const Worker& w) { return (w.session_statistics().*cell).Get(); }));
  };
  drained("idle", &session::SessionStatistics::drained_idle);
  drained("replied", &session::SessionStatistics::drained_replied);
  drained("limit", &session::SessionStatistics::drained_at_limit);
}

void AddBackends(Registry& registry, const Workers& workers) {
  const auto sum = [&workers](execution::SingleWriterCell BackendCells::*cell) {
    return SumOf(workers, [cell](const Worker& w) { return (w.backend().*cell).Get(); });
  };
  registry.GaugeFrom("keyway_proxy_backend_connections", "Open connections to shards.", {},
                     sum(&BackendCells::open_connections));
  registry.CounterFrom("keyway_proxy_backend_connects_total", "Connections made to shards.", {},
                       sum(&BackendCells::connects));
  registry.CounterFrom("keyway_proxy_backend_connect_failures_total",
                       "Attempts to connect to a shard that failed.", {},
                       sum(&BackendCells::connect_failures));
  registry.CounterFrom("keyway_proxy_backend_connections_lost_total",
                       "Connections to shards that were lost.", {},
                       sum(&BackendCells::connections_lost));
  registry.CounterFrom("keyway_proxy_backend_requests_total", "Requests sent to shards.", {},
                       sum(&BackendCells::requests));
  registry.CounterFrom("keyway_proxy_backend_replies_total", "Replies received from shards.", {},
                       sum(&BackendCells::replies));
  registry.CounterFrom("keyway_proxy_backend_queue_full_total",
                       "Requests refused because too much waited for a shard.", {},
                       sum(&BackendCells::queue_full));
  registry.GaugeFrom("keyway_proxy_backend_queued_bytes", "Bytes not yet sent to shards.", {},
                     sum(&BackendCells::queued_bytes));
  registry.GaugeFrom("keyway_proxy_backend_pending_requests",
                     "Requests that have no reply from a shard yet.", {},
                     sum(&BackendCells::pending_requests));
  registry.GaugeFrom("keyway_proxy_backend_leases",
                     "Connections to shards that serve one client alone.", {},
                     sum(&BackendCells::leases));
  registry.GaugeFrom("keyway_proxy_backend_spare_leases",
                     "Such connections that wait for the next client.", {},
                     sum(&BackendCells::spare_leases));
  registry.CounterFrom("keyway_proxy_backend_replies_in_parts_total",
                       "Large replies of shards that were passed on while they came.", {},
                       sum(&BackendCells::replies_in_parts));
  registry.CounterFrom("keyway_proxy_backend_retirements_total",
                       "Connections to shards that a large value held up and others took the place of.",
                       {}, sum(&BackendCells::retirements));
  registry.GaugeFrom("keyway_proxy_backend_retired_connections",
                     "Such connections that have not ended what they were sent before.", {},
                     sum(&BackendCells::retired_connections));
  registry.GaugeFrom("keyway_proxy_watched_keys",
                     "Keys that clients wait for together with keys of other slots.", {},
                     sum(&BackendCells::watched_keys));
  registry.GaugeFrom("keyway_proxy_key_watch_connections",
                     "Leased connections that watch such keys.", {},
                     sum(&BackendCells::watch_connections));
  const auto busy = sum(&BackendCells::busy_micros);
  registry.CounterFrom("keyway_proxy_event_loop_busy_seconds_total",
                       "Time that the worker threads spent working.", {},
                       [busy] { return busy() / 1e6; });
  registry.CounterFrom("keyway_proxy_event_loop_passes_total",
                       "Passes of the worker threads' event loops.", {},
                       sum(&BackendCells::passes));
}

void AddPubsub(Registry& registry, const Workers& workers) {
  const auto sum = [&workers](execution::SingleWriterCell pubsub::Statistics::*cell) {
    return SumOf(workers, [cell](const Worker& w) { return (w.pubsub_statistics().*cell).Get(); });
  };
  registry.GaugeFrom("keyway_proxy_pubsub_topics",
                     "Channels, patterns and shard channels that a thread is subscribed to.", {},
                     sum(&pubsub::Statistics::topics));
  registry.GaugeFrom("keyway_proxy_pubsub_subscriptions", "Subscriptions of clients.", {},
                     sum(&pubsub::Statistics::subscriptions));
  registry.GaugeFrom("keyway_proxy_pubsub_subscribers", "Clients with subscriptions.", {},
                     sum(&pubsub::Statistics::subscribers));
  registry.CounterFrom("keyway_proxy_pubsub_messages_total", "Messages received from shards.", {},
                       sum(&pubsub::Statistics::messages));
  registry.CounterFrom("keyway_proxy_pubsub_deliveries_total", "Messages written for clients.", {},
                       sum(&pubsub::Statistics::deliveries));
  registry.CounterFrom("keyway_proxy_pubsub_resubscriptions_total",
                       "Subscriptions made again because their node was lost or their slot moved.",
                       {}, sum(&pubsub::Statistics::resubscriptions));
}

void AddTopology(Registry& registry, const topology::Topology& topology) {
  const auto of_map = [&topology](auto read) {
    return [&topology, read] {
      const topology::SlotMapPtr map = topology.current();
      return map == nullptr ? 0.0 : static_cast<double>(read(*map));
    };
  };
  registry.GaugeFrom("keyway_proxy_topology_version", "Number of slot maps so far.", {},
                     of_map([](const topology::SlotMap& map) { return map.version(); }));
  registry.GaugeFrom("keyway_proxy_topology_epoch", "Cluster epoch of the slot map.", {},
                     of_map([](const topology::SlotMap& map) { return map.cluster_epoch(); }));
  registry.GaugeFrom("keyway_proxy_topology_covered_slots", "Slots that a shard serves.", {},
                     of_map([](const topology::SlotMap& map) { return map.covered_slots(); }));
  registry.GaugeFrom("keyway_proxy_topology_primaries", "Primaries that serve slots.", {},
                     of_map([](const topology::SlotMap& map) { return map.shards().size(); }));
  registry.CounterFrom("keyway_proxy_topology_refreshes_total", "Refreshes of the slot map.",
                       {{"result", "ok"}},
                       [&topology] { return static_cast<double>(topology.stats().refreshes_ok); });
  registry.CounterFrom(
      "keyway_proxy_topology_refreshes_total", "Refreshes of the slot map.", {{"result", "failed"}},
      [&topology] { return static_cast<double>(topology.stats().refreshes_failed); });
  registry.CounterFrom("keyway_proxy_topology_changes_total",
                       "Slot maps that differed from the one before.", {},
                       [&topology] { return static_cast<double>(topology.stats().maps_changed); });
  registry.CounterFrom("keyway_proxy_topology_queries_total", "Nodes asked for the slot map.", {},
                       [&topology] { return static_cast<double>(topology.stats().queries); });
  registry.CounterFrom("keyway_proxy_topology_hedges_total",
                       "Nodes asked because another one was slow to answer.", {},
                       [&topology] { return static_cast<double>(topology.stats().hedges); });
  registry.CounterFrom("keyway_proxy_topology_stale_reports_total",
                       "Answers that were behind what is known of a slot; they take nothing back.",
                       {},
                       [&topology] { return static_cast<double>(topology.stats().stale_reports); });
}

void AddScripts(Registry& registry, const Workers& workers, const scripting::ScriptCache& scripts) {
  registry.GaugeFrom("keyway_proxy_scripts_cached", "Scripts in the cache.", {},
                     [&scripts] { return static_cast<double>(scripts.count()); });
  registry.GaugeFrom("keyway_proxy_scripts_cached_bytes", "Bytes that the cached scripts take.", {},
                     [&scripts] { return static_cast<double>(scripts.bytes()); });
  registry.CounterFrom(
      "keyway_proxy_noscript_repaired_total",
      "EVALSHA that a shard answered with NOSCRIPT and that were sent again as EVAL.", {},
      SumOf(workers, [](const Worker& w) { return w.statistics().noscript_repaired.Get(); }));
}

}  // namespace

void AddMetrics(Registry& registry, const Workers& workers,
                const session::ClientDirectory& directory,
                const session::ClientMemory& client_memory, const topology::Topology& topology,
                const scripting::ScriptCache& scripts, const execution::Statistics::Histograms& histograms,
                const LifeCycle& life_cycle) {
  AddRequests(registry, workers, histograms);
  AddWaiting(registry, workers, histograms);
  AddClients(registry, workers, directory, client_memory);
  AddLifeCycle(registry, workers, life_cycle);
  AddBackends(registry, workers);
  AddPubsub(registry, workers);
  AddTopology(registry, topology);
  AddScripts(registry, workers, scripts);
}

void AddReplicaMetrics(Registry& registry, const topology::ReplicaWatch& watch) {
  // One sample for each node of which `read` knows a value.
  const auto of_nodes = [&](const std::string& name, const std::string& help, auto read) {
    registry.GaugesFrom(name, help, [&watch, read](Registry::Samples& samples) {
      const topology::NodeTablePtr table = watch.current();
      if (table == nullptr) return;
      for (const auto& [node, state] : table->nodes) {
        const std::optional<double> value = read(state);
        if (!value) continue;
        samples.Add({{"node", net::ToString(node)}, {"role", state.primary ? "primary" : "replica"}},
                    *value);
      }
    });
  };
  const auto seconds = [](int64_t micros) -> std::optional<double> {
    if (micros < 0) return std::nullopt;
    return static_cast<double>(micros) / 1e6;
  };
  of_nodes("keyway_proxy_node_fit", "Whether the node may be read from.",
           [](const topology::NodeState& state) -> std::optional<double> { return state.fit; });
  of_nodes("keyway_proxy_node_latency_seconds",
           "Round trip to the node, smoothed. Absent while it does not answer.",
           [seconds](const topology::NodeState& state) { return seconds(state.latency_micros); });
  of_nodes("keyway_proxy_node_lag_seconds",
           "At most how far the replica was behind its primary. Absent while unknown.",
           [seconds](const topology::NodeState& state) { return seconds(state.lag_micros); });
}

}  // namespace keyway::proxy
