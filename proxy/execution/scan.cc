#include "proxy/execution/scan.h"

#include <optional>
#include <utility>
#include <vector>

#include "common/resp/reply_parser.h"
#include "proxy/execution/encode.h"
#include "proxy/execution/error_text.h"
#include "proxy/execution/executor.h"

namespace keyway::proxy::execution {
namespace {

// Primaries that one request may ask.
constexpr int kMaxAsked = 32;

// Splits "*2\r\n$<n>\r\n<cursor>\r\n<keys>".
bool ReadScanReply(std::string_view reply, std::string_view* cursor, std::string_view* keys) {
  constexpr std::string_view kHeader = "*2\r\n";
  if (!reply.starts_with(kHeader)) return false;
  reply.remove_prefix(kHeader.size());
  resp::ReplyParser parser;
  if (parser.Next(reply) != resp::ReplyParser::Outcome::kReply || parser.type() != '$') {
    return false;
  }
  const std::string_view bulk = reply.substr(0, parser.length());
  const size_t start = bulk.find("\r\n") + 2;
  if (bulk.size() < start + 2) return false;
  *cursor = bulk.substr(start, bulk.size() - start - 2);
  *keys = reply.substr(parser.length());
  return true;
}

}  // namespace

void ScanOperation::Begin(const Request& request) {
  const std::optional<uint64_t> given = ParseScanCursor(request.arguments[1]);
  if (!given) {
    DeliverError("ERR invalid cursor", Outcome::kRefused);
    return;
  }
  const topology::SlotMap* map = executor().access().map();
  std::string error;
  if (!CoversAll(map, executor().access().options(), &error)) {
    DeliverError(error, Outcome::kNoTopology);
    return;
  }
  // A complete map has an owner for every slot.
  cursor_ = *Locate(DecodeScanCursor(*given), *map);

  AppendArrayHeader(request.arguments.size(), &head_);
  AppendBulk(request.arguments[0], &head_);
  for (std::string_view argument : request.arguments.subspan(2)) AppendBulk(argument, &tail_);
  terms_ = {.version = request.version, .database = request.database, .repeatable = true};
  Ask();
}

void ScanOperation::Ask() {
  ++asked_;
  std::string& bytes = request_.bytes();
  bytes = head_;
  AppendBulk(std::to_string(cursor_.node), &bytes);
  bytes += tail_;
  request_.Start(executor().access(), this, cursor_.slot, terms_);
}

void ScanOperation::Abandon() {
  request_.Abandon();
}

std::string ScanOperation::DeadlineError(Outcome* outcome) {
  *outcome = Outcome::kDeadline;
  return ProxyErrorText(
      DeadlineCause(net::ToString(request_.node()), executor().access().options().deadline_ms));
}

void ScanOperation::Recycle() {
  delete this;
}

void ScanOperation::OnShardReply(ShardRequest&, std::string_view reply, char type,
                                 Outcome outcome) {
  if (type == '-' || type == '!') {
    Deliver(reply, outcome);
    return;
  }
  std::string_view node_cursor;
  std::string_view keys;
  std::optional<uint64_t> node;
  if (ReadScanReply(reply, &node_cursor, &keys)) node = ParseScanCursor(node_cursor);
  if (!node || *node > ScanCursor::kMaxNode) {
    DeliverError(ProxyErrorText("the cursor '" + std::string(node_cursor) + "' of " +
                                net::ToString(request_.node()) + " does not fit in 50 bits"),
                 Outcome::kError);
    return;
  }
  uint64_t next = 0;
  if (*node != 0) {
    next = Encode({cursor_.slot, *node});
  } else if (const auto behind = NextPrimary(cursor_, *executor().access().map())) {
    if (keys == "*0\r\n" && asked_ < kMaxAsked) {
      cursor_ = *behind;
      Ask();
      return;
    }
    next = Encode(*behind);
  }
  OutputBuffer merged;
  resp::ReplyWriter writer(merged, version());
  writer.ArrayHeader(2);
  writer.BulkInteger(static_cast<int64_t>(next));
  writer.Raw(keys);
  Deliver(std::move(merged), Outcome::kOk);
}

void ScanOperation::OnShardAway(ShardRequest&) {
  ReportHeldUp();
}

}  // namespace keyway::proxy::execution
