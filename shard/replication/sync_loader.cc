#include "shard/replication/sync_loader.h"

#include <cstdlib>
#include <optional>
#include <utility>

#include "common/log/log.h"
#include "common/net/event_loop.h"
#include "shard/config/shard_config.h"
#include "shard/persistence/loading/loading_scope.h"
#include "shard/persistence/rdb/byte_reader.h"
#include "shard/server/long_call.h"
#include "shard/server/scripts.h"

namespace keyway::shard::replication {

using persistence::DatasetLoadOptions;
using persistence::LoadingScope;

SyncLoader::SyncLoader(Services& services, persistence::Engine& persistence)
    : services_(services), persistence_(persistence), fiber_(kStackBytes) {}

SyncLoader::~SyncLoader() {
  on_end_ = nullptr;
  stop_ = true;
  if (fiber_.suspended()) {
    while (!fiber_.Resume()) {
    }
  }
}

void SyncLoader::Start(Options options, OnEnd on_end) {
  options_ = std::move(options);
  on_end_ = std::move(on_end);
  result_ = {};
  stop_ = false;
  running_ = true;
  if (fiber_.Run([this] { Run(); })) {
    End();
  } else {
    ContinueSoon();
  }
}

void SyncLoader::ContinueSoon() {
  services_.loop.Post([this, alive = std::weak_ptr<const bool>(alive_)] {
    if (!alive.expired()) Continue();
  });
}

void SyncLoader::Continue() {
  if (fiber_.Resume()) {
    End();
  } else {
    ContinueSoon();
  }
}

void SyncLoader::End() {
  running_ = false;
  options_ = {};
  const Result result = std::move(result_);
  if (const OnEnd on_end = std::exchange(on_end_, nullptr)) on_end(result);
}

// --- On the other stack.

void SyncLoader::Run() {
  if (options_.path.empty()) {
    result_ = LoadBytes(options_.memory, nullptr);
    return;
  }
  auto view = persistence_.files().Map(options_.path);
  if (!view.ok()) {
    KEYWAY_WARNING() << "Fatal error: can't open the RDB file " << options_.path
                     << " for reading: " << view.error().message;
    return;
  }
  result_ = LoadBytes((*view)->bytes(), view->get());
}

SyncLoader::Result SyncLoader::LoadBytes(std::string_view bytes, persistence::FileView* view) {
  return options_.aside ? LoadAside(bytes) : LoadInPlace(bytes, view);
}

SyncLoader::Result SyncLoader::LoadInPlace(std::string_view bytes, persistence::FileView* view) {
  const LoadingScope scope(services_, persistence_.mutable_status(), bytes.size());
  const bool lazily = services_.config.replica_lazy_flush;
  const auto empty = [&] {
    services_.keyspace.FlushAll(lazily);
    if (services_.scripts != nullptr) services_.scripts->ClearLibraries();
  };
  KEYWAY_NOTICE() << "MASTER <-> REPLICA sync: Flushing old data";
  empty();
  KEYWAY_NOTICE() << "MASTER <-> REPLICA sync: Loading DB in memory";
  const DatasetLoadOptions options{.keep_expired = true,
                                   .progress =
                                       [this, view](uint64_t read) {
                                         if (view != nullptr) view->Forget(read);
                                         OnProgress(read);
                                       },
                                   .stop = &stop_};
  const auto loaded =
      LoadDataset(bytes, services_, persistence_.mutable_status(), options);
  if (loaded.ok()) return {Outcome::kLoaded, loaded->origin};
  Result failed = Fail(loaded.error());
  empty();  // what has come is no data set
  return failed;
}

SyncLoader::Result SyncLoader::LoadAside(std::string_view bytes) {
  std::optional<LoadingScope> scope;
  scope.emplace(services_, persistence_.mutable_status(), bytes.size(), options_.serve);
  KEYWAY_NOTICE() << "MASTER <-> REPLICA sync: Loading DB in memory";
  keyspace::Keyspace::Spare databases = services_.keyspace.MakeSpare();
  std::vector<std::string> libraries;
  const DatasetLoadOptions options{.keep_expired = true,
                                   .progress = [this](uint64_t read) { OnProgress(read); },
                                   .databases = &databases,
                                   .library =
                                       [&libraries](std::string_view code) {
                                         libraries.emplace_back(code);
                                         return Status();
                                       },
                                   .stop = &stop_};
  const auto loaded =
      LoadDataset(bytes, services_, persistence_.mutable_status(), options);
  // A script that reads what is there may be under way.
  while (loaded.ok() && StandsAside(services_) && !stop_) fiber_.Suspend();
  Result result;
  if (!loaded.ok()) {
    result = Fail(loaded.error());
  } else if (stop_) {
    result.outcome = Outcome::kStopped;
  } else if (!ReplaceLibraries(libraries)) {
    result.outcome = Outcome::kFailed;
  } else {
    result = {Outcome::kLoaded, loaded->origin};
  }
  if (result.outcome == Outcome::kLoaded) {
    if (options_.before_swap) options_.before_swap();
    KEYWAY_NOTICE() << "MASTER <-> REPLICA sync: Swapping active DB with loaded DB";
    services_.keyspace.ReplaceBy(std::move(databases));
    KEYWAY_NOTICE() << "MASTER <-> REPLICA sync: Discarding old DB in background";
  } else {
    services_.keyspace.Discard(std::move(databases));
    KEYWAY_NOTICE() << "MASTER <-> REPLICA sync: Discarding temporary DB in background";
  }
  return result;
}

// All of them, or what was there stays.
bool SyncLoader::ReplaceLibraries(const std::vector<std::string>& libraries) {
  if (services_.scripts == nullptr) return libraries.empty();
  Scripts& scripts = *services_.scripts;
  std::vector<std::string> before;
  scripts.ForEachLibrary([&before](std::string_view code) { before.emplace_back(code); });
  scripts.ClearLibraries();
  for (const std::string& code : libraries) {
    const Status loaded = scripts.LoadLibrary(code, /*replace=*/false);
    if (loaded.ok()) continue;
    KEYWAY_WARNING() << "Failed loading library, " << loaded.error().message;
    scripts.ClearLibraries();
    for (const std::string& old : before) (void)scripts.LoadLibrary(old, /*replace=*/true);
    return false;
  }
  return true;
}

// What redis-server takes for a connection that has broken, and so for nothing serious, is an end
// that comes too soon, and not in a file; everything else is.
SyncLoader::Result SyncLoader::Fail(const rdb::FileReadError& error) const {
  if (error.message == persistence::kLoadingStopped) return {Outcome::kStopped, {}};
  const bool from_file = !options_.path.empty();
  const bool foreign = error.message.starts_with("Wrong signature") ||
                       error.message.starts_with("Can't handle RDB format version");
  const bool cut = error.message.starts_with(rdb::kEndOfFile);
  const bool library = error.message.starts_with("Failed loading library");
  if (foreign) {
    KEYWAY_WARNING() << error.message;
    return {};
  }
  if (cut || library) {
    if (library) KEYWAY_WARNING() << error.message;
    KEYWAY_WARNING() << "Short read or OOM loading DB. Unrecoverable error, aborting now.";
    if (!from_file) {
      KEYWAY_NOTICE() << "Internal error in RDB reading offset " << error.offset
                      << " -> Unexpected EOF reading RDB file. Failure loading rdb format from "
                         "socket, assuming connection error, resuming operation.";
      return {};
    }
  } else {
    KEYWAY_WARNING() << error.message;
  }
  KEYWAY_WARNING() << "Internal error in RDB reading offset " << error.offset
                   << ": the data set that the master has sent cannot be loaded";
  KEYWAY_WARNING() << "Terminating server after rdb file reading failure.";
  std::_Exit(1);
}

void SyncLoader::OnProgress(uint64_t bytes) {
  PersistenceStatus& status = persistence_.mutable_status();
  status.loading_loaded_bytes = bytes;
  if (options_.progress) options_.progress();
  if (!stop_) fiber_.Suspend();
}

}  // namespace keyway::shard::replication
