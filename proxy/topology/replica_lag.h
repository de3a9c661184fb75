// How far a replica is behind its primary, in time, from what both say of their offsets.
// Source: INFO replication of Redis 7.0.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/expected.h"

namespace keyway::proxy::topology {

// The part of INFO replication that tells how up to date a node is.
struct ReplicationInfo {
  bool primary = false;
  bool link_up = false;  // of a replica
  bool syncing = false;  // of a replica: a full copy is under way
  std::string stream;    // master_replid: offsets of different streams cannot be compared
  int64_t offset = 0;    // master_repl_offset of a primary, slave_repl_offset of a replica
};

// `reply`: one complete reply to INFO replication. Error: it is an error, or not such a text; the
// error's text says which.
Expected<ReplicationInfo> ParseReplicationInfo(std::string_view reply);

// What one primary has said of its stream. A replica that has come to an offset has all that was
// written before the primary was asked and said that offset.
class PrimaryHistory {
 public:
  // Forgets what is older than `kept_micros`, but for the last one.
  explicit PrimaryHistory(int64_t kept_micros) : kept_micros_(kept_micros) {}

  // The primary was asked at `asked_micros`, not before the last time, and said this.
  void Note(const ReplicationInfo& primary, int64_t asked_micros);
  struct Lag {
    int64_t micros;
    bool at_least;  // the replica is behind all that is known; else at most
  };
  // How old, at `now_micros`, the data of a replica are that has said this. nullopt: they are of another
  // stream, or nothing is known of the primary.
  std::optional<Lag> LagOf(const ReplicationInfo& replica, int64_t now_micros) const;

 private:
  struct Sample {
    int64_t asked_micros;
    int64_t offset;
  };

  const int64_t kept_micros_;
  std::string stream_;
  std::deque<Sample> samples_;  // both members rise
};

}  // namespace keyway::proxy::topology
