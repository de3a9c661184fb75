#include "common/net/input_buffer.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace keyway::net {
namespace {

constexpr size_t kMinGrowth = 16 * 1024;
// From here on doubling would waste too much; half again is still a bounded number of copies a
// byte.
constexpr size_t kDoubleUpTo = 32 * 1024 * 1024;
// A buffer larger than this that is mostly empty is replaced by one that fits.
constexpr size_t kShrinkAbove = 64 * 1024;

}  // namespace

char* InputBuffer::Reserve(size_t bytes) {
  if (room() >= bytes) return data_ + end_;
  const size_t used = size();
  // Moving down costs at most what was consumed before, so it is paid for.
  if (used <= begin_ && capacity_ - used >= bytes) {
    std::memmove(data_, data_ + begin_, used);
    begin_ = 0;
    end_ = used;
    return data_ + end_;
  }
  size_t capacity = used + bytes;
  if (used > 0) {
    capacity =
        std::max(capacity, used + std::max(kMinGrowth, used < kDoubleUpTo ? used : used / 2));
  }
  auto* data = static_cast<char*>(std::malloc(capacity));
  if (data == nullptr) return nullptr;
  if (used > 0) std::memcpy(data, data_ + begin_, used);
  std::free(data_);
  data_ = data;
  capacity_ = capacity;
  begin_ = 0;
  end_ = used;
  return data_ + end_;
}

bool InputBuffer::Append(std::string_view bytes) {
  if (bytes.empty()) return true;
  char* room = Reserve(bytes.size());
  if (room == nullptr) return false;
  std::memcpy(room, bytes.data(), bytes.size());
  end_ += bytes.size();
  return true;
}

void InputBuffer::Consume(size_t bytes) {
  begin_ += bytes;
  const size_t used = size();
  if (used == 0) {
    Clear();
  } else if (capacity_ > kShrinkAbove && used < capacity_ / 8) {
    auto* data = static_cast<char*>(std::malloc(used));
    if (data == nullptr) return;
    std::memcpy(data, data_ + begin_, used);
    std::free(data_);
    data_ = data;
    capacity_ = used;
    begin_ = 0;
    end_ = used;
  }
}

void InputBuffer::Clear() {
  std::free(data_);
  data_ = nullptr;
  capacity_ = begin_ = end_ = 0;
}

}  // namespace keyway::net
