#include "shard/persistence/loading/command_replayer.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/persistence/loading/dataset_loader.h"
#include "shard/server/dispatcher.h"
#include "shard/server/effects.h"

namespace keyway::shard::persistence {
namespace {

constexpr uint64_t kCommandsBetweenClocks = 128;
constexpr size_t kMaxNameInError = 128;

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return lower;
}

// What may change the data set or the scripts. SCRIPT LOAD is in the files of Redis 6.
bool MayChange(const command::Command& command) {
  constexpr uint32_t kChanging = command::kWrite | command::kMayReplicate | command::kRunsScript;
  return (command.spec->flags & kChanging) != 0 || command.full_name.starts_with("script|");
}

}  // namespace

CommandReplayer::CommandReplayer(Services& services)
    : services_(services),
      multi_(command::FindCommand("multi")),
      exec_(command::FindCommand("exec")),
      select_(command::FindCommand("select")),
      client_(services.clients) {
  for (const auto& [name, new_name] : services.config.renamed_commands) {
    if (!new_name.empty()) renamed_[LowerCase(new_name)] = LowerCase(name);
  }
}

const command::Command* CommandReplayer::Find(std::span<const std::string_view> args,
                                              Handler* handler) const {
  const command::Lookup lookup = command::LookupCommand(args);
  if (lookup.status != command::Lookup::Status::kFound) return nullptr;
  *handler = services_.dispatcher->FindHandler(*lookup.command);
  return *handler == nullptr ? nullptr : lookup.command;
}

Status CommandReplayer::Replay(std::span<const std::string_view> args, std::string_view file) {
  if (commands_++ % kCommandsBetweenClocks == 0) now_ms_ = services_.clock.WallMillis();
  Handler handler = nullptr;
  const command::Command* command = Find(args, &handler);
  std::vector<std::string_view> renamed_args;
  if (command == nullptr && !renamed_.empty()) {
    if (const auto found = renamed_.find(LowerCase(args[0])); found != renamed_.end()) {
      renamed_args.assign(args.begin(), args.end());
      renamed_args[0] = found->second;
      args = renamed_args;
      command = Find(args, &handler);
    }
  }
  if (command == nullptr) {
    return Error{"Unknown command '" + std::string(args[0].substr(0, kMaxNameInError)) +
                 "' reading the append only file " + std::string(file)};
  }
  if (command == exec_) return RunQueue();
  if (in_transaction_) {
    queue_.push_back({command, handler, KeptArguments(args)});
    return {};
  }
  if (command == multi_) {
    in_transaction_ = true;
    return {};
  }
  return Run(*command, handler, args);
}

Status CommandReplayer::RunQueue() {
  in_transaction_ = false;
  const std::vector<Queued> queue = std::exchange(queue_, {});
  for (const Queued& queued : queue) {
    Status done = Run(*queued.command, queued.handler, queued.args.view());
    if (!done.ok()) return done;
  }
  return {};
}

Status CommandReplayer::Run(const command::Command& command, Handler handler,
                            std::span<const std::string_view> args) {
  if (&command == select_) {
    int index = -1;
    const std::string_view text = args[1];
    std::from_chars(text.data(), text.data() + text.size(), index);
    // What follows belongs to a database that is not there: it must not end up in another.
    if (index < 0 || index >= services_.keyspace.database_count()) {
      return Error{TooManyDatabases(services_)};
    }
    client_.set_db(index);
    return {};
  }
  if (!MayChange(command)) return {};
  // Scripts call commands by way of the dispatcher, which must not collect what these do.
  Effects* const effects = std::exchange(services_.effects, nullptr);
  resp::ReplyWriter reply = client_.Reply();
  CommandContext context{.command = command,
                         .args = args,
                         .client = client_,
                         .reply = reply,
                         .db = services_.keyspace.database(client_.db()),
                         .services = services_,
                         .now_ms = now_ms_,
                         .may_block = false,
                         .replayed = true};
  handler(context);
  services_.effects = effects;
  if (reply.errors() != 0) NoteErrors(command, reply.errors());
  client_.output().Clear();
  return {};
}

void CommandReplayer::NoteErrors(const command::Command& command, uint32_t errors) {
  if (errors_ == 0) {
    const std::string reply = client_.output().ToString();
    first_error_ = command.full_name + ": " + reply.substr(0, reply.find('\r'));
  }
  errors_ += errors;
}

}  // namespace keyway::shard::persistence
