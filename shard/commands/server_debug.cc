#include "shard/commands/server_debug.h"

#include <malloc.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "common/base/glob.h"
#include "common/command/help.h"
#include "common/config/registry.h"
#include "common/log/log.h"
#include "shard/commands/debug_values.h"
#include "shard/commands/words.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/access_clock.h"
#include "shard/keyspace/keyspace.h"
#include "shard/server/client.h"
#include "shard/server/client_eviction.h"
#include "shard/server/effects.h"
#include "shard/server/lifecycle.h"
#include "shard/server/memory_usage.h"
#include "shard/server/persistence.h"
#include "shard/server/replication.h"
#include "shard/types/string.h"

namespace keyway::shard::commands {
namespace {

constexpr std::string_view kHelp[] = {
    "AOF-FLUSH-SLEEP <microsec>",
    "    Server will sleep before flushing the AOF, this is used for testing.",
    "ASSERT",
    "    Crash by assertion failed.",
    "CHANGE-REPL-ID",
    "    Change the replication IDs of the instance.",
    "    Dangerous: should be used only for testing the replication subsystem.",
    "CONFIG-REWRITE-FORCE-ALL",
    "    Like CONFIG REWRITE but writes all configuration options, including",
    "    keywords not listed in original configuration file or default values.",
    "CRASH-AND-RECOVER [<milliseconds>]",
    "    Hard crash and restart after a <milliseconds> delay (default 0).",
    "DIGEST",
    "    Output a hex signature representing the current DB content.",
    "DIGEST-VALUE <key> [<key> ...]",
    "    Output a hex signature of the values of all the specified keys.",
    "ERROR <string>",
    "    Return a Redis protocol error with <string> as message. Useful for clients",
    "    unit tests to simulate Redis errors.",
    "LEAK <string>",
    "    Create a memory leak of the input string.",
    "LOG <message>",
    "    Write <message> to the server log.",
    "HTSTATS <dbid>",
    "    Return hash table statistics of the specified Redis database.",
    "HTSTATS-KEY <key>",
    "    Like HTSTATS but for the hash table stored at <key>'s value.",
    "LOADAOF",
    "    Flush the AOF buffers on disk and reload the AOF in memory.",
    "REPLICATE <string>",
    "    Replicates the provided string to replicas, allowing data divergence.",
    "MALLCTL <key> [<val>]",
    "    Get or set a malloc tuning integer.",
    "MALLCTL-STR <key> [<val>]",
    "    Get or set a malloc tuning string.",
    "OBJECT <key>",
    "    Show low level info about `key` and associated value.",
    "DROP-CLUSTER-PACKET-FILTER <packet-type>",
    "    Drop all packets that match the filtered type. Set to -1 allow all packets.",
    "OOM",
    "    Crash the server simulating an out-of-memory error.",
    "PANIC",
    "    Crash the server simulating a panic.",
    "POPULATE <count> [<prefix>] [<size>]",
    "    Create <count> string keys named key:<num>. If <prefix> is specified then",
    "    it is used instead of the 'key' prefix. These are not propagated to",
    "    replicas. Cluster slots are not respected so keys not belonging to the",
    "    current node can be created in cluster mode.",
    "PROTOCOL <type>",
    "    Reply with a test value of the specified type. <type> can be: string,",
    "    integer, double, bignum, null, array, set, map, attrib, push, verbatim,",
    "    true, false.",
    "RELOAD [option ...]",
    "    Save the RDB on disk and reload it back to memory. Valid <option> values:",
    "    * MERGE: conflicting keys will be loaded from RDB.",
    "    * NOFLUSH: the existing database will not be removed before load, but",
    "      conflicting keys will generate an exception and kill the server.",
    "    * NOSAVE: the database will be loaded from an existing RDB file.",
    "    Examples:",
    "    * DEBUG RELOAD: verify that the server is able to persist, flush and reload",
    "      the database.",
    "    * DEBUG RELOAD NOSAVE: replace the current database with the contents of an",
    "      existing RDB file.",
    "    * DEBUG RELOAD NOSAVE NOFLUSH MERGE: add the contents of an existing RDB",
    "      file to the database.",
    "RESTART [<milliseconds>]",
    "    Graceful restart: save config, db, restart after a <milliseconds> delay (default 0).",
    "SDSLEN <key>",
    "    Show low level SDS string info representing `key` and value.",
    "SEGFAULT",
    "    Crash the server with sigsegv.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Setting it to 0 disables expiring keys in background when they are not",
    "    accessed (otherwise the Redis behavior). Setting it to 1 reenables back the",
    "    default.",
    "QUICKLIST-PACKED-THRESHOLD <size>",
    "    Sets the threshold for elements to be inserted as plain vs packed nodes",
    "    Default value is 1GB, allows values up to 4GB. Setting to 0 restores to default.",
    "SET-SKIP-CHECKSUM-VALIDATION <0|1>",
    "    Enables or disables checksum checks for RDB files and RESTORE's payload.",
    "SLEEP <seconds>",
    "    Stop the server for <seconds>. Decimals allowed.",
    "STRINGMATCH-TEST",
    "    Run a fuzz tester against the stringmatchlen() function.",
    "STRUCTSIZE",
    "    Return the size of different Redis core C structures.",
    "LISTPACK <key>",
    "    Show low level info about the listpack encoding of <key>.",
    "QUICKLIST <key> [<0|1>]",
    "    Show low level info about the quicklist encoding of <key>.",
    "    The optional argument (0 by default) sets the level of detail",
    "CLIENT-EVICTION",
    "    Show low level client eviction pools info (maxmemory-clients).",
    "PAUSE-CRON <0|1>",
    "    Stop periodic cron job processing.",
    "REPLYBUFFER PEAK-RESET-TIME <NEVER||RESET|time>",
    "    Sets the time (in milliseconds) to wait between client reply buffer peak resets.",
    "    In case NEVER is provided the last observed peak will never be reset",
    "    In case RESET is provided the peak reset time will be restored to the default value",
    "REPLYBUFFER RESIZING <0|1>",
    "    Enable or disable the reply buffer resize cron job",
    "CLUSTERLINK KILL <to|from|all> <node-id>",
    "    Kills the link based on the direction to/from (both) with the provided node.",
};

constexpr double kLongestSleepSeconds = 24.0 * 3600;
constexpr std::string_view kOutOfRange = "ERR value is out of range, must be positive";

void Help(CommandContext& context) {
  command::ReplyHelp("DEBUG", kHelp, context.reply);
}

// As atof: what is no number is 0.
double Number(std::string_view argument) {
  return std::strtod(std::string(argument).c_str(), nullptr);
}

// --- Time

void Sleep(CommandContext& context) {
  const double seconds = Number(context.args[2]);
  if (seconds > 0) {  // false for a NaN, too
    std::this_thread::sleep_for(
        std::chrono::duration<double>(std::fmin(seconds, kLongestSleepSeconds)));
  }
  context.reply.Ok();
}

void SetActiveExpire(CommandContext& context) {
  context.services.lifecycle.set_active_expire(Number(context.args[2]) != 0);
  context.reply.Ok();
}

void PauseCron(CommandContext& context) {
  context.services.lifecycle.set_cron_paused(Number(context.args[2]) != 0);
  context.reply.Ok();
}

// --- Ends of the process

void Segfault(CommandContext&) {
  std::raise(SIGSEGV);
}

[[noreturn]] void Crash(std::string_view reason) {
  KEYWAY_WARNING() << reason;
  std::abort();
}

void Panic(CommandContext&) {
  Crash("Guru Meditation: called by DEBUG PANIC");
}

void Assert(CommandContext&) {
  Crash("=== ASSERTION FAILED === called by DEBUG ASSERT");
}

void OutOfMemory(CommandContext&) {
  Crash("Guru Meditation: Out Of Memory, called by DEBUG OOM");
}

// Writes down all that the next process needs. If not, the reason is in the log.
bool EndsGracefully(Services& services) {
  if (!services.registry.file().empty()) {
    if (const Status written = services.registry.Rewrite(); !written.ok()) {
      KEYWAY_WARNING() << "Can't restart: configuration rewrite process failed: "
                       << written.error().message;
      return false;
    }
  }
  if (services.lifecycle.Shutdown({.now = true}) == Lifecycle::ShutdownOutcome::kEnds) return true;
  KEYWAY_WARNING() << "Can't restart: error preparing for shutdown";
  return false;
}

void Restart(CommandContext& context, bool graceful) {
  int64_t delay_ms = 0;
  if (context.args.size() >= 3 && !ParseNumber(context.args[2], &delay_ms)) {
    context.reply.Error(kNotAnInteger);
    return;
  }
  Lifecycle& lifecycle = context.services.lifecycle;
  if (!lifecycle.MayRestart() || (graceful && !EndsGracefully(context.services))) {
    context.reply.Error("ERR failed to restart the server. Check server logs.");
    return;
  }
  lifecycle.Restart(std::max<int64_t>(0, delay_ms));
}

void RestartGracefully(CommandContext& context) {
  Restart(context, true);
}

void CrashAndRecover(CommandContext& context) {
  Restart(context, false);
}

// --- Persistence

void AofFlushSleep(CommandContext& context) {
  const double micros = Number(context.args[2]);
  context.services.persistence->SetAofFlushDelay(
      micros > 0 ? static_cast<int64_t>(std::fmin(micros, INT32_MAX)) : 0);
  context.reply.Ok();
}

void Reload(CommandContext& context) {
  Persistence::ReloadOptions options;
  for (std::string_view option : context.args.subspan(2)) {
    if (Is(option, "merge")) {
      options.merge = true;
    } else if (Is(option, "noflush")) {
      options.flush = false;
    } else if (Is(option, "nosave")) {
      options.save = false;
    } else {
      context.reply.Error("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");
      return;
    }
  }
  if (const Status reloaded = context.services.persistence->Reload(options); !reloaded.ok()) {
    context.reply.Error(reloaded.error().message);
    return;
  }
  context.reply.Ok();
}

void LoadAof(CommandContext& context) {
  if (const Status loaded = context.services.persistence->LoadAof(); !loaded.ok()) {
    context.reply.Error(loaded.error().message);
    return;
  }
  context.reply.Ok();
}

// --- What has no part to play here, or not yet

void Accept(CommandContext& context) {
  context.reply.Ok();
}


void ClusterLink(CommandContext& context) {
  if (context.services.cluster == nullptr) {
    context.reply.Error("ERR Debug option only available for cluster mode enabled setup!");
    return;
  }
  context.reply.Error("ERR DEBUG CLUSTERLINK is not supported");
}

void DropClusterPacketFilter(CommandContext& context) {
  int64_t type = 0;
  if (!ParseNumber(context.args[2], &type) || type < INT32_MIN || type > INT32_MAX) {
    context.reply.Error(kNotAnInteger);
  } else if (context.services.cluster == nullptr) {
    context.reply.Ok();  // there is nothing to drop
  } else {
    context.reply.Error("ERR DEBUG DROP-CLUSTER-PACKET-FILTER is not supported");
  }
}

// --- Replies and text

void Error(CommandContext& context) {
  // Not by Error: what a client asks for is no error of the server's, and is not counted.
  std::string text(context.args[2]);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n'; }, ' ');
  context.reply.Raw("-" + text + "\r\n");
}

void Log(CommandContext& context) {
  KEYWAY_WARNING() << "DEBUG LOG: " << context.args[2];
  context.reply.Ok();
}

void Leak(CommandContext& context) {
  // Only the allocator knows of it from now on.
  void* volatile lost = std::malloc(context.args[2].size() + 1);
  if (lost != nullptr) std::memcpy(lost, context.args[2].data(), context.args[2].size());
  context.reply.Ok();
}

void Protocol(CommandContext& context) {
  resp::ReplyWriter& reply = context.reply;
  const std::string_view type = context.args[2];
  const bool resp3 = reply.version() == resp::Version::kResp3;
  if (Is(type, "string")) {
    reply.Bulk("Hello World");
  } else if (Is(type, "integer")) {
    reply.Integer(12345);
  } else if (Is(type, "double")) {
    reply.Double(3.141);
  } else if (Is(type, "null")) {
    reply.Null();
  } else if (Is(type, "array")) {
    reply.ArrayHeader(3);
    for (int i = 0; i < 3; ++i) reply.Integer(i);
  } else if (Is(type, "set")) {
    reply.SetHeader(3);
    for (int i = 0; i < 3; ++i) reply.Integer(i);
  } else if (Is(type, "map")) {
    reply.MapHeader(3);
    for (int i = 0; i < 3; ++i) {
      reply.Integer(i);
      reply.Boolean(i == 1);
    }
  } else if (Is(type, "attrib")) {
    if (resp3) {
      reply.AttributeHeader(1);
      reply.Bulk("key-popularity");
      reply.ArrayHeader(2);
      reply.Bulk("key:123");
      reply.Integer(90);
    }
    // An attribute comes before the reply that it is about.
    reply.Bulk("Some real reply following the attribute");
  } else if (Is(type, "push")) {
    if (!resp3) {
      reply.Error("ERR RESP2 is not supported by this command");
      return;
    }
    reply.PushHeader(2);
    reply.Bulk("server-cpu-usage");
    reply.Integer(42);
    // A push is no reply.
    reply.Bulk("Some real reply following the push reply");
  } else if (Is(type, "true")) {
    reply.Boolean(true);
  } else if (Is(type, "false")) {
    reply.Boolean(false);
  } else if (Is(type, "verbatim")) {
    reply.Verbatim("txt", "This is a verbatim\nstring");
  } else if (Is(type, "bignum")) {
    reply.BigNumber("1234567999999999999999999999999999999");
  } else {
    reply.Error(
        "ERR Wrong protocol type name. Please use one of the following: "
        "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false");
  }
}

void ReplyBuffer(CommandContext& context) {
  // Reply buffers come from one list of free blocks and have no peak of their own.
  int64_t millis = 0;
  if (Is(context.args[2], "resizing")) {
    context.reply.Ok();
  } else if (!Is(context.args[2], "peak-reset-time")) {
    context.reply.Error(SubcommandSyntaxError("DEBUG", context.args[1]));
  } else if (Is(context.args[3], "never") || Is(context.args[3], "reset") ||
             ParseNumber(context.args[3], &millis)) {
    context.reply.Ok();
  } else {
    context.reply.Error(kNotAnInteger);
  }
}

// --- Inner life

void StructSize(CommandContext& context) {
  context.reply.Bulk("bits:" + std::to_string(sizeof(void*) * 8) +
                     " record:" + std::to_string(sizeof(keyspace::Record)) +
                     " slottable:" + std::to_string(sizeof(keyspace::SlotTable)) +
                     " slottables:" + std::to_string(sizeof(keyspace::SlotTables)) +
                     " client:" + std::to_string(sizeof(Client)) + " ");
}

constexpr std::string_view kEmptyTable = "No stats available for empty dictionaries\n";

std::string TableText(size_t bytes, size_t elements) {
  const std::string head = "Hash table 0 stats (main hash table):\n";
  if (elements == 0) return head + std::string(kEmptyTable);
  return head + " table bytes: " + std::to_string(bytes) +
         "\n number of elements: " + std::to_string(elements) + "\n";
}

void TableStats(CommandContext& context) {
  int64_t index = 0;
  if (!ParseNumber(context.args[2], &index) || index < INT32_MIN || index > INT32_MAX) {
    context.reply.Error(kNotAnInteger);
    return;
  }
  keyspace::Keyspace& keyspace = context.services.keyspace;
  if (index < 0 || index >= keyspace.database_count()) {
    context.reply.Error("ERR Out of range database");
    return;
  }
  const keyspace::Database& database = keyspace.database(static_cast<int>(index));
  context.reply.Verbatim("txt", "[Dictionary HT]\n" +
                                    TableText(database.TableBytes(), database.size()) +
                                    "[Expires HT]\n" + TableText(0, database.expires()));
}

const keyspace::Record* FindKey(CommandContext& context) {
  const keyspace::Record* record =
      context.db.Find(keyspace::Key(context.args[2]), context.now_ms, keyspace::Access::kNone);
  if (record == nullptr) context.reply.Error("ERR no such key");
  return record;
}

void KeyTableStats(CommandContext& context) {
  const keyspace::Record* record = FindKey(context);
  if (record == nullptr) return;
  if (record->encoding() != keyspace::Encoding::kHashtable &&
      record->encoding() != keyspace::Encoding::kSkiplist) {
    context.reply.Error(
        "ERR The value stored at the specified key is not represented using an hash table");
    return;
  }
  context.reply.Verbatim("txt", "Hash table 0 stats (main hash table):\n table bytes: " +
                                    std::to_string(record->AllocatedBytes()) + "\n");
}

void SdsLen(CommandContext& context) {
  const keyspace::Record* record = FindKey(context);
  if (record == nullptr) return;
  if (record->encoding() != keyspace::Encoding::kEmbstr &&
      record->encoding() != keyspace::Encoding::kRaw) {
    context.reply.Error("ERR Not an sds encoded string.");
    return;
  }
  const size_t bytes = types::StringLength(*record);
  context.reply.Simple(
      "key_sds_len:" + std::to_string(record->key().size()) + ", key_sds_avail:0, key_zmalloc: " +
      std::to_string(record->key().size()) + ", val_sds_len:" + std::to_string(bytes) +
      ", val_sds_avail:0, val_zmalloc: " + std::to_string(record->AllocatedBytes()));
}

void ClientBuckets(CommandContext& context) {
  const ClientEviction* eviction = context.services.client_eviction;
  if (eviction == nullptr || eviction->limit() == 0) {
    context.reply.Error("ERR maxmemory-clients is disabled.");
    return;
  }
  context.reply.Verbatim("txt", eviction->Describe());
}

void Mallctl(CommandContext& context) {
  int64_t value = 0;
  const bool set = context.args.size() == 4;
  if (set && !ParseNumber(context.args[3], &value)) {
    context.reply.Error(kNotAnInteger);
    return;
  }
  const int error = AllocatorNumber(std::string(context.args[2]), set ? &value : nullptr, &value);
  if (error != 0) {
    context.reply.Error(std::string("ERR ") + std::strerror(error));
    return;
  }
  context.reply.Integer(value);
}

void MallctlText(CommandContext& context) {
  std::string value;
  if (context.args.size() == 4) {
    context.reply.Error("ERR setting a malloc string is not supported");
    return;
  }
  const int error = AllocatorText(std::string(context.args[2]), &value);
  if (error != 0) {
    context.reply.Error(std::string("ERR ") + std::strerror(error));
    return;
  }
  context.reply.Bulk(value);
}

void StringMatchTest(CommandContext& context) {
  constexpr int kRounds = 100'000;
  constexpr size_t kMost = 32;
  Random& random = context.services.random;
  for (int round = 0; round < kRounds; ++round) {
    std::array<char, kMost> text;
    std::array<char, kMost> pattern;
    for (char& c : text) c = static_cast<char>(random.Below(256));
    for (char& c : pattern) c = static_cast<char>(random.Below(256));
    GlobMatch({pattern.data(), random.Below(kMost + 1)}, {text.data(), random.Below(kMost + 1)});
  }
  context.reply.Simple("Apparently Redis did not crash: test passed");
}

// --- Changes

void ChangeReplicationId(CommandContext& context) {
  KEYWAY_WARNING() << "Changing replication IDs after receiving DEBUG change-repl-id";
  context.services.replication->ChangeId();
  context.reply.Ok();
}

// Whatever it is: the replicas differ afterwards, or refuse it.
void Replicate(CommandContext& context) {
  context.services.replication->Append(context.args.subspan(2));
  context.reply.Ok();
}

void SkipChecksum(CommandContext& context) {
  context.services.lifecycle.set_skip_checksum(Number(context.args[2]) != 0);
  context.reply.Ok();
}

void RewriteConfig(CommandContext& context) {
  if (const Status written = context.services.registry.Rewrite(); !written.ok()) {
    context.reply.Error("ERR CONFIG-REWRITE-FORCE-ALL failed: " + written.error().message);
    return;
  }
  context.reply.Ok();
}

// Keys "<prefix>:<number>" with values "value:<number>", cut or filled with zeros to the size asked
// for. Keys that are there stay.
void Populate(CommandContext& context) {
  int64_t count = 0;
  int64_t size = 0;
  if (!ParseNumber(context.args[2], &count) || count < 0) {
    context.reply.Error(kOutOfRange);
    return;
  }
  if (context.args.size() == 5 && (!ParseNumber(context.args[4], &size) || size < 0)) {
    context.reply.Error(kOutOfRange);
    return;
  }
  if (size > context.services.config.proto_max_bulk_len) {
    context.reply.Error("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    return;
  }
  const std::string prefix =
      (context.args.size() > 3 ? std::string(context.args[3]) : std::string("key")) + ":";
  for (int64_t i = 0; i < count; ++i) {
    const std::string name = prefix + std::to_string(i);
    const keyspace::Key key(name);
    if (context.db.Find(key, context.now_ms, keyspace::Access::kNone) != nullptr) continue;
    std::string value = "value:" + std::to_string(i);
    if (size != 0) value.resize(static_cast<size_t>(size), '\0');
    context.db.Set(key, types::EncodeString(value), keyspace::kNoExpiry, context.now_ms,
                   keyspace::Event::kSet);
  }
  context.reply.Ok();
}

struct Subcommand {
  std::string_view name;
  size_t min_args;  // those of the request, "DEBUG" and the name included
  size_t max_args;
  Handler handler;
};

constexpr Subcommand kSubcommands[] = {
    {"help", 2, 2, Help},
    {"sleep", 3, 3, Sleep},
    {"set-active-expire", 3, 3, SetActiveExpire},
    {"pause-cron", 3, 3, PauseCron},
    {"segfault", 2, 2, Segfault},
    {"panic", 2, 2, Panic},
    {"assert", 2, 2, Assert},
    {"oom", 2, SIZE_MAX, OutOfMemory},
    {"restart", 2, SIZE_MAX, RestartGracefully},
    {"crash-and-recover", 2, SIZE_MAX, CrashAndRecover},
    {"set-disable-deny-scripts", 3, 3, Accept},
    {"replicate", 3, SIZE_MAX, Replicate},
    {"aof-flush-sleep", 3, 3, AofFlushSleep},
    {"reload", 2, SIZE_MAX, Reload},
    {"loadaof", 2, SIZE_MAX, LoadAof},
    {"clusterlink", 5, 5, ClusterLink},
    {"drop-cluster-packet-filter", 3, 3, DropClusterPacketFilter},
    {"error", 3, 3, Error},
    {"log", 3, 3, Log},
    {"leak", 3, 3, Leak},
    {"protocol", 3, 3, Protocol},
    {"replybuffer", 4, 4, ReplyBuffer},
    {"object", 3, 3, DebugObject},
    {"listpack", 3, 3, DebugListpack},
    {"quicklist", 3, 4, DebugQuicklist},
    {"quicklist-packed-threshold", 3, 3, DebugQuicklistPackedThreshold},
    {"digest", 2, 2, DebugDigest},
    {"digest-value", 2, SIZE_MAX, DebugDigestValue},
    {"structsize", 2, 2, StructSize},
    {"htstats", 3, 3, TableStats},
    {"htstats-key", 3, 3, KeyTableStats},
    {"sdslen", 3, 3, SdsLen},
    {"client-eviction", 2, 2, ClientBuckets},
    {"mallctl", 3, 4, Mallctl},
    {"mallctl-str", 3, 4, MallctlText},
    {"stringmatch-test", 2, 2, StringMatchTest},
    {"change-repl-id", 2, 2, ChangeReplicationId},
    {"set-skip-checksum-validation", 3, 3, SkipChecksum},
    {"config-rewrite-force-all", 2, 2, RewriteConfig},
    {"populate", 3, 5, Populate},
};

}  // namespace

void Debug(CommandContext& context) {
  if (context.effects != nullptr) context.effects->None();
  const size_t args = context.args.size();
  const auto found = std::find_if(
      std::begin(kSubcommands), std::end(kSubcommands), [&](const Subcommand& subcommand) {
        return Is(context.args[1], subcommand.name) && args >= subcommand.min_args &&
               args <= subcommand.max_args;
      });
  if (found != std::end(kSubcommands)) {
    found->handler(context);
  } else {
    context.reply.Error(SubcommandSyntaxError("DEBUG", context.args[1]));
  }
}

}  // namespace keyway::shard::commands
