// One replica as its primary sees it: what it has said of itself, how far its sync is, and what it is
// to get next. Bytes for it come from a Backlog::Reader, or, in a full sync, from a file or a pipe;
// its output never holds more of them than kOutputBytes.
//
//   kWaitsForStart -> kWaitsForEnd -> kReceives -> kOnline     full sync by a file
//   kWaitsForStart -> kWaitsForEnd -------------> kOnline      by a pipe: it has got all by then
//   kOnline                                                    partial sync
//
// A replica that wants the data set only ends in kSent instead of kOnline, and is disconnected.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "shard/persistence/files/file_system.h"
#include "shard/replication/backlog.h"
#include "shard/server/client.h"
#include "shard/server/client_state.h"

namespace keyway::shard::replication {

enum class SyncState : uint8_t {
  kWaitsForStart,  // until a child may be forked for it
  kWaitsForEnd,    // of the child that has been; the stream is kept for it from the fork on
  kReceives,       // the file
  kOnline,
  kSent,  // wants no stream
};

// What REPLCONF has told, before PSYNC and after.
struct ReplicaTraits {
  int64_t port = 0;     // listening-port; 0: not told
  std::string address;  // ip-address; empty: not told
  bool can_eof = false;     // capa eof: takes a data set whose length is not known before
  bool can_psync2 = false;  // capa psync2: understands an id in +CONTINUE
  bool rdb_only = false;    // wants the data set, not the stream
  // rdb-filter-only: parts that the data set is to be without.
  bool without_keys = false;
  bool without_libraries = false;

  bool filtered() const { return without_keys || without_libraries; }
  bool SameFilter(const ReplicaTraits& other) const {
    return without_keys == other.without_keys && without_libraries == other.without_libraries;
  }
};

// As log lines name it: "127.0.0.1:6380".
std::string ReplicaName(const Client& client, const ReplicaTraits& traits);

class Replica;

class ReplicaOwner {
 public:
  virtual ~ReplicaOwner() = default;
  // Its connection is gone, or about to be; it is destroyed after this.
  virtual void OnReplicaGone(Replica& replica) = 0;
};

class Replica final : public ClientState {
 public:
  // So much may wait in its output. The rest stays where it is, once for all replicas.
  static constexpr size_t kOutputBytes = 256 * 1024;

  // All outlive the object.
  Replica(Client& client, ReplicaTraits traits, ReplicaOwner& owner);
  ~Replica() override;

  Client& client() const { return client_; }
  ReplicaTraits& traits() { return traits_; }
  const ReplicaTraits& traits() const { return traits_; }
  std::string Name() const { return ReplicaName(client_, traits_); }
  // What it has announced, or where it connects from.
  std::string Address() const;

  // --- Its sync; written by FullSync and Replicas.
  SyncState state = SyncState::kWaitsForStart;
  bool says_sync = false;      // SYNC: gets no reply line, and never acknowledges
  bool by_pipe = false;        // the full sync under way: by a pipe, not by a file
  bool waits_for_ack = false;  // online, but the stream begins only when it has acknowledged: the
                               // end of a data set without length is easier to find at the end
  bool has_acknowledged = false;  // before the end of the child was known here
  uint64_t sync_offset = 0;    // of the full sync: the stream up to here is in the data set
  std::unique_ptr<Backlog::Reader> reader;  // what it is to get of the stream; nullptr: nothing yet
  uint64_t acknowledged = 0;                // offset
  int64_t acknowledged_micros = 0;          // when; monotonic. At first: when it became online

  // --- Sending.
  // At the end of the pass, behind what waits.
  void Send(std::string_view bytes);
  // Sends "$<length>" and the file. Error: its length is not known.
  persistence::FileStatus SendFile(std::unique_ptr<persistence::File> file);
  // So much of the file is still to be read.
  uint64_t file_left() const { return file_left_; }
  void CloseFile() { file_.reset(); }
  // Moves bytes of its file or its reader into its output, as far as there is room. Returns whether
  // more could go at once, if the socket takes what is there. Error: of the file.
  Expected<bool, std::string> Feed();
  bool has_room() const { return client_.output_bytes() < kOutputBytes; }
  // What it has not taken, or would not have if it had been sent: for client-output-buffer-limit.
  uint64_t Pending() const;

  // Since when a transfer to it stands still (monotonic); 0: it does not. To be asked about once a
  // second.
  int64_t StuckSince(int64_t now_micros);
  int64_t over_soft_limit_since_micros = 0;  // 0: is not over it

  // ClientState
  void Describe(ClientDescription& description) const override { description.replica = true; }
  size_t Memory() const override { return sizeof(Replica); }

 private:
  Client& client_;
  ReplicaTraits traits_;
  ReplicaOwner& owner_;
  std::unique_ptr<persistence::File> file_;
  uint64_t file_left_ = 0;
  uint64_t sent_before_ = 0;
  int64_t moved_micros_ = 0;
};

}  // namespace keyway::shard::replication
