#include "shard/replication/backlog.h"

#include <algorithm>
#include <cstring>

#include <glog/logging.h>

namespace keyway::shard::replication {

Backlog::Reader::Reader(Backlog& backlog, uint64_t offset) : backlog_(backlog), offset_(offset) {
  backlog_.readers_.push_back(this);
}

Backlog::Reader::~Reader() {
  std::erase(backlog_.readers_, this);
  backlog_.Trim();
}

std::string_view Backlog::Reader::Next() const {
  if (offset_ == backlog_.end_) return {};
  const uint64_t place = offset_ - backlog_.begin_;
  const size_t within = place % kBlockBytes;
  const uint64_t length = std::min<uint64_t>(behind(), kBlockBytes - within);
  return {backlog_.blocks_[place / kBlockBytes].get() + within, static_cast<size_t>(length)};
}

void Backlog::Reader::Advance(size_t bytes) {
  CHECK_LE(bytes, behind());
  const uint64_t block_before = (offset_ - backlog_.begin_) / kBlockBytes;
  offset_ += bytes;
  if ((offset_ - backlog_.begin_) / kBlockBytes != block_before) backlog_.Trim();
}

Backlog::Backlog(uint64_t next, size_t keep_bytes)
    : begin_(next), end_(next), keep_bytes_(keep_bytes) {
  CHECK_GE(next, 1u);
}

Backlog::~Backlog() {
  CHECK(readers_.empty());
}

void Backlog::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t within = (end_ - begin_) % kBlockBytes;
    if (within == 0) blocks_.push_back(std::make_unique_for_overwrite<char[]>(kBlockBytes));
    const size_t length = std::min(bytes.size(), kBlockBytes - within);
    std::memcpy(blocks_.back().get() + within, bytes.data(), length);
    bytes.remove_prefix(length);
    end_ += length;
    Trim();  // in the loop: a long append must not need as much memory again
  }
}

void Backlog::Shift(uint64_t by) {
  CHECK(readers_.empty());
  begin_ += by;
  end_ += by;
}

void Backlog::set_keep_bytes(size_t keep_bytes) {
  keep_bytes_ = keep_bytes;
  Trim();
}

std::unique_ptr<Backlog::Reader> Backlog::Read(uint64_t offset) {
  if (offset < begin_ || offset > end_) return nullptr;
  return std::unique_ptr<Reader>(new Reader(*this, offset));
}

void Backlog::Trim() {
  // As a rule there is nothing to drop, and nobody needs to be asked.
  if (end_ - begin_ < kBlockBytes || end_ - begin_ - kBlockBytes < keep_bytes_) return;
  uint64_t needed = end_ - keep_bytes_;
  for (const Reader* reader : readers_) needed = std::min(needed, reader->offset_);
  while (begin_ + kBlockBytes <= needed) {
    blocks_.pop_front();
    begin_ += kBlockBytes;
  }
}

}  // namespace keyway::shard::replication
