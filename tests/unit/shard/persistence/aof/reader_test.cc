#include "shard/persistence/aof/reader.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/files/memory_file_system.h"

namespace keyway::shard::persistence {
namespace {

using Outcome = AofReader::Outcome;

std::string Encoded(const std::vector<std::string>& args) {
  std::string text = "*" + std::to_string(args.size()) + "\r\n";
  for (const std::string& arg : args) {
    text += "$" + std::to_string(arg.size()) + "\r\n" + arg + "\r\n";
  }
  return text;
}

struct Reading {
  std::vector<std::vector<std::string>> commands;
  std::vector<uint64_t> ends;
  Outcome outcome = Outcome::kCommand;
  uint64_t offset = 0;
  int64_t timestamp = 0;
};

Reading ReadAll(MemoryFileSystem& files, uint64_t from = 0) {
  auto file = files.Open("file", OpenMode::kRead);
  std::string skipped(from, '\0');
  EXPECT_EQ(*(*file)->Read(skipped.data(), from), from);
  AofReader reader(**file, from);
  Reading reading;
  while ((reading.outcome = reader.Next()) == Outcome::kCommand) {
    reading.commands.emplace_back(reader.args().begin(), reader.args().end());
    reading.ends.push_back(reader.offset());
  }
  EXPECT_EQ(reader.Next(), reading.outcome);
  reading.offset = reader.offset();
  reading.timestamp = reader.timestamp();
  return reading;
}

Reading ReadText(std::string_view text, uint64_t from = 0) {
  MemoryFileSystem files;
  files.Put("file", text);
  return ReadAll(files, from);
}

TEST(AofReaderTest, ReadsCommandsAndAnnotations) {
  const std::string first = Encoded({"SELECT", "0"});
  const std::string second = Encoded({"SET", "a\r\n", ""});
  const std::string text = "#TS:1700000000\r\n" + first + "# anything\n" + second;
  const Reading reading = ReadText(text);
  EXPECT_EQ(reading.outcome, Outcome::kEnd);
  EXPECT_EQ(reading.commands,
            (std::vector<std::vector<std::string>>{{"SELECT", "0"}, {"SET", "a\r\n", ""}}));
  EXPECT_EQ(reading.ends, (std::vector<uint64_t>{16 + first.size(), text.size()}));
  EXPECT_EQ(reading.timestamp, 1700000000);
  EXPECT_EQ(ReadText("").outcome, Outcome::kEnd);
  EXPECT_EQ(ReadText("#TS:1\r\n").offset, 7u);
}

TEST(AofReaderTest, StartsBehindAPreamble) {
  const Reading reading = ReadText("REDIS....." + Encoded({"PING"}), 10);
  EXPECT_EQ(reading.outcome, Outcome::kEnd);
  ASSERT_EQ(reading.commands.size(), 1u);
  EXPECT_EQ(reading.offset, 10 + Encoded({"PING"}).size());
}

TEST(AofReaderTest, ReadsLargeArgumentsAndManyCommands) {
  std::string text;
  std::vector<std::vector<std::string>> commands;
  for (int i = 0; i < 300; ++i) {
    commands.push_back({"SET", std::to_string(i), std::string(static_cast<size_t>(i) * 97, 'x')});
    text += Encoded(commands.back());
  }
  commands.push_back({"SET", "large", std::string(3'000'000, 'y')});
  text += Encoded(commands.back());
  const Reading reading = ReadText(text);
  EXPECT_EQ(reading.outcome, Outcome::kEnd);
  EXPECT_EQ(reading.offset, text.size());
  EXPECT_TRUE(reading.commands == commands);
}

// Wherever a file is cut off: all whole commands are there, and where they end is known.
TEST(AofReaderTest, TellsWhereItWasCutOff) {
  const std::string text = "#TS:1700000000\r\n" + Encoded({"MULTI"}) +
                           Encoded({"SET", "key", "value"}) + Encoded({"EXEC"});
  const std::vector<uint64_t> ends = ReadText(text).ends;
  for (size_t length = 0; length < text.size(); ++length) {
    const Reading reading = ReadText(text.substr(0, length));
    uint64_t sound = length >= 16 ? 16 : 0;
    for (const uint64_t end : ends) {
      if (end <= length) sound = end;
    }
    EXPECT_EQ(reading.offset, sound) << length;
    EXPECT_EQ(reading.outcome, sound == length ? Outcome::kEnd : Outcome::kCutOff) << length;
  }
}

TEST(AofReaderTest, RefusesWhatIsNoCommand) {
  const std::string good = Encoded({"PING"});
  for (const std::string& bad :
       {std::string("PING\r\n"), std::string("*0\r\n"), std::string("*-1\r\n"),
        std::string("*x\r\n"), std::string("*1\r\n#4\r\nPING\r\n"),
        std::string("*1\r\n$-4\r\nPING\r\n"), std::string("*1\r\n$x\r\nPING\r\n"),
        std::string("*1\r\n$3\r\nPING\r\n"), std::string("\0\0\0", 3), std::string(200, '*'),
        "*1" + std::string(200, '0'), std::string("\r\n")}) {
    const Reading reading = ReadText(good + bad);
    EXPECT_EQ(reading.outcome, Outcome::kBadFormat) << bad;
    EXPECT_EQ(reading.commands.size(), 1u) << bad;
    EXPECT_EQ(reading.offset, good.size()) << bad;
  }
}

// What a length claims is not what is allocated.
TEST(AofReaderTest, DoesNotBelieveLengths) {
  EXPECT_EQ(ReadText("*1\r\n$9223372036854775807\r\nPING\r\n").outcome, Outcome::kCutOff);
  EXPECT_EQ(ReadText("*9223372036854775807\r\n$4\r\nPING\r\n").outcome, Outcome::kCutOff);
  EXPECT_EQ(ReadText("*1\r\n$92233720368547758070\r\nPING\r\n").outcome, Outcome::kBadFormat);
}

TEST(AofReaderTest, TellsOfADiskThatFails) {
  MemoryFileSystem files;
  files.Put("file", Encoded({"PING"}) + Encoded({"PING"}));
  files.Fail(FileOperation::kRead, EIO, 1);
  auto file = files.Open("file", OpenMode::kRead);
  AofReader reader(**file);
  EXPECT_EQ(reader.Next(), Outcome::kCommand);
  EXPECT_EQ(reader.Next(), Outcome::kCommand);
  EXPECT_EQ(reader.Next(), Outcome::kFailed);
  EXPECT_EQ(reader.error().code, EIO);
}

}  // namespace
}  // namespace keyway::shard::persistence
