#include "shard/cluster/cluster.h"

#include <string>
#include <utility>
#include <vector>

#include "shard/cluster/cluster_process.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/server/effects.h"

namespace keyway::shard::cluster {
namespace {

constexpr int64_t kMaxPort = 65535;
constexpr int64_t kBusPortOffset = 10000;

class KeyspaceSlots final : public gossip::SlotKeys {
 public:
  KeyspaceSlots(keyspace::Keyspace& keyspace, Effects& effects, const Clock& clock)
      : keyspace_(keyspace), effects_(effects), clock_(clock) {}

  size_t KeyCount() const override { return keyspace_.KeyCount(); }
  size_t CountInSlot(Slot slot) const override { return keyspace_.CountInSlot(slot); }
  void VisitSlot(Slot slot, size_t limit,
                 const std::function<void(std::string_view)>& visit) const override {
    keyspace_.KeysInSlot(slot, limit, visit);
  }
  bool Contains(std::string_view key, int database) const override {
    return keyspace_.database(database).Find(keyspace::Key(key), clock_.WallMillis(),
                                             keyspace::Access::kPeek) != nullptr;
  }
  void DropSlot(Slot slot) override {
    const int64_t now = clock_.WallMillis();
    for (int i = 0; i < keyspace_.database_count(); ++i) {
      keyspace::Database& database = keyspace_.database(i);
      std::vector<std::string> keys;
      std::vector<const keyspace::Record*> records;
      database.KeysInSlot(slot, database.CountInSlot(slot), &records);
      keys.reserve(records.size());
      for (const keyspace::Record* record : records) keys.emplace_back(record->key());
      for (const std::string& key : keys) {
        CallEffects effects(effects_, i, CallEffects::Kind::kCommand);
        database.Delete(keyspace::Key(key, slot), now, keyspace::Reclaim::kLater);
        const std::string_view deletion[] = {DeletionName(/*lazily=*/false), key};
        effects.End(deletion);
      }
    }
  }

 private:
  keyspace::Keyspace& keyspace_;
  Effects& effects_;
  const Clock& clock_;
};

// A ClusterProcess on the shard's keys and configuration.
class ShardCluster final : public Cluster {
 public:
  ShardCluster(const ShardConfig& config, keyspace::Keyspace& keyspace, Effects& effects,
               const Clock& clock)
      : config_(config), keys_(keyspace, effects, clock) {}

  Status Open(net::EventLoop& loop, const Clock& clock, Random& random) {
    auto process = ClusterProcess::Start(loop, clock, random, OptionsFromConfig(config_), keys_);
    if (!process.ok()) return process.error();
    process_ = std::move(*process);
    return {};
  }

  bool Admit(const command::Command& command, std::span<const std::string_view> args,
             std::span<const command::KeyPosition> keys, bool asking, bool readonly_client,
             resp::ReplyWriter& reply, int database) override {
    return process_->Admit(command, args, keys, asking, readonly_client, reply, database);
  }
  ClusterSummary Summary() const override { return process_->Summary(); }
  const SlotSet& OwnSlots() const override { return process_->OwnSlots(); }
  const std::string& MyId() const override { return process_->MyId(); }
  gossip::Engine& engine() override { return process_->engine(); }
  gossip::SlotKeys& keys() override { return keys_; }
  Status SaveConfig() override { return process_->SaveConfig(); }
  void ClaimSlotsWithKeys() override { process_->ClaimSlotsWithKeys(); }
  void set_data(gossip::DataNode* data) override { process_->set_data(data); }
  void set_subscribers(Subscribers* subscribers) override {
    process_->set_subscribers(subscribers);
  }
  void Publish(std::string_view channel, std::string_view message, bool shard) override {
    process_->Publish(channel, message, shard);
  }
  void OnConfigChanged() override { process_->SetOptions(OptionsFromConfig(config_)); }
  void Shutdown() override { process_->Shutdown(); }

 private:
  const ShardConfig& config_;
  KeyspaceSlots keys_;
  std::unique_ptr<ClusterProcess> process_;
};

}  // namespace

Expected<std::unique_ptr<Cluster>> Cluster::Start(net::EventLoop& loop, const Clock& clock,
                                                  Random& random, const ShardConfig& config,
                                                  keyspace::Keyspace& keyspace, Effects& effects) {
  if (config.cluster_port == 0 && config.port + kBusPortOffset > kMaxPort) {
    return Error{
        "Redis port number too high. Cluster communication port is 10,000 port numbers higher than "
        "your Redis port. Your Redis port number must be 55535 or less."};
  }
  auto cluster = std::make_unique<ShardCluster>(config, keyspace, effects, clock);
  if (Status status = cluster->Open(loop, clock, random); !status.ok()) return status.error();
  return std::unique_ptr<Cluster>(std::move(cluster));
}

}  // namespace keyway::shard::cluster
