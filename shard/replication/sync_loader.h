// Loads the data set that a full sync has brought, on a stack of its own, so that the loop turns
// meanwhile: others are told -LOADING, the cluster bus answers, and the primary hears of us.
//
// Either in place of what is there, which goes first, or beside it (repl-diskless-load swapdb): then
// what is there is served until all is loaded, and stays if that fails.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/fiber.h"
#include "shard/keyspace/keyspace.h"
#include "shard/persistence/engine/engine.h"
#include "shard/persistence/files/file_system.h"
#include "shard/persistence/loading/dataset_loader.h"
#include "shard/server/command_context.h"

namespace keyway::shard::replication {

class SyncLoader {
 public:
  // As much as the main stack has: libraries of functions are loaded by an interpreter.
  static constexpr size_t kStackBytes = 8 * 1024 * 1024;

  // Both outlive the object.
  SyncLoader(Services& services, persistence::Engine& persistence);
  // A load that is under way is stopped.
  ~SyncLoader();
  SyncLoader(const SyncLoader&) = delete;
  SyncLoader& operator=(const SyncLoader&) = delete;

  struct Options {
    std::string path;    // a file, or
    std::string memory;  // its bytes
    bool aside = false;  // beside what is there: memory only
    // What is there belongs to the same history, so that it is of use while the other is loaded:
    // status.async_loading. Without it -LOADING is what clients get.
    bool serve = false;
    // Beside: all is loaded and is about to take the place of what is there.
    std::function<void()> before_swap;
    // Many times a second.
    std::function<void()> progress;
  };
  enum class Outcome : uint8_t {
    kLoaded,
    kFailed,   // the reason is in the log; beside: what was there is there, else nothing is
    kStopped,  // by Stop; the same
  };
  struct Result {
    Outcome outcome = Outcome::kFailed;
    persistence::DatasetOrigin origin;
  };
  using OnEnd = std::function<void(const Result& result)>;
  // None is under way. `on_end` is called once, from the loop or before this returns; it may begin
  // another. A file that is no sound RDB file ends the process, as it ends redis-server.
  void Start(Options options, OnEnd on_end);
  bool running() const { return running_; }
  bool aside() const { return running_ && options_.aside; }
  // Loading beside: ends soon.
  void Stop() { stop_ = true; }

 private:
  void Run();
  Result LoadBytes(std::string_view bytes, persistence::FileView* view);
  Result LoadAside(std::string_view bytes);
  Result LoadInPlace(std::string_view bytes, persistence::FileView* view);
  Result Fail(const rdb::FileReadError& error) const;
  bool ReplaceLibraries(const std::vector<std::string>& libraries);
  void OnProgress(uint64_t bytes);
  void ContinueSoon();
  void Continue();
  void End();

  Services& services_;
  persistence::Engine& persistence_;
  Fiber fiber_;
  Options options_;
  OnEnd on_end_;
  Result result_;
  bool running_ = false;
  bool stop_ = false;
  // What is posted to the loop looks whether we are there still.
  const std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace keyway::shard::replication
