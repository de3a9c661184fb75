// The append-only file of one shard, life after life, on a disk that fails and loses its power at
// random moments. After each life the real loader must find the effect of a whole number of units: no
// fewer than were promised to be on the disk, no more than there were.
//
// Children are simulated: a rewrite writes its file when it begins, and is told to end later. All is
// drawn from a seed, but for the moments at which the log's thread writes and syncs (everysec).
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "shard/persistence/aof/aof_log.h"
#include "shard/persistence/aof/key_commands.h"
#include "shard/persistence/files/file_system.h"
#include "shard/persistence/loading/command_replayer.h"
#include "shard/persistence/loading/loader.h"
#include "shard/persistence/snapshot/dataset_writer.h"
#include "shard/server/effects.h"
#include "tests/support/files/memory_file_system.h"
#include "tests/unit/shard/server/client_rig.h"

namespace keyway::shard::persistence {
namespace {

constexpr char kChildFile[] = "temp-rewriteaof-bg-1.aof";
constexpr int kDatabases = 3;
constexpr int kMostSteps = 60;

// A MemoryFileSystem for several threads, of a process that may be gone.
class SharedDisk final : public FileSystem {
 public:
  // Runs `action` while no thread works on the disk.
  template <typename Action>
  auto Locked(Action action) {
    const std::lock_guard lock(mutex_);
    return action(files_);
  }
  // A process has been killed: what it still does goes nowhere.
  void ForgetProcess() {
    const std::lock_guard lock(mutex_);
    ++process_;
  }

  FileResult<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override {
    const std::lock_guard lock(mutex_);
    auto file = files_.Open(path, mode);
    if (!file.ok()) return file;
    return std::unique_ptr<File>(std::make_unique<SharedFile>(*this, std::move(*file)));
  }
  FileStatus Rename(const std::string& from, const std::string& to) override {
    const std::lock_guard lock(mutex_);
    return files_.Rename(from, to);
  }
  FileStatus Remove(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    return files_.Remove(path);
  }
  FileStatus MakeDirectory(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    return files_.MakeDirectory(path);
  }
  FileStatus SyncDirectory(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    return files_.SyncDirectory(path);
  }
  FileResult<std::vector<std::string>> List(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    return files_.List(path);
  }
  FileResult<bool> Exists(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    return files_.Exists(path);
  }

 private:
  class SharedFile final : public File {
   public:
    SharedFile(SharedDisk& disk, std::unique_ptr<File> file)
        : disk_(disk), file_(std::move(file)), process_(disk.process_) {}

    FileResult<size_t> Read(char* bytes, size_t size) override {
      const std::lock_guard lock(disk_.mutex_);
      return file_->Read(bytes, size);
    }
    FileResult<size_t> Write(std::string_view bytes) override {
      const std::lock_guard lock(disk_.mutex_);
      if (process_ != disk_.process_) return bytes.size();
      return file_->Write(bytes);
    }
    FileStatus Sync() override {
      const std::lock_guard lock(disk_.mutex_);
      if (process_ != disk_.process_) return {};
      return file_->Sync();
    }
    FileStatus Truncate(uint64_t size) override {
      const std::lock_guard lock(disk_.mutex_);
      if (process_ != disk_.process_) return {};
      return file_->Truncate(size);
    }
    FileResult<uint64_t> Size() override {
      const std::lock_guard lock(disk_.mutex_);
      return file_->Size();
    }

   private:
    SharedDisk& disk_;
    const std::unique_ptr<File> file_;
    const int process_;
  };

  std::mutex mutex_;
  MemoryFileSystem files_;
  int process_ = 0;
};

// What is in a keyspace, as text that is the same for the same keys.
std::string TextOf(ClientRig& rig) {
  MemoryFileSystem files;
  auto file = files.Open("text", OpenMode::kCreate);
  const bool with_times = std::exchange(rig.config.aof_timestamp_enabled, false);
  EXPECT_TRUE(WriteDatasetAsCommands(**file, rig.services, {}).ok());
  rig.config.aof_timestamp_enabled = with_times;
  return *files.Contents("text");
}

// The states that the data set has had, and which of them the disk may have.
struct History {
  std::vector<std::string> states = {""};
  size_t promised = 0;  // states before this one are past

  size_t last() const { return states.size() - 1; }
  void Promise(size_t index) { promised = std::max(promised, index); }
};

// One life of a process.
class Process {
 public:
  Process(SharedDisk& disk, ManualClock& clock, Random& random, History& history, bool always)
      : disk_(disk), clock_(clock), random_(random), history_(history), rig_(clock) {
    rig_.config.appendonly = true;
    rig_.config.appendfsync = always ? AppendFsync::kAlways : AppendFsync::kEverySec;
    rig_.config.aof_use_rdb_preamble = random.Below(2) == 0;
    rig_.config.aof_timestamp_enabled = random.Below(2) == 0;
    rig_.services.effects = &effects_;
    AofLog::Options options;
    options.on_fatal = [this] { dead_ = true; };
    options.sync_interval = std::chrono::microseconds(200);
    log_ = std::make_unique<AofLog>(rig_.services, disk_, status_, std::move(options));
    replayer_ = std::make_unique<CommandReplayer>(rig_.services);
  }

