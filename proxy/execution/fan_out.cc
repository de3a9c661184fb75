#include "proxy/execution/fan_out.h"

#include <utility>

#include "proxy/execution/encode.h"
#include "proxy/execution/error_text.h"
#include "proxy/execution/executor.h"
#include "proxy/execution/merge.h"
#include "proxy/execution/redirect.h"

namespace keyway::proxy::execution {
namespace {

constexpr size_t kKeptKeys = 4096;

}  // namespace

bool CoversAll(const topology::SlotMap* map, const AccessOptions& options, std::string* error) {
  if (map == nullptr) {
    *error = NoTopologyText("none of " + options.startup_nodes + " has answered");
    return false;
  }
  if (!map->covers_all()) {
    *error = kSlotNotServed;
    return false;
  }
  return true;
}

void FanOutOperation::Begin(const Request& request) {
  const bool split = request.plan->kind != routing::Plan::Kind::kAllShards;
  if (!(split ? AddSplitParts(request) : AddPartForEachPrimary(request))) return;
  terms_ = {.version = request.version,
            .database = request.database,
            .repeatable = command::IsRepeatable(*request.command, request.arguments),
            .writes = !request.command->spec->is(command::kReadonly),
            .reports_tryagain = split,
            .scripts = request.plan->scripts,
            .read_from = request.read_from,
            .client = request.client};
  gather_.Start(executor().access(), this, terms_);
}

bool FanOutOperation::AddSplitParts(const Request& request) {
  const auto arguments = request.arguments;
  key_step_ = request.plan->key_step;
  const auto step = static_cast<size_t>(key_step_);
  keys_.assign(request.plan->keys.begin(), request.plan->keys.end());
  std::span<const routing::Plan::Key> rest = keys_;
  while (!rest.empty()) {
    const auto run = routing::Plan::FirstRun(rest);
    Gather::Part& part = gather_.Add(run[0].slot);
    part.key_count = static_cast<uint32_t>(run.size());
    rest = rest.subspan(run.size());
    std::string& bytes = part.request.bytes();
    if (run.size() == keys_.size()) {
      bytes.assign(request.bytes);
      break;
    }
    AppendArrayHeader(1 + run.size() * step, &bytes);
    AppendBulk(arguments[0], &bytes);
    for (const routing::Plan::Key& key : run) {
      for (size_t i = 0; i < step; ++i) AppendBulk(arguments[key.index + i], &bytes);
    }
  }
  return true;
}

bool FanOutOperation::AskSingly() {
  const auto step = static_cast<size_t>(key_step_);
  for (size_t i = 0; i < gather_.size(); ++i) {
    Gather::Part& part = gather_.part(i);
    if (part.key_count < 2 || !IsTryAgain(part.reply)) continue;
    // The arguments of the request are gone; the part has those that it needs.
    const std::vector<std::string_view> arguments = ArgumentsOf(part.request.bytes());
    for (size_t at = 1; at + step <= arguments.size(); at += step) {
      Gather::Part& single = singles_.Add(part.slot);
      single.belongs_to = static_cast<uint32_t>(i);
      std::string& bytes = single.request.bytes();
      AppendArrayHeader(1 + step, &bytes);
      AppendBulk(arguments[0], &bytes);
      for (size_t k = 0; k < step; ++k) AppendBulk(arguments[at + k], &bytes);
    }
  }
  if (singles_.size() == 0) return false;
  terms_.reports_tryagain = false;
  singles_.Start(executor().access(), this, terms_);
  return true;
}

void FanOutOperation::JoinSingles() {
  const command::ResponsePolicy policy = command().spec->response_policy;
  std::vector<ShardReply> replies;
  for (size_t i = 0; i < singles_.size();) {
    Gather::Part& part = gather_.part(singles_.part(i).belongs_to);
    replies.clear();
    const Gather::Part* failure = nullptr;
    for (const uint32_t whose = singles_.part(i).belongs_to;
         i < singles_.size() && singles_.part(i).belongs_to == whose; ++i) {
      const Gather::Part& single = singles_.part(i);
      if (single.failed() && failure == nullptr) failure = &single;
      replies.push_back({single.reply, single.type});
    }
    OutputBuffer joined;
    if (failure != nullptr) {
      part.reply = failure->reply;
      part.type = failure->type;
      part.outcome = failure->outcome;
    } else if (MergeReplies(policy, replies, &joined).ok()) {
      part.reply = joined.ToString();
      part.type = part.reply[0];
      part.outcome = Outcome::kOk;
    }
  }
}

bool FanOutOperation::AddPartForEachPrimary(const Request& request) {
  const topology::SlotMap* map = executor().access().map();
  std::string error;
  if (!CoversAll(map, executor().access().options(), &error)) {
    DeliverError(error, Outcome::kNoTopology);
    return false;
  }
  for (const topology::Shard& shard : map->shards()) {
    gather_.Add(shard.first_slot()).request.bytes().assign(request.bytes);
  }
  return true;
}

void FanOutOperation::Abandon() {
  gather_.Abandon();
  singles_.Abandon();
}

std::string FanOutOperation::DeadlineError(Outcome* outcome) {
  const int deadline_ms = executor().access().options().deadline_ms;
  if (singles_.size() == 0) return gather_.DeadlineError(deadline_ms, outcome);
  std::string node;
  if (!gather_.InDoubt(&node)) return singles_.DeadlineError(deadline_ms, outcome);
  singles_.InDoubt(&node);
  return DeadlineText(node, deadline_ms, /*in_doubt=*/true, outcome);
}

void FanOutOperation::Recycle() {
  gather_.Reset();
  singles_.Reset();
  if (keys_.capacity() > kKeptKeys) keys_ = {};
  keys_.clear();
  executor().fan_outs().Return(this);
}

void FanOutOperation::OnGathered(Gather& gather) {
  if (&gather == &singles_) {
    JoinSingles();
  } else if (AskSingly()) {
    return;
  }
  Answer();
}

void FanOutOperation::Answer() {
  const command::ResponsePolicy policy = command().spec->response_policy;
  if (policy != command::ResponsePolicy::kOneSucceeded) {
    if (const Gather::Part* failure = gather_.FirstFailure()) {
      Deliver(failure->reply, failure->outcome);
      return;
    }
  }
  if (gather_.size() == 1) {
    Deliver(gather_.part(0).reply, gather_.part(0).outcome);
    return;
  }
  std::vector<ShardReply> replies;
  replies.reserve(gather_.size());
  for (size_t i = 0; i < gather_.size(); ++i) {
    replies.push_back({gather_.part(i).reply, gather_.part(i).type});
  }
  OutputBuffer merged;
  const Status status = policy == command::ResponsePolicy::kNone && !keys_.empty()
                            ? MergeByKey(replies, keys_, &merged)
                            : MergeReplies(policy, replies, &merged);
  if (!status.ok()) {
    DeliverError(ProxyErrorText(status.error().message), Outcome::kError);
    return;
  }
  Deliver(std::move(merged), Outcome::kOk);
}

void FanOutOperation::OnShardAway(Gather&) {
  ReportHeldUp();
}

}  // namespace keyway::proxy::execution
