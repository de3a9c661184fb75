#include "proxy/session/local_commands.h"

#include <algorithm>
#include <charconv>

#include <glog/logging.h>

#include "common/command/help.h"
#include "proxy/execution/encode.h"
#include "proxy/session/session.h"

namespace keyway::proxy::session {
namespace {

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

char Upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

}  // namespace

void LocalCall::Defer(execution::Operation* operation) {
  deferred = true;
  execution::Request request;
  request.command = &command;
  request.arguments = arguments;
  request.version = session.client().version;
  request.database = session.client().database;
  request.client = session.client().id;
  session.context().executor.Adopt(operation);
  if (deferrals != nullptr) {
    deferrals->Run(*operation, request);
  } else {
    session.RunOperation(*operation, request);
  }
}

void LocalCall::Forward(Slot slot) {
  deferred = true;
  std::string bytes;
  execution::AppendRequest(arguments, &bytes);
  routing::Plan plan;
  plan.kind = routing::Plan::Kind::kOneSlot;
  plan.slot = slot;
  const execution::Request request{.command = &command,
                                   .arguments = arguments,
                                   .bytes = bytes,
                                   .plan = &plan,
                                   .version = session.client().version,
                                   .database = session.client().database,
                                   .client = session.client().id};
  execution::Operation* operation = session.context().executor.Create(request);
  if (deferrals != nullptr) {
    deferrals->Run(*operation, request);
  } else {
    session.RunOperation(*operation, request);
  }
}

void LocalCall::DeferSelect(execution::Operation* operation, int database) {
  deferred = true;
  execution::Request request;
  request.command = &command;
  request.arguments = arguments;
  request.version = session.client().version;
  request.database = database;
  request.client = session.client().id;
  session.context().executor.Adopt(operation);
  session.RunSelect(*operation, request, database);
}

LocalCommands::LocalCommands()
    : handlers_(command::CommandCount(), nullptr),
      quiet_(command::CommandCount(), false),
      open_to_subscribers_(command::CommandCount(), false),
      in_multi_(command::CommandCount(), InMulti::kQueued) {
  RegisterConnectionCommands(*this);
  RegisterClientCommands(*this);
  RegisterServerCommands(*this);
  RegisterScriptCommands(*this);
  RegisterConfigCommands(*this);
  RegisterAclCommands(*this);
  RegisterPubsubCommands(*this);
  RegisterClusterCommands(*this);
  RegisterDebugCommands(*this);
  RegisterTransactionCommands(*this);
}

void LocalCommands::Add(std::string_view full_name, LocalHandler handler) {
  const command::Command* command = command::FindByFullName(full_name);
  CHECK(command != nullptr) << "no command " << full_name;
  CHECK(handlers_[command->id] == nullptr) << "two handlers for " << full_name;
  handlers_[command->id] = handler;
}

void LocalCommands::AddQuiet(std::string_view full_name, LocalHandler handler) {
  Add(full_name, handler);
  quiet_[command::FindByFullName(full_name)->id] = true;
}

void LocalCommands::OpenToSubscribers(std::string_view full_name) {
  const command::Command* command = command::FindByFullName(full_name);
  CHECK(command != nullptr) << "no command " << full_name;
  open_to_subscribers_[command->id] = true;
}

void LocalCommands::SetInMulti(std::string_view full_name, InMulti what) {
  const command::Command* command = command::FindByFullName(full_name);
  CHECK(command != nullptr) << "no command " << full_name;
  in_multi_[command->id] = what;
}

void LocalCommands::AddAll(std::string_view container, LocalHandler handler) {
  const command::Command* command = command::FindByFullName(container);
  CHECK(command != nullptr) << "no command " << container;
  for (const command::Command* subcommand : command->subcommands) {
    handlers_[subcommand->id] = handler;
  }
}

bool ParseInteger(std::string_view text, int64_t* value) {
  const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
  if (digits.empty() || (digits[0] == '0' && text != "0")) return false;
  const char* end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, *value);
  return error == std::errc() && parsed == end;
}

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

void TooManyArguments(LocalCall& call) {
  std::string container(call.command.container->spec->name);
  std::transform(container.begin(), container.end(), container.begin(), Upper);
  call.Error("ERR unknown subcommand or wrong number of arguments for '" +
             std::string(call.arguments[1]) + "'. Try " + container + " HELP.");
}

void WriteHelp(LocalCall& call, std::span<const std::string_view> lines) {
  command::ReplyHelp(call.command.container->spec->name, lines, call.reply);
}

}  // namespace keyway::proxy::session
