#include "proxy/session/transaction.h"

#include <utility>

#include "proxy/execution/encode.h"

namespace keyway::proxy::session {
namespace {

constexpr std::string_view kMulti = "*1\r\n$5\r\nMULTI\r\n";
constexpr std::string_view kExec = "*1\r\n$4\r\nEXEC\r\n";

void AppendWords(std::string_view name, int number, std::string* out) {
  const std::string digits = std::to_string(number);
  const std::string_view words[] = {name, digits};
  execution::AppendRequest(words, out);
}

}  // namespace

void Transaction::Open(int database, resp::Version version) {
  queueing_ = true;
  database_ = database;
  version_ = version_now_ = version;
  block_ = kMulti;
}

bool Transaction::Queue(const command::Command& command,
                        std::span<const std::string_view> arguments,
                        const routing::TransactionPart& part, Source source, int number,
                        const Limits& limits) {
  using Kind = routing::TransactionPart::Kind;
  // Nothing of it will be executed.
  if (failed_) return true;
  size_t bytes = kCommandOverhead;
  for (std::string_view argument : arguments) bytes += argument.size() + kCommandOverhead;
  if (queue_.size() >= limits.commands || bytes_ + bytes > limits.bytes) return false;
  bytes_ += bytes;
  if (source == Source::kShard && part.kind == Kind::kLocal) source = Source::kLocal;
  own_parts_ = own_parts_ || source != Source::kShard;

  Queued& queued = queue_.emplace_back();
  queued.command = &command;
  queued.source = source;
  queued.number = number;
  switch (source) {
    case Source::kShard:
      several_slots_ = several_slots_ || part.kind == Kind::kSeveralSlots ||
                       (part.kind == Kind::kOneSlot && slot_ && *slot_ != part.slot);
      runs_scripts_ = runs_scripts_ || part.scripts;
      all_shards_ = all_shards_ || part.kind == Kind::kAllShards;
      if (command.spec->is(command::kWrite) || command.spec->is(command::kMayReplicate)) {
        writer_ = &command;
      }
      only_reads_ = only_reads_ && command.spec->is(command::kReadonly);
      if (part.kind == Kind::kOneSlot) slot_ = part.slot;
      break;
    case Source::kDatabase:
      changes_database_ = true;
      break;
    case Source::kVersion:
      changes_version_ = true;
      version_now_ = number == 3 ? resp::Version::kResp3 : resp::Version::kResp2;
      [[fallthrough]];
    case Source::kLocal:
      queued.arguments.assign(arguments.begin(), arguments.end());
      if (source == Source::kLocal) return true;
      break;
  }
  ++shard_commands_;
  if (several_slots_) {
    block_ = std::string();
  } else {
    execution::AppendRequest(arguments, &block_);
  }
  return true;
}

void Transaction::KeepScript(std::string_view text) {
  if (failed_) return;
  queue_.back().script = text;
  keeps_scripts_ = true;
}

bool Transaction::IsFirstUse(const scripting::ScriptPtr& script) {
  return !failed_ && scripts_.insert(script).second;
}

bool Transaction::IsTornApart(size_t shards) const {
  return several_slots_ || (all_shards_ && shards > 1) ||
         (watch_ != nullptr && slot_ && *slot_ != watch_->slot());
}

std::string Transaction::TakeBlock(std::string_view guard, int* requests) {
  *requests = static_cast<int>(shard_commands_) + 2;
  if (!guard.empty()) {
    block_ += guard;
    ++*requests;
  }
  if (changes_database_) {
    AppendWords("SELECT", database_, &block_);
    ++*requests;
  }
  if (changes_version_) {
    AppendWords("HELLO", static_cast<int>(version_), &block_);
    ++*requests;
  }
  block_ += kExec;
  return std::move(block_);
}

Watch& Transaction::MakeWatch(Slot slot) {
  watch_ = std::make_unique<Watch>(slot);
  return *watch_;
}

void Transaction::Unwatch() {
  if (watch_ == nullptr) return;
  if (watch_->Part()) parting_ = std::move(watch_);
  watch_.reset();
}

bool Transaction::Discard() {
  Unwatch();
  queueing_ = failed_ = own_parts_ = several_slots_ = all_shards_ = false;
  changes_database_ = changes_version_ = false;
  only_reads_ = true;
  runs_scripts_ = keeps_scripts_ = false;
  scripts_.clear();
  slot_.reset();
  writer_ = nullptr;
  queue_ = {};
  block_ = {};
  shard_commands_ = bytes_ = 0;
  return parting_ != nullptr;
}

}  // namespace keyway::proxy::session
