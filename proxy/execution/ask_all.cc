#include "proxy/execution/ask_all.h"

#include <algorithm>
#include <utility>

#include "common/net/address.h"
#include "proxy/execution/encode.h"
#include "proxy/execution/error_text.h"
#include "proxy/execution/executor.h"
#include "proxy/execution/fan_out.h"

namespace keyway::proxy::execution {

std::string_view ShardAnswer::error() const {
  if (type != '-') return {};
  std::string_view text = bytes.substr(1);
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

std::string ErrorOf(std::span<const ShardAnswer> answers) {
  const auto failure = std::find_if(answers.begin(), answers.end(),
                                    [](const ShardAnswer& answer) { return answer.failed(); });
  if (failure == answers.end()) return {};
  const std::string_view text = failure->error();
  if (std::all_of(answers.begin(), answers.end(),
                  [text](const ShardAnswer& answer) { return answer.error() == text; })) {
    return std::string(text);
  }
  return ProxyErrorText(failure->node + " answered '" + std::string(text) +
                        "', other shards may have done what was asked");
}

AskAllOperation::AskAllOperation(Terms terms, MakeReply make_reply, MakeRequest make_request)
    : terms_(terms), make_reply_(std::move(make_reply)), make_request_(std::move(make_request)) {}

void AskAllOperation::Begin(const Request& request) {
  arguments_.assign(request.arguments.begin(), request.arguments.end());
  const topology::SlotMap* map = executor().access().map();
  const bool anyway = terms_.on_failure == OnFailure::kReplyAnyway;
  std::string error;
  if (!anyway && !CoversAll(map, executor().access().options(), &error)) {
    DeliverError(error, Outcome::kNoTopology);
    return;
  }
  const size_t count = map == nullptr ? 0 : map->shards().size();
  if (count == 0) return Reply({});
  for (size_t i = 0; i < count; ++i) {
    const topology::Shard& shard = map->shards()[i];
    nodes_.push_back(net::ToString(shard.primary.endpoint));
    std::string& bytes = gather_.Add(shard.first_slot()).request.bytes();
    if (make_request_) {
      bytes = make_request_(i, count);
    } else {
      AppendRequest(request.arguments, &bytes);
    }
  }
  if (anyway) {
    patience_ = std::make_unique<net::Timer>(executor().access().loop(), [this] {
      gather_.Abandon();
      Reply(Answers());
    });
    patience_->Start(static_cast<uint64_t>(terms_.patience_ms));
  }
  gather_.Start(executor().access(), this,
                {.version = request.version,
                 .database = request.database,
                 .repeatable = terms_.repeatable});
}

void AskAllOperation::Abandon() {
  gather_.Abandon();
}

std::string AskAllOperation::DeadlineError(Outcome* outcome) {
  return gather_.DeadlineError(executor().access().options().deadline_ms, outcome);
}

void AskAllOperation::Recycle() {
  delete this;
}

void AskAllOperation::OnShardAway(Gather&) {
  ReportHeldUp();
}

std::vector<ShardAnswer> AskAllOperation::Answers() {
  std::vector<ShardAnswer> answers;
  for (size_t i = 0; i < gather_.size(); ++i) {
    answers.push_back({nodes_[i], gather_.part(i).reply, gather_.part(i).type});
  }
  return answers;
}

void AskAllOperation::OnGathered(Gather&) {
  const std::vector<ShardAnswer> answers = Answers();
  if (terms_.on_failure == OnFailure::kReplyError) {
    if (const std::string error = ErrorOf(answers); !error.empty()) {
      const Gather::Part* failure = gather_.FirstFailure();
      DeliverError(error, failure == nullptr ? Outcome::kError : failure->outcome);
      return;
    }
  }
  Reply(answers);
}

void AskAllOperation::Reply(std::span<const ShardAnswer> answers) {
  if (patience_ != nullptr) patience_->Stop();
  OutputBuffer out;
  resp::ReplyWriter reply(out, version());
  make_reply_(arguments_, answers, reply);
  Deliver(std::move(out), reply.errors() > 0 ? Outcome::kError : Outcome::kOk);
}

}  // namespace keyway::proxy::execution
