#include "common/resp/request_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/random.h"
#include "tests/unit/common/resp/splits.h"

namespace keyway::resp {
namespace {

using namespace std::string_literals;

// What a connection saw, as text: "[GET][k]" a request, "!text" the error that ended it, "..." when
// bytes are left that are no complete request.
std::string Transcript(const std::string& input, const std::vector<size_t>& pieces,
                       bool authenticated = true, const RequestLimits& limits = {}) {
  RequestParser parser(limits);
  parser.set_authenticated(authenticated);
  std::string transcript;
  bool waiting = false;
  FeedInPieces(input, pieces, [&](std::string_view bytes) {
    switch (parser.Next(bytes)) {
      case ParseOutcome::kRequest:
        for (const std::string_view argument : parser.arguments()) {
          transcript += "[" + std::string(argument) + "]";
        }
        transcript += "\n";
        waiting = false;
        EXPECT_GT(parser.consumed(), 0u);
        EXPECT_LE(parser.consumed(), bytes.size());
        return parser.consumed();
      case ParseOutcome::kError:
        transcript += "!" + parser.error();
        waiting = false;
        EXPECT_EQ(parser.Next(bytes), ParseOutcome::kError);
        return std::string_view::npos;
      case ParseOutcome::kNeedMore:
        waiting = bytes.size() > parser.consumed();
        return parser.consumed();
    }
    return std::string_view::npos;
  });
  return transcript + (waiting ? "..." : "");
}

std::string Transcript(const std::string& input, bool authenticated = true) {
  return Transcript(input, {input.size()}, authenticated);
}

struct Case {
  std::string input;
  std::string transcript;
};

// Each observed on redis-server 7.0.15.
const std::vector<Case>& Cases() {
  static const std::vector<Case> cases = {
      {"*1\r\n$4\r\nPING\r\n", "[PING]\n"},
      {"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$4\r\nPING\r\n", "[GET][k]\n[PING]\n"},
      {"*1\r\n$0\r\n\r\n", "[]\n"},
      {"*3\r\n$3\r\nSET\r\n$4\r\n\0\r\n\xff\r\n$0\r\n\r\n"s, "[SET][\0\r\n\xff][]\n"s},
      // Empty requests.
      {"*0\r\n*1\r\n$4\r\nPING\r\n", "[PING]\n"},
      {"*-1\r\nPING\r\n", "[PING]\n"},
      {"*-99999999999\r\nPING\r\n", "[PING]\n"},
      {"*-9223372036854775808\r\nPING\r\n", "[PING]\n"},
      {"\r\n\n \r\nPING\r\n", "[PING]\n"},
      // Bytes nobody looks at.
      {"*1\rX$4\rYPINGZZPING\r\n", "[PING]\n[PING]\n"},
      {"*1\r\n$4\r\nPINGXY*1\r\n$4\r\nPING\r\n", "[PING]\n[PING]\n"},
      // Array lengths.
      {"*\r\n", "!Protocol error: invalid multibulk length"},
      {"*01\r\n", "!Protocol error: invalid multibulk length"},
      {"*+1\r\n", "!Protocol error: invalid multibulk length"},
      {"* 1\r\n", "!Protocol error: invalid multibulk length"},
      {"*1 \r\n", "!Protocol error: invalid multibulk length"},
      {"*-0\r\n", "!Protocol error: invalid multibulk length"},
      {"*00\r\n", "!Protocol error: invalid multibulk length"},
      {"*1x\r\n", "!Protocol error: invalid multibulk length"},
      {"*2147483648\r\n", "!Protocol error: invalid multibulk length"},
      {"*-9223372036854775809\r\n", "!Protocol error: invalid multibulk length"},
      {"*99999999999999999999999\r\n", "!Protocol error: invalid multibulk length"},
      {"*2147483647\r\nP\r\n", "!Protocol error: expected '$', got 'P'"},
      // Bulk string lengths.
      {"*1\r\nPING\r\n", "!Protocol error: expected '$', got 'P'"},
      {"*1\r\n:4\r\n", "!Protocol error: expected '$', got ':'"},
      {"*1\r\n*1\r\n", "!Protocol error: expected '$', got '*'"},
      {"*1\r\n\r\n", "!Protocol error: expected '$', got '\r'"},
      {"*1\r\n\n\r\n", "!Protocol error: expected '$', got '\n'"},
      {"*1\r\n\xff\r\n", "!Protocol error: expected '$', got '\xff'"},
      {"*1\r\n$\r\n", "!Protocol error: invalid bulk length"},
      {"*1\r\n$04\r\n", "!Protocol error: invalid bulk length"},
      {"*1\r\n$+4\r\n", "!Protocol error: invalid bulk length"},
      {"*1\r\n$-1\r\n", "!Protocol error: invalid bulk length"},
      {"*1\r\n$4 \r\n", "!Protocol error: invalid bulk length"},
      {"*1\r\n$536870913\r\n", "!Protocol error: invalid bulk length"},
      {"*1\r\n$536870912\r\n", "..."},
      {"*2\r\n$4\r\nPING\r\n$x\r\n", "!Protocol error: invalid bulk length"},
      // What never becomes complete.
      {"*1\r", "..."},
      {"*1\r\n", "..."},
      {"*1\r\nP", "..."},
      {"*1\r\nPP\r", "..."},
      {"*1\n$4\nPING\n", "..."},
      {"*1\r\n$5\r\nPING\r\n", "..."},
      {"*1\0\r\n$4\r\nPING\r\n"s, "..."},
      {"*1\r\n\0$4\r\nPING\r\n"s, "..."},
      {"PI\0NG\r\nPING\r\n"s, "..."},
      {"\0"s, "..."},
      {"PING", "..."},
      // Inline requests.
      {"PING\n", "[PING]\n"},
      {"PING\r\n", "[PING]\n"},
      {"PING\r\r\n", "[PING]\n"},
      {"  SET \t k  v \r\n", "[SET][k][v]\n"},
      {"PING a\rb\r\n", "[PING][a][b]\n"},
      {"PING\va\r\n", "[PING\va]\n"},
      {"\v\fPING a\fb\r\n", "[PING][a\fb]\n"},
      {"PING \xff\xfe\r\n", "[PING][\xff\xfe]\n"},
      {"+OK\r\n", "[+OK]\n"},
      {"\"\"\r\n", "[]\n"},
      {"''\r\n", "[]\n"},
      {"\"PING\"\r\n", "[PING]\n"},
      {"PI\"NG\"\r\n", "[PING]\n"},
      {"PI'NG'\r\n", "[PING]\n"},
      {"SET \"a b\" 'c d' e\r\n", "[SET][a b][c d][e]\n"},
      {"PING \"a\"\vb\r\n", "[PING][a][b]\n"},
      {"PING a\\x41\r\n", "[PING][a\\x41]\n"},
      {"PING \"a\\x41\\n\\r\\t\\b\\a\\q\\\\\\\"\\x4\"\r\n", "[PING][aA\n\r\t\b\aq\\\"x4]\n"},
      {"ECHO \"\\xfF\\xg1\\x00\"\r\n", "[ECHO][\xffxg1\0]\n"s},
      {"PING 'a\\'b\\n'\r\n", "[PING][a'b\\n]\n"},
      {"\"PI\"NG\r\n", "!Protocol error: unbalanced quotes in request"},
      {"PING \"a\r\n", "!Protocol error: unbalanced quotes in request"},
      {"PING 'a\r\n", "!Protocol error: unbalanced quotes in request"},
      {"PING \"a\"b\r\n", "!Protocol error: unbalanced quotes in request"},
      {"PING 'a'b\r\n", "!Protocol error: unbalanced quotes in request"},
      {"PING \"a\"'b'\r\n", "!Protocol error: unbalanced quotes in request"},
      {"PING \"a\\\"\r\n", "!Protocol error: unbalanced quotes in request"},
      {"PING \"a\\\r\n", "!Protocol error: unbalanced quotes in request"},
      {"PING 'a\\'\r\n", "!Protocol error: unbalanced quotes in request"},
      {"ECHO a\"\r\n", "!Protocol error: unbalanced quotes in request"},
  };
  return cases;
}

TEST(RequestParserTest, TableOfCases) {
  for (const Case& c : Cases()) EXPECT_EQ(Transcript(c.input), c.transcript) << c.input;
}

TEST(RequestParserTest, EverySplitGivesTheSame) {
  for (const Case& c : Cases()) {
    for (const auto& pieces : Partitions(c.input.size())) {
      ASSERT_EQ(Transcript(c.input, pieces), c.transcript) << c.input << " first " << pieces[0];
    }
  }
}

TEST(RequestParserTest, AllCasesBehindEachOther) {
  std::string input;
  std::string transcript;
  for (const Case& c : Cases()) {
    if (c.transcript.empty() || c.transcript.back() != '\n') continue;
    input += c.input;
    transcript += c.transcript;
  }
  for (const auto& pieces : Partitions(input.size()))
    ASSERT_EQ(Transcript(input, pieces), transcript);
}

TEST(RequestParserTest, LineLimits) {
  const size_t limit = 64 * 1024;
  const std::vector<Case> cases = {
      {std::string(limit, 'a'), "..."},
      {std::string(limit + 1, 'a'), "!Protocol error: too big inline request"},
      {std::string(limit, 'a') + "\n", "[" + std::string(limit, 'a') + "]\n"},
      {std::string(limit, 'a') + "\0"s, "!Protocol error: too big inline request"},
      {"*" + std::string(limit - 1, '1'), "..."},
      {"*" + std::string(limit, '1'), "!Protocol error: too big mbulk count string"},
      {"*\0"s + std::string(limit, '1'), "!Protocol error: too big mbulk count string"},
      {"*" + std::string(limit - 1, '1') + "\r\n", "!Protocol error: invalid multibulk length"},
      {"*1\r\n$" + std::string(limit - 1, '1'), "..."},
      {"*1\r\n$" + std::string(limit, '1'), "!Protocol error: too big bulk count string"},
      {"*1\r\n" + std::string(limit + 1, 'a'), "!Protocol error: too big bulk count string"},
      {"*1\r\n\0"s + std::string(limit, 'a'), "!Protocol error: too big bulk count string"},
      {"*1\r\n$" + std::string(limit - 1, '1') + "\r\n", "!Protocol error: invalid bulk length"},
  };
  for (const Case& c : cases) {
    for (const auto& pieces : Partitions(c.input.size())) {
      ASSERT_EQ(Transcript(c.input, pieces), c.transcript)
          << c.input.substr(0, 8) << c.input.size() << " first " << pieces[0];
    }
  }
}

TEST(RequestParserTest, UnauthenticatedLimits) {
  EXPECT_EQ(Transcript("*10\r\n", false), "...");
  EXPECT_EQ(Transcript("*11\r\n", false), "!Protocol error: unauthenticated multibulk length");
  EXPECT_EQ(Transcript("*2147483648\r\n", false), "!Protocol error: invalid multibulk length");
  EXPECT_EQ(Transcript("*1\r\n$16384\r\n", false), "...");
  EXPECT_EQ(Transcript("*1\r\n$16385\r\n", false), "!Protocol error: unauthenticated bulk length");
  EXPECT_EQ(Transcript("*1\r\n$536870913\r\n", false), "!Protocol error: invalid bulk length");
}

TEST(RequestParserTest, AuthenticationInTheMiddleOfAPipeline) {
  const std::string input = "*1\r\n$4\r\nAUTH\r\n*11\r\n";
  RequestParser parser;
  parser.set_authenticated(false);
  ASSERT_EQ(parser.Next(input), ParseOutcome::kRequest);
  parser.set_authenticated(true);
  EXPECT_EQ(parser.Next(std::string_view(input).substr(parser.consumed())),
            ParseOutcome::kNeedMore);
}

TEST(RequestParserTest, ConfiguredLimits) {
  RequestLimits limits;
  limits.max_bulk_bytes = 5;
  limits.max_arguments = 2;
  const auto transcript = [&](const std::string& input) {
    return Transcript(input, {input.size()}, true, limits);
  };
  EXPECT_EQ(transcript("*1\r\n$5\r\nabcde\r\n"), "[abcde]\n");
  EXPECT_EQ(transcript("*1\r\n$6\r\n"), "!Protocol error: invalid bulk length");
  EXPECT_EQ(transcript("*3\r\n"), "!Protocol error: invalid multibulk length");
}

TEST(RequestParserTest, SkippedBytesAreConsumedWhileMoreIsNeeded) {
  RequestParser parser;
  EXPECT_EQ(parser.Next("\r\n*0\r\n*2\r\n$4\r\nEC"), ParseOutcome::kNeedMore);
  EXPECT_EQ(parser.consumed(), 6u);
  EXPECT_EQ(parser.Next("*2\r\n$4\r\nECHO\r\n$1\r\nx\r\nrest"), ParseOutcome::kRequest);
  EXPECT_EQ(parser.consumed(), 21u);
  ASSERT_EQ(parser.arguments().size(), 2u);
  EXPECT_EQ(parser.arguments()[1], "x");
}

TEST(RequestParserTest, SaysHowMuchIsMissing) {
  RequestParser parser;
  EXPECT_EQ(parser.Next("*1\r\n$1000\r\nabc"), ParseOutcome::kNeedMore);
  EXPECT_EQ(parser.missing(), 999u);
  RequestParser line;
  EXPECT_EQ(line.Next("*1\r\n$10"), ParseOutcome::kNeedMore);
  EXPECT_EQ(line.missing(), 0u);
}

TEST(RequestParserTest, ArgumentsAreViewsIntoTheInput) {
  const std::string input = "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\nGET key 'q'\r\n";
  RequestParser parser;
  ASSERT_EQ(parser.Next(input), ParseOutcome::kRequest);
  EXPECT_EQ(parser.arguments()[1].data(), input.data() + 17);
  const std::string_view rest = std::string_view(input).substr(parser.consumed());
  ASSERT_EQ(parser.Next(rest), ParseOutcome::kRequest);
  EXPECT_EQ(parser.arguments()[1].data(), rest.data() + 4);
}

TEST(RequestParserTest, ManyArguments) {
  std::string input = "*200001\r\n$4\r\nMGET\r\n";
  for (int i = 0; i < 200'000; ++i) input += "$1\r\nk\r\n";
  RequestParser parser;
  ASSERT_EQ(parser.Next(std::string_view(input).substr(0, input.size() - 1)),
            ParseOutcome::kNeedMore);
  ASSERT_EQ(parser.Next(input), ParseOutcome::kRequest);
  EXPECT_EQ(parser.arguments().size(), 200'001u);
  EXPECT_EQ(parser.consumed(), input.size());
}

// A trickle must not cost a scan of all that came before.
TEST(RequestParserTest, ByteByByteIsLinear) {
  std::string input = "*20001\r\n$4\r\nMGET\r\n";
  for (int i = 0; i < 20'000; ++i) input += "$10\r\n0123456789\r\n";
  input += std::string(60'000, 'x');
  RequestParser parser;
  size_t start = 0;
  int requests = 0;
  for (size_t end = 1; end <= input.size(); ++end) {
    if (parser.Next(std::string_view(input).substr(start, end - start)) == ParseOutcome::kRequest) {
      ++requests;
      start += parser.consumed();
    }
  }
  EXPECT_EQ(requests, 1);
}

TEST(RequestParserTest, GarbageIsTheSameInPieces) {
  Random random(11);
  const std::string alphabet = "*$\r\n0123456789-+ abc\"'\\x\0\xff"s;
  for (int round = 0; round < 20'000; ++round) {
    std::string input;
    const size_t length = random.Below(60);
    while (input.size() < length) {
      if (random.Below(3) == 0) {
        const auto& cases = Cases();
        input += cases[random.Below(cases.size())].input;
      } else {
        input += alphabet[random.Below(alphabet.size())];
      }
    }
    if (input.empty()) continue;
    const std::string whole = Transcript(input);
    ASSERT_EQ(Transcript(input, std::vector<size_t>(input.size(), 1)), whole) << input;
    const size_t at = 1 + random.Below(input.size());
    ASSERT_EQ(Transcript(input, {at, input.size() - at}), whole) << input;
  }
}

}  // namespace
}  // namespace keyway::resp
