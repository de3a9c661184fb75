// The replication stream of this server: who wrote it (replication id), how far it goes (offset), and
// the part of it that is kept (backlog). On a primary the effects of its commands are appended; on a
// replica the bytes that its primary has sent, as they were, so that its own replicas can follow
// either. Nothing is kept, and the offset stands still, until somebody wants it.
//
// Two ids: a replica that becomes a primary begins a history of its own under a new id, and keeps the
// old one as the second, valid up to where the two part, so that the other replicas of the old primary
// can go on with it (PSYNC2).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/base/random.h"
#include "shard/replication/backlog.h"
#include "shard/server/effects.h"

namespace keyway::shard::replication {

class ReplicationStream final : private EffectSink {
 public:
  // All outlive the object.
  ReplicationStream(Effects& effects, Random& random, size_t keep_bytes);
  ~ReplicationStream() override;

  const std::string& id() const { return id_; }
  const std::string& second_id() const { return second_id_; }
  int64_t second_offset() const { return second_offset_; }
  uint64_t offset() const { return backlog_ != nullptr ? backlog_->end() - 1 : offset_; }

  // --- The backlog.
  const Backlog* backlog() const { return backlog_.get(); }
  bool active() const { return backlog_ != nullptr; }
  // From the next byte on everything is kept. Does nothing if it is active.
  void Activate();
  // repl-backlog-ttl is over: nothing is kept any more; nobody reads. A primary takes a new id (what
  // it does from now on is not counted), as Redis does.
  void Deactivate();
  void set_keep_bytes(size_t bytes);

  // --- Writing.
  // On a replica the effects of its commands are no part of the stream.
  void set_follows(bool follows) { follows_ = follows; }
  bool follows() const { return follows_; }
  // From the primary.
  void AppendBytes(std::string_view bytes);
  // A command that is no effect of a request: PING, REPLCONF GETACK. Without a SELECT in front.
  void AppendCommand(std::span<const std::string_view> args);
  // The next effect gets its SELECT: a replica begins with a full sync.
  void ForgetDatabase() {
    encoder_.ForgetDatabase();
    database_ = -1;
  }
  // That the last effect has selected; -1: the next one selects its own.
  int database() const { return database_; }

  // --- Identity.
  // A new id; the second is gone.
  void ChangeId();
  void ForgetSecondId();
  // Becomes a primary: a new id, the old one becomes the second one and is valid up to offset() + 1.
  void Shift();
  // A full sync: this server's data are those of `id` at `offset`; what was kept is dropped.
  void Adopt(std::string_view id, uint64_t offset);
  // The primary says on a partial sync that its id has changed: the old one becomes the second.
  void Rename(std::string_view id);
  // After a restart of a primary, from an RDB file: `id` up to `offset` is this server's history, too,
  // and what it has written since it started comes behind.
  void AdoptAsSecond(std::string_view id, uint64_t offset);

  // Who has everything of `id` before `offset` (as PSYNC names them: the next byte it wants) goes on
  // from there; nullptr: not possible.
  std::unique_ptr<Backlog::Reader> Continue(std::string_view id, int64_t offset);
  // From the next byte on, for a full sync that begins now. Activates.
  std::unique_ptr<Backlog::Reader> ReadFromHere();

 private:
  void OnUnit(std::span<const Effect> effects) override;

  Effects& effects_;
  Random& random_;
  std::string id_;
  std::string second_id_;
  int64_t second_offset_ = -1;
  uint64_t offset_ = 0;  // while there is no backlog
  size_t keep_bytes_;
  bool follows_ = false;
  EffectEncoder encoder_{kEffectReplicas};
  int database_ = -1;  // as the encoder has it
  std::unique_ptr<Backlog> backlog_;
  std::string scratch_;
};

}  // namespace keyway::shard::replication
