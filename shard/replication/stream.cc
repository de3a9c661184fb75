#include "shard/replication/stream.h"

#include <utility>

#include "common/log/log.h"

namespace keyway::shard::replication {
namespace {

constexpr size_t kIdLength = 40;

std::string NoId() {
  return std::string(kIdLength, '0');
}

}  // namespace

ReplicationStream::ReplicationStream(Effects& effects, Random& random, size_t keep_bytes)
    : effects_(effects),
      random_(random),
      id_(random.Hex(kIdLength)),
      second_id_(NoId()),
      keep_bytes_(keep_bytes) {}

ReplicationStream::~ReplicationStream() {
  if (active()) effects_.RemoveSink(*this);
}

void ReplicationStream::Activate() {
  if (active()) return;
  backlog_ = std::make_unique<Backlog>(offset_ + 1, keep_bytes_);
  ForgetDatabase();
  effects_.AddSink(*this, kEffectReplicas);
}

void ReplicationStream::Deactivate() {
  if (!active()) return;
  offset_ = offset();
  effects_.RemoveSink(*this);
  backlog_.reset();
  if (!follows_) ChangeId();
}

void ReplicationStream::set_keep_bytes(size_t bytes) {
  keep_bytes_ = bytes;
  if (active()) backlog_->set_keep_bytes(bytes);
}

void ReplicationStream::AppendBytes(std::string_view bytes) {
  if (active()) {
    backlog_->Append(bytes);
  } else {
    offset_ += bytes.size();
  }
}

void ReplicationStream::AppendCommand(std::span<const std::string_view> args) {
  if (!active() || follows_) return;
  scratch_ = "*" + std::to_string(args.size()) + "\r\n";
  for (std::string_view arg : args) {
    scratch_ += "$" + std::to_string(arg.size()) + "\r\n";
    scratch_.append(arg).append("\r\n");
  }
  backlog_->Append(scratch_);
}

void ReplicationStream::OnUnit(std::span<const Effect> effects) {
  if (follows_) return;
  scratch_.clear();
  encoder_.Append(effects, &scratch_);
  for (const Effect& effect : effects) {
    if ((effect.targets & kEffectReplicas) != 0) database_ = effect.db;
  }
  backlog_->Append(scratch_);
}

void ReplicationStream::ChangeId() {
  id_ = random_.Hex(kIdLength);
  ForgetSecondId();
}

void ReplicationStream::ForgetSecondId() {
  second_id_ = NoId();
  second_offset_ = -1;
}

void ReplicationStream::Shift() {
  second_id_ = std::exchange(id_, random_.Hex(kIdLength));
  second_offset_ = static_cast<int64_t>(offset()) + 1;
  KEYWAY_WARNING() << "Setting secondary replication ID to " << second_id_
                   << ", valid up to offset: " << second_offset_ << ". New replication ID is "
                   << id_;
}

void ReplicationStream::Adopt(std::string_view id, uint64_t offset) {
  id_ = id;
  ForgetSecondId();
  const bool was_active = active();
  if (was_active) {
    effects_.RemoveSink(*this);
    backlog_.reset();
  }
  offset_ = offset;
  if (was_active) Activate();
}

void ReplicationStream::Rename(std::string_view id) {
  second_id_ = std::exchange(id_, std::string(id));
  second_offset_ = static_cast<int64_t>(offset()) + 1;
}

void ReplicationStream::AdoptAsSecond(std::string_view id, uint64_t offset) {
  second_id_ = id;
  second_offset_ = static_cast<int64_t>(offset) + 1;
  if (active()) {
    backlog_->Shift(offset);
  } else {
    offset_ += offset;
  }
}

std::unique_ptr<Backlog::Reader> ReplicationStream::Continue(std::string_view id, int64_t offset) {
  const bool own = id == id_;
  const bool second = id == second_id_ && offset <= second_offset_;
  if ((!own && !second) || !active() || offset <= 0) return nullptr;
  return backlog_->Read(static_cast<uint64_t>(offset));
}

std::unique_ptr<Backlog::Reader> ReplicationStream::ReadFromHere() {
  Activate();
  ForgetDatabase();
  return backlog_->Read(backlog_->end());
}

}  // namespace keyway::shard::replication
