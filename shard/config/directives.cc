#include "shard/config/directives.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/config/config_file.h"
#include "shard/config/rows.h"

namespace keyway::shard {

namespace {

bool WantsTls(const ShardConfig& config) {
  return config.tls_port != 0 || config.tls_cluster || config.tls_replication;
}

Status CheckLogFile(const std::string& path) {
  if (path.empty()) return {};
  int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return Error{std::string("Can't open the log file: ") + std::strerror(errno)};
  close(fd);
  return {};
}

Status CheckTogether(const ShardConfig& config) {
  if (Status log = CheckLogFile(config.logfile); !log) return log;
  if (config.cluster_enabled && !config.replicaof_host.empty()) {
    return Error{"replicaof directive not allowed in cluster mode"};
  }
  if (config.default_user_has_password && config.requirepass.empty()) {
    return Error{"The default user has a password that is known by its hash only: set requirepass"};
  }
  if (WantsTls(config)) {
    return Error{"TLS is not supported yet: leave tls-port, tls-cluster and tls-replication off"};
  }
  return {};
}

}  // namespace

void AddDirectives(config::Registry& registry, ShardConfig& config) {
  AddNetwork(registry, config);
  AddGeneral(registry, config);
  AddProcess(registry, config);
  AddSecurity(registry, config);
  AddClients(registry, config);
  AddMemory(registry, config);
  AddEncodings(registry, config);
  AddPersistence(registry, config);
  AddReplication(registry, config);
  AddCluster(registry, config);
  AddTls(registry, config);

  registry.OnApply({"tls-port", "tls-cluster", "tls-replication"}, [&config]() -> Status {
    if (!WantsTls(config)) return {};
    return Error{"Unable to update TLS configuration. Check server logs."};
  });
}

Expected<std::vector<std::string>> FinishConfig(const config::Registry& registry,
                                                const ShardConfig& config) {
  if (Status fits = CheckTogether(config); !fits) {
    return config::FatalConfigError(fits.error().message);
  }
  std::vector<std::string> warnings;
  for (const std::string& name : registry.IneffectiveSettings()) {
    warnings.push_back("The directive '" + name + "' has no effect yet in this version");
  }
  return warnings;
}

}  // namespace keyway::shard
