#include "shard/server/client.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "common/log/log.h"
#include "shard/config/shard_config.h"
#include "shard/server/client_eviction.h"
#include "shard/server/client_registry.h"
#include "shard/server/dispatcher.h"
#include "shard/server/stats.h"
#include "shard/server/tracking.h"
#include "shard/server/transactions.h"

namespace keyway::shard {
namespace {

bool IsLoopback(std::string_view host) {
  return host.starts_with("127.") || host == "::1";
}

// "Protocol error: ...", as the log of redis-server has it.
std::string_view ProtocolReason(std::string_view error) {
  error.remove_prefix(std::min(error.size(), error.find(':') + 2));
  if (error.starts_with("expected '$'")) return "expected $ but got something else";
  if (error == "invalid multibulk length") return "invalid mbulk count";
  return error;
}

// Whether the request at the begin, behind empty lines, is no inline one.
bool IsArray(std::string_view bytes) {
  const size_t begin = bytes.find_first_not_of("\r\n");
  return begin != std::string_view::npos && bytes[begin] == '*';
}

// The beginning of what could not be parsed, printable, for the log.
std::string Excerpt(std::string_view bytes) {
  constexpr size_t kMost = 64;
  std::string text(bytes.substr(0, kMost));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '.');
  if (bytes.size() > kMost) text += "(... more " + std::to_string(bytes.size() - kMost) + " bytes)";
  return text;
}

// ASKING holds for the next command, or for the whole transaction that this begins.
bool KeepsAsking(const Client& client) {
  const Transaction* transaction = Transactions::Of(client);
  if (transaction != nullptr && transaction->open()) return true;
  const command::Command* last = client.last_command();
  return last != nullptr && last->full_name == "asking";
}

}  // namespace

Client::Client(uint64_t id, std::unique_ptr<net::Stream> stream, ClientRegistry& registry)
    : id_(id),
      registry_(registry),
      stream_(std::move(stream)),
      output_(&stream_->output()),
      created_micros_(registry.clock().MonotonicMicros()),
      last_request_micros_(created_micros_),
      authenticated_(registry.config().requirepass.empty()) {
  ApplyLimits();
}

Client::Client(ClientRegistry& registry)
    : id_(0),
      registry_(registry),
      output_(&own_output_),
      created_micros_(0),
      last_request_micros_(0) {}

Client::~Client() = default;

void Client::Start() {
  stream_->Start(this);
}

std::string Client::PeerText() const {
  if (stream_ == nullptr) return "?:0";
  if (stream_->is_unix_socket()) return LocalText();
  return net::ToString(stream_->peer());
}

std::string Client::LocalText() const {
  if (stream_->is_unix_socket()) return registry_.config().unixsocket + ":0";
  return net::ToString(stream_->local());
}

bool Client::is_local() const {
  return stream_->is_unix_socket() || IsLoopback(stream_->peer().host);
}

void Client::set_authenticated(bool authenticated) {
  authenticated_ = authenticated;
  parser_.set_authenticated(authenticated || registry_.config().requirepass.empty());
}

void Client::SetReplyMode(ReplyMode mode) {
  switch (mode) {
    case ReplyMode::kOn:
      reply_off_ = skip_this_reply_ = skip_next_reply_ = false;
      break;
    case ReplyMode::kOff:
      reply_off_ = true;
      break;
    case ReplyMode::kSkip:
      // Without replies there is nothing to skip.
      if (!reply_off_) skip_next_reply_ = true;
      break;
  }
}

void Client::set_state(StateKind kind, std::unique_ptr<ClientState> state) {
  // What the old state's destructor does must find the client without it.
  std::unique_ptr<ClientState> old = std::exchange(states_[static_cast<size_t>(kind)], nullptr);
  old.reset();
  states_[static_cast<size_t>(kind)] = std::move(state);
}

ClientType Client::type() const {
  if (from_primary()) return ClientType::kPrimary;
  if (is_replica()) return ClientType::kReplica;
  return has_state(StateKind::kSubscriptions) ? ClientType::kPubsub : ClientType::kNormal;
}

void Client::DropStates() {
  for (size_t kind = 0; kind < kStateKinds; ++kind) {
    set_state(static_cast<StateKind>(kind), nullptr);
  }
}

resp::ReplyWriter Client::Push() {
  if (over_limit_) return resp::ReplyWriter(pushed_in_reply_, version_);  // PushDone drops it
  if (is_replica()) return resp::ReplyWriter(own_output_, version_);      // as for a reply
  const bool in_reply = replies_open_ != 0 && OutputPosition() != reply_start_;
  return resp::ReplyWriter(in_reply ? pushed_in_reply_ : *output_, version_);
}

