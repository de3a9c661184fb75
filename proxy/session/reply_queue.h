// The replies of one client, in the order of its requests, whatever the order in which they arrive.
//
// A reply whose turn it is goes straight to the client's output; one that is early waits in its
// operation. Every operation in the queue belongs to the queue, which releases it once it is
// written.
#pragma once

#include <cstddef>
#include <string_view>

#include "common/base/output_buffer.h"
#include "proxy/execution/executor.h"
#include "proxy/execution/operation.h"

namespace keyway::proxy::session {

class ReplyQueue {
 public:
  explicit ReplyQueue(execution::Executor& executor) : executor_(executor) {}
  // Cancels what is still under way.
  ~ReplyQueue() { CancelAll(); }
  ReplyQueue(const ReplyQueue&) = delete;
  ReplyQueue& operator=(const ReplyQueue&) = delete;

  // Takes ownership: `operation` is the newest request. To be started next.
  void Push(execution::Operation& operation);
  // A reply that is there already: appended to `out`, or kept until its turn.
  void PushReply(OutputBuffer&& reply, OutputBuffer& out);

  // The reply of an operation of the queue, which has ended. Appends to `out` it and those that
  // waited for it, or keeps it.
  void Answer(execution::Operation& operation, std::string_view reply, OutputBuffer& out);
  void Answer(execution::Operation& operation, OutputBuffer&& reply, OutputBuffer& out);

  // The next part of a reply that comes in parts; Answer has the last one. Appended to `out`, or kept.
  void AddPart(execution::Operation& operation, std::string_view part, OutputBuffer& out);
  // Forgets the parts that are kept. `operation` is not the front, or silent.
  void DropParts(execution::Operation& operation);
  // Those of the front, which were kept before it became that.
  void WriteParts(OutputBuffer& out);

  void CancelAll();

  // The operation whose reply is to be written next; nullptr: none.
  execution::Operation* front() const { return first_; }
  bool empty() const { return first_ == nullptr; }
  // Requests whose reply is not written yet, and the bytes of these requests.
  size_t size() const { return size_; }
  size_t request_bytes() const { return request_bytes_; }
  // Bytes of replies that wait for their turn.
  size_t held_bytes() const { return held_bytes_; }

 private:
  void Hold(execution::Operation& operation);
  void KeepPart(execution::Operation& operation, std::string_view part);
  void PopFront();
  void WriteWaiting(OutputBuffer& out);

  execution::Executor& executor_;
  execution::Operation* first_ = nullptr;
  execution::Operation* last_ = nullptr;
  size_t size_ = 0;
  size_t request_bytes_ = 0;
  size_t held_bytes_ = 0;
};

}  // namespace keyway::proxy::session
