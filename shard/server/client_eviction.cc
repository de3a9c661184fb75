#include "shard/server/client_eviction.h"

#include <algorithm>
#include <bit>
#include <cstdio>

#include "common/log/log.h"
#include "common/net/event_loop.h"
#include "shard/config/shard_config.h"
#include "shard/server/client_registry.h"

namespace keyway::shard {

ClientEviction::ClientEviction(Services& services) : services_(services) {
  services_.loop.EveryPass([this] { Enforce(nullptr); });
}

uint64_t ClientEviction::limit() const {
  const MemoryLimit& limit = services_.config.maxmemory_clients;
  if (!limit.percent) return static_cast<uint64_t>(limit.amount);
  return static_cast<uint64_t>(static_cast<double>(services_.config.maxmemory) *
                               static_cast<double>(limit.amount) / 100);
}

size_t ClientEviction::BucketOf(uint64_t bytes) {
  const int bits = std::bit_width(bytes);
  return static_cast<size_t>(std::clamp(bits - kSmallestBits, 0, kBuckets - 1));
}

void ClientEviction::Remove(uint64_t id) {
  const auto found = bytes_of_client_.find(id);
  if (found == bytes_of_client_.end()) return;
  Bucket& bucket = buckets_[BucketOf(found->second)];
  bucket.ids.erase(id);
  bucket.bytes -= found->second;
  bytes_ -= found->second;
  bytes_of_client_.erase(found);
}

void ClientEviction::Forget(const Client& client) {
  if (on_) Remove(client.id());
}

void ClientEviction::UpdateNow(Client& client) {
  const ClientType type = client.type();
  const bool replicates = type == ClientType::kReplica || type == ClientType::kPrimary;
  if (client.no_evict() || client.closing() || replicates) {
    Remove(client.id());
    return;
  }
  const uint64_t bytes = client.Memory();
  const auto [found, is_new] = bytes_of_client_.try_emplace(client.id(), bytes);
  const uint64_t before = is_new ? 0 : found->second;
  if (!is_new && before == bytes) return;
  found->second = bytes;
  bytes_ += bytes - before;
  Bucket& bucket = buckets_[BucketOf(bytes)];
  Bucket& old_bucket = buckets_[BucketOf(before)];
  if (is_new || &bucket != &old_bucket) {
    if (!is_new) old_bucket.ids.erase(client.id());
    bucket.ids.insert(client.id());
  }
  old_bucket.bytes -= before;
  bucket.bytes += bytes;
}

bool ClientEviction::EnforceNow(const Client* current) {
  const uint64_t most = limit();
  bool current_gone = false;
  while (most != 0 && bytes_ > most) {
    const auto bucket = std::find_if(buckets_.rbegin(), buckets_.rend(),
                                     [](const Bucket& each) { return !each.ids.empty(); });
    if (bucket == buckets_.rend()) break;
    const uint64_t id = *bucket->ids.begin();
    Client* client = services_.clients.Find(id);
    Remove(id);
    if (client == nullptr) continue;
    KEYWAY_NOTICE() << "Evicting client: " << client->Describe(services_.clock.MonotonicMicros());
    ++evicted_clients_;
    current_gone = current_gone || client == current;
    services_.clients.Close(*client);
  }
  return current_gone;
}

void ClientEviction::OnConfigChanged() {
  const bool on = limit() != 0;
  if (on == on_) return;
  on_ = on;
  if (on_) {
    services_.clients.ForEach([this](Client& client) { UpdateNow(client); });
    return;
  }
  bytes_of_client_.clear();
  buckets_ = {};
  bytes_ = 0;
}

std::string ClientEviction::Describe() const {
  std::string text;
  for (int i = 0; i < kBuckets; ++i) {
    char line[128];
    const Bucket& bucket = buckets_[static_cast<size_t>(i)];
    const unsigned long long from = i == 0 ? 0 : 1ULL << (kSmallestBits + i - 1);
    const unsigned long long to = (1ULL << (kSmallestBits + i)) - 1;
    int length = 0;
    if (i + 1 < kBuckets) {
      length = std::snprintf(line, sizeof(line), "bucket %10llu - %10llu:", from, to);
    } else {
      length = std::snprintf(line, sizeof(line), "bucket %10llu+            :", from);
    }
    text.append(line, static_cast<size_t>(length));
    length = std::snprintf(line, sizeof(line), " tot-mem: %10llu, clients: %zu\n",
                           static_cast<unsigned long long>(bucket.bytes), bucket.ids.size());
    text.append(line, static_cast<size_t>(length));
  }
  return text;
}

}  // namespace keyway::shard
