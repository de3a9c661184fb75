#include "common/config/gflags_bridge.h"

#include <unistd.h>

#include <fstream>

#include <gflags/gflags.h>
#include <glog/logging.h>
#include <gtest/gtest.h>

#include "tests/unit/common/config/sample_registry.h"

namespace keyway::config {
namespace {

std::string Options(std::vector<std::string> arguments) {
  return ParseArguments(arguments).options;
}

TEST(ParseArguments, AsRedisServerReadsThem) {
  EXPECT_EQ(ParseArguments({"x.conf"}).file, "x.conf");
  EXPECT_EQ(ParseArguments({"--port", "1", "-"}).from_stdin, true);
  EXPECT_EQ(ParseArguments({"-"}).from_stdin, true);
  EXPECT_EQ(ParseArguments({"--port", "-"}).from_stdin, true);
  EXPECT_EQ(Options({"--port", "1", "--bind", "a", "b"}), "port \"1\" \nbind \"a\" \"b\" ");
  EXPECT_EQ(Options({"--port", "--bind", "x"}), "port \"--bind\" \"x\" ");
  EXPECT_EQ(Options({"--port 1", "--bind x"}), "port 1 \nbind x ");
  EXPECT_EQ(Options({"--save", "--port", "1"}), "save \"\"\nport \"1\" ");
  EXPECT_EQ(Options({"--save"}), "save \"\"");
  EXPECT_EQ(Options({"--list-max-listpack-size", "-2"}), "list-max-listpack-size \"-2\" ");
  EXPECT_EQ(Options({}), "");
  EXPECT_EQ(Options({""}), "");
}

// Flags are the process's, so all of it is one test with one registry a load.
TEST(LoadFromCommandLine, DirectivesAndFlags) {
  char name[] = "/tmp/keyway-flags-XXXXXX";
  int fd = mkstemp(name);
  ASSERT_GE(fd, 0);
  close(fd);
  std::ofstream(name) << "--bytes=2kb\n--words=a b\n";

  Sample sample;
  Registry registry;
  AddSample(registry, sample);
  RegisterFlags(registry);
  EXPECT_EQ(gflags::GetCommandLineFlagInfoOrDie("fixed_switch").default_value, "no");
  EXPECT_EQ(gflags::GetCommandLineFlagInfoOrDie("number").description, "A number [0..100]");
  EXPECT_EQ(gflags::GetCommandLineFlagInfoOrDie("later_switch").description,
            "Not yet [yes|no] (no effect yet)");
  gflags::CommandLineFlagInfo info;
  EXPECT_FALSE(gflags::GetCommandLineFlagInfo("hidden_switch", &info));

  auto load = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "program");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    Status loaded =
        LoadFromCommandLine(registry, static_cast<int>(argv.size()), argv.data(), {"1.0", "usage"});
    return loaded.ok() ? "OK" : loaded.error().message;
  };
  EXPECT_EQ(load({"--number=5", "--fixed_switch", "yes", "--v", "3", "--name", "--v",
                  "--nologtostderr", "--color=green", std::string("--flagfile=") + name}),
            "OK");
  EXPECT_EQ(sample.number, 5);
  EXPECT_TRUE(sample.fixed);
  EXPECT_EQ(sample.name, "--v");
  EXPECT_EQ(sample.color, Color::kGreen);
  EXPECT_EQ(FLAGS_v, 3);
  EXPECT_FALSE(FLAGS_logtostderr);
  EXPECT_EQ(sample.bytes, 2048);
  EXPECT_EQ(sample.words, (std::vector<std::string>{"a", "b"}));
  EXPECT_NE(load({"--nonsense", "1"}).find(">>> 'nonsense \"1\"'\nBad directive"),
            std::string::npos);

  EXPECT_EXIT(load({"--version"}), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(load({"-h"}), testing::ExitedWithCode(1), "");
  // gflags reads it again at each parse.
  gflags::SetCommandLineOption("flagfile", "");
  unlink(name);
}

TEST(LoadFromCommandLine, RemembersTheFile) {
  Registry registry;
  Sample sample;
  AddSample(registry, sample);
  char name[] = "/tmp/keyway-file-XXXXXX";
  int fd = mkstemp(name);
  ASSERT_GE(fd, 0);
  close(fd);
  std::string program = "program", file = std::string("../tmp/") + (name + 5);
  ASSERT_EQ(chdir("/tmp"), 0);
  char* argv[] = {program.data(), file.data()};
  EXPECT_TRUE(LoadFromCommandLine(registry, 2, argv, {"1.0", "usage"}).ok());
  EXPECT_EQ(registry.file(), name);
  unlink(name);
}

}  // namespace
}  // namespace keyway::config
