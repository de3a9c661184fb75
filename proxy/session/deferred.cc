#include "proxy/session/deferred.h"

#include <charconv>
#include <map>
#include <utility>
#include <vector>

#include "proxy/execution/error_text.h"
#include "proxy/execution/executor.h"

namespace keyway::proxy::session {
namespace {

using execution::Outcome;

constexpr std::string_view kPing = "*1\r\n$4\r\nPING\r\n";
constexpr std::string_view kInfoKeyspace = "*2\r\n$4\r\nINFO\r\n$8\r\nkeyspace\r\n";

// The number behind `name` in "keys=3,expires=1,avg_ttl=50"; 0 when it is not there.
uint64_t Field(std::string_view line, std::string_view name) {
  const size_t at = line.find(name);
  if (at == std::string_view::npos) return 0;
  const std::string_view digits = line.substr(at + name.size());
  uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

}  // namespace

DeferredOperation::DeferredOperation(std::function<void(std::shared_ptr<Ticket>)> start)
    : start_(std::move(start)), ticket_(std::make_shared<Ticket>()) {
  ticket_->operation_ = this;
}

void DeferredOperation::Ticket::Answer(OutputBuffer&& reply) {
  if (operation_ == nullptr) return;
  std::exchange(operation_, nullptr)->Deliver(std::move(reply), Outcome::kOk);
}

void DeferredOperation::Begin(const execution::Request&) {
  start_(ticket_);
}

void DeferredOperation::Abandon() {
  ticket_->operation_ = nullptr;
}

std::string DeferredOperation::DeadlineError(Outcome* outcome) {
  *outcome = Outcome::kDeadline;
  return execution::ProxyErrorText("the other threads of the proxy did not answer in time");
}

void DeferredOperation::Recycle() {
  delete this;
}

void SelectOperation::Begin(const execution::Request& request) {
  request_.bytes() = kPing;
  request_.Start(executor().access(), this, executor().AnySlot(request.client),
                 {.version = request.version, .database = request.database, .repeatable = true});
}

void SelectOperation::Abandon() {
  request_.Abandon();
}

std::string SelectOperation::DeadlineError(Outcome* outcome) {
  *outcome = Outcome::kDeadline;
  return execution::ProxyErrorText(execution::DeadlineCause(
      net::ToString(request_.node()), executor().access().options().deadline_ms));
}

void SelectOperation::Recycle() {
  delete this;
}

void SelectOperation::OnShardReply(execution::ShardRequest&, std::string_view reply, char type,
                                   Outcome outcome) {
  if (type != '-') {
    Deliver("+OK\r\n", Outcome::kOk);
    return;
  }
  // "...: 127.0.0.1:7001 refused SELECT 5: ERR DB index is out of range" (backend::Failure).
  constexpr std::string_view kRefused = " refused SELECT ";
  const size_t refused = reply.find(kRefused);
  const size_t words = refused == std::string_view::npos
                           ? std::string_view::npos
                           : reply.find(": ", refused + kRefused.size());
  if (words == std::string_view::npos) {
    Deliver(reply, outcome);
  } else {
    const std::string_view text = reply.substr(words + 2, reply.size() - words - 4);
    DeliverError(text, Outcome::kError);
  }
}

void SelectOperation::OnShardAway(execution::ShardRequest&) {
  ReportHeldUp();
}

void KeyspaceOperation::Begin(const execution::Request& request) {
  const topology::SlotMap* map = executor().access().map();
  if (map == nullptr || map->shards().empty()) {
    Deliver(finish_({}, false), Outcome::kOk);
    return;
  }
  for (const topology::Shard& shard : map->shards()) {
    gather_.Add(shard.first_slot()).request.bytes() = kInfoKeyspace;
  }
  gather_.Start(
      executor().access(), this,
      {.version = resp::Version::kResp2, .database = request.database, .repeatable = true});
}

void KeyspaceOperation::Abandon() {
  gather_.Abandon();
}

std::string KeyspaceOperation::DeadlineError(Outcome* outcome) {
  std::string node;
  gather_.InDoubt(&node);
  *outcome = Outcome::kDeadline;
  return execution::ProxyErrorText(
      execution::DeadlineCause(node, executor().access().options().deadline_ms));
}

void KeyspaceOperation::Recycle() {
  delete this;
}

void KeyspaceOperation::OnGathered(execution::Gather&) {
  std::vector<std::string_view> sections;
  for (size_t i = 0; i < gather_.size(); ++i) sections.push_back(gather_.part(i).reply);
  const bool complete = gather_.FirstFailure() == nullptr;
  Deliver(finish_(complete ? MergeKeyspace(sections) : std::string(), complete), Outcome::kOk);
}

void KeyspaceOperation::OnShardAway(execution::Gather&) {
  ReportHeldUp();
}

std::string MergeKeyspace(std::span<const std::string_view> sections) {
  struct Database {
    uint64_t keys = 0;
    uint64_t expires = 0;
    double ttl = 0;  // sum over the keys that expire
  };
  std::map<unsigned, Database> databases;
  for (std::string_view rest : sections) {
    while (!rest.empty()) {
      const size_t end = rest.find('\n');
      std::string_view line = rest.substr(0, end);
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
      if (!line.starts_with("db")) continue;
      unsigned number = 0;
      const auto [colon, error] =
          std::from_chars(line.data() + 2, line.data() + line.size(), number);
      if (error != std::errc() || colon == line.data() + line.size() || *colon != ':') continue;
      Database& database = databases[number];
      const uint64_t expires = Field(line, "expires=");
      database.keys += Field(line, "keys=");
      database.expires += expires;
      database.ttl += static_cast<double>(Field(line, "avg_ttl=")) * static_cast<double>(expires);
    }
  }
  std::string text;
  for (const auto& [number, database] : databases) {
    const auto ttl =
        database.expires == 0
            ? uint64_t{0}
            : static_cast<uint64_t>(database.ttl / static_cast<double>(database.expires));
    text += "db" + std::to_string(number) + ":keys=" + std::to_string(database.keys) +
            ",expires=" + std::to_string(database.expires) + ",avg_ttl=" + std::to_string(ttl) +
            "\r\n";
  }
  return text;
}

}  // namespace keyway::proxy::session
