#include "shard/server/listeners.h"

#include <netdb.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "common/log/log.h"
#include "shard/config/shard_config.h"
#include "shard/server/client_registry.h"

namespace keyway::shard {
namespace {

bool IsOneOf(std::string_view reason, std::initializer_list<int> errors) {
  return std::any_of(errors.begin(), errors.end(),
                     [reason](int error) { return reason == std::strerror(error); });
}

// What the machine lacks altogether, such as IPv6, is no mistake of the operator's.
bool IsUnsupported(std::string_view reason) {
  return IsOneOf(reason,
                 {ENOPROTOOPT, EPROTONOSUPPORT, ESOCKTNOSUPPORT, EPFNOSUPPORT, EAFNOSUPPORT});
}

// What follows "<where>: " in a listener's error.
std::string_view Reason(std::string_view message, std::string_view where) {
  message.remove_prefix(std::min(message.size(), where.size() + 2));
  return message;
}

// The call that failed, as Redis names it in front of the reason.
std::string WithCall(std::string_view reason) {
  const bool looked_up = reason == gai_strerror(EAI_NONAME) || reason == gai_strerror(EAI_AGAIN);
  return (looked_up ? "" : "bind: ") + std::string(reason);
}

}  // namespace

Listeners::Listeners(net::EventLoop& loop, const ShardConfig& config, ClientRegistry& clients)
    : loop_(loop), config_(config), clients_(clients) {}

net::Listener::Options Listeners::Options() const {
  net::Listener::Options options;
  options.backlog = static_cast<int>(config_.tcp_backlog);
  options.unix_mode = static_cast<int>(config_.unixsocketperm);
  // A client sets its own, which follow the configuration.
  options.stream.no_delay = false;
  return options;
}

net::Listener::AcceptCallback Listeners::OnAccept() {
  return [this](std::unique_ptr<net::Stream> stream) { clients_.Accept(std::move(stream)); };
}

Status Listeners::OpenTcp() {
  for (const std::string& address : config_.bind) {
    const bool optional = address.starts_with('-');
    const net::Endpoint endpoint{address.substr(optional ? 1 : 0),
                                 static_cast<uint16_t>(config_.port)};
    auto listener = net::Listener::Listen(loop_, endpoint, Options(), OnAccept());
    if (listener.ok()) {
      tcp_.push_back(std::move(listener).value());
      continue;
    }
    const std::string where = net::ToString(endpoint);
    const std::string_view reason = Reason(listener.error().message, where);
    KEYWAY_WARNING() << "Warning: Could not create server TCP listening socket " << where << ": "
                     << WithCall(reason);
    if (IsUnsupported(reason) || (optional && IsOneOf(reason, {EADDRNOTAVAIL}))) continue;
    tcp_.clear();
    return Error{"Failed listening on port " + std::to_string(config_.port) + " (TCP), aborting."};
  }
  return {};
}

Status Listeners::OpenUnix() {
  auto listener = net::Listener::ListenUnix(loop_, config_.unixsocket, Options(), OnAccept());
  if (!listener.ok()) {
    return Error{"Failed opening Unix socket: " +
                 WithCall(Reason(listener.error().message, config_.unixsocket))};
  }
  unix_ = std::move(listener).value();
  return {};
}

Status Listeners::Open() {
  if (config_.port != 0) {
    if (Status status = OpenTcp(); !status.ok()) return status;
  }
  if (!config_.unixsocket.empty()) {
    if (Status status = OpenUnix(); !status.ok()) return status;
  }
  if (count() == 0) return Error{"Configured to not listen anywhere, exiting."};
  return {};
}

Status Listeners::ReopenTcp() {
  tcp_.clear();
  return config_.port == 0 ? Status() : OpenTcp();
}

void Listeners::Close() {
  tcp_.clear();
  if (unix_ != nullptr) KEYWAY_NOTICE() << "Removing the unix socket file.";
  unix_.reset();
}

}  // namespace keyway::shard
