#include "shard/persistence/files/file_system.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "tests/support/files/memory_file_system.h"

namespace keyway::shard::persistence {
namespace {

std::unique_ptr<File> Opened(FileSystem& files, const std::string& path, OpenMode mode) {
  auto file = files.Open(path, mode);
  EXPECT_TRUE(file.ok()) << path << ": " << (file.ok() ? "" : file.error().message);
  return file.ok() ? std::move(*file) : nullptr;
}

std::string Read(FileSystem& files, const std::string& path) {
  const auto text = ReadWhole(files, path, 1 << 20);
  return text.ok() ? *text : "error: " + text.error().message;
}

// What both file systems do alike; `root` is an empty directory.
void BehavesAsAFileSystem(FileSystem& files, const std::string& root) {
  const std::string path = root + "/file";
  EXPECT_EQ(files.Open(path, OpenMode::kRead).error().code, ENOENT);
  EXPECT_EQ(files.Open(root + "/none/file", OpenMode::kCreate).error().code, ENOENT);
  EXPECT_FALSE(*files.Exists(path));

  auto file = Opened(files, path, OpenMode::kCreate);
  EXPECT_TRUE(WriteAll(*file, "hello ").ok());
  EXPECT_TRUE(WriteAll(*file, "").ok());
  EXPECT_TRUE(file->BeginSync().ok());
  EXPECT_TRUE(WriteAll(*file, "world").ok());
  EXPECT_TRUE(file->BeginSync().ok());
  EXPECT_TRUE(file->Sync().ok());
  EXPECT_EQ(*file->Size(), 11u);
  EXPECT_TRUE(*files.Exists(path));
  EXPECT_EQ(Read(files, path), "hello world");
  EXPECT_EQ(ReadWhole(files, path, 10).error().code, EFBIG);
  {
    const auto view = files.Map(path);
    ASSERT_TRUE(view.ok());
    (*view)->Forget(6);
    EXPECT_EQ((*view)->bytes(), "hello world");
  }
  EXPECT_EQ(files.Map(root + "/none").error().code, ENOENT);
  EXPECT_EQ(files.Map(root).error().code, EISDIR);

  EXPECT_TRUE(file->Truncate(5).ok());
  EXPECT_TRUE(WriteAll(*file, "!").ok());
  EXPECT_EQ(Read(files, path), "hello!");
  file = Opened(files, path, OpenMode::kAppend);
  EXPECT_TRUE(WriteAll(*file, "?").ok());
  EXPECT_EQ(Read(files, path), "hello!?");
  file = Opened(files, path, OpenMode::kCreate);
  EXPECT_EQ(Read(files, path), "");
  EXPECT_EQ((*files.Map(path))->bytes(), "");

  EXPECT_TRUE(ReplaceFile(files, path, "new").ok());
  EXPECT_EQ(Read(files, path), "new");
  EXPECT_FALSE(*files.Exists(path + ".tmp"));
  EXPECT_TRUE(files.MakeDirectory(root + "/directory").ok());
  EXPECT_TRUE(files.MakeDirectory(root + "/directory").ok());
  EXPECT_FALSE(files.MakeDirectory(path).ok());
  EXPECT_TRUE(files.SyncDirectory(root).ok());
  EXPECT_TRUE(files.Rename(path, root + "/directory/other").ok());
  EXPECT_EQ(files.Rename(path, root + "/other").error().code, ENOENT);
  EXPECT_EQ(*files.List(root), (std::vector<std::string>{"directory"}));
  EXPECT_EQ(*files.List(root + "/directory"), (std::vector<std::string>{"other"}));
  EXPECT_TRUE(files.Remove(root + "/directory/other").ok());
  EXPECT_EQ(files.Remove(root + "/directory/other").error().code, ENOENT);
  EXPECT_EQ(files.List(root + "/none").error().code, ENOENT);
}

TEST(FileSystemTest, Real) {
  std::string root = testing::TempDir() + "files-XXXXXX";
  ASSERT_NE(mkdtemp(root.data()), nullptr);
  BehavesAsAFileSystem(FileSystem::Real(), root);
  std::filesystem::remove_all(root);
}

TEST(FileSystemTest, InMemory) {
  MemoryFileSystem files;
  ASSERT_TRUE(files.MakeDirectory("/root").ok());
  BehavesAsAFileSystem(files, "/root");
}

TEST(FileSystemTest, KnowsDirectories) {
  EXPECT_EQ(DirectoryOf("a/b/c"), "a/b");
  EXPECT_EQ(DirectoryOf("/a"), "/");
  EXPECT_EQ(DirectoryOf("a"), ".");
}

TEST(FileSystemTest, WritesInPieces) {
  MemoryFileSystem files;
  files.set_longest_write(3);
  auto file = Opened(files, "file", OpenMode::kCreate);
  size_t written = 0;
  EXPECT_TRUE(WriteAll(*file, "0123456789", &written).ok());
  EXPECT_EQ(written, 10u);
  EXPECT_EQ(files.count(FileOperation::kWrite), 4u);
  EXPECT_EQ(files.Contents("file"), "0123456789");
}

TEST(FileSystemTest, RunsOutOfRoom) {
  MemoryFileSystem files;
  files.set_room(4);
  auto file = Opened(files, "file", OpenMode::kCreate);
  size_t written = 0;
  EXPECT_EQ(WriteAll(*file, "0123456789", &written).error().code, ENOSPC);
  EXPECT_EQ(written, 4u);
  files.Heal();
  EXPECT_TRUE(WriteAll(*file, "456789", &written).ok());
  EXPECT_EQ(files.Contents("file"), "0123456789");
}

TEST(FileSystemTest, ForgetsWhatWasNotSynced) {
  MemoryFileSystem files;
  auto file = Opened(files, "file", OpenMode::kCreate);
  EXPECT_TRUE(WriteAll(*file, "kept").ok());
  EXPECT_TRUE(file->Sync().ok());
  EXPECT_TRUE(files.SyncDirectory(".").ok());
  EXPECT_TRUE(WriteAll(*file, " lost").ok());
  auto other = Opened(files, "other", OpenMode::kCreate);
  EXPECT_TRUE(other->Sync().ok());
  files.CutPower();
  EXPECT_EQ(files.Contents("file"), "kept");
  EXPECT_EQ(files.Contents("other"), std::nullopt);
}

// Whatever fails, and whenever the power is cut, the file is the old or the new one.
TEST(FileSystemTest, ReplacesAsAWhole) {
  for (const FileOperation operation : {FileOperation::kOpen, FileOperation::kWrite,
                                        FileOperation::kSync, FileOperation::kRename}) {
    for (int skip = 0; skip < 3; ++skip) {
      MemoryFileSystem files;
      files.Put("file", "old");
      files.set_longest_write(2);
      files.Fail(operation, EIO, skip);
      const bool replaced = ReplaceFile(files, "file", "new!!").ok();
      if (replaced) {
        EXPECT_EQ(files.Contents("file"), "new!!");
      }
      files.CutPower();
      const std::string kept = *files.Contents("file");
      EXPECT_TRUE(kept == "new!!" || (kept == "old" && !replaced)) << kept;
    }
  }
}

}  // namespace
}  // namespace keyway::shard::persistence
