#include "shard/replication/dataset_pipe.h"

#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

namespace keyway::shard::replication {
namespace {

// The child's part is played by a thread, which needs a descriptor of its own: Start closes the pipe's.
class DatasetPipeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = DatasetPipe::Make(loop_);
    ASSERT_TRUE(made.ok()) << made.error().message;
    pipe_ = std::move(made).value();
  }

  void WriteInThread(std::string bytes) {
    const int descriptor = dup(pipe_->write_end());
    writer_ = std::jthread([descriptor, bytes = std::move(bytes)] {
      std::string_view left = bytes;
      while (!left.empty()) {
        const ssize_t written = write(descriptor, left.data(), left.size());
        if (written <= 0) break;
        left.remove_prefix(static_cast<size_t>(written));
      }
      close(descriptor);
    });
  }

  void Start() {
    pipe_->Start(
        [this](std::string_view bytes) {
          received_ += bytes;
          if (pause_) pipe_->Pause();
        },
        [this](const char* error) { end_ = error == nullptr ? "" : error; });
  }

  net::EventLoop loop_;
  std::unique_ptr<DatasetPipe> pipe_;
  std::jthread writer_;
  std::string received_;
  std::optional<std::string> end_;
  bool pause_ = false;
};

TEST_F(DatasetPipeTest, AllArrivesAndTheEndIsTold) {
  const std::string bytes(5'000'000, 'x');
  WriteInThread(bytes);
  Start();
  while (!end_.has_value()) loop_.RunOnce(true);
  EXPECT_EQ(*end_, "");
  EXPECT_EQ(received_, bytes);
  pipe_.reset();
}

TEST_F(DatasetPipeTest, NothingIsReadWhilePaused) {
  const std::string bytes(5'000'000, 'x');
  WriteInThread(bytes);
  Start();
  pause_ = true;
  while (received_.empty()) loop_.RunOnce(true);
  const size_t before = received_.size();
  EXPECT_TRUE(pipe_->paused());
  for (int i = 0; i < 10; ++i) loop_.RunOnce();
  EXPECT_EQ(received_.size(), before);
  pause_ = false;
  pipe_->Resume();
  while (!end_.has_value()) loop_.RunOnce(true);
  EXPECT_EQ(received_.size(), bytes.size());
  pipe_.reset();
}

TEST_F(DatasetPipeTest, MayBeDestroyedByItsEnd) {
  WriteInThread("some bytes");
  int calls = 0;
  pipe_->Start(
      [&](std::string_view) { ++calls; },
      [&](const char*) {
        ++calls;
        pipe_.reset();
      });
  while (pipe_ != nullptr) loop_.RunOnce(true);
  for (int i = 0; i < 3; ++i) loop_.RunOnce();
  EXPECT_EQ(calls, 2);
}

TEST_F(DatasetPipeTest, WritesThroughAFile) {
  const auto file = pipe_->OpenForWriting();
  ASSERT_TRUE(persistence::WriteAll(*file, "the data set").ok());
  EXPECT_FALSE(file->Size().ok());
  Start();
  while (!end_.has_value()) loop_.RunOnce(true);
  EXPECT_EQ(received_, "the data set");
  pipe_.reset();
}

}  // namespace
}  // namespace keyway::shard::replication
