#include "shard/cluster/bus/message.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>

namespace keyway::shard::cluster::bus {
namespace {

constexpr size_t kTotalLengthAt = 4;
constexpr size_t kVersionAt = 8;
constexpr size_t kPortAt = 10;
constexpr size_t kTypeAt = 12;
constexpr size_t kCountAt = 14;
constexpr size_t kCurrentEpochAt = 16;
constexpr size_t kConfigEpochAt = 24;
constexpr size_t kOffsetAt = 32;
constexpr size_t kSenderAt = 40;
constexpr size_t kSlotsAt = 80;
constexpr size_t kSlotsBytes = kSlotCount / 8;
constexpr size_t kReplicaOfAt = 2128;
constexpr size_t kIpAt = 2168;
constexpr size_t kExtensionsAt = 2214;
constexpr size_t kPlainPortAt = 2246;
constexpr size_t kBusPortAt = 2248;
constexpr size_t kFlagsAt = 2250;
constexpr size_t kStateAt = 2252;
constexpr size_t kMessageFlagsAt = 2253;

constexpr size_t kExtensionHeaderBytes = 8;
constexpr uint16_t kHostnameExtension = 0;

constexpr size_t kPublishLengthsBytes = 8;
constexpr size_t kFailBytes = NodeId::kLength;
constexpr size_t kUpdateBytes = 8 + NodeId::kLength + kSlotsBytes;

// The callers have checked that the bytes are there.
template <typename Int>
Int ReadInt(std::string_view bytes, size_t at) {
  Int value = 0;
  for (size_t i = 0; i < sizeof(Int); ++i) {
    value = static_cast<Int>((static_cast<uint64_t>(value) << 8) |
                             static_cast<unsigned char>(bytes[at + i]));
  }
  return value;
}

template <typename Int>
void WriteInt(std::string& out, size_t at, Int value) {
  for (size_t i = 0; i < sizeof(Int); ++i) {
    out[at + i] = static_cast<char>(static_cast<uint64_t>(value) >> (8 * (sizeof(Int) - 1 - i)));
  }
}

void WriteText(std::string& out, size_t at, size_t room, std::string_view text) {
  text = text.substr(0, room);
  std::copy(text.begin(), text.end(), out.begin() + static_cast<ptrdiff_t>(at));
}

// Up to the first zero byte.
std::string_view ReadText(std::string_view bytes, size_t at, size_t room) {
  const std::string_view field = bytes.substr(at, room);
  return field.substr(0, field.find('\0'));
}

// libstdc++ keeps bit n in bit n % 64 of word n / 64: on a little-endian machine, that is the
// bitmap of the wire. The recorded messages in the tests prove it.
static_assert(sizeof(SlotSet) == kSlotsBytes && std::is_trivially_copyable_v<SlotSet> &&
              std::endian::native == std::endian::little);

SlotSet ReadSlots(std::string_view bytes, size_t at) {
  SlotSet slots;
  std::memcpy(static_cast<void*>(&slots), bytes.data() + at, kSlotsBytes);
  return slots;
}

void WriteSlots(std::string& out, size_t at, const SlotSet& slots) {
  std::memcpy(out.data() + at, static_cast<const void*>(&slots), kSlotsBytes);
}

bool IsGossip(MessageType type) {
  return type == MessageType::kPing || type == MessageType::kPong || type == MessageType::kMeet;
}

size_t HostnameExtensionBytes(std::string_view hostname) {
  const size_t text = hostname.size() + 1;
  return kExtensionHeaderBytes + (text + 7) / 8 * 8;
}

size_t BodyBytes(const Message& message) {
  if (const auto* gossip = std::get_if<GossipBody>(&message.body)) {
    return gossip->entries.size() * kGossipBytes +
           (gossip->hostname.empty() ? 0 : HostnameExtensionBytes(gossip->hostname));
  }
  if (std::holds_alternative<FailBody>(message.body)) return kFailBytes;
  if (std::holds_alternative<UpdateBody>(message.body)) return kUpdateBytes;
  if (const auto* publish = std::get_if<PublishBody>(&message.body)) {
    return kPublishLengthsBytes + publish->channel.size() + publish->message.size();
  }
  return 0;
}

void EncodeGossip(std::string& out, const GossipBody& gossip) {
  WriteInt<uint16_t>(out, kCountAt, static_cast<uint16_t>(gossip.entries.size()));
  size_t at = kHeaderBytes;
  for (const GossipEntry& entry : gossip.entries) {
    WriteText(out, at, NodeId::kLength, entry.id.view());
    WriteInt<uint32_t>(out, at + 40, entry.ping_sent);
    WriteInt<uint32_t>(out, at + 44, entry.pong_received);
    WriteText(out, at + 48, kMaxIpLength, entry.ip);
    WriteInt<uint16_t>(out, at + 94, entry.port);
    WriteInt<uint16_t>(out, at + 96, entry.bus_port);
    WriteInt<uint16_t>(out, at + 98, entry.flags);
    WriteInt<uint16_t>(out, at + 100, entry.plain_port);
    at += kGossipBytes;
  }
  if (gossip.hostname.empty()) return;
  WriteInt<uint16_t>(out, kExtensionsAt, 1);
  WriteInt<uint32_t>(out, at, static_cast<uint32_t>(HostnameExtensionBytes(gossip.hostname)));
  WriteInt<uint16_t>(out, at + 4, kHostnameExtension);
  WriteText(out, at + kExtensionHeaderBytes, gossip.hostname.size(), gossip.hostname);
}

Expected<GossipEntry, DropCause> DecodeEntry(std::string_view bytes) {
  GossipEntry entry;
  const auto id = NodeId::Parse(bytes.substr(0, NodeId::kLength));
  if (!id) return DropCause::kNodeId;
  entry.id = *id;
  entry.ping_sent = ReadInt<uint32_t>(bytes, 40);
  entry.pong_received = ReadInt<uint32_t>(bytes, 44);
  entry.ip = ReadText(bytes, 48, kIpBytes);
  if (!entry.ip.empty() && !IsPlausibleAddress(entry.ip)) return DropCause::kAddress;
  entry.port = ReadInt<uint16_t>(bytes, 94);
  entry.bus_port = ReadInt<uint16_t>(bytes, 96);
  entry.flags = ReadInt<uint16_t>(bytes, 98);
  entry.plain_port = ReadInt<uint16_t>(bytes, 100);
  return entry;
}

// `bytes` begins behind the gossip entries. Returns how many of them the extensions take.
Expected<size_t, DropCause> DecodeExtensions(std::string_view bytes, size_t count,
                                             GossipBody& gossip) {
  size_t at = 0;
  for (size_t i = 0; i < count; ++i) {
    if (bytes.size() - at < kExtensionHeaderBytes) return DropCause::kExtension;
    const size_t length = ReadInt<uint32_t>(bytes, at);
    if (length < kExtensionHeaderBytes || length % 8 != 0 || length > bytes.size() - at) {
      return DropCause::kExtension;
    }
    if (ReadInt<uint16_t>(bytes, at + 4) == kHostnameExtension) {
      const std::string_view name =
          ReadText(bytes, at + kExtensionHeaderBytes, length - kExtensionHeaderBytes);
      if (!IsPlausibleHostname(name)) return DropCause::kExtension;
      gossip.hostname = name;
    } else {
      ++gossip.unknown_extensions;
    }
    at += length;
  }
  return at;
}

Expected<GossipBody, DropCause> DecodeGossip(std::string_view frame, bool has_extensions) {
  GossipBody gossip;
  const size_t count = ReadInt<uint16_t>(frame, kCountAt);
  std::string_view rest = frame.substr(kHeaderBytes);
  if (rest.size() < count * kGossipBytes) return DropCause::kGossip;
  gossip.entries.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    auto entry = DecodeEntry(rest.substr(i * kGossipBytes, kGossipBytes));
    if (!entry.ok()) return entry.error();
    gossip.entries.push_back(std::move(*entry));
  }
  rest.remove_prefix(count * kGossipBytes);
  if (has_extensions) {
    auto used = DecodeExtensions(rest, ReadInt<uint16_t>(frame, kExtensionsAt), gossip);
    if (!used.ok()) return used.error();
    rest.remove_prefix(*used);
  }
  if (!rest.empty()) return DropCause::kLength;
  return gossip;
}

// `bytes` is the whole body.
Expected<PublishBody, DropCause> DecodePublish(std::string_view bytes) {
  if (bytes.size() < kPublishLengthsBytes) return DropCause::kLength;
  const uint64_t channel = ReadInt<uint32_t>(bytes, 0);
  const uint64_t message = ReadInt<uint32_t>(bytes, 4);
  bytes.remove_prefix(kPublishLengthsBytes);
  if (channel + message != bytes.size()) return DropCause::kLength;
  return PublishBody{bytes.substr(0, channel), bytes.substr(channel)};
}

// Fills in what the header says.
Status DecodeAddress(std::string_view frame, Message& message) {
  message.ip = ReadText(frame, kIpAt, kIpBytes);
  if (!message.ip.empty() && !IsPlausibleAddress(message.ip)) return Error{"address"};
  message.port = ReadInt<uint16_t>(frame, kPortAt);
  message.plain_port = ReadInt<uint16_t>(frame, kPlainPortAt);
  message.bus_port = ReadInt<uint16_t>(frame, kBusPortAt);
  return {};
}

Status DecodeIds(std::string_view frame, Message& message) {
  const auto sender = NodeId::Parse(frame.substr(kSenderAt, NodeId::kLength));
  if (!sender) return Error{"sender"};
  message.sender = *sender;
  if (frame[kReplicaOfAt] == '\0') return {};
  const auto primary = NodeId::Parse(frame.substr(kReplicaOfAt, NodeId::kLength));
  if (!primary) return Error{"replica of"};
  message.replica_of = *primary;
  return {};
}

}  // namespace

