// One connection of a client: its socket, the requests on it, and what the client has told about
// itself (name, database, protocol version, ...).
//
// Requests are parsed and executed straight from what the stream has read, replies go straight into
// the stream's output, which leaves in one write at the end of the loop's pass.
//
// A client whose requests may not run now leaves them where they are, in the stream's input, and
// looks at them again later: after a turn of kRequestsPerTurn requests (others are served first),
// while its output is too long (until the peer has taken it), and while it is suspended (CLIENT
// PAUSE; blocking commands later). Input that piles up meanwhile is bounded by
// client-query-buffer-limit, output by kOutputPauseBytes and client-output-buffer-limit.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/command/table.h"
#include "common/net/stream.h"
#include "common/resp/reply_writer.h"
#include "common/resp/request_parser.h"
#include "shard/config/shard_config.h"
#include "shard/server/client_state.h"

namespace keyway::shard {

class ClientRegistry;

// As CLIENT LIST TYPE and the memory figures tell clients apart. A monitor is a normal client.
enum class ClientType : uint8_t { kNormal, kReplica, kPubsub, kPrimary };

// What CLIENT REPLY asked for. kSkip: none for the next command.
enum class ReplyMode : uint8_t { kOn, kOff, kSkip };

class Client final : public net::StreamHandler {
 public:
  // Requests executed before other clients get their turn.
  static constexpr int kRequestsPerTurn = 1024;
  // No request is executed while more than this waits to be sent, unless client-output-buffer-limit
  // names a higher limit.
  static constexpr size_t kOutputPauseBytes = 4 * 1024 * 1024;

  // `registry` owns the client and outlives it. `stream` has not been started.
  Client(uint64_t id, std::unique_ptr<net::Stream> stream, ClientRegistry& registry);
  // The client in whose name scripts call commands: without a connection and not in the registry.
  // Replies stay in output(), until the script has read them.
  explicit Client(ClientRegistry& registry);
  ~Client() override;
  // Begins to read.
  void Start();
  // What its stream has read before, for somebody else, is presented at the end of this pass.
  void PresentRetained() { stream_->ResumeReading(); }

  // --- Who it is.
  uint64_t id() const { return id_; }
  const net::Stream& stream() const { return *stream_; }
  bool has_connection() const { return stream_ != nullptr; }
  // "127.0.0.1:50000", "/tmp/redis.sock:0".
  std::string PeerText() const;
  std::string LocalText() const;
  // Whether it comes from this machine: the loopback address or a Unix socket.
  bool is_local() const;
  const std::string& name() const { return name_; }
  void set_name(std::string_view name) { name_ = name; }
  int64_t created_micros() const { return created_micros_; }  // monotonic
  // Of the last request, or the end of the last suspension; monotonic.
  int64_t last_request_micros() const { return last_request_micros_; }

  // --- What it chose.
  int db() const { return db_; }
  void set_db(int db) { db_ = db; }
  resp::Version version() const { return version_; }
  void set_version(resp::Version version) { version_ = version; }
  bool authenticated() const { return authenticated_; }
  void set_authenticated(bool authenticated);
  bool readonly() const { return readonly_; }
  void set_readonly(bool readonly) { readonly_ = readonly; }
  // ASKING: holds for the next command.
  bool asking() const { return asking_; }
  void set_asking(bool asking) { asking_ = asking; }
  // How far the replication stream went after its last command: what WAIT waits for.
  uint64_t write_offset() const { return write_offset_; }
  void set_write_offset(uint64_t offset) { write_offset_ = offset; }
  bool no_evict() const { return no_evict_; }
  void set_no_evict(bool no_evict) { no_evict_ = no_evict; }
  void SetReplyMode(ReplyMode mode);
  // RESET: as it was when it connected, except that the name, too, is gone.
  void ResetState();

  // --- What features keep about it.
  // nullptr when the client does not use the feature. `T` is the feature's own class.
  template <typename T>
  T* state(StateKind kind) const {
    return static_cast<T*>(states_[static_cast<size_t>(kind)].get());
  }
  // Whether it is the link to this server's primary: what comes is executed as the primary's word,
  // without the checks that a client's requests pass, and not answered.
  bool from_primary() const { return has_state(StateKind::kPrimary); }
  // Whether it has said that it is a replica, or about to be one.
  bool is_replica() const { return has_state(StateKind::kReplica); }
  // kReplica only from PSYNC or SYNC on.
  ClientType type() const;
  bool has_state(StateKind kind) const { return states_[static_cast<size_t>(kind)] != nullptr; }
  // Replaces it; nullptr: none. The old one is destroyed.
  void set_state(StateKind kind, std::unique_ptr<ClientState> state);
  // The client is closing: everything forgets it.
  void DropStates();

