// Any bytes as a file of an append-only file, and as its manifest: what is sound up to the offset
// that the reader tells is read again from a file that ends there; a manifest that was taken prints
// itself. How to run: driver.cc.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "shard/persistence/aof/manifest.h"
#include "shard/persistence/aof/reader.h"
#include "tests/support/files/memory_file_system.h"

namespace {

using keyway::shard::persistence::AofManifest;
using keyway::shard::persistence::AofReader;
using keyway::shard::persistence::MemoryFileSystem;
using keyway::shard::persistence::OpenMode;

void Check(bool right) {
  if (!right) std::abort();
}

struct Reading {
  size_t commands = 0;
  uint64_t offset = 0;
  AofReader::Outcome outcome = AofReader::Outcome::kCommand;
};

Reading Read(std::string_view text) {
  MemoryFileSystem files;
  files.Put("file", text);
  const auto file = files.Open("file", OpenMode::kRead);
  AofReader reader(**file);
  Reading reading;
  while ((reading.outcome = reader.Next()) == AofReader::Outcome::kCommand) {
    ++reading.commands;
    Check(!reader.args().empty());
    size_t bytes = 0;
    for (const std::string_view arg : reader.args()) bytes += arg.size();
    Check(bytes <= text.size() && reader.offset() <= text.size());
  }
  reading.offset = reader.offset();
  return reading;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Reading all = Read(text);
  const Reading sound = Read(text.substr(0, all.offset));
  Check(sound.outcome == AofReader::Outcome::kEnd);
  Check(sound.commands == all.commands && sound.offset == all.offset);

  const auto manifest = AofManifest::Parse(text);
  if (!manifest.ok()) return 0;
  const std::string printed = manifest->Print();
  if (printed.empty()) return 0;  // nothing but comments
  const auto again = AofManifest::Parse(printed);
  // A name may be longer in quotes than a line can be.
  if (again.ok()) Check(again->Print() == printed);
  return 0;
}
