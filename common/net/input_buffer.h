// Bytes that were received and not consumed: an incomplete request. Contiguous, because the parser
// wants one view; grows geometrically, so that a value of any size is copied a bounded number of
// times a byte; holds no memory while empty.
#pragma once

#include <cstddef>
#include <string_view>

namespace keyway::net {

class InputBuffer {
 public:
  InputBuffer() = default;
  InputBuffer(const InputBuffer&) = delete;
  InputBuffer& operator=(const InputBuffer&) = delete;
  ~InputBuffer() { Clear(); }

  // All bytes. Valid until the next call that is not const.
  std::string_view view() const { return {data_ + begin_, end_ - begin_}; }
  size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  size_t memory() const { return capacity_; }

  // Returns room for at least `bytes` bytes behind the end, or null when there is no memory for it;
  // room() says how much there is. Commit says how many of them were filled.
  char* Reserve(size_t bytes);
  size_t room() const { return capacity_ - end_; }
  void Commit(size_t bytes) { end_ += bytes; }

  // Copies `bytes` to the end. False when there is no memory.
  [[nodiscard]] bool Append(std::string_view bytes);
  // Drops the first `bytes` bytes, and memory that is far more than what is left needs.
  void Consume(size_t bytes);
  void Clear();

 private:
  char* data_ = nullptr;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace keyway::net
