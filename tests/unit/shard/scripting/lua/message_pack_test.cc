#include <gtest/gtest.h>

#include <string>

#include "shard/scripting/lua/codecs.h"
#include "tests/unit/shard/scripting/lua/lua_runner.h"

namespace keyway::shard::scripting {
namespace {

class MessagePackTest : public testing::Test {
 protected:
  std::string Packed(const std::string& values) {
    return lua_.Values("hex(cmsgpack.pack(" + values + "))");
  }
  std::string Unpacked(const std::string& hex) {
    return lua_.Values("cmsgpack.unpack(X'" + hex + "')");
  }

  LuaRunner lua_{OpenMessagePack, "cmsgpack"};
};

TEST_F(MessagePackTest, Fields) {
  EXPECT_EQ(lua_.Values("cmsgpack._NAME, cmsgpack._VERSION"), "cmsgpack lua-cmsgpack 0.4.0");
  EXPECT_EQ(lua_.Values("cmsgpack._COPYRIGHT"), "Copyright (C) 2012, Salvatore Sanfilippo");
  EXPECT_EQ(lua_.Values("cmsgpack._DESCRIPTION"), "MessagePack C implementation for Lua");
}

TEST_F(MessagePackTest, PacksNumbers) {
  EXPECT_EQ(Packed("0, -0, 127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296"),
            "00007fcc80ccffcd0100cdffffce00010000ceffffffffcf0000000100000000");
  EXPECT_EQ(Packed("-1, -32, -33, -128, -129, -32768, -32769, -2147483648, -2147483649"),
            "ffe0d0dfd080d1ff7fd18000d2ffff7fffd280000000d3ffffffff7fffffff");
  EXPECT_EQ(Packed("2^62, -2^63, 2^63, 2^64, -2^64"),
            "cf4000000000000000d38000000000000000ca5f000000ca5f800000cadf800000");
  EXPECT_EQ(Packed("1.5, 0.1, 1e300, 1/0, -1/0"),
            "ca3fc00000cb3fb999999999999acb7e37e43c8800759cca7f800000caff800000");
}

TEST_F(MessagePackTest, PacksTextsAndOthers) {
  EXPECT_EQ(Packed("nil, true, false, print, '', 'abc'"), "c0c3c2c0a0a3616263");
  EXPECT_EQ(Packed("('a'):rep(31)").substr(0, 4), "bf61");
  EXPECT_EQ(Packed("('a'):rep(32)").substr(0, 6), "d92061");
  EXPECT_EQ(Packed("('a'):rep(256)").substr(0, 8), "da010061");
  EXPECT_EQ(Packed("('a'):rep(65536)").substr(0, 12), "db0001000061");
}

TEST_F(MessagePackTest, PacksTables) {
  EXPECT_EQ(Packed("{}, {1, 2}, {x = 1}"), "9092010281a17801");
  EXPECT_EQ(Packed("{[2] = 1}, {[0] = 1}, {[1.5] = 1}, {1, [3] = 2}"),
            "810201810001"
            "81ca3fc0000001"
            "8201010302");
  EXPECT_EQ(lua_.Run("local t = {} t[1] = t return cmsgpack.pack(t)"),
            std::string(16, '\x91') + '\xc0');
}

TEST_F(MessagePackTest, UnpacksNumbers) {
  EXPECT_EQ(Unpacked("7fccffcdffffceffffffffcfffffffffffffffff"), "127 255 65535 4294967295 -1");
  EXPECT_EQ(Unpacked("ffd080d18000d280000000d3ffffffffffffffff"), "-1 -128 -32768 -2147483648 -1");
  EXPECT_EQ(Unpacked("ca3fc00000cb3ff8000000000000"), "1.5 1.5");
}

TEST_F(MessagePackTest, UnpacksTextsAndTables) {
  EXPECT_EQ(Unpacked("a0a161d9026162da00026162db000000026162c0c2c3"), " a ab ab ab nil false true");
  EXPECT_EQ(lua_.Run("local t = cmsgpack.unpack('\\147\\1\\192\\129\\161a\\144') "
                     "return t[1] .. tostring(t[2]) .. #t[3].a"),
            "1nil0");
}

TEST_F(MessagePackTest, RefusesBadInput) {
  for (const char* hex :
       {"c1", "92c1", "c4", "c40161", "c500", "d4", "d40101", "c70101", "92d801"}) {
    EXPECT_EQ(Unpacked(hex), "script:1: Bad data format in input.") << hex;
  }
  for (const char* hex : {"cc", "92", "9201", "a261", "d9", "da00", "81", "8101", "ddffffffff",
                          "dfffffffff01", "dbffffffff61", "cb00"}) {
    EXPECT_EQ(Unpacked(hex), "script:1: Missing bytes in input.") << hex;
  }
  EXPECT_EQ(Unpacked("81c001"), "table index is nil");
  EXPECT_EQ(Unpacked("81ca7fc0000001"), "table index is NaN");
}

TEST_F(MessagePackTest, UnpacksParts) {
  EXPECT_EQ(lua_.Values("cmsgpack.unpack_one('\\1\\2\\3')"), "1 1");
  EXPECT_EQ(lua_.Values("cmsgpack.unpack_one('\\1\\2\\3', 2)"), "-1 3");
  EXPECT_EQ(lua_.Values("cmsgpack.unpack_one('\\1\\2\\3', 3)"), "-1");
  EXPECT_EQ(lua_.Values("cmsgpack.unpack_limit('\\1\\2\\3', 2)"), "2 1 2");
  EXPECT_EQ(lua_.Values("cmsgpack.unpack_limit('\\1\\2\\3', 5, 1)"), "-1 2 3");
  EXPECT_EQ(lua_.Values("cmsgpack.unpack_limit('\\1\\2\\3', 0, 0)"), "1 2 3");
  EXPECT_EQ(lua_.Values("cmsgpack.unpack_limit('\\1\\2\\3', 0, 1)"), "1");
}

TEST_F(MessagePackTest, RefusesBadArguments) {
  EXPECT_EQ(lua_.Values("cmsgpack.pack()"),
            "script:1: bad argument #0 to 'pack' (MessagePack pack needs input.)");
  EXPECT_EQ(lua_.Values("cmsgpack.unpack({})"),
            "script:1: bad argument #1 to 'unpack' (string expected, got table)");
  EXPECT_EQ(lua_.Values("cmsgpack.unpack_one('\\1', 2)"),
            "script:1: Start offset 2 greater than input length 1.");
  EXPECT_EQ(lua_.Values("cmsgpack.unpack_limit('\\1', -1)"),
            "script:1: Invalid request to unpack with offset of 0 and limit of 1.");
  EXPECT_EQ(lua_.Values("cmsgpack.unpack_limit('\\1')"),
            "script:1: bad argument #2 to 'unpack_limit' (number expected, got no value)");
}

TEST_F(MessagePackTest, StackBoundsNestingAndResults) {
  EXPECT_EQ(lua_.Values("cmsgpack.unpack(('\\145'):rep(1000000))"),
            "script:1: stack overflow (in function mp_decode_to_lua_array)");
  const char kTooMany[] =
      "script:1: stack overflow (too many return values at once; use unpack_one or unpack_limit "
      "instead.)";
  EXPECT_EQ(lua_.Values("cmsgpack.unpack(('\\129'):rep(1000000))"), kTooMany);
  EXPECT_EQ(lua_.Values("cmsgpack.unpack(('\\1'):rep(1000000))"), kTooMany);
}

TEST_F(MessagePackTest, GoesOnAfterErrorsAndLargeTexts) {
  EXPECT_EQ(lua_.Values("#cmsgpack.pack(('a'):rep(1000000)), #cmsgpack.pack(1)"), "1000005 1");
  // Tables in each other make more bytes than a text may have.
  EXPECT_EQ(lua_.Run("local t = {('a'):rep(4000000)} "
                     "for i = 1, 5 do t = {t, t, t, t, t, t} end return cmsgpack.pack(t)"),
            "script:1: not enough memory");
  EXPECT_EQ(Packed("1"), "01");
}

}  // namespace
}  // namespace keyway::shard::scripting
