#include "shard/replication/replconf.h"

#include <strings.h>

#include <cstdint>

#include "common/config/split_words.h"
#include "shard/types/integer.h"

namespace keyway::shard::replication {
namespace {

using Kind = ReplconfResult::Kind;

constexpr size_t kMaxAddressBytes = 255;
constexpr const char* kNotAnInteger = "ERR value is not an integer or out of range";

ReplconfResult Fail(std::string text) {
  return {Kind::kError, std::move(text)};
}

ReplconfResult ReadFilter(std::string_view value, ReplicaTraits* traits) {
  const auto parts = config::SplitWords(value);
  if (!parts.has_value()) return Fail("ERR Missing rdb-filter-only values");
  traits->without_keys = traits->without_libraries = true;
  for (const std::string& part : *parts) {
    if (!IsWord(part, "functions")) return Fail("ERR Unsupported rdb-filter-only option: " + part);
    traits->without_libraries = false;
  }
  return {};
}

ReplconfResult ReadOption(std::string_view option, std::string_view value,
                          ReplicaTraits* traits) {
  if (IsWord(option, "listening-port")) {
    if (!types::ParseInteger(value, &traits->port)) return Fail(kNotAnInteger);
  } else if (IsWord(option, "ip-address")) {
    if (value.size() > kMaxAddressBytes) {
      return Fail("ERR REPLCONF ip-address provided by replica instance is too long: " +
                  std::to_string(value.size()) + " bytes");
    }
    traits->address = value;
  } else if (IsWord(option, "capa")) {
    if (IsWord(value, "eof")) traits->can_eof = true;
    if (IsWord(value, "psync2")) traits->can_psync2 = true;
  } else if (IsWord(option, "ack")) {
    return {Kind::kAcknowledgement, std::string(value)};
  } else if (IsWord(option, "getack")) {
    return {Kind::kGetAcknowledgement, {}};
  } else if (IsWord(option, "rdb-only")) {
    int64_t only = 0;
    if (!types::ParseInteger(value, &only)) return Fail(kNotAnInteger);
    if (only < 0 || only > 1) return Fail("ERR value is out of range, value must between 0 and 1");
    traits->rdb_only = only == 1;
  } else if (IsWord(option, "rdb-filter-only")) {
    return ReadFilter(value, traits);
  } else {
    return Fail("ERR Unrecognized REPLCONF option: " + std::string(option));
  }
  return {};
}

}  // namespace

bool IsWord(std::string_view text, std::string_view word) {
  return text.size() == word.size() && strncasecmp(text.data(), word.data(), text.size()) == 0;
}

ReplconfResult ReadReplconf(std::span<const std::string_view> args, ReplicaTraits* traits) {
  if (args.size() % 2 == 0) return Fail("ERR syntax error");
  for (size_t i = 1; i < args.size(); i += 2) {
    ReplconfResult result = ReadOption(args[i], args[i + 1], traits);
    if (result.kind != Kind::kOk) return result;
  }
  return {};
}

}  // namespace keyway::shard::replication
