#include "shard/commands/register_all.h"

#include "shard/cluster/cluster_commands.h"
#include "shard/commands/bitmap_commands.h"
#include "shard/commands/client.h"
#include "shard/commands/connection.h"
#include "shard/commands/introspection_commands.h"
#include "shard/commands/geo_commands.h"
#include "shard/commands/dump_commands.h"
#include "shard/commands/function_commands.h"
#include "shard/commands/hash_commands.h"
#include "shard/commands/hyperloglog_commands.h"
#include "shard/commands/list_commands.h"
#include "shard/commands/migrate_command.h"
#include "shard/commands/persistence_commands.h"
#include "shard/commands/pubsub_commands.h"
#include "shard/commands/register_keyspace_commands.h"
#include "shard/commands/replication_commands.h"
#include "shard/commands/script_commands.h"
#include "shard/commands/server.h"
#include "shard/commands/set_commands.h"
#include "shard/commands/sort_command.h"
#include "shard/commands/stream_commands.h"
#include "shard/commands/transaction_commands.h"
#include "shard/commands/zset_commands.h"

namespace keyway::shard::commands {

void RegisterAll(HandlerTable& handlers) {
  RegisterString(handlers);
  RegisterGeneric(handlers);
  RegisterExpiry(handlers);
  RegisterBitmap(handlers);
  RegisterHyperLogLog(handlers);
  RegisterDump(handlers);
  RegisterMigrate(handlers);
  RegisterHash(handlers);
  RegisterSet(handlers);
  RegisterZset(handlers);
  RegisterGeo(handlers);
  RegisterList(handlers);
  RegisterSort(handlers);
  RegisterStream(handlers);
  RegisterTransactions(handlers);
  RegisterScripts(handlers);
  RegisterFunctions(handlers);
  RegisterConnection(handlers);
  RegisterPubSub(handlers);
  RegisterClient(handlers);
  RegisterServer(handlers);
  RegisterPersistence(handlers);
  RegisterReplication(handlers);
  RegisterIntrospection(handlers);
  cluster::RegisterCluster(handlers);
}

}  // namespace keyway::shard::commands
