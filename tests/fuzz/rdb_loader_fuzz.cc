// Any bytes as the RDB file that a server starts with: they are loaded, up to where they make
// sense; what was loaded is written, and the new file loads whole and is the same data set. How to
// run: driver.cc.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "shard/persistence/loading/dataset_loader.h"
#include "shard/persistence/snapshot/dataset_writer.h"
#include "tests/fuzz/dataset_rig.h"
#include "tests/support/files/memory_file_system.h"

namespace {

using keyway::shard::DatasetRig;
using keyway::shard::persistence::LoadDataset;
using keyway::shard::persistence::MemoryFileSystem;
using keyway::shard::persistence::OpenMode;
using keyway::shard::persistence::WriteDataset;

void Check(bool right) {
  if (!right) std::abort();
}

void UseSmallLimits(keyway::shard::ShardConfig& config) {
  config.hash_max_listpack_entries = 1;
  config.zset_max_listpack_entries = 1;
  config.set_max_intset_entries = 1;
  config.list_max_listpack_size = 1;
}

void Try(std::string_view bytes, bool small_limits) {
  DatasetRig first;
  if (small_limits) UseSmallLimits(first.config);
  const auto loaded =
      LoadDataset(bytes, first.services, first.status, {.keep_expired = true, .progress = {}});
  Check(loaded.ok() ? loaded->bytes <= bytes.size() : loaded.error().offset <= bytes.size());

  MemoryFileSystem files;
  const auto file = files.Open("file", OpenMode::kCreate);
  Check(WriteDataset(**file, first.services, {}).ok());
  const std::string written = *files.Contents("file");
  DatasetRig second;
  second.config.rdbchecksum = true;
  // Or a score of -0 would lose its sign on the way into another encoding, as it does in Redis.
  if (small_limits) UseSmallLimits(second.config);
  const auto again = LoadDataset(written, second.services, second.status,
                                 {.keep_expired = true, .progress = {}});
  Check(again.ok() && again->bytes == written.size());
  Check(second.Digest() == first.Digest());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Try(bytes, false);
  Try(bytes, true);
  return 0;
}
