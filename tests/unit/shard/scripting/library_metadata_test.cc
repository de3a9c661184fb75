#include "shard/scripting/library_metadata.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace keyway::shard::scripting {
namespace {

using std::string_literals::operator""s;

// The name and, behind a '|', the body; or the error.
std::string Read(std::string_view code) {
  const Expected<LibraryMetadata> read = ReadLibraryMetadata(code);
  if (!read.ok()) return read.error().message;
  return read->name + "|" + std::string(read->body);
}

constexpr std::string_view kMalformed = "ERR Invalid library metadata";
constexpr std::string_view kBadName =
    "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least "
    "one character long";

TEST(LibraryMetadata, Name) {
  EXPECT_EQ(Read("#!lua name=a\ncode\n"), "a|\ncode\n");
  EXPECT_EQ(Read("#!LuA  \tNaMe=_aZ09 \r\n"), "_aZ09|\n");
  EXPECT_EQ(Read("#!lua 'name=a'\n"), "a|\n");
  EXPECT_EQ(Read("#!lua na\"me=\\x71\"\n"), "q|\n");
  EXPECT_EQ(Read("#!\"lua\" name=q\n\0x"s), "q|\n\0x"s);
}

TEST(LibraryMetadata, BadName) {
  EXPECT_EQ(Read("#!lua name=\n"), kBadName);
  EXPECT_EQ(Read("#!lua name=\"\"\n"), kBadName);
  EXPECT_EQ(Read("#!lua name=a-b\n"), kBadName);
  EXPECT_EQ(Read("#!lua \"name=a b\"\n"), kBadName);
  EXPECT_EQ(Read("#!lua name=\xc3\xbc\n"), kBadName);
  EXPECT_EQ(Read("#!lua \"name=a\\x00b\"\n"), kBadName);
  EXPECT_EQ(Read("#!lua\n"), "ERR Library name was not given");
  EXPECT_EQ(Read("#!\n"), "ERR Library name was not given");
  EXPECT_EQ(Read("#!lua name=a name=a\n"),
            "ERR Invalid metadata value, name argument was given multiple times");
}

TEST(LibraryMetadata, OtherWords) {
  EXPECT_EQ(Read("#!lua name =a\n"), "ERR Invalid metadata value given: name");
  EXPECT_EQ(Read("#!lua name=a flags=no-writes\n"),
            "ERR Invalid metadata value given: flags=no-writes");
  EXPECT_EQ(Read("#!lua \"foo\\x00=a\"\n"), "ERR Invalid metadata value given: foo");
}

TEST(LibraryMetadata, Engine) {
  EXPECT_EQ(Read("#!js name=a\n"), "ERR Engine 'js' not found");
  EXPECT_EQ(Read("#! name=a\n"), "ERR Engine '' not found");
  EXPECT_EQ(Read("#!js name=a-b\n"), kBadName);
}

TEST(LibraryMetadata, NoLine) {
  EXPECT_EQ(Read(""), "ERR Missing library metadata");
  EXPECT_EQ(Read("#"), "ERR Missing library metadata");
  EXPECT_EQ(Read(" #!lua name=a\n"), "ERR Missing library metadata");
  EXPECT_EQ(Read("#!"), kMalformed);
  EXPECT_EQ(Read("#!lua name=a"), kMalformed);
  EXPECT_EQ(Read("#!lua name=a\0b\n"s), kMalformed);
  EXPECT_EQ(Read("#!lua name=\"a\n"), kMalformed);
  EXPECT_EQ(Read("#!lua \"name\"=a\n"), kMalformed);
}

}  // namespace
}  // namespace keyway::shard::scripting
