// Subcommands of CLUSTER about slots: whose they are, how they move, which keys are in them.
#pragma once

#include "common/resp/reply_writer.h"
#include "shard/cluster/subcommand.h"

namespace keyway::shard::cluster {

void AddSlots(Cluster& cluster, Arguments args, resp::ReplyWriter& reply);
void AddSlotsRange(Cluster& cluster, Arguments args, resp::ReplyWriter& reply);
void DelSlots(Cluster& cluster, Arguments args, resp::ReplyWriter& reply);
void DelSlotsRange(Cluster& cluster, Arguments args, resp::ReplyWriter& reply);
void FlushSlots(Cluster& cluster, Arguments args, resp::ReplyWriter& reply);
void SetSlot(Cluster& cluster, Arguments args, resp::ReplyWriter& reply);

void KeySlotOf(Cluster& cluster, Arguments args, resp::ReplyWriter& reply);
void CountKeysInSlot(Cluster& cluster, Arguments args, resp::ReplyWriter& reply);
void GetKeysInSlot(Cluster& cluster, Arguments args, resp::ReplyWriter& reply);

}  // namespace keyway::shard::cluster
