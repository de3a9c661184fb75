// One reply out of the replies of several shards, by a command's response policy.
// Source: https://redis.io/docs/reference/command-tips, "response_policy".
//
// Replies are merged as bytes: elements are copied as the shards wrote them, so RESP2 and RESP3
// come out as they went in. An error among the replies is the caller's to find first, except under
// kOneSucceeded.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "common/base/expected.h"
#include "common/base/output_buffer.h"
#include "common/command/spec.h"
#include "proxy/routing/plan.h"

namespace keyway::proxy::execution {

struct ShardReply {
  std::string_view bytes;  // one complete reply
  char type = 0;
};

// Of replies without keys, none an error unless `policy` is kOneSucceeded:
//   kNone           the elements of all arrays (or sets) in one
//   kOneSucceeded   the first that is no error; when all are, the error that fewest shards gave
//   kAllSucceeded   the first
//   kAgg*           sums, minima, maxima, logical and/or of integers; of arrays, place by place
// Appends to `out`. Error: the replies do not have the shape that the policy needs; `out` is then
// unchanged.
Status MergeReplies(command::ResponsePolicy policy, std::span<const ShardReply> replies,
                    OutputBuffer* out);

// Of arrays with one element a key: puts the elements in the order of the request. `keys` is the
// plan's, in the order in which the replies list them.
Status MergeByKey(std::span<const ShardReply> replies, std::span<const routing::Plan::Key> keys,
                  OutputBuffer* out);

}  // namespace keyway::proxy::execution