  // False: the disk did not let it start. What it finds must be true in any case.
  bool Start(bool disk_is_well) {
    const auto manifest = loader_.ReadManifest();
    if (!manifest.ok()) {
      EXPECT_FALSE(disk_is_well) << manifest.error().message;
      return false;
    }
    const Status loaded = loader_.LoadAtStart(*manifest);
    if (!loaded.ok()) {
      EXPECT_FALSE(disk_is_well) << loaded.error().message;
      return false;
    }
    const std::string state = TextOf(rig_);
    const auto found = std::find(history_.states.rbegin(), history_.states.rend(), state);
    if (found == history_.states.rend()) {
      ADD_FAILURE() << "what is there was there at no time: " << testing::PrintToString(state)
                    << "\nlast: " << testing::PrintToString(history_.states.back());
      return false;
    }
    const size_t index = static_cast<size_t>(history_.states.rend() - found) - 1;
    EXPECT_GE(index, history_.promised) << "of " << history_.last();
    // It goes on from here. What was found may be unsynced still, and is promised again only later.
    history_.states.resize(index + 1);
    history_.promised = std::min(history_.promised, index);
    log_->set_manifest(*manifest);
    const Status started = log_->Start();
    if (started.ok()) return true;
    EXPECT_FALSE(disk_is_well) << started.error().message;
    return false;
  }

  void Live() {
    const int steps = static_cast<int>(random_.Below(kMostSteps));
    for (int i = 0; i < steps && !dead_; ++i) Step();
  }

 private:
  void Step() {
    switch (random_.Below(16)) {
      case 0:
        Disturb();
        break;
      case 1:
        disk_.Locked([](MemoryFileSystem& files) { files.Heal(); });
        break;
      case 2:
        clock_.AdvanceMillis(random_.Between(0, 2500));
        log_->Cron();
        break;
      case 3:
        Begin();
        break;
      case 4:
      case 5:
        End();
        break;
      case 6:
        SyncAll();
        break;
      case 7:
        if (random_.Below(4) == 0) Switch();
        break;
      default:
        Execute();
        break;
    }
    if (random_.Below(3) != 0 && !dead_) Flush();
  }

  void Disturb() {
    constexpr FileOperation kOperations[] = {FileOperation::kOpen,     FileOperation::kWrite,
                                             FileOperation::kSync,     FileOperation::kTruncate,
                                             FileOperation::kRename,   FileOperation::kRemove};
    const FileOperation operation = kOperations[random_.Below(std::size(kOperations))];
    const int skip = static_cast<int>(random_.Below(4));
    const bool for_good = random_.Below(3) == 0;
    const bool is_full = random_.Below(4) == 0;
    const uint64_t room = random_.Below(300);
    const bool in_steps = random_.Below(4) == 0;
    disk_.Locked([&](MemoryFileSystem& files) {
      if (in_steps) {
        files.set_longest_write(7);
      } else if (is_full) {
        files.set_room(room);
      } else {
        files.Fail(operation, EIO, skip, for_good);
      }
    });
  }

  std::string Word() {
    std::string word;
    for (uint64_t length = random_.Below(30); length > 0; --length) {
      word.push_back(static_cast<char>(random_.Below(256)));
    }
    return word;
  }

  void Execute() {
    if (log_->on() && !status_.aof_last_write_ok) return;  // the dispatcher refuses it
    ++number_;
    const int db = static_cast<int>(random_.Below(kDatabases));
    std::vector<std::vector<std::string>> commands;
    const bool transaction = random_.Below(3) == 0;
    if (transaction) commands.push_back({"MULTI"});
    for (uint64_t left = transaction ? 1 + random_.Below(4) : 1; left > 0; --left) {
      const std::string key(1, static_cast<char>('a' + random_.Below(4)));
      switch (random_.Below(5)) {
        case 0:
          commands.push_back({"DEL", key, "list" + key});
          break;
        case 1:
          commands.push_back({"RPUSH", "list" + key, Word(), std::to_string(number_)});
          break;
        case 2:
          commands.push_back({"LPOP", "list" + key});
          break;
        case 3:
          commands.push_back({"APPEND", key, Word()});
          break;
        default:
          commands.push_back({"SET", key, Word()});
          break;
      }
    }
    if (transaction) {
      commands.push_back({"SET", "number", std::to_string(number_)});
      commands.push_back({"EXEC"});
    }
    Replay({"SELECT", std::to_string(db)});
    std::vector<std::vector<std::string_view>> words;
    std::vector<Effect> effects;
    words.reserve(commands.size());
    for (const auto& command : commands) {
      Replay(command);
      words.emplace_back(command.begin(), command.end());
      effects.push_back({db, kEffectAll, words.back()});
    }
    if (listening_) log_->OnUnit(effects);
    history_.states.push_back(TextOf(rig_));
  }

