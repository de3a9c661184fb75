#include "proxy/settings.h"

#include <gflags/gflags.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "proxy/flags.h"

namespace keyway::proxy {
namespace {

// A proxy that was started with `--threads=3 --flagfile=F --timeout=60`.
class SettingsTest : public testing::Test {
 protected:
  SettingsTest() : defaults_(CurrentFlags()) {
    Write("--maxclients=100\n--timeout=5\n");
    const std::vector<std::string> arguments = {"--threads", "3", "--flagfile=" + file_,
                                                "--timeout=60"};
    EXPECT_TRUE(ReplayFlags("keyway-proxy", arguments).ok());
    settings_ = std::make_unique<Settings>("keyway-proxy", arguments);
    std::vector<std::string> problems;
    initial_ = settings_->Initial(&problems);
    EXPECT_EQ(problems, std::vector<std::string>());
  }
  ~SettingsTest() override { RestoreFlags(defaults_); }

  void Write(const std::string& text) { std::ofstream(file_) << text; }
  static std::string Shown(const ServerOptions& options, std::string_view name) {
    for (const auto& [key, value] : options.worker.session.config) {
      if (key == name) return value;
    }
    return "none";
  }
  // The error of CONFIG SET, or an empty text.
  std::string Set(const session::OwnSettings::Pairs& pairs) {
    Expected<ServerOptions> options = settings_->Set(pairs);
    if (!options.ok()) return options.error().message;
    latest_ = *options;
    return "";
  }
  std::string Reload() {
    Expected<ServerOptions> options = settings_->Reload();
    if (!options.ok()) return options.error().message;
    latest_ = *options;
    return "";
  }

  const FlagValues defaults_;
  const std::string file_ = std::string(getenv("TEST_TMPDIR")) + "/flags";
  std::unique_ptr<Settings> settings_;
  ServerOptions initial_;
  ServerOptions latest_;
};

TEST_F(SettingsTest, TheCommandLineInItsOrder) {
  EXPECT_EQ(initial_.threads, 3);
  EXPECT_EQ(initial_.max_clients, 100);
  EXPECT_EQ(initial_.worker.session.idle_timeout_seconds, 60);
  EXPECT_EQ(Shown(initial_, "maxclients"), "100");
  EXPECT_EQ(Shown(initial_, "databases"), "none");
  EXPECT_EQ(Shown(initial_, "client-output-buffer-limit"),
            "normal 1073741824 0 0 slave 0 0 0 pubsub 33554432 8388608 60");
}

TEST_F(SettingsTest, FormsOfFlags) {
  Write(
      "# a comment\n\n  --enable_debug_command\n-tcp_keepalive=7\r\nother-program\n--timeout=1\n"
      "--nosuch\nother keyway-*\n--drain_idle_ms=8\n");
  ASSERT_EQ(Reload(), "");
  EXPECT_TRUE(latest_.worker.session.allow_debug);
  EXPECT_EQ(latest_.worker.listener.stream.keepalive_seconds, 7);
  EXPECT_EQ(latest_.worker.drain.idle_ms, 8);
  EXPECT_EQ(latest_.worker.session.idle_timeout_seconds, 60);
  Write("--noenable_debug_command\n");
  ASSERT_EQ(Reload(), "");
  EXPECT_FALSE(latest_.worker.session.allow_debug);
  EXPECT_EQ(latest_.worker.listener.stream.keepalive_seconds, 300);
}

TEST_F(SettingsTest, AReloadIsAllOrNothing) {
  for (const auto& [text, error] : std::vector<std::pair<std::string, std::string>>{
           {"--maxclients=50\n--nosuch=1\n", file_ + ":2: there is no flag --nosuch"},
           {"--maxclients=50\n--tcp_keepalive=x\n", file_ + ":2: --tcp_keepalive cannot be 'x'"},
           {"--maxclients=50\n--requirepass\n", file_ + ":2: --requirepass has no value"},
           {"--maxclients=50\n--max_pipeline=0\n--drain_idle_ms=-1\n",
            "--max_pipeline must be between 1 and 1000000, not 0; --drain_idle_ms must be between 0 "
            "and 3600000, not -1"},
           {"--maxclients=50\n--flagfile=" + file_ + "\n", ""},
           {"--maxclients=50\n--flagfile=/nosuch\n",
            file_ + ":2: the flag file '/nosuch' cannot be read"}}) {
    Write(text);
    const std::string said = Reload();
    EXPECT_NE(said, "") << text;
    if (!error.empty()) {
      EXPECT_EQ(said, error);
    }
    EXPECT_EQ(FLAGS_maxclients, 100) << text;
    EXPECT_EQ(FLAGS_timeout, 60) << text;
  }
  Write("--maxclients=50\n--port=1\n--threads=1\n--startup_nodes=nonsense\n");
  EXPECT_EQ(Reload(), "");
  EXPECT_EQ(latest_.max_clients, 50);
  EXPECT_EQ(Shown(latest_, "maxclients"), "50");
  EXPECT_EQ(latest_.threads, 3);
  EXPECT_EQ(FLAGS_port, 6379);
  Write("");
  EXPECT_EQ(Reload(), "");
  EXPECT_EQ(latest_.max_clients, 10'000);
}

TEST_F(SettingsTest, ConfigSetIsAllOrNothing) {
  EXPECT_EQ(Set({{"MaxClients", "40"}, {"timeout", "7"}, {"requirepass", "p w"}}), "");
  EXPECT_EQ(latest_.max_clients, 40);
  EXPECT_EQ(latest_.worker.session.idle_timeout_seconds, 7);
  EXPECT_EQ(latest_.worker.session.password, "p w");
  EXPECT_EQ(Shown(latest_, "timeout"), "7");
  EXPECT_EQ(Set({{"maxclients", "30"}, {"timeout", "x"}}),
            "ERR CONFIG SET failed (possibly related to argument 'timeout') - argument couldn't be "
            "parsed into an integer");
  EXPECT_EQ(FLAGS_maxclients, 40);
  // Only all flags together say that it is too little.
  EXPECT_EQ(Set({{"timeout", "9"}, {"client-output-buffer-limit", "normal 1 0 0"}}).substr(0, 72),
            "ERR CONFIG SET failed (possibly related to argument 'timeout') - --clien");
  EXPECT_EQ(FLAGS_timeout, 7);
  EXPECT_EQ(FLAGS_client_output_buffer_limit, "1073741824 0 0");
  EXPECT_EQ(Set({{"client-output-buffer-limit", "pubsub 1mb 500kb 3"}}), "");
  EXPECT_EQ(latest_.worker.session.pubsub_output_limit.soft, 512'000u);
  EXPECT_EQ(latest_.worker.session.pubsub_output_limit.seconds, 3);
  EXPECT_EQ(Set({{"loglevel", "Debug"}}), "");
  EXPECT_EQ(latest_.log_level, log::Level::kDebug);
  EXPECT_EQ(FLAGS_loglevel, "debug");
  // What the file and the command line say holds again.
  EXPECT_EQ(Reload(), "");
  EXPECT_EQ(latest_.max_clients, 100);
  EXPECT_EQ(latest_.worker.session.password, "");
}

}  // namespace
}  // namespace keyway::proxy
