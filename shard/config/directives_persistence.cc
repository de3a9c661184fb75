// Rows: persistence.
#include "common/config/section.h"
#include "shard/config/list_values.h"
#include "shard/config/rows.h"

namespace keyway::shard {

using namespace config;  // NOLINT: the flags and kinds of the rows

namespace {

TextCheck PlainName(const char* directive, const char* kind, bool may_be_empty) {
  return [=](const std::string& text) -> Status {
    if (text.empty() && !may_be_empty) {
      return Error{std::string(directive) + " can't be empty"};
    }
    if (text.find('/') == std::string::npos) return {};
    return Error{std::string(directive) + " can't be a path, just a " + kind};
  };
}

}  // namespace

void AddPersistence(Registry& registry, ShardConfig& c) {
  Section rows(registry, "persistence");
  rows.Custom("save", Kind::kList, MakeSave(c.save), "seconds changes ...",
              kMultiWord,
              "Write the RDB file after so many seconds with so many changes; \"\": never");
  rows.Text("dbfilename", c.dbfilename, kProtected, "Name of the RDB file",
            PlainName("dbfilename", "filename", /*may_be_empty=*/true));
  rows.Bool("stop-writes-on-bgsave-error", c.stop_writes_on_bgsave_error, kNone,
            "Refuse writes after the RDB file could not be written");
  rows.Bool("rdbcompression", c.rdbcompression, kNone,
            "Compress strings in DUMP payloads and the RDB file");
  rows.Bool("rdbchecksum", c.rdbchecksum, kImmutable,
            "Put a checksum at the end of the RDB file");
  rows.Bool("rdb-save-incremental-fsync", c.rdb_save_incremental_fsync, kNone,
            "Sync the RDB file while it is written");
  rows.Bool("rdb-del-sync-files", c.rdb_del_sync_files, kNone,
            "Remove RDB files of replication when persistence is off");
  rows.Integer("rdb-key-save-delay", c.rdb_key_save_delay, {-2147483648, 2147483647},
               kHidden, "Microseconds to sleep after each saved key; for tests");
  rows.Integer("key-load-delay", c.key_load_delay, {-2147483648, 2147483647},
               kHidden, "Microseconds to sleep after each loaded key; for tests");
  rows.Int32("loading-process-events-interval-bytes", c.loading_process_events_interval_bytes, 1024,
             kHidden, "Bytes loaded between looks at clients");
  rows.Enum(
      "sanitize-dump-payload", c.sanitize_dump_payload,
      {{"no", SanitizeDump::kNo}, {"yes", SanitizeDump::kYes}, {"clients", SanitizeDump::kClients}},
      kNoEffectYet, "Payloads are always checked thoroughly");
  rows.Bool("appendonly", c.appendonly, kDenyLoading,
            "Log every write to the append only file");
  rows.Text("appendfilename", c.appendfilename, kImmutable,
            "Begin of the names of append only files",
            PlainName("appendfilename", "filename", /*may_be_empty=*/false));
  rows.Text("appenddirname", c.appenddirname, kImmutable,
            "Directory of append only files, in dir",
            PlainName("appenddirname", "dirname", /*may_be_empty=*/false));
  rows.Enum("appendfsync", c.appendfsync,
            {{"everysec", AppendFsync::kEverySec},
             {"always", AppendFsync::kAlways},
             {"no", AppendFsync::kNo}},
            kNone, "When the append only file is synced");
  rows.Bool("no-appendfsync-on-rewrite", c.no_appendfsync_on_rewrite, kNone,
            "Do not sync while a child process writes a file");
  rows.Int32("auto-aof-rewrite-percentage", c.auto_aof_rewrite_percentage, 0, kNone,
             "Growth in percent that starts a rewrite of the append only file; 0: never");
  rows.Memory("auto-aof-rewrite-min-size", c.auto_aof_rewrite_min_size, {}, kNone,
              "Least size of an append only file that is rewritten by itself");
  rows.Bool("aof-load-truncated", c.aof_load_truncated, kNone,
            "Start with an append only file whose last entry is cut off");
  rows.Bool("aof-use-rdb-preamble", c.aof_use_rdb_preamble, kNone,
            "Write the base of the append only file as RDB");
  rows.Bool("aof-timestamp-enabled", c.aof_timestamp_enabled, kNone,
            "Note times in the append only file");
  rows.Bool("aof-rewrite-incremental-fsync", c.aof_rewrite_incremental_fsync, kNone,
            "Sync the append only file while it is rewritten");
  rows.Bool("aof-disable-auto-gc", c.aof_disable_auto_gc, kNone,
            "Keep append only files that are no longer needed");
}

}  // namespace keyway::shard
