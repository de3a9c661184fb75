#include <gtest/gtest.h>

#include <string>

#include "shard/scripting/lua/codecs.h"
#include "tests/unit/shard/scripting/lua/lua_runner.h"

namespace keyway::shard::scripting {
namespace {

class StructTest : public testing::Test {
 protected:
  std::string Packed(const std::string& arguments) {
    return lua_.Values("hex(struct.pack(" + arguments + "))");
  }
  std::string Unpacked(const std::string& format, const std::string& hex) {
    return lua_.Values("struct.unpack('" + format + "', X'" + hex + "')");
  }

  LuaRunner lua_{OpenStruct, "struct"};
};

TEST_F(StructTest, PacksIntegers) {
  EXPECT_EQ(Packed("'<bBhHiIlLT', -1, 255, -2, 2, -3, 3, -4, 4, 5"),
            "ffff"
            "feff0200"
            "fdffffff03000000"
            "fcffffffffffffff0400000000000000"
            "0500000000000000");
  EXPECT_EQ(Packed("'>hil', 1, 2, 3"), "0001000000020000000000000003");
  EXPECT_EQ(Packed("'<i3>i3<i9>i9', -2, -2, -1, -1"),
            "fefffffffffe"
            "ffffffffffffffff0000ffffffffffffffff");
  EXPECT_EQ(Packed("'i0b', 1, 1.9"), "01");
}

TEST_F(StructTest, ConvertsNumbersThatDoNotFit) {
  EXPECT_EQ(Packed("'>i8i8i8', 2^63, 2^64, -2^64"),
            "8000000000000000"
            "0000000000000000"
            "8000000000000000");
  EXPECT_EQ(Packed("'>i8i8i8', 0/0, 1/0, -1/0"),
            "8000000000000000"
            "0000000000000000"
            "8000000000000000");
  EXPECT_EQ(Packed("'>I8', 2^63 + 2^60"), "9000000000000000");
}

TEST_F(StructTest, PacksFloatsAndStrings) {
  EXPECT_EQ(Packed("'<f>f<d', 1.5, 1.5, -2"),
            "0000c03f"
            "3fc00000"
            "00000000000000c0");
  EXPECT_EQ(Packed("'sc2c0cx', 'ab', 'cde', 'fg', 'hi'"),
            "616200"
            "6364"
            "6667"
            "6800");
}

TEST_F(StructTest, Aligns) {
  EXPECT_EQ(Packed("'!bd', 1, 0"), "01000000000000000000000000000000");
  EXPECT_EQ(Packed("'!4bd', 1, 0"), "010000000000000000000000");
  EXPECT_EQ(Packed("'<!8bi3', 1, 2"), "010000020000");
  EXPECT_EQ(lua_.Values("struct.size('!16bi16'), struct.size('bi'), struct.size('!bi')"), "32 5 8");
}

TEST_F(StructTest, Unpacks) {
  EXPECT_EQ(Unpacked("<bBhH", "ffffffffffff"), "-1 255 -1 65535 7");
  EXPECT_EQ(Unpacked("<i8I8", "ffffffffffffffffffffffffffffffff"), "-1 1.844674407371e+19 17");
  EXPECT_EQ(Unpacked("<i9>i9", "ffffffffffffffff01ffffffffffffffff01"), "-1 -127 19");
  EXPECT_EQ(Unpacked("sbc0x",
                     "616200"
                     "02"
                     "6364"
                     "00"),
            "ab cd 8");
  EXPECT_EQ(Unpacked(">f<d",
                     "3fc00000"
                     "000000000000f83f"),
            "1.5 1.5 13");
  EXPECT_EQ(lua_.Values("struct.unpack('b', '\\1\\2', 2)"), "2 3");
  EXPECT_EQ(lua_.Values("struct.unpack('', 'x', 100)"), "100");
}

TEST_F(StructTest, RefusesBadFormats) {
  EXPECT_EQ(lua_.Values("struct.pack('i33', 1)"),
            "script:1: integral size 33 is larger than limit of 32");
  EXPECT_EQ(lua_.Values("struct.pack('i2147483648', 1)"), "script:1: integral size overflow");
  EXPECT_EQ(lua_.Values("struct.size('!3')"), "script:1: alignment 3 is not a power of 2");
  EXPECT_EQ(lua_.Values("struct.pack('z')"),
            "script:1: bad argument #1 to 'pack' (invalid format option 'z')");
  EXPECT_EQ(lua_.Values("struct.size('z')"), "0");
  EXPECT_EQ(lua_.Values("struct.size('%')"),
            "script:1: bad argument #1 to 'size' (invalid format option '%')");
  EXPECT_EQ(lua_.Values("struct.size('s')"),
            "script:1: bad argument #1 to 'size' (option 's' has no fixed size)");
  EXPECT_EQ(lua_.Values("struct.size('c0')"),
            "script:1: bad argument #1 to 'size' (option 'c0' has no fixed size)");
}

TEST_F(StructTest, RefusesBadArguments) {
  EXPECT_EQ(lua_.Values("struct.pack('i')"),
            "script:1: bad argument #2 to 'pack' (number expected, got nil)");
  EXPECT_EQ(lua_.Values("struct.pack('c3', 'ab')"),
            "script:1: bad argument #3 to 'pack' (string too short)");
  EXPECT_EQ(lua_.Values("struct.unpack('b', 'a', 0)"),
            "script:1: bad argument #3 to 'unpack' (offset must be 1 or greater)");
  const char kTooShort[] = "script:1: bad argument #2 to 'unpack' (data string too short)";
  for (const char* call :
       {"'i', 'abc'", "'b', 'a', 2", "'b', 'a', -1", "'b', 'a', 2^62", "'c2147483647', 'a'",
        "'bc0', '\\5a'", "'bc0', '\\255a'", "'!8bi', 'abcdef'"}) {
    EXPECT_EQ(lua_.Values("struct.unpack(" + std::string(call) + ")"), kTooShort) << call;
  }
  EXPECT_EQ(lua_.Values("struct.unpack('c0', 'a')"), "script:1: format 'c0' needs a previous size");
  EXPECT_EQ(lua_.Values("struct.unpack('s', 'a')"), "script:1: unfinished string in data");
  EXPECT_EQ(lua_.Values("struct.unpack(('b'):rep(9000), ('a'):rep(9000))"),
            "script:1: stack overflow (too many results)");
}

}  // namespace
}  // namespace keyway::shard::scripting
