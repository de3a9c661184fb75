#include "shard/persistence/aof/key_commands.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shard/persistence/aof/command_writer.h"
#include "shard/persistence/aof/reader.h"
#include "shard/server/scripts.h"
#include "tests/support/commands/command_executor.h"
#include "tests/support/files/memory_file_system.h"

namespace keyway::shard::persistence {
namespace {

// Not looked at.
alignas(std::max_align_t) std::byte nothing[64];

template <typename T>
T& Nothing() {
  return reinterpret_cast<T&>(nothing);
}

class FakeScripts final : public Scripts {
 public:
  uint32_t CommandFlags(const command::Command&, std::span<const std::string_view>) const override {
    return 0;
  }
  std::string_view BusyError() const override { return {}; }
  void Abort() override {}
  void ForEachLibrary(const std::function<void(std::string_view)>& visit) const override {
    for (const std::string& code : libraries) visit(code);
  }
  Status LoadLibrary(std::string_view, bool) override { return {}; }
  void ClearLibraries() override {}
  Usage usage() const override { return {}; }
  size_t vm_bytes() const override { return 0; }

  std::vector<std::string> libraries;
};

using Request = std::vector<std::string>;

class KeyCommandsTest : public testing::Test {
 protected:
  // Words with blanks between them.
  std::vector<std::string> Lines() {
    std::vector<std::string> lines;
    for (const Request& request : Commands()) {
      std::string line;
      for (const std::string& word : request) line += (line.empty() ? "" : " ") + word;
      lines.push_back(line);
    }
    return lines;
  }

  std::vector<Request> Commands() {
    const FileStatus written = WriteFile(executor_);
    EXPECT_TRUE(written.ok());
    auto file = files_.Open("file", OpenMode::kRead);
    AofReader reader(**file);
    std::vector<Request> commands;
    while (reader.Next() == AofReader::Outcome::kCommand) {
      commands.emplace_back(reader.args().begin(), reader.args().end());
    }
    EXPECT_EQ(reader.Next(), AofReader::Outcome::kEnd);
    return commands;
  }

  FileStatus WriteFile(CommandExecutor& executor) {
    Services services{.clock = clock_,
                      .random = random_,
                      .loop = Nothing<net::EventLoop>(),
                      .config = executor.config(),
                      .registry = Nothing<config::Registry>(),
                      .keyspace = executor.keyspace(),
                      .clients = Nothing<ClientRegistry>(),
                      .stats = Nothing<ServerStats>(),
                      .lifecycle = Nothing<Lifecycle>(),
                      .scripts = &scripts_};
    auto file = files_.Open("file", OpenMode::kCreate);
    return WriteDatasetAsCommands(**file, services, options_);
  }

  std::string Contents() { return *files_.Contents("file"); }

  // The file's commands make an equal data set.
  void ExpectLoads() {
    CommandExecutor loaded(clock_);
    for (const Request& request : Commands()) {
      const std::vector<std::string_view> args(request.begin(), request.end());
      const std::string reply = loaded.Run(args);
      EXPECT_NE(reply[0], '-') << reply << request[0];
    }
    const std::string first = Contents();
    ASSERT_TRUE(WriteFile(loaded).ok());
    EXPECT_EQ(Contents(), first);
  }

  void Run(std::string_view line) {
    const std::string reply = executor_.Run(line);
    EXPECT_NE(reply[0], '-') << line << ": " << reply;
  }

