#include "proxy/session/reply_queue.h"

#include <utility>

#include <glog/logging.h>

namespace keyway::proxy::session {
namespace {

using execution::Operation;

// A buffer takes memory in blocks of 16 KiB; a reply that waits should not, when it is small.
constexpr size_t kSmallReplyBytes = 4096;

// Holds the place of a reply that was there before those in front of it.
class ReadyOperation final : public Operation {
 private:
  void Begin(const execution::Request&) override {}
  void Abandon() override {}
  std::string DeadlineError(execution::Outcome*) override { return {}; }
  void Recycle() override { delete this; }
};

}  // namespace

void ReplyQueue::Push(Operation& operation) {
  if (last_ == nullptr) {
    first_ = &operation;
  } else {
    last_->next_in_queue = &operation;
  }
  last_ = &operation;
  ++size_;
  request_bytes_ += operation.request_bytes;
}

void ReplyQueue::PushReply(OutputBuffer&& reply, OutputBuffer& out) {
  if (empty()) {
    out.AppendBuffer(std::move(reply));
    return;
  }
  auto* ready = new ReadyOperation;
  executor_.Adopt(ready);
  Push(*ready);
  Answer(*ready, std::move(reply), out);
}

void ReplyQueue::Answer(Operation& operation, std::string_view reply, OutputBuffer& out) {
  if (&operation != first_) {
    if (operation.parts_bytes > 0) {
      KeepPart(operation, reply);
      operation.done = true;
      return;
    }
    if (!operation.silent) operation.held_reply.assign(reply);
    Hold(operation);
    return;
  }
  if (!operation.silent) out.Append(reply);
  PopFront();
  WriteWaiting(out);
}

void ReplyQueue::Answer(Operation& operation, OutputBuffer&& reply, OutputBuffer& out) {
  if (&operation != first_) {
    if (!operation.silent && reply.size() <= kSmallReplyBytes) {
      operation.held_reply = reply.ToString();
    } else if (!operation.silent) {
      operation.held_buffer = std::move(reply);
    }
    Hold(operation);
    return;
  }
  if (!operation.silent) out.AppendBuffer(std::move(reply));
  PopFront();
  WriteWaiting(out);
}

void ReplyQueue::AddPart(Operation& operation, std::string_view part, OutputBuffer& out) {
  if (&operation != first_) {
    KeepPart(operation, part);
  } else if (!operation.silent) {
    out.Append(part);
  }
}

void ReplyQueue::KeepPart(Operation& operation, std::string_view part) {
  if (operation.silent) return;
  operation.held_buffer.Append(part);
  held_bytes_ += part.size();
}

void ReplyQueue::DropParts(Operation& operation) {
  held_bytes_ -= operation.held_buffer.size();
  operation.held_buffer.Clear();
  operation.parts_bytes = 0;
}

void ReplyQueue::WriteParts(OutputBuffer& out) {
  held_bytes_ -= first_->held_buffer.size();
  out.AppendBuffer(std::move(first_->held_buffer));
}

void ReplyQueue::Hold(Operation& operation) {
  operation.done = true;
  held_bytes_ += operation.held_reply.size() + operation.held_buffer.size();
}

void ReplyQueue::PopFront() {
  Operation& operation = *first_;
  first_ = operation.next_in_queue;
  if (first_ == nullptr) last_ = nullptr;
  --size_;
  request_bytes_ -= operation.request_bytes;
  executor_.Release(operation);
}

void ReplyQueue::WriteWaiting(OutputBuffer& out) {
  while (first_ != nullptr && first_->done) {
    held_bytes_ -= first_->held_reply.size() + first_->held_buffer.size();
    out.Append(first_->held_reply);
    out.AppendBuffer(std::move(first_->held_buffer));
    PopFront();
  }
}

void ReplyQueue::CancelAll() {
  while (first_ != nullptr) {
    executor_.Cancel(*first_);
    PopFront();
  }
  held_bytes_ = 0;
}

}  // namespace keyway::proxy::session
