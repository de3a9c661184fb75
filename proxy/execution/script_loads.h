// SCRIPT LOAD in the background: makes a script that one shard has been sent known to the others.
//
// Nobody waits for it, and what fails is left to the repair of NOSCRIPT. Bounded; beyond the bound
// scripts are not spread. The loads go the way of the client's scripts, so that they stand before its
// later requests on every shard.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "common/slot/slot.h"
#include "proxy/backend/backend.h"
#include "proxy/execution/intrusive_list.h"
#include "proxy/scripting/script_cache.h"

namespace keyway::proxy::execution {

class ShardAccess;

class ScriptLoads {
 public:
  explicit ScriptLoads(ShardAccess& access) : access_(access) {}
  ~ScriptLoads();
  ScriptLoads(const ScriptLoads&) = delete;
  ScriptLoads& operator=(const ScriptLoads&) = delete;

  // Loads `script` on all primaries but that of `slot`, which is sent it anyway. `options`: version and
  // database of the client. It counts as compiled when one of them has accepted it.
  void Spread(const scripting::ScriptPtr& script, Slot slot, const backend::SendOptions& options);

  size_t under_way() const { return count_; }

 private:
  struct LoadTag {};
  class Load;

  void End(Load& load);

  ShardAccess& access_;
  IntrusiveList<Load, LoadTag> loads_;
  size_t count_ = 0;
  size_t bytes_ = 0;
};

// "SCRIPT LOAD <text>".
std::string ScriptLoadRequest(std::string_view text);

}  // namespace keyway::proxy::execution