  ManualClock clock_;
  Random random_{1};
  MemoryFileSystem files_;
  FakeScripts scripts_;
  CommandWriteOptions options_;
  CommandExecutor executor_{clock_};
};

TEST_F(KeyCommandsTest, NothingIsAnEmptyFile) {
  EXPECT_EQ(Commands().size(), 0u);
  EXPECT_EQ(Contents(), "");
}

TEST_F(KeyCommandsTest, Strings) {
  Run("SET k 12");
  EXPECT_EQ(Lines(), (std::vector<std::string>{"SELECT 0", "SET k 12"}));
  EXPECT_EQ(Contents(),
            "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n12\r\n");
  const std::string long_text(3000, 'x');
  Run("SET k " + long_text);
  EXPECT_EQ(Lines()[1], "SET k " + long_text);
  Run("SET k short");
  EXPECT_EQ(Lines()[1], "SET k short");
  const std::string_view binary[] = {"SET", "k", std::string_view("\r\n\0", 3)};
  executor_.Run(binary);
  EXPECT_EQ(Commands()[1][2], std::string("\r\n\0", 3));
}

TEST_F(KeyCommandsTest, DatabasesAndExpiries) {
  Run("SET a 1");
  Run("PEXPIREAT a 1900000000123");
  Run("SELECT 9");
  Run("RPUSH b x");
  Run("PEXPIREAT b 1900000000124");
  EXPECT_EQ(Lines(),
            (std::vector<std::string>{"SELECT 0", "SET a 1", "PEXPIREAT a 1900000000123",
                                      "SELECT 9", "RPUSH b x", "PEXPIREAT b 1900000000124"}));
  ExpectLoads();
  // One that has expired is there as long as nobody has come across it.
  clock_.SetWallMicros(int64_t{1900000000200} * 1000);
  EXPECT_EQ(Lines().size(), 6u);
}

TEST_F(KeyCommandsTest, AtMost64ElementsACommand) {
  std::string words;
  for (int i = 0; i < 130; ++i) words += " " + std::to_string(i) + (i % 2 == 0 ? "" : "x");
  Run("RPUSH l" + words);
  std::vector<Request> commands = Commands();
  ASSERT_EQ(commands.size(), 4u);
  EXPECT_EQ(commands[1].size(), 66u);
  EXPECT_EQ(commands[2].size(), 66u);
  EXPECT_EQ(commands[3], (Request{"RPUSH", "l", "128", "129x"}));
  ExpectLoads();
  for (const int elements : {63, 64, 65, 128}) {
    Run("LTRIM l -" + std::to_string(elements) + " -1");
    Run("RPUSH l end");
    Run("LPOP l");
    commands = Commands();
    EXPECT_EQ(commands.size(), 1u + static_cast<size_t>(elements + 63) / 64) << elements;
    ExpectLoads();
    Run("DEL l");
    Run("RPUSH l" + words);
  }
}

TEST_F(KeyCommandsTest, Sets) {
  Run("SADD s 3 1 2");
  EXPECT_EQ(Lines()[1], "SADD s 1 2 3");
  for (int i = 0; i < 100; ++i) Run("SADD s m" + std::to_string(i));
  const std::vector<Request> commands = Commands();
  ASSERT_EQ(commands.size(), 3u);
  EXPECT_EQ(commands[1].size(), 66u);
  EXPECT_EQ(commands[2].size(), 41u);
  ExpectLoads();
}

TEST_F(KeyCommandsTest, SortedSets) {
  Run("ZADD z 1.5 b -inf a 0.1 c 1e300 d inf e 3 f");
  EXPECT_EQ(Lines()[1],
            "ZADD z -inf a 0.10000000000000001 c 1.5 b 3 f 1.0000000000000001e+300 d inf e");
  for (int i = 0; i < 200; ++i) Run("ZADD z " + std::to_string(i) + " m" + std::to_string(i));
  EXPECT_EQ(Commands().size(), 5u);
  ExpectLoads();
}

TEST_F(KeyCommandsTest, Hashes) {
  Run("HSET h f 1 g two");
  EXPECT_EQ(Lines()[1], "HMSET h f 1 g two");
  for (int i = 0; i < 600; ++i) Run("HSET h m" + std::to_string(i) + " v");
  EXPECT_EQ(Commands().size(), 11u);
  ExpectLoads();
}

TEST_F(KeyCommandsTest, Streams) {
  Run("XADD s 1-1 a 1 b two");
  Run("XADD s 2-0 other 3");
  Run("XADD s 3-0 other 4");
  Run("XDEL s 3-0");
  Run("XGROUP CREATE s g 1-1");
  Run("XGROUP CREATE s h $ ENTRIESREAD 2");
  Run("XGROUP CREATECONSUMER s h idle");
  Run("XGROUP CREATECONSUMER s g other");
  Run("XREADGROUP GROUP g c COUNT 10 STREAMS s >");
  EXPECT_EQ(Lines(), (std::vector<std::string>{
                         "SELECT 0", "XADD s 1-1 a 1 b two", "XADD s 2-0 other 3",
                         "XSETID s 3-0 ENTRIESADDED 3 MAXDELETEDID 3-0",
                         "XGROUP CREATE s g 2-0 ENTRIESREAD -1",
                         "XCLAIM s g c 0 2-0 TIME 1700000000000 RETRYCOUNT 1 JUSTID FORCE",
                         "XGROUP CREATECONSUMER s g other", "XGROUP CREATE s h 3-0 ENTRIESREAD 2",
                         "XGROUP CREATECONSUMER s h idle"}));
  ExpectLoads();
}

TEST_F(KeyCommandsTest, EmptyStream) {
  Run("XGROUP CREATE s g 5-5 MKSTREAM");
  EXPECT_EQ(Lines(), (std::vector<std::string>{"SELECT 0", "XADD s MAXLEN 0 0-1 x y",
                                               "XSETID s 0-0 ENTRIESADDED 0 MAXDELETEDID 0-0",
                                               "XGROUP CREATE s g 5-5 ENTRIESREAD -1"}));
  Run("XADD s 18446744073709551615-18446744073709551615 a b");
  Run("XTRIM s MAXLEN 0");
  EXPECT_EQ(Lines()[2],
            "XSETID s 18446744073709551615-18446744073709551615 ENTRIESADDED 1 MAXDELETEDID 0-0");
}

TEST_F(KeyCommandsTest, LibrariesAndTheTimeComeFirst) {
  scripts_.libraries = {"code one", "code two"};
  executor_.config().aof_timestamp_enabled = true;
  Run("SET k v");
  EXPECT_EQ(Lines(), (std::vector<std::string>{"FUNCTION LOAD code one", "FUNCTION LOAD code two",
                                               "SELECT 0", "SET k v"}));
  EXPECT_TRUE(Contents().starts_with("#TS:1700000000\r\n*3\r\n$8\r\nFUNCTION\r\n"));
}

TEST_F(KeyCommandsTest, TellsProgress) {
  std::vector<uint64_t> told;
  options_.progress = [&told](uint64_t keys) { told.push_back(keys); };
  Run("SET a 1");
  Run("SELECT 1");
  Run("SET b 1");
  Run("SET c 1");
  EXPECT_EQ(Commands().size(), 5u);
  EXPECT_EQ(told, (std::vector<uint64_t>{1, 2, 3}));
}

TEST_F(KeyCommandsTest, LargeValuesAreWrittenAndSyncedInPieces) {
  const std::string large(10 << 20, 'x');
  const std::string_view request[] = {"SET", "k", large};
  executor_.Run(request);
  options_.incremental_sync = true;
  files_.set_longest_write(100'000);
  EXPECT_EQ(Commands()[1][2], large);
  EXPECT_EQ(files_.count(FileOperation::kSync), 2u);
}

TEST_F(KeyCommandsTest, TellsWhatTheDiskSays) {
  for (int i = 0; i < 3000; ++i) Run("SET k" + std::to_string(i) + " " + std::string(1000, 'x'));
  files_.set_room(1'000'000);
  FileStatus written = WriteFile(executor_);
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, ENOSPC);
  files_.Heal();
  options_.incremental_sync = true;
  files_.Fail(FileOperation::kSync, EIO);
  EXPECT_TRUE(WriteFile(executor_).ok());
  for (int i = 0; i < 3000; ++i) Run("SET l" + std::to_string(i) + " " + std::string(1000, 'x'));
  files_.Fail(FileOperation::kSync, EIO);
  written = WriteFile(executor_);
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, EIO);
}

TEST(CommandWriterTest, WordsOfAnyLength) {
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{262143}, size_t{262144}, size_t{262145}, size_t{1} << 20}) {
    for (const uint64_t sync : {uint64_t{0}, uint64_t{1000}, uint64_t{4} << 20}) {
      MemoryFileSystem files;
      auto file = files.Open("file", OpenMode::kCreate);
      CommandWriter writer(**file, sync);
      const std::string word(size, 'w');
      writer.Command("a", word, int64_t{-5});
      writer.Command(word);
      ASSERT_TRUE(writer.Finish().ok());
      const std::string bulk = "$" + std::to_string(size) + "\r\n" + word + "\r\n";
      EXPECT_EQ(files.Contents("file"), "*3\r\n$1\r\na\r\n" + bulk + "$2\r\n-5\r\n*1\r\n" + bulk);
    }
  }
}

}  // namespace
}  // namespace keyway::shard::persistence
