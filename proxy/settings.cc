#include "proxy/settings.h"

#include <gflags/gflags.h>

#include <climits>
#include <sstream>
#include <utility>

#include "common/base/process.h"
#include "common/config/memory_size.h"
#include "common/config/section.h"
#include "common/log/log.h"
#include "proxy/flags.h"

namespace keyway::proxy {
namespace {

using session::OutputLimit;

constexpr int64_t kMegabyte = 1024 * 1024;

int64_t Bytes(const std::string& text) {
  return static_cast<int64_t>(config::ParseMemory(text).value_or(0));
}

// "1gb", or "32mb 8mb 60".
OutputLimit ParseLimit(const std::string& text) {
  std::istringstream words(text);
  std::string hard;
  std::string soft;
  OutputLimit limit;
  words >> hard >> soft >> limit.seconds;
  limit.hard = static_cast<size_t>(Bytes(hard));
  limit.soft = static_cast<size_t>(Bytes(soft));
  return limit;
}

std::string FormatLimit(const OutputLimit& limit) {
  return std::to_string(limit.hard) + " " + std::to_string(limit.soft) + " " +
         std::to_string(limit.seconds);
}

// client-output-buffer-limit: <class> <hard> <soft> <seconds> ...; classes not named stay. Replicas
// are no clients of a proxy: what is said about them is accepted and changes nothing.
class OutputLimits final : public config::Value {
 public:
  OutputLimits(OutputLimit& normal, OutputLimit& pubsub) : normal_(normal), pubsub_(pubsub) {}

  Expected<bool> Set(std::span<const std::string> words) override {
    if (words.size() % 4 != 0) {
      return Error{"Wrong number of arguments in buffer limit configuration."};
    }
    OutputLimit normal = normal_;
    OutputLimit pubsub = pubsub_;
    OutputLimit replica;
    for (size_t i = 0; i < words.size(); i += 4) {
      OutputLimit* limit = words[i] == "normal"                            ? &normal
                           : words[i] == "pubsub"                          ? &pubsub
                           : words[i] == "slave" || words[i] == "replica" ? &replica
                                                                           : nullptr;
      if (limit == nullptr) {
        return Error{"Invalid client class specified in buffer limit configuration."};
      }
      const auto hard = config::ParseMemory(words[i + 1]);
      const auto soft = config::ParseMemory(words[i + 2]);
      const auto seconds = config::ParseInteger(words[i + 3]);
      if (!hard || !soft || !seconds || *seconds < 0 || *seconds > INT_MAX) {
        return Error{"Error in hard, soft or soft_seconds setting in buffer limit configuration."};
      }
      *limit = {*hard, *soft, static_cast<int>(*seconds)};
    }
    const std::string before = Get();
    normal_ = normal;
    pubsub_ = pubsub;
    return Get() != before;
  }
  std::string Get() const override {
    return "normal " + FormatLimit(normal_) + " slave 0 0 0 pubsub " + FormatLimit(pubsub_);
  }

 private:
  OutputLimit& normal_;
  OutputLimit& pubsub_;
};

// maxmemory-clients: bytes, or a part of the machine's memory.
class MemoryOrPercent final : public config::Value {
 public:
  explicit MemoryOrPercent(std::string& text) : text_(text) {}

  Expected<bool> Set(std::span<const std::string> words) override {
    std::string number = words[0];
    const bool percent = number.ends_with('%');
    if (percent) number.pop_back();
    const auto amount = config::ParseMemory(number);
    if (number.empty() || !amount) return Error{"argument must be a memory or percent value"};
    if (percent && *amount > 100) {
      return Error{"percentage argument must be less or equal to 100"};
    }
    const std::string text = percent ? words[0] : std::to_string(*amount);
    return std::exchange(text_, text) != text;
  }
  std::string Get() const override { return text_; }

 private:
  std::string& text_;
};

std::string Lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += (text.empty() ? "" : "; ") + line;
  return text;
}

}  // namespace

Settings::Settings(std::string program, std::vector<std::string> arguments)
    : program_(std::move(program)), arguments_(std::move(arguments)) {
  FlagsToValues();
  AddDirectives();
}

void Settings::AddDirectives() {
  using config::kImmutable;
  using config::kNone;
  config::Section own(registry_, "proxy");
  own.Text("bind", values_.bind, kImmutable, "");
  own.Custom("client-output-buffer-limit", config::Kind::kList,
             std::make_unique<OutputLimits>(values_.normal, values_.pubsub), "", config::kMultiWord,
             "");
  own.Memory("client-query-buffer-limit", values_.query_buffer, {kMegabyte, LONG_MAX}, kNone, "");
  own.Bool("cluster-enabled", values_.cluster, kImmutable, "");
  own.Bool("enable-debug-command", values_.debug, kImmutable, "");
  own.Text("logfile", values_.logfile, kImmutable, "");
  own.Enum("loglevel", values_.level,
           {{"debug", log::Level::kDebug},
            {"verbose", log::Level::kVerbose},
            {"notice", log::Level::kNotice},
            {"warning", log::Level::kWarning}},
           kNone, "");
  own.Integer("maxclients", values_.max_clients, {1, UINT_MAX}, kNone, "");
  own.Custom("maxmemory-clients", config::Kind::kMemoryOrPercent,
             std::make_unique<MemoryOrPercent>(values_.client_memory), "", kNone, "");
  own.Text("pidfile", values_.pidfile, kImmutable, "");
  own.Int32("port", values_.port, 0, kImmutable, "");
  own.Memory("proto-max-bulk-len", values_.bulk_len, {kMegabyte, LONG_MAX}, kNone, "");
  own.Text("requirepass", values_.password, kNone, "");
  own.Int32("tcp-backlog", values_.backlog, 0, kImmutable, "");
  own.Int32("tcp-keepalive", values_.tcp_keepalive, 0, kNone, "");
  own.Int32("timeout", values_.timeout, 0, kNone, "");
  if (values_.databases > 0) own.Int32("databases", values_.databases, 1, kImmutable, "");
  // The texts of errors that only the system, or the flags together, know.
  registry_.OnApply({"client-output-buffer-limit", "client-query-buffer-limit", "loglevel",
                     "maxclients", "maxmemory-clients", "proto-max-bulk-len", "requirepass", "tcp-keepalive", "timeout"},
                    [this]() -> Status {
                      ValuesToFlags();
                      Expected<ServerOptions> options = Read();
                      if (!options.ok()) return options.error();
                      options_ = std::move(options).value();
                      return {};
                    });
}

