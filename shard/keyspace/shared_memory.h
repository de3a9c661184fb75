// Whether a forked process shares this one's memory at the moment. What is written to meanwhile is
// copied first, a page at a time, so what need not be written is left alone: Database does not note
// when a key was used.
//
// Of the process, as a fork is; its main thread alone sets it.
#pragma once

namespace keyway::shard::keyspace {

void SetMemoryShared(bool shared);

}  // namespace keyway::shard::keyspace
