#include "shard/scripting/script_calls.h"

#include <string>

#include "common/slot/slot.h"
#include "shard/cluster/cluster.h"
#include "shard/config/shard_config.h"
#include "shard/server/client_registry.h"
#include "shard/server/dispatcher.h"
#include "shard/server/persistence.h"
#include "shard/server/replica_rules.h"

namespace keyway::shard::scripting {
namespace {

using command::Command;

constexpr std::string_view kUnknown = "ERR Unknown Redis command called from script";
constexpr std::string_view kWrongArity =
    "ERR Wrong number of args calling Redis command from script";
constexpr std::string_view kNotFromScript = "ERR This Redis command is not allowed from script";
constexpr std::string_view kStale = "ERR Can not execute the command on a stale replica";
constexpr std::string_view kReadOnly = "ERR Write commands are not allowed from read-only scripts.";
constexpr std::string_view kOutOfMemory = "OOM command not allowed when used memory > 'maxmemory'.";
constexpr std::string_view kClusterDownReadOnly =
    "ERR Script attempted to execute a write command while the cluster is down and readonly";
constexpr std::string_view kClusterDown =
    "ERR Script attempted to execute a command while the cluster is down";
constexpr std::string_view kNotLocal =
    "ERR Script attempted to access a non local key in a cluster node";
constexpr std::string_view kOtherSlot =
    "ERR Script attempted to access keys that do not hash to the same slot";

}  // namespace

ScriptCalls::ScriptCalls(Services& services) : services_(services), client_(services.clients) {}

void ScriptCalls::Begin(const CommandContext& call, const Rights& rights) {
  const Client& caller = call.client;
  call_ = &call;
  rights_ = rights;
  has_written_ = false;
  refuses_memory_ = services_.config.maxmemory != 0 && services_.dispatcher->out_of_memory();
  client_.set_db(caller.db());
  client_.set_readonly(caller.readonly());
  client_.set_asking(caller.asking());
}

void ScriptCalls::Call(std::span<const std::string_view> args, resp::Version version,
                       OutputBuffer& reply) {
  const command::Lookup lookup = command::LookupCommand(args);
  const Command* command = lookup.command;
  std::string_view error;
  if (lookup.status == command::Lookup::Status::kFound) {
    error = Refusal(*command, args);
  } else if (lookup.status == command::Lookup::Status::kWrongArity) {
    error = kWrongArity;
  } else {
    error = kUnknown;
    command = nullptr;
  }
  if (!error.empty()) {
    resp::ReplyWriter writer(reply, version);
    writer.Error(error);
    services_.dispatcher->CountRefusal(command, writer.error_code());
    return;
  }
  client_.set_version(version);
  client_.BeginCommand(command, args);
  services_.dispatcher->CallFromScript(client_, *command,
                                       services_.dispatcher->FindHandler(*command), args, *call_);
  client_.BeginCommand(nullptr, {});
  reply.AppendBuffer(std::move(client_.output()));
}

std::string_view ScriptCalls::Refusal(const Command& command,
                                      std::span<const std::string_view> args) {
  if (command.spec->is(command::kNoscript)) return kNotFromScript;
  if (!services_.dispatcher->Implements(command)) return kUnknown;
  if (!command.spec->is(command::kStale) && IsStaleReplica(services_)) return kStale;
  if (const std::string_view error = WriteRefusal(command); !error.empty()) return error;
  if (const std::string_view error = MemoryRefusal(command); !error.empty()) return error;
  if (command.spec->is(command::kWrite)) has_written_ = true;
  // What comes from a file has been admitted before.
  if (services_.cluster == nullptr || !call_->client.has_connection() ||
      call_->client.from_primary()) {
    return {};
  }
  return ClusterRefusal(command, args);
}

std::string_view ScriptCalls::WriteRefusal(const Command& command) {
  const uint32_t flags = command.spec->flags;
  const bool may_write = (flags & (command::kWrite | command::kMayReplicate)) != 0;
  if (rights_.read_only && may_write) return kReadOnly;
  // Once a script has written it is not stopped any more.
  if ((flags & command::kWrite) == 0 || has_written_) return {};
  const bool obeyed = call_->client.from_primary();
  if (!obeyed && IsReadOnlyReplica(services_)) return kReadOnlyReplica;
  if (!obeyed && services_.persistence != nullptr) {
    disk_error_ = services_.persistence->WriteRefusal(services_.config);
    if (!disk_error_.empty()) return disk_error_;
  }
  return HasTooFewReplicas(services_) ? kTooFewReplicas : std::string_view();
}

// The same for memory.
std::string_view ScriptCalls::MemoryRefusal(const Command& command) const {
  const bool refused =
      refuses_memory_ && !rights_.allow_oom && !has_written_ && command.spec->is(command::kDenyOom);
  return refused ? kOutOfMemory : std::string_view();
}

std::string_view ScriptCalls::ClusterRefusal(const Command& command,
                                             std::span<const std::string_view> args) {
  if (!command::FindSlotKeys(command, args, &keys_).ok() || keys_.empty()) return {};
  resp::ReplyWriter writer(cluster_error_);
  if (services_.cluster->Admit(command, args, keys_, call_->client.asking(),
                               call_->client.readonly(), writer, client_.db())) {
    return SlotRefusal(args[static_cast<size_t>(keys_[0].index)]);
  }
  const std::string error = cluster_error_.ToString();
  cluster_error_.Clear();
  if (!error.starts_with("-CLUSTERDOWN The cluster is down")) return kNotLocal;
  return error.find("read commands") == std::string::npos ? kClusterDown : kClusterDownReadOnly;
}

// All keys of a script that has declared its flags are of one slot: that of the request, else that
// of the first key that it touches.
std::string_view ScriptCalls::SlotRefusal(std::string_view key) {
  if (rights_.allow_cross_slot) return {};
  const int slot = KeySlot(key);
  if (call_->client.request_slot() < 0) call_->client.set_request_slot(slot);
  return call_->client.request_slot() == slot ? std::string_view() : kOtherSlot;
}

ScriptHost::Permission ScriptCalls::MayCall(std::span<const std::string_view> args) const {
  const command::Lookup lookup = command::LookupCommand(args);
  const bool known =
      lookup.command != nullptr && lookup.status != command::Lookup::Status::kUnknownSubcommand;
  return known ? ScriptHost::Permission::kAllowed : ScriptHost::Permission::kUnknownCommand;
}

}  // namespace keyway::shard::scripting