  void Replay(const std::vector<std::string>& command) {
    const std::vector<std::string_view> words(command.begin(), command.end());
    ASSERT_TRUE(replayer_->Replay(words, "test").ok());
  }

  void Flush() {
    log_->Flush();
    const bool always = rig_.config.appendfsync == AppendFsync::kAlways;
    if (always && !dead_ && listening_) OnDisk();
  }

  void SyncAll() {
    if (!listening_) return;
    if (log_->FlushAndSync().ok() && !dead_) OnDisk();
  }

  // All effects so far are in the file that is written.
  void OnDisk() {
    if (status_.aof_waits_for_rewrite) {
      in_new_file_ = history_.last();
    } else {
      history_.Promise(history_.last());
    }
  }

  void Begin() {
    if (rewriting_ || !log_->on()) return;
    const bool waits = status_.aof_waits_for_rewrite;
    const size_t before = history_.last();
    if (!log_->BeginRewrite().ok()) {
      if (waits) listening_ = false;
      return;
    }
    if (dead_) return;
    if (waits) {
      listening_ = true;
      in_new_file_ = before;
    }
    rewriting_ = true;
    child_ok_ = WriteChildFile();
  }

  bool WriteChildFile() {
    auto file = disk_.Open(kChildFile, OpenMode::kCreate);
    if (!file.ok()) return false;
    const FileStatus written =
        rig_.config.aof_use_rdb_preamble
            ? WriteDataset(**file, rig_.services, {.aof_base = true, .progress = {}})
            : WriteDatasetAsCommands(**file, rig_.services, {});
    return written.ok() && (*file)->Sync().ok();
  }

  void End() {
    if (!rewriting_) return;
    rewriting_ = false;
    const bool waits = status_.aof_waits_for_rewrite;
    const bool ended = child_ok_ && log_->EndRewrite(kChildFile).ok();
    if (ended && waits) history_.Promise(in_new_file_);
    if (ended) return;
    log_->AbandonRewrite();
    if (waits) listening_ = false;
  }

  // appendonly off, or on again.
  void Switch() {
    if (rewriting_) return;
    if (log_->on()) {
      log_->Stop();
      listening_ = false;
    } else if (log_->StartWithRewrite().ok()) {
      Begin();
    }
  }

  SharedDisk& disk_;
  ManualClock& clock_;
  Random& random_;
  History& history_;
  ClientRig rig_;
  Effects effects_{rig_.keyspace, rig_.config};
  PersistenceStatus status_;
  Loader loader_{rig_.services, disk_, status_, [] {}};
  std::unique_ptr<AofLog> log_;
  std::unique_ptr<CommandReplayer> replayer_;
  bool dead_ = false;
  bool listening_ = true;
  bool rewriting_ = false;
  bool child_ok_ = false;
  size_t in_new_file_ = 0;  // of a log that waits for its first base: what base and file have
  static inline int64_t number_ = 0;
};

uint64_t SeedOf(uint64_t otherwise) {
  const char* text = std::getenv("KEYWAY_SIM_SEED");
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

int Lives() {
  const char* text = std::getenv("KEYWAY_SIM_LIVES");
  return text == nullptr ? 400 : std::atoi(text);
}

void LiveAndDie(bool always, uint64_t seed) {
  std::cerr << "KEYWAY_SIM_SEED=" << seed << "\n";
  Random random(seed);
  ManualClock clock;
  auto disk = std::make_unique<SharedDisk>();
  History history;
  size_t cuts = 0;
  size_t units = 0;
  for (int life = 0; life < Lives() && !testing::Test::HasFailure(); ++life) {
    SCOPED_TRACE("life " + std::to_string(life));
    const bool well = random.Below(5) != 0;
    {
      Process process(*disk, clock, random, history, always);
      if (!well) {
        const auto operation = static_cast<FileOperation>(random.Below(7));
        const int skip = static_cast<int>(random.Below(6));
        disk->Locked([&](MemoryFileSystem& files) { files.Fail(operation, EIO, skip); });
      }
      const size_t before = history.last();
      if (process.Start(well)) process.Live();
      units += history.last() - std::min(before, history.last());
      disk->ForgetProcess();
    }
    const uint64_t end = random.Below(3);
    disk->Locked([&](MemoryFileSystem& files) {
      files.Heal();
      if (end == 1) files.CutPower();
      if (end == 2) files.CutPower(random);
    });
    cuts += end != 0;
  }
  std::cerr << units << " units, " << cuts << " power cuts\n";
}

TEST(PowerCutTest, Always) {
  LiveAndDie(true, SeedOf(1));
}

TEST(PowerCutTest, EverySecond) {
  LiveAndDie(false, SeedOf(2));
}

}  // namespace
}  // namespace keyway::shard::persistence
