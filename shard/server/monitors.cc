#include "shard/server/monitors.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "common/config/split_words.h"
#include "common/resp/reply_writer.h"
#include "shard/server/client.h"
#include "shard/server/slow_log.h"

namespace keyway::shard {
namespace {

// What a long line needed is given back.
constexpr size_t kKeptBytes = 64 * 1024;

}  // namespace

MonitorState::~MonitorState() {
  std::erase(monitors_.monitors_, &client_);
}

bool Monitors::Add(Client& client) {
  if (client.has_state(StateKind::kMonitor)) return false;
  client.set_state(StateKind::kMonitor, std::make_unique<MonitorState>(*this, client));
  monitors_.push_back(&client);
  return true;
}

void Monitors::Show(const Client& client, const command::Command& command,
                    std::span<const std::string_view> args) {
  if (command.spec->is(command::kSkipMonitor) || command.spec->is(command::kAdmin)) return;
  ShowEarly(client, command, args);
}

void Monitors::ShowEarly(const Client& client, const command::Command& command,
                         std::span<const std::string_view> args) {
  const int64_t now = clock_.WallMicros();
  char head[64];
  std::snprintf(head, sizeof(head), "+%lld.%06lld [%d ", static_cast<long long>(now / 1'000'000),
                static_cast<long long>(now % 1'000'000), client.db());
  line_.assign(head);
  const std::string peer = client.PeerText();
  if (!client.has_connection()) {
    line_.append("lua");
  } else if (client.stream().is_unix_socket()) {
    line_.append("unix:").append(peer, 0, peer.rfind(':'));
  } else {
    line_.append(peer);
  }
  line_.push_back(']');
  const std::vector<bool> secret = SecretArguments(command, args, registry_);
  for (size_t i = 0; i < args.size(); ++i) {
    line_.push_back(' ');
    line_.append(config::Quote(secret[i] ? kRedacted : args[i]));
  }
  line_.append("\r\n");
  for (Client* monitor : monitors_) {
    monitor->Push().Raw(line_);
    monitor->PushDone();
  }
  if (line_.capacity() > kKeptBytes) line_ = std::string();
}

}  // namespace keyway::shard
