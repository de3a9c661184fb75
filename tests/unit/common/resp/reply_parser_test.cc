#include "common/resp/reply_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/random.h"
#include "tests/unit/common/resp/splits.h"

namespace keyway::resp {
namespace {

using namespace std::string_literals;

// "+5 " a reply of type + and five bytes; "!text" the error; "..." bytes of an incomplete reply.
std::string Transcript(const std::string& input, const std::vector<size_t>& pieces) {
  ReplyParser parser;
  std::string transcript;
  bool waiting = false;
  FeedInPieces(input, pieces, [&](std::string_view bytes) {
    switch (parser.Next(bytes)) {
      case ReplyParser::Outcome::kReply:
        transcript += parser.type() + std::to_string(parser.length()) + " ";
        waiting = false;
        EXPECT_LE(parser.length(), bytes.size());
        return parser.length();
      case ReplyParser::Outcome::kError:
        transcript += "!" + parser.error();
        waiting = false;
        EXPECT_EQ(parser.Next(bytes), ReplyParser::Outcome::kError);
        return std::string_view::npos;
      case ReplyParser::Outcome::kNeedMore:
        waiting = !bytes.empty();
        return size_t{0};
    }
    return std::string_view::npos;
  });
  return transcript + (waiting ? "..." : "");
}

std::string Transcript(const std::string& input) {
  return Transcript(input, {input.size()});
}

struct Case {
  std::string input;
  std::string transcript;
};

std::string Nested(int levels) {
  std::string text;
  for (int i = 0; i < levels; ++i) text += "*1\r\n";
  return text + ":1\r\n";
}

const std::vector<Case>& Cases() {
  static const std::vector<Case> cases = {
      {"+OK\r\n", "+5 "},
      {"+\r\n", "+3 "},
      {"-ERR x y\r\n", "-10 "},
      {":1\r\n:-12\r\n:+3\r\n:-9223372036854775808\r\n", ":4 :6 :5 :23 "},
      {"$3\r\nfoo\r\n$0\r\n\r\n$-1\r\n", "$9 $6 $5 "},
      {"$6\r\na\r\nb\0\xff\r\n"s, "$12 "},
      {"*0\r\n*-1\r\n*2\r\n$1\r\na\r\n*1\r\n:1\r\n", "*4 *5 *19 "},
      {"*3\r\n*0\r\n*-1\r\n*1\r\n*0\r\n+OK\r\n", "*21 +5 "},
      {"_\r\n#t\r\n#f\r\n", "_3 #4 #4 "},
      {",1.5\r\n,inf\r\n,-inf\r\n,nan\r\n,1e+20\r\n,10\r\n", ",6 ,6 ,7 ,6 ,8 ,5 "},
      {"(3492890328409238509324850943850943825024385\r\n(-5\r\n", "(46 (5 "},
      {"(a  b\r\n(\r\n", "(7 (3 "},
      {"!5\r\nERR x\r\n=7\r\ntxt:abc\r\n=4\r\ntxt:\r\n", "!11 =13 =10 "},
      {"%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n%0\r\n", "%24 %4 "},
      {"~2\r\n+a\r\n+b\r\n~0\r\n", "~12 ~4 "},
      {">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n+OK\r\n", ">28 +5 "},
      {"|1\r\n+ttl\r\n:5\r\n:7\r\n", ":18 "},
      {"|0\r\n|1\r\n+a\r\n+b\r\n*1\r\n|1\r\n+x\r\n~1\r\n:1\r\n$1\r\nv\r\n", "*43 "},
      {"|1\r\n%1\r\n|0\r\n+a\r\n*0\r\n+v\r\n_\r\n", "_27 "},
      {"|1\r\n+a\r\n+b\r\n>1\r\n+x\r\n", "!push inside of a reply"},

      {"\r\n", "!unknown reply type"},
      {"OK\r\n", "!unknown reply type"},
      {"\0\r\n"s, "!unknown reply type"},
      {"\xff", "!unknown reply type"},
      {";4\r\nabcd\r\n", "!unknown reply type"},
      {".\r\n", "!unknown reply type"},
      {"$?\r\n", "!invalid bulk length"},
      {"*?\r\n", "!invalid element count"},
      {"%?\r\n", "!invalid element count"},
      {"+OK\n", "!line without CR"},
      {"+\n", "!line without CR"},
      {"+a\rb\r\n", "!CR inside of a line"},
      {"+a\r\r\n", "!CR inside of a line"},
      {":\r\n", "!invalid integer"},
      {":1x\r\n", "!invalid integer"},
      {":--1\r\n", "!invalid integer"},
      {":9223372036854775808\r\n", "!invalid integer"},
      {"#x\r\n", "!invalid boolean"},
      {"#\r\n", "!invalid boolean"},
      {"_x\r\n", "!invalid null"},
      {",\r\n", "!invalid double"},
      {",x\r\n", "!invalid double"},
      {"$-2\r\n", "!invalid bulk length"},
      {"$\r\n", "!invalid bulk length"},
      {"$01\r\n", "!invalid bulk length"},
      {"$4294967297\r\n", "!invalid bulk length"},
      {"$99999999999999999999\r\n", "!invalid bulk length"},
      {"!-1\r\n", "!invalid bulk length"},
      {"=3\r\ntxt\r\n", "!invalid verbatim string"},
      {"=5\r\ntxtab\r\n", "!invalid verbatim string"},
      {"$3\r\nfooXY", "!bulk string without CRLF"},
      {"*-2\r\n", "!invalid element count"},
      {"~-1\r\n", "!invalid element count"},
      {"%-1\r\n", "!invalid element count"},
      {"*2147483648\r\n", "!invalid element count"},
      {"%1073741824\r\n", "!invalid element count"},
      {"*2\r\n+a\r\n>0\r\n", "!push inside of a reply"},

      {"*2147483647\r\n", "..."},
      {"$4294967296\r\nx", "..."},
      {"+OK\r", "..."},
      {"$3\r\nfo", "..."},
      {"$3\r\nfoo\r", "..."},
      {"*2\r\n:1\r\n", "..."},
      {"%1\r\n:1\r\n", "..."},
      {"|1\r\n:1\r\n:2\r\n", "..."},
      {"|0\r\n", "..."},
  };
  return cases;
}

TEST(ReplyParserTest, TableOfCases) {
  for (const Case& c : Cases()) EXPECT_EQ(Transcript(c.input), c.transcript) << c.input;
}

TEST(ReplyParserTest, EverySplitGivesTheSame) {
  for (const Case& c : Cases()) {
    for (const auto& pieces : Partitions(c.input.size())) {
      ASSERT_EQ(Transcript(c.input, pieces), c.transcript) << c.input << " first " << pieces[0];
    }
  }
}

TEST(ReplyParserTest, AllCasesBehindEachOther) {
  std::string input;
  std::string transcript;
  for (const Case& c : Cases()) {
    if (c.transcript.back() != ' ') continue;
    input += c.input;
    transcript += c.transcript;
  }
  for (const auto& pieces : Partitions(input.size()))
    ASSERT_EQ(Transcript(input, pieces), transcript);
}

TEST(ReplyParserTest, LineLimit) {
  const size_t limit = ReplyParser::kMaxLineBytes;
  // A line of the limit: its LF is the byte at `limit`.
  const std::string longest = "+" + std::string(limit - 2, 'a') + "\r\n";
  const std::string longer = "+" + std::string(limit - 1, 'a') + "\r\n";
  for (const size_t first : {longest.size(), longest.size() - 1, limit / 2}) {
    ASSERT_EQ(Transcript(longest, {first, longest.size() - first}),
              "+" + std::to_string(limit + 1) + " ");
    ASSERT_EQ(Transcript(longer, {first, longer.size() - first}), "!line too long");
  }
  EXPECT_EQ(Transcript("*1\r\n" + longest), "*" + std::to_string(limit + 5) + " ");
}

TEST(ReplyParserTest, DepthLimit) {
  EXPECT_EQ(Transcript(Nested(8192)), "*32772 ");
  EXPECT_EQ(Transcript(Nested(8193)), "!reply nested too deeply");
  ReplyParser shallow(2);
  EXPECT_EQ(shallow.Next(Nested(2)), ReplyParser::Outcome::kReply);
  EXPECT_EQ(shallow.Next(Nested(3)), ReplyParser::Outcome::kError);
}

TEST(ReplyParserTest, SaysHowMuchIsMissing) {
  ReplyParser parser;
  EXPECT_EQ(parser.Next("*2\r\n$100\r\nabc"), ReplyParser::Outcome::kNeedMore);
  EXPECT_EQ(parser.missing(), 99u);
  EXPECT_EQ(parser.Next("*2\r\n$100\r\nabc"), ReplyParser::Outcome::kNeedMore);
  EXPECT_EQ(parser.missing(), 99u);
  ReplyParser line;
  EXPECT_EQ(line.Next("$10"), ReplyParser::Outcome::kNeedMore);
  EXPECT_EQ(line.missing(), 0u);
}

// Whoever passes on what is settled, and shows only the rest, learns the same.
TEST(ReplyParserTest, ForgettingWhatIsSettledChangesNothing) {
  for (const Case& each : Cases()) {
    for (size_t piece = 1; piece <= 7; ++piece) {
      ReplyParser parser;
      std::string kept;
      std::string transcript;
      size_t forgotten = 0;
      for (size_t at = 0; at < each.input.size(); at += piece) {
        kept += each.input.substr(at, piece);
        while (!kept.empty()) {
          const ReplyParser::Outcome outcome = parser.Next(kept);
          if (outcome == ReplyParser::Outcome::kReply) {
            transcript += parser.type() + std::to_string(forgotten + parser.length()) + " ";
            kept.erase(0, parser.length());
            forgotten = 0;
            continue;
          }
          if (outcome == ReplyParser::Outcome::kError) {
            transcript += "!" + parser.error();
            at = each.input.size();
            kept.clear();
            forgotten = 0;
            break;
          }
          const size_t settled = parser.settled();
          ASSERT_LE(settled, kept.size());
          parser.Forget(settled);
          kept.erase(0, settled);
          forgotten += settled;
          break;
        }
      }
      if (!kept.empty() || forgotten > 0) transcript += "...";
      EXPECT_EQ(transcript, each.transcript) << each.input << " in pieces of " << piece;
    }
  }
}

TEST(ReplyParserTest, ByteByByteIsLinear) {
  std::string input = "*20000\r\n";
  for (int i = 0; i < 20'000; ++i) input += "$10\r\n0123456789\r\n";
  ReplyParser parser;
  for (size_t end = 1; end < input.size(); ++end) {
    ASSERT_EQ(parser.Next(std::string_view(input).substr(0, end)), ReplyParser::Outcome::kNeedMore);
  }
  ASSERT_EQ(parser.Next(input), ReplyParser::Outcome::kReply);
  EXPECT_EQ(parser.length(), input.size());
}

TEST(ReplyParserTest, GarbageIsTheSameInPieces) {
  Random random(12);
  const std::string alphabet = "+-:$*_,#!=(%~>|\r\n0123456789tfx.e\0\xff"s;
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
