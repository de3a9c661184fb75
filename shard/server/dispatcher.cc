#include "shard/server/dispatcher.h"

#include <algorithm>

#include "common/log/log.h"
#include "shard/cluster/cluster.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/server/client_registry.h"
#include "shard/server/stats.h"

namespace keyway::shard {
namespace {

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return lower;
}

// What a web page in a browser can make its user's machine send to us.
bool IsHttp(std::string_view name) {
  const std::string lower = name.size() > 5 ? std::string() : LowerCase(name);
  return lower == "post" || lower == "host:";
}

bool HasKeys(const command::Spec& spec) {
  return !spec.key_specs.empty() || spec.is(command::kMovableKeys);
}

}  // namespace

Dispatcher::Dispatcher(Services& services, const HandlerTable& handlers)
    : services_(services),
      handlers_(handlers),
      available_([this](const command::Command& command) { return Implements(command); }) {
  for (const auto& [name, new_name] : services.config.renamed_commands) {
    renamed_[LowerCase(name)];
    if (!new_name.empty()) renamed_[LowerCase(new_name)] = LowerCase(name);
  }
}

void Dispatcher::BeginBatch() {
  now_micros_ = services_.clock.MonotonicMicros();
  if (clock_pass_ == services_.loop.passes()) return;
  clock_pass_ = services_.loop.passes();
  wall_minus_monotonic_micros_ = services_.clock.WallMicros() - now_micros_;
}

Dispatcher::Outcome Dispatcher::Execute(Client& client, std::span<const std::string_view> args) {
  return renamed_.empty() ? ExecuteNamed(client, args, args) : ExecuteRenamed(client, args);
}

Dispatcher::Outcome Dispatcher::ExecuteRenamed(Client& client,
                                               std::span<const std::string_view> args) {
  const auto found = renamed_.find(LowerCase(args[0]));
  if (found == renamed_.end()) return ExecuteNamed(client, args, args);
  if (found->second.empty()) {
    const command::Lookup unknown;
    return Refuse(client, nullptr, command::LookupError(unknown, args));
  }
  std::vector<std::string_view> original(args.begin(), args.end());
  original[0] = found->second;
  return ExecuteNamed(client, original, args);
}

Dispatcher::Outcome Dispatcher::ExecuteNamed(Client& client, std::span<const std::string_view> args,
                                             std::span<const std::string_view> said) {
  const command::Lookup lookup = command::LookupCommand(args);
  const Handler handler =
      lookup.status == command::Lookup::Status::kFound ? handlers_.Find(*lookup.command) : nullptr;
  if (handler == nullptr) return RefuseLookup(client, args, said);
  const command::Command& command = *lookup.command;

  if (!client.authenticated() && !services_.config.requirepass.empty() &&
      !command.spec->is(command::kNoAuth)) {
    return Refuse(client, &command, "NOAUTH Authentication required.");
  }
  client.BeginCommand(&command, args);
  if (services_.cluster != nullptr && HasKeys(*command.spec) &&
      !AdmittedByCluster(client, command, args)) {
    return Outcome::kDone;
  }
  if (services_.clients.MustWait(command)) {
    client.BeginCommand(&command, {});  // the arguments are read again when its turn comes
    services_.clients.WaitForUnpause(client);
    return Outcome::kPostponed;
  }
  Call(client, command, handler, args);
  return Outcome::kDone;
}

bool Dispatcher::AdmittedByCluster(Client& client, const command::Command& command,
                                   std::span<const std::string_view> args) {
  // Arguments that make no sense have no keys; the handler says what is wrong with them.
  if (!command::FindKeys(command, args, &keys_).ok() || keys_.empty()) return true;
  const bool asking = client.asking() || command.spec->is(command::kAsking);
  resp::ReplyWriter reply = client.Reply();
  if (services_.cluster->Admit(command, args, keys_, asking, client.readonly(), reply, client.db()))
    return true;
  ++services_.stats.command(command.id).rejected;
  services_.stats.CountError(reply.error_code());
  client.EndCommand(client.asking());
  return false;
}

void Dispatcher::Call(Client& client, const command::Command& command, Handler handler,
                      std::span<const std::string_view> args) {
  const bool was_asking = client.asking();
  resp::ReplyWriter reply = client.Reply();
  CommandContext context{command,
                         args,
                         client,
                         reply,
                         services_.keyspace.database(client.db()),
                         services_,
                         (now_micros_ + wall_minus_monotonic_micros_) / 1000};
  handler(context);

  const int64_t end = services_.clock.MonotonicMicros();
  services_.stats.CountCall(command.id, static_cast<uint64_t>(end - now_micros_),
                            services_.config.latency_tracking);
  now_micros_ = end;
  if (reply.errors() != 0) {
    ++services_.stats.command(command.id).failed;
    services_.stats.CountError(reply.error_code());
  }
  client.EndCommand(was_asking);
  if (!services_.clients.nowhere().empty()) services_.clients.nowhere().Clear();
  if (client.OverOutputLimit(end)) services_.clients.CloseForOutput(client);
}

Dispatcher::Outcome Dispatcher::Refuse(Client& client, const command::Command* command,
                                       std::string_view error) {
  client.BeginCommand(command, {});
  resp::ReplyWriter reply = client.Reply();
  reply.Error(error);
  if (command != nullptr) ++services_.stats.command(command->id).rejected;
  services_.stats.CountError(reply.error_code());
  client.EndCommand(client.asking());
  services_.clients.nowhere().Clear();
  return Outcome::kDone;
}

Dispatcher::Outcome Dispatcher::RefuseLookup(Client& client, std::span<const std::string_view> args,
                                             std::span<const std::string_view> said) {
  if (IsHttp(args[0])) {
    AbortAttack(client);
    return Outcome::kDone;
  }
  // Again, and now as if the table had only the commands that this shard implements.
  const command::Lookup lookup = command::LookupCommand(args, &available_);
  const bool counts = lookup.status == command::Lookup::Status::kWrongArity;
  return Refuse(client, counts ? lookup.command : nullptr, command::LookupError(lookup, said));
}

void Dispatcher::AbortAttack(Client& client) {
  constexpr int64_t kQuietMicros = 60'000'000;
  if (last_attack_warning_micros_ == 0 ||
      now_micros_ - last_attack_warning_micros_ > kQuietMicros) {
    last_attack_warning_micros_ = now_micros_;
    KEYWAY_WARNING()
        << "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: "
           "commands to Redis. This is likely due to an attacker attempting to use Cross Protocol "
           "Scripting to compromise your Redis instance. Connection aborted.";
  }
  services_.clients.Close(client);
}

}  // namespace keyway::shard
