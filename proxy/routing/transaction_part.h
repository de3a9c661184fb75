// Where a command may run when it is a part of a transaction, which one shard executes as a whole.
//
// A transaction is not split, so what matters here is only which slot a command's keys lie in;
// everything is read from the columns of the command table.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "common/command/table.h"
#include "common/slot/slot.h"

namespace keyway::proxy::routing {

struct TransactionPart {
  enum class Kind : uint8_t {
    kOneSlot,       // at the shard of `slot`
    kSeveralSlots,  // its keys do not lie in one slot: no shard can execute it
    kAnyShard,      // wherever the transaction goes
    kAllShards,     // means every primary, so it fits only where there is no more than one
    kLocal,         // answered by the proxy itself
    kRefused,       // not supported by the proxy
  };
  Kind kind = Kind::kRefused;
  Slot slot = 0;
  bool scripts = false;  // Plan::scripts
};

// `arguments` have passed LookupCommand, which gave `command`. `positions` is room to work in.
TransactionPart FindTransactionPart(const command::Command& command,
                                    std::span<const std::string_view> arguments,
                                    std::vector<command::KeyPosition>* positions);

}  // namespace keyway::proxy::routing
