#include "shard/persistence/child/temporary_file.h"

#include <memory>
#include <utility>

namespace keyway::shard::persistence {
namespace {

// The last descriptor of a file that was removed.
class ClosingFile final : public keyspace::Garbage {
 public:
  explicit ClosingFile(std::unique_ptr<File> file) : Garbage(0), file_(std::move(file)) {}

 private:
  const std::unique_ptr<File> file_;
};

}  // namespace

void RemoveTemporaryFile(FileSystem& files, const std::string& path, keyspace::LazyFree& aside) {
  FileResult<std::unique_ptr<File>> file = files.Open(path, OpenMode::kRead);
  (void)files.Remove(path);  // the child may not have made it
  if (file.ok()) aside.Free(std::make_unique<ClosingFile>(std::move(*file)));
}

}  // namespace keyway::shard::persistence