void Settings::FlagsToValues() {
  values_.max_clients = FLAGS_maxclients;
  values_.timeout = FLAGS_timeout;
  values_.tcp_keepalive = FLAGS_tcp_keepalive;
  values_.query_buffer = Bytes(FLAGS_client_query_buffer_limit);
  values_.bulk_len = Bytes(FLAGS_proto_max_bulk_len);
  values_.port = FLAGS_port;
  values_.backlog = FLAGS_tcp_backlog;
  values_.databases = FLAGS_databases;
  values_.cluster = !FLAGS_advertise.empty();
  values_.debug = FLAGS_enable_debug_command;
  values_.client_memory = FLAGS_maxmemory_clients.ends_with('%')
                              ? FLAGS_maxmemory_clients
                              : std::to_string(Bytes(FLAGS_maxmemory_clients));
  values_.password = FLAGS_requirepass;
  values_.bind = FLAGS_bind;
  values_.logfile = FLAGS_logfile;
  values_.pidfile = FLAGS_pidfile;
  values_.normal = ParseLimit(FLAGS_client_output_buffer_limit);
  values_.pubsub = ParseLimit(FLAGS_client_output_buffer_limit_pubsub);
  if (auto level = log::ParseLevel(FLAGS_loglevel); level.ok()) values_.level = *level;
}

void Settings::ValuesToFlags() const {
  FLAGS_maxclients = values_.max_clients;
  FLAGS_timeout = values_.timeout;
  FLAGS_tcp_keepalive = values_.tcp_keepalive;
  FLAGS_client_query_buffer_limit = std::to_string(values_.query_buffer);
  FLAGS_proto_max_bulk_len = std::to_string(values_.bulk_len);
  FLAGS_maxmemory_clients = values_.client_memory;
  FLAGS_requirepass = values_.password;
  FLAGS_loglevel = registry_.Find("loglevel")->value->Get();
  FLAGS_client_output_buffer_limit = FormatLimit(values_.normal);
  FLAGS_client_output_buffer_limit_pubsub = FormatLimit(values_.pubsub);
}

Expected<ServerOptions> Settings::Read() {
  std::vector<std::string> problems;
  ServerOptions options = ReadFlags(program_, &problems);
  if (!problems.empty()) return Error{Lines(problems)};
  if (options.max_clients > options_.max_clients) {
    const int64_t wanted = options.max_clients;
    const Status raised = RaiseLimits(&options);
    if (!raised.ok() || options.max_clients < wanted) {
      return Error{
          "The operating system is not able to handle the specified number of clients, try with " +
          std::to_string(raised.ok() ? options.max_clients : options_.max_clients)};
    }
  }
  const std::string_view everything = "*";
  options.worker.session.config = registry_.Get({&everything, 1});
  return options;
}

ServerOptions Settings::Initial(std::vector<std::string>* problems) {
  options_ = ReadFlags(program_, problems);
  if (!problems->empty()) return options_;
  if (Status raised = RaiseLimits(&options_); !raised.ok()) {
    problems->push_back(raised.error().message);
  }
  FLAGS_maxclients = options_.max_clients;
  FlagsToValues();
  const std::string_view everything = "*";
  options_.worker.session.config = registry_.Get({&everything, 1});
  return options_;
}

bool Settings::CanReload() const {
  std::string file;
  return gflags::GetCommandLineOption("flagfile", &file) && !file.empty();
}

Expected<ServerOptions> Settings::Reload() {
  const FlagValues before = CurrentFlags();
  const auto take_back = [&](const Error& error) {
    RestoreFlags(before);
    FlagsToValues();
    return error;
  };
  if (Status status = ReplayFlags(program_, arguments_); !status.ok()) {
    return take_back(status.error());
  }
  std::vector<std::string> ignored;
  const FlagValues after = CurrentFlags();
  for (size_t i = 0; i < before.size(); ++i) {
    if (before[i] == after[i] || IsReloadable(before[i].first)) continue;
    ignored.push_back("--" + before[i].first);
    RestoreFlags({before[i]});
  }
  FlagsToValues();
  Expected<ServerOptions> options = Read();
  if (!options.ok()) return take_back(options.error());
  for (const std::string& flag : ignored) {
    KEYWAY_WARNING() << flag << " has changed, which only a start can put to work.";
  }
  options_ = *options;
  return options_;
}

Expected<ServerOptions> Settings::Set(const session::OwnSettings::Pairs& pairs) {
  std::vector<config::Registry::Pair> views(pairs.begin(), pairs.end());
  if (Status status = registry_.Set(views); !status.ok()) return status.error();
  return options_;
}

}  // namespace keyway::proxy
