#include "shard/cluster/bus/frame_reader.h"

#include <algorithm>

namespace keyway::shard::cluster::bus {

Expected<FrameReader::Step, DropCause> FrameReader::Next(std::string_view bytes) {
  Step step;
  if (skip_ > 0) {
    step.consumed = static_cast<size_t>(std::min<uint64_t>(skip_, bytes.size()));
    skip_ -= step.consumed;
    bytes.remove_prefix(step.consumed);
    if (skip_ > 0) return step;
  }
  if (bytes.size() < kPreambleBytes) {
    // A stranger who speaks another protocol is told apart by its first bytes.
    if (bytes.substr(0, kSignature.size()) != kSignature.substr(0, bytes.size())) {
      return DropCause::kBadSignature;
    }
    return step;
  }
  const auto preamble = DecodePreamble(bytes);
  if (!preamble.ok()) return preamble.error();
  const auto type = static_cast<MessageType>(preamble->type);
  bool keep_all = preamble->type < kMessageTypes && HasKnownBody(type);
  if (keep_all && IsPublish(type)) {
    keep_all = preamble->total_bytes <= max_publish_bytes_;
  } else if (keep_all && preamble->total_bytes > max_bytes_) {
    return DropCause::kLength;
  }
  const size_t needed = keep_all ? preamble->total_bytes : kHeaderBytes;
  if (bytes.size() < needed) return step;
  step.frame = bytes.substr(0, needed);
  step.consumed += needed;
  step.complete = true;
  skip_ = preamble->total_bytes - needed;
  return step;
}

}  // namespace keyway::shard::cluster::bus
