#include "shard/server/blocking_engine.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include <glog/logging.h>

#include "shard/cluster/cluster.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/server/client.h"
#include "shard/server/client_registry.h"
#include "shard/server/dispatcher.h"
#include "shard/server/long_call.h"
#include "shard/server/replication.h"
#include "shard/server/stats.h"

namespace keyway::shard {

using keyspace::Access;
using keyspace::Database;
using keyspace::Event;
using keyspace::Key;
using keyspace::Record;

namespace {

// Each round serves a client, or is the last one: more rounds than clients, and a handler changes
// keys for ever.
constexpr size_t kSpareRounds = 16;
constexpr int64_t kLongestTimeoutMs = int64_t{100} * 365 * 24 * 3600 * 1000;

void WriteWithoutWait(Blocking::OnTimeout reply, resp::ReplyWriter& writer) {
  switch (reply) {
    case Blocking::OnTimeout::kNullArray:
      writer.NullArray();
      break;
    case Blocking::OnTimeout::kNull:
      writer.Null();
      break;
    case Blocking::OnTimeout::kAcknowledged:
    case Blocking::OnTimeout::kShutdown:
      break;  // they see to it themselves
  }
}

// Of a stream Redis signals only what adds entries or makes a group impossible to wait for.
bool MayEndWaitForStream(Event event) {
  if (event == Event::kExpire || event == Event::kPersist) return false;
  if (event < Event::kXAdd || event > Event::kXGroupRead) return true;
  return event == Event::kXAdd || event == Event::kXGroupDestroy;
}

}  // namespace

class BlockingEngine::Waiter final : public ClientState {
 public:
  Waiter(BlockingEngine& owner, CommandContext& context, const Wait& wait)
      : engine(owner),
        client(context.client),
        command(context.command),
        args(wait.replacement_args.empty() ? context.args : wait.replacement_args),
        type(wait.type),
        replicas(wait.replicas),
        replicas_offset(wait.replicas_offset),
        on_timeout(wait.on_timeout),
        even_if_gone(wait.even_if_gone),
        was_asking(context.client.asking()) {}
  ~Waiter() override { engine.Leave(*this); }

  void Describe(ClientDescription& description) const override { description.blocked = true; }
  size_t Memory() const override {
    return sizeof(*this) + args.Memory() + places.size() * sizeof(Place);
  }

  struct Place {
    Queues::value_type* queue;
    std::list<Waiter*>::iterator in_queue;
  };

