#include "proxy/session/cluster_view.h"

#include <algorithm>
#include <cstdint>

namespace keyway::proxy::session {
namespace {

constexpr size_t kIdDigits = 40;

// FNV-1a over the text, then the finalizer of MurmurHash3, so that endpoints that differ in one digit
// have identifiers that differ everywhere.
uint64_t Hash(std::string_view text, uint64_t seed) {
  uint64_t hash = 0xcbf29ce484222325 ^ (seed * 0x9e3779b97f4a7c15);
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
  return hash ^ (hash >> 33);
}

}  // namespace

std::string NodeId(const net::Endpoint& endpoint) {
  const std::string text = net::ToString(endpoint);
  std::string id;
  for (uint64_t seed = 0; id.size() < kIdDigits; ++seed) {
    uint64_t hash = Hash(text, seed);
    for (int i = 0; i < 16 && id.size() < kIdDigits; ++i, hash >>= 4) {
      id.push_back("0123456789abcdef"[hash & 15]);
    }
  }
  return id;
}

const ClusterMember* ClusterView::Find(std::string_view id) const {
  const auto member = std::find_if(members.begin(), members.end(),
                                   [id](const ClusterMember& each) { return each.id == id; });
  return member == members.end() ? nullptr : &*member;
}

ClusterView MakeClusterView(std::span<const net::Endpoint> advertised, const net::Endpoint& local) {
  if (advertised.empty()) advertised = std::span(&local, 1);
  advertised = advertised.first(std::min<size_t>(advertised.size(), kSlotCount));
  ClusterView view;
  const size_t count = advertised.size();
  for (size_t i = 0; i < count; ++i) {
    view.members.push_back({advertised[i], NodeId(advertised[i]),
                            {static_cast<Slot>(kSlotCount * i / count),
                             static_cast<Slot>(kSlotCount * (i + 1) / count - 1)}});
  }
  const auto same = std::find(advertised.begin(), advertised.end(), local);
  const auto same_port =
      std::find_if(advertised.begin(), advertised.end(),
                   [&local](const net::Endpoint& each) { return each.port == local.port; });
  if (same != advertised.end()) {
    view.self = static_cast<size_t>(same - advertised.begin());
  } else if (same_port != advertised.end()) {
    view.self = static_cast<size_t>(same_port - advertised.begin());
  }
  return view;
}

}  // namespace keyway::proxy::session
