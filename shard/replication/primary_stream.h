// The stream of the primary while this server is in sync with it: the state of the client that
// executes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "shard/replication/stream.h"
#include "shard/server/client.h"
#include "shard/server/client_state.h"
#include "shard/server/replication.h"

namespace keyway::shard::replication {

class PrimaryStream final : public PrimaryState {
 public:
  // The client closes; it exists still. `sound`: what was executed is all that `stream` says, and it
  // can be gone on with.
  using OnEnd = std::function<void(bool sound, int database)>;
  // What is executed is appended to `stream`, whose offset is where this begins; `status` is kept up
  // to date. Both outlive the object.
  PrimaryStream(ReplicationStream& stream, PrimaryStatus& status, OnEnd on_end)
      : stream_(stream), status_(status), on_end_(std::move(on_end)) {}
  ~PrimaryStream() override;

  // As soon as there is the client; `unread`: what its connection has received of the stream already.
  void Attach(Client& client, size_t unread);
  // `on_end` is not called any more.
  void Detach() { on_end_ = nullptr; }
  // Looks how much has been read.
  void UpdateStatus(int64_t now_micros);

  // PrimaryState
  void OnExecuted(std::string_view bytes) override;
  void OnProtocolError() override { sound_ = false; }
  void Describe(ClientDescription& description) const override { description.primary = true; }
  size_t Memory() const override { return sizeof(*this) + kept_.capacity(); }

 private:
  ReplicationStream& stream_;
  PrimaryStatus& status_;
  OnEnd on_end_;
  Client* client_ = nullptr;
  // Of a transaction that has begun: the stream never ends inside of one.
  std::string kept_;
  uint64_t first_offset_ = 0;    // before the first byte of the stream
  uint64_t first_received_ = 0;  // of the connection, up to there
  uint64_t last_received_ = 0;
  bool sound_ = true;
};

}  // namespace keyway::shard::replication