std::string_view TypeName(MessageType type) {
  constexpr std::array<std::string_view, kMessageTypes> kNames = {
      "ping",     "pong",   "meet",    "fail",   "publish",     "auth-req",
      "auth-ack", "update", "mfstart", "module", "publishshard"};
  return kNames[static_cast<size_t>(type)];
}

std::string_view CauseName(DropCause cause) {
  constexpr std::array<std::string_view, kDropCauses> kNames = {
      "signature", "length",  "version", "unknown_type",   "gossip",
      "extension", "node_id", "address", "unknown_sender", "unusable"};
  return kNames[static_cast<size_t>(cause)];
}

bool HasKnownBody(MessageType type) {
  return type != MessageType::kModule;
}

bool IsPublish(MessageType type) {
  return type == MessageType::kPublish || type == MessageType::kPublishShard;
}

bool IsPlausibleAddress(std::string_view text) {
  if (text.empty() || text.size() > kMaxIpLength) return false;
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == ':' || c == '-' || c == '_' || c == '%';
  });
}

bool IsPlausibleHostname(std::string_view text) {
  if (text.size() > kMaxHostnameLength) return false;
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-';
  });
}

std::string Encode(const Message& message) {
  std::string out(kHeaderBytes + BodyBytes(message), '\0');
  WriteText(out, 0, kSignature.size(), kSignature);
  WriteInt<uint32_t>(out, kTotalLengthAt, static_cast<uint32_t>(out.size()));
  WriteInt<uint16_t>(out, kVersionAt, kProtocolVersion);
  WriteInt<uint16_t>(out, kPortAt, message.port);
  WriteInt<uint16_t>(out, kTypeAt, static_cast<uint16_t>(message.type));
  WriteInt<uint64_t>(out, kCurrentEpochAt, message.current_epoch);
  WriteInt<uint64_t>(out, kConfigEpochAt, message.config_epoch);
  WriteInt<uint64_t>(out, kOffsetAt, message.offset);
  WriteText(out, kSenderAt, NodeId::kLength, message.sender.view());
  WriteSlots(out, kSlotsAt, message.slots);
  WriteText(out, kReplicaOfAt, NodeId::kLength, message.replica_of.view());
  WriteText(out, kIpAt, kMaxIpLength, message.ip);
  WriteInt<uint16_t>(out, kPlainPortAt, message.plain_port);
  WriteInt<uint16_t>(out, kBusPortAt, message.bus_port);
  WriteInt<uint16_t>(out, kFlagsAt, message.flags);
  out[kStateAt] = message.state_ok ? 0 : 1;
  out[kMessageFlagsAt] = static_cast<char>(message.message_flags);

  if (const auto* gossip = std::get_if<GossipBody>(&message.body)) {
    EncodeGossip(out, *gossip);
    if (!gossip->hostname.empty()) {
      out[kMessageFlagsAt] = static_cast<char>(message.message_flags | kMessageExtensions);
    }
  } else if (const auto* fail = std::get_if<FailBody>(&message.body)) {
    WriteText(out, kHeaderBytes, NodeId::kLength, fail->failed.view());
  } else if (const auto* update = std::get_if<UpdateBody>(&message.body)) {
    WriteInt<uint64_t>(out, kHeaderBytes, update->config_epoch);
    WriteText(out, kHeaderBytes + 8, NodeId::kLength, update->owner.view());
    WriteSlots(out, kHeaderBytes + 8 + NodeId::kLength, update->slots);
  } else if (const auto* publish = std::get_if<PublishBody>(&message.body)) {
    const size_t channel_at = kHeaderBytes + kPublishLengthsBytes;
    WriteInt<uint32_t>(out, kHeaderBytes, static_cast<uint32_t>(publish->channel.size()));
    WriteInt<uint32_t>(out, kHeaderBytes + 4, static_cast<uint32_t>(publish->message.size()));
    WriteText(out, channel_at, publish->channel.size(), publish->channel);
    WriteText(out, channel_at + publish->channel.size(), publish->message.size(),
              publish->message);
  }
  return out;
}

