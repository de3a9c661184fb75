#include "shard/server/process_title.h"

#include <array>
#include <utility>

#include "shard/config/shard_config.h"

namespace keyway::shard {
namespace {

std::string ListenAddress(const ShardConfig& config) {
  if (config.port == 0) return config.unixsocket;
  const std::string first = config.bind.empty() ? "*" : config.bind.front();
  return (first.starts_with('-') ? first.substr(1) : first) + ":" + std::to_string(config.port);
}

}  // namespace

std::string ProcessTitle(const ShardConfig& config, std::string_view program,
                         std::string_view config_file) {
  const std::array<std::pair<std::string_view, std::string>, 7> variables = {{
      {"{title}", std::string(program)},
      {"{listen-addr}", ListenAddress(config)},
      {"{server-mode}", config.cluster_enabled ? "[cluster]" : ""},
      {"{port}", std::to_string(config.port)},
      {"{tls-port}", std::to_string(config.tls_port)},
      {"{unixsocket}", config.unixsocket},
      {"{config-file}", std::string(config_file)},
  }};
  std::string title;
  std::string_view rest = config.proc_title_template;
  while (!rest.empty()) {
    size_t used = 1;
    std::string text(rest.substr(0, 1));
    for (const auto& [name, value] : variables) {
      if (!rest.starts_with(name)) continue;
      used = name.size();
      text = value;
      break;
    }
    title += text;
    rest.remove_prefix(used);
  }
  title.erase(title.find_last_not_of(' ') + 1);
  return title;
}

}  // namespace keyway::shard
