// The messages of the Redis Cluster bus, protocol version 1, as Redis 7.0 speaks it.
//
// All integers are big-endian; text fields are padded with zero bytes; "id" is 40 characters.
//
//   message    = header body
//   header     =  offset size
//     signature      0     4   "RCmb"
//     total length   4     4   of header and body
//     version        8     2   1
//     port          10     2   the sender's port for clients
//     type          12     2   MessageType
//     count         14     2   PING, PONG, MEET: number of gossip entries
//     currentEpoch  16     8   the highest epoch the sender knows
//     configEpoch   24     8   of the sender, or of the primary that it replicates
//     offset        32     8   replication offset
//     sender        40    40   id
//     slots         80  2048   bitmap, slot n is bit n%8 (low bit first) of byte n/8; of the
//     sender's
//                              primary when it is a replica
//     replica of  2128    40   id of the primary; zero bytes when the sender is one
//     ip          2168    46   announced address; empty: take the one the connection comes from
//     extensions  2214     2   PING, PONG, MEET: number of extensions behind the gossip entries
//     unused      2216    30
//     plain port  2246     2   port without TLS when `port` is the TLS one, else 0
//     bus port    2248     2
//     flags       2250     2   NodeFlag of the sender
//     state       2252     1   0 ok, 1 fail: the cluster as the sender sees it
//     msg flags   2253     3   first byte: MessageFlag; the others 0
//
//   body       = gossip* extension*                          ; PING PONG MEET
//              | id                                          ; FAIL: the node that failed
//              | epoch[8] id slots[2048]                     ; UPDATE: who owns slots, since when
//              | channel_length[4] message_length[4] channel message    ; PUBLISH PUBLISHSHARD
//              | module_id[8] length[4] type[1] bytes        ; MODULE
//              | nothing                                     ; FAILOVER_AUTH_REQUEST, _ACK, MFSTART
//   gossip     = id ping_sent[4] pong_received[4] ip[46] port[2] bus_port[2] flags[2] plain_port[2]
//                unused[2]                                   ; 104 bytes; times in seconds since
//                1970
//   extension  = length[4] type[2] unused[2] bytes           ; length counts itself, multiple of 8
//   type 0     : host name, ended by a zero byte and padded with more of them
//
// Nothing read from the network is trusted: Decode checks every length, and every text that could
// reach nodes.conf. Bodies that this node does not use (MODULE, unknown types) are not kept.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/expected.h"
#include "common/slot/slot.h"
#include "shard/cluster/node_id.h"

namespace keyway::shard::cluster::bus {

inline constexpr std::string_view kSignature = "RCmb";
inline constexpr uint16_t kProtocolVersion = 1;
inline constexpr size_t kPreambleBytes = 16;  // up to `count`: enough to frame a message
inline constexpr size_t kHeaderBytes = 2256;
inline constexpr size_t kGossipBytes = 104;
inline constexpr size_t kIpBytes = 46;
inline constexpr size_t kMaxIpLength = kIpBytes - 1;
inline constexpr size_t kMaxHostnameLength = 255;
// What a PING can be at most: 65535 gossip entries and some extensions.
inline constexpr size_t kMaxMessageBytes = kHeaderBytes + kGossipBytes * 65535 + 64 * 1024;
// What is sent and taken of published messages, which may be as long as an argument of a request;
// longer ones reach no other node.
inline constexpr size_t kMaxPublishBytes = 64u << 20;

enum class MessageType : uint16_t {
  kPing = 0,
  kPong = 1,
  kMeet = 2,
  kFail = 3,
  kPublish = 4,
  kFailoverAuthRequest = 5,
  kFailoverAuthAck = 6,
  kUpdate = 7,
  kMfstart = 8,
  kModule = 9,
  kPublishShard = 10,
};
inline constexpr size_t kMessageTypes = 11;

// As CLUSTER INFO names it: "ping", "auth-req".
std::string_view TypeName(MessageType type);

// The types whose body is read; others are framed, counted and skipped.
bool HasKnownBody(MessageType type);
bool IsPublish(MessageType type);

enum MessageFlag : uint8_t {
  kMessagePaused = 1,      // the primary has paused its clients for a manual failover
  kMessageForceAck = 2,    // AUTH_REQUEST: vote although the primary is up
  kMessageExtensions = 4,  // there are extensions
};

// Why a message was thrown away.
enum class DropCause : uint8_t {
  kBadSignature,   // not "RCmb": the stream is lost
  kLength,         // total length impossible for the type
  kVersion,        // another protocol version
  kUnknownType,    // a type later than 7.0
  kGossip,         // gossip entries do not fit the length, or hold nonsense
  kExtension,      // extensions do not fit the length
  kNodeId,         // an id that is none
  kAddress,        // an address that is none
  kUnknownSender,  // needs a sender that this node knows
  kUnusable,       // nothing here handles this type
};
inline constexpr size_t kDropCauses = 10;
// For metrics and logs: "signature", "unknown_sender".
std::string_view CauseName(DropCause cause);

struct GossipEntry {
  NodeId id;
  uint32_t ping_sent = 0;  // seconds since 1970; 0: no ping is on its way
  uint32_t pong_received = 0;
  std::string ip;
  uint16_t port = 0;
  uint16_t bus_port = 0;
  uint16_t plain_port = 0;
  uint16_t flags = 0;  // NodeFlag

  bool operator==(const GossipEntry&) const = default;
};

struct GossipBody {
  std::vector<GossipEntry> entries;
  std::string hostname;        // empty: none announced
  int unknown_extensions = 0;  // not encoded

  bool operator==(const GossipBody&) const = default;
};

struct FailBody {
  NodeId failed;

  bool operator==(const FailBody&) const = default;
};

struct UpdateBody {
  uint64_t config_epoch = 0;
  NodeId owner;
  SlotSet slots;

  bool operator==(const UpdateBody&) const = default;
};

// Views: into what was published, or into the bytes that were decoded.
struct PublishBody {
  std::string_view channel;
  std::string_view message;

  bool operator==(const PublishBody&) const = default;
};

struct Message {
  MessageType type = MessageType::kPing;
  uint16_t port = 0;
  uint16_t plain_port = 0;
  uint16_t bus_port = 0;
  uint64_t current_epoch = 0;
  uint64_t config_epoch = 0;
  uint64_t offset = 0;
  NodeId sender;
  SlotSet slots;
  NodeId replica_of;
  std::string ip;
  uint16_t flags = 0;
  bool state_ok = false;
  uint8_t message_flags = 0;
  // GossipBody for PING, PONG and MEET, and so on; monostate for types without a body of interest.
  std::variant<std::monostate, GossipBody, FailBody, UpdateBody, PublishBody> body;

  bool operator==(const Message&) const = default;
};

// The bytes of `message`: every byte is set. Texts longer than their field are cut. Only types
// with a known body, or none, can be encoded.
std::string Encode(const Message& message);

// Reads one whole message, `frame` being exactly its bytes; of a type without known body, the
// header is enough. A PublishBody points into `frame`.
Expected<Message, DropCause> Decode(std::string_view frame);

// What the first kPreambleBytes tell.
struct Preamble {
  uint32_t total_bytes = 0;
  uint16_t type = 0;
};
Expected<Preamble, DropCause> DecodePreamble(std::string_view bytes);

// Could `text` be an address, numeric or a name, that is safe to keep in nodes.conf?
bool IsPlausibleAddress(std::string_view text);
// Letters, digits, '-' and '.', at most kMaxHostnameLength.
bool IsPlausibleHostname(std::string_view text);

}  // namespace keyway::shard::cluster::bus
