// The manifest of a multi-part append-only file, as Redis 7.0 writes it
// (https://redis.io/docs/management/persistence): which files it consists of, in which order they
// are loaded.
//
//   manifest = *(part | "#" comment LF)
//   part     = "file" SP name SP "seq" SP number SP "type" SP kind LF   ; in any order of the pairs
//   kind     = "b" | "h" | "i"
//
// A base holds the data set as it was at some time, RDB or commands; incremental files hold the
// commands that came after it, one file after the other; history is what a rewrite has replaced and
// somebody has to remove. Names lie in the directory of the manifest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/expected.h"

namespace keyway::shard::persistence {

enum class AofPartKind : char { kBase = 'b', kHistory = 'h', kIncremental = 'i' };

struct AofPart {
  std::string name;
  int64_t sequence = 0;  // 1 and up
  AofPartKind kind = AofPartKind::kIncremental;

  bool operator==(const AofPart&) const = default;
};

class AofManifest {
 public:
  static constexpr size_t kMaxLineBytes = 1024;

  // What is wrong, as redis-server says it, and where; line 0: with the whole.
  struct ParseError {
    std::string message;
    size_t line = 0;  // from 1
    std::string text;
  };
  static Expected<AofManifest, ParseError> Parse(std::string_view text);
  // The base, history, incremental files: what Parse reads.
  std::string Print() const;

  const std::optional<AofPart>& base() const { return base_; }
  const std::vector<AofPart>& history() const { return history_; }
  const std::vector<AofPart>& incremental() const { return incremental_; }
  // No file to load.
  bool empty() const { return !base_.has_value() && incremental_.empty(); }

  // `prefix` is the directive appendfilename. The new base comes instead of the present one, which
  // becomes history.
  const AofPart& SetNewBase(std::string_view prefix, bool rdb);
  // A file that has another name: the single append-only file of Redis 6.
  void AdoptBase(std::string name);
  // Commands are written to this one from now on.
  const AofPart& AddIncremental(std::string_view prefix);
  // All incremental files but the last `keep` are in the base now: they become history. What becomes
  // history comes before what is, as in Redis.
  void RetireIncremental(size_t keep);
  // History has been removed from the disk.
  void ForgetHistory() { history_.clear(); }

  bool operator==(const AofManifest&) const = default;

 private:
  std::optional<AofPart> base_;
  std::vector<AofPart> history_;
  std::vector<AofPart> incremental_;
  int64_t base_sequence_ = 0;
  int64_t incremental_sequence_ = 0;
};

// "appendonly.aof.manifest"
std::string AofManifestName(std::string_view prefix);

}  // namespace keyway::shard::persistence
