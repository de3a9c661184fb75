#include "common/base/output_buffer.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include <glog/logging.h>

namespace keyway {

struct OutputBuffer::Block {
  Block* next;
  size_t capacity;
  size_t begin;
  size_t end;

  char* data() { return reinterpret_cast<char*>(this + 1); }
  size_t used() const { return end - begin; }
  size_t room() const { return capacity - end; }
};

namespace {

constexpr size_t kFreeBlocks = 64;
// A block with less than this in it is copied to the tail rather than linked behind it.
constexpr size_t kCopyBytes = 512;
constexpr size_t kPlaceBytes = 64;

// The blocks of kBlockBytes that this thread has to spare, freed with the thread.
struct FreeList {
  void* blocks[kFreeBlocks];
  size_t count = 0;

  ~FreeList() {
    while (count > 0) std::free(blocks[--count]);
  }
};
thread_local FreeList free_list;

}  // namespace

OutputBuffer::Block* OutputBuffer::NewBlock(size_t bytes) {
  const size_t total = std::max(bytes + sizeof(Block), kBlockBytes);
  void* memory = nullptr;
  if (total == kBlockBytes && free_list.count > 0) {
    memory = free_list.blocks[--free_list.count];
  } else {
    memory = std::malloc(total);
    if (memory == nullptr) throw std::bad_alloc();
  }
  return new (memory) Block{nullptr, total - sizeof(Block), 0, 0};
}

void OutputBuffer::FreeBlock(Block* block) {
  if (block->capacity + sizeof(Block) == kBlockBytes && free_list.count < kFreeBlocks) {
    free_list.blocks[free_list.count++] = block;
  } else {
    std::free(block);
  }
}

OutputBuffer::OutputBuffer(OutputBuffer&& other) noexcept
    : head_(std::exchange(other.head_, nullptr)),
      tail_(std::exchange(other.tail_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      memory_(std::exchange(other.memory_, 0)) {}

OutputBuffer& OutputBuffer::operator=(OutputBuffer&& other) noexcept {
  if (this != &other) {
    Clear();
    head_ = std::exchange(other.head_, nullptr);
    tail_ = std::exchange(other.tail_, nullptr);
    size_ = std::exchange(other.size_, 0);
    memory_ = std::exchange(other.memory_, 0);
  }
  return *this;
}

OutputBuffer::~OutputBuffer() { Clear(); }

void OutputBuffer::PushBack(Block* block) {
  memory_ += block->capacity + sizeof(Block);
  if (tail_ == nullptr) {
    head_ = block;
  } else {
    tail_->next = block;
  }
  tail_ = block;
}

void OutputBuffer::PopFront() {
  Block* block = head_;
  head_ = block->next;
  if (head_ == nullptr) tail_ = nullptr;
  memory_ -= block->capacity + sizeof(Block);
  FreeBlock(block);
}

OutputBuffer::Block& OutputBuffer::Tail(size_t room) {
  if (tail_ == nullptr || tail_->room() < room) PushBack(NewBlock(room));
  return *tail_;
}

void OutputBuffer::Append(std::string_view bytes) {
  if (bytes.empty()) return;  // an empty view may have no address, which memcpy must not see
  size_ += bytes.size();
  if (tail_ != nullptr) {
    const size_t head = std::min(tail_->room(), bytes.size());
    std::memcpy(tail_->data() + tail_->end, bytes.data(), head);
    tail_->end += head;
    bytes.remove_prefix(head);
  }
  if (bytes.empty()) return;
  Block& tail = Tail(bytes.size());
  std::memcpy(tail.data() + tail.end, bytes.data(), bytes.size());
  tail.end += bytes.size();
}

char* OutputBuffer::Reserve(size_t bytes) {
  Block& tail = Tail(bytes);
  return tail.data() + tail.end;
}

void OutputBuffer::Commit(size_t bytes) {
  DCHECK(tail_ != nullptr && tail_->room() >= bytes);
  tail_->end += bytes;
  size_ += bytes;
}

void OutputBuffer::AppendBuffer(OutputBuffer&& other) {
  if (other.size_ <= kCopyBytes) {
    for (Block* block = other.head_; block != nullptr; block = block->next) {
      Append(std::string_view(block->data() + block->begin, block->used()));
    }
    other.Clear();
    return;
  }
  if (tail_ == nullptr) {
    head_ = other.head_;
  } else {
    tail_->next = other.head_;
  }
  tail_ = other.tail_;
  size_ += other.size_;
  memory_ += other.memory_;
  other.head_ = other.tail_ = nullptr;
  other.size_ = other.memory_ = 0;
}

OutputBuffer::Place OutputBuffer::AppendPlace() {
  // The place is the end of a block that is closed to further appending by the block behind it.
  Block& tail = Tail(kPlaceBytes);
  PushBack(NewBlock(1));
  return Place{&tail};
}

void OutputBuffer::FillPlace(Place place, std::string_view bytes) {
  auto* block = static_cast<Block*>(place.block);
  CHECK(bytes.size() <= kPlaceBytes && block->room() >= bytes.size());
  std::memcpy(block->data() + block->end, bytes.data(), bytes.size());
  block->end += bytes.size();
  size_ += bytes.size();
}

int OutputBuffer::Gather(iovec* vectors, int max) const {
  int count = 0;
  for (Block* block = head_; block != nullptr && count < max; block = block->next) {
    if (block->used() == 0) continue;
    vectors[count++] = iovec{block->data() + block->begin, block->used()};
  }
  return count;
}

void OutputBuffer::Consume(size_t bytes) {
  DCHECK_LE(bytes, size_);
  size_ -= bytes;
  while (head_ != nullptr) {
    const size_t step = std::min(head_->used(), bytes);
    head_->begin += step;
    bytes -= step;
    if (head_->used() > 0) return;
    if (head_ == tail_ && size_ > 0) return;
    PopFront();
  }
}

void OutputBuffer::Clear() {
  while (head_ != nullptr) PopFront();
  size_ = 0;
}

std::string OutputBuffer::ToString() const {
  std::string text;
  text.reserve(size_);
  for (Block* block = head_; block != nullptr; block = block->next) {
    text.append(block->data() + block->begin, block->used());
  }
  return text;
}

}  // namespace keyway
