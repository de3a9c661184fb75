#include "shard/replication/sync_receiver.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "common/log/log.h"

namespace keyway::shard::replication {
namespace {

constexpr size_t kMarkLength = 40;
constexpr size_t kMaxHeaderBytes = 1024;
constexpr int64_t kSyncEveryBytes = 8 * 1024 * 1024;
constexpr int kNames = 5;

size_t Find(std::string_view bytes, std::string_view mark) {
  const void* found = memmem(bytes.data(), bytes.size(), mark.data(), mark.size());
  if (found == nullptr) return std::string_view::npos;
  return static_cast<size_t>(static_cast<const char*>(found) - bytes.data());
}

}  // namespace

std::unique_ptr<SyncReceiver> SyncReceiver::Open(persistence::FileSystem& files,
                                                 const Clock& clock, Target target) {
  std::unique_ptr<SyncReceiver> receiver(new SyncReceiver(files, target));
  if (target == Target::kMemory) return receiver;
  const auto fail = [](const std::string& reason) {
    KEYWAY_WARNING() << "Opening the temp file needed for MASTER <-> REPLICA synchronization: "
                     << reason;
    return nullptr;
  };
  // One of that name may have been left by a process that has crashed.
  int64_t seconds = clock.WallMicros() / 1'000'000;
  std::string path;
  for (int name = 0;; ++name, ++seconds) {
    path = "temp-" + std::to_string(seconds) + "." + std::to_string(getpid()) + ".rdb";
    const auto exists = files.Exists(path);
    if (!exists.ok()) return fail(exists.error().message);
    if (!*exists) break;
    if (name + 1 == kNames) return fail("File exists");
  }
  auto file = files.Open(path, persistence::OpenMode::kCreate);
  if (!file.ok()) return fail(file.error().message);
  receiver->path_ = path;
  receiver->file_ = std::move(*file);
  return receiver;
}

SyncReceiver::~SyncReceiver() {
  file_.reset();
  if (!path_.empty()) (void)files_.Remove(path_);
}

SyncReceiver::Outcome SyncReceiver::Take(std::string_view bytes, size_t* consumed) {
  *consumed = 0;
  while (total_ < 0) {
    const size_t end = bytes.find('\n', *consumed);
    if (end == bytes.npos) {
      if (bytes.size() - *consumed <= kMaxHeaderBytes) return Outcome::kMore;
      KEYWAY_WARNING() << "I/O error reading bulk count from MASTER: the line is too long";
      return Outcome::kFailed;
    }
    std::string_view line = bytes.substr(*consumed, end - *consumed);
    if (line.ends_with('\r')) line.remove_suffix(1);
    *consumed = end + 1;
    if (TakeHeader(line) == Outcome::kFailed) return Outcome::kFailed;
  }
  size_t taken = 0;
  const std::string_view rest = bytes.substr(*consumed);
  const Outcome outcome = has_mark() ? TakeUntilMark(rest, &taken) : TakeCounted(rest, &taken);
  *consumed += taken;
  return outcome;
}

SyncReceiver::Outcome SyncReceiver::TakeHeader(std::string_view line) {
  if (line.empty()) return Outcome::kMore;  // the primary is there still
  if (line.starts_with('-')) {
    KEYWAY_WARNING() << "MASTER aborted replication with an error: " << line.substr(1);
    return Outcome::kFailed;
  }
  if (!line.starts_with('$')) {
    KEYWAY_WARNING() << "Bad protocol from MASTER, the first byte is not '$' (we received '" << line
                     << "'), are you sure the host and port are right?";
    return Outcome::kFailed;
  }
  line.remove_prefix(1);
  constexpr std::string_view kEof = "EOF:";
  const char* const where = target_ == Target::kFile ? "to disk" : "to parser";
  if (line.starts_with(kEof) && line.size() >= kEof.size() + kMarkLength) {
    mark_ = line.substr(kEof.size(), kMarkLength);
    total_ = 0;
    KEYWAY_NOTICE() << "MASTER <-> REPLICA sync: receiving streamed RDB from master with EOF "
                    << where;
    return Outcome::kMore;
  }
  total_ = std::max(0ll, std::strtoll(std::string(line).c_str(), nullptr, 10));
  KEYWAY_NOTICE() << "MASTER <-> REPLICA sync: receiving " << total_ << " bytes from master "
                  << where;
  return Outcome::kMore;
}

SyncReceiver::Outcome SyncReceiver::TakeCounted(std::string_view bytes, size_t* consumed) {
  const auto left = static_cast<uint64_t>(total_ - received_);
  *consumed = static_cast<size_t>(std::min<uint64_t>(left, bytes.size()));
  if (!Store(bytes.substr(0, *consumed))) return Outcome::kFailed;
  return received_ == total_ ? Outcome::kComplete : Outcome::kMore;
}

// The last bytes are not taken before it is clear that they are not the begin of the mark.
SyncReceiver::Outcome SyncReceiver::TakeUntilMark(std::string_view bytes, size_t* consumed) {
  const size_t place = Find(bytes, mark_);
  if (place != std::string_view::npos) {
    if (!Store(bytes.substr(0, place))) return Outcome::kFailed;
    *consumed = place + mark_.size();
    return Outcome::kComplete;
  }
  if (bytes.size() < mark_.size()) return Outcome::kMore;
  *consumed = bytes.size() - (mark_.size() - 1);
  return Store(bytes.substr(0, *consumed)) ? Outcome::kMore : Outcome::kFailed;
}

bool SyncReceiver::Store(std::string_view bytes) {
  received_ += static_cast<int64_t>(bytes.size());
  if (target_ == Target::kMemory) {
    // The length is the primary's word: room is made for what comes, not for what is promised.
    memory_.append(bytes);
    return true;
  }
  const persistence::FileStatus written = persistence::WriteAll(*file_, bytes);
  if (!written.ok()) {
    KEYWAY_WARNING() << "Write error or short write writing to the DB dump file needed for MASTER "
                        "<-> REPLICA synchronization: "
                     << written.error().message;
    return false;
  }
  if (received_ - synced_ >= kSyncEveryBytes) {
    (void)file_->BeginSync();  // what is wrong shows in the end
    synced_ = received_;
  }
  return true;
}

bool SyncReceiver::Finish() {
  if (target_ == Target::kMemory) return true;
  const persistence::FileStatus synced = file_->Sync();
  file_.reset();
  if (synced.ok()) return true;
  KEYWAY_WARNING() << "Failed trying to sync the temp DB to disk in MASTER <-> REPLICA "
                      "synchronization: "
                   << synced.error().message;
  return false;
}

}  // namespace keyway::shard::replication