  BlockingEngine& engine;
  Client& client;
  const command::Command& command;
  const KeptArguments args;
  const keyspace::Type type;
  const size_t replicas;
  const uint64_t replicas_offset;
  const OnTimeout on_timeout;
  const bool even_if_gone;
  const bool was_asking;
  int64_t first_micros = 0;
  std::vector<Place> places;  // in the queues of its keys
  std::list<Waiter*>::iterator in_waiters;
  std::list<Waiter*>::iterator in_for_replicas;  // if it waits for any
  int64_t deadline = 0;  // 0: none
};

BlockingEngine::BlockingEngine(Services& services)
    : services_(services), timer_(services.loop, [this] {
        services_.clients.AfterLongCall([this] { EndExpired(); });
      }) {
  // Keys that expire, and other changes that no client's command makes.
  services_.loop.EveryPass([this] {
    if (!has_ready_ || LeavesKeysAlone(services_)) return;
    services_.dispatcher->BeginBatch();
    ServeReady();
  });
}

BlockingEngine::~BlockingEngine() {
  CHECK(waiters_.empty());
}

void BlockingEngine::Block(CommandContext& context, const Wait& wait) {
  if (!context.may_block) {
    WriteWithoutWait(wait.on_timeout, context.reply);
    return;
  }
  context.waits = true;
  if (context.ready_key != nullptr) return;
  auto made = std::make_unique<Waiter>(*this, context, wait);
  Waiter& waiter = *made;
  Enter(waiter, wait);
  context.client.set_state(StateKind::kWait, std::move(made));
  context.client.Suspend();
  context.client.BeginCommand(&context.command, waiter.args.view());
}

void BlockingEngine::BeganToWait(Client& client, int64_t call_micros) {
  if (auto* waiter = client.state<Waiter>(StateKind::kWait)) waiter->first_micros = call_micros;
}

void BlockingEngine::Enter(Waiter& waiter, const Wait& wait) {
  const bool listening = !queues_.empty();
  const int index = waiter.client.db();
  waiter.places.reserve(wait.keys.size());
  for (std::string_view text : wait.keys) {
    auto found = queues_.find(KeyNameView(index, text));
    if (found == queues_.end()) found = queues_.try_emplace(KeyName{index, std::string(text)}).first;
    Queue& queue = found->second;
    // The same key twice: nobody can have come in between.
    if (!queue.waiters.empty() && queue.waiters.back() == &waiter) continue;
    waiter.places.push_back({&*found, queue.waiters.insert(queue.waiters.end(), &waiter)});
    if (waiter.type == keyspace::Type::kStream) ++queue.for_streams;
    if (waiter.even_if_gone) ++queue.even_if_gone;
  }
  if (!listening && !queues_.empty()) services_.keyspace.AddListener(*this);
  waiter.in_waiters = waiters_.insert(waiters_.end(), &waiter);
  if (waiter.replicas != 0) {
    waiter.in_for_replicas = for_replicas_.insert(for_replicas_.end(), &waiter);
  }
  if (wait.timeout_ms <= 0) return;
  waiter.deadline = services_.clock.MonotonicMicros() +
                    std::min(wait.timeout_ms, kLongestTimeoutMs) * 1000;
  deadlines_.emplace(std::pair(waiter.deadline, waiter.client.id()), &waiter);
  StartTimer();
}

void BlockingEngine::Leave(Waiter& waiter) {
  const bool listening = !queues_.empty();
  for (const Waiter::Place& place : waiter.places) {
    Queue& queue = place.queue->second;
    if (queue.serving && queue.next == place.in_queue) ++queue.next;
    queue.waiters.erase(place.in_queue);
    if (waiter.type == keyspace::Type::kStream) --queue.for_streams;
    if (waiter.even_if_gone) --queue.even_if_gone;
    EraseIfUnused(*place.queue);
  }
  if (listening && queues_.empty()) services_.keyspace.RemoveListener(*this);
  waiters_.erase(waiter.in_waiters);
  if (waiter.replicas != 0) for_replicas_.erase(waiter.in_for_replicas);
  if (waiter.deadline == 0) return;
  deadlines_.erase(std::pair(waiter.deadline, waiter.client.id()));
  if (deadlines_.empty()) StartTimer();
}

void BlockingEngine::EraseIfUnused(Queues::value_type& queue) {
  if (queue.second.waiters.empty() && !queue.second.serving) queues_.erase(queues_.find(queue.first));
}

// ---- Keys change.

void BlockingEngine::MarkReady(Queues::value_type& queue) {
  if (queue.second.ready) return;
  queue.second.ready = true;
  ready_.push_back(queue.first);
  has_ready_ = true;
}

// A list or a sorted set is waited for only while there is none: what ends the wait is always a new
// key, as a key that is overwritten does not count for Redis. Streams may be there all the time.
void BlockingEngine::AfterChange(const Database& database, const Key& key, Event event) {
  const auto found = queues_.find(KeyNameView(database.index(), key));
  if (found == queues_.end()) return;
  const bool streams = found->second.for_streams != 0 && MayEndWaitForStream(event);
  if (event == Event::kNew || streams) MarkReady(*found);
}

void BlockingEngine::BeforeFlush(const Database& database) {
  for (auto& queue : queues_) {
    if (queue.first.database == database.index() && queue.second.even_if_gone != 0) {
      MarkReady(queue);
    }
  }
}

void BlockingEngine::AfterSwap(const Database& first, const Database& second) {
  for (auto& queue : queues_) {
    const int index = queue.first.database;
    if (index == first.index() || index == second.index()) MarkReady(queue);
  }
}

// ---- Clients are served.

void BlockingEngine::ServeReady() {
  if (serving_) return;
  serving_ = true;
  const size_t most_rounds = waiters_.size() + kSpareRounds;
  for (size_t round = 0; !ready_.empty() && round < most_rounds; ++round) {
    const std::vector<KeyName> names = std::exchange(ready_, {});
    for (const KeyName& name : names) ServeKey(name);
  }
  has_ready_ = !ready_.empty();
  serving_ = false;
}

void BlockingEngine::ServeKey(const KeyName& name) {
  const auto found = queues_.find(name);
  if (found == queues_.end()) return;
  Queue& queue = found->second;
  queue.ready = false;
  queue.serving = true;
  ServeQueue(name, queue);
  queue.serving = false;
  const bool listening = !queues_.empty();
  EraseIfUnused(*found);
  if (listening && queues_.empty()) services_.keyspace.RemoveListener(*this);
}

void BlockingEngine::ServeQueue(const KeyName& name, Queue& queue) {
  Dispatcher& dispatcher = *services_.dispatcher;
  Database& database = services_.keyspace.database(name.database);
  const Key key(name.text);
  const std::string_view text = name.text;
  const Record* record = database.Find(key, dispatcher.now_ms(), Access::kNone);
  for (queue.next = queue.waiters.begin(); queue.next != queue.waiters.end();) {
    if (record == nullptr && queue.even_if_gone == 0) return;
    Waiter& waiter = **queue.next++;
    if ((record == nullptr || record->type() != waiter.type) && !waiter.even_if_gone) continue;
    if (dispatcher.CallAgain(waiter.client, waiter.command, waiter.args.view(), text,
                             waiter.first_micros)) {
      End(waiter);
    }
    record = database.Find(key, dispatcher.now_ms(), Access::kNone);
  }
}

void BlockingEngine::End(Waiter& waiter) {
  Client& client = waiter.client;
  const bool was_asking = waiter.was_asking;
  client.set_state(StateKind::kWait, nullptr);
  client.EndCommand(was_asking);
  services_.clients.nowhere().Clear();
  client.Resume();
  client.PushDone();
}

void BlockingEngine::ServeAcknowledged() {
  for (auto next = for_replicas_.begin(); next != for_replicas_.end();) {
    Waiter& waiter = **next++;
    const size_t count = services_.replication->CountAcknowledged(waiter.replicas_offset);
    if (count < waiter.replicas) continue;
    waiter.client.Reply().Integer(static_cast<int64_t>(count));
    End(waiter);
  }
}

void BlockingEngine::EndShutdownWaits() {
  for (auto next = waiters_.begin(); next != waiters_.end();) {
    Waiter& waiter = **next++;
    if (waiter.on_timeout != OnTimeout::kShutdown) continue;
    ReplyTimedOut(waiter);
    End(waiter);
  }
}

// ---- Waits end without being served.

void BlockingEngine::ReplyTimedOut(Waiter& waiter) {
  resp::ReplyWriter reply = waiter.client.Reply();
  if (waiter.on_timeout == OnTimeout::kAcknowledged) {
    reply.Integer(static_cast<int64_t>(
        services_.replication->CountAcknowledged(waiter.replicas_offset)));
    return;  // of these nothing is counted
  }
  if (waiter.on_timeout == OnTimeout::kShutdown) {
    reply.Error("ERR Errors trying to SHUTDOWN. Check logs.");
    services_.stats.CountError(reply.error_code());
    return;
  }
  reply.NullArray();
  services_.stats.CountEndOfWait(waiter.command.id, 0, static_cast<uint64_t>(waiter.first_micros),
                                 services_.config.latency_tracking);
}

void BlockingEngine::StartTimer() {
  const int64_t first = deadlines_.empty() ? 0 : deadlines_.begin()->first.first;
  if (first == 0) {
    timer_.Stop();
  } else if (timer_deadline_ == 0 || first < timer_deadline_) {
    const int64_t left = std::max<int64_t>(0, first - services_.clock.MonotonicMicros());
    timer_.Start(static_cast<uint64_t>(left + 999) / 1000);
  } else {
    return;  // it will find out what is left to wait
  }
  timer_deadline_ = first;
}

void BlockingEngine::EndExpired() {
  timer_deadline_ = 0;
  const int64_t now = services_.clock.MonotonicMicros();
  while (!deadlines_.empty() && deadlines_.begin()->first.first <= now) {
    Waiter& waiter = *deadlines_.begin()->second;
    ReplyTimedOut(waiter);
    End(waiter);
  }
  StartTimer();
}

bool BlockingEngine::Unblock(Client& client, UnblockReply reply) {
  auto* waiter = client.state<Waiter>(StateKind::kWait);
  if (waiter == nullptr) return false;
  if (reply == UnblockReply::kTimeout) {
    ReplyTimedOut(*waiter);
  } else {
    resp::ReplyWriter writer = client.Reply();
    writer.Error("UNBLOCKED client unblocked via CLIENT UNBLOCK");
    services_.stats.CountError(writer.error_code());
  }
  ++services_.stats.command(waiter->command.id).failed;
  End(*waiter);
  return true;
}

void BlockingEngine::UnblockAll() {
  for (auto next = waiters_.begin(); next != waiters_.end();) {
    Waiter& waiter = **next++;
    Client& client = waiter.client;
    resp::ReplyWriter writer = client.Reply();
    writer.Error(
        "UNBLOCKED force unblock from blocking operation, instance state changed (master -> "
        "replica?)");
    services_.stats.CountError(writer.error_code());
    End(waiter);
    client.CloseAfterReply();
  }
}

// Whether this node would now refuse the command, other than to a client that asks: then writes the
// redirection.
bool BlockingEngine::IsServedElsewhere(const Waiter& waiter, resp::ReplyWriter& reply) const {
  const std::string_view key = waiter.places.front().queue->first.text;
  const command::KeyPosition position = {0, 0};
  return !services_.cluster->Admit(waiter.command, {&key, 1}, {&position, 1}, true,
                                   waiter.client.readonly(), reply, waiter.client.db()) &&
         (reply.error_code() == "MOVED" || reply.error_code() == "CLUSTERDOWN");
}

void BlockingEngine::Cron() {
  if (services_.cluster == nullptr || queues_.empty()) return;
  const bool cluster_ok = services_.cluster->Summary().ok;
  for (auto next = waiters_.begin(); next != waiters_.end();) {
    Waiter& waiter = **next++;
    if (waiter.places.empty()) continue;  // WAIT
    OutputBuffer buffer;
    resp::ReplyWriter reply(buffer);
    if (!cluster_ok) {
      reply.Error("CLUSTERDOWN The cluster is down");
    } else if (!IsServedElsewhere(waiter, reply)) {
      continue;
    }
    services_.stats.CountError(reply.error_code());
    waiter.client.Reply().Raw(buffer.ToString());
    End(waiter);
  }
}

}  // namespace keyway::shard
