#include "shard/replication/replica.h"

#include <algorithm>
#include <utility>

#include "common/net/address.h"
#include "common/net/stream.h"

namespace keyway::shard::replication {

namespace {

const std::string& AddressOf(const Client& client, const ReplicaTraits& traits) {
  return traits.address.empty() ? client.stream().peer().host : traits.address;
}

}  // namespace

std::string ReplicaName(const Client& client, const ReplicaTraits& traits) {
  const std::string& address = AddressOf(client, traits);
  if (traits.port == 0) return address + ":<unknown-replica-port>";
  const bool brackets = address.find(':') != std::string::npos;
  return (brackets ? "[" + address + "]" : address) + ":" + std::to_string(traits.port);
}

Replica::Replica(Client& client, ReplicaTraits traits, ReplicaOwner& owner)
    : client_(client), traits_(std::move(traits)), owner_(owner) {}

Replica::~Replica() {
  owner_.OnReplicaGone(*this);
}

std::string Replica::Address() const {
  return AddressOf(client_, traits_);
}

void Replica::Send(std::string_view bytes) {
  client_.output().Append(bytes);
  client_.PushDone();
}

persistence::FileStatus Replica::SendFile(std::unique_ptr<persistence::File> file) {
  const auto size = file->Size();
  if (!size.ok()) return size.error();
  file_ = std::move(file);
  file_left_ = *size;
  Send("$" + std::to_string(file_left_) + "\r\n");
  return {};
}

Expected<bool, std::string> Replica::Feed() {
  const bool streams = state == SyncState::kOnline && !waits_for_ack && reader != nullptr;
  const bool reads = state == SyncState::kReceives && file_left_ > 0;
  if (client_.closing() || (!streams && !reads)) return false;
  OutputBuffer& output = client_.output();
  const size_t before = output.size();
  while (reads && file_left_ > 0 && output.size() < kOutputBytes) {
    constexpr uint64_t kPiece = OutputBuffer::kBlockBytes;
    const auto piece = static_cast<size_t>(std::min(file_left_, kPiece));
    const auto got = file_->Read(output.Reserve(piece), piece);
    output.Commit(got.ok() ? *got : 0);
    if (!got.ok()) return got.error().message;
    if (*got == 0) return std::string("premature EOF");
    file_left_ -= *got;
  }
  while (streams && reader->behind() > 0 && output.size() < kOutputBytes) {
    const std::string_view bytes = reader->Next();
    output.Append(bytes);
    reader->Advance(bytes.size());
  }
  if (output.size() != before) client_.PushDone();
  return streams ? reader->behind() > 0 : file_left_ > 0;
}

uint64_t Replica::Pending() const {
  const uint64_t behind = reader == nullptr ? 0 : reader->behind();
  return behind + (state == SyncState::kOnline ? client_.output_bytes() : 0);
}

int64_t Replica::StuckSince(int64_t now_micros) {
  const uint64_t sent = client_.stream().bytes_sent();
  if (client_.output_bytes() == 0 || sent != sent_before_ || moved_micros_ == 0) {
    sent_before_ = sent;
    moved_micros_ = now_micros;
    return 0;
  }
  return moved_micros_;
}

}  // namespace keyway::shard::replication