void Client::PushDone() {
  if (over_limit_) {
    pushed_in_reply_.Clear();
    return;
  }
  if (pushed_in_reply_.empty()) reply_start_ = OutputPosition();
  if (closing_) return;
  if (is_replica() && !own_output_.empty()) {
    own_output_.Clear();
    registry_.loop().AtEndOfPass([&registry = registry_, id = id_] {
      if (Client* client = registry.Find(id)) client->DropReplicaWithReply();
    });
    return;
  }
  stream_->ScheduleWrite();
  CountMemory();
  if (OverOutputLimit(registry_.clock().MonotonicMicros())) {
    over_limit_ = true;  // a script may go on and on before the pass ends
    registry_.CloseForOutputSoon(*this);
  }
}

void Client::BeginReply() {
  ++replies_open_;
  reply_start_ = OutputPosition();
}

void Client::EndReply() {
  --replies_open_;
  if (!pushed_in_reply_.empty()) output_->AppendBuffer(std::move(pushed_in_reply_));
}

void Client::Pin() {
  if (pinned_) return;
  pinned_ = true;
  reply_start_ += stream_->bytes_sent();
  // What comes meanwhile is executed afterwards, even if the peer has closed its side by then.
  stream_->PauseReading();
}

void Client::Unpin() {
  pinned_ = false;
  reply_start_ = output_bytes();
}

void Client::set_output_class(ClientClass output_class) {
  output_class_ = output_class;
  ApplyLimits();
}

void Client::ResetState() {
  DropStates();
  output_class_ = kClassNormal;
  name_.clear();
  db_ = 0;
  version_ = resp::Version::kResp2;
  readonly_ = asking_ = false;
  reply_off_ = skip_next_reply_ = false;
  set_authenticated(registry_.config().requirepass.empty());
}

resp::ReplyWriter Client::Reply() {
  // Between the bytes of the stream there is no place for replies.
  if (is_replica()) return resp::ReplyWriter(own_output_, version_);
  const bool silent = reply_off_ || skip_this_reply_;
  return resp::ReplyWriter(silent ? registry_.nowhere() : *output_, version_);
}

void Client::CloseAfterReply() {
  if (closing_) return;
  closing_ = true;
  stream_->CloseAfterFlush();
}

void Client::EndCommand(bool was_asking) {
  if ((was_asking || asking_) && !KeepsAsking(*this)) asking_ = false;
  if (has_state(StateKind::kTracking)) Tracking::EndCaching(*this);
  skip_this_reply_ = skip_next_reply_;
  skip_next_reply_ = false;
  current_args_ = {};
}

void Client::Resume() {
  if (!suspended_) return;
  suspended_ = false;
  // It was not idle.
  last_request_micros_ = registry_.clock().MonotonicMicros();
  PresentAgain();
}

void Client::PresentAgain() {
  if (!closing_) stream_->ResumeReading();
}

void Client::ApplyLimits() {
  const ShardConfig& config = registry_.config();
  resp::RequestLimits limits;
  limits.max_bulk_bytes = from_primary() ? INT64_MAX / 2 : config.proto_max_bulk_len;
  parser_.set_limits(limits);
  parser_.set_authenticated(authenticated_ || config.requirepass.empty());
  // Whoever sets a limit wants the client to run into it, not to be held back before.
  const OutputLimit& limit = config.client_output_buffer_limit[output_class_];
  pause_bytes_ = std::max<uint64_t>({kOutputPauseBytes, limit.hard_bytes, limit.soft_bytes});
  net::StreamOptions options = registry_.StreamOptionsFor(pause_bytes_);
  if (from_primary()) options.input_limit_bytes = 0;  // what it has executed has had room there
  stream_->SetOptions(options);
}

bool Client::OverOutputLimit(int64_t now_micros) {
  const OutputLimit& limit = registry_.config().client_output_buffer_limit[output_class_];
  const size_t bytes = output_bytes();
  uint64_t hard_bytes = limit.hard_bytes;
  // A replica gets a whole backlog when it comes back: a lower limit would only send it away again.
  if (output_class_ == kClassReplica && hard_bytes != 0) {
    hard_bytes = std::max(hard_bytes,
                          static_cast<uint64_t>(registry_.config().repl_backlog_size));
  }
  if (hard_bytes != 0 && bytes >= hard_bytes) return true;
  if (limit.soft_bytes == 0 || bytes < limit.soft_bytes) {
    over_soft_limit_since_micros_ = 0;
    return false;
  }
  if (over_soft_limit_since_micros_ == 0) over_soft_limit_since_micros_ = now_micros;
  return now_micros - over_soft_limit_since_micros_ > limit.soft_seconds * 1'000'000;
}

