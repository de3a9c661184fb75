#include "proxy/routing/transaction_part.h"

namespace keyway::proxy::routing {

using command::RequestPolicy;
using Kind = TransactionPart::Kind;

TransactionPart FindTransactionPart(const command::Command& command,
                                    std::span<const std::string_view> arguments,
                                    std::vector<command::KeyPosition>* positions) {
  const command::Spec& row = *command.spec;
  if (row.route == command::Route::kRefused) return {Kind::kRefused};
  const bool has_keys = command::FindSlotKeys(command, arguments, positions).ok() &&
                        !positions->empty();
  // What makes a client wait outside of a transaction may be led by the proxy there; inside it does
  // not wait, and the shard that executes the rest answers it: the least of all shards is that of
  // the only one that has written (WAIT).
  const bool waits = (has_keys && row.is(command::kBlocking)) ||
                     row.response_policy == command::ResponsePolicy::kAggMin;
  if (row.route == command::Route::kLocal && !waits) return {Kind::kLocal};
  if (has_keys) {
    const Slot slot = KeySlot(arguments[(*positions)[0].index]);
    for (const command::KeyPosition& position : *positions) {
      if (KeySlot(arguments[position.index]) != slot) return {Kind::kSeveralSlots};
    }
    return {Kind::kOneSlot, slot};
  }
  switch (row.request_policy) {
    case RequestPolicy::kNone:
      // All shards have a part in the answer, but for a message, which any of them passes on to all.
      if (row.route == command::Route::kSpecial && !row.is(command::kMayReplicate)) {
        return {Kind::kAllShards};
      }
      return {Kind::kAnyShard};
    case RequestPolicy::kMultiShard:  // its arguments make no sense, as the shard will say
      return {Kind::kAnyShard};
    case RequestPolicy::kAllShards:
      if (row.response_policy == command::ResponsePolicy::kAggMin) return {Kind::kAnyShard};
      return {Kind::kAllShards};
    case RequestPolicy::kAllNodes:
      return {Kind::kAllShards};
    case RequestPolicy::kSpecial:
      // A cursor of SCAN is the proxy's, which no shard understands.
      return {Kind::kSeveralSlots};
  }
  return {Kind::kRefused};
}

}  // namespace keyway::proxy::routing
