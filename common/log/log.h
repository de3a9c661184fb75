// The log of both programs, in the line format of Redis 7.0 so that what reads Redis's logs reads
// ours:  <pid>:<role> <dd Mon yyyy hh:mm:ss.mmm> <level> <message>
// with role M (primary), S (replica), C (child process), X (neither), and level . (debug) -
// (verbose)
// * (notice) # (warning).
//
// Our own lines come from the macros at the end:  KEYWAY_NOTICE() << "Ready";  They go straight to
// the file with one write each, without a lock, so that a forked child may log too. glog's CHECK
// and LOG of libraries arrive in the same file through a sink; glog writes no files of its own, and
// to stderr only what is fatal.
//
// All functions may be called from every thread, except Init and Shutdown.
#pragma once

#include <atomic>
#include <cstdint>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>

#include "common/base/expected.h"

namespace keyway::log {

enum class Level : uint8_t { kDebug, kVerbose, kNotice, kWarning };

struct Options {
  std::string program = "keyway";  // argv[0]; glog's name for us
  std::string logfile;             // empty: stdout
  Level level = Level::kNotice;
  bool stack_trace_on_crash = true;  // on SIGSEGV, SIGABRT, ...: the stack goes to the log
  bool syslog = false;               // also to syslog
  std::string syslog_ident = "keyway";
  int syslog_facility = 16 << 3;  // LOG_LOCAL0 of <syslog.h>
};

// Starts glog and opens the log file; in the process that serves, so after Daemonize. Before it,
// lines go to stdout at notice. May be called again with other options. Error: the log file cannot
// be opened ("Can't open the log file: ...").
Status Init(const Options& options);

// "debug", "verbose", "notice", "warning" in any case; else an error that lists them.
Expected<Level> ParseLevel(std::string_view name);
void SetLevel(Level level);
Level GetLevel();

// The role letter of the lines that follow: 'M', 'S' or 'X' (at first). A forked child prints 'C'
// by itself.
void SetRole(char role);

// Closes and opens the log file again, by its name. Safe to call whenever; for SIGUSR1. A file that
// was renamed or removed is opened again by itself within a second.
Status Reopen();

// In a forked child that is about to close the descriptors of its parent: the one that it has to
// leave open to be able to log. The connection to syslog is made anew with the next line.
int KeepInChild();

namespace internal {

extern std::atomic<uint8_t> threshold;

// One line: collects the text, writes it when it dies. At most 16 KiB; what is longer is cut, and
// line breaks inside are kept as they are.
class Line {
 public:
  explicit Line(Level level) : level_(level) {}
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;
  ~Line();
  std::ostream& stream() { return text_; }

 private:
  Level level_;
  std::ostringstream text_;
};

// Gives both branches of the macro's conditional the type void.
struct Voidify {
  void operator&(std::ostream&) const {}
};

}  // namespace internal

inline bool Enabled(Level level) {
  return static_cast<uint8_t>(level) >= internal::threshold.load(std::memory_order_relaxed);
}

}  // namespace keyway::log

// Usage: KEYWAY_WARNING() << "text " << value;  The operands are evaluated only if the level is on.
#define KEYWAY_LOG_LINE(level)   \
  !::keyway::log::Enabled(level) \
      ? static_cast<void>(0)     \
      : ::keyway::log::internal::Voidify() & ::keyway::log::internal::Line(level).stream()

#define KEYWAY_DEBUG() KEYWAY_LOG_LINE(::keyway::log::Level::kDebug)
#define KEYWAY_VERBOSE() KEYWAY_LOG_LINE(::keyway::log::Level::kVerbose)
#define KEYWAY_NOTICE() KEYWAY_LOG_LINE(::keyway::log::Level::kNotice)
#define KEYWAY_WARNING() KEYWAY_LOG_LINE(::keyway::log::Level::kWarning)
