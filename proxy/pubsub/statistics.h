// What one worker counts about subscriptions. One writer, any reader.
#pragma once

#include "proxy/execution/statistics.h"

namespace keyway::proxy::pubsub {

struct Statistics {
  execution::SingleWriterCell topics;           // now: channels, patterns and shard channels
  execution::SingleWriterCell subscriptions;    // now: clients' subscriptions to them
  execution::SingleWriterCell subscribers;      // now: clients that have some
  execution::SingleWriterCell messages;         // received from shards
  execution::SingleWriterCell deliveries;       // appended to a client's output
  execution::SingleWriterCell resubscriptions;  // topics subscribed again: their node was lost or changed
};

}  // namespace keyway::proxy::pubsub
