// BGREWRITEAOF: writes the data set in a child and makes it the base of the append-only file; when
// somebody asks for it, when the file has grown (auto-aof-rewrite-*), or when appendonly is
// switched on. With appendonly off the new base is all there is of an append-only file, as in
// Redis.
//
// The child writes temp-rewriteaof-bg-<pid>.aof in `dir`, syncs it and ends; what has to happen
// then is AofLog::EndRewrite. When it fails or is killed the file is removed. After three failures
// in a row, rewrites that nobody asks for wait: a minute, then twice as long each time, up to an
// hour.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/expected.h"
#include "shard/persistence/aof/aof_log.h"
#include "shard/persistence/child/child_process.h"
#include "shard/persistence/files/file_system.h"
#include "shard/server/command_context.h"
#include "shard/server/persistence.h"

namespace keyway::shard::persistence {

class AofRewriter {
 public:
  // All outlive the object.
  AofRewriter(Services& services, FileSystem& files, ChildProcess& child, AofLog& log,
              PersistenceStatus& status);

  // BGREWRITEAOF. The error is what a client gets.
  Expected<Persistence::Begun> RewriteInBackground();
  // CONFIG SET appendonly. The log is off, is on. The error is what a client gets, behind the name
  // of the directive; the log is off then.
  Status SwitchOn();
  void SwitchOff();
  // Ends a child that rewrites, if there is one, and removes what it has written. That is no
  // failure.
  void KillChild();
  // Begins the rewrite that was scheduled, when no other child runs: before anything else is begun
  // whenever Persistence::Cron runs.
  void StartScheduled();
  // Rewrites that are due because the file has grown: after all else.
  void Cron();

 private:
  bool InTransaction() const;
  // None runs. False: the reason is in the log.
  bool Fork();
  bool CannotBegin(std::string_view reason);
  // In the child.
  bool WriteBase(ChildReport& report);
  void OnChildEnd(const ChildResult& result);
  // The child has written `path`, or has failed. Whether that is the base now.
  bool Take(const ChildResult& result, const std::string& path);
  // Whether a rewrite that nobody asks for has to wait.
  bool IsLimited();
  int64_t NowSeconds() const { return services_.clock.WallMicros() / 1'000'000; }

  Services& services_;
  FileSystem& files_;
  ChildProcess& child_;
  AofLog& log_;
  PersistenceStatus& status_;
  bool killing_ = false;
  int64_t retry_delay_minutes_ = 0;
  int64_t retry_at_seconds_ = 0;
};

}  // namespace keyway::shard::persistence
