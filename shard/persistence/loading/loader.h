// What a server loads when it starts: the append-only file if that is on, else the RDB file, as
// Redis 7.0 chooses; and what DEBUG RELOAD and LOADAOF load again.
//
// While it loads, others are served now and then by way of `let_others_run`; the dispatcher answers
// them with -LOADING (status.loading).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/expected.h"
#include "shard/persistence/aof/manifest.h"
#include "shard/persistence/files/file_system.h"
#include "shard/persistence/loading/aof_directory.h"
#include "shard/persistence/loading/dataset_loader.h"
#include "shard/persistence/rdb/file_reader.h"
#include "shard/server/command_context.h"
#include "shard/server/persistence.h"

namespace keyway::shard::persistence {

class Loader {
 public:
  // All outlive the object. `let_others_run` is called while files are loaded at the start, many
  // times a second, never from within itself.
  Loader(Services& services, FileSystem& files, PersistenceStatus& status,
         std::function<void()> let_others_run);

  // What a start needs to know of replication.
  struct StartOptions {
    // Whether this server follows a primary: then that decides what has expired.
    std::function<bool()> follows;
    // Of a primary: a key of the RDB file has expired and is not loaded.
    std::function<void(int database, std::string_view key)> on_expired;
  };
  void set_start_options(StartOptions options) { start_options_ = std::move(options); }
  // After LoadAtStart: what the RDB file says, if one was loaded.
  const DatasetOrigin& origin() const { return origin_; }

  // Reads the manifest in appenddirname, or makes one out of the single append-only file of Redis 6
  // (appendfilename in dir), which is moved into the directory. Without either: an empty one. The
  // error, for the log, ends the start.
  Expected<AofManifest> ReadManifest();

  // At the start: loads as the configuration says. The error, for the log, ends the start: nothing
  // is dropped silently. A last file that was cut off is cut back to its last whole command if
  // aof-load-truncated allows it.
  Status LoadAtStart(const AofManifest& manifest);

  // The RDB file (dbfilename). `replace`: keys that are there already are replaced. A file that
  // does not exist is an error.
  Status LoadRdb(bool replace);
  // All files of the manifest.
  Status LoadAof(const AofManifest& manifest);

 private:
  Status LoadRdbFile(bool replace, bool may_be_missing);
  Status LoadAofFiles(const AofManifest& manifest);
  // `before`: bytes of the files that have been loaded already. Adds what has been cut off to
  // `cut`.
  Status LoadAofFile(const AofPart& part, bool last, uint64_t before, uint64_t* cut);
  // `text`: of the last line of the log.
  Status FailRdb(const std::string& path, const rdb::FileReadError& error, std::string text) const;
  Status CutTail(const std::string& name, uint64_t size, uint64_t offset, bool last);
  void Report(uint64_t bytes);

  Services& services_;
  FileSystem& files_;
  PersistenceStatus& status_;
  std::function<void()> let_others_run_;
  AofDirectory directory_;
  StartOptions start_options_;
  DatasetOrigin origin_;
  bool at_start_ = false;
};

}  // namespace keyway::shard::persistence
