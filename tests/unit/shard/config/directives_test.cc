// What needs no redis-server to compare with; the rest is in tests/compat/config_test.py.
#include "shard/config/directives.h"

#include <unistd.h>

#include <map>
#include <set>
#include <string_view>

#include <gtest/gtest.h>

namespace keyway::shard {
namespace {

class DirectivesTest : public testing::Test {
 protected:
  DirectivesTest() { AddDirectives(registry, config); }

  std::string Set(std::string_view name, std::string_view value) {
    const config::Registry::Pair pair(name, value);
    config::SetOptions options;
    options.allow_protected = true;
    Status set = registry.Set({&pair, 1}, options);
    return set.ok() ? "OK" : set.error().message;
  }
  std::string Line(std::vector<std::string> words) {
    Status set = registry.SetFromLine(words);
    return set.ok() ? "OK" : set.error().message;
  }
  std::string Finish() {
    auto finished = FinishConfig(registry, config);
    if (!finished.ok()) return finished.error().message;
    std::string warnings;
    for (const std::string& warning : *finished) warnings += warning + "\n";
    return warnings;
  }

  ShardConfig config;
  config::Registry registry;
};

TEST_F(DirectivesTest, EveryRowIsComplete) {
  EXPECT_GT(registry.directives().size(), 160u);
  for (const auto& directive : registry.directives()) {
    EXPECT_FALSE(directive->help.empty()) << directive->name;
    EXPECT_EQ(directive->help.find('\n'), std::string::npos) << directive->name;
    EXPECT_NE(directive->help.back(), '.') << directive->name;
    EXPECT_FALSE(directive->group.empty()) << directive->name;
    EXPECT_FALSE(directive->takes.empty()) << directive->name;
  }
}

TEST_F(DirectivesTest, EveryDefaultCanBeSet) {
  for (const auto& directive : registry.directives()) {
    if (directive->Has(config::kImmutable)) continue;
    EXPECT_EQ(Set(directive->name, directive->initial), "OK") << directive->name;
    EXPECT_EQ(directive->value->Get(), directive->initial) << directive->name;
  }
  EXPECT_EQ(Finish(), "");
}

TEST_F(DirectivesTest, SecretsAreMarked) {
  std::set<std::string> secrets;
  for (const auto& directive : registry.directives()) {
    if (directive->Has(config::kSensitive)) secrets.insert(directive->name);
  }
  EXPECT_EQ(secrets, (std::set<std::string>{"masterauth", "masteruser", "requirepass",
                                            "tls-client-key-file-pass", "tls-key-file-pass"}));
}

TEST_F(DirectivesTest, RenamedCommands) {
  EXPECT_EQ(Line({"rename-command", "GET", "XGet"}), "OK");
  EXPECT_EQ(Line({"rename-command", "set", ""}), "OK");
  EXPECT_EQ(Line({"rename-command", "get", "y"}), "No such command in rename-command");
  EXPECT_EQ(Line({"rename-command", "del", "xget"}), "Target command name already exists");
  EXPECT_EQ(Line({"rename-command", "del", "ttl"}), "Target command name already exists");
  EXPECT_EQ(Line({"rename-command", "del", "get"}), "OK");
  EXPECT_EQ(config.renamed_commands, (std::vector<std::pair<std::string, std::string>>{
                                         {"get", "xget"}, {"set", ""}, {"del", "get"}}));
}

TEST_F(DirectivesTest, OnlyTheOpenDefaultUser) {
  EXPECT_EQ(Line({"user", "default", "on", "nopass", "sanitize-payload", "~*", "&*", "+@all"}),
            "OK");
  EXPECT_EQ(Line({"user", "default", ""}),
            "Error in user declaration '': ACL rules are not supported yet");
  EXPECT_NE(Line({"user", "default", "-get"}), "OK");
  EXPECT_NE(Line({"user", "alice", "on"}), "OK");
  EXPECT_EQ(Finish(), "");
  EXPECT_EQ(Line({"user", "default", "on", "#abc", "~*", "&*", "+@all"}), "OK");
  EXPECT_NE(Finish().find("set requirepass"), std::string::npos);
  config.requirepass = "x";
  EXPECT_EQ(Finish(), "");
}

TEST_F(DirectivesTest, Together) {
  EXPECT_EQ(Line({"replicaof", "127.0.0.1", "6000"}), "OK");
  EXPECT_EQ(Finish(), "");
  config.cluster_enabled = true;
  EXPECT_EQ(Finish(),
            "\n*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\nreplicaof directive not allowed in "
            "cluster mode\n");
}

TEST_F(DirectivesTest, NoTls) {
  EXPECT_EQ(Set("tls-port", "1"),
            "ERR CONFIG SET failed (possibly related to argument 'tls-port') - Unable to update "
            "TLS configuration. Check server logs.");
  EXPECT_EQ(config.tls_port, 0);
  EXPECT_EQ(Line({"tls-cluster", "yes"}), "OK");
  EXPECT_NE(Finish().find("TLS is not supported yet"), std::string::npos);
}

TEST_F(DirectivesTest, TitleTemplateMustLeaveSomeText) {
  EXPECT_EQ(Set("proc-title-template", "{title} {port}"), "OK");
  EXPECT_NE(Set("proc-title-template", "{title} {unixsocket}"), "OK");
  config.unixsocket = "/x";
  EXPECT_EQ(Set("proc-title-template", "{title} {unixsocket}"), "OK");
  EXPECT_NE(Set("proc-title-template", "{server-mode}"), "OK");
  config.cluster_enabled = true;
  EXPECT_EQ(Set("proc-title-template", "{server-mode}"), "OK");
}

TEST_F(DirectivesTest, KeyspaceEventLetters) {
  EXPECT_EQ(KeyspaceEventsText(0), "");
  EXPECT_EQ(KeyspaceEventsText(kEventAll | kEventNew | kEventKeyspace), "AK");
  EXPECT_EQ(KeyspaceEventsText(kEventNew | kEventKeyMiss | kEventGeneric), "gnm");
}

}  // namespace
}  // namespace keyway::shard
