// Bytes on their way to a socket: a chain of blocks, so that appending never moves what is already
// there and one writev sends it all.
//
// Blocks of the common size come from a bounded per-thread free list, so an idle connection holds
// no memory and a busy one does not call the allocator for every reply.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace keyway {

class OutputBuffer {
 public:
  static constexpr size_t kBlockBytes = 16 * 1024;

  OutputBuffer() = default;
  OutputBuffer(OutputBuffer&& other) noexcept;
  OutputBuffer& operator=(OutputBuffer&& other) noexcept;
  OutputBuffer(const OutputBuffer&) = delete;
  OutputBuffer& operator=(const OutputBuffer&) = delete;
  ~OutputBuffer();

  // Copies `bytes` to the end.
  void Append(std::string_view bytes);
  void Append(char byte) { Append(std::string_view(&byte, 1)); }

  // Returns `bytes` of contiguous room at the end; Commit says how many of them were written. For
  // short headers that are formatted in place. `bytes` at most kBlockBytes.
  char* Reserve(size_t bytes);
  void Commit(size_t bytes);

  // Moves all of `other` to the end of this one; `other` is left empty. Copies no block that is
  // more than a few hundred bytes.
  void AppendBuffer(OutputBuffer&& other);

  // A place to be filled in later, for a length that is known only after what follows it. The place
  // stays valid until it is filled, or the bytes around it are consumed or cleared.
  struct Place {
    void* block = nullptr;
  };
  Place AppendPlace();
  // Puts `bytes` (at most 64) at `place`. Each place is filled exactly once before the buffer is sent.
  void FillPlace(Place place, std::string_view bytes);

  bool empty() const { return size_ == 0; }
  // Bytes waiting, not counting the unused room of blocks.
  size_t size() const { return size_; }
  // Bytes of memory that the chain holds.
  size_t memory() const { return memory_; }

  // Fills at most `max` vectors with the first bytes; returns how many were filled. They stay valid
  // until the next call that changes the buffer.
  int Gather(iovec* vectors, int max) const;
  // Drops the first `bytes` bytes.
  void Consume(size_t bytes);
  void Clear();
  // All bytes as one string, for tests and rare paths.
  std::string ToString() const;

 private:
  struct Block;

  static Block* NewBlock(size_t bytes);
  static void FreeBlock(Block* block);
  Block& Tail(size_t room);
  void PushBack(Block* block);
  void PopFront();

  Block* head_ = nullptr;
  Block* tail_ = nullptr;
  size_t size_ = 0;
  size_t memory_ = 0;
};

}  // namespace keyway
