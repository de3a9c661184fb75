// nodes.conf: what a node must not forget over a restart - its id, the epochs it has promised, the
// nodes it knows and their slots. In the format of Redis 7.0: each program starts on the other's
// file.
//
//   file = *(line "\n")                                     ; see describe.h, without link states
//          "vars currentEpoch " epoch " lastVoteEpoch " epoch "\n"
//
// The file is locked (flock) as long as the node runs, so that no second node takes its identity.
// It is replaced as a whole: written aside, synced, renamed; a crash leaves the old or the new one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/expected.h"
#include "shard/cluster/gossip/node_table.h"

namespace keyway::shard::cluster {

std::string FormatNodesFile(const gossip::NodeTable& table, const Clock& clock);

// Error: what is wrong, and in which line.
Expected<gossip::NodeTable> ParseNodesFile(std::string_view text, const Clock& clock);

class NodesFile {
 public:
  static constexpr size_t kMaxBytes = 64u << 20;

  // Creates the file if there is none, and locks it. Error: text for the log, also when another
  // process has the lock.
  static Expected<std::unique_ptr<NodesFile>> Open(const std::string& path);
  ~NodesFile();
  NodesFile(const NodesFile&) = delete;
  NodesFile& operator=(const NodesFile&) = delete;

  // Empty for a file just created.
  Expected<std::string> Read() const;
  // On error, the old file is there. kSynced: when it returns success the text is on the disk;
  // kWritten: it survives the end of the process, and of the system after Sync.
  enum class Durability : uint8_t { kWritten, kSynced };
  Status Write(std::string_view text, Durability durability = Durability::kSynced);
  Status Sync();

 private:
  NodesFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  std::string path_;
  int fd_;  // holds the lock
};

}  // namespace keyway::shard::cluster
