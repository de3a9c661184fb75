#include "proxy/topology/query.h"

#include <charconv>
#include <utility>

#include "common/resp/reply_parser.h"

namespace keyway::proxy::topology {

uint64_t ParseClusterEpoch(std::string_view reply) {
  static constexpr std::string_view kField = "cluster_current_epoch:";
  const auto value = resp::ParseReplyTree(reply);
  if (!value.ok() || value->is_error()) return 0;
  const size_t field = value->text.find(kField);
  if (field == std::string_view::npos) return 0;
  const std::string_view rest = value->text.substr(field + kField.size());
  uint64_t epoch = 0;
  std::from_chars(rest.data(), rest.data() + rest.size(), epoch);
  return epoch;
}

Query::Query(net::EventLoop& loop, backend::Pool& pool, net::Endpoint node, int timeout_ms,
             Done done)
    : pool_(pool),
      node_(std::move(node)),
      timeout_ms_(timeout_ms),
      done_(std::move(done)),
      timeout_(loop, [this] { Finish(Error{net::ToString(node_) + " did not answer in time"}); }),
      nodes_request_(this, &Query::TakeNodes),
      shards_request_(this, &Query::TakeShards),
      slots_request_(this, &Query::TakeSlots),
      info_request_(this, &Query::TakeInfo) {}

Query::~Query() = default;

void Query::Start() {
  timeout_.Start(static_cast<uint64_t>(timeout_ms_));
  // All in one write, so that they are answered from one picture.
  Send("NODES", &nodes_request_);
  Send("SHARDS", &shards_request_);
  Send("INFO", &info_request_);
}

void Query::Send(std::string_view subcommand, Request* request) {
  const std::string length = std::to_string(subcommand.size());
  const std::string_view parts[] = {"*2\r\n$7\r\nCLUSTER\r\n$", length, "\r\n", subcommand, "\r\n"};
  pool_.Send(node_, {}, parts, request);
}

void Query::Request::OnReply(std::string_view reply, char) {
  (query_->*take_)(reply);
}

void Query::Request::OnFailure(backend::Failure, std::string_view detail) {
  query_->Finish(Error{std::string(detail)});
}

void Query::TakeNodes(std::string_view reply) {
  lines_ = ParseClusterNodes(reply, node_);
  FinishIfComplete();
}

void Query::TakeShards(std::string_view reply) {
  // The only error that a node with cluster support gives is that it does not know the subcommand.
  if (reply.starts_with("-ERR") && reply.find("SHARDS") != std::string_view::npos) {
    return Send("SLOTS", &slots_request_);
  }
  TakeParsed(ParseClusterShards(reply, node_));
}

void Query::TakeSlots(std::string_view reply) {
  TakeParsed(ParseClusterSlots(reply, node_));
}

void Query::TakeParsed(Expected<std::vector<Shard>> shards) {
  if (!shards.ok()) return Finish(Error{net::ToString(node_) + ": " + shards.error().message});
  shards_ = std::move(*shards);
  FinishIfComplete();
}

void Query::TakeInfo(std::string_view reply) {
  epoch_ = ParseClusterEpoch(reply);
  FinishIfComplete();
}

void Query::FinishIfComplete() {
  if (!lines_.has_value() || !shards_.has_value() || !epoch_.has_value()) return;
  Report report = lines_->ok() ? JoinReport(node_, std::move(**lines_), *shards_)
                               : PlainReport(node_, std::move(*shards_));
  report.cluster_epoch = *epoch_;
  Finish(std::move(report));
}

void Query::Finish(Expected<Report> report) {
  timeout_.Stop();
  nodes_request_.Cancel();
  shards_request_.Cancel();
  slots_request_.Cancel();
  info_request_.Cancel();
  // `done` may destroy this, and with it the function.
  const Done done = std::move(done_);
  done(this, std::move(report));
}

}  // namespace keyway::proxy::topology
