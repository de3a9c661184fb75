// The one forked child that a server may have: it sees the data set as it was at the fork, writes
// it somewhere and ends.
//
// The child has only the forking thread. It must take no lock that another thread of the parent may
// have held: it logs through common/log (no lock), allocates (the allocator is prepared for fork)
// and writes files; it never returns from Start. It keeps no descriptor of the parent but standard
// input, output and error, the log, the pipe to the parent and one more that it is asked to keep, so
// that sockets and locked files are the parent's alone, and is killed when the parent dies. A signal
// that would end the parent ends it at once: what the parent does about signals is not for a child to do.
//
// The pipe carries records of one size (see child_process.cc). Its end is the end of the child.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/base/expected.h"
#include "shard/server/command_context.h"
#include "shard/server/persistence.h"

namespace keyway::shard::persistence {

enum class ChildKind : uint8_t { kSnapshot, kRewrite };

// In the child: how it tells the parent how far it is.
class ChildReport {
 public:
  virtual ~ChildReport() = default;
  // `keys`: written so far. To be called for every key: cheap, tells and measures about once a
  // second.
  virtual void Keys(uint64_t keys) = 0;
};

struct ChildResult {
  int64_t pid = 0;
  int exit_code = 0;  // 0: body returned true
  int signal = 0;     // not 0: what killed it; SIGUSR1: Kill, or somebody who wants it to be no
                      // failure, as with redis-server
  uint64_t cow_bytes = 0;  // most that was copied because parent or child wrote to it
  int64_t took_seconds = 0;
};

class ChildProcess {
 public:
  // `status`: where progress and forks are noted. Both outlive the object.
  ChildProcess(Services& services, PersistenceStatus& status);
  // Kills a child that runs, without calling its `on_end`.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  using Body = std::function<bool(ChildReport& report)>;
  using OnEnd = std::function<void(const ChildResult& result)>;
  struct Options {
    ChildKind kind = ChildKind::kSnapshot;
    uint64_t keys_total = 0;
    std::string title;     // "keyway-rdb-bgsave": {title} of proc-title-template
    std::string cpu_list;  // bgsave_cpulist, aof_rewrite_cpulist; empty: the parent's
    int descriptor = -1;   // that the body writes to, open already; stays open in the child
  };
  // None may run. Forks; `body` runs in the child, whose exit code is 0 if it returns true, and
  // `on_end` on the loop's thread when the child is gone; it may start another. Error, for the log:
  // why it could not be forked ("Cannot allocate memory").
  Status Start(const Options& options, Body body, OnEnd on_end);

  bool running() const;
  bool running(ChildKind kind) const;
  int64_t pid() const;
  // SIGKILL, and waits until it is gone; `on_end` has been called when this returns.
  void Kill();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace keyway::shard::persistence
