#include "shard/commands/introspection_commands.h"

#include <algorithm>
#include <string>

#include "common/command/help.h"
#include "shard/commands/words.h"
#include "shard/server/latency_monitor.h"
#include "shard/server/memory_overview.h"
#include "shard/server/slow_log.h"
#include "shard/server/stats.h"

namespace keyway::shard::commands {
namespace {

// --- SLOWLOG

constexpr std::string_view kSlowlogHelp[] = {
    "GET [<count>]",
    "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
    "    Entries are made of:",
    "    id, timestamp, time in microseconds, arguments array, client IP and port,",
    "    client name",
    "LEN",
    "    Return the length of the slowlog.",
    "RESET",
    "    Reset the slowlog.",
};

void SlowlogHelp(CommandContext& context) {
  command::ReplyHelp("slowlog", kSlowlogHelp, context.reply);
}

void SlowlogGet(CommandContext& context) {
  constexpr int64_t kDefaultCount = 10;
  int64_t count = kDefaultCount;
  if (context.args.size() > 3) {
    context.reply.Error(SubcommandSyntaxError("SLOWLOG", context.args[1]));
    return;
  }
  if (context.args.size() == 3 && (!ParseNumber(context.args[2], &count) || count < -1)) {
    context.reply.Error("ERR count should be greater than or equal to -1");
    return;
  }
  const auto& entries = context.services.slow_log->entries();
  const size_t shown =
      count == -1 ? entries.size() : std::min(entries.size(), static_cast<size_t>(count));
  context.reply.ArrayHeader(shown);
  for (size_t i = 0; i < shown; ++i) {
    const SlowLog::Entry& entry = entries[i];
    context.reply.ArrayHeader(6);
    context.reply.Integer(static_cast<int64_t>(entry.id));
    context.reply.Integer(entry.seconds);
    context.reply.Integer(entry.micros);
    context.reply.ArrayHeader(entry.arguments.size());
    for (const std::string& argument : entry.arguments) context.reply.Bulk(argument);
    context.reply.Bulk(entry.address);
    context.reply.Bulk(entry.name);
  }
}

void SlowlogLen(CommandContext& context) {
  context.reply.Integer(static_cast<int64_t>(context.services.slow_log->entries().size()));
}

void SlowlogReset(CommandContext& context) {
  context.services.slow_log->Reset();
  context.reply.Ok();
}

// --- LATENCY

constexpr std::string_view kLatencyHelp[] = {
    "DOCTOR",
    "    Return a human readable latency analysis report.",
    "GRAPH <event>",
    "    Return an ASCII latency graph for the <event> class.",
    "HISTORY <event>",
    "    Return time-latency samples for the <event> class.",
    "LATEST",
    "    Return the latest latency samples for all events.",
    "RESET [<event> ...]",
    "    Reset latency data of one or more <event> classes.",
    "    (default: reset all data for all event classes)",
    "HISTOGRAM [COMMAND ...]",
    "    Return a cumulative distribution of latencies in the format of a histogram for the "
    "specified "
    "command names.",
    "    If no commands are specified then all histograms are replied.",
};

void LatencyHelp(CommandContext& context) {
  command::ReplyHelp("latency", kLatencyHelp, context.reply);
}

void LatencyHistory(CommandContext& context) {
  const LatencySeries* series = context.services.latency->Find(context.args[2]);
  const auto place = context.reply.BeginDeferred();
  size_t samples = 0;
  if (series != nullptr) {
    series->ForEach([&](const LatencySample& sample) {
      context.reply.ArrayHeader(2);
      context.reply.Integer(sample.seconds);
      context.reply.Integer(sample.millis);
      ++samples;
    });
  }
  context.reply.EndDeferredArray(place, samples);
}

void LatencyLatest(CommandContext& context) {
  const auto& all = context.services.latency->series();
  context.reply.ArrayHeader(all.size());
  for (const auto& [event, series] : all) {
    context.reply.ArrayHeader(4);
    context.reply.Bulk(event);
    context.reply.Integer(series.latest().seconds);
    context.reply.Integer(series.latest().millis);
    context.reply.Integer(series.max());
  }
}

void LatencyGraph(CommandContext& context) {
  const LatencyMonitor& latency = *context.services.latency;
  const LatencySeries* series = latency.Find(context.args[2]);
  if (series == nullptr) {
    context.reply.Error("ERR No samples available for event '" + std::string(context.args[2]) +
                        "'");
    return;
  }
  context.reply.Verbatim("txt", latency.Graph(context.args[2], *series));
}

void LatencyReset(CommandContext& context) {
  LatencyMonitor& latency = *context.services.latency;
  size_t events = 0;
  if (context.args.size() == 2) {
    events = latency.ResetAll();
  } else {
    for (std::string_view event : context.args.subspan(2)) events += latency.Reset(event) ? 1 : 0;
  }
  context.reply.Integer(static_cast<int64_t>(events));
}

void LatencyDoctor(CommandContext& context) {
  context.reply.Verbatim("txt", context.services.latency->Report());
}

// The histogram of the command, if it has one, as an entry of a map.
size_t WriteHistogram(CommandContext& context, const command::Command& command) {
  const CommandStats& stats = context.services.stats.command(command.id);
  if (stats.latency == nullptr) return 0;
  resp::ReplyWriter& reply = context.reply;
  reply.Bulk(command.full_name);
  reply.MapHeader(2);
  reply.Bulk("calls");
  reply.Integer(static_cast<int64_t>(stats.latency->total()));
  reply.Bulk("histogram_usec");
  const auto place = reply.BeginDeferred();
  size_t powers = 0;
  stats.latency->ForEachPower([&](uint64_t micros, uint64_t calls) {
    reply.Integer(static_cast<int64_t>(micros));
    reply.Integer(static_cast<int64_t>(calls));
    ++powers;
  });
  reply.EndDeferredMap(place, powers);
  return 1;
}

// Of the command and its subcommands.
size_t WriteHistograms(CommandContext& context, const command::Command& command) {
  size_t histograms = WriteHistogram(context, command);
  for (const command::Command* subcommand : command.subcommands) {
    histograms += WriteHistogram(context, *subcommand);
  }
  return histograms;
}

void LatencyHistogramOf(CommandContext& context) {
  const auto place = context.reply.BeginDeferred();
  size_t histograms = 0;
  if (context.args.size() == 2) {
    for (const command::Command* command : command::TopLevelCommands()) {
      histograms += WriteHistograms(context, *command);
    }
  }
  for (std::string_view name : context.args.subspan(2)) {
    const command::Command* command = command::FindByFullName(name);
    if (command != nullptr) histograms += WriteHistograms(context, *command);
  }
  context.reply.EndDeferredMap(place, histograms);
}

// --- MEMORY

constexpr std::string_view kMemoryHelp[] = {
    "DOCTOR",
    "    Return memory problems reports.",
    "MALLOC-STATS",
    "    Return internal statistics report from the memory allocator.",
    "PURGE",
    "    Attempt to purge dirty pages for reclamation by the allocator.",
    "STATS",
    "    Return information about the memory usage of the server.",
    "USAGE <key> [SAMPLES <count>]",
    "    Return memory in bytes used by <key> and its value. Nested values are",
    "    sampled up to <count> times (default: 5, 0 means sample all).",
};

void MemoryHelp(CommandContext& context) {
  command::ReplyHelp("memory", kMemoryHelp, context.reply);
}

void MemoryStats(CommandContext& context) {
  const MemoryOverview memory = ReadMemoryOverview(context.services);
  resp::ReplyWriter& reply = context.reply;
  size_t fields = 0;
  const auto place = reply.BeginDeferred();
  const auto name = [&](std::string_view text) {
    reply.Bulk(text);
    ++fields;
  };
  const auto number = [&](std::string_view text, uint64_t value) {
    name(text);
    reply.Integer(static_cast<int64_t>(value));
  };
  const auto ratio = [&](std::string_view text, double value) {
    name(text);
    reply.Double(value);
  };
  number("peak.allocated", memory.peak);
  number("total.allocated", memory.used);
  number("startup.allocated", memory.at_start);
  number("replication.backlog", memory.replication_backlog);
  number("clients.slaves", memory.clients_replicas);
  number("clients.normal", memory.clients_normal);
  number("cluster.links", memory.cluster_links);
  number("aof.buffer", memory.aof_buffer);
  number("lua.caches", memory.scripts.scripts_bytes);
  number("functions.caches", memory.scripts.functions_bytes);
  for (const MemoryOverview::DatabaseTables& tables : memory.tables) {
    name("db." + std::to_string(tables.index));
    reply.MapHeader(3);
    reply.Bulk("overhead.hashtable.main");
    reply.Integer(static_cast<int64_t>(tables.bytes));
    reply.Bulk("overhead.hashtable.expires");
    reply.Integer(0);
    reply.Bulk("overhead.hashtable.slot-to-keys");
    reply.Integer(0);
  }
  number("overhead.total", memory.overhead);
  number("keys.count", memory.keys);
  number("keys.bytes-per-key", static_cast<uint64_t>(memory.bytes_per_key()));
  number("dataset.bytes", memory.dataset);
  ratio("dataset.percentage", memory.dataset_percent());
  ratio("peak.percentage", memory.peak_percent());
  number("allocator.allocated", memory.allocator.allocated);
  number("allocator.active", memory.allocator.active);
  number("allocator.resident", memory.allocator.resident);
  ratio("allocator-fragmentation.ratio", memory.allocator_fragmentation());
  number("allocator-fragmentation.bytes", memory.allocator.active - memory.allocator.allocated);
  ratio("allocator-rss.ratio", memory.allocator_rss());
  number("allocator-rss.bytes", memory.allocator.resident - memory.allocator.active);
  ratio("rss-overhead.ratio", memory.rss_overhead());
  number("rss-overhead.bytes", memory.resident - memory.allocator.resident);
  ratio("fragmentation", memory.fragmentation());
  number("fragmentation.bytes", memory.resident - memory.used);
  reply.EndDeferredMap(place, fields);
}

void MemoryDoctor(CommandContext& context) {
  context.reply.Verbatim("txt", MemoryReport(ReadMemoryOverview(context.services)));
}

void MemoryMallocStats(CommandContext& context) {
  const std::string statistics = AllocatorStatistics();
  if (statistics.empty()) {
    context.reply.Bulk("Stats not supported for the current allocator");
    return;
  }
  context.reply.Verbatim("txt", statistics);
}

void MemoryPurge(CommandContext& context) {
  PurgeAllocator();
  context.reply.Ok();
}

}  // namespace

void RegisterIntrospection(HandlerTable& handlers) {
  handlers.Register("slowlog|help", SlowlogHelp);
  handlers.Register("slowlog|get", SlowlogGet);
  handlers.Register("slowlog|len", SlowlogLen);
  handlers.Register("slowlog|reset", SlowlogReset);
  handlers.Register("latency|help", LatencyHelp);
  handlers.Register("latency|history", LatencyHistory);
  handlers.Register("latency|latest", LatencyLatest);
  handlers.Register("latency|graph", LatencyGraph);
  handlers.Register("latency|reset", LatencyReset);
  handlers.Register("latency|doctor", LatencyDoctor);
  handlers.Register("latency|histogram", LatencyHistogramOf);
  handlers.Register("memory|help", MemoryHelp);
  handlers.Register("memory|stats", MemoryStats);
  handlers.Register("memory|doctor", MemoryDoctor);
  handlers.Register("memory|malloc-stats", MemoryMallocStats);
  handlers.Register("memory|purge", MemoryPurge);
}

}  // namespace keyway::shard::commands
