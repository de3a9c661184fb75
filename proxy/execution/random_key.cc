#include "proxy/execution/random_key.h"

#include <charconv>

#include "proxy/execution/encode.h"
#include "proxy/execution/error_text.h"
#include "proxy/execution/executor.h"

namespace keyway::proxy::execution {
namespace {

constexpr std::string_view kSizeRequest = "*1\r\n$6\r\nDBSIZE\r\n";

}  // namespace

void RandomKeyOperation::Begin(const Request& request) {
  const topology::SlotMap* map = executor().access().map();
  std::string error;
  if (!CoversAll(map, executor().access().options(), &error)) {
    DeliverError(error, Outcome::kNoTopology);
    return;
  }
  request_.bytes().assign(request.bytes);
  terms_ = {.version = request.version, .database = request.database, .repeatable = true};
  for (const topology::Shard& shard : map->shards()) {
    sizes_.Add(shard.first_slot()).request.bytes().assign(kSizeRequest);
  }
  sizes_.Start(executor().access(), this, terms_);
}

void RandomKeyOperation::Abandon() {
  sizes_.Abandon();
  request_.Abandon();
}

std::string RandomKeyOperation::DeadlineError(Outcome* outcome) {
  if (asked_) return request_.DeadlineError(outcome);
  return sizes_.DeadlineError(executor().access().options().deadline_ms, outcome);
}

void RandomKeyOperation::Recycle() {
  delete this;
}

void RandomKeyOperation::OnGathered(Gather&) {
  if (const Gather::Part* failure = sizes_.FirstFailure()) {
    Deliver(failure->reply, failure->outcome);
    return;
  }
  for (size_t i = 0; i < sizes_.size(); ++i) {
    const Gather::Part& part = sizes_.part(i);
    uint64_t keys = 0;
    std::from_chars(part.reply.data() + 1, part.reply.data() + part.reply.size(), keys);
    if (keys > 0) candidates_.push_back({part.slot, keys});
  }
  if (AskOne()) return;
  OutputBuffer nothing;
  resp::ReplyWriter(nothing, version()).Null();
  Deliver(std::move(nothing), Outcome::kOk);
}

bool RandomKeyOperation::AskOne() {
  uint64_t total = 0;
  for (const Candidate& candidate : candidates_) total += candidate.keys;
  if (total == 0) return false;
  uint64_t draw = executor().random().Below(total);
  size_t chosen = 0;
  while (draw >= candidates_[chosen].keys) draw -= candidates_[chosen++].keys;
  const Slot slot = candidates_[chosen].slot;
  // Asked once: what says that it is empty is out of the draw.
  candidates_.erase(candidates_.begin() + static_cast<std::ptrdiff_t>(chosen));
  asked_ = true;
  request_.Start(executor().access(), this, slot, terms_);
  return true;
}

void RandomKeyOperation::OnShardReply(ShardRequest&, std::string_view reply, char type,
                                      Outcome outcome) {
  const bool is_null = type == '_' || reply == "$-1\r\n";
  if (is_null && AskOne()) return;
  Deliver(reply, outcome);
}

void RandomKeyOperation::OnShardAway(Gather&) {
  ReportHeldUp();
}
void RandomKeyOperation::OnShardAway(ShardRequest&) {
  ReportHeldUp();
}

}  // namespace keyway::proxy::execution