bool Client::MayExecute() {
  if (suspended_) return false;
  if (!waits_for_drain_) return true;
  if (output_bytes() <= pause_bytes_) {
    waits_for_drain_ = false;
    return true;
  }
  // The stream notices a long output, and later its end, only after it has tried to write.
  if (!output_full_) PresentAgain();
  return false;
}

size_t Client::OnBytes(std::string_view bytes) {
  if (closing_) return bytes.size();
  if (!MayExecute()) return 0;
  ServerStats& stats = registry_.stats();
  ++stats.counters.reads_processed;
  stats.recent_max_input.Add(bytes.size());
  Dispatcher& dispatcher = registry_.dispatcher();
  dispatcher.BeginBatch();
  last_request_micros_ = dispatcher.now_micros();
  batch_bytes_ = bytes.size();
  const size_t done = ExecuteRequests(bytes);
  batch_bytes_ = 0;
  CountMemory();
  stats.recent_max_output.Add(output_bytes());
  if (!output_->empty()) stream_->ScheduleWrite();
  return closing_ ? bytes.size() : done;
}

size_t Client::ExecuteRequests(std::string_view bytes) {
  Dispatcher& dispatcher = registry_.dispatcher();
  size_t done = 0;
  for (int turn = 0; done < bytes.size(); ++turn) {
    if (turn == kRequestsPerTurn) {
      PresentAgain();
      break;
    }
    const resp::ParseOutcome outcome = parser_.Next(bytes.substr(done));
    if (outcome == resp::ParseOutcome::kError) {
      FailProtocol(bytes.substr(done));
      break;
    }
    if (outcome == resp::ParseOutcome::kNeedMore) {
      PassOn(bytes, done, parser_.consumed());
      done += parser_.consumed();
      break;
    }
    if (from_primary() && !IsArray(bytes.substr(done))) [[unlikely]] {
      KEYWAY_WARNING() << "WARNING: Receiving inline protocol from master, master stream "
                          "corruption? Closing the master connection and discarding the cached "
                          "master.";
      FailProtocol(bytes.substr(done));
      break;
    }
    if (dispatcher.Execute(*this, parser_.arguments()) == Dispatcher::Outcome::kPostponed) break;
    PassOn(bytes, done, parser_.consumed());
    done += parser_.consumed();
    if (is_replica() && !own_output_.empty()) DropReplicaWithReply();
    if (closing_ || suspended_) break;
    // What a replica says is no reason for more output.
    if (output_bytes() > pause_bytes_ && !is_replica()) {
      waits_for_drain_ = true;
      PresentAgain();
      break;
    }
  }
  return done;
}

void Client::DropReplicaWithReply() {
  own_output_.Clear();
  if (closing_) return;
  KEYWAY_WARNING() << "Replica generated a reply to command '"
                   << (last_command_ != nullptr ? last_command_->full_name : "<unknown>")
                   << "', disconnecting it: " << Describe(registry_.dispatcher().now_micros());
  registry_.Close(*this);
}

void Client::PassOn(std::string_view bytes, size_t from, size_t count) {
  if (!from_primary() || count == 0) return;
  state<PrimaryState>(StateKind::kPrimary)->OnExecuted(bytes.substr(from, count));
}

void Client::FailProtocol(std::string_view bytes) {
  const std::string& error = parser_.error();
  const auto text = [&](std::string_view reason) {
    return "Protocol error (" + std::string(reason) +
           ") from client: " + Describe(registry_.dispatcher().now_micros()) +
           ". Query buffer during protocol error: '" + Excerpt(bytes) + "'";
  };
  if (from_primary()) {
    const bool is_inline = error.empty();
    if (!is_inline) {
      ++registry_.stats().counters.unexpected_error_replies;
      KEYWAY_WARNING() << "== CRITICAL == This replica is sending an error to its master: '"
                       << error << "' after processing the command '"
                       << (last_command_ != nullptr ? last_command_->full_name : "<unknown>")
                       << "'";
    }
    KEYWAY_WARNING() << text(is_inline ? "Master using the inline protocol. Desync?"
                                       : ProtocolReason(error));
    state<PrimaryState>(StateKind::kPrimary)->OnProtocolError();
    CloseAfterReply();
    return;
  }
  KEYWAY_VERBOSE() << text(ProtocolReason(error));
  resp::ReplyWriter reply = Reply();
  reply.Error("ERR " + error);
  registry_.stats().CountError(reply.error_code());
  CloseAfterReply();
}

