// What a command is: one constant row, read by the proxy and the shard alike.
//
// The vocabulary is Redis 7.0's own (COMMAND, COMMAND DOCS, "key specifications", "command tips").
// Behaviour that a program needs to know about a command is a column here, never a list of names
// somewhere else. To add a command: add its row in common/command/table/<group>.cc, then a handler
// in the shard; the proxy needs nothing unless its `route` is kLocal or kSpecial.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace keyway::command {

// COMMAND INFO's flags, as bits.
enum Flag : uint32_t {
  kWrite = 1u << 0,
  kReadonly = 1u << 1,
  kDenyOom = 1u << 2,
  kModule = 1u << 3,
  kAdmin = 1u << 4,
  kPubsub = 1u << 5,
  kNoscript = 1u << 6,
  kBlocking = 1u << 7,
  kLoading = 1u << 8,
  kStale = 1u << 9,
  kSkipMonitor = 1u << 10,
  kSkipSlowlog = 1u << 11,
  kAsking = 1u << 12,
  kFast = 1u << 13,
  kNoAuth = 1u << 14,
  kMayReplicate = 1u << 15,
  kNoAsyncLoading = 1u << 16,
  kNoMulti = 1u << 17,
  kNoMandatoryKeys = 1u << 18,
  kAllowBusy = 1u << 19,
  kMovableKeys = 1u << 20,
  kProtected = 1u << 21,  // only when the configuration allows it (enable-debug-command)
  kRunsScript = 1u << 22,  // may go on for longer than other clients can wait
};

// ACL categories, as bits, in the order in which COMMAND INFO and ACL CAT list them.
enum AclCategory : uint32_t {
  kAclKeyspace = 1u << 0,
  kAclRead = 1u << 1,
  kAclWrite = 1u << 2,
  kAclSet = 1u << 3,
  kAclSortedset = 1u << 4,
  kAclList = 1u << 5,
  kAclHash = 1u << 6,
  kAclString = 1u << 7,
  kAclBitmap = 1u << 8,
  kAclHyperloglog = 1u << 9,
  kAclGeo = 1u << 10,
  kAclStream = 1u << 11,
  kAclPubsub = 1u << 12,
  kAclAdmin = 1u << 13,
  kAclFast = 1u << 14,
  kAclSlow = 1u << 15,
  kAclBlocking = 1u << 16,
  kAclDangerous = 1u << 17,
  kAclConnection = 1u << 18,
  kAclTransaction = 1u << 19,
  kAclScripting = 1u << 20,
};

// Flags of a key specification.
enum KeyFlag : uint32_t {
  kKeyRO = 1u << 0,
  kKeyRW = 1u << 1,
  kKeyOW = 1u << 2,
  kKeyRM = 1u << 3,
  kKeyAccess = 1u << 4,
  kKeyUpdate = 1u << 5,
  kKeyInsert = 1u << 6,
  kKeyDelete = 1u << 7,
  kKeyChannel = 1u << 8,
  kKeyNotKey = 1u << 9,
  kKeyIncomplete = 1u << 10,
  kKeyVariableFlags = 1u << 11,
};

// https://redis.io/docs/reference/key-specs
struct KeySpec {
  enum class Begin : uint8_t { kIndex, kKeyword, kUnknown };
  enum class Find : uint8_t { kRange, kKeynum, kUnknown };

  std::string_view notes = {};
  uint32_t flags = 0;
  Begin begin = Begin::kIndex;
  int index = 0;                  // kIndex: position of the first key
  std::string_view keyword = {};  // kKeyword: the first key follows this word,
  int start_from = 0;             //   looked for from here (negative: backwards from the end)
  Find find = Find::kRange;
  int last_key =
      0;  // kRange: relative to the first key; negative: from the end (-1 = last argument)
  int key_step = 1;      // kRange and kKeynum: 1 = every argument is a key, 2 = every other one
  int limit = 0;         // kRange with last_key -1: 2 = only the first half of the arguments, ...
  int keynum_index = 0;  // kKeynum: where the number of keys stands, relative to `begin`,
  int first_key = 0;     //   and where the first key stands, relative to `begin`
};

