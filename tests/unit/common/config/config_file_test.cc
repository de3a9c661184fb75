#include "common/config/config_file.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/unit/common/config/sample_registry.h"

namespace keyway::config {
namespace {

constexpr char kHead[] = "\n*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\n";

class ConfigFileTest : public testing::Test {
 protected:
  ConfigFileTest() {
    AddSample(registry, sample);
    char name[] = "/tmp/keyway-config-XXXXXX";
    folder = mkdtemp(name);
  }
  ~ConfigFileTest() override {
    std::string command = "rm -rf " + folder;
    EXPECT_EQ(std::system(command.c_str()), 0);
  }

  std::string File(const std::string& name, const std::string& text) {
    std::string path = folder + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  std::string LoadAll(std::string file, std::string options = "") {
    Sources sources;
    sources.file = std::move(file);
    sources.options = std::move(options);
    Status loaded = Load(registry, sources);
    return loaded.ok() ? "OK" : loaded.error().message;
  }

  Sample sample;
  Registry registry;
  std::string folder;
};

TEST_F(ConfigFileTest, LinesCommentsAndQuotes) {
  std::string path = File("a.conf",
                          "# comment\r\n\n  NUMBER   7 \r\nname \"a \\x41\"\n\tsecret 'it\\'s'\n"
                          "words one \"two three\"\nbytes 2kb");
  EXPECT_EQ(LoadAll(path, "number 8"), "OK");
  EXPECT_EQ(sample.number, 8);
  EXPECT_EQ(sample.name, "a A");
  EXPECT_EQ(sample.secret, "it's");
  EXPECT_EQ(sample.words, (std::vector<std::string>{"one", "two three"}));
  EXPECT_EQ(sample.bytes, 2048);
}

TEST_F(ConfigFileTest, ErrorsNameTheLine) {
  EXPECT_EQ(LoadAll(File("a.conf", "\n# x\n  number  abc \n")),
            std::string(kHead) +
                "Reading the configuration file, at line 3\n>>> 'number  abc'\n"
                "argument couldn't be parsed into an integer\n");
  EXPECT_EQ(LoadAll(File("a.conf", "number 1\n"), "name \"x"),
            std::string(kHead) +
                "Reading the configuration file, at line 3\n>>> 'name \"x'\n"
                "Unbalanced quotes in configuration line\n");
  EXPECT_EQ(FatalConfigError("reason").message, std::string(kHead) + "reason\n");
}

TEST_F(ConfigFileTest, Includes) {
  File("1.inc", "number 1\nwords a\n");
  File("2.inc", "number 2\nwords b\n");
  EXPECT_EQ(LoadAll(File("a.conf", "include " + folder + "/*.inc\ninclude " + folder +
                                       "/none*.inc\nname x\n")),
            "OK");
  EXPECT_EQ(sample.number, 2);
  EXPECT_EQ(sample.words, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(sample.name, "x");
  EXPECT_EQ(LoadAll(folder + "/nowhere.conf"), "Fatal error, can't open config file '" + folder +
                                                   "/nowhere.conf': No such file or directory\n");
}

TEST_F(ConfigFileTest, IncludesAreBounded) {
  std::string path = folder + "/loop.conf";
  File("loop.conf", "include " + path + "\n");
  EXPECT_NE(LoadAll(path).find("Too many files that include one another"), std::string::npos);
  // Two includes each would be 2^16 files.
  File("loop.conf", "include " + folder + "/l*.conf\ninclude " + folder + "/l*.conf\n");
  EXPECT_NE(LoadAll(path), "OK");
}

TEST_F(ConfigFileTest, ADirectoryIsNoFile) {
  EXPECT_NE(LoadAll(folder).find("can't open config file"), std::string::npos);
}

}  // namespace
}  // namespace keyway::config
