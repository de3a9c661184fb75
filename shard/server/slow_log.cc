#include "shard/server/slow_log.h"

#include <strings.h>

#include <algorithm>
#include <utility>

#include "shard/config/shard_config.h"

namespace keyway::shard {
namespace {

bool Is(std::string_view argument, std::string_view word) {
  return argument.size() == word.size() &&
         strncasecmp(argument.data(), word.data(), word.size()) == 0;
}

std::string Kept(std::string_view argument) {
  if (argument.size() <= SlowLog::kMaxArgumentBytes) return std::string(argument);
  return std::string(argument.substr(0, SlowLog::kMaxArgumentBytes)) + "... (" +
         std::to_string(argument.size() - SlowLog::kMaxArgumentBytes) + " more bytes)";
}

// Marks `count` arguments after each `word`.
void MarkAfter(std::string_view word, size_t count, std::span<const std::string_view> args,
               std::vector<bool>* secret) {
  for (size_t i = 1; i < args.size(); ++i) {
    if (!Is(args[i], word)) continue;
    for (size_t j = i + 1; j < std::min(i + 1 + count, args.size()); ++j) (*secret)[j] = true;
    i += count;
  }
}

}  // namespace

std::vector<bool> SecretArguments(const command::Command& command,
                                  std::span<const std::string_view> args,
                                  const config::Registry& registry) {
  std::vector<bool> secret(args.size(), false);
  const std::string& name = command.full_name;
  if (name == "auth") {
    std::fill(secret.begin() + 1, secret.end(), true);
  } else if (name == "hello") {
    MarkAfter("auth", 2, args, &secret);
  } else if (name == "migrate") {
    MarkAfter("auth", 1, args, &secret);
    MarkAfter("auth2", 2, args, &secret);
  } else if (name == "acl|setuser") {
    std::fill(secret.begin() + 2, secret.end(), true);
  } else if (name == "config|set") {
    for (size_t i = 2; i + 1 < args.size(); i += 2) {
      const config::Directive* directive = registry.Find(args[i]);
      secret[i + 1] = directive != nullptr && directive->Has(config::kSensitive);
    }
  }
  return secret;
}

SlowLog::SlowLog(const Clock& clock, const ShardConfig& config, const config::Registry& registry)
    : clock_(clock), config_(config), registry_(registry) {}

bool SlowLog::Keeps(const command::Command& command, int64_t micros) const {
  const int64_t threshold = config_.slowlog_log_slower_than;
  return threshold >= 0 && micros >= threshold && !command.spec->is(command::kSkipSlowlog);
}

void SlowLog::Add(const command::Command& command, std::span<const std::string_view> args,
                  int64_t micros, std::string address, std::string_view name) {
  Entry entry;
  entry.id = next_id_++;
  entry.seconds = clock_.WallMicros() / 1'000'000;
  entry.micros = micros;
  entry.address = std::move(address);
  entry.name = name;
  const std::vector<bool> secret = SecretArguments(command, args, registry_);
  const size_t shown = args.size() <= kMaxArguments ? args.size() : kMaxArguments - 1;
  entry.arguments.reserve(std::min(args.size(), kMaxArguments));
  for (size_t i = 0; i < shown; ++i) {
    entry.arguments.push_back(secret[i] ? std::string(kRedacted) : Kept(args[i]));
  }
  if (shown < args.size()) {
    entry.arguments.push_back("... (" + std::to_string(args.size() - shown) + " more arguments)");
  }
  entries_.push_front(std::move(entry));
  while (entries_.size() > static_cast<size_t>(config_.slowlog_max_len)) entries_.pop_back();
}

}  // namespace keyway::shard
