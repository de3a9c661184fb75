#include "shard/commands/register_all.h"

#include "shard/cluster/cluster_commands.h"
#include "shard/commands/client.h"
#include "shard/commands/connection.h"
#include "shard/commands/register_keyspace_commands.h"
#include "shard/commands/server.h"

namespace keyway::shard::commands {

void RegisterAll(HandlerTable& handlers) {
  RegisterString(handlers);
  RegisterGeneric(handlers);
  RegisterExpiry(handlers);
  RegisterConnection(handlers);
  RegisterClient(handlers);
  RegisterServer(handlers);
  cluster::RegisterCluster(handlers);
}

}  // namespace keyway::shard::commands
