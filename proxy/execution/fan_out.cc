#include "proxy/execution/fan_out.h"

#include <utility>

#include "proxy/execution/encode.h"
#include "proxy/execution/error_text.h"
#include "proxy/execution/executor.h"
#include "proxy/execution/merge.h"

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
  const bool split = request.plan->kind == routing::Plan::Kind::kSplit;
  if (!(split ? AddSplitParts(request) : AddPartForEachPrimary(request))) return;
  gather_.Start(executor().access(), this,
                {.version = request.version,
                 .database = request.database,
                 .repeatable = request.command->spec->is(command::kReadonly)});
}

bool FanOutOperation::AddSplitParts(const Request& request) {
  const auto arguments = request.arguments;
  const auto step = static_cast<size_t>(request.plan->key_step);
  keys_.assign(request.plan->keys.begin(), request.plan->keys.end());
  std::span<const routing::Plan::Key> rest = keys_;
  while (!rest.empty()) {
    const auto run = routing::Plan::FirstRun(rest);
    Gather::Part& part = gather_.Add(run[0].slot);
    part.first_key = static_cast<uint32_t>(keys_.size() - rest.size());
    part.key_count = static_cast<uint32_t>(run.size());
    std::string& bytes = part.request.bytes();
    AppendArrayHeader(1 + run.size() * step, &bytes);
    AppendBulk(arguments[0], &bytes);
    for (const routing::Plan::Key& key : run) {
      for (size_t i = 0; i < step; ++i) AppendBulk(arguments[key.index + i], &bytes);
    }
    rest = rest.subspan(run.size());
  }
  return true;
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
}

std::string FanOutOperation::DeadlineError(Outcome* outcome) {
  std::string node;
  const bool in_doubt = gather_.InDoubt(&node);
  const std::string cause = DeadlineCause(node, executor().access().options().deadline_ms);
  *outcome = in_doubt ? Outcome::kUncertain : Outcome::kDeadline;
  return in_doubt ? UncertainText(cause) : ProxyErrorText(cause);
}

void FanOutOperation::Recycle() {
  gather_.Reset();
  if (keys_.capacity() > kKeptKeys) keys_ = {};
  keys_.clear();
  executor().fan_outs().Return(this);
}

void FanOutOperation::OnGathered(Gather&) {
  const command::ResponsePolicy policy = command().spec->response_policy;
  if (policy != command::ResponsePolicy::kOneSucceeded) {
    if (const Gather::Part* failure = gather_.FirstFailure()) {
      Deliver(failure->reply, failure->outcome);
      return;
    }
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
