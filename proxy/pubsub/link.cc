#include "proxy/pubsub/link.h"

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/execution/encode.h"
#include "proxy/pubsub/hub.h"

namespace keyway::proxy::pubsub {
namespace {

// Of one batch. What is more waits for the next one.
constexpr size_t kBatchTopics = 1000;
constexpr size_t kBatchBytes = 1024 * 1024;
constexpr int64_t kMinRetryMicros = 20'000;
constexpr int64_t kMaxRetryMicros = 1'000'000;
constexpr int kMaxDoublings = 6;

constexpr std::string_view kPing = "*1\r\n$4\r\nPING\r\n";

struct Verbs {
  std::string_view subscribe;
  std::string_view unsubscribe;
};
constexpr std::array<Verbs, kKinds> kVerbs = {{
    {"SUBSCRIBE", "UNSUBSCRIBE"},
    {"PSUBSCRIBE", "PUNSUBSCRIBE"},
    {"SSUBSCRIBE", "SUNSUBSCRIBE"},
}};

}  // namespace

Link::~Link() {
  Cancel();
}

void Link::Add(Topic& topic) {
  unused_since = 0;
  topics_.insert(&topic);
}

void Link::Remove(Topic& topic) {
  topics_.erase(&topic);
  queue_.erase(&topic);
  if (unused()) hub_.StartTicking();
}

void Link::Enqueue(Topic& topic) {
  queue_.insert(&topic);
  hub_.ScheduleFlush(*this);
}

bool Link::Await(execution::Audience::Fence* fence) {
  if (lease_ == nullptr) return false;
  fences_.push_back(fence);
  hub_.ScheduleFlush(*this);
  return true;
}

void Link::Forget(execution::Audience::Fence* fence) {
  std::erase(fences_, fence);
  std::erase(batch_fences_, fence);
}

void Link::ReleaseFences(std::vector<execution::Audience::Fence*>* fences) {
  for (execution::Audience::Fence* fence : std::exchange(*fences, {})) hub_.Release(fence);
}

// Batches
// ------------------------------------------------------------------------------------------

void Link::Flush() {
  if (pending()) return;
  text_.clear();
  if (hub_.access().loop().NowMicros() >= retry_at_) {
    WriteBatch();
  } else if (!queue_.empty()) {
    hub_.StartTicking();
  }
  if (text_.empty() && fences_.empty()) return;
  batch_fences_.swap(fences_);
  if (lease_ == nullptr) {
    lease_ = hub_.access().pool().Borrow(node_, resp::Version::kResp3, this);
  }
  const std::string_view parts[] = {text_, kPing};
  lease_->Send({.version = resp::Version::kResp3, .fenced = true}, parts, this);
}

void Link::WriteBatch() {
  std::array<std::vector<std::string_view>, kKinds> subscribe;
  std::array<std::vector<std::string_view>, kKinds> unsubscribe;
  size_t bytes = 0;
  while (!queue_.empty() && batch_.size() < kBatchTopics && bytes < kBatchBytes) {
    Topic& topic = **queue_.begin();
    queue_.erase(queue_.begin());
    Place& place = *topic.PlaceAt(this);
    const auto kind = static_cast<size_t>(topic.kind);
    if (place.wanted && place.state == Place::State::kAbsent) {
      place.state = Place::State::kAsked;
      subscribe[kind].push_back(topic.name);
    } else if (!place.wanted && place.state == Place::State::kThere) {
      place.state = Place::State::kLeaving;
      unsubscribe[kind].push_back(topic.name);
    } else {
      continue;
    }
    batch_.push_back(&topic);
    bytes += topic.name.size();
  }
  const auto write = [this](Kind kind, std::string_view verb,
                            const std::vector<std::string_view>& names) {
    // One of several slots would be refused.
    const size_t step = kind == Kind::kShardChannel ? 1 : names.size();
    for (size_t i = 0; i < names.size(); i += step) {
      execution::AppendArrayHeader(1 + step, &text_);
      execution::AppendBulk(verb, &text_);
      for (size_t j = i; j < i + step; ++j) execution::AppendBulk(names[j], &text_);
    }
  };
  for (size_t kind = 0; kind < kKinds; ++kind) {
    write(static_cast<Kind>(kind), kVerbs[kind].unsubscribe, unsubscribe[kind]);
    write(static_cast<Kind>(kind), kVerbs[kind].subscribe, subscribe[kind]);
  }
}

void Link::OnReply(std::string_view reply, char type) {
  if (!pending()) {
    EndBatch();
  } else if (type == '-' || type == '!') {
    // Why something will not be confirmed: MOVED, of a shard channel.
    const size_t end = reply.find('\r');
    last_error_ = reply.substr(1, end == std::string_view::npos ? end : end - 1);
  }
}

void Link::EndBatch() {
  bool refused = false;
  for (Topic* topic : std::exchange(batch_, {})) {
    // A slot that moved has taken some away meanwhile.
    if (!topics_.contains(topic)) continue;
    Place* place = topic->PlaceAt(this);
    refused = refused || place->state == Place::State::kAsked;
    if (place->state != Place::State::kThere) place->state = Place::State::kAbsent;
    if (place->wanted != (place->state == Place::State::kThere)) Enqueue(*topic);
    hub_.OnPlaceChanged(*topic, *this);
  }
  ReleaseFences(&batch_fences_);
  if (refused) {
    BackOff();
  } else {
    failures_ = 0;
  }
  if (!queue_.empty() || !fences_.empty()) hub_.ScheduleFlush(*this);
  if (unused()) hub_.StartTicking();
}

void Link::BackOff() {
  const int64_t delay =
      std::min(kMinRetryMicros << std::min(failures_++, kMaxDoublings), kMaxRetryMicros);
  // Many workers have lost the same node.
  retry_at_ = hub_.access().loop().NowMicros() + hub_.random().Between(delay / 2, delay);
  hub_.access().RequestRefresh();
  hub_.StartTicking();
}

// What comes from the node
// ------------------------------------------------------------------------------------------

void Link::OnPush(std::string_view push) {
  const auto message = ParsePush(push);
  if (!message) return;
  if (message->event == PushMessage::Event::kMessage) {
    hub_.Deliver(*this, *message, push);
    return;
  }
  Topic* topic = hub_.Find(message->kind, message->name);
  Place* place = topic == nullptr ? nullptr : topic->PlaceAt(this);
  if (place == nullptr) return;
  if (message->event == PushMessage::Event::kSubscribed) {
    if (place->state != Place::State::kAsked) return;
    place->state = Place::State::kThere;
    if (!place->wanted) Enqueue(*topic);
  } else {
    // Not asked for: the slot of a shard channel is served elsewhere now.
    if (place->state != Place::State::kThere) return;
    place->state = Place::State::kAbsent;
    if (place->wanted) {
      BackOff();
      Enqueue(*topic);
    }
    hub_.statistics().resubscriptions.Add(1);
  }
  hub_.OnPlaceChanged(*topic, *this);
}

void Link::OnFailure(backend::Failure, std::string_view detail) {
  OnLost(detail);
}

void Link::OnLeaseLost(std::string_view detail) {
  OnLost(detail);
}

void Link::OnLost(std::string_view detail) {
  last_error_ = detail;
  lease_.reset();
  batch_.clear();
  const std::vector<Topic*> topics(topics_.begin(), topics_.end());
  for (Topic* topic : topics) {
    Place* place = topic->PlaceAt(this);
    if (place->counted() && place->wanted) hub_.statistics().resubscriptions.Add(1);
    place->state = Place::State::kAbsent;
    if (place->wanted) Enqueue(*topic);
    hub_.OnPlaceChanged(*topic, *this);
  }
  ReleaseFences(&batch_fences_);
  ReleaseFences(&fences_);
  BackOff();
}

}  // namespace keyway::proxy::pubsub
