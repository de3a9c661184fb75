#include "shard/replication/replicas.h"

namespace keyway::shard::replication {

struct Replicas::Impl {};

Replicas::Replicas(Services&, ReplicationStream&, persistence::Engine&, std::function<void()>) {}
Replicas::~Replicas() = default;

void Replicas::HandleReplconf(CommandContext& context) {
  context.reply.Ok();
}
void Replicas::HandleSync(CommandContext& context) {
  context.reply.Error("ERR this server cannot be replicated");
}
size_t Replicas::count() const {
  return 0;
}
std::vector<ReplicaStatus> Replicas::Describe() const {
  return {};
}
size_t Replicas::CountAcknowledged(uint64_t) const {
  return 0;
}
size_t Replicas::CountGood() const {
  return 0;
}
void Replicas::RequestAcknowledgements() {}
void Replicas::DisconnectAll() {}
void Replicas::Pump() {}
void Replicas::Cron() {}
void Replicas::OnConfigChanged() {}
void Replicas::End() {}

}  // namespace keyway::shard::replication
