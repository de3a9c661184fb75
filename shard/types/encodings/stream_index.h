// A sorted sequence of items with a StreamId each: the nodes of a stream, the pending entries of a
// consumer group.
//
// Items lie in chunks of at most kMaxChunk, so that adding at the end and removing at the start,
// what streams mostly do, cost next to nothing, any other change moves a few KB at most, and a walk
// is a walk over arrays. A change invalidates positions.
//
// `IdOf` is a function object: StreamId operator()(const T&) const. T may be movable only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "shard/types/encodings/stream_id.h"

namespace keyway::shard::types {

template <typename T, typename IdOf>
class StreamIndex {
 public:
  static constexpr size_t kMaxChunk = 128;

  struct Position {
    bool operator==(const Position&) const = default;
    size_t chunk = 0;
    size_t index = 0;
  };

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  Position Begin() const { return {}; }
  // Behind the last item; also "there is none".
  Position End() const { return {chunks_.size(), 0}; }
  Position Last() const {
    return empty() ? End() : Position{chunks_.size() - 1, chunks_.back().size() - 1};
  }
  // Of an item.
  Position Next(Position position) const {
    if (position.index + 1 < chunks_[position.chunk].size())
      return {position.chunk, position.index + 1};
    return {position.chunk + 1, 0};
  }
  // End() before the first one.
  Position Previous(Position position) const {
    if (position.index > 0) return {position.chunk, position.index - 1};
    return position.chunk == 0
               ? End()
               : Position{position.chunk - 1, chunks_[position.chunk - 1].size() - 1};
  }
  T& At(Position position) { return chunks_[position.chunk][position.index]; }
  const T& At(Position position) const { return chunks_[position.chunk][position.index]; }

  // The first item with `id` or a greater one; End() when there is none.
  Position LowerBound(StreamId id) const {
    const auto chunk =
        std::partition_point(chunks_.begin(), chunks_.end(),
                             [&](const Chunk& candidate) { return IdOf()(candidate.back()) < id; });
    if (chunk == chunks_.end()) return End();
    const auto item = std::partition_point(
        chunk->begin(), chunk->end(), [&](const T& candidate) { return IdOf()(candidate) < id; });
    return {static_cast<size_t>(chunk - chunks_.begin()),
            static_cast<size_t>(item - chunk->begin())};
  }
  // The last item with `id` or a smaller one; End() when there is none.
  Position Floor(StreamId id) const {
    const Position position = LowerBound(id);
    if (position == End()) return Last();
    return IdOf()(At(position)) == id ? position : Previous(position);
  }
  // End() when there is none.
  Position Find(StreamId id) const {
    const Position position = LowerBound(id);
    return position != End() && IdOf()(At(position)) == id ? position : End();
  }

  // False, and `item` is lost, when there is one with its id.
  bool Insert(T item) {
    const StreamId id = IdOf()(item);
    if (empty() || IdOf()(chunks_.back().back()) < id) {
      if (empty() || chunks_.back().size() == kMaxChunk) AddChunk();
      chunks_.back().push_back(std::move(item));
      ++size_;
      return true;
    }
    Position position = LowerBound(id);
    if (IdOf()(At(position)) == id) return false;
    if (chunks_[position.chunk].size() == kMaxChunk) {
      Split(position.chunk);
      if (position.index > kMaxChunk / 2)
        position = {position.chunk + 1, position.index - kMaxChunk / 2};
    }
    Chunk& chunk = chunks_[position.chunk];
    chunk.insert(At(chunk, position.index), std::move(item));
    ++size_;
    return true;
  }

  // Returns the position of the item that followed.
  Position Erase(Position position) {
    Chunk& chunk = chunks_[position.chunk];
    chunk.erase(At(chunk, position.index));
    --size_;
    if (chunk.empty()) {
      chunks_.erase(chunks_.begin() + static_cast<std::ptrdiff_t>(position.chunk));
      return {position.chunk, 0};
    }
    if (chunk.size() <= kMaxChunk / 4) position = Shrink(position);
    return position.index < chunks_[position.chunk].size() ? position
                                                           : Position{position.chunk + 1, 0};
  }

  void Clear() {
    chunks_ = {};
    size_ = 0;
  }

  // Of the chunks, without what the items point to and without sizeof(StreamIndex).
  size_t AllocatedBytes() const {
    size_t bytes = chunks_.capacity() * sizeof(Chunk);
    for (const Chunk& chunk : chunks_) bytes += chunk.capacity() * sizeof(T);
    return bytes;
  }

 private:
  using Chunk = std::vector<T>;

  static typename Chunk::iterator At(Chunk& chunk, size_t index) {
    return chunk.begin() + static_cast<std::ptrdiff_t>(index);
  }
  typename std::vector<Chunk>::iterator ChunkAt(size_t index) {
    return chunks_.begin() + static_cast<std::ptrdiff_t>(index);
  }

  void AddChunk() {
    // The second and later ones are likely to become full.
    const bool is_first = chunks_.empty();
    chunks_.emplace_back();
    if (!is_first) chunks_.back().reserve(kMaxChunk);
  }

  void Split(size_t index) {
    Chunk upper;
    upper.reserve(kMaxChunk);
    Chunk& lower = chunks_[index];
    upper.insert(upper.end(), std::make_move_iterator(At(lower, kMaxChunk / 2)),
                 std::make_move_iterator(lower.end()));
    lower.erase(At(lower, kMaxChunk / 2), lower.end());
    chunks_.insert(ChunkAt(index + 1), std::move(upper));
  }

  // The chunk has become small: joins it with a neighbour that has room, or gives back memory.
  Position Shrink(Position position) {
    if (position.chunk + 1 < chunks_.size() && Join(position.chunk)) return position;
    if (position.chunk > 0) {
      const size_t before = chunks_[position.chunk - 1].size();
      if (Join(position.chunk - 1)) return {position.chunk - 1, before + position.index};
    }
    Chunk& chunk = chunks_[position.chunk];
    if (chunk.capacity() > 4 && chunk.size() * 4 <= chunk.capacity()) {
      Chunk smaller;
      smaller.reserve(chunk.size() * 2);
      std::move(chunk.begin(), chunk.end(), std::back_inserter(smaller));
      chunk = std::move(smaller);
    }
    return position;
  }

  // The chunk behind the one at `index` moves into it, if together they are not large.
  bool Join(size_t index) {
    Chunk& lower = chunks_[index];
    Chunk& upper = chunks_[index + 1];
    if (lower.size() + upper.size() > kMaxChunk / 2) return false;
    lower.insert(lower.end(), std::make_move_iterator(upper.begin()),
                 std::make_move_iterator(upper.end()));
    chunks_.erase(ChunkAt(index + 1));
    return true;
  }

  std::vector<Chunk> chunks_;  // none is empty
  size_t size_ = 0;
};

}  // namespace keyway::shard::types
