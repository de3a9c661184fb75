// Any bytes as an RDB file: nothing is read beyond them, what was read is written, and reads as
// the same. The checksum is not looked at, or no change would come further. How to run: driver.cc.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "shard/keyspace/record.h"
#include "shard/persistence/rdb/file_reader.h"
#include "shard/persistence/rdb/file_writer.h"
#include "tests/support/files/memory_file_system.h"

namespace {

using keyway::Error;
using keyway::Status;
using keyway::shard::keyspace::Record;
using keyway::shard::persistence::MemoryFileSystem;
using keyway::shard::persistence::OpenMode;
namespace rdb = keyway::shard::rdb;

void Check(bool right) {
  if (!right) std::abort();
}

// Writes what it is shown.
class Copier final : public rdb::FileVisitor {
 public:
  Copier()
      : file_(std::move(files_.Open("file", OpenMode::kCreate)).value()), writer_(*file_, {}) {}

  void Aux(std::string_view name, std::string_view value) override { writer_.Aux(name, value); }
  Status Library(std::string_view code) override {
    writer_.Library(code);
    return {};
  }
  Status Database(uint64_t index) override {
    constexpr uint64_t kMost = 1000;
    if (index > kMost) return Error{"no such database"};
    database_ = static_cast<int>(index);
    return {};
  }
  void Resize(uint64_t keys, uint64_t expires) override {
    writer_.Database(database_, keys, expires);
  }
  Status Key(rdb::KeyEntry entry) override {
    Record* record = Record::New(entry.key, std::move(entry.value), entry.expiry_ms, 0);
    writer_.Key(*record, {.idle_seconds = entry.idle_seconds, .frequency = entry.frequency});
    Record::Free(record);
    return {};
  }

  std::string Finish() {
    Check(writer_.Finish().ok());
    return *files_.Contents("file");
  }

 private:
  MemoryFileSystem files_;
  std::unique_ptr<keyway::shard::persistence::File> file_;
  rdb::FileWriter writer_;
  int database_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Copier first;
  const auto read = rdb::ReadFile(bytes, {.checksum = false}, first);
  Check(read.ok() ? *read <= size : read.error().offset <= size);
  const std::string written = first.Finish();
  Copier second;
  const auto again = rdb::ReadFile(written, {}, second);
  Check(again.ok() && *again == written.size());
  return 0;
}
