// Texts of errors are those of redis-server 7.0.15.
#include "shard/scripting/libraries.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/output_buffer.h"
#include "common/resp/reply_writer.h"
#include "shard/keyspace/lazy_free.h"
#include "shard/scripting/library_payload.h"
#include "tests/unit/shard/scripting/fake_host.h"

namespace keyway::shard::scripting {
namespace {

using Policy = Libraries::RestorePolicy;

// A library whose functions return `result`.
std::string Code(std::string_view name, std::vector<std::string_view> functions,
                 std::string_view result = "1") {
  std::string code = "#!lua name=" + std::string(name) + "\n";
  for (std::string_view function : functions) {
    code += "redis.register_function('" + std::string(function) + "', function() return '" +
            std::string(result) + "' end)\n";
  }
  return code;
}

class LibrariesTest : public testing::Test {
 protected:
  // The library's name, or the error.
  std::string Load(std::string_view code, bool replace = false) {
    const Expected<std::string> name = libraries_.Load(code, replace, Libraries::kLoadTimeoutMs);
    return name.ok() ? name.value() : name.error().message;
  }
  // "OK", or the error.
  std::string Restore(std::string_view payload, Policy policy) {
    const Status status = libraries_.Restore(payload, policy);
    return status.ok() ? "OK" : status.error().message;
  }
  // What the function replies; "none" without one.
  std::string Call(std::string_view name, std::vector<std::string_view> keys = {},
                   std::vector<std::string_view> arguments = {}) {
    const Function* function = libraries_.Find(name);
    if (function == nullptr) return "none";
    OutputBuffer out;
    resp::ReplyWriter reply(out);
    libraries_.vm().Call(
        {.function = function->ref, .name = function->name, .keys = keys, .arguments = arguments},
        reply);
    return out.ToString();
  }
  // "a(f,g) b(h)".
  std::string Listed() const {
    std::string listed;
    for (const auto& [name, library] : libraries_.all()) {
      listed += (listed.empty() ? "" : " ") + name + "(";
      for (const auto& [function_name, function] : library->functions) {
        listed += (listed.ends_with('(') ? "" : ",") + function_name;
        EXPECT_EQ(function.library, library.get());
      }
      listed += ")";
    }
    return listed;
  }

