// Any bytes as the append-only files that a server starts with: the manifest and then the files
// file.0, file.1, ..., with "\n%%\n" between one and the next. What loads, loads the same way once
// more (a tail that was cut off is gone), and so does the base that is rewritten from it, as RDB
// and, if it came from commands, as commands. How to run: driver.cc.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "shard/persistence/aof/key_commands.h"
#include "shard/persistence/loading/loader.h"
#include "shard/persistence/snapshot/dataset_writer.h"
#include "tests/fuzz/dataset_rig.h"
#include "tests/support/files/memory_file_system.h"

namespace {

using keyway::shard::DatasetRig;
using keyway::shard::persistence::Loader;
using keyway::shard::persistence::MemoryFileSystem;
using keyway::shard::persistence::OpenMode;
using keyway::shard::persistence::WriteDataset;
using keyway::shard::persistence::WriteDatasetAsCommands;

constexpr std::string_view kBetween = "\n%%\n";

void Check(bool right) {
  if (!right) std::abort();
}

// Whether it has loaded, as at a start.
bool Load(MemoryFileSystem& files, DatasetRig& rig) {
  rig.config.appendonly = true;
  Loader loader(rig.services, files, rig.status, [] {});
  const auto manifest = loader.ReadManifest();
  return manifest.ok() && loader.LoadAtStart(*manifest).ok();
}

void Unpack(const DatasetRig& rig, std::string_view bytes, MemoryFileSystem& files) {
  const std::string& directory = rig.config.appenddirname;
  Check(files.MakeDirectory(directory).ok());
  std::string name = rig.config.appendfilename + ".manifest";
  for (size_t number = 0;; ++number) {
    const size_t end = bytes.find(kBetween);
    files.Put(directory + "/" + name, bytes.substr(0, end));
    if (end == std::string_view::npos) return;
    bytes.remove_prefix(end + kBetween.size());
    name = "file." + std::to_string(number);
  }
}

void TryRewritten(DatasetRig& rig, bool as_commands) {
  MemoryFileSystem files;
  const std::string directory = rig.config.appenddirname + "/";
  Check(files.MakeDirectory(rig.config.appenddirname).ok());
  files.Put(directory + rig.config.appendfilename + ".manifest", "file base seq 1 type b\n");
  const auto file = files.Open(directory + "base", OpenMode::kCreate);
  if (as_commands) {
    Check(WriteDatasetAsCommands(**file, rig.services, {}).ok());
  } else {
    Check(WriteDataset(**file, rig.services, {.aof_base = true, .progress = {}}).ok());
  }
  DatasetRig again;
  again.config.proto_max_bulk_len = INT64_MAX;
  Check(Load(files, again));
  Check(again.Digest() == rig.Digest());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  DatasetRig first;
  MemoryFileSystem files;
  Unpack(first, bytes, files);
  if (!Load(files, first)) return 0;
  DatasetRig second;
  Check(Load(files, second));
  Check(second.Digest() == first.Digest());
  TryRewritten(first, false);
  // The streams of a damaged RDB part may be such as no commands make.
  if (bytes.find("REDIS") == std::string_view::npos) TryRewritten(first, true);
  return 0;
}
