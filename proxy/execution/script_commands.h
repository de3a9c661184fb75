// SCRIPT and FUNCTION where every primary is concerned and their policies do not say all.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/execution/gather.h"
#include "proxy/execution/operation.h"

namespace keyway::proxy::execution {

// The request as it is to every primary. What becomes of the replies is said by those who derive.
class AllPrimariesOperation : public Operation, private Gather::Owner {
 protected:
  // `repeatable`: executing it twice does the same as once.
  explicit AllPrimariesOperation(bool repeatable) : repeatable_(repeatable) {}

  // Before anything is sent.
  virtual void Prepare(const Request& request) { (void)request; }
  // Every primary has replied: delivers the reply.
  virtual void Conclude(Gather& gather) = 0;

 private:
  void Begin(const Request& request) final;
  void Abandon() final;
  std::string DeadlineError(Outcome* outcome) final;
  void Recycle() final;
  bool asks_all_shards(const Request&) const final { return true; }
  void OnGathered(Gather& gather) final;
  void OnShardAway(Gather& gather) final;

  const bool repeatable_;
  Gather gather_;
};

// SCRIPT LOAD: what every primary has accepted is in the cache, too.
class ScriptLoadOperation final : public AllPrimariesOperation {
 public:
  ScriptLoadOperation() : AllPrimariesOperation(true) {}

 private:
  void Prepare(const Request& request) override;
  void Conclude(Gather& gather) override;

  std::string text_;
};

// SCRIPT EXISTS: 1 for what every primary knows, and for what is in the cache, as EVALSHA works.
class ScriptExistsOperation final : public AllPrimariesOperation {
 public:
  ScriptExistsOperation() : AllPrimariesOperation(true) {}

 private:
  void Prepare(const Request& request) override;
  void Conclude(Gather& gather) override;

  std::vector<bool> cached_;  // by argument
};

// SCRIPT FLUSH, of the cache too.
class ScriptFlushOperation final : public AllPrimariesOperation {
 public:
  ScriptFlushOperation() : AllPrimariesOperation(true) {}

 private:
  void Prepare(const Request& request) override;
  void Conclude(Gather& gather) override;
};

// FUNCTION LOAD, DELETE, FLUSH, RESTORE: all primaries are to have the same functions. When some took
// it and some did not the error says which.
class FunctionChangeOperation final : public AllPrimariesOperation {
 public:
  FunctionChangeOperation() : AllPrimariesOperation(false) {}

 private:
  void Conclude(Gather& gather) override;
};

// FUNCTION STATS: of a primary that runs a script, if there is one.
class FunctionStatsOperation final : public AllPrimariesOperation {
 public:
  FunctionStatsOperation() : AllPrimariesOperation(true) {}

 private:
  void Conclude(Gather& gather) override;
};

}  // namespace keyway::proxy::execution
