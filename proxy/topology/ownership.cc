#include "proxy/topology/ownership.h"

#include <algorithm>
#include <utility>

namespace keyway::proxy::topology {
namespace {

// For each slot the shard that claims it in `report`; nullptr for nobody. If several do, the one
// with the highest epoch, of equals the first.
std::vector<const Shard*> ClaimsOf(const Report& report) {
  std::vector<const Shard*> claims(kSlotCount, nullptr);
  for (const Shard& shard : report.shards) {
    for (const SlotRange& range : shard.slots) {
      for (size_t slot = range.first; slot <= range.last; ++slot) {
        if (claims[slot] == nullptr ||
            claims[slot]->primary.config_epoch < shard.primary.config_epoch) {
          claims[slot] = &shard;
        }
      }
    }
  }
  return claims;
}

}  // namespace

Ownership::Ownership() = default;

bool Ownership::Contains(const std::string& node_id) const {
  if (index_.contains(node_id)) return true;
  for (const Shard& shard : owners_) {
    for (const Node& node : shard.replicas) {
      if (node.id == node_id) return true;
    }
  }
  return false;
}

bool Ownership::SharesNodes(const Report& report) const {
  return std::any_of(owners_.begin(), owners_.end(), [&](const Shard& shard) {
    return report.node_ids.contains(shard.primary.id) ||
           std::any_of(shard.replicas.begin(), shard.replicas.end(),
                       [&](const Node& node) { return report.node_ids.contains(node.id); });
  });
}

size_t Ownership::node_count() const {
  size_t count = owners_.size();
  for (const Shard& shard : owners_) count += shard.replicas.size();
  return count;
}

uint32_t Ownership::IndexOf(const Shard& shard) {
  const auto [place, is_new] =
      index_.try_emplace(shard.primary.id, static_cast<uint32_t>(owners_.size()));
  if (is_new) {
    owners_.push_back(shard);
    owners_.back().slots.clear();
  }
  return place->second;
}

void Ownership::UpdateOwner(const Shard& shard, bool by_itself) {
  const auto found = index_.find(shard.primary.id);
  if (found == index_.end()) return;
  Shard& known = owners_[found->second];
  if (shard.primary.config_epoch < known.primary.config_epoch) return;
  known.primary = shard.primary;
  std::vector<Node> replicas = shard.replicas;
  // Others hear late whether a replica is ready, and would contradict each other for a while.
  for (Node& node : replicas) {
    const auto before =
        std::find_if(known.replicas.begin(), known.replicas.end(),
                     [&node](const Node& replica) { return replica.id == node.id; });
    if (before == known.replicas.end() || before->failed || node.failed || by_itself) continue;
    node.online = before->online;
  }
  known.replicas = std::move(replicas);
  if (by_itself) {
    known.migrating = shard.migrating;
    known.importing = shard.importing;
  }
}

Ownership::Outcome Ownership::Merge(const Report& report) {
  Outcome outcome;
  const std::vector<const Shard*> reported = ClaimsOf(report);
  has_epochs_ |= report.has_epochs;
  for (size_t slot = 0; slot < claims_.size(); ++slot) {
    Claim& claim = claims_[slot];
    const Shard* shard = reported[slot];
    if (shard == nullptr) {
      outcome.refused += claim.owner == kNobody ? 0 : 1;
      continue;
    }
    const uint64_t epoch = shard->primary.config_epoch;
    if (claim.owner != kNobody) {
      const Node& owner = owners_[claim.owner].primary;
      if (owner.id == shard->primary.id) {
        claim.epoch = std::max(claim.epoch, epoch);
        continue;
      }
      const bool given_away = report.reporter == owner.id && report.reporter_epoch >= claim.epoch;
      if (epoch <= claim.epoch && !given_away) {
        ++outcome.refused;
        continue;
      }
    }
    // No lower than before: else the old owner would have the better claim in a report of somebody
    // who has not heard of the change.
    claim = {IndexOf(*shard), std::max(claim.epoch, epoch)};
    ++outcome.adopted;
  }
  // Who is behind with the slots may be so with everything.
  if (outcome.refused == 0 || outcome.adopted > 0) {
    for (const Shard& shard : report.shards) {
      UpdateOwner(shard, shard.primary.id == report.reporter);
    }
  }
  DropOwnersWithoutSlots();
  cluster_epoch_ = std::max(cluster_epoch_, report.cluster_epoch);
  return outcome;
}

int Ownership::AdoptAgreed(std::span<const Report> reports) {
  if (reports.empty()) return 0;
  std::vector<std::vector<const Shard*>> reported;
  uint64_t highest_epoch = 0;
  for (const Report& report : reports) {
    reported.push_back(ClaimsOf(report));
    highest_epoch = std::max(highest_epoch, report.cluster_epoch);
    for (const Shard& shard : report.shards) {
      highest_epoch = std::max(highest_epoch, shard.primary.config_epoch);
    }
  }
  std::vector<bool> forgotten(owners_.size());
  for (size_t i = 0; i < forgotten.size(); ++i) {
    forgotten[i] = std::none_of(reports.begin(), reports.end(), [&](const Report& report) {
      return report.node_ids.contains(owners_[i].primary.id);
    });
  }

  int changed = 0;
  uint64_t claimed_epoch = 0;
  for (size_t slot = 0; slot < claims_.size(); ++slot) {
    Claim& claim = claims_[slot];
    if (claim.owner == kNobody) continue;
    const std::string& owner = owners_[claim.owner].primary.id;
    const Shard* highest = nullptr;
    bool contradicted = true;
    bool all_reach = true;  // the known epoch
    for (const auto& claims : reported) {
      const Shard* shard = claims[slot];
      if (shard != nullptr && shard->primary.id == owner) contradicted = false;
      if (shard == nullptr || shard->primary.config_epoch < claim.epoch) all_reach = false;
      if (shard != nullptr &&
          (highest == nullptr || highest->primary.config_epoch < shard->primary.config_epoch)) {
        highest = shard;
      }
    }
    if (!contradicted) continue;
    if (highest != nullptr && highest_epoch >= claim.epoch && !forgotten[claim.owner] &&
        !all_reach) {
      continue;
    }
    claim = highest == nullptr ? Claim{} : Claim{IndexOf(*highest), highest->primary.config_epoch};
    ++changed;
  }
  if (changed == 0) return 0;
  // If the clock was put back, then for slots whose owner is the same, too.
  for (Shard& known : owners_) {
    if (known.primary.config_epoch > highest_epoch) known.primary.config_epoch = 0;
  }
  for (const Report& report : reports) {
    for (const Shard& shard : report.shards) {
      UpdateOwner(shard, shard.primary.id == report.reporter);
    }
  }
  DropOwnersWithoutSlots();
  for (Claim& claim : claims_) {
    if (claim.owner == kNobody) continue;
    if (claim.epoch > highest_epoch) claim.epoch = owners_[claim.owner].primary.config_epoch;
    claimed_epoch = std::max(claimed_epoch, claim.epoch);
  }
  cluster_epoch_ = std::max(highest_epoch, claimed_epoch);
  return changed;
}

void Ownership::Replace(const Report& report) {
  *this = Ownership();
  Merge(report);
}

void Ownership::DropOwnersWithoutSlots() {
  std::vector<bool> used(owners_.size());
  for (const Claim& claim : claims_) {
    if (claim.owner != kNobody) used[claim.owner] = true;
  }
  if (std::find(used.begin(), used.end(), false) == used.end()) return;
  std::vector<uint32_t> renumbered(owners_.size(), kNobody);
  std::vector<Shard> kept;
  index_.clear();
  for (size_t i = 0; i < owners_.size(); ++i) {
    if (!used[i]) continue;
    renumbered[i] = static_cast<uint32_t>(kept.size());
    index_.emplace(owners_[i].primary.id, renumbered[i]);
    kept.push_back(std::move(owners_[i]));
  }
  owners_ = std::move(kept);
  for (Claim& claim : claims_) {
    if (claim.owner != kNobody) claim.owner = renumbered[claim.owner];
  }
}

std::vector<Shard> Ownership::Shards() const {
  std::vector<Shard> shards = owners_;
  for (size_t slot = 0; slot < claims_.size(); ++slot) {
    const Claim& claim = claims_[slot];
    if (claim.owner == kNobody) continue;
    std::vector<SlotRange>& ranges = shards[claim.owner].slots;
    const auto number = static_cast<Slot>(slot);
    if (!ranges.empty() && ranges.back().last + 1 == number) {
      ranges.back().last = number;
    } else {
      ranges.push_back({number, number});
    }
  }
  return shards;
}

}  // namespace keyway::proxy::topology
