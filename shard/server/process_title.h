// What ps shows of a shard.
#pragma once

#include <string>
#include <string_view>

namespace keyway::shard {

struct ShardConfig;

// proc-title-template with its variables filled in: {title} {listen-addr} {server-mode} {port}
// {tls-port} {unixsocket} {config-file}. Variables that do not exist stay as they are.
std::string ProcessTitle(const ShardConfig& config, std::string_view program,
                         std::string_view config_file);

}  // namespace keyway::shard
