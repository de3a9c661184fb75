// What one worker counts about its clients. One writer, any reader (execution/statistics.h).
#pragma once

#include "proxy/execution/statistics.h"

namespace keyway::proxy::session {

struct SessionStatistics {
  execution::SingleWriterCell accepted;
  execution::SingleWriterCell rejected;  // over maxclients
  execution::SingleWriterCell input_bytes;
  execution::SingleWriterCell output_bytes;
  execution::SingleWriterCell protocol_errors;
  execution::SingleWriterCell closed_for_output;  // over the output limit
  execution::SingleWriterCell closed_for_input;   // over the query buffer limit
  execution::SingleWriterCell closed_for_idleness;
  execution::SingleWriterCell closed_for_stalling;  // not reading a reply that others wait behind
  execution::SingleWriterCell closed_for_memory;    // over the limit of all clients together
  execution::SingleWriterCell closed_for_broken_reply;  // whose rest was lost with its shard
  // By a drain, see SessionList.
  execution::SingleWriterCell drained_idle;
  execution::SingleWriterCell drained_replied;
  execution::SingleWriterCell drained_at_limit;
  execution::SingleWriterCell blocked;  // clients that wait now, CLIENT PAUSE included
};

}  // namespace keyway::proxy::session
