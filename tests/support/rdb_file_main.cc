// Reads an RDB file into a keyspace and writes another from there, for comparison with
// redis-server: rdb_file FROM TO. Ends with code 1 and a line on stderr when it cannot.
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "shard/keyspace/keyspace.h"
#include "shard/persistence/files/file_system.h"
#include "shard/persistence/rdb/file_reader.h"
#include "shard/persistence/rdb/file_writer.h"

namespace {

using keyway::Error;
using keyway::Status;
using keyway::shard::keyspace::Database;
using keyway::shard::keyspace::Event;
using keyway::shard::keyspace::Keyspace;
using keyway::shard::keyspace::Record;
using keyway::shard::persistence::FileSystem;
using keyway::shard::persistence::OpenMode;
namespace rdb = keyway::shard::rdb;

constexpr int kDatabases = 16;
constexpr size_t kMaxBytes = size_t{1} << 30;
constexpr int64_t kLongAgo = 0;  // no key has expired

class Loader final : public rdb::FileVisitor {
 public:
  explicit Loader(Keyspace& keyspace) : keyspace_(keyspace) {}

  void Aux(std::string_view name, std::string_view value) override {
    aux.emplace_back(name, value);
  }
  Status Library(std::string_view code) override {
    libraries.emplace_back(code);
    return {};
  }
  Status Database(uint64_t index) override {
    if (index >= kDatabases) return Error{"there is no such database"};
    database_ = static_cast<int>(index);
    return {};
  }
  Status Key(rdb::KeyEntry entry) override {
    keyspace_.database(database_).Set(keyway::shard::keyspace::Key(entry.key),
                                      std::move(entry.value), entry.expiry_ms, kLongAgo,
                                      Event::kRestore);
    return {};
  }

  std::vector<std::pair<std::string, std::string>> aux;
  std::vector<std::string> libraries;

 private:
  Keyspace& keyspace_;
  int database_ = 0;
};

void WriteDatabase(const Database& database, rdb::FileWriter& writer) {
  if (database.size() == 0) return;
  writer.Database(database.index(), database.size(), database.expires());
  constexpr size_t kStep = 1000;
  std::vector<const Record*> records;
  Database::Cursor cursor = 0;
  do {
    records.clear();
    cursor = database.Scan(cursor, kStep, &records);
    for (const Record* record : records) writer.Key(*record, {});
  } while (cursor != 0);
}

int Fail(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return Fail("usage: rdb_file FROM TO");
  FileSystem& files = FileSystem::Real();
  const auto bytes = ReadWhole(files, argv[1], kMaxBytes);
  if (!bytes.ok()) return Fail(bytes.error().message);
  keyway::Random random(1);
  Keyspace keyspace(kDatabases, keyway::SystemClock::Instance(), random);
  Loader loader(keyspace);
  const auto read = rdb::ReadFile(*bytes, {}, loader);
  if (!read.ok()) {
    return Fail("at offset " + std::to_string(read.error().offset) + ": " + read.error().message);
  }
  if (*read != bytes->size()) return Fail("there is more behind the end");

  auto file = files.Open(argv[2], OpenMode::kCreate);
  if (!file.ok()) return Fail(file.error().message);
  rdb::FileWriter writer(**file, {});
  for (const auto& [name, value] : loader.aux) writer.Aux(name, value);
  for (const std::string& code : loader.libraries) writer.Library(code);
  for (int i = 0; i < kDatabases; ++i) WriteDatabase(keyspace.database(i), writer);
  const auto finished = writer.Finish();
  return finished.ok() ? 0 : Fail(finished.error().message);
}
