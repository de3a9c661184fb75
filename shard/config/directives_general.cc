// Rows: general, process.
#include <algorithm>
#include <array>
#include <cctype>
#include <span>
#include <string_view>

#include "common/config/section.h"
#include "shard/config/list_values.h"
#include "shard/config/rows.h"

namespace keyway::shard {

using namespace config;  // NOLINT: the flags and kinds of the rows

namespace {

// A variable of proc-title-template, and whether it stands for some text now. The title itself does
// not count.
struct TitleVariable {
  std::string_view name;
  bool has_text;
};

// {name} stands for a variable, {{ for a brace. A template that expands to blanks is refused.
Status CheckTitleTemplate(const std::string& text, std::span<const TitleVariable> variables) {
  const Error bad{"template format is invalid or contains unknown variables"};
  bool has_text = false;
  for (size_t at = 0; at < text.size(); ++at) {
    bool brace = text[at] == '{';
    bool doubled = brace && at + 1 < text.size() && text[at + 1] == '{';
    if (!brace || doubled) {
      has_text = has_text || std::isspace(static_cast<unsigned char>(text[at])) == 0;
      at += doubled;
      continue;
    }
    size_t end = text.find('}', at);
    if (end == std::string::npos) return bad;
    std::string_view name = std::string_view(text).substr(at + 1, end - at - 1);
    auto known = std::find_if(variables.begin(), variables.end(),
                              [name](const TitleVariable& v) { return v.name == name; });
    if (known == variables.end()) return bad;
    has_text = has_text || known->has_text;
    at = end;
  }
  if (!has_text) return bad;
  return {};
}

TextCheck TitleTemplateCheck(const ShardConfig& c) {
  return [&c](const std::string& text) {
    const std::array<TitleVariable, 7> variables = {{{"title", false},
                                                     {"listen-addr", true},
                                                     {"server-mode", c.cluster_enabled},
                                                     {"port", true},
                                                     {"tls-port", true},
                                                     {"unixsocket", !c.unixsocket.empty()},
                                                     {"config-file", true}}};
    return CheckTitleTemplate(text, variables);
  };
}

Status CheckShutdownWords(uint64_t words) {
  constexpr uint64_t kBoth = kShutdownSave | kShutdownNosave;
  if ((words & kBoth) != kBoth) return {};
  return Error{"shutdown options SAVE and NOSAVE can't be used simultaneously"};
}

std::vector<EnumWord> ShutdownWords() {
  return {{"default", 0},
          {"save", kShutdownSave},
          {"nosave", kShutdownNosave},
          {"now", kShutdownNow},
          {"force", kShutdownForce}};
}

std::vector<std::pair<const char*, int64_t>> SyslogFacilities() {
  return {{"user", 1 << 3},    {"local0", 16 << 3}, {"local1", 17 << 3},
          {"local2", 18 << 3}, {"local3", 19 << 3}, {"local4", 20 << 3},
          {"local5", 21 << 3}, {"local6", 22 << 3}, {"local7", 23 << 3}};
}

}  // namespace

void AddGeneral(Registry& registry, ShardConfig& c) {
  Section rows(registry, "general");
  rows.Custom("dir", Kind::kString, MakeDirectory(), "path", kProtected | kDenyLoading,
              "Working directory: data files, nodes.conf and relative paths are in it");
  rows.Text("logfile", c.logfile, kImmutable, "Log file; empty: stdout");
  rows.Enum("loglevel", c.loglevel,
            {{"debug", log::Level::kDebug},
             {"verbose", log::Level::kVerbose},
             {"notice", log::Level::kNotice},
             {"warning", log::Level::kWarning}},
            kNone, "What is worth a log line");
  rows.Bool("syslog-enabled", c.syslog_enabled, kImmutable, "Log to syslog as well");
  rows.Text("syslog-ident", c.syslog_ident, kImmutable, "Name in syslog lines");
  rows.Enum("syslog-facility", c.syslog_facility, SyslogFacilities(), kImmutable,
            "Facility of syslog lines");
  rows.Int32("databases", c.databases, 1, kImmutable,
             "Number of databases when cluster-enabled is off");
  rows.Custom("hz", Kind::kInteger, MakeHz(c.hz), "1..500", kNone,
              "How often a second background work runs");
  rows.Bool("dynamic-hz", c.dynamic_hz, kNone, "Raise hz with the number of clients");
  rows.Bool("always-show-logo", c.always_show_logo, kImmutable | kNoEffectYet,
            "Show the ASCII logo in a log that is no terminal");
  rows.Integer("slowlog-log-slower-than", c.slowlog_log_slower_than, {-1}, kNone,
               "Microseconds from which a command enters the slow log; -1: none does");
  rows.Integer("slowlog-max-len", c.slowlog_max_len, {}, kNone,
               "Entries kept in the slow log");
  rows.Integer("latency-monitor-threshold", c.latency_monitor_threshold, {}, kNone,
               "Milliseconds from which an event enters the latency history; 0: off");
  rows.Bool("latency-tracking", c.latency_tracking, kNone,
            "Keep a latency histogram of each command");
  rows.Custom("latency-tracking-info-percentiles", Kind::kList,
              MakePercentiles(c.latency_tracking_info_percentiles), "number ...", kMultiWord,
              "Percentiles shown by INFO latencystats");
  rows.Integer({"busy-reply-threshold", "lua-time-limit"}, c.busy_reply_threshold, {}, kNone,
               "Milliseconds after which a script makes other clients see BUSY");
  rows.Bool("lua-enable-deprecated-api", c.lua_enable_deprecated_api,
            kImmutable | kHidden,
            "Give scripts getfenv, setfenv and newproxy, which Redis retired");
}

void AddProcess(Registry& registry, ShardConfig& c) {
  Section rows(registry, "process");
  rows.Bool("daemonize", c.daemonize, kImmutable, "Run in the background");
  rows.Enum("supervised", c.supervised,
            {{"upstart", Supervised::kUpstart},
             {"systemd", Supervised::kSystemd},
             {"auto", Supervised::kAuto},
             {"no", Supervised::kNo}},
            kImmutable, "Whom to tell that the server is ready");
  rows.Text("pidfile", c.pidfile, kImmutable, "File for the process id");
  rows.Bool("set-proc-title", c.set_proc_title, kImmutable, "Show address and mode in ps");
  rows.Text("proc-title-template", c.proc_title_template, kNone, "The title that ps shows",
            TitleTemplateCheck(c));
  rows.Bool("crash-log-enabled", c.crash_log_enabled, kNone, "Log the stack of a crash");
  rows.Bool("crash-memcheck-enabled", c.crash_memcheck_enabled, kNoEffectYet,
            "Test the memory after a crash");
  rows.Bool("use-exit-on-panic", c.use_exit_on_panic, kHidden | kNoEffectYet,
            "Exit instead of aborting on a failed assertion");
  rows.Int32("watchdog-period", c.watchdog_period, 0, kHidden | kNoEffectYet,
             "Milliseconds after which a stalled server logs its stack; 0: off");
  rows.Int32("shutdown-timeout", c.shutdown_timeout, 0, kNone,
             "Seconds that SHUTDOWN waits for replicas that lag");
  rows.Bits("shutdown-on-sigint", c.shutdown_on_sigint, ShutdownWords(), kNone,
            "How SIGINT shuts down", CheckShutdownWords);
  rows.Bits("shutdown-on-sigterm", c.shutdown_on_sigterm, ShutdownWords(), kNone,
            "How SIGTERM shuts down", CheckShutdownWords);
  rows.Enum("oom-score-adj", c.oom_score_adj,
            {{"no", OomScoreAdj::kNo},
             {"yes", OomScoreAdj::kRelative},
             {"relative", OomScoreAdj::kRelative},
             {"absolute", OomScoreAdj::kAbsolute}},
            kNone, "Set the process's oom_score_adj");
  rows.Custom("oom-score-adj-values", Kind::kList, MakeOomScores(c.oom_score_adj_values),
              "primary replica child", kMultiWord, "The values of oom-score-adj");
  rows.Bool("disable-thp", c.disable_thp, kImmutable,
            "Keep transparent huge pages off for this process");
  rows.Text("server_cpulist", c.server_cpulist, kImmutable,
            "CPUs of the main thread");
  rows.Text("bio_cpulist", c.bio_cpulist, kImmutable | kNoEffectYet, "CPUs of the side threads");
  rows.Text("aof_rewrite_cpulist", c.aof_rewrite_cpulist, kImmutable,
            "CPUs of the process that rewrites the AOF");
  rows.Text("bgsave_cpulist", c.bgsave_cpulist, kImmutable,
            "CPUs of the process that writes the RDB file");
  rows.Text("ignore-warnings", c.ignore_warnings, kNoEffectYet,
            "Warnings about the system that do not stop the start");
  rows.Integer("io-threads", c.io_threads, {1, 128}, kImmutable | kNoEffectYet,
               "Threads that read and write sockets; a shard uses one");
  rows.Bool("io-threads-do-reads", c.io_threads_do_reads, kImmutable | kNoEffectYet,
            "Let io-threads read as well");
  rows.Bool("jemalloc-bg-thread", c.jemalloc_bg_thread, kNone,
            "Let jemalloc return memory from a thread of its own");
}

}  // namespace keyway::shard