void Client::CountMemory() {
  if (ClientEviction* eviction = registry_.client_eviction()) eviction->Update(*this);
}

void Client::OnOutputFull() {
  output_full_ = true;
}

void Client::OnDrained() {
  CountMemory();
  output_full_ = false;
  if (waits_for_drain_) PresentAgain();
}

void Client::OnClosed(net::CloseReason reason, std::string_view detail) {
  const int64_t now = registry_.clock().MonotonicMicros();
  switch (reason) {
    case net::CloseReason::kInputLimit:
      ++registry_.stats().counters.query_limit_disconnections;
      KEYWAY_WARNING() << "Closing client that reached max query buffer length: " << Describe(now);
      break;
    case net::CloseReason::kReadError:
      KEYWAY_VERBOSE() << "Reading from client: " << detail;
      break;
    case net::CloseReason::kWriteError:
      KEYWAY_VERBOSE() << "Error writing to client: " << detail;
      break;
    default:
      KEYWAY_VERBOSE() << "Client closed connection " << Describe(now);
      break;
  }
  registry_.Forget(*this);  // destroys this
}

size_t Client::input_bytes() const {
  return std::max(batch_bytes_, stream_->retained_input_bytes());
}

size_t Client::Memory() const {
  size_t bytes =
      sizeof(Client) + name_.capacity() + stream_->input_memory() + output_->memory();
  for (const auto& state : states_) {
    if (state != nullptr) bytes += state->Memory();
  }
  return bytes;
}

std::string Client::Describe(int64_t now_micros) const {
  ClientDescription states;
  states.blocked = blocked();
  for (const auto& state : states_) {
    if (state != nullptr) state->Describe(states);
  }
  std::string flags;
  if (states.monitor) {
    flags += 'O';
  } else if (states.replica) {
    flags += 'S';
  }
  if (states.primary) flags += 'M';
  if (states.pubsub) flags += 'P';
  if (states.multi) flags += 'x';
  if (states.blocked) flags += 'b';
  if (states.tracking) flags += 't';
  if (states.tracking_broken) flags += 'R';
  if (states.tracking_bcast) flags += 'B';
  if (states.dirty_cas) flags += 'd';
  if (closing_) flags += 'c';
  if (stream_->is_unix_socket()) flags += 'U';
  if (readonly_) flags += 'r';
  if (no_evict_) flags += 'e';
  if (flags.empty()) flags = "N";

  size_t argument_bytes = 0;
  for (std::string_view argument : current_args_) argument_bytes += argument.size();
  // Redis tells a first buffer of 16 kB apart from a list of blocks behind it.
  const OutputBuffer& output = *output_;
  const size_t first_block = std::min(output.size(), OutputBuffer::kBlockBytes);
  const size_t more_blocks =
      (output.size() - first_block + OutputBuffer::kBlockBytes - 1) / OutputBuffer::kBlockBytes;
  const size_t input = input_bytes();
  const size_t input_memory = stream_->input_memory();

  const auto number = [](const char* label, auto value) { return label + std::to_string(value); };
  std::string line = number("id=", id_);
  line += " addr=" + PeerText() + " laddr=" + LocalText() + number(" fd=", stream_->fd());
  line += " name=" + name_ + number(" age=", (now_micros - created_micros_) / 1'000'000);
  line += number(" idle=", std::max<int64_t>(0, now_micros - last_request_micros_) / 1'000'000);
  line += " flags=" + flags + number(" db=", db_);
  line += number(" sub=", states.channels) + number(" psub=", states.patterns);
  line += number(" ssub=", states.shard_channels) + number(" multi=", states.queued_commands);
  line += number(" qbuf=", input);
  line += number(" qbuf-free=", input_memory > input ? input_memory - input : 0);
  line += number(" argv-mem=", argument_bytes) + number(" multi-mem=", states.queued_bytes);
  line += number(" rbs=", output.memory()) + number(" rbp=", output.size());
  line += number(" obl=", first_block) + number(" oll=", more_blocks);
  line += number(" omem=", more_blocks * OutputBuffer::kBlockBytes);
  line += number(" tot-mem=", Memory());
  line += stream_->write_blocked() ? " events=rw" : " events=r";
  line += " cmd=" + (last_command_ != nullptr ? last_command_->full_name : "NULL");
  line += from_primary() ? " user=(superuser)" : " user=default";
  line += number(" redir=", states.redirect) + number(" resp=", static_cast<int>(version_));
  return line;
}

}  // namespace keyway::shard
