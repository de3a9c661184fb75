#include "shard/types/encodings/intset.h"

#include <malloc.h>

#include <bit>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <utility>

#include <glog/logging.h>

namespace keyway::shard::types {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr size_t kLengthOffset = 4;

template <typename Integer>
Integer Load(const uint8_t* from) {
  Integer integer;
  std::memcpy(&integer, from, sizeof(integer));
  return integer;
}

uint32_t WidthOf(const uint8_t* block) {
  return Load<uint32_t>(block);
}

uint32_t LengthOf(const uint8_t* block) {
  return Load<uint32_t>(block + kLengthOffset);
}

void SetHeader(uint8_t* block, uint32_t width, size_t length) {
  const auto count = static_cast<uint32_t>(length);
  std::memcpy(block, &width, sizeof(width));
  std::memcpy(block + kLengthOffset, &count, sizeof(count));
}

uint32_t WidthFor(int64_t integer) {
  if (integer == static_cast<int16_t>(integer)) return sizeof(int16_t);
  if (integer == static_cast<int32_t>(integer)) return sizeof(int32_t);
  return sizeof(int64_t);
}

// Calls `function` with a zero of the type of that width.
template <typename Function>
decltype(auto) WithWidth(uint32_t width, Function&& function) {
  switch (width) {
    case sizeof(int16_t):
      return function(int16_t{0});
    case sizeof(int32_t):
      return function(int32_t{0});
    default:
      return function(int64_t{0});
  }
}

int64_t LoadAt(const uint8_t* block, uint32_t width, size_t index) {
  return WithWidth(width, [&](auto zero) -> int64_t {
    return Load<decltype(zero)>(block + IntsetView::kHeaderBytes + index * sizeof(zero));
  });
}

void StoreAt(uint8_t* block, uint32_t width, size_t index, int64_t integer) {
  WithWidth(width, [&](auto zero) {
    zero = static_cast<decltype(zero)>(integer);
    std::memcpy(block + IntsetView::kHeaderBytes + index * sizeof(zero), &zero, sizeof(zero));
  });
}

struct Place {
  size_t index = 0;  // of the integer, or where it would be
  bool found = false;
};

// `integer` fits in the width.
Place Search(const uint8_t* block, int64_t integer) {
  return WithWidth(WidthOf(block), [&](auto zero) -> Place {
    using Integer = decltype(zero);
    const uint8_t* integers = block + IntsetView::kHeaderBytes;
    const auto wanted = static_cast<Integer>(integer);
    size_t low = 0;
    size_t high = LengthOf(block);
    // Integers often come in ascending order.
    if (high != 0 && Load<Integer>(integers + (high - 1) * sizeof(Integer)) < wanted) {
      return {.index = high};
    }
    while (low < high) {
      const size_t middle = low + (high - low) / 2;
      if (Load<Integer>(integers + middle * sizeof(Integer)) < wanted) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    const bool found =
        low < LengthOf(block) && Load<Integer>(integers + low * sizeof(Integer)) == wanted;
    return {.index = low, .found = found};
  });
}

// Gives the block room for `length` integers of `width` bytes; what is in it stays.
uint8_t* Resize(const uint8_t* block, uint32_t width, size_t length) {
  void* moved =
      std::realloc(const_cast<uint8_t*>(block), IntsetView::kHeaderBytes + width * length);
  CHECK(moved != nullptr);
  return static_cast<uint8_t*>(moved);
}

}  // namespace

size_t IntsetView::size() const {
  return LengthOf(block_);
}

size_t IntsetView::bytes() const {
  return kHeaderBytes + size_t{WidthOf(block_)} * LengthOf(block_);
}

bool IntsetView::Contains(int64_t integer) const {
  return WidthFor(integer) <= WidthOf(block_) && Search(block_, integer).found;
}

int64_t IntsetView::At(size_t index) const {
  return LoadAt(block_, WidthOf(block_), index);
}

bool IntsetView::IsValid(std::string_view block) {
  if (block.size() < kHeaderBytes) return false;
  const auto* bytes = reinterpret_cast<const uint8_t*>(block.data());
  const uint32_t width = WidthOf(bytes);
  if (width != sizeof(int16_t) && width != sizeof(int32_t) && width != sizeof(int64_t))
    return false;
  const size_t length = LengthOf(bytes);
  if (block.size() != kHeaderBytes + length * width) return false;
  for (size_t i = 1; i < length; ++i) {
    if (LoadAt(bytes, width, i - 1) >= LoadAt(bytes, width, i)) return false;
  }
  return true;
}

Intset::Intset() : IntsetView(Resize(nullptr, sizeof(int16_t), 0)) {
  SetHeader(const_cast<uint8_t*>(block_), sizeof(int16_t), 0);
}

Intset Intset::Adopt(void* block) {
  return Intset(AdoptBlock{}, block);
}

Intset Intset::Copy(std::string_view block) {
  void* copy = std::malloc(block.size());
  CHECK(copy != nullptr);
  std::memcpy(copy, block.data(), block.size());
  return Intset(AdoptBlock{}, copy);
}

Intset::Intset(Intset&& other) noexcept : IntsetView(std::exchange(other.block_, nullptr)) {}

Intset& Intset::operator=(Intset&& other) noexcept {
  if (this == &other) return *this;
  FreeBlock(const_cast<uint8_t*>(block_));
  block_ = std::exchange(other.block_, nullptr);
  return *this;
}

Intset::~Intset() {
  FreeBlock(const_cast<uint8_t*>(block_));
}

void* Intset::Release() {
  return const_cast<uint8_t*>(std::exchange(block_, nullptr));
}

void Intset::FreeBlock(void* block) {
  std::free(block);
}

size_t Intset::AllocatedBytes(const void* block) {
  return malloc_usable_size(const_cast<void*>(block));
}

bool Intset::Add(int64_t integer) {
  const uint32_t width = WidthOf(block_);
  const size_t length = size();
  CHECK_LT(length, size_t{std::numeric_limits<uint32_t>::max()});
  const uint32_t needed = WidthFor(integer);
  if (needed > width) {
    // Outside of the range of all others: it comes first or last.
    uint8_t* block = Resize(block_, needed, length + 1);
    const size_t shift = integer < 0 ? 1 : 0;
    for (size_t i = length; i-- > 0;) StoreAt(block, needed, i + shift, LoadAt(block, width, i));
    StoreAt(block, needed, integer < 0 ? 0 : length, integer);
    SetHeader(block, needed, length + 1);
    block_ = block;
    return true;
  }
  const Place place = Search(block_, integer);
  if (place.found) return false;
  uint8_t* block = Resize(block_, width, length + 1);
  uint8_t* at = block + kHeaderBytes + place.index * width;
  std::memmove(at + width, at, (length - place.index) * width);
  StoreAt(block, width, place.index, integer);
  SetHeader(block, width, length + 1);
  block_ = block;
  return true;
}

bool Intset::Remove(int64_t integer) {
  const uint32_t width = WidthOf(block_);
  if (WidthFor(integer) > width) return false;
  const Place place = Search(block_, integer);
  if (!place.found) return false;
  const size_t length = size();
  auto* block = const_cast<uint8_t*>(block_);
  uint8_t* at = block + kHeaderBytes + place.index * width;
  std::memmove(at, at + width, (length - place.index - 1) * width);
  SetHeader(block, width, length - 1);
  block_ = Resize(block, width, length - 1);
  return true;
}

}  // namespace keyway::shard::types
