// What the proxy does with one request: the answer of the Router.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/slot/slot.h"

namespace keyway::proxy::routing {

struct Plan {
  enum class Kind : uint8_t {
    kOneSlot,    // the request as it is, to the shard of `slot`
    kAnyShard,   // the request as it is, to whichever shard
    kSplit,      // one sub-command for each run of equal slots in `keys`
    kAllShards,  // the request as it is, to every primary
    kLocal,      // the proxy answers by itself
    kSpecial,    // an executor of its own
    kBlocking,   // as kOneSlot, but it may wait there for as long as it wishes
    kFirstReady, // takes from the first of `keys`, of several slots, that has something; may wait
    kRefused,    // `error` is the answer, without the '-'
  };
  struct Key {
    Slot slot;
    int index;  // into the arguments
  };

  Kind kind = Kind::kRefused;
  // It uses a connection of its own, so that all earlier requests of the client have to be answered
  // before it starts.
  bool pinned = false;
  // kOneSlot: it could be asked key by key, as kSplit is, would the shard not answer for all at once.
  // `keys` and `key_step` are those of kSplit.
  bool divisible = false;
  // A script, or what must keep its order among scripts: sent on the connections for these.
  bool scripts = false;
  Slot slot = 0;
  // kSplit, and kSpecial of a gathered command: every key, grouped by slot; within a slot in the order
  // of the request. kFirstReady: every key in the order of the request.
  std::vector<Key> keys;
  // kSplit: arguments that go with a key, itself included (MGET 1, MSET 2).
  int key_step = 0;
  // kBlocking, kFirstReady: which of the arguments says for how long it waits; 0: none does.
  int timeout = 0;
  bool timeout_in_millis = false;  // else in seconds, with a fraction
  std::string error;

  // The first `run` of equal slots of `keys`, which is not empty.
  static std::span<const Key> FirstRun(std::span<const Key> keys) {
    size_t run = 1;
    while (run < keys.size() && keys[run].slot == keys[0].slot) ++run;
    return keys.first(run);
  }
};

}  // namespace keyway::proxy::routing
