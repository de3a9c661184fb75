// The flags while the proxy runs: SIGHUP reads them again, CONFIG SET changes some of them.
//
// Both change the flags' variables, have ReadFlags check all of them, and take everything back if
// one is wrong. What SIGHUP finds (the flag file, the command line) replaces what CONFIG SET has set.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/config/registry.h"
#include "proxy/server.h"

namespace keyway::proxy {

class Settings final : public OptionsSource {
 public:
  // `arguments`: argv without the program's name, as gflags has accepted it.
  Settings(std::string program, std::vector<std::string> arguments);
  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;

  // The options at the start. All that is wrong with the flags is added to `problems`.
  ServerOptions Initial(std::vector<std::string>* problems);

  // OptionsSource
  bool CanReload() const override;
  Expected<ServerOptions> Reload() override;
  Expected<ServerOptions> Set(const session::OwnSettings::Pairs& pairs) override;

 private:
  // What the flags say, in the form that the registry's rows want.
  struct Values {
    int64_t max_clients = 0;
    int64_t timeout = 0;
    int64_t tcp_keepalive = 0;
    int64_t query_buffer = 0;
    int64_t bulk_len = 0;
    int64_t port = 0;
    int64_t backlog = 0;
    int64_t databases = 0;
    bool cluster = false;
    bool debug = false;
    std::string client_memory;
    std::string password;
    std::string bind;
    std::string logfile;
    std::string pidfile;
    session::OutputLimit normal;
    session::OutputLimit pubsub;
    log::Level level = log::Level::kNotice;
  };

  void AddDirectives();
  void FlagsToValues();
  void ValuesToFlags() const;
  // ReadFlags, with what CONFIG GET shows. Error: all that is wrong.
  Expected<ServerOptions> Read();

  const std::string program_;
  const std::vector<std::string> arguments_;
  Values values_;
  config::Registry registry_;
  ServerOptions options_;  // by the latest change
};

}  // namespace keyway::proxy