  FakeHost host_;
  keyspace::LazyFree lazy_free_;
  Libraries libraries_{host_, lazy_free_};
};

TEST_F(LibrariesTest, LoadAndFind) {
  EXPECT_EQ(Load(Code("a", {"f", "g"})), "a");
  EXPECT_EQ(Listed(), "a(f,g)");
  EXPECT_EQ(libraries_.function_count(), 2u);
  EXPECT_EQ(libraries_.Find("h"), nullptr);
  const Function* function = libraries_.Find("F");
  ASSERT_NE(function, nullptr);
  EXPECT_EQ(function->name, "f");
  EXPECT_EQ(function->library->name, "a");
  EXPECT_EQ(function->library->code, Code("a", {"f", "g"}));
  EXPECT_FALSE(function->has_description);
  EXPECT_EQ(function->flags, 0u);
  EXPECT_EQ(Call("f"), "$1\r\n1\r\n");
}

TEST_F(LibrariesTest, NamedArguments) {
  EXPECT_EQ(Load("#!lua name=a\nredis.register_function{function_name='f', description='d', "
                 "callback=function() end, flags={'no-writes', 'allow-stale'}}"),
            "a");
  const Function* function = libraries_.Find("f");
  ASSERT_NE(function, nullptr);
  EXPECT_TRUE(function->has_description);
  EXPECT_EQ(function->description, "d");
  EXPECT_EQ(function->flags, uint32_t{kScriptNoWrites} | kScriptAllowStale);
}

TEST_F(LibrariesTest, FunctionsShareLocals) {
  EXPECT_EQ(Load("#!lua name=a\nlocal n = 0\n"
                 "local function add(k, a) n = n + #k + #a return n end\n"
                 "redis.register_function('f', add)\n"
                 "redis.register_function('g', function(k, a) return add(k, a) * 100 end)"),
            "a");
  EXPECT_EQ(Call("f", {"k"}), ":1\r\n");
  EXPECT_EQ(Call("g", {"k"}, {"a", "b"}), ":400\r\n");
  EXPECT_EQ(Call("f"), ":4\r\n");
}

TEST_F(LibrariesTest, Refused) {
  EXPECT_EQ(Load(Code("a", {"f"})), "a");
  EXPECT_EQ(Load("return 1"), "ERR Missing library metadata");
  EXPECT_EQ(Load(Code("a", {"g"})), "ERR Library 'a' already exists");
  EXPECT_EQ(Load("#!lua name=a\n nonsense"), "ERR Library 'a' already exists");
  EXPECT_EQ(Load(Code("b", {"g", "f"})), "ERR Function f already exists");
  EXPECT_EQ(Load(Code("b", {"F"})), "ERR Function F already exists");
  EXPECT_EQ(Load(Code("b", {})), "ERR No functions registered");
  EXPECT_EQ(Load("#!lua name=b\n nonsense"),
            "ERR Error compiling function: user_function:2: '=' expected near '<eof>'");
  EXPECT_EQ(Load(Code("b", {"g", "g"})),
            "ERR Error registering functions: ERR Function already exists in the library");
  EXPECT_EQ(Load(Code("b", {"g"}) + "\nwhile true do end"),
            "ERR Error registering functions: ERR FUNCTION LOAD timeout");
  EXPECT_EQ(Listed(), "a(f)");
  EXPECT_EQ(libraries_.function_count(), 1u);
  EXPECT_EQ(libraries_.Find("g"), nullptr);
}

TEST_F(LibrariesTest, NamesOfLibrariesHaveCase) {
  EXPECT_EQ(Load(Code("a", {"f"})), "a");
  EXPECT_EQ(Load(Code("A", {"g"})), "A");
  EXPECT_FALSE(libraries_.Delete("b"));
  EXPECT_TRUE(libraries_.Delete("A"));
  EXPECT_EQ(Listed(), "a(f)");
  EXPECT_EQ(Call("g"), "none");
}

// Redis takes these, too.
TEST_F(LibrariesTest, FunctionsOfOneLibraryMayDifferInCase) {
  EXPECT_EQ(Load(Code("a", {"f", "F"})), "a");
  EXPECT_EQ(libraries_.function_count(), 2u);
  EXPECT_NE(libraries_.Find("f"), nullptr);
  EXPECT_TRUE(libraries_.Delete("a"));
  EXPECT_EQ(libraries_.function_count(), 0u);
  EXPECT_EQ(libraries_.Find("f"), nullptr);
  EXPECT_EQ(Load(Code("b", {"f"})), "b");
}

TEST_F(LibrariesTest, Replace) {
  EXPECT_EQ(Load(Code("a", {"f", "g"})), "a");
  EXPECT_EQ(Load(Code("b", {"h"})), "b");
  EXPECT_EQ(Load(Code("a", {"g", "i"}, "2"), /*replace=*/true), "a");
  EXPECT_EQ(Listed(), "a(g,i) b(h)");
  EXPECT_EQ(Call("f"), "none");
  EXPECT_EQ(Call("g"), "$1\r\n2\r\n");
  EXPECT_EQ(Load(Code("c", {"j"}), /*replace=*/true), "c");
}

TEST_F(LibrariesTest, WhatCannotReplaceLeavesTheOld) {
  EXPECT_EQ(Load(Code("a", {"f"})), "a");
  EXPECT_EQ(Load(Code("b", {"g"})), "b");
  EXPECT_EQ(Load(Code("a", {"f", "g"}, "2"), true), "ERR Function g already exists");
  EXPECT_EQ(Load("#!lua name=a\nx=1", true),
            "ERR Error registering functions: ERR user_function:2: Attempt to modify a readonly "
            "table");
  EXPECT_EQ(Listed(), "a(f) b(g)");
  EXPECT_EQ(Call("f"), "$1\r\n1\r\n");
}

TEST_F(LibrariesTest, Clear) {
  for (bool later : {false, true}) {
    EXPECT_EQ(Load(Code("a", {"f"})), "a");
    EXPECT_GT(libraries_.MemoryBytes(), 0u);
    libraries_.Clear(later);
    EXPECT_EQ(Listed(), "");
    EXPECT_EQ(libraries_.function_count(), 0u);
    EXPECT_EQ(libraries_.MemoryBytes(), 0u);
    EXPECT_EQ(Call("f"), "none");
  }
}

TEST_F(LibrariesTest, MemoryIsAccountedFor) {
  EXPECT_EQ(libraries_.MemoryBytes(), 0u);
  EXPECT_EQ(Load(Code("a", {"f"}) + "--" + std::string(10'000, 'x')), "a");
  const size_t bytes = libraries_.MemoryBytes();
  EXPECT_GT(bytes, 10'000u);
  EXPECT_LT(bytes, 12'000u);
  EXPECT_EQ(Load(Code("a", {"f"}), true), "a");
  EXPECT_LT(libraries_.MemoryBytes(), 2'000u);
  EXPECT_TRUE(libraries_.Delete("a"));
  EXPECT_EQ(libraries_.MemoryBytes(), 0u);
}

TEST_F(LibrariesTest, LoadedInVainTakesNoMemory) {
  EXPECT_EQ(Load(Code("a", {"f"})), "a");
  const std::string big =
      "#!lua name=b\nlocal t = {}\nfor i = 1, 10000 do t[i] = {} end\n"
      "redis.register_function('f', function() return #t end)";
  const size_t before = libraries_.vm().MemoryBytes();
  for (int i = 0; i < 200; ++i) EXPECT_EQ(Load(big), "ERR Function f already exists");
  EXPECT_LT(libraries_.vm().MemoryBytes(), before + 20'000'000);
}

TEST_F(LibrariesTest, DumpAndRestore) {
  EXPECT_EQ(Load(Code("a", {"f"})), "a");
  EXPECT_EQ(Load(Code("b", {"g", "h"})), "b");
  const std::string payload = libraries_.Dump(/*compress=*/true);
  libraries_.Clear(false);
  EXPECT_EQ(Restore(payload, Policy::kAppend), "OK");
  EXPECT_EQ(Listed(), "a(f) b(g,h)");
  EXPECT_EQ(Call("h"), "$1\r\n1\r\n");
  EXPECT_EQ(libraries_.Dump(true), payload);
}

TEST_F(LibrariesTest, RestoreAppends) {
  EXPECT_EQ(Load(Code("a", {"f"})), "a");
  const std::string a = libraries_.Dump(true);
  EXPECT_EQ(Restore(a, Policy::kAppend), "ERR Library a already exists");
  libraries_.Clear(false);
  EXPECT_EQ(Load(Code("b", {"g"})), "b");
  EXPECT_EQ(Restore(a, Policy::kAppend), "OK");
  EXPECT_EQ(Listed(), "a(f) b(g)");
  EXPECT_TRUE(libraries_.Delete("a"));
  EXPECT_EQ(Load(Code("c", {"F"})), "c");
  EXPECT_EQ(Restore(a, Policy::kAppend), "ERR Function f already exists");
  EXPECT_EQ(Listed(), "b(g) c(F)");
}

TEST_F(LibrariesTest, RestoreReplaces) {
  EXPECT_EQ(Load(Code("a", {"f"}, "new")), "a");
  EXPECT_EQ(Load(Code("b", {"g"}, "new")), "b");
  const std::string payload = libraries_.Dump(false);
  libraries_.Clear(false);
  // Functions change places.
  EXPECT_EQ(Load(Code("a", {"g"}, "old")), "a");
  EXPECT_EQ(Load(Code("b", {"f"}, "old")), "b");
  EXPECT_EQ(Load(Code("c", {"h"}, "old")), "c");
  EXPECT_EQ(Restore(payload, Policy::kReplace), "OK");
  EXPECT_EQ(Listed(), "a(f) b(g) c(h)");
  EXPECT_EQ(Call("f"), "$3\r\nnew\r\n");
  EXPECT_EQ(Call("g"), "$3\r\nnew\r\n");
  EXPECT_EQ(Call("h"), "$3\r\nold\r\n");
  // One of them is not to be replaced.
  EXPECT_TRUE(libraries_.Delete("a"));
  EXPECT_EQ(Load(Code("d", {"f"}, "old")), "d");
  EXPECT_EQ(Restore(payload, Policy::kReplace), "ERR Function f already exists");
  EXPECT_EQ(Listed(), "b(g) c(h) d(f)");
  EXPECT_EQ(Call("f"), "$3\r\nold\r\n");
}

TEST_F(LibrariesTest, RestoreFlushes) {
  EXPECT_EQ(Load(Code("a", {"f"}, "new")), "a");
  const std::string payload = libraries_.Dump(false);
  libraries_.Clear(false);
  EXPECT_EQ(Load(Code("a", {"g"})), "a");
  EXPECT_EQ(Load(Code("b", {"f"})), "b");
  EXPECT_EQ(Restore(payload, Policy::kFlush), "OK");
  EXPECT_EQ(Listed(), "a(f)");
  EXPECT_EQ(Call("f"), "$3\r\nnew\r\n");
  EXPECT_EQ(Call("g"), "none");
}

TEST_F(LibrariesTest, NothingIsHalfRestored) {
  Libraries other(host_, lazy_free_);
  ASSERT_TRUE(other.Load(Code("a", {"f"}), false, 0).ok());
  ASSERT_TRUE(other
                  .Load("#!lua name=b\nif redis.LOG_WARNING == 3 then redis.register_function('g',"
                        " function() end) end",
                        false, 0)
                  .ok());
  const std::string payload = other.Dump(false);
  EXPECT_EQ(Load(Code("old", {"o"})), "old");
  for (Policy policy : {Policy::kAppend, Policy::kReplace, Policy::kFlush}) {
    // Every byte changed, so that the checksum alone holds most of them up; and without it.
    for (size_t i = 0; i < payload.size(); ++i) {
      std::string changed = payload;
      changed[i] = static_cast<char>(changed[i] ^ 0x04);
      EXPECT_EQ(Restore(changed, policy), "ERR DUMP payload version or checksum are wrong");
      const Status status = libraries_.Restore(changed, policy, /*check_crc=*/false);
      if (status.ok()) {
        libraries_.Clear(false);
        EXPECT_EQ(Load(Code("old", {"o"})), "old");
      } else {
        EXPECT_EQ(Listed(), "old(o)") << i << " " << status.error().message;
      }
    }
  }
}

TEST_F(LibrariesTest, RestoredLibrariesMustNotCollide) {
  const auto both = [&](std::string_view first, std::string_view second) {
    LibraryPayloadWriter writer(false);
    writer.Add(first);
    writer.Add(second);
    return Restore(writer.Finish(), Policy::kFlush);
  };
  EXPECT_EQ(both(Code("a", {"f"}), Code("a", {"g"})), "ERR Library 'a' already exists");
  EXPECT_EQ(both(Code("a", {"f"}), Code("b", {"f"})), "ERR Function f already exists");
  EXPECT_EQ(both(Code("a", {"f"}), "x"), "ERR Missing library metadata");
  EXPECT_EQ(Listed(), "");
}

}  // namespace
}  // namespace keyway::shard::scripting
