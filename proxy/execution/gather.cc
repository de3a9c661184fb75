#include "proxy/execution/gather.h"

#include <algorithm>

#include "common/net/address.h"
#include "proxy/execution/error_text.h"

namespace keyway::proxy::execution {
namespace {

constexpr size_t kKeptParts = 64;
constexpr size_t kKeptBytes = 1024;

void Empty(std::string* text) {
  if (text->capacity() > kKeptBytes) {
    *text = std::string();
  } else {
    text->clear();
  }
}

}  // namespace

Gather::Part& Gather::Add(Slot slot) {
  if (used_ == parts_.size()) parts_.push_back(std::make_unique<Part>());
  Part& part = *parts_[used_];
  part.request.tag = static_cast<uint32_t>(used_++);
  part.slot = slot;
  return part;
}

void Gather::Start(ShardAccess& access, Owner* owner, const ShardRequest::Terms& terms) {
  owner_ = owner;
  only_reads_ = terms.only_reads();
  // One more than there are parts, so that parts that end at once do not report before the last one
  // is sent.
  outstanding_ = used_ + 1;
  for (size_t i = 0; i < used_; ++i) {
    Part& part = *parts_[i];
    if (part.node.port != 0) {
      part.request.StartAt(access, this, part.node, terms);
    } else {
      part.request.Start(access, this, part.slot, terms);
    }
  }
  CountDown();
}

void Gather::Abandon() {
  for (size_t i = 0; i < used_; ++i) parts_[i]->request.Abandon();
}

void Gather::Reset() {
  Abandon();
  if (parts_.size() > kKeptParts) parts_.resize(kKeptParts);
  for (size_t i = 0; i < std::min(used_, parts_.size()); ++i) {
    Part& part = *parts_[i];
    Empty(&part.request.bytes());
    Empty(&part.reply);
    part.node = {};
    part.type = 0;
    part.outcome = Outcome::kOk;
    part.key_count = part.belongs_to = 0;
  }
  used_ = 0;
  byte_limit_ = SIZE_MAX;
  bytes_ = 0;
}

const Gather::Part* Gather::FirstFailure() const {
  for (size_t i = 0; i < used_; ++i) {
    if (parts_[i]->failed()) return parts_[i].get();
  }
  return nullptr;
}

bool Gather::InDoubt(std::string* node) const {
  bool in_doubt = false;
  for (size_t i = 0; i < used_; ++i) {
    const Part& part = *parts_[i];
    const bool replied = part.type != 0;
    if (!replied && (node->empty() || part.request.in_doubt())) {
      *node = net::ToString(part.request.node());
    }
    in_doubt = in_doubt || (replied && !only_reads_) || part.request.in_doubt();
  }
  return in_doubt;
}

std::string Gather::DeadlineError(int deadline_ms, Outcome* outcome) const {
  std::string node;
  if (InDoubt(&node)) return DeadlineText(node, deadline_ms, /*in_doubt=*/true, outcome);
  const auto end = parts_.begin() + static_cast<std::ptrdiff_t>(used_);
  const auto missing = std::find_if(parts_.begin(), end, [](const auto& part) { return part->type == 0; });
  if (missing == end) return DeadlineText(node, deadline_ms, /*in_doubt=*/false, outcome);
  return (*missing)->request.DeadlineError(outcome);
}

void Gather::OnShardReply(ShardRequest& request, std::string_view reply, char type,
                          Outcome outcome) {
  Part& part = *parts_[request.tag];
  bytes_ += reply.size();
  if (!overflowed() || type == '-') part.reply.assign(reply);
  part.type = type;
  part.outcome = outcome;
  CountDown();
}

void Gather::OnShardAway(ShardRequest&) {
  owner_->OnShardAway(*this);
}

void Gather::CountDown() {
  if (--outstanding_ == 0) owner_->OnGathered(*this);
}

}  // namespace keyway::proxy::execution
