// A command that only reads and whose keys are in several slots: their shards are asked for the
// values, and the proxy computes the reply as one Redis would.
//
// The shards are asked at about the same moment, not at one: who changes two of the keys meanwhile
// may be seen half. An error of any shard is the reply, so that nothing is missing from one that
// looks complete. What is gathered for one request is bounded (AccessOptions::max_gathered_bytes).
//
// To add a command: its row has the route kGathered, a subclass in gathered_commands.cc knows what to
// ask and how to answer, and the executor's table names it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/execution/gather.h"
#include "proxy/execution/operation.h"
#include "proxy/execution/set_algebra.h"

namespace keyway::proxy::execution {

class GatheredOperation : public Operation, private Gather::Owner {
 protected:
  // An error as RESP bytes; empty: none.
  struct Failure {
    std::string reply;
    Outcome outcome = Outcome::kError;

    bool failed() const { return !reply.empty(); }
  };

  // Reads what Redis reads before it looks at a key. The arguments are words().
  virtual Failure Check() { return {}; }
  // Whether keys of one slot are asked for together.
  virtual bool asks_by_slot() const = 0;
  // Appends the request for `keys`, which are in one slot. `with_first`: the first key of
  // the command is the first of them.
  virtual void AppendQuestion(std::span<const std::string_view> keys, bool with_first,
                              std::string* bytes) const = 0;
  // Writes the reply to part(0) ... part(part_count() - 1), which are in the order of their first
  // keys. Those that were asked for key by key may have failed, if `judges_failures`.
  virtual Failure Answer(resp::ReplyWriter& reply) = 0;
  virtual bool judges_failures() const { return false; }

  static Failure Fail(std::string_view text);

  std::span<const std::string> words() const { return words_; }
  size_t part_count() const { return gather_.size(); }
  const Gather::Part& part(size_t index) { return gather_.part(index); }

 private:
  void Begin(const Request& request) override;
  void Abandon() override;
  std::string DeadlineError(Outcome* outcome) override;
  void Recycle() override;
  void OnGathered(Gather& gather) override;
  void OnShardAway(Gather& gather) override;

  void AskShards();

  std::vector<std::string> words_;
  std::vector<routing::Plan::Key> keys_;
  ShardRequest::Terms terms_;
  bool by_slot_ = false;
  Gather gather_;
};

// For the executor's table.
Operation* MakeSunion();
Operation* MakeSinter();
Operation* MakeSdiff();
Operation* MakeSintercard();
Operation* MakePfcount();
Operation* MakeZunion();
Operation* MakeZinter();
Operation* MakeZdiff();
Operation* MakeZintercard();

}  // namespace keyway::proxy::execution
