// The replication stream as far as it is kept: one copy of its bytes, from which every replica is
// sent what it lacks, however far behind it is, and a replica that was away goes on where it had
// come to (partial resynchronisation, https://redis.io/docs/reference/replication).
//
// A byte has an offset, as Redis counts them: the first that was ever written has 1. Kept are at least
// the last `keep_bytes` (repl-backlog-size) that there are, and all that a reader has not passed yet:
// who lets a reader lag without bound (client-output-buffer-limit) lets the memory grow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string_view>
#include <vector>

namespace keyway::shard::replication {

class Backlog {
 public:
  // Bytes are kept in blocks; only whole blocks are dropped.
  static constexpr size_t kBlockBytes = 16 * 1024;

  // The place of one replica in the stream. Ends before the backlog does.
  class Reader {
   public:
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    // Of the next byte to send.
    uint64_t offset() const { return offset_; }
    // How many there are to send.
    uint64_t behind() const { return backlog_.end() - offset_; }
    // The next bytes, as many as lie one behind the other; empty: none. Valid until the next call of
    // any method that is not const.
    std::string_view Next() const;
    // So many of these have been taken.
    void Advance(size_t bytes);

   private:
    friend class Backlog;
    Reader(Backlog& backlog, uint64_t offset);

    Backlog& backlog_;
    uint64_t offset_;
  };

  // The next byte that is appended has the offset `next`, at least 1.
  Backlog(uint64_t next, size_t keep_bytes);
  // No reader is left.
  ~Backlog();
  Backlog(const Backlog&) = delete;
  Backlog& operator=(const Backlog&) = delete;

  void Append(std::string_view bytes);
  // All offsets grow by so much: what is kept belongs behind something. There is no reader.
  void Shift(uint64_t by);
  // repl-backlog-size was changed.
  void set_keep_bytes(size_t keep_bytes);

  // Offsets of the first byte that is kept and of the one behind the last: repl_backlog_histlen is
  // their difference, master_repl_offset is end() - 1.
  uint64_t begin() const { return begin_; }
  uint64_t end() const { return end_; }
  // Memory.
  size_t AllocatedBytes() const { return blocks_.size() * kBlockBytes; }

  // For a replica that has everything before `offset`; nullptr: it needs what is kept no longer, or
  // has more than there is.
  std::unique_ptr<Reader> Read(uint64_t offset);

 private:
  void Trim();

  std::deque<std::unique_ptr<char[]>> blocks_;  // all full but the last
  std::vector<Reader*> readers_;
  uint64_t begin_;  // of the first byte in blocks_
  uint64_t end_;
  size_t keep_bytes_;
};

}  // namespace keyway::shard::replication
