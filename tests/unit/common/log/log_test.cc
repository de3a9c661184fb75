#include "common/log/log.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include <glog/logging.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keyway::log {
namespace {

void FailACheck() {
  CHECK(1 == 2) << "impossible";
}

class LogTest : public testing::Test {
 protected:
  LogTest() {
    char name[] = "/tmp/keyway-log-XXXXXX";
    folder_ = mkdtemp(name);
    path_ = folder_ + "/log";
    Options options;
    options.logfile = path_;
    EXPECT_TRUE(Init(options).ok());
    SetRole('X');
  }
  ~LogTest() override {
    EXPECT_TRUE(Init({}).ok());
    std::string command = "rm -rf " + folder_;
    EXPECT_EQ(std::system(command.c_str()), 0);
  }

  static std::string Read(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  std::string Text() const { return Read(path_); }
  size_t Lines() const {
    std::string text = Text();
    return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  }

  std::string folder_;
  std::string path_;
};

TEST_F(LogTest, FormatOfALine) {
  SetRole('M');
  KEYWAY_NOTICE() << "Ready " << 1;
  EXPECT_THAT(Text(), testing::MatchesRegex(std::to_string(getpid()) +
                                            ":M [0-9]{2} [A-Z][a-z]{2} [0-9]{4} "
                                            "[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3} \\* Ready 1\n"));
}

TEST_F(LogTest, Levels) {
  SetLevel(Level::kDebug);
  KEYWAY_DEBUG() << "d";
  KEYWAY_VERBOSE() << "v";
  KEYWAY_NOTICE() << "n";
  KEYWAY_WARNING() << "w";
  std::string text = Text();
  EXPECT_NE(text.find(" . d\n"), std::string::npos);
  EXPECT_NE(text.find(" - v\n"), std::string::npos);
  EXPECT_NE(text.find(" * n\n"), std::string::npos);
  EXPECT_NE(text.find(" # w\n"), std::string::npos);

  SetLevel(Level::kWarning);
  int evaluated = 0;
  KEYWAY_NOTICE() << ++evaluated;
  EXPECT_EQ(evaluated, 0);
  EXPECT_EQ(Text(), text);
}

TEST_F(LogTest, MacroIsOneStatement) {
  if (Lines() == 0)
    KEYWAY_NOTICE() << "first";
  else
    KEYWAY_NOTICE() << "second";
  EXPECT_NE(Text().find("first"), std::string::npos);
}

TEST_F(LogTest, LongLinesAreCut) {
  KEYWAY_NOTICE() << std::string(1 << 20, 'x');
  EXPECT_GT(Text().size(), 16u * 1024);
  EXPECT_LT(Text().size(), 17u * 1024);
}

TEST_F(LogTest, ParsesLevels) {
  EXPECT_EQ(ParseLevel("VERBOSE").value(), Level::kVerbose);
  EXPECT_EQ(ParseLevel("loud").error().message,
            "'loud' is no log level: debug, verbose, notice, warning");
}

TEST_F(LogTest, ReopensOnRequest) {
  KEYWAY_NOTICE() << "old";
  ASSERT_EQ(rename(path_.c_str(), (path_ + ".1").c_str()), 0);
  ASSERT_TRUE(Reopen().ok());
  KEYWAY_NOTICE() << "new";
  EXPECT_NE(Text().find("new"), std::string::npos);
  EXPECT_EQ(Read(path_ + ".1").find("new"), std::string::npos);
}

TEST_F(LogTest, FollowsARenameWithinASecond) {
  KEYWAY_NOTICE() << "old";
  ASSERT_EQ(rename(path_.c_str(), (path_ + ".1").c_str()), 0);
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (Text().empty() && std::chrono::steady_clock::now() < deadline) {
    KEYWAY_NOTICE() << "new";
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_NE(Text().find("new"), std::string::npos);
}

TEST_F(LogTest, SaysWhyAFileCannotBeOpened) {
  Options options;
  options.logfile = folder_ + "/nowhere/log";
  EXPECT_EQ(Init(options).error().message, "Can't open the log file: No such file or directory");
}

TEST_F(LogTest, AForkedChildIsC) {
  SetRole('M');
  pid_t child = fork();
  if (child == 0) {
    KEYWAY_NOTICE() << "child";
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_NE(Text().find(std::to_string(child) + ":C "), std::string::npos) << Text();
}

TEST_F(LogTest, ThreadsWriteWholeLines) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 500; ++i) {
        KEYWAY_NOTICE() << "line " << std::string(100, static_cast<char>('a' + t)) << '|';
        if (t == 0 && i % 50 == 0) {
          EXPECT_TRUE(Reopen().ok());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::istringstream text(Text());
  std::string line;
  size_t count = 0;
  while (std::getline(text, line)) {
    ++count;
    EXPECT_TRUE(line.ends_with('|')) << line;
    EXPECT_EQ(line.find("line "), line.rfind("line "));
  }
  EXPECT_EQ(count, 2000u);
}

TEST_F(LogTest, GlogArrivesHere) {
  LOG(INFO) << "from a library";
  LOG(WARNING) << "careful";
  EXPECT_NE(Text().find(" * from a library\n"), std::string::npos);
  EXPECT_NE(Text().find(" # careful\n"), std::string::npos);
}

TEST_F(LogTest, AFailedCheckIsInTheLogWithItsStack) {
  EXPECT_DEATH(FailACheck(), "impossible");
  std::string text = Text();
  EXPECT_NE(text.find(" # FATAL log_test.cc:"), std::string::npos);
  EXPECT_NE(text.find("Check failed: 1 == 2 impossible\n"), std::string::npos);
  EXPECT_NE(text.find("[0x"), std::string::npos) << text;
}

// A sanitizer brings signal handlers of its own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_F(LogTest, ACrashIsInTheLog) {
  EXPECT_DEATH({ raise(SIGSEGV); }, "");
  EXPECT_NE(Text().find("SIGSEGV"), std::string::npos) << Text();
}
#endif

}  // namespace
}  // namespace keyway::log