Expected<Preamble, DropCause> DecodePreamble(std::string_view bytes) {
  if (bytes.size() < kPreambleBytes) return DropCause::kLength;
  if (bytes.substr(0, kSignature.size()) != kSignature) return DropCause::kBadSignature;
  Preamble preamble;
  preamble.total_bytes = ReadInt<uint32_t>(bytes, kTotalLengthAt);
  preamble.type = ReadInt<uint16_t>(bytes, kTypeAt);
  if (preamble.total_bytes < kHeaderBytes) return DropCause::kLength;
  return preamble;
}

Expected<Message, DropCause> Decode(std::string_view frame) {
  const auto preamble = DecodePreamble(frame);
  if (!preamble.ok()) return preamble.error();
  if (ReadInt<uint16_t>(frame, kVersionAt) != kProtocolVersion) return DropCause::kVersion;
  if (preamble->type >= kMessageTypes) return DropCause::kUnknownType;
  if (frame.size() < kHeaderBytes) return DropCause::kLength;

  Message message;
  message.type = static_cast<MessageType>(preamble->type);
  if (HasKnownBody(message.type) && frame.size() != preamble->total_bytes)
    return DropCause::kLength;
  if (!DecodeIds(frame, message).ok()) return DropCause::kNodeId;
  if (!DecodeAddress(frame, message).ok()) return DropCause::kAddress;
  message.current_epoch = ReadInt<uint64_t>(frame, kCurrentEpochAt);
  message.config_epoch = ReadInt<uint64_t>(frame, kConfigEpochAt);
  message.offset = ReadInt<uint64_t>(frame, kOffsetAt);
  message.slots = ReadSlots(frame, kSlotsAt);
  message.flags = ReadInt<uint16_t>(frame, kFlagsAt);
  message.state_ok = frame[kStateAt] == 0;
  message.message_flags = static_cast<uint8_t>(frame[kMessageFlagsAt]);

  const size_t body_bytes = frame.size() - kHeaderBytes;
  if (IsGossip(message.type)) {
    auto gossip = DecodeGossip(frame, (message.message_flags & kMessageExtensions) != 0);
    if (!gossip.ok()) return gossip.error();
    message.body = std::move(*gossip);
  } else if (message.type == MessageType::kFail) {
    if (body_bytes != kFailBytes) return DropCause::kLength;
    const auto failed = NodeId::Parse(frame.substr(kHeaderBytes, NodeId::kLength));
    if (!failed) return DropCause::kNodeId;
    message.body = FailBody{*failed};
  } else if (message.type == MessageType::kUpdate) {
    if (body_bytes != kUpdateBytes) return DropCause::kLength;
    const auto owner = NodeId::Parse(frame.substr(kHeaderBytes + 8, NodeId::kLength));
    if (!owner) return DropCause::kNodeId;
    message.body = UpdateBody{ReadInt<uint64_t>(frame, kHeaderBytes), *owner,
                              ReadSlots(frame, kHeaderBytes + 8 + NodeId::kLength)};
  } else if (IsPublish(message.type)) {
    const auto publish = DecodePublish(frame.substr(kHeaderBytes));
    if (!publish.ok()) return publish.error();
    message.body = *publish;
  } else if (HasKnownBody(message.type) && body_bytes != 0) {
    return DropCause::kLength;
  }
  return message;
}

}  // namespace keyway::shard::cluster::bus
