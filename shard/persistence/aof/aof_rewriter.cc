#include "shard/persistence/aof/aof_rewriter.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <string_view>

#include "common/log/log.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/persistence/aof/key_commands.h"
#include "shard/persistence/child/temporary_file.h"
#include "shard/persistence/snapshot/dataset_writer.h"
#include "shard/server/transactions.h"

namespace keyway::shard::persistence {
namespace {

constexpr uint64_t kFailuresUntilLimited = 3;
constexpr int64_t kLongestDelayMinutes = 60;

std::string TemporaryName(int64_t pid) {
  return "temp-rewriteaof-bg-" + std::to_string(pid) + ".aof";
}

}  // namespace

AofRewriter::AofRewriter(Services& services, FileSystem& files, ChildProcess& child, AofLog& log,
                         PersistenceStatus& status)
    : services_(services), files_(files), child_(child), log_(log), status_(status) {}

Expected<Persistence::Begun> AofRewriter::RewriteInBackground() {
  if (child_.running(ChildKind::kRewrite)) {
    return Error{"ERR Background append only file rewriting already in progress"};
  }
  if (child_.running() || InTransaction()) {
    status_.aof_rewrite_scheduled = true;
    // Who asks for it is not to wait.
    status_.aof_rewrites_failed_in_a_row = 0;
    return Persistence::Begun::kScheduled;
  }
  if (Fork()) return Persistence::Begun::kNow;
  return Error{
      "ERR Can't execute an AOF background rewriting. Please check the server logs for more "
      "information."};
}

Status AofRewriter::SwitchOn() {
  const auto fail = [] {
    KEYWAY_WARNING() << "Redis needs to enable the AOF but can't trigger a background AOF rewrite "
                        "operation. Check the above logs for more info about the error.";
    return Error{"Unable to turn on AOF. Check server logs."};
  };
  if (const Status started = log_.StartWithRewrite(); !started.ok()) {
    CannotBegin(started.error().message);
    return fail();
  }
  if (child_.running() && !child_.running(ChildKind::kRewrite)) {
    status_.aof_rewrite_scheduled = true;
    KEYWAY_WARNING() << "AOF was enabled but there is already another background operation. An AOF "
                        "background was scheduled to start when possible.";
  } else if (InTransaction()) {
    status_.aof_rewrite_scheduled = true;
    KEYWAY_WARNING() << "AOF was enabled during a transaction. An AOF background was scheduled to "
                        "start when possible.";
  } else {
    if (child_.running()) {
      // What it writes lacks the effects since its start.
      KEYWAY_WARNING() << "AOF was enabled but there is already an AOF rewriting in background. "
                          "Stopping background AOF and starting a rewrite now.";
      KillChild();
    }
    if (!Fork()) {
      log_.Stop();
      return fail();
    }
  }
  return {};
}

void AofRewriter::SwitchOff() {
  log_.Stop();
  status_.aof_rewrite_scheduled = false;
  KillChild();
}

void AofRewriter::KillChild() {
  if (!child_.running(ChildKind::kRewrite)) return;
  KEYWAY_NOTICE() << "Killing running AOF rewrite child: " << child_.pid();
  killing_ = true;
  child_.Kill();
  killing_ = false;
}

void AofRewriter::StartScheduled() {
  if (status_.aof_rewrite_scheduled && !child_.running() && !IsLimited()) Fork();
}

void AofRewriter::Cron() {
  const int64_t percentage = services_.config.auto_aof_rewrite_percentage;
  const auto least = static_cast<uint64_t>(services_.config.auto_aof_rewrite_min_size);
  if (!status_.aof_on || status_.aof_waits_for_rewrite || percentage == 0 ||
      status_.aof_current_size <= least || child_.running()) {
    return;
  }
  const uint64_t base = std::max<uint64_t>(status_.aof_base_size, 1);
  const int64_t growth = static_cast<int64_t>(status_.aof_current_size * 100 / base) - 100;
  if (growth < percentage || IsLimited()) return;
  KEYWAY_NOTICE() << "Starting automatic rewriting of AOF on " << growth << "% growth";
  Fork();
}

bool AofRewriter::InTransaction() const {
  return services_.transactions != nullptr && services_.transactions->executing();
}

bool AofRewriter::Fork() {
  if (const Status begun = log_.BeginRewrite(); !begun.ok()) {
    return CannotBegin(begun.error().message);
  }
  ++status_.aof_rewrites;
  const ChildProcess::Options options = {.kind = ChildKind::kRewrite,
                                         .keys_total = services_.keyspace.KeyCount(),
                                         .title = "keyway-aof-rewrite",
                                         .cpu_list = services_.config.aof_rewrite_cpulist};
  const Status started = child_.Start(
      options, [this](ChildReport& report) { return WriteBase(report); },
      [this](const ChildResult& result) { OnChildEnd(result); });
  if (!started.ok()) {
    log_.AbandonRewrite();
    return CannotBegin("Can't rewrite append only file in background: fork: " +
                       started.error().message);
  }
  KEYWAY_NOTICE() << "Background append only file rewriting started by pid " << child_.pid();
  status_.aof_rewrite_scheduled = false;
  status_.aof_rewrite_started_seconds = NowSeconds();
  return true;
}

bool AofRewriter::CannotBegin(std::string_view reason) {
  status_.aof_last_rewrite_ok = false;
  KEYWAY_WARNING() << reason;
  return false;
}

bool AofRewriter::WriteBase(ChildReport& report) {
  const std::string path = TemporaryName(getpid());
  auto file = files_.Open(path, OpenMode::kCreate);
  if (!file.ok()) {
    KEYWAY_WARNING() << "Opening the temp file for AOF rewrite in rewriteAppendOnlyFile(): "
                     << file.error().message;
    return false;
  }
  const bool incremental_sync = services_.config.aof_rewrite_incremental_fsync;
  const auto progress = [&report](uint64_t keys) { report.Keys(keys); };
  FileStatus written =
      services_.config.aof_use_rdb_preamble
          ? WriteDataset(
                **file, services_,
                {.aof_base = true, .incremental_sync = incremental_sync, .progress = progress})
          : WriteDatasetAsCommands(**file, services_,
                                   {.incremental_sync = incremental_sync, .progress = progress});
  if (written.ok()) written = (*file)->Sync();
  if (!written.ok()) {
    KEYWAY_WARNING() << "Write error writing append only file on disk: " << written.error().message;
    (void)files_.Remove(path);
    return false;
  }
  KEYWAY_NOTICE() << "Successfully created the temporary AOF base file " << path;
  return true;
}

void AofRewriter::OnChildEnd(const ChildResult& result) {
  const std::string path = TemporaryName(result.pid);
  const bool succeeded = !killing_ && Take(result, path);
  if (!succeeded) {
    RemoveTemporaryFile(files_, path, services_.keyspace.lazy_free());
    log_.AbandonRewrite();
  }
  if (!killing_) {
    status_.aof_last_rewrite_took_seconds = NowSeconds() - status_.aof_rewrite_started_seconds;
    // An operator's way to end it, which is no failure, is SIGUSR1.
    if (result.signal != SIGUSR1) {
      status_.aof_last_rewrite_ok = succeeded;
      status_.aof_rewrites_failed_in_a_row =
          succeeded ? 0 : status_.aof_rewrites_failed_in_a_row + 1;
    }
    // Without a base the log is not on.
    if (status_.aof_waits_for_rewrite) status_.aof_rewrite_scheduled = true;
  }
  status_.aof_rewrite_started_seconds = -1;
}

bool AofRewriter::Take(const ChildResult& result, const std::string& path) {
  if (result.signal != 0) {
    KEYWAY_WARNING() << "Background AOF rewrite terminated by signal " << result.signal;
    return false;
  }
  if (result.exit_code != 0) {
    KEYWAY_WARNING() << "Background AOF rewrite terminated with error";
    return false;
  }
  KEYWAY_NOTICE() << "Background AOF rewrite terminated with success";
  const int64_t start = services_.clock.MonotonicMicros();
  status_.aof_last_cow_bytes = result.cow_bytes;
  if (const Status ended = log_.EndRewrite(path); !ended.ok()) {
    KEYWAY_WARNING() << ended.error().message;
    return false;
  }
  KEYWAY_NOTICE() << "Background AOF rewrite finished successfully";
  KEYWAY_VERBOSE() << "Background AOF rewrite signal handler took "
                   << services_.clock.MonotonicMicros() - start << "us";
  return true;
}

bool AofRewriter::IsLimited() {
  if (status_.aof_rewrites_failed_in_a_row < kFailuresUntilLimited) {
    retry_delay_minutes_ = 0;
    retry_at_seconds_ = 0;
    return false;
  }
  if (retry_at_seconds_ != 0) {
    if (NowSeconds() < retry_at_seconds_) return true;
    retry_at_seconds_ = 0;
    return false;
  }
  retry_delay_minutes_ = std::clamp<int64_t>(retry_delay_minutes_ * 2, 1, kLongestDelayMinutes);
  retry_at_seconds_ = NowSeconds() + retry_delay_minutes_ * 60;
  KEYWAY_WARNING() << "Background AOF rewrite has repeatedly failed and triggered the limit, will "
                      "retry in "
                   << retry_delay_minutes_ << " minutes";
  return true;
}

}  // namespace keyway::shard::persistence
