#include "proxy/execution/publish.h"

#include <algorithm>
#include <charconv>
#include <unordered_set>
#include <utility>

#include "common/resp/reply_parser.h"
#include "common/slot/slot.h"
#include "proxy/execution/encode.h"
#include "proxy/execution/error_text.h"
#include "proxy/execution/executor.h"
#include "proxy/execution/fan_out.h"

namespace keyway::proxy::execution {

// PUBLISH
// ------------------------------------------------------------------------------------------

void PublishOperation::Begin(const Request& request) {
  channel_ = request.arguments[1];
  shard_ = !request.command->spec->key_specs.empty();
  by_subscriber_ = request.subscriber;
  request_.bytes().assign(request.bytes);
  request_.Start(executor().access(), this, KeySlot(channel_),
                 {.version = request.version, .database = request.database});
}

void PublishOperation::Abandon() {
  request_.Abandon();
  if (std::exchange(awaiting_, false)) executor().audience()->Forget(this);
}

std::string PublishOperation::DeadlineError(Outcome* outcome) {
  if (!awaiting_) return request_.DeadlineError(outcome);
  return DeadlineText(net::ToString(request_.node()), executor().access().options().deadline_ms,
                      /*in_doubt=*/true, outcome);
}

void PublishOperation::Recycle() {
  delete this;
}

void PublishOperation::OnShardReply(ShardRequest&, std::string_view reply, char type,
                                    Outcome outcome) {
  Audience* audience = executor().audience();
  if (type != ':' || audience == nullptr) {
    Deliver(reply, outcome);
    return;
  }
  std::from_chars(reply.data() + 1, reply.data() + reply.size(), counted_);
  awaiting_ = by_subscriber_ && audience->Await(request_.node(), this);
  if (!awaiting_) DeliverCount();
}

void PublishOperation::OnDelivered() {
  awaiting_ = false;
  DeliverCount();
}

void PublishOperation::DeliverCount() {
  const int64_t receivers = executor().audience()->Receivers(shard_, channel_, counted_);
  Deliver(":" + std::to_string(receivers) + "\r\n", Outcome::kOk);
}

void PublishOperation::OnShardAway(ShardRequest&) {
  ReportHeldUp();
}

// PUBSUB
// ------------------------------------------------------------------------------------------

void PubsubOperation::Begin(const Request& request) {
  const topology::SlotMap* map = executor().access().map();
  std::string error;
  if (!CoversAll(map, executor().access().options(), &error)) {
    DeliverError(error, Outcome::kNoTopology);
    return;
  }
  const bool by_home =
      question_ == Question::kSubscribers || question_ == Question::kShardSubscribers;
  if (by_home && request.arguments.size() == 2) {
    Deliver("*0\r\n", Outcome::kOk);
    return;
  }
  if (by_home) {
    AskHomes(request, *map);
  } else {
    for (const topology::Shard& shard : map->shards()) {
      gather_.Add(shard.first_slot()).request.bytes().assign(request.bytes);
    }
  }
  gather_.Start(executor().access(), this, {.version = request.version, .repeatable = true});
}

void PubsubOperation::AskHomes(const Request& request, const topology::SlotMap& map) {
  std::vector<std::vector<std::string_view>> asked;  // by part
  for (std::string_view name : request.arguments.subspan(2)) {
    const Slot first = map.ShardOf(KeySlot(name))->first_slot();
    size_t part = 0;
    while (part < gather_.size() && gather_.part(part).slot != first) ++part;
    if (part == gather_.size()) {
      gather_.Add(first);
      asked.push_back({request.arguments[0], request.arguments[1]});
    }
    channels_.push_back({std::string(name), part, asked[part].size() - 2});
    asked[part].push_back(name);
  }
  for (size_t part = 0; part < asked.size(); ++part) {
    AppendRequest(asked[part], &gather_.part(part).request.bytes());
  }
}

void PubsubOperation::Abandon() {
  gather_.Abandon();
}

std::string PubsubOperation::DeadlineError(Outcome* outcome) {
  return gather_.DeadlineError(executor().access().options().deadline_ms, outcome);
}

void PubsubOperation::Recycle() {
  delete this;
}

void PubsubOperation::OnShardAway(Gather&) {
  ReportHeldUp();
}

void PubsubOperation::OnGathered(Gather&) {
  if (const Gather::Part* failure = gather_.FirstFailure()) {
    Deliver(failure->reply, failure->outcome);
    return;
  }
  OutputBuffer merged;
  resp::ReplyWriter reply(merged, version());
  bool whole = false;
  switch (question_) {
    case Question::kNames:
      whole = MergeNames(reply);
      break;
    case Question::kSubscribers:
    case Question::kShardSubscribers:
      whole = MergeSubscribers(reply);
      break;
    case Question::kPatterns:
      whole = MergePatterns(reply);
      break;
  }
  if (whole) {
    Deliver(std::move(merged), Outcome::kOk);
  } else {
    DeliverError(ProxyErrorText("a shard's answer to PUBSUB makes no sense"), Outcome::kError);
  }
}

bool PubsubOperation::MergeNames(resp::ReplyWriter& reply) {
  std::unordered_set<std::string_view> seen;
  std::vector<std::string_view> names;
  for (size_t i = 0; i < gather_.size(); ++i) {
    const auto value = resp::ParseReplyTree(gather_.part(i).reply);
    if (!value.ok()) return false;
    for (const resp::ReplyValue& name : value->elements) {
      if (seen.insert(name.text).second) names.push_back(name.text);
    }
  }
  reply.ArrayHeader(names.size());
  for (std::string_view name : names) reply.Bulk(name);
  return true;
}

bool PubsubOperation::MergeSubscribers(resp::ReplyWriter& reply) {
  const bool shard = question_ == Question::kShardSubscribers;
  std::vector<resp::ReplyValue> parts;
  for (size_t i = 0; i < gather_.size(); ++i) {
    auto value = resp::ParseReplyTree(gather_.part(i).reply);
    if (!value.ok()) return false;
    parts.push_back(std::move(*value));
  }
  reply.ArrayHeader(channels_.size() * 2);
  for (const Channel& channel : channels_) {
    const auto& elements = parts[channel.part].elements;
    if (elements.size() < channel.place * 2 + 2) return false;
    const int64_t counted = elements[channel.place * 2 + 1].integer;
    const Audience* audience = executor().audience();
    reply.Bulk(channel.name);
    reply.Integer(audience == nullptr ? counted
                                      : audience->Subscribers(shard, channel.name, counted));
  }
  return true;
}

bool PubsubOperation::MergePatterns(resp::ReplyWriter& reply) {
  int64_t most = 0;
  for (size_t i = 0; i < gather_.size(); ++i) {
    const auto value = resp::ParseReplyTree(gather_.part(i).reply);
    if (!value.ok()) return false;
    most = std::max(most, value->integer);
  }
  reply.Integer(most);
  return true;
}

}  // namespace keyway::proxy::execution
