// The pipe through which a child hands over a data set that is sent to replicas as it is written: the
// child's end of it, a File, and the parent's, which is read as fast as the replicas take it.
#pragma once

#include <uv.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

#include "common/base/expected.h"
#include "common/net/event_loop.h"
#include "shard/persistence/files/file_system.h"

namespace keyway::shard::replication {

class DatasetPipe {
 public:
  using OnBytes = std::function<void(std::string_view bytes)>;
  // `error`: what has gone wrong, nullptr: this was all. Nothing is called after it, and it may destroy
  // the pipe.
  using OnEnd = std::function<void(const char* error)>;

  // Makes the pipe. Error: why it could not be made.
  static Expected<std::unique_ptr<DatasetPipe>> Make(net::EventLoop& loop);
  ~DatasetPipe();
  DatasetPipe(const DatasetPipe&) = delete;
  DatasetPipe& operator=(const DatasetPipe&) = delete;

  // In the child, which keeps this descriptor.
  int write_end() const { return write_end_; }
  std::unique_ptr<persistence::File> OpenForWriting() const;

  // In the parent, after the fork: begins to read. `on_bytes` may pause.
  void Start(OnBytes on_bytes, OnEnd on_end);
  // Nothing is read until Resume: the child waits.
  void Pause();
  void Resume();
  bool paused() const { return paused_; }

 private:
  // Of one read, and how many there are in a pass of the loop.
  static constexpr size_t kReadBytes = 64 * 1024;
  static constexpr int kReadsPerPass = 8;

  DatasetPipe(net::EventLoop& loop, int read_end, int write_end);
  void Watch();
  void Read();
  void End(const char* error);

  net::EventLoop& loop_;
  int read_end_;
  int write_end_;
  uv_poll_t* poll_ = nullptr;
  bool paused_ = false;
  OnBytes on_bytes_;
  OnEnd on_end_;
  std::unique_ptr<char[]> buffer_;
};

}  // namespace keyway::shard::replication
