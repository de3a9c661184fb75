// Connecting to a primary, and the handshake.
#include <uv.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "common/log/log.h"
#include "common/net/event_loop.h"
#include "shard/config/shard_config.h"
#include "shard/replication/primary_link_impl.h"

namespace keyway::shard::replication {
namespace {

using State = PrimaryLinkState;

// The link looks after itself (repl-timeout); this only bounds what is forgotten.
constexpr int64_t kMaxConnectSeconds = 24 * 3600;

// "connection refused", as the stream says it, the way redis-server does, to which an end that is no
// failure is a success.
std::string Reason(net::CloseReason why, std::string_view detail) {
  if (why == net::CloseReason::kPeerClosed) return "Success";
  std::string reason(detail);
  if (!reason.empty()) {
    reason[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(reason[0])));
  }
  return reason;
}

}  // namespace

void PrimaryLink::Impl::Connect(bool from_source) {
  const ShardConfig& config = services_.config;
  net::StreamOptions options;
  options.keepalive_seconds = static_cast<int>(config.tcp_keepalive);
  options.input_limit_bytes = 0;  // what is kept is bounded by the handshake and the receiver
  options.connect_timeout_ms =
      static_cast<int>(std::min(config.repl_timeout + 5, kMaxConnectSeconds) * 1000);
  if (from_source) options.source_host = config.bind_source_addr;
  status_.state = State::kConnecting;
  status_.sync_last_io_micros = Now();
  handshake_.reset();
  attempt_ = std::make_shared<const bool>(true);
  connection_ =
      net::Stream::Connect(services_.loop, {status_.host, status_.port}, options, this);
  KEYWAY_NOTICE() << "MASTER <-> REPLICA sync started";
}

void PrimaryLink::Impl::Disconnect() {
  attempt_.reset();
  connection_.reset();
  handshake_.reset();
  receiver_.reset();
  if (status_.state != State::kNone) status_.state = State::kConnect;
}

void PrimaryLink::Impl::Reconnect() {
  Disconnect();
  KEYWAY_NOTICE() << "Reconnecting to MASTER " << PrimaryText() << " after failure";
  Connect();
}

void PrimaryLink::Impl::OnConnected() {
  const ShardConfig& config = services_.config;
  status_.state = State::kHandshake;
  status_.sync_last_io_micros = Now();
  handshake_.emplace(Handshake::Options{
      .user = config.masteruser,
      .password = config.masterauth,
      .port = static_cast<uint16_t>(
          config.replica_announce_port != 0 ? config.replica_announce_port : config.port),
      .ip = config.replica_announce_ip,
      .history = history_,
      .failover = failover_});
  connection_->output().Append(handshake_->Begin());
  connection_->ScheduleWrite();
}

void PrimaryLink::Impl::OnClosed(net::CloseReason reason, std::string_view detail) {
  std::unique_ptr<net::Stream> closed = std::move(connection_);
  if (status_.state == State::kConnecting) {
    // A source address that cannot be had is done without.
    const bool other_source = reason == net::CloseReason::kConnectFailed &&
                              detail == uv_strerror(UV_EADDRNOTAVAIL) &&
                              !services_.config.bind_source_addr.empty() && !without_source_;
    if (other_source) {
      without_source_ = true;
      Connect(/*from_source=*/false);
      return;
    }
    without_source_ = false;
    KEYWAY_WARNING() << "Error condition on socket for SYNC: " << Reason(reason, detail);
    Disconnect();
  } else if (status_.state == State::kHandshake) {
    handshake_->OnEnd(Reason(reason, detail));
    Disconnect();
  } else if (receiver_ != nullptr && !closed->reading_paused()) {
    if (receiver_->total_bytes() < 0) {
      KEYWAY_WARNING() << "I/O error reading bulk count from MASTER: " << Reason(reason, detail);
    } else {
      KEYWAY_WARNING() << "I/O error trying to sync with MASTER: "
                       << (reason == net::CloseReason::kPeerClosed ? "connection lost"
                                                                   : Reason(reason, detail));
    }
    Reconnect();
  }
  // Else the data set is complete: it is loaded, and the stream gone on with, from another
  // connection.
}

size_t PrimaryLink::Impl::OnBytes(std::string_view bytes) {
  status_.sync_last_io_micros = Now();
  return status_.state == State::kHandshake ? OnHandshakeBytes(bytes) : OnPayloadBytes(bytes);
}

size_t PrimaryLink::Impl::OnHandshakeBytes(std::string_view bytes) {
  size_t done = 0;
  while (true) {
    const size_t end = bytes.find('\n', done);
    if (end == bytes.npos) {
      if (bytes.size() - done <= Handshake::kMaxLineBytes) return done;
      handshake_->OnEnd("the line is too long");
      Disconnect();
      return bytes.size();
    }
    std::string_view line = bytes.substr(done, end - done);
    if (line.ends_with('\r')) line.remove_suffix(1);
    done = end + 1;
    std::string out;
    const Handshake::Outcome outcome = handshake_->OnLine(line, &out);
    const bool refused = outcome == Handshake::Outcome::kFailed ||
                         outcome == Handshake::Outcome::kOldStyle;
    if (handshake_->asked_to_take_over()) status_.failover_refused = refused;
    if (!out.empty()) {
      connection_->output().Append(out);
      connection_->ScheduleWrite();
    }
    switch (outcome) {
      case Handshake::Outcome::kGoOn:
        break;
      case Handshake::Outcome::kFailed:
        Disconnect();
        return bytes.size();
      case Handshake::Outcome::kContinue: {
        failover_ = false;
        if (!handshake_->new_id().empty()) {
          stream_.Rename(handshake_->new_id());
          replicas_.DisconnectAll();  // they have to hear of it
        }
        old_style_ = false;
        const int database = history_->database;
        KEYWAY_NOTICE()
            << "MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.";
        TellSystemd("Partial Resynchronization accepted.");
        stream_.Activate();
        BeginStream(database, bytes.size() - done);
        return done;
      }
      case Handshake::Outcome::kFullSync:
      case Handshake::Outcome::kOldStyle:
        old_style_ = outcome == Handshake::Outcome::kOldStyle;
        if (!old_style_) failover_ = false;
        sync_id_ = handshake_->id();
        sync_offset_ = handshake_->offset();
        if (!BeginTransfer()) {
          Disconnect();
          return bytes.size();
        }
        return done + OnPayloadBytes(bytes.substr(done));
    }
  }
}

}  // namespace keyway::shard::replication
