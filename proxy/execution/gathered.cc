#include "proxy/execution/gathered.h"

#include <algorithm>
#include <utility>

#include "common/config/memory_size.h"
#include "proxy/execution/encode.h"
#include "proxy/execution/error_text.h"
#include "proxy/execution/executor.h"
#include "proxy/execution/redirect.h"

namespace keyway::proxy::execution {

GatheredOperation::Failure GatheredOperation::Fail(std::string_view text) {
  return {.reply = ErrorReply(text)};
}

void GatheredOperation::Begin(const Request& request) {
  words_.assign(request.arguments.begin(), request.arguments.end());
  keys_ = request.plan->keys;
  by_slot_ = asks_by_slot();
  // By the connections that the client's other requests take, so that none overtakes another.
  terms_ = {.version = request.version,
            .database = request.database,
            .repeatable = true,
            .reports_tryagain = by_slot_,
            .read_from = request.read_from,
            .client = request.client};
  if (const Failure failure = Check(); failure.failed()) {
    Deliver(failure.reply, Outcome::kRefused);
    return;
  }
  AskShards();
}

void GatheredOperation::AskShards() {
  const auto by_index = [](const routing::Plan::Key& a, const routing::Plan::Key& b) {
    return a.index < b.index;
  };
  // Slots in the order of their first keys, or all keys in theirs.
  std::vector<std::span<const routing::Plan::Key>> groups;
  if (!by_slot_) std::sort(keys_.begin(), keys_.end(), by_index);
  for (std::span<const routing::Plan::Key> rest = keys_; !rest.empty();) {
    groups.push_back(by_slot_ ? routing::Plan::FirstRun(rest) : rest.first(1));
    rest = rest.subspan(groups.back().size());
  }
  std::sort(groups.begin(), groups.end(),
            [&](const auto& a, const auto& b) { return by_index(a[0], b[0]); });
  const int first_index = groups[0][0].index;
  std::vector<std::string_view> names;
  for (const auto& group : groups) {
    names.clear();
    for (const routing::Plan::Key& key : group) {
      names.push_back(words_[static_cast<size_t>(key.index)]);
    }
    Gather::Part& part = gather_.Add(group[0].slot);
    AppendQuestion(names, group[0].index == first_index, &part.request.bytes());
  }
  gather_.set_byte_limit(executor().access().options().max_gathered_bytes);
  gather_.Start(executor().access(), this, terms_);
}

void GatheredOperation::Abandon() {
  gather_.Abandon();
}

std::string GatheredOperation::DeadlineError(Outcome* outcome) {
  return gather_.DeadlineError(executor().access().options().deadline_ms, outcome);
}

void GatheredOperation::Recycle() {
  delete this;
}

void GatheredOperation::OnGathered(Gather&) {
  const Gather::Part* failure = gather_.FirstFailure();
  if (failure != nullptr && by_slot_ && IsTryAgain(failure->reply)) {
    // A slot on its way to another shard: the keys, one at a time, can be found.
    by_slot_ = false;
    terms_.reports_tryagain = false;
    gather_.Reset();
    AskShards();
    return;
  }
  if (gather_.overflowed()) {
    DeliverError(
        ProxyErrorText("the values of '" + command().full_name + "' take more than " +
                       config::FormatMemory(executor().access().options().max_gathered_bytes) +
                       " together, which --max_gathered_bytes does not allow"),
        Outcome::kOverloaded);
    return;
  }
  if (failure != nullptr && !judges_failures()) {
    Deliver(failure->reply, failure->outcome);
    return;
  }
  OutputBuffer out;
  resp::ReplyWriter writer(out, version());
  const Failure wrong = Answer(writer);
  if (wrong.failed()) {
    Deliver(wrong.reply, wrong.outcome);
  } else {
    Deliver(std::move(out), Outcome::kOk);
  }
}

void GatheredOperation::OnShardAway(Gather&) {
  ReportHeldUp();
}

}  // namespace keyway::proxy::execution
