#include "proxy/execution/script_commands.h"

#include <algorithm>

#include "common/resp/reply_parser.h"
#include "common/resp/reply_writer.h"
#include "proxy/execution/error_text.h"
#include "proxy/execution/executor.h"
#include "proxy/execution/fan_out.h"

namespace keyway::proxy::execution {
namespace {

// An error reply without its marker and line end.
std::string_view TextOfError(std::string_view reply) {
  const size_t end = reply.find('\r');
  return reply.substr(1, end == std::string_view::npos ? end : end - 1);
}

}  // namespace

void AllPrimariesOperation::Begin(const Request& request) {
  const topology::SlotMap* map = executor().access().map();
  std::string error;
  if (!CoversAll(map, executor().access().options(), &error)) {
    DeliverError(error, Outcome::kNoTopology);
    return;
  }
  Prepare(request);
  for (const topology::Shard& shard : map->shards()) {
    gather_.Add(shard.first_slot()).request.bytes().assign(request.bytes);
  }
  gather_.Start(executor().access(), this,
                {.version = request.version,
                 .database = request.database,
                 .repeatable = repeatable_,
                 .scripts = request.plan->scripts});
}

void AllPrimariesOperation::Abandon() {
  gather_.Abandon();
}

std::string AllPrimariesOperation::DeadlineError(Outcome* outcome) {
  return gather_.DeadlineError(executor().access().options().deadline_ms, outcome);
}

void AllPrimariesOperation::Recycle() {
  delete this;
}

void AllPrimariesOperation::OnGathered(Gather& gather) {
  Conclude(gather);
}

void AllPrimariesOperation::OnShardAway(Gather&) {
  ReportHeldUp();
}

void ScriptLoadOperation::Prepare(const Request& request) {
  text_ = request.arguments[2];
}

void ScriptLoadOperation::Conclude(Gather& gather) {
  if (const Gather::Part* failure = gather.FirstFailure()) {
    Deliver(failure->reply, failure->outcome);
    return;
  }
  if (const auto added = executor().scripts().Add(text_); added.script != nullptr) {
    added.script->compiled = true;
  }
  Deliver(gather.part(0).reply, Outcome::kOk);
}

void ScriptExistsOperation::Prepare(const Request& request) {
  // Now, as the client's next request may change it.
  for (const std::string_view sha1 : request.arguments.subspan(2)) {
    cached_.push_back(executor().scripts().Exists(sha1));
  }
}

void ScriptExistsOperation::Conclude(Gather& gather) {
  if (const Gather::Part* failure = gather.FirstFailure()) {
    Deliver(failure->reply, failure->outcome);
    return;
  }
  std::vector<bool> everywhere(cached_.size(), true);
  for (size_t i = 0; i < gather.size(); ++i) {
    const auto reply = resp::ParseReplyTree(gather.part(i).reply);
    if (!reply.ok() || reply->elements.size() != cached_.size()) {
      DeliverError(ProxyErrorText(net::ToString(gather.part(i).request.node()) +
                                  " gave an unexpected reply to SCRIPT EXISTS"),
                   Outcome::kError);
      return;
    }
    for (size_t k = 0; k < cached_.size(); ++k) {
      everywhere[k] = everywhere[k] && reply->elements[k].integer != 0;
    }
  }
  OutputBuffer out;
  resp::ReplyWriter writer(out, version());
  writer.ArrayHeader(cached_.size());
  for (size_t k = 0; k < cached_.size(); ++k) {
    writer.Integer(everywhere[k] || cached_[k] ? 1 : 0);
  }
  Deliver(std::move(out), Outcome::kOk);
}

void ScriptFlushOperation::Prepare(const Request&) {
  // An EVALSHA behind it must not be repaired from the cache.
  ReportHeldUp();
}

void ScriptFlushOperation::Conclude(Gather& gather) {
  if (const Gather::Part* failure = gather.FirstFailure()) {
    Deliver(failure->reply, failure->outcome);
    return;
  }
  executor().scripts().Clear();
  Deliver(gather.part(0).reply, Outcome::kOk);
}

void FunctionChangeOperation::Conclude(Gather& gather) {
  const Gather::Part* failure = gather.FirstFailure();
  if (failure == nullptr) {
    Deliver(gather.part(0).reply, Outcome::kOk);
    return;
  }
  size_t failed = 0;
  for (size_t i = 0; i < gather.size(); ++i) {
    if (!gather.part(i).failed()) continue;
    ++failed;
    // What is not known weighs more than what is.
    if (gather.part(i).outcome == Outcome::kUncertain) failure = &gather.part(i);
  }
  if (failed == gather.size()) {
    Deliver(failure->reply, failure->outcome);
    return;
  }
  const std::string cause = std::to_string(gather.size() - failed) + " of " +
                            std::to_string(gather.size()) + " primaries executed '" +
                            command().full_name + "', but not " +
                            net::ToString(failure->request.node()) + ": " +
                            std::string(TextOfError(failure->reply));
  const bool uncertain = failure->outcome == Outcome::kUncertain;
  DeliverError(uncertain ? std::string(kUncertainCode) + " " + cause : ProxyErrorText(cause),
               failure->outcome);
}

void FunctionStatsOperation::Conclude(Gather& gather) {
  if (const Gather::Part* failure = gather.FirstFailure()) {
    Deliver(failure->reply, failure->outcome);
    return;
  }
  const Gather::Part* chosen = &gather.part(0);
  for (size_t i = 0; i < gather.size(); ++i) {
    const auto reply = resp::ParseReplyTree(gather.part(i).reply);
    const resp::ReplyValue* running = reply.ok() ? reply->Find("running_script") : nullptr;
    if (running == nullptr || running->is_null()) continue;
    chosen = &gather.part(i);
    break;
  }
  Deliver(chosen->reply, Outcome::kOk);
}

}  // namespace keyway::proxy::execution
