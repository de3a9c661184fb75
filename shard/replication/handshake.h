// The replica's part of the conversation that comes before the data: PING, AUTH, REPLCONF, PSYNC.
// Pure: lines of the primary come in, commands go out, and the words of redis-server into the log.
//
//   replica                                      primary
//   PING                                         +PONG (or an error that asks for AUTH)
//   [AUTH [user] password]                       +OK
//   REPLCONF listening-port <port>               +OK, any error is no matter
//   [REPLCONF ip-address <ip>]                   the same
//   REPLCONF capa eof capa psync2                the same
//   PSYNC <id> <offset> | ? -1  [FAILOVER]       empty lines, while it makes up its mind, then
//                                                +CONTINUE [<id>]
//                                                +FULLRESYNC <id> <offset>
//                                                -NOMASTERLINK, -LOADING: later
//                                                anything else: it does not know PSYNC
//   [SYNC]
//
// Source: redis-server 7.0.15; https://redis.io/docs/reference/replication-spec.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace keyway::shard::replication {

// What a replica has of a stream: all up to `offset`.
struct StreamHistory {
  std::string id;
  uint64_t offset = 0;
  int database = 0;  // that the stream has selected
};

class Handshake {
 public:
  struct Options {
    std::string user;      // masteruser; empty: none
    std::string password;  // masterauth; empty: no AUTH
    uint16_t port = 0;     // listening-port
    std::string ip;        // replica-announce-ip; empty: not said
    std::optional<StreamHistory> history;  // to go on with
    bool failover = false;
  };
  static constexpr size_t kIdLength = 40;
  // No line of a primary is longer.
  static constexpr size_t kMaxLineBytes = 16 * 1024;

  explicit Handshake(Options options) : options_(std::move(options)) {}

  // What to send as soon as the connection stands.
  std::string Begin();

  enum class Outcome : uint8_t {
    kGoOn,       // what was put into `out` is to be sent; more lines come
    kFailed,     // to be tried again later
    kContinue,   // the stream goes on from the history; new_id() if it has another name now
    kFullSync,   // id() at offset()
    kOldStyle,   // after SYNC, put into `out`: the primary gives its stream no id and no offset
  };
  // `line`: without its end.
  Outcome OnLine(std::string_view line, std::string* out);
  // The connection has ended instead of the next line. `reason` is for the log.
  void OnEnd(std::string_view reason) const;

  // After kContinue: empty if it is the id of the history still.
  const std::string& new_id() const { return new_id_; }
  // After kFullSync. The id is empty if the primary's answer made no sense.
  const std::string& id() const { return id_; }
  uint64_t offset() const { return offset_; }
  // Whether the primary was told to take over (FAILOVER), and has answered.
  bool asked_to_take_over() const { return options_.failover && step_ == Step::kDone; }

 private:
  enum class Step : uint8_t { kPing, kAuth, kPort, kIp, kCapabilities, kPsync, kDone };

  Outcome OnPing(std::string_view line, std::string* out);
  Outcome OnPsync(std::string_view line, std::string* out);
  void SayPsync(std::string* out);
  Outcome FullSync(std::string_view line);
  Outcome Continue(std::string_view line);

  const Options options_;
  Step step_ = Step::kPing;
  std::string new_id_;
  std::string id_;
  uint64_t offset_ = 0;
};

// As RESP has it: an array of bulk strings.
std::string EncodeRequest(std::initializer_list<std::string_view> args);

}  // namespace keyway::shard::replication
