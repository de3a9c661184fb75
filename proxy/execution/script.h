// EVAL, EVALSHA and FCALL: one request to one shard, whose script the proxy remembers.
//
// A script that a client sends is put in the cache and, the first time, loaded by the other primaries
// in the background, so that EVALSHA of it works there too, through any proxy. An EVALSHA that its
// shard answers with NOSCRIPT was not executed: if the script is in the cache it is sent as EVAL. One
// that the proxy does not know goes to the client as NOSCRIPT, since no command of Redis gives away
// the text of a script; clients answer that with EVAL.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/command/table.h"
#include "proxy/execution/operation.h"
#include "proxy/execution/shard_request.h"
#include "proxy/scripting/script_cache.h"

namespace keyway::proxy::execution {

class ScriptOperation final : public Operation, private ShardRequest::Owner {
 public:
  bool may_be_sent_again() const override { return repairable_; }

 private:
  void Begin(const Request& request) override;
  void Abandon() override;
  std::string DeadlineError(Outcome* outcome) override;
  void Recycle() override;
  void OnShardReply(ShardRequest& request, std::string_view reply, char type,
                    Outcome outcome) override;
  void OnShardAway(ShardRequest& request) override;

  ShardRequest request_;
  ShardRequest::Terms terms_;
  Slot slot_ = 0;
  scripting::ScriptPtr script_;  // the one to repair with, or the one that may turn out to compile
  bool repairable_ = false;
};

// What the first argument of a command that runs a script names, read from its row.
enum class ScriptName : uint8_t {
  kText,      // a script by its text
  kSha1,      // a script by its SHA1
  kFunction,  // a function
};
ScriptName ScriptNameOf(const command::Command& command);

// `request`, an EVALSHA or EVALSHA_RO as a client sent it, as EVAL or EVAL_RO of `script`.
std::string EvalInsteadOfEvalsha(std::string_view request, std::string_view script);

}  // namespace keyway::proxy::execution