// What finds the keys where key specs alone cannot.
enum class KeyRule : uint8_t {
  kSpecs,     // the key specs
  kNumkeys,   // the key specs; a number of keys that they refuse is read leniently ("1x" is 1)
  kSet,       // one key, read only if the GET option is given
  kBitfield,  // one key, written only if some operation writes
  kSort,      // the key, and the one behind the last STORE
  kSortRo,    // the key alone: those of BY and GET depend on what it holds
  kMigrate,   // the key argument, or those behind KEYS
};

// https://redis.io/docs/reference/command-tips
enum class RequestPolicy : uint8_t { kNone, kAllShards, kAllNodes, kMultiShard, kSpecial };
enum class ResponsePolicy : uint8_t {
  kNone,  // one reply, or, of several without keys, all of them in one array
  kOneSucceeded,
  kAllSucceeded,
  kAggLogicalAnd,
  kAggLogicalOr,
  kAggMin,
  kAggMax,
  kAggSum,
  kSpecial,
};

// What the proxy does with a command that a client sends.
enum class Route : uint8_t {
  kByPolicy,  // by key specs and request policy: to one shard, or split, or to all
  kLocal,     // answered by the proxy itself
  kSpecial,   // has an executor of its own in proxy/execution (SCAN, RANDOMKEY, ...)
  kGathered,  // only reads: keys in one slot: to its shard; in several: an executor of its own asks
              // their shards and computes the reply
  kRefused,   // the proxy answers with an error that says why
};

// Whether a call may be executed twice without harm: what a proxy sends again when the connection to a
// shard is lost and it cannot know whether the call was executed.
enum class Repeat : uint8_t {
  kIfReads,            // if it only reads (kReadonly)
  kHarmless,           // a write that leaves and replies the same each time
  kUnlessConditional,  // kHarmless, unless NX, XX or GET behind the value say otherwise (SET)
};

struct Argument {
  enum class Type : uint8_t {
    kString,
    kInteger,
    kDouble,
    kKey,
    kPattern,
    kUnixTime,
    kPureToken,
    kOneOf,
    kBlock,
  };
  enum Flag : uint8_t { kOptional = 1, kMultiple = 2, kMultipleToken = 4 };

  std::string_view name;
  Type type = Type::kString;
  int key_spec_index = -1;
  std::string_view token = {};  // data() is nullptr when there is none: MIGRATE has an empty one
  std::string_view summary = {};
  std::string_view since = {};
  std::string_view deprecated_since = {};
  uint8_t flags = 0;
  std::span<const Argument> arguments = {};
};

struct HistoryEntry {
  std::string_view version;
  std::string_view change;
};

struct Spec {
  std::string_view name;  // lower case; for a subcommand its own word only ("get")
  int arity = 0;          // counts the name (and the container's); negative: at least that many
  uint32_t flags = 0;     // Flag
  uint32_t acl = 0;       // AclCategory
  std::span<const KeySpec> key_specs = {};
  KeyRule key_rule = KeyRule::kSpecs;
  std::span<const std::string_view> tips = {};  // without the two policies, which follow
  bool policies_first = false;                  // COMMAND INFO shows the policies before the tips
  RequestPolicy request_policy = RequestPolicy::kNone;
  ResponsePolicy response_policy = ResponsePolicy::kNone;
  Route route = Route::kByPolicy;
  Repeat repeat = Repeat::kIfReads;
  std::span<const Spec> subcommands = {};  // not empty: a container such as CONFIG

  // COMMAND DOCS.
  std::string_view group = {};
  std::string_view summary = {};
  std::string_view since = {};
  std::string_view complexity = {};
  std::string_view deprecated_since = {};
  std::string_view replaced_by = {};
  bool doc_syscmd = false;
  std::span<const HistoryEntry> history = {};
  std::span<const Argument> arguments = {};

  constexpr bool is(Flag flag) const { return (flags & flag) != 0; }
};

}  // namespace keyway::command
