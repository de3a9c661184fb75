// Redis's listpack: a sequence of strings and integers in one block of memory, which can be walked
// in both directions. The bytes are Redis's own, because RDB files and DUMP payloads carry them
// (https://github.com/antirez/listpack/blob/master/listpack.md):
//
//   total bytes (4, little endian) | number of entries (2; 65535: count them) | entries | 0xff
//   entry = encoding and data | length of these, backwards, 7 bits a byte
//
// A string that reads as a 64-bit integer is stored as one; reading it as text gives the same text.
//
// A position is the offset of an entry from the start of the block, kNone for none. A change moves
// the block, so positions in it, not pointers, are what a caller keeps; a change invalidates those
// behind it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace keyway::shard::types {

class ListpackView {
 public:
  using Position = uint32_t;
  static constexpr Position kNone = 0;
  static constexpr size_t kHeaderBytes = 6;

  // One entry: an integer, or bytes in the block.
  struct Element {
    // Room for the text of an integer.
    struct Digits {
      char text[24];
    };
    bool is_integer = false;
    int64_t integer = 0;
    std::string_view bytes;
    // The entry as text; of an integer it is written to `digits`.
    std::string_view Text(Digits& digits) const;
    bool Equals(std::string_view text) const;
  };

  // `block` is a valid listpack that outlives the view.
  explicit ListpackView(const void* block) : block_(static_cast<const uint8_t*>(block)) {}

  // The number of entries. Linear for more than 65534.
  size_t size() const;
  bool empty() const;
  // Of the whole block.
  size_t bytes() const;
  std::string_view block() const { return {reinterpret_cast<const char*>(block_), bytes()}; }

  Position First() const;
  Position Last() const;
  Position Next(Position position) const;
  Position Previous(Position position) const;
  // The entry with that number, negative ones counted from the end (-1: the last).
  Position Seek(int64_t index) const;
  Element At(Position position) const;
  // The first entry at or behind `from` that equals `text`, looking at every (skip + 1)-th.
  Position Find(Position from, std::string_view text, size_t skip = 0) const;

  // Whether `block` is a listpack that every function here can walk safely: the header, that each
  // entry and its backward length agree and lie inside, and that the count is right. Any bytes will
  // do.
  static bool IsValid(std::string_view block);

 protected:
  const uint8_t* block_;
};

// Owns its block. Copyable only by Duplicate.
class Listpack : public ListpackView {
 public:
  // The largest block; a caller that would exceed it uses another encoding (or another node).
  static constexpr size_t kMaxBytes = size_t{1} << 30;

  // Empty, with room for `capacity` bytes in all.
  explicit Listpack(size_t capacity = 0);
  // Takes what Release gave.
  static Listpack Adopt(void* block);
  // A copy of `block`, which IsValid.
  static Listpack Copy(std::string_view block);
  Listpack(Listpack&& other) noexcept;
  Listpack& operator=(Listpack&& other) noexcept;
  ~Listpack();
  // The block belongs to the caller, to be given to Adopt or FreeBlock. Never nullptr.
  void* Release();
  static void FreeBlock(void* block);
  // Of the allocation that `block` lies in.
  static size_t AllocatedBytes(const void* block);

  Listpack Duplicate() const { return Copy(block()); }

  void Append(std::string_view text);
  void Append(int64_t integer);
  void Prepend(std::string_view text);
  void Prepend(int64_t integer);
  // The new entry is at `position`, what was there comes behind it. kNone: at the end.
  void InsertBefore(Position position, std::string_view text);
  void InsertBefore(Position position, int64_t integer);
  // Returns the position of the new entry.
  Position InsertAfter(Position position, std::string_view text);
  void Replace(Position position, std::string_view text);
  void Replace(Position position, int64_t integer);
  // Removes `count` entries from `position` on (fewer when there are not that many). Returns where
  // the entry that followed them is now, kNone if there is none.
  Position Delete(Position position, size_t count = 1);
  // Removes `count` entries from number `index` (not negative) on.
  void DeleteRange(size_t index, size_t count);
  // Adds all entries of `other`.
  void AppendAll(ListpackView other);
  // Gives back room that is not used.
  void ShrinkToFit();

 private:
  struct AdoptBlock {};
  Listpack(AdoptBlock, void* block) : ListpackView(block) {}
};

}  // namespace keyway::shard::types
