#include "proxy/session/session.h"

#include <algorithm>
#include <utility>

#include <glog/logging.h>

#include "common/log/log.h"
#include "common/resp/reply_writer.h"
#include "proxy/execution/encode.h"
#include "proxy/execution/error_text.h"
#include "proxy/scripting/declared_flags.h"
#include "proxy/session/local_commands.h"
#include "proxy/session/session_list.h"
#include "proxy/session/transaction.h"

namespace keyway::proxy::session {
namespace {

using execution::Outcome;
using routing::Plan;

constexpr std::string_view kTooManyClients = "ERR max number of clients reached";
constexpr std::string_view kNoAuth = "NOAUTH Authentication required.";
constexpr std::string_view kRestricted =
    "only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context";
constexpr uint64_t kFlushTimeoutMs = 10'000;
constexpr size_t kFirstWindow = 64;
// What a client that is blocked may send ahead: for as long as it is read, its end is noticed.
constexpr size_t kSentAheadBytes = 1024 * 1024;
constexpr size_t kReplyWindowBytes = 16 * 1024 * 1024;
// More than this does not wait for the rest of a pipeline.
constexpr size_t kLateBytes = 16 * 1024;

// A browser that was tricked into talking to the port; Redis hangs up on these words too.
bool IsHttp(std::string_view word) {
  const auto equals = [word](std::string_view lower) {
    return std::equal(word.begin(), word.end(), lower.begin(), lower.end(), [](char a, char b) {
      return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
    });
  };
  return equals("post") || equals("host:");
}

// Whether `bytes`, which gave `arguments`, are an array of bulk strings as one writes it. Empty requests may
// stand before it; and a length line may end in a CR and any other byte, as Redis does not look at it,
// while those who change a request do.
bool IsPlainArray(std::string_view bytes, std::span<const std::string_view> arguments) {
  if (bytes[0] != '*' || bytes[1] < '1' || bytes[1] > '9') return false;
  return bytes[bytes.find('\r') + 1] == '\n' &&
         std::all_of(arguments.begin(), arguments.end(),
                     [](std::string_view argument) { return argument.data()[-1] == '\n'; });
}

// Never 0.
size_t HashOf(std::string_view script) {
  return std::hash<std::string_view>()(script) | 1;
}

}  // namespace

Session::Session(SessionContext& context, uint64_t id, std::unique_ptr<net::Stream> stream,
                 bool admitted)
    : context_(context),
      stream_(std::move(stream)),
      parser_(context.options.request_limits),
      queue_(context.executor),
      admitted_(admitted),
      window_(std::min(kFirstWindow, context.options.max_requests_in_flight)),
      created_micros_(context.loop.NowMicros()),
      active_micros_(created_micros_) {
  client_.id = id;
  client_.authenticated = context.options.password.empty();
  parser_.set_authenticated(client_.authenticated);
}

Session::~Session() {
  if (blocked_ != nullptr || held_by_pause_) context_.statistics.blocked.Subtract(1);
  if (admitted_) context_.directory.Leave();
}

void Session::Start() {
  stream_->Start(this);
  if (admitted_) return;
  resp::ReplyWriter(stream_->output()).Error(kTooManyClients);
  Finish();
}

int64_t Session::idle_seconds() const {
  return (context_.loop.NowMicros() - active_micros_) / 1'000'000;
}

void Session::NoteSentBytes() {
  if (std::exchange(bytes_sent_, stream_->bytes_sent()) == stream_->bytes_sent()) return;
  active_micros_ = context_.loop.NowMicros();
}

// Reading
// ------------------------------------------------------------------------------------------

size_t Session::OnBytes(std::string_view bytes) {
  in_on_bytes_ = true;
  presenting_ = false;
  active_micros_ = context_.loop.NowMicros();
  size_t done = 0;
  while (MayDispatch()) {
    const std::string_view rest = bytes.substr(done);
    const resp::ParseOutcome outcome = parser_.Next(rest);
    if (outcome == resp::ParseOutcome::kError) {
      OnProtocolError();
      break;
    }
    const size_t consumed = parser_.consumed();
    if (outcome == resp::ParseOutcome::kNeedMore) {
      done += consumed;
      break;
    }
    const std::string_view request = rest.substr(0, consumed);
    const bool forwardable = IsPlainArray(request, parser_.arguments());
    if (!Dispatch(parser_.arguments(), forwardable ? request : std::string_view())) {
      if (held_by_pause_) context_.statistics.blocked.Add(1);
      break;
    }
    done += consumed;
  }
  // What a client sends after QUIT or a protocol error is nobody's.
  if (state_ != State::kOpen) done = bytes.size();
  in_on_bytes_ = false;
  context_.statistics.input_bytes.Add(done);
  UpdateReading();
  AfterOutput();
  return done;
}

bool Session::MayDispatch() const {
  if (state_ != State::kOpen || output_full_ || select_ != nullptr || blocked_ != nullptr ||
      held_by_pause_) {
    return false;
  }
  const SessionOptions& options = context_.options;
  if (queue_.size() >= Window() || queue_.request_bytes() >= options.max_request_bytes_in_flight) {
    return false;
  }
  if (in_flight_ == 0) return true;
  const topology::SlotMap* map = context_.executor.access().map();
  return !must_drain_ && map != nullptr && map->version() == map_version_;
}

size_t Session::Window() const {
  const size_t fitting = kReplyWindowBytes / (average_reply_bytes_ + 1);
  return std::clamp<size_t>(fitting, 1, window_);
}

void Session::LearnReplySize(size_t bytes) {
  if (window_ < context_.options.max_requests_in_flight) ++window_;
  average_reply_bytes_ = (average_reply_bytes_ * 7 + bytes) / 8;
}

void Session::UpdateReading() {
  if (state_ != State::kOpen || in_on_bytes_) return;
  const bool may = MayDispatch();
  if (!may && (blocked_ != nullptr || held_by_pause_) && !paused_ &&
      stream_->retained_input_bytes() < kSentAheadBytes) {
    held_back_ = true;
    return;
  }
  if (may && std::exchange(held_back_, false) && !paused_) {
    presenting_ = stream_->retained_input_bytes() > 0;
    stream_->ResumeReading();
    return;
  }
  if (may != paused_) return;
  // Not for every reply: what waits in the stream's buffer is looked at as a whole each time.
  if (may && queue_.size() * 2 > Window()) return;
  paused_ = !may;
  if (paused_) {
    stream_->PauseReading();
  } else {
    presenting_ = stream_->retained_input_bytes() > 0;
    stream_->ResumeReading();
  }
}

void Session::OnProtocolError() {
  context_.statistics.protocol_errors.Add(1);
  running_silently_ = client_.replies_off;
  ReplyError("ERR " + parser_.error());
  Finish();
}

bool Session::Dispatch(std::span<const std::string_view> arguments, std::string_view raw) {
  const command::Lookup lookup = command::LookupCommand(arguments);
  const bool found = lookup.status == command::Lookup::Status::kFound;
  Plan& plan = context_.plan;
  execution::ReadFrom read_from = execution::ReadFrom::kPrimary;
  const bool allowed =
      found && (client_.authenticated || lookup.command->spec->is(command::kNoAuth));
  if (allowed) {
    const Pause& pause = context_.sessions.pause();
    if (pause.is_on() && FitsState(*lookup.command) &&
        pause.Holds(scripting::FlagsOfCall(*lookup.command, arguments,
                                           context_.executor.scripts()))) {
      held_by_pause_ = true;
      return false;
    }
    if (client_.multi >= 0) return DispatchQueueing(*lookup.command, arguments);
    context_.router.Route(*lookup.command, arguments, &plan);
    read_from = ReadFromFor(*lookup.command, plan);
    if (in_flight_ > 0 && NeedsQuiet(*lookup.command, arguments, plan, read_from)) {
      must_drain_ = true;
      return false;
    }
  }
  running_silently_ = client_.replies_off || std::exchange(client_.skip_next, false);
  if (!found) {
    RejectUnknown(lookup, arguments);
    return true;
  }
  const command::Command& command = *lookup.command;
  last_command_ = &command;
  if (!allowed) {
    context_.executor.statistics().CountRequest(command.id, Outcome::kRefused, 0);
    Refuse(&command, kNoAuth);
    return true;
  }
  if (restricted() && !context_.local_commands.OpenToSubscribers(command)) {
    context_.executor.statistics().CountRequest(command.id, Outcome::kRefused, 0);
    Refuse(&command, "ERR Can't execute '" + command.full_name + "': " + std::string(kRestricted));
    return true;
  }
  switch (plan.kind) {
    case Plan::Kind::kRefused:
      context_.executor.statistics().CountRequest(command.id, Outcome::kRefused, 0);
      ReplyError(plan.error);
      return true;
    case Plan::Kind::kLocal:
      RunLocal(command, arguments, running_silently_);
      return true;
    default:
      Forward(command, arguments, raw, read_from);
      return true;
  }
}

bool Session::FitsState(const command::Command& command) const {
  if (restricted() && !context_.local_commands.OpenToSubscribers(command)) return false;
  return client_.multi < 0 || !command.spec->is(command::kNoMulti);
}

void Session::RejectUnknown(const command::Lookup& lookup,
                            std::span<const std::string_view> arguments) {
  if (lookup.status == command::Lookup::Status::kUnknownCommand && IsHttp(arguments[0])) {
    KEYWAY_WARNING() << "Possible SECURITY ATTACK detected. It looks like somebody is sending "
                        "POST or Host: commands. Connection from "
                     << net::ToString(stream_->peer()) << " aborted.";
    Finish();
    return;
  }
  if (lookup.command == nullptr) {
    context_.executor.statistics().CountUnknown();
  } else {
    context_.executor.statistics().CountRequest(lookup.command->id, Outcome::kRefused, 0);
  }
  Refuse(lookup.command, command::LookupError(lookup, arguments));
}

bool Session::NeedsQuiet(const command::Command& command,
                         std::span<const std::string_view> arguments,
                         const routing::Plan& plan, execution::ReadFrom read_from) const {
  if (read_from == execution::ReadFrom::kPrimary ? replicas_in_flight_ > 0
                                                 : reads_in_flight_ < in_flight_) {
    return true;
  }
  if (plan.kind == Plan::Kind::kLocal) return context_.local_commands.NeedsQuiet(command);
  if (plan.pinned || plan.scripts != scripts_in_flight_) return true;
  if (context_.executor.access().any_moving() && TouchesMovingSlot(plan)) return true;
  // What a subscriber publishes to itself comes between the replies to what it asked before and after.
  if (subscriptions_ != nullptr && command.spec->is(command::kPubsub)) return true;
  return plan.scripts && script_sent_again_ != 0 && script_sent_again_ != HashOf(arguments[1]);
}

bool Session::TouchesMovingSlot(const routing::Plan& plan) const {
  const execution::ShardAccess& access = context_.executor.access();
  return access.IsMoving(plan.slot) ||
         std::any_of(plan.keys.begin(), plan.keys.end(),
                     [&access](const Plan::Key& key) { return access.IsMoving(key.slot); });
}

execution::ReadFrom Session::ReadFromFor(const command::Command& command, const Plan& plan) const {
  using execution::ReadFrom;
  if (client_.read_from == ReadFrom::kPrimary || !routing::MayReadReplica(command, plan)) {
    return ReadFrom::kPrimary;
  }
  // What it is to write depends on what it reads.
  if (transaction_ != nullptr && transaction_->watch() != nullptr) return ReadFrom::kPrimary;
  // Behind the client's own writes, over the same connection, it sees what they have written.
  const bool behind_writes = reads_in_flight_ < in_flight_;
  return behind_writes && client_.read_from != ReadFrom::kReplica ? ReadFrom::kPrimary
                                                                  : client_.read_from;
}

execution::Request Session::MakeRequest(const command::Command& command,
                                        std::span<const std::string_view> arguments,
                                        std::string_view raw) {
  return {.command = &command,
          .arguments = arguments,
          .bytes = raw,
          .plan = &context_.plan,
          .version = client_.version,
          .database = client_.database,
          .client = client_.id,
          .subscriber = subscriptions_ != nullptr};
}

void Session::Forward(const command::Command& command, std::span<const std::string_view> arguments,
                      std::string_view raw, execution::ReadFrom read_from) {
  if (raw.empty()) {
    context_.encoded.clear();
    execution::AppendRequest(arguments, &context_.encoded);
    raw = context_.encoded;
  }
  execution::Request request = MakeRequest(command, arguments, raw);
  request.read_from = read_from;
  RunOperation(*context_.executor.Create(request), request, context_.plan.scripts);
}

void Session::RunOperation(execution::Operation& operation, const execution::Request& request,
                           bool scripts) {
  operation.silent = running_silently_;
  operation.request_bytes = request.bytes.size();
  operation.only_reads = request.command->spec->is(command::kReadonly);
  operation.at_replicas = request.read_from != execution::ReadFrom::kPrimary;
  if (operation.only_reads) ++reads_in_flight_;
  if (operation.at_replicas) ++replicas_in_flight_;
  if (in_flight_++ == 0) {
    scripts_in_flight_ = scripts;
    script_sent_again_ = 0;
    const topology::SlotMap* map = context_.executor.access().map();
    map_version_ = map == nullptr ? 0 : map->version();
  }
  queue_.Push(operation);
  starting_ = &operation;
  context_.executor.Start(operation, request, *this);
  // Its reply may have come inside; then it may be another one's by now.
  if (std::exchange(starting_, nullptr) != &operation) return;
  if (operation.may_be_sent_again()) script_sent_again_ = HashOf(request.arguments[1]);
  if (!operation.blocks_client()) return;
  blocked_ = &operation;
  context_.statistics.blocked.Add(1);
  // It gets what is there, and waits for nothing that its client would not live to see.
  if (input_ended_) operation.Unblock(false, [](bool) {});
}

void Session::RunSelect(execution::Operation& operation, const execution::Request& request,
                        int database) {
  select_ = &operation;
  selecting_ = database;
  RunOperation(operation, request);
}

void Session::RunLocal(const command::Command& command, std::span<const std::string_view> arguments,
                       bool silent) {
  const bool direct = queue_.empty() && !silent;
  OutputBuffer& out = direct ? stream_->output() : context_.scratch;
  const size_t before = stream_->output().size();
  resp::ReplyWriter reply(out, client_.version);
  LocalCall call{*this, command, arguments, reply};
  context_.local_commands.Find(command)(call);
  if (call.deferred) return;
  context_.executor.statistics().CountRequest(command.id,
                                              call.failed ? Outcome::kError : Outcome::kOk, 0);
  if (direct) {
    context_.statistics.output_bytes.Add(out.size() - before);
    return;
  }
  // CLIENT REPLY ON answers although replies were off when it arrived.
  if ((silent && !call.answer_anyway) || call.answer_never) {
    out.Clear();
    return;
  }
  queue_.PushReply(std::move(out), stream_->output());
  out.Clear();
}

void Session::ReplyError(std::string_view text) {
  if (running_silently_) return;
  resp::ReplyWriter(context_.scratch).Error(text);
  context_.statistics.output_bytes.Add(context_.scratch.size());
  queue_.PushReply(std::move(context_.scratch), stream_->output());
  context_.scratch.Clear();
}

// Replies
// ------------------------------------------------------------------------------------------

template <typename Reply>
void Session::TakeReply(execution::Operation& operation, Reply&& reply) {
  const bool its_turn = queue_.front() == &operation;
  if (operation.parts_bytes > 0 && operation.outcome() != Outcome::kOk) {
    if (its_turn && !operation.silent) {
      context_.statistics.closed_for_broken_reply.Add(1);
      KEYWAY_WARNING() << "Client " << Describe()
                       << " closed in the middle of a reply: its shard was lost.";
      Doom();
      return;
    }
    queue_.DropParts(operation);
  }
  if (!operation.silent) context_.statistics.output_bytes.Add(reply.size());
  LearnReplySize(operation.parts_bytes + reply.size());
  if (&operation == select_) {
    select_ = nullptr;
    if (operation.outcome() == Outcome::kOk) client_.database = selecting_;
  }
  if (&operation == blocked_) {
    blocked_ = nullptr;
    context_.statistics.blocked.Subtract(1);
  }
  if (&operation == starting_) starting_ = nullptr;
  if (operation.only_reads) --reads_in_flight_;
  if (operation.at_replicas) --replicas_in_flight_;
  if (--in_flight_ == 0) must_drain_ = false;
  const bool composed = &operation == composed_;
  queue_.Answer(operation, std::forward<Reply>(reply), stream_->output());
  if (composed) composed_ = nullptr;
  if ((its_turn || composed) && composed_ == nullptr && !held_messages_.empty()) {
    stream_->output().AppendBuffer(std::move(held_messages_));
  }
  BeginFront();
  if (in_on_bytes_) return;
  if (paused_ || held_back_) UpdateReading();
  AfterOutput();
}

void Session::OnReply(execution::Operation& operation, std::string_view reply) {
  TakeReply(operation, reply);
}

void Session::OnReply(execution::Operation& operation, OutputBuffer&& reply) {
  TakeReply(operation, std::move(reply));
}

void Session::OnHeldUp(execution::Operation&) {
  must_drain_ = true;
  UpdateReading();
}

void Session::Unblock(bool error, std::function<void(bool)> done) {
  if (blocked_ == nullptr) return done(false);
  blocked_->Unblock(error, std::move(done));
}

void Session::ResumeAfterPause() {
  if (!std::exchange(held_by_pause_, false)) return;
  context_.statistics.blocked.Subtract(1);
  UpdateReading();
  AfterOutput();
}

void Session::Push(std::string_view message) {
  if (state_ == State::kDoomed || state_ == State::kFlushing) return;
  const bool waits = composed_ != nullptr || WritingParts();
  (waits ? held_messages_ : stream_->output()).Append(message);
  context_.statistics.output_bytes.Add(message.size());
  if (!in_on_bytes_) AfterOutput();
}

void Session::AfterOutput() {
  if (state_ == State::kDoomed) return;
  const size_t unsent = stream_->output().size();
  if (unsent > 0) active_micros_ = context_.loop.NowMicros();
  if (unsent > 0 && !writes_late()) {
    if (in_flight_ > 0 && unsent < kLateBytes && !must_drain_ && state_ == State::kOpen) {
      context_.late_writes.Add(*this);
    } else {
      stream_->ScheduleWrite();
    }
  } else if (writes_late() && (in_flight_ == 0 || unsent >= kLateBytes)) {
    DoNotWriteLate();
    stream_->ScheduleWrite();
  }
  if (OverOutputLimit(unsent + queue_.held_bytes() + held_messages_.size())) {
    context_.statistics.closed_for_output.Add(1);
    KEYWAY_WARNING() << "Client " << Describe()
                     << " closed for overcoming of output buffer limits.";
    Doom();
    return;
  }
  NoteGrowth();
  if (input_ended_ && queue_.empty() && !paused_ && !held_back_ && !presenting_) Finish();
  CloseIfFinished();
}

// The end
// ------------------------------------------------------------------------------------------

void Session::Finish() {
  if (state_ != State::kOpen) return;
  state_ = State::kFinishing;
  if (!stream_->reading_paused()) stream_->PauseReading();
  if (!in_on_bytes_) CloseIfFinished();
}

void Session::CloseIfFinished() {
  if (state_ != State::kFinishing || !queue_.empty()) return;
  state_ = State::kFlushing;
  stream_->CloseAfterFlush(kFlushTimeoutMs);
}

void Session::Doom() {
  if (state_ == State::kDoomed) return;
  state_ = State::kDoomed;
  context_.sessions.RemoveLater(*this);
}

void Session::OnClosed(net::CloseReason reason, std::string_view detail) {
  if (reason == net::CloseReason::kInputLimit) {
    context_.statistics.closed_for_input.Add(1);
    KEYWAY_WARNING() << "Closing client that reached max query buffer length: " << Describe();
  } else {
    KEYWAY_DEBUG() << "Client " << client_.id << " closed connection: " << detail;
  }
  // One that is doomed is destroyed with the others.
  if (state_ != State::kDoomed) context_.sessions.Remove(*this);
}

bool Session::OnEndOfInput() {
  // As with Redis, `printf 'GET k\r\n' | nc` gets its reply: what was sent before the end counts.
  if (queue_.empty() && !paused_ && !presenting_) return false;
  // Who waits for a key that may never come is gone.
  if (blocked_ != nullptr) return false;
  input_ended_ = true;
  return true;
}

bool Session::Authenticate(std::string_view user, std::string_view password) {
  const std::string_view right = context_.options.password;
  // Takes the same time for every wrong password of the right length.
  unsigned difference = password.size() == right.size() ? 0 : 1;
  for (size_t i = 0; i < std::min(password.size(), right.size()); ++i) {
    difference |= static_cast<unsigned char>(password[i] ^ right[i]);
  }
  if (user != "default" || (difference != 0 && !right.empty())) return false;
  client_.authenticated = true;
  parser_.set_authenticated(true);
  return true;
}

void Session::Deauthenticate() {
  client_.authenticated = context_.options.password.empty();
  parser_.set_authenticated(client_.authenticated);
}

std::string Session::Describe() const {
  const size_t query = stream_->retained_input_bytes();
  const size_t query_memory = stream_->input_memory();
  const OutputBuffer& output = stream_->output();
  const auto number = [](std::string_view name, uint64_t value) {
    return " " + std::string(name) + "=" + std::to_string(value);
  };
  std::string line = "id=" + std::to_string(client_.id);
  line += " addr=" + net::ToString(stream_->peer()) + " laddr=" + net::ToString(stream_->local());
  line += " fd=" + std::to_string(stream_->fd()) + " name=" + client_.name;
  line += number("age", (context_.loop.NowMicros() - created_micros_) / 1'000'000);
  line += number("idle", idle_seconds());
  std::string flags;
  if (subscriptions_ != nullptr) flags += 'P';
  if (client_.multi >= 0) flags += 'x';
  if ((blocked_ != nullptr && blocked_->waits()) || held_by_pause_) flags += 'b';
  if (client_.no_evict) flags += 'e';
  line += " flags=" + (flags.empty() ? "N" : flags) + number("db", client_.database);
  const auto subscribed = [this](pubsub::Kind kind) {
    return subscriptions_ == nullptr ? 0 : subscriptions_->count(kind);
  };
  line += number("sub", subscribed(pubsub::Kind::kChannel)) +
          number("psub", subscribed(pubsub::Kind::kPattern)) +
          number("ssub", subscribed(pubsub::Kind::kShardChannel)) +
          " multi=" + std::to_string(client_.multi);
  line += number("qbuf", query) + number("qbuf-free", query_memory - std::min(query, query_memory));
  line += number("argv-mem", queue_.request_bytes()) + " multi-mem=0 rbs=0 rbp=0";
  line += number("obl", 0) + number("oll", queue_.size()) +
          number("omem", output.memory() + queue_.held_bytes());
  line += number("tot-mem", memory());
  line += " events=r cmd=" + (last_command_ == nullptr ? "NULL" : last_command_->full_name);
  line += " user=default redir=-1 resp=" + std::to_string(static_cast<int>(client_.version));
  return line;
}

}  // namespace keyway::proxy::session
