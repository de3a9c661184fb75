#include "proxy/pubsub/census.h"

#include "common/base/glob.h"

namespace keyway::proxy::pubsub {

void Census::Adjust(Kind kind, std::string_view name, int64_t workers, int64_t extra) {
  const std::lock_guard lock(mutex_);
  Entries& entries = entries_[static_cast<size_t>(kind)];
  auto entry = entries.find(name);
  if (entry == entries.end()) {
    entry = entries.emplace(std::string(name), Entry{}).first;
    entry_count_.fetch_add(1, std::memory_order_relaxed);
  }
  entry->second.workers += workers;
  entry->second.extra += extra;
  if (entry->second.workers > 0) return;
  entries.erase(entry);
  entry_count_.fetch_sub(1, std::memory_order_relaxed);
}

void Census::Enter(Kind kind, std::string_view name, int64_t clients) {
  Adjust(kind, name, 1, clients - 1);
}

void Census::Change(Kind kind, std::string_view name, int64_t difference) {
  Adjust(kind, name, 0, difference);
}

void Census::Leave(Kind kind, std::string_view name, int64_t clients) {
  Adjust(kind, name, -1, 1 - clients);
}

int64_t Census::ExtraOf(Kind kind, std::string_view name) const {
  const Entries& entries = entries_[static_cast<size_t>(kind)];
  const auto entry = entries.find(name);
  return entry == entries.end() ? 0 : entry->second.extra;
}

int64_t Census::Correction(Kind kind, std::string_view name) const {
  if (entry_count_.load(std::memory_order_relaxed) == 0) return 0;
  const std::lock_guard lock(mutex_);
  return ExtraOf(kind, name);
}

int64_t Census::CorrectionForChannel(std::string_view channel) const {
  if (entry_count_.load(std::memory_order_relaxed) == 0) return 0;
  const std::lock_guard lock(mutex_);
  int64_t correction = ExtraOf(Kind::kChannel, channel);
  for (const auto& [pattern, entry] : entries_[static_cast<size_t>(Kind::kPattern)]) {
    if (entry.extra != 0 && ChannelMatches(pattern, channel)) correction += entry.extra;
  }
  return correction;
}

size_t Census::Count(Kind kind) const {
  const std::lock_guard lock(mutex_);
  return entries_[static_cast<size_t>(kind)].size();
}

}  // namespace keyway::proxy::pubsub
