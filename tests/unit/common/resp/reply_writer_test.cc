#include "common/resp/reply_writer.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>

namespace keyway::resp {
namespace {

std::string Written(Version version, const std::function<void(ReplyWriter&)>& write) {
  OutputBuffer out;
  ReplyWriter writer(out, version);
  write(writer);
  return out.ToString();
}

void ExpectBoth(const std::function<void(ReplyWriter&)>& write, const std::string& resp2,
                const std::string& resp3) {
  EXPECT_EQ(Written(Version::kResp2, write), resp2);
  EXPECT_EQ(Written(Version::kResp3, write), resp3);
}

TEST(ReplyWriterTest, SameInBothVersions) {
  const auto same = [](const std::function<void(ReplyWriter&)>& write, const std::string& bytes) {
    ExpectBoth(write, bytes, bytes);
  };
  same([](ReplyWriter& w) { w.Ok(); }, "+OK\r\n");
  same([](ReplyWriter& w) { w.Simple("PONG"); }, "+PONG\r\n");
  same([](ReplyWriter& w) { w.Error("ERR no"); }, "-ERR no\r\n");
  same([](ReplyWriter& w) { w.Error("ERR a\r\nb"); }, "-ERR a  b\r\n");
  same([](ReplyWriter& w) { w.Integer(std::numeric_limits<int64_t>::min()); },
       ":-9223372036854775808\r\n");
  same([](ReplyWriter& w) { w.Bulk(std::string_view("a\0\r\n", 4)); },
       std::string("$4\r\na\0\r\n\r\n", 10));
  same([](ReplyWriter& w) { w.Bulk(""); }, "$0\r\n\r\n");
  same([](ReplyWriter& w) { w.BulkInteger(-12); }, "$3\r\n-12\r\n");
  same([](ReplyWriter& w) { w.ArrayHeader(3); }, "*3\r\n");
  same([](ReplyWriter& w) { w.Raw("*0\r\n"); }, "*0\r\n");
}

TEST(ReplyWriterTest, DifferentByVersion) {
  ExpectBoth([](ReplyWriter& w) { w.Null(); }, "$-1\r\n", "_\r\n");
  ExpectBoth([](ReplyWriter& w) { w.NullArray(); }, "*-1\r\n", "_\r\n");
  ExpectBoth([](ReplyWriter& w) { w.Boolean(true); }, ":1\r\n", "#t\r\n");
  ExpectBoth([](ReplyWriter& w) { w.Boolean(false); }, ":0\r\n", "#f\r\n");
  ExpectBoth([](ReplyWriter& w) { w.MapHeader(2); }, "*4\r\n", "%2\r\n");
  ExpectBoth([](ReplyWriter& w) { w.SetHeader(2); }, "*2\r\n", "~2\r\n");
  ExpectBoth([](ReplyWriter& w) { w.PushHeader(2); }, "*2\r\n", ">2\r\n");
  ExpectBoth([](ReplyWriter& w) { w.BigNumber("12345678901234567890"); },
             "$20\r\n12345678901234567890\r\n", "(12345678901234567890\r\n");
  ExpectBoth([](ReplyWriter& w) { w.Verbatim("txt", "a b"); }, "$3\r\na b\r\n",
             "=7\r\ntxt:a b\r\n");
}

// As DEBUG PROTOCOL double and scores of ZADD print on redis-server 7.0.15.
TEST(ReplyWriterTest, Doubles) {
  const auto check = [](double value, const std::string& text) {
    ExpectBoth([=](ReplyWriter& w) { w.Double(value); },
               "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n", "," + text + "\r\n");
  };
  check(0, "0");
  check(3.0, "3");
  check(-1.5, "-1.5");
  check(0.1, "0.10000000000000001");
  check(1e20, "1e+20");
  check(3.141, "3.141");
  check(std::numeric_limits<double>::infinity(), "inf");
  check(-std::numeric_limits<double>::infinity(), "-inf");
  check(std::numeric_limits<double>::quiet_NaN(), "nan");
  check(-std::numeric_limits<double>::quiet_NaN(), "nan");
  check(-std::numeric_limits<double>::max(), "-1.7976931348623157e+308");
  check(-std::numeric_limits<double>::denorm_min(), "-4.9406564584124654e-324");
}

TEST(ReplyWriterTest, DeferredLengths) {
  const auto write = [](ReplyWriter& w) {
    const auto array = w.BeginDeferred();
    const auto map = w.BeginDeferred();
    w.Bulk("k");
    w.Bulk(std::string(20'000, 'v'));
    w.EndDeferredMap(map, 1);
    const auto set = w.BeginDeferred();
    w.EndDeferredSet(set, 0);
    w.EndDeferredArray(array, 2);
  };
  const std::string pair = "$1\r\nk\r\n$20000\r\n" + std::string(20'000, 'v') + "\r\n";
  ExpectBoth(write, "*2\r\n*2\r\n" + pair + "*0\r\n", "*2\r\n%1\r\n" + pair + "~0\r\n");
}

TEST(ReplyWriterTest, Attribute) {
  EXPECT_EQ(Written(Version::kResp3, [](ReplyWriter& w) { w.AttributeHeader(1); }), "|1\r\n");
}

TEST(ReplyWriterTest, VersionChangesInTheMiddle) {
  OutputBuffer out;
  ReplyWriter writer(out);
  writer.Null();
  writer.set_version(Version::kResp3);
  writer.Null();
  EXPECT_EQ(out.ToString(), "$-1\r\n_\r\n");
}

}  // namespace
}  // namespace keyway::resp
