#include "proxy/backend/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "common/log/log.h"

namespace keyway::proxy::backend {
namespace {

constexpr int kMaxBackOffDoublings = 16;

constexpr std::string_view kReadonlyWords[] = {"READONLY"};
constexpr std::string_view kAskingWords[] = {"ASKING"};
constexpr std::string_view kPingWords[] = {"PING"};
constexpr std::string_view kPong = "+PONG\r\n";

// An error reply as one line, without its type and CRLF, for a detail.
std::string ErrorText(std::string_view reply) {
  const auto value = resp::ParseReplyTree(reply);
  return value.ok() ? std::string(value->text) : "malformed reply";
}

// The "id" in the reply of HELLO; 0 when it is not there.
int64_t ClientIdOf(std::string_view hello) {
  const auto value = resp::ParseReplyTree(hello);
  if (!value.ok()) return 0;
  for (size_t i = 0; i + 1 < value->elements.size(); i += 2) {
    if (value->elements[i].text == "id") return value->elements[i + 1].integer;
  }
  return 0;
}

void AppendBulk(OutputBuffer& out, std::string_view bytes) {
  resp::ReplyWriter(out).Bulk(bytes);
}

size_t TotalSize(std::span<const std::string_view> parts) {
  size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  return size;
}

}  // namespace

Connection::Connection(PoolContext& pool, const net::Endpoint& node, resp::Version version,
                       bool readonly)
    : pool_(pool),
      node_(node),
      name_(net::ToString(node)),
      version_(version),
      readonly_(readonly),
      last_send_(pool.loop.NowMicros()) {}

Connection::~Connection() {
  DCHECK(live_calls_ == 0 && failing_.empty());
}

void Connection::Mark(Call* call, Place place, uint64_t sequence) {
  call->connection_ = this;
  call->sequence_ = static_cast<uint64_t>(place) << kPlaceShift | sequence;
}

void Connection::Unmark(Call* call) {
  call->connection_ = nullptr;
}

void Connection::Send(const SendOptions& options, std::span<const std::string_view> parts,
                      Call* call) {
  CHECK(!call->pending()) << "a call was sent twice";
  const size_t bytes = TotalSize(parts);
  last_send_ = pool_.loop.NowMicros();
  if (pool_.shutting_down) {
    static const Detail detail = std::make_shared<const std::string>("the proxy is shutting down");
    return Fail(call, Failure::kNotSent, detail);
  }
  // A single request may be larger than the bound: a value of half a gigabyte is a legal one.
  const size_t queued = queued_bytes();
  if ((queued > 0 && queued + bytes > pool_.options.max_queued_bytes) ||
      waiting_requests() >= pool_.options.max_pending_requests) {
    ++pool_.stats.queue_full;
    return Fail(call, Failure::kQueueFull,
                std::make_shared<const std::string>("too many requests wait for " + name_));
  }
  if (state_ == State::kIdle) {
    if (lost_) return Fail(call, Failure::kNotSent, last_failure_);
    if (last_send_ < retry_at_) return Fail(call, Failure::kConnect, last_failure_);
    Connect();
  }
  ++pool_.stats.requests;
  ++live_calls_;
  if (state_ == State::kReady && held_.empty() && options.database <= highest_database_) {
    return Write(options, parts, call);
  }
  Held held{call, false, options, {}};
  held.bytes.reserve(bytes);
  for (const std::string_view part : parts) held.bytes += part;
  held_bytes_ += bytes;
  Mark(call, Place::kHeld, held_.Push(std::move(held)));
  if (state_ == State::kReady) FlushHeld();
}

void Connection::Cancel(Call* call) {
  const auto place = static_cast<Place>(call->sequence_ >> kPlaceShift);
  const uint64_t sequence = call->sequence_ & ((uint64_t{1} << kPlaceShift) - 1);
  Unmark(call);
  switch (place) {
    case Place::kPending:
      pending_.At(sequence).call = nullptr;
      --live_calls_;
      // The rest is dropped. If nobody waits for it, the connection closes instead.
      if (sequence == pending_.first() && live_calls_ > 0) Resume();
      return;
    case Place::kHeld:
      held_.At(sequence).call = nullptr;
      --live_calls_;
      return;
    case Place::kFailing:
      failing_.At(sequence).call = nullptr;
      return;
  }
}

void Connection::Connect() {
  const BackendOptions& options = pool_.options;
  net::StreamOptions stream;
  stream.connect_timeout_ms = options.connect_timeout_ms;
  stream.input_limit_bytes = options.max_reply_bytes;
  stream.keepalive_seconds = std::max(1, options.idle_probe_ms / 1000);
  stream_ = net::Stream::Connect(pool_.loop, node_, stream, this);
  state_ = State::kConnecting;
  state_since_ = pool_.loop.NowMicros();
}

void Connection::OnConnected() {
  const BackendOptions& options = pool_.options;
  state_ = State::kHandshake;
  state_since_ = last_byte_ = pool_.loop.NowMicros();
  // A machine that is gone answers nothing, not even at the TCP level, while a node that is busy
  // with a long command goes on acknowledging: only the first is to cost the requests under way.
  const unsigned silence_ms = static_cast<unsigned>(std::max(0, options.idle_probe_ms) +
                                                    std::max(0, options.probe_timeout_ms));
  setsockopt(stream_->fd(), IPPROTO_TCP, TCP_USER_TIMEOUT, &silence_ms, sizeof(silence_ms));

  std::vector<std::string_view> hello = {"HELLO", version_ == resp::Version::kResp3 ? "3" : "2"};
  if (!options.password.empty()) {
    const std::string_view username = options.username;
    hello.insert(hello.end(), {"AUTH", username.empty() ? "default" : username, options.password});
  }
  hello.insert(hello.end(), {"SETNAME", "keyway-proxy"});
  WriteOwn(Kind::kHello, hello);
  if (readonly_) WriteOwn(Kind::kReadonly, kReadonlyWords);
}

void Connection::WriteOwn(Kind kind, std::span<const std::string_view> words) {
  OutputBuffer& out = stream_->output();
  const size_t before = out.size();
  resp::ReplyWriter(out).ArrayHeader(words.size());
  for (const std::string_view word : words) AppendBulk(out, word);
  pending_.Push({nullptr, appended_, kind});
  appended_ += out.size() - before;
  stream_->ScheduleWrite();
}

void Connection::WriteSelect(Kind kind, int database) {
  const std::string digits = std::to_string(database);
  const std::string_view words[] = {"SELECT", digits};
  WriteOwn(kind, words);
}

void Connection::Write(const SendOptions& options, std::span<const std::string_view> parts,
                       Call* call) {
  if (options.database != database_) {
    WriteSelect(Kind::kSelect, options.database);
    database_ = options.database;
  }
  if (options.asking) WriteOwn(Kind::kAsking, kAskingWords);
  if (pending_.empty()) waiting_since_ = last_send_;
  if (stopped_ && pending_.front().call == nullptr) Resume();
  const bool large = TotalSize(parts) >= kLargeBytes;
  const uint64_t sequence = pending_.Push(
      {call, appended_, Kind::kRequest, options.replies, options.fenced, large});
  if (call != nullptr) Mark(call, Place::kPending, sequence);
  OutputBuffer& out = stream_->output();
  for (const std::string_view part : parts) {
    out.Append(part);
    appended_ += part.size();
  }
  stream_->ScheduleWrite();
  if (!large) return;
  ++large_requests_;
  HoldUp();
}

// Writes what is held, up to a request for a database that this connection has not seen: were its
// SELECT refused, what follows in the pipeline would run on another database.
void Connection::FlushHeld() {
  while (!held_.empty() && !selecting_.has_value()) {
    const int database = held_.front().options.database;
    if (!held_.front().dropped && database > highest_database_) {
      WriteSelect(Kind::kFirstSelect, database);
      selecting_ = database;
      database_before_ = database_;
      database_ = database;
      return;
    }
    const Held held = held_.Pop();
    held_bytes_ -= held.bytes.size();
    if (held.dropped) continue;
    const std::string_view bytes = held.bytes;
    Write(held.options, {&bytes, 1}, held.call);
  }
}

size_t Connection::OnBytes(std::string_view bytes) {
  last_byte_ = pool_.loop.NowMicros();
  size_t consumed = 0;
  while (consumed < bytes.size()) {
    switch (parser_.Next(bytes.substr(consumed))) {
      case resp::ReplyParser::Outcome::kNeedMore:
        return consumed + TakePart(bytes.substr(consumed));
      case resp::ReplyParser::Outcome::kError:
        Close(Failure::kConnect, name_ + " sent what is no reply: " + parser_.error());
        return bytes.size();
      case resp::ReplyParser::Outcome::kReply:
        break;
    }
    const std::string_view reply = bytes.substr(consumed, parser_.length());
    consumed += parser_.length();
    if (parser_.type() == '>') {
      if (owner_ != nullptr) owner_->OnPush(reply);
      continue;
    }
    if (!TakeReply(reply, parser_.type())) return bytes.size();
  }
  return consumed;
}

// Returns false when the stream is closed.
bool Connection::TakeReply(std::string_view reply, char type) {
  if (pending_.empty()) {
    // Redis says so before it closes a connection, for instance when it has too many clients.
    const bool error = type == '-' || type == '!';
    Close(Failure::kConnect, error ? name_ + " refused the connection: " + ErrorText(reply)
                                   : name_ + " sent a reply that nobody asked for");
    return false;
  }
  if (pending_.front().replies > 1 || (pending_.front().fenced && reply != kPong)) {
    --pending_.front().replies;
    if (Call* call = pending_.front().call; call != nullptr) call->OnReply(reply, type);
    return stream_ != nullptr;
  }
  const Pending pending = pending_.Pop();
  if (held_up_ || in_parts_) EndLarge(pending.large);
  if (pending.kind != Kind::kRequest) {
    return TakeOwnReply(pending.kind, reply, type != '-' && type != '!');
  }
  ++pool_.stats.replies;
  if (pending.call != nullptr) {
    --live_calls_;
    Unmark(pending.call);
    // The call may be destroyed in there.
    pending.call->OnReply(reply, type);
  }
  if (retired_ && stream_ != nullptr && pending_.empty() && held_.empty() &&
      !pool_.KeepRetired(this)) {
    Close(Failure::kNotSent, "the connection to " + name_ + " is not needed any more");
  }
  return stream_ != nullptr;
}

bool Connection::TakeOwnReply(Kind kind, std::string_view reply, bool ok) {
  switch (kind) {
    case Kind::kHello:
    case Kind::kReadonly:
      if (!ok) {
        Close(Failure::kHandshake, name_ + " refused the handshake: " + ErrorText(reply));
        return false;
      }
      if (kind == Kind::kHello && leased_) client_id_ = ClientIdOf(reply);
      if (!pending_.empty()) return true;
      state_ = State::kReady;
      failed_connects_ = 0;
      ++pool_.stats.connects;
      KEYWAY_VERBOSE() << "Connected to " << name_;
      FlushHeld();
      return true;
    case Kind::kSelect:
      if (ok) return true;
      // What stands behind it in the pipeline may run on the wrong database.
      Close(Failure::kNotSent, name_ + " refused SELECT: " + ErrorText(reply));
      return false;
    case Kind::kFirstSelect:
      TakeFirstSelect(reply, ok);
      return true;
    case Kind::kPing:
      probing_ = false;
      return true;
    case Kind::kAsking:
    case Kind::kRequest:
      return true;
  }
  return true;
}

void Connection::TakeFirstSelect(std::string_view reply, bool ok) {
  const int database = *selecting_;
  selecting_.reset();
  if (ok) {
    highest_database_ = std::max(highest_database_, database);
  } else {
    database_ = database_before_;
    const auto detail = std::make_shared<const std::string>(
        name_ + " refused SELECT " + std::to_string(database) + ": " + ErrorText(reply));
    for (uint64_t i = held_.first(); i != held_.end(); ++i) {
      Held& held = held_.At(i);
      if (held.options.database != database || held.dropped) continue;
      held.dropped = true;
      if (Call* call = std::exchange(held.call, nullptr); call != nullptr) {
        --live_calls_;
        Unmark(call);
        Fail(call, Failure::kHandshake, detail);
      }
    }
  }
  FlushHeld();
}

void Connection::OnClosed(net::CloseReason reason, std::string_view detail) {
  const std::string cause(detail);
  if (state_ == State::kReady) {
    Close(Failure::kNotSent, "the connection to " + name_ + " was lost: " + cause);
  } else if (reason == net::CloseReason::kConnectFailed) {
    Close(Failure::kConnect, "cannot connect to " + name_ + ": " + cause);
  } else {
    Close(Failure::kConnect, name_ + " closed the connection at once: " + cause);
  }
}

void Connection::ClearStream() {
  stream_.reset();
  state_ = State::kIdle;
  parser_ = resp::ReplyParser();
  appended_ = 0;
  database_ = highest_database_ = 0;
  selecting_.reset();
  probing_ = false;
  in_parts_ = large_reply_ = stopped_ = was_stopped_ = held_up_ = false;
  large_requests_ = passed_on_ = 0;
}

void Connection::Close(Failure held_failure, std::string text) {
  const Detail detail = std::make_shared<const std::string>(std::move(text));
  const uint64_t sent = stream_ == nullptr ? 0 : stream_->bytes_sent();
  if (state_ == State::kReady && !(Unneeded() || pool_.shutting_down)) {
    ++pool_.stats.connections_lost;
  }
  if (state_ == State::kReady) {
    held_failure = Failure::kNotSent;
    if (live_calls_ > 0 && !pool_.shutting_down) KEYWAY_WARNING() << *detail;
  } else if (stream_ != nullptr && !pool_.shutting_down) {
    BackOff();
    // Once for an outage, not for every attempt.
    if (failed_connects_ == 1) KEYWAY_WARNING() << *detail;
  }
  last_failure_ = detail;
  if (owner_ != nullptr && state_ == State::kReady) tell_owner_ = true;
  lost_ = leased_;
  ClearStream();
  while (!pending_.empty()) {
    const Pending pending = pending_.Pop();
    if (pending.call == nullptr) continue;
    --live_calls_;
    Unmark(pending.call);
    Fail(pending.call, pending.offset < sent ? Failure::kConnectionLost : Failure::kNotSent,
         detail);
  }
  while (!held_.empty()) {
    const Held held = held_.Pop();
    if (held.call == nullptr) continue;
    --live_calls_;
    Unmark(held.call);
    Fail(held.call, held_failure, detail);
  }
  held_bytes_ = 0;
  if (tell_owner_ && !std::exchange(report_scheduled_, true)) pool_.ScheduleReport(this);
}

void Connection::BeginLease(LeaseOwner* owner) {
  owner_ = owner;
  leased_ = true;
  last_send_ = pool_.loop.NowMicros();
}

void Connection::EndLease(bool spare) {
  owner_ = nullptr;
  tell_owner_ = report_scheduled_ = false;
  DropFailures();
  pool_.EndLease(this, spare && state_ == State::kReady && pending_.empty() && held_.empty());
}

void Connection::BackOff() {
  const BackendOptions& options = pool_.options;
  ++pool_.stats.connect_failures;
  const int64_t doublings = std::min(failed_connects_++, kMaxBackOffDoublings);
  const int64_t delay_ms =
      std::min<int64_t>(int64_t{options.reconnect_min_ms} << doublings, options.reconnect_max_ms);
  const int64_t delay = std::max<int64_t>(0, delay_ms) * kMicrosPerMilli;
  // Many proxies lose a node at the same moment; they are not to come back at the same moment.
  retry_at_ = pool_.loop.NowMicros() + pool_.random.Between(delay / 2, delay);
}

void Connection::Fail(Call* call, Failure failure, const Detail& detail) {
  Mark(call, Place::kFailing, failing_.Push({call, failure, detail}));
  if (std::exchange(report_scheduled_, true)) return;
  pool_.ScheduleReport(this);
}

void Connection::ReportFailures() {
  report_scheduled_ = false;
  // What fails again in there waits for the next time.
  for (size_t left = failing_.size(); left > 0 && !failing_.empty(); --left) {
    const Failed failed = failing_.Pop();
    if (failed.call == nullptr) continue;
    Unmark(failed.call);
    failed.call->OnFailure(failed.failure, *failed.detail);
  }
  if (!std::exchange(tell_owner_, false) || owner_ == nullptr) return;
  const Detail detail = last_failure_;
  owner_->OnLeaseLost(*detail);
}

void Connection::DropFailures() {
  while (!failing_.empty()) {
    const Failed failed = failing_.Pop();
    if (failed.call != nullptr) Unmark(failed.call);
  }
}

void Connection::Shutdown() {
  Close(Failure::kNotSent, "the proxy is shutting down");
}

bool Connection::removable() const {
  if (state_ != State::kIdle || !failing_.empty()) return false;
  if (leased_) return owner_ == nullptr;
  if (retired_) return true;
  const int64_t unused = pool_.loop.NowMicros() - last_send_;
  return !retained_ || unused > pool_.options.idle_close_ms * kMicrosPerMilli;
}

size_t Connection::queued_bytes() const {
  return held_bytes_ + (stream_ == nullptr ? 0 : stream_->output().size());
}

int64_t Connection::waited_micros() const {
  if (state_ != State::kReady || pending_.empty() || stopped_) return 0;
  return pool_.loop.NowMicros() - std::max(waiting_since_, last_byte_);
}

int64_t Connection::silent_micros() const {
  if (live_calls_ == 0 || state_ == State::kIdle) return 0;
  if (state_ == State::kReady) return waited_micros();
  return pool_.loop.NowMicros() - std::max(state_since_, last_byte_);
}

bool Connection::Unneeded() const {
  if (live_calls_ > 0 || owner_ != nullptr) return false;
  // The rest of a large reply is more than a new connection costs.
  if (large_reply_ && in_parts_ && queued_bytes() == 0) return true;
  const int64_t unused = pool_.loop.NowMicros() - last_send_;
  if (unused >= pool_.options.idle_close_ms * kMicrosPerMilli) return true;
  // What was cancelled before it was written is still sent.
  return !retained_ && queued_bytes() == 0;
}

void Connection::Tick() {
  const BackendOptions& options = pool_.options;
  const int64_t now = pool_.loop.NowMicros();
  const auto passed = [now](int64_t since, int64_t millis) {
    return now - since >= millis * kMicrosPerMilli;
  };
  switch (state_) {
    case State::kIdle:
    case State::kConnecting:  // the stream has its own time-out
      return;
    case State::kHandshake:
      if (passed(state_since_, options.connect_timeout_ms)) {
        Close(Failure::kConnect, name_ + " did not answer the handshake in time");
      }
      return;
    case State::kReady:
      break;
  }
  if (probing_ && passed(std::max(last_byte_, probe_sent_), options.probe_timeout_ms)) {
    return Close(Failure::kNotSent, name_ + " does not answer");
  }
  TickLarge(now);
  if (Unneeded()) {
    return Close(Failure::kNotSent, "the connection to " + name_ + " is not needed any more");
  }
  if (pending_.empty() && options.idle_probe_ms > 0 && passed(last_byte_, options.idle_probe_ms)) {
    probing_ = true;
    probe_sent_ = now;
    WriteOwn(Kind::kPing, kPingWords);
  }
}

}  // namespace keyway::proxy::backend
