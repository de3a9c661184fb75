#include "proxy/execution/executor.h"

#include <algorithm>
#include <utility>

#include "proxy/execution/admin_merge.h"
#include "proxy/execution/ask_all.h"
#include "proxy/execution/blocking.h"
#include "proxy/execution/fan_out.h"
#include "proxy/execution/error_text.h"
#include "proxy/execution/first_ready.h"
#include "proxy/execution/gathered.h"
#include "proxy/execution/publish.h"
#include "proxy/execution/random_key.h"
#include "proxy/execution/scan.h"
#include "proxy/execution/script_commands.h"

namespace keyway::proxy::execution {
namespace {

constexpr size_t kSpareSingles = 4096;
constexpr size_t kSpareFanOuts = 64;
constexpr size_t kSpareScripts = 256;
constexpr size_t kKeptReplyBytes = 1024;

using MakeOperation = Operation* (*)();

// The rows of the command table that only their name can tell what to do with.
struct SpecialRow {
  std::string_view name;
  MakeOperation make;
};

Operation* Ask(PubsubOperation::Question question) {
  return new PubsubOperation(question);
}

// One question to all primaries, whose answers `make_reply` merges.
template <void (*make_reply)(const Arguments&, Answers, resp::ReplyWriter&), bool changes = false,
          bool sees_failures = false>
Operation* AskAll() {
  using OnFailure = AskAllOperation::OnFailure;
  return new AskAllOperation(
      {.on_failure = sees_failures ? OnFailure::kLetReplyDecide : OnFailure::kReplyError,
       .repeatable = !changes},
      make_reply);
}

constexpr SpecialRow kSpecials[] = {
    {"bgrewriteaof", AskAll<ReplyFirst, true>},
    {"bgsave", AskAll<ReplyFirst, true>},
    {"function|delete", []() -> Operation* { return new FunctionChangeOperation; }},
    {"function|flush", []() -> Operation* { return new FunctionChangeOperation; }},
    {"function|load", []() -> Operation* { return new FunctionChangeOperation; }},
    {"function|restore", []() -> Operation* { return new FunctionChangeOperation; }},
    {"function|stats", []() -> Operation* { return new FunctionStatsOperation; }},
    {"lastsave", AskAll<ReplyLeast>},
    {"latency|doctor", AskAll<ReplyTexts>},
    {"latency|graph", AskAll<ReplyLatencyGraph, false, true>},
    {"latency|histogram", AskAll<ReplyLatencyHistogram>},
    {"latency|history", AskAll<ReplyLatencyHistory>},
    {"latency|latest", AskAll<ReplyLatencyLatest>},
    {"latency|reset", AskAll<ReplyGreatest, true>},
    {"memory|doctor", AskAll<ReplyTexts>},
    {"memory|malloc-stats", AskAll<ReplyTexts>},
    {"memory|stats", AskAll<ReplyMemoryStats>},
    {"pfcount", MakePfcount},
    {"publish", []() -> Operation* { return new PublishOperation; }},
    {"pubsub|channels", [] { return Ask(PubsubOperation::Question::kNames); }},
    {"pubsub|numpat", [] { return Ask(PubsubOperation::Question::kPatterns); }},
    {"pubsub|numsub", [] { return Ask(PubsubOperation::Question::kSubscribers); }},
    {"pubsub|shardchannels", [] { return Ask(PubsubOperation::Question::kNames); }},
    {"pubsub|shardnumsub", [] { return Ask(PubsubOperation::Question::kShardSubscribers); }},
    {"randomkey", []() -> Operation* { return new RandomKeyOperation; }},
    {"save", AskAll<ReplyFirst, true>},
    {"scan", []() -> Operation* { return new ScanOperation; }},
    {"script|exists", []() -> Operation* { return new ScriptExistsOperation; }},
    {"script|flush", []() -> Operation* { return new ScriptFlushOperation; }},
    {"script|load", []() -> Operation* { return new ScriptLoadOperation; }},
    {"sdiff", MakeSdiff},
    {"sinter", MakeSinter},
    {"sintercard", MakeSintercard},
    {"slowlog|get", AskAll<ReplySlowlog>},
    {"spublish", []() -> Operation* { return new PublishOperation; }},
    {"sunion", MakeSunion},
    {"swapdb", AskAll<ReplySwapDb, true, true>},
    {"zdiff", MakeZdiff},
    {"zinter", MakeZinter},
    {"zintercard", MakeZintercard},
    {"zunion", MakeZunion},
};

const SpecialRow* FindSpecial(const command::Command& command) {
  const auto* row = std::find_if(
      std::begin(kSpecials), std::end(kSpecials),
      [&command](const SpecialRow& special) { return special.name == command.full_name; });
  return row == std::end(kSpecials) ? nullptr : row;
}

}  // namespace

void Operation::Finish(Outcome outcome) {
  DCHECK(running_);
  outcome_ = outcome;
  executor_->OnFinished(*this, outcome);
}

void Operation::Deliver(std::string_view reply, Outcome outcome) {
  Finish(outcome);
  sink_->OnReply(*this, reply);
}

void Operation::Deliver(OutputBuffer&& reply, Outcome outcome) {
  Finish(outcome);
  sink_->OnReply(*this, std::move(reply));
}

void Operation::DeliverError(std::string_view text, Outcome outcome) {
  Deliver(ErrorReply(text), outcome);
}

Executor::Executor(ShardAccess& access, scripting::ScriptCache& scripts, Random random)
    : access_(access),
      scripts_(scripts),
      random_(std::move(random)),
      deadline_timer_(access.loop(), [this] { CheckDeadlines(); }),
      singles_(kSpareSingles),
      fan_outs_(kSpareFanOuts),
      script_operations_(kSpareScripts),
      script_loads_(access) {
  // A deadline is kept to within a twentieth.
  const auto period = static_cast<uint64_t>(std::clamp(access.options().deadline_ms / 20, 5, 500));
  deadline_timer_.Start(period, period);
  access_.Watch(*this);
}

Executor::~Executor() {
  CHECK(running_.empty()) << "operations still run";
}

bool Executor::HasSpecial(const command::Command& command) {
  if (FirstReadyOperation::Find(command) != nullptr) return true;
  return FindSpecial(command) != nullptr;
}

Operation* Executor::Create(const Request& request) {
  Operation* operation = nullptr;
  switch (request.plan->kind) {
    case routing::Plan::Kind::kSplit:
    case routing::Plan::Kind::kAllShards:
      operation = fan_outs_.Take();
      break;
    case routing::Plan::Kind::kBlocking:
      operation = new BlockingOperation;
      break;
    case routing::Plan::Kind::kFirstReady:
      operation = new FirstReadyOperation;
      break;
    case routing::Plan::Kind::kSpecial:
      operation = FindSpecial(*request.command)->make();
      break;
    default:
      if (request.plan->divisible) {
        operation = fan_outs_.Take();
      } else if (request.command->spec->is(command::kRunsScript)) {
        operation = script_operations_.Take();
      } else {
        operation = singles_.Take();
      }
      break;
  }
  Adopt(operation);
  return operation;
}

void Executor::Start(Operation& operation, const Request& request, ReplySink& sink) {
  operation.sink_ = &sink;
  operation.command_ = request.command;
  operation.version_ = request.version;
  operation.started_micros_ = now_micros();
  operation.running_ = true;
  if (!operation.is_patient()) running_.PushBack(operation);
  statistics().in_flight.Set(++running_count_);
  if (CanBegin(operation, request)) return operation.Begin(request);
  operation.postponed_ = std::make_unique<StoredRequest>(request);
  any_postponed_ = true;
  access_.RequestRefresh();
  sink.OnHeldUp(operation);
}

bool Executor::CanBegin(const Operation& operation, const Request& request) const {
  const topology::SlotMap* map = access_.map();
  // One without a deadline would wait for ever for slots that nobody serves any more.
  return (map != nullptr && map->covers_all()) || operation.is_patient() ||
         !operation.asks_all_shards(request);
}

void Executor::OnNewMap() {
  if (!any_postponed_ || !access_.map()->covers_all()) return;
  any_postponed_ = false;
  std::vector<Operation*> ready;
  running_.ForEach([&ready](Operation& operation) {
    if (operation.postponed_ != nullptr) ready.push_back(&operation);
  });
  for (Operation* operation : ready) {
    // One that ends at once may take another one of its client with it.
    if (!operation->running_ || operation->postponed_ == nullptr) continue;
    const auto stored = std::move(operation->postponed_);
    operation->Begin(stored->request());
  }
}

void Executor::Cancel(Operation& operation) {
  if (!operation.running_) return;
  if (operation.postponed_ == nullptr) operation.Abandon();
  OnFinished(operation, Outcome::kCancelled);
}

void Executor::Release(Operation& operation) {
  DCHECK(!operation.running_);
  operation.next_in_queue = nullptr;
  operation.done = operation.silent = false;
  operation.request_bytes = operation.parts_bytes = 0;
  operation.unbounded = false;
  if (operation.held_reply.capacity() > kKeptReplyBytes) {
    operation.held_reply = std::string();
  } else {
    operation.held_reply.clear();
  }
  operation.held_buffer.Clear();
  operation.Recycle();
}

FirstReadyShared& Executor::first_ready() {
  if (first_ready_ == nullptr) first_ready_ = std::make_unique<FirstReadyShared>(access_);
  return *first_ready_;
}

const KeyWatch* Executor::key_watch() const {
  return first_ready_ == nullptr ? nullptr : &first_ready_->watch;
}

Slot Executor::AnySlot(uint64_t client) const {
  const topology::SlotMap* map = access_.map();
  if (map == nullptr || map->shards().empty()) return 0;
  return map->shards()[client % map->shards().size()].first_slot();
}

Slot Executor::StableSlot() const {
  const topology::SlotMap* map = access_.map();
  return map == nullptr || map->shards().empty() ? 0 : map->shards()[0].first_slot();
}

void Executor::OnFinished(Operation& operation, Outcome outcome) {
  operation.running_ = false;
  operation.postponed_.reset();
  static_cast<execution::ListLink<DeadlineTag>&>(operation).Unlink();
  statistics().in_flight.Set(--running_count_);
  if (outcome == Outcome::kUncertain) {
    (ending_at_deadline_ ? statistics().ambiguous_deadline : statistics().ambiguous_lost).Add(1);
  }
  statistics().CountRequest(operation.command_->id, outcome,
                            now_micros() - operation.started_micros_);
}

void Executor::CheckDeadlines() {
  const int64_t patience = int64_t{access_.options().deadline_ms} * 1000;
  while (!running_.empty() && now_micros() - running_.front().started_micros_ >= patience) {
    Operation& operation = running_.front();
    Outcome outcome = Outcome::kDeadline;
    std::string error;
    if (operation.postponed_ != nullptr) {
      CoversAll(access_.map(), access_.options(), &error);
      outcome = Outcome::kNoTopology;
    } else {
      error = operation.DeadlineError(&outcome);
      operation.Abandon();
    }
    ending_at_deadline_ = true;
    operation.Finish(outcome);
    ending_at_deadline_ = false;
    operation.sink_->OnReply(operation, ErrorReply(error));
  }
}

}  // namespace keyway::proxy::execution
