// Where the time of loading and saving goes, without a server around it, for a profiler:
// rdb_speed FILE [ROUNDS]. Reads the RDB file into a keyspace and writes it to nowhere, so many
// times, and prints the CPU seconds of both.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "shard/keyspace/keyspace.h"
#include "shard/persistence/files/file_system.h"
#include "shard/persistence/rdb/crc64.h"
#include "shard/persistence/rdb/file_reader.h"
#include "shard/persistence/rdb/file_writer.h"

namespace {

using keyway::Error;
using keyway::Status;
using keyway::shard::keyspace::Database;
using keyway::shard::keyspace::Keyspace;
using keyway::shard::keyspace::Record;
using keyway::shard::persistence::File;
using keyway::shard::persistence::FileResult;
using keyway::shard::persistence::FileStatus;
using keyway::shard::persistence::FileSystem;
namespace keyspace = keyway::shard::keyspace;
namespace rdb = keyway::shard::rdb;

constexpr size_t kMaxBytes = size_t{1} << 32;

class Nowhere final : public File {
 public:
  FileResult<size_t> Read(char*, size_t) override { return size_t{0}; }
  FileResult<size_t> Write(std::string_view bytes) override { return bytes.size(); }
  FileStatus Sync() override { return {}; }
  FileStatus Truncate(uint64_t) override { return {}; }
  FileResult<uint64_t> Size() override { return uint64_t{0}; }
};

class Loader final : public rdb::FileVisitor {
 public:
  explicit Loader(Keyspace& keyspace) : keyspace_(keyspace) {}

  Status Library(std::string_view) override { return {}; }
  Status Database(uint64_t index) override {
    database_ = static_cast<int>(index);
    return {};
  }
  void Resize(uint64_t keys, uint64_t) override { keyspace_.database(database_).Expect(keys); }
  void NextKey(std::string_view key) override {
    next_.emplace(key);
    keyspace_.database(database_).Prefetch(*next_);
  }
  Status Key(rdb::KeyEntry entry) override {
    if (!keyspace_.database(database_).Load(*next_, std::move(entry.value), entry.expiry_ms, 0)) {
      return Error{"there is a key twice"};
    }
    return {};
  }

 private:
  Keyspace& keyspace_;
  int database_ = 0;
  std::optional<keyspace::Key> next_;
};

void Save(Keyspace& keyspace) {
  Nowhere file;
  rdb::FileWriter writer(file, {});
  for (int i = 0; i < keyspace.database_count(); ++i) {
    const Database& database = keyspace.database(i);
    if (database.size() == 0) continue;
    writer.Database(i, database.size(), database.expires());
    database.ForEach([&](const Record& record) { writer.Key(record, {}); });
  }
  if (!writer.Finish().ok()) std::abort();
}

double CpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 1;
  const auto bytes =
      keyway::shard::persistence::ReadWhole(FileSystem::Real(), argv[1], kMaxBytes);
  if (!bytes.ok()) return 1;
  const double before = CpuSeconds();
  const uint64_t checksum = rdb::Crc64(0, *bytes);
  std::printf("checksum %.3f s (%llx)\n", CpuSeconds() - before,
              static_cast<unsigned long long>(checksum));
  for (int round = argc > 2 ? std::atoi(argv[2]) : 1; round > 0; --round) {
    keyway::Random random(1);
    Keyspace keyspace(16, keyway::SystemClock::Instance(), random);
    Loader loader(keyspace);
    const double start = CpuSeconds();
    if (!rdb::ReadFile(*bytes, {}, loader).ok()) return 1;
    const double loaded = CpuSeconds();
    Save(keyspace);
    std::printf("load %.3f s, save %.3f s\n", loaded - start, CpuSeconds() - loaded);
    std::fflush(stdout);
  }
  return 0;
}
