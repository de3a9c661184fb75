// Redis's intset: a sorted array of distinct integers of 2, 4 or 8 bytes each, the smallest width
// that holds them all. The bytes are Redis's own, because RDB files and DUMP payloads carry them:
//
//   bytes of one integer (4, little endian) | number of integers (4) | integers, ascending
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace keyway::shard::types {

class IntsetView {
 public:
  static constexpr size_t kHeaderBytes = 8;

  // `block` is a valid intset that outlives the view.
  explicit IntsetView(const void* block) : block_(static_cast<const uint8_t*>(block)) {}

  size_t size() const;
  // Of the whole block.
  size_t bytes() const;
  std::string_view block() const { return {reinterpret_cast<const char*>(block_), bytes()}; }
  bool Contains(int64_t integer) const;
  // `index` below size(); ascending.
  int64_t At(size_t index) const;

  // Whether `block` is an intset: width, length, order. Any bytes will do. An empty one is valid.
  static bool IsValid(std::string_view block);

 protected:
  const uint8_t* block_;
};

class Intset : public IntsetView {
 public:
  Intset();
  // Takes what Release gave.
  static Intset Adopt(void* block);
  // A copy of `block`, which IsValid.
  static Intset Copy(std::string_view block);
  Intset(Intset&& other) noexcept;
  Intset& operator=(Intset&& other) noexcept;
  ~Intset();
  // The block belongs to the caller, to be given to Adopt or FreeBlock. Never nullptr.
  void* Release();
  static void FreeBlock(void* block);
  static size_t AllocatedBytes(const void* block);

  Intset Duplicate() const { return Copy(block()); }

  // Whether it was added, was removed.
  bool Add(int64_t integer);
  bool Remove(int64_t integer);

 private:
  struct AdoptBlock {};
  Intset(AdoptBlock, void* block) : IntsetView(block) {}
};

}  // namespace keyway::shard::types
