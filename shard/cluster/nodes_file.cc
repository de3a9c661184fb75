#include "shard/cluster/nodes_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "common/log/log.h"
#include "shard/cluster/bus/message.h"
#include "shard/cluster/describe.h"

namespace keyway::shard::cluster {

using gossip::Node;
using gossip::NodeTable;

namespace {

constexpr uint16_t kBusPortOffset = 10000;

std::vector<std::string_view> Split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t begin = text.find_first_not_of(separators);
    if (begin == std::string_view::npos) return parts;
    const size_t end = std::min(text.find_first_of(separators, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    text.remove_prefix(end);
  }
}

template <typename Int>
std::optional<Int> ParseInt(std::string_view text) {
  Int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Collects the lines; nodes refer to each other before their own line has come.
class Parser {
 public:
  explicit Parser(const Clock& clock) : clock_(clock) {}

  Status ReadLine(std::string_view line);
  Expected<NodeTable> Finish() &&;

 private:
  struct Parsed {
    NodeId id;
    std::string ip;
    std::string hostname;
    uint16_t port = 0;
    uint16_t bus_port = 0;
    uint16_t flags = 0;
    std::optional<NodeId> primary;
    bool ping_sent = false;
    bool pong_received = false;
    uint64_t config_epoch = 0;
    std::vector<SlotRange> slots;
    std::vector<std::pair<int, NodeId>> migrating;
    std::vector<std::pair<int, NodeId>> importing;
  };

  Status ReadVars(const std::vector<std::string_view>& words);
  static Status ReadAddress(std::string_view text, Parsed& node);
  static Status ReadFlags(std::string_view text, Parsed& node);
  static Status ReadSlots(std::string_view text, Parsed& node);
  static Status ReadMigration(std::string_view text, Parsed& node);
  Node& Ensure(NodeTable& table, const NodeId& id) const;
  Status Build(NodeTable& table, const Parsed& parsed) const;

  const Clock& clock_;
  std::vector<Parsed> nodes_;
  uint64_t current_epoch_ = 0;
  uint64_t last_vote_epoch_ = 0;
};

Status Parser::ReadLine(std::string_view line) {
  const auto words = Split(line, " \t\r");
  if (words.empty()) return {};
  if (words[0] == "vars") return ReadVars(words);
  if (words.size() < 8) return Error{"too few words"};
  Parsed node;
  const auto id = NodeId::Parse(words[0]);
  if (!id) return Error{"bad node id"};
  node.id = *id;
  if (Status status = ReadAddress(words[1], node); !status.ok()) return status;
  if (Status status = ReadFlags(words[2], node); !status.ok()) return status;
  if (words[3] != "-") {
    node.primary = NodeId::Parse(words[3]);
    if (!node.primary) return Error{"bad id of the primary"};
  }
  node.ping_sent = words[4] != "0";
  node.pong_received = words[5] != "0";
  const auto epoch = ParseInt<uint64_t>(words[6]);
  if (!epoch) return Error{"bad config epoch"};
  node.config_epoch = *epoch;
  for (size_t i = 8; i < words.size(); ++i) {
    if (Status status = ReadSlots(words[i], node); !status.ok()) return status;
  }
  nodes_.push_back(std::move(node));
  return {};
}

Status Parser::ReadVars(const std::vector<std::string_view>& words) {
  if (words.size() % 2 == 0) return Error{"a variable without value"};
  for (size_t i = 1; i < words.size(); i += 2) {
    const auto value = ParseInt<uint64_t>(words[i + 1]);
    if (words[i] == "currentEpoch" && value) {
      current_epoch_ = *value;
    } else if (words[i] == "lastVoteEpoch" && value) {
      last_vote_epoch_ = *value;
    } else if (words[i] == "currentEpoch" || words[i] == "lastVoteEpoch") {
      return Error{"bad epoch"};
    } else {
      KEYWAY_NOTICE() << "Skipping unknown cluster config variable '" << words[i] << "'";
    }
  }
  return {};
}

Status Parser::ReadAddress(std::string_view text, Parsed& node) {
  if (const size_t comma = text.find(','); comma != std::string_view::npos) {
    node.hostname = text.substr(comma + 1);
    if (!bus::IsPlausibleHostname(node.hostname)) return Error{"bad host name"};
    text = text.substr(0, comma);
  }
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return Error{"bad address"};
  node.ip = text.substr(0, colon);
  if (!node.ip.empty() && !bus::IsPlausibleAddress(node.ip)) return Error{"bad address"};
  std::string_view ports = text.substr(colon + 1);
  const size_t at = ports.find('@');
  const auto port = ParseInt<uint16_t>(ports.substr(0, at));
  if (!port) return Error{"bad port"};
  node.port = *port;
  // Files older than Redis 4.0 have no bus port.
  const auto bus_port = at == std::string_view::npos
                            ? std::optional<uint16_t>(*port + kBusPortOffset)
                            : ParseInt<uint16_t>(ports.substr(at + 1));
  if (!bus_port) return Error{"bad bus port"};
  node.bus_port = *bus_port;
  return {};
}

Status Parser::ReadFlags(std::string_view text, Parsed& node) {
  for (std::string_view flag : Split(text, ",")) {
    if (flag == "myself") {
      node.flags |= gossip::kMyself;
    } else if (flag == "master") {
      node.flags |= gossip::kPrimary;
    } else if (flag == "slave") {
      node.flags |= gossip::kReplica;
    } else if (flag == "fail?") {
      node.flags |= gossip::kPfail;
    } else if (flag == "fail") {
      node.flags |= gossip::kFail;
    } else if (flag == "handshake") {
      node.flags |= gossip::kHandshake;
    } else if (flag == "noaddr") {
      node.flags |= gossip::kNoAddr;
    } else if (flag == "nofailover") {
      node.flags |= gossip::kNoFailover;
    } else if (flag != "noflags") {
      return Error{"unknown flag '" + std::string(flag) + "'"};
    }
  }
  if ((node.flags & gossip::kPrimary) != 0 && (node.flags & gossip::kReplica) != 0) {
    return Error{"both master and slave"};
  }
  return {};
}

Status Parser::ReadSlots(std::string_view text, Parsed& node) {
  if (text.front() == '[') return ReadMigration(text, node);
  const auto range = ParseSlotRange(text);
  if (!range.ok()) return range.error();
  node.slots.push_back(*range);
  return {};
}

Status Parser::ReadMigration(std::string_view text, Parsed& node) {
  // "[" slot "->-" id "]" or "[" slot "-<-" id "]"
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos || text.back() != ']' || text.size() < dash + 4) {
    return Error{"bad migrating slot"};
  }
  const auto slot = ParseInt<uint16_t>(text.substr(1, dash - 1));
  const auto id = NodeId::Parse(text.substr(dash + 3, text.size() - dash - 4));
  const std::string_view arrow = text.substr(dash, 3);
  if (!slot || *slot >= kSlotCount || !id || (arrow != "->-" && arrow != "-<-")) {
    return Error{"bad migrating slot"};
  }
  (arrow == "->-" ? node.migrating : node.importing).emplace_back(*slot, *id);
  return {};
}

Node& Parser::Ensure(NodeTable& table, const NodeId& id) const {
  Node* node = table.Find(id);
  return node != nullptr ? *node : table.Add(id, gossip::kNoAddr, clock_.MonotonicMillis());
}

Status Parser::Build(NodeTable& table, const Parsed& parsed) const {
  const int64_t now = clock_.MonotonicMillis();
  Node& node = Ensure(table, parsed.id);
  node.flags = parsed.flags;
  node.ip = parsed.ip;
  node.hostname = parsed.hostname;
  node.port = parsed.port;
  node.bus_port = parsed.bus_port;
  // A replica's line has its primary's epoch. Another's own is what it says itself, and may be
  // lower; this node's own would, if taken over, be no higher than its primary's when it takes over
  // its slots without asking, and nobody would believe it.
  const bool replica = (parsed.flags & gossip::kReplica) != 0;
  node.config_epoch = replica ? 0 : parsed.config_epoch;
  if (parsed.ping_sent) node.ping_sent_ms = now;
  if (parsed.pong_received) node.pong_received_ms = now;
  if (node.is(gossip::kFail)) node.failed_ms = now;
  for (const SlotRange& range : parsed.slots) {
    for (int slot = range.first; slot <= range.last; ++slot) {
      if (!table.AddSlot(node, slot) && table.Owner(slot) != &node) {
        return Error{"slot " + std::to_string(slot) + " has two owners"};
      }
    }
  }
  for (const auto& [slot, id] : parsed.migrating) table.SetMigratingTo(slot, &Ensure(table, id));
  for (const auto& [slot, id] : parsed.importing) table.SetImportingFrom(slot, &Ensure(table, id));
  return {};
}

Expected<NodeTable> Parser::Finish() && {
  const auto me = std::find_if(nodes_.begin(), nodes_.end(), [](const Parsed& node) {
    return (node.flags & gossip::kMyself) != 0;
  });
  if (me == nodes_.end()) return Error{"no line for the node itself"};
  if (nodes_.size() > NodeTable::kMaxNodes) return Error{"too many nodes"};
  NodeTable table(me->id, clock_.MonotonicMillis());
  for (const Parsed& node : nodes_) {
    if (&node != &*me && (node.flags & gossip::kMyself) != 0)
      return Error{"two lines say 'myself'"};
    if (Status status = Build(table, node); !status.ok()) return status.error();
  }
  for (const Parsed& node : nodes_) {
    if ((node.flags & gossip::kReplica) == 0 || !node.primary) continue;
    table.MakeReplica(*table.Find(node.id), &Ensure(table, *node.primary));
  }
  table.current_epoch = current_epoch_;
  table.current_epoch = table.MaxEpoch();
  table.last_vote_epoch = last_vote_epoch_;
  return table;
}

Error SystemError(const std::string& what) {
  return Error{what + ": " + std::strerror(errno)};
}

// Makes a rename survive a power failure.
void SyncDirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  (void)fsync(fd);
  close(fd);
}

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace

std::string FormatNodesFile(const NodeTable& table, const Clock& clock) {
  return DescribeNodes(table, clock, gossip::kHandshake) + "vars currentEpoch " +
         std::to_string(table.current_epoch) + " lastVoteEpoch " +
         std::to_string(table.last_vote_epoch) + "\n";
}

Expected<NodeTable> ParseNodesFile(std::string_view text, const Clock& clock) {
  Parser parser(clock);
  int number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    ++number;
    const Status status = parser.ReadLine(text.substr(0, end));
    if (!status.ok()) {
      return Error{"line " + std::to_string(number) + ": " + status.error().message};
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::move(parser).Finish();
}

Expected<std::unique_ptr<NodesFile>> NodesFile::Open(const std::string& path) {
  // A symbolic link is followed once, or the rename would replace it.
  std::string real = path;
  if (char* resolved = realpath(path.c_str(), nullptr); resolved != nullptr) {
    real = resolved;
    std::free(resolved);
  }
  // A node that runs may replace the file between our open and our lock: then look again.
  for (int tries = 0; tries < 10; ++tries) {
    const int fd = open(real.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return SystemError("Can't open " + real + " in order to acquire a lock");
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
      const bool taken = errno == EWOULDBLOCK;
      const Error error = SystemError("Impossible to lock " + real);
      close(fd);
      if (!taken) return error;
      return Error{"Sorry, the cluster configuration file " + path +
                   " is already used by a different Redis Cluster node. Please make sure that "
                   "different nodes use different cluster configuration files."};
    }
    struct stat opened {};
    struct stat named {};
    if (fstat(fd, &opened) == 0 && stat(real.c_str(), &named) == 0 &&
        opened.st_ino == named.st_ino && opened.st_dev == named.st_dev) {
      return std::unique_ptr<NodesFile>(new NodesFile(real, fd));
    }
    close(fd);
  }
  return Error{"The cluster configuration file " + path + " keeps being replaced"};
}

NodesFile::~NodesFile() {
  close(fd_);
}

Expected<std::string> NodesFile::Read() const {
  struct stat info {};
  if (fstat(fd_, &info) != 0) return SystemError("Can't read " + path_);
  if (static_cast<uint64_t>(info.st_size) > kMaxBytes) return Error{path_ + " is too large"};
  std::string text(static_cast<size_t>(info.st_size), '\0');
  size_t at = 0;
  while (at < text.size()) {
    const ssize_t got = pread(fd_, text.data() + at, text.size() - at, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError("Can't read " + path_);
    if (got == 0) break;
    at += static_cast<size_t>(got);
  }
  text.resize(at);
  return text;
}

Status NodesFile::Write(std::string_view text, Durability durability) {
  const bool sync = durability == Durability::kSynced;
  const std::string aside = path_ + ".tmp";
  const int fd = open(aside.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return SystemError("Can't create " + aside);
  // Locked before it has the name, so that the name always leads to a locked file.
  if (!WriteAll(fd, text) || (sync && fsync(fd) != 0) || flock(fd, LOCK_EX | LOCK_NB) != 0 ||
      rename(aside.c_str(), path_.c_str()) != 0) {
    const Error error = SystemError("Can't write " + path_);
    close(fd);
    unlink(aside.c_str());
    return error;
  }
  if (sync) SyncDirectoryOf(path_);
  close(fd_);
  fd_ = fd;
  return {};
}

Status NodesFile::Sync() {
  if (fsync(fd_) != 0) return SystemError("Can't sync " + path_);
  SyncDirectoryOf(path_);
  return {};
}

}  // namespace keyway::shard::cluster
