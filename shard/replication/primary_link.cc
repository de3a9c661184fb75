#include "shard/replication/primary_link.h"

namespace keyway::shard::replication {

struct PrimaryLink::Impl {
  PrimaryStatus& status;
};

PrimaryLink::PrimaryLink(Services&, ReplicationStream&, Replicas&, persistence::Engine&,
                         PrimaryStatus& status)
    : impl_(new Impl{status}) {}
PrimaryLink::~PrimaryLink() = default;

void PrimaryLink::Follow(const std::string& host, uint16_t port) {
  impl_->status.host = host;
  impl_->status.port = port;
}
void PrimaryLink::Stop() {
  impl_->status = {};
}
void PrimaryLink::set_failover_handshake(bool) {}
void PrimaryLink::SendAcknowledgement() {}
void PrimaryLink::Cron() {}
void PrimaryLink::OnConfigChanged() {}

}  // namespace keyway::shard::replication
