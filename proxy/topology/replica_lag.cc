#include "proxy/topology/replica_lag.h"

#include <algorithm>
#include <charconv>

#include "common/resp/reply_parser.h"

namespace keyway::proxy::topology {
namespace {

std::string_view FieldOf(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const size_t end = text.find("\r\n");
    const std::string_view line = text.substr(0, end);
    if (line.starts_with(name) && line.substr(name.size()).starts_with(':')) {
      return line.substr(name.size() + 1);
    }
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 2);
  }
  return {};
}

}  // namespace

Expected<ReplicationInfo> ParseReplicationInfo(std::string_view reply) {
  const auto value = resp::ParseReplyTree(reply);
  if (!value.ok()) return Error{"its reply to INFO makes no sense"};
  if (value->is_error()) return Error{"it answers INFO with " + std::string(value->text)};
  const std::string_view role = FieldOf(value->text, "role");
  ReplicationInfo info;
  info.primary = role == "master";
  info.link_up = FieldOf(value->text, "master_link_status") == "up";
  info.syncing = FieldOf(value->text, "master_sync_in_progress") == "1";
  info.stream = FieldOf(value->text, "master_replid");
  const std::string_view offset =
      FieldOf(value->text, info.primary ? "master_repl_offset" : "slave_repl_offset");
  const auto [end, error] =
      std::from_chars(offset.data(), offset.data() + offset.size(), info.offset);
  if (role.empty() || error != std::errc() || end != offset.data() + offset.size()) {
    return Error{"its INFO replication names no role or no offset"};
  }
  return info;
}

void PrimaryHistory::Note(const ReplicationInfo& primary, int64_t asked_micros) {
  if (primary.stream != stream_ || (!samples_.empty() && primary.offset < samples_.back().offset)) {
    stream_ = primary.stream;
    samples_.clear();
  }
  if (!samples_.empty() && samples_.back().offset == primary.offset) {
    samples_.back().asked_micros = asked_micros;
  } else {
    samples_.push_back({asked_micros, primary.offset});
  }
  while (samples_.size() > 1 && samples_.front().asked_micros < asked_micros - kept_micros_) {
    samples_.pop_front();
  }
}

std::optional<PrimaryHistory::Lag> PrimaryHistory::LagOf(const ReplicationInfo& replica,
                                                         int64_t now_micros) const {
  if (samples_.empty() || replica.stream != stream_) return std::nullopt;
  const auto beyond = std::upper_bound(
      samples_.begin(), samples_.end(), replica.offset,
      [](int64_t offset, const Sample& sample) { return offset < sample.offset; });
  const bool behind_all = beyond == samples_.begin();
  const Sample& reached = behind_all ? *beyond : *std::prev(beyond);
  return Lag{std::max<int64_t>(0, now_micros - reached.asked_micros), behind_all};
}

}  // namespace keyway::proxy::topology
