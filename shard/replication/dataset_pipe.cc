#include "shard/replication/dataset_pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <glog/logging.h>

namespace keyway::shard::replication {
namespace {

// The fewer switches between parent and child the better. What the system does not allow is not had.
constexpr int kPipeBytes = 1024 * 1024;

class PipeEnd final : public persistence::File {
 public:
  explicit PipeEnd(int descriptor) : descriptor_(descriptor) {}

  persistence::FileResult<size_t> Read(char*, size_t) override { return Refuse(EBADF); }
  persistence::FileResult<size_t> Write(std::string_view bytes) override {
    while (true) {
      const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
      if (written >= 0) return static_cast<size_t>(written);
      if (errno != EINTR) return Refuse(errno);
    }
  }
  persistence::FileStatus Sync() override { return {}; }
  persistence::FileStatus Truncate(uint64_t) override { return Refuse(ESPIPE); }
  persistence::FileResult<uint64_t> Size() override { return Refuse(ESPIPE); }

 private:
  static persistence::FileError Refuse(int code) { return {code, std::strerror(code)}; }

  const int descriptor_;
};

}  // namespace

Expected<std::unique_ptr<DatasetPipe>> DatasetPipe::Make(net::EventLoop& loop) {
  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return Error{std::strerror(errno)};
  // The child waits in its writes, the parent never.
  fcntl(ends[0], F_SETFL, fcntl(ends[0], F_GETFL) | O_NONBLOCK);
  fcntl(ends[1], F_SETPIPE_SZ, kPipeBytes);
  return std::unique_ptr<DatasetPipe>(new DatasetPipe(loop, ends[0], ends[1]));
}

DatasetPipe::DatasetPipe(net::EventLoop& loop, int read_end, int write_end)
    : loop_(loop), read_end_(read_end), write_end_(write_end) {}

DatasetPipe::~DatasetPipe() {
  if (poll_ != nullptr) {
    uv_poll_stop(poll_);
    uv_close(reinterpret_cast<uv_handle_t*>(poll_),
             [](uv_handle_t* handle) { delete reinterpret_cast<uv_poll_t*>(handle); });
  }
  close(read_end_);
  if (write_end_ >= 0) close(write_end_);
}

std::unique_ptr<persistence::File> DatasetPipe::OpenForWriting() const {
  return std::make_unique<PipeEnd>(write_end_);
}

void DatasetPipe::Start(OnBytes on_bytes, OnEnd on_end) {
  close(std::exchange(write_end_, -1));  // so that the child's is the last
  on_bytes_ = std::move(on_bytes);
  on_end_ = std::move(on_end);
  buffer_ = std::make_unique_for_overwrite<char[]>(kReadBytes);
  poll_ = new uv_poll_t;
  CHECK_EQ(uv_poll_init(loop_.raw(), poll_, read_end_), 0);
  poll_->data = this;
  Watch();
}

void DatasetPipe::Watch() {
  const int started = uv_poll_start(poll_, UV_READABLE, [](uv_poll_t* handle, int, int) {
    static_cast<net::EventLoop*>(handle->loop->data)->NowMicros();
    static_cast<DatasetPipe*>(handle->data)->Read();
  });
  CHECK_EQ(started, 0);
}

void DatasetPipe::Pause() {
  if (paused_ || poll_ == nullptr) return;
  paused_ = true;
  uv_poll_stop(poll_);
}

void DatasetPipe::Resume() {
  if (!paused_) return;
  paused_ = false;
  Watch();
}

void DatasetPipe::Read() {
  for (int i = 0; i < kReadsPerPass && !paused_; ++i) {
    const ssize_t bytes = read(read_end_, buffer_.get(), kReadBytes);
    if (bytes == 0) return End(nullptr);
    if (bytes < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) End(std::strerror(errno));
      return;
    }
    on_bytes_({buffer_.get(), static_cast<size_t>(bytes)});
  }
}

void DatasetPipe::End(const char* error) {
  uv_poll_stop(poll_);
  const OnEnd ended = std::move(on_end_);
  ended(error);
}

}  // namespace keyway::shard::replication