  // --- Replying.
  // Into the client's output, or to nowhere while it wants no replies.
  resp::ReplyWriter Reply();
  OutputBuffer& output() { return *output_; }
  // For what is not the reply to a command of this client (messages, invalidations, lines of
  // MONITOR), and for the reply to one that has waited: into the client's output, whatever it said
  // about replies. `PushDone` afterwards sends it at the end of the pass, and closes the client soon,
  // not at once, if its output is over the limit. What comes while the reply of a command of this
  // client is being written stands before it, or, once some of the reply is there, behind it.
  resp::ReplyWriter Push();
  void PushDone();
  // Sends what it can at once, for the rare case that must not wait for the end of the pass.
  void FlushNow() { stream_->FlushNow(); }
  // Around everything that writes a reply of this client; may be nested.
  void BeginReply();
  void EndReply();
  // Which of client-output-buffer-limit holds.
  ClientClass output_class() const { return output_class_; }
  void set_output_class(ClientClass output_class);
  // No further request is read; what waits is sent, then the connection is closed.
  void CloseAfterReply();
  // No further request is read; the registry is about to destroy the client.
  void Abandon() { closing_ = true; }

  // --- For the dispatcher.
  const command::Command* last_command() const { return last_command_; }
  void BeginCommand(const command::Command* command, std::span<const std::string_view> args) {
    last_command_ = command;
    current_args_ = args;
  }
  // What a command leaves behind for the next one: ASKING and SKIP hold for one command.
  void EndCommand(bool was_asking);
  bool closing() const { return closing_; }
  // The slot of the keys of a request that runs scripts, in a cluster; negative: none yet.
  int request_slot() const { return request_slot_; }
  void set_request_slot(int slot) { request_slot_ = slot; }

  // --- A command of this client stands aside in the middle (long_call.h), during its reply: the
  // object lives on when the connection closes, and what of the reply is sent already counts.
  void Pin();
  void Unpin();
  bool pinned() const { return pinned_; }
  // Whether it waits for something that has to happen, and not for the end of its own command.
  bool blocked() const { return suspended_ && !pinned_; }

  // --- Suspension: its requests wait until Resume.
  void Suspend() { suspended_ = true; }
  bool suspended() const { return suspended_; }
  void Resume();

  // --- Upkeep, by the registry.
  // The configuration has changed, or who is authenticated.
  void ApplyLimits();
  // Whether the output is over client-output-buffer-limit now (hard, or soft for long enough).
  bool OverOutputLimit(int64_t now_micros);

  // --- For CLIENT LIST and the statistics.
  // One line as CLIENT LIST prints it, without the line end.
  std::string Describe(int64_t now_micros) const;
  // Bytes of memory that it occupies, buffers included.
  size_t Memory() const;
  size_t input_bytes() const;
  size_t output_bytes() const { return output_->size(); }

  // net::StreamHandler
  size_t OnBytes(std::string_view bytes) override;
  void OnClosed(net::CloseReason reason, std::string_view detail) override;
  void OnOutputFull() override;
  void OnDrained() override;

 private:
  bool MayExecute();
  size_t ExecuteRequests(std::string_view bytes);
  // So many more bytes of `bytes` are done with.
  void PassOn(std::string_view bytes, size_t from, size_t count);
  void FailProtocol(std::string_view bytes);
  // It has said something that a replica does not say.
  void DropReplicaWithReply();
  // Makes the stream present what it retains, after others had their turn.
  void PresentAgain();
  // For maxmemory-clients.
  void CountMemory();
  // How far the output has got, in bytes that only compare with each other.
  uint64_t OutputPosition() const {
    return output_bytes() + (pinned_ ? stream_->bytes_sent() : 0);
  }

  const uint64_t id_;
  ClientRegistry& registry_;
  std::unique_ptr<net::Stream> stream_;  // nullptr: it has no connection
  OutputBuffer own_output_;              // then
  OutputBuffer* const output_;
  resp::RequestParser parser_;
  const command::Command* last_command_ = nullptr;
  std::span<const std::string_view> current_args_;  // while a command is executed
  std::array<std::unique_ptr<ClientState>, kStateKinds> states_;
  std::string name_;
  OutputBuffer pushed_in_reply_;  // goes behind the reply that is being written
  uint64_t reply_start_ = 0;      // where it starts: OutputPosition
  int replies_open_ = 0;
  int64_t created_micros_;
  int64_t last_request_micros_;
  int64_t over_soft_limit_since_micros_ = 0;  // 0: is not over it
  size_t batch_bytes_ = 0;                    // presented to OnBytes, while in it
  size_t pause_bytes_ = kOutputPauseBytes;
  uint64_t write_offset_ = 0;
  ClientClass output_class_ = kClassNormal;
  int db_ = 0;
  int request_slot_ = -1;
  resp::Version version_ = resp::Version::kResp2;
  bool authenticated_ = true;
  bool readonly_ = false;
  bool asking_ = false;
  bool no_evict_ = false;
  bool reply_off_ = false;
  bool skip_this_reply_ = false;
  bool skip_next_reply_ = false;
  bool closing_ = false;
  bool suspended_ = false;
  bool pinned_ = false;
  bool over_limit_ = false;  // is about to be closed: nothing more is pushed
  bool waits_for_drain_ = false;
  bool output_full_ = false;  // the stream will call OnDrained
};

}  // namespace keyway::shard
