// A directive is one line of redis.conf: its names, what it takes, how it is stored, what it is
// for. The rows of a program are made with Section (section.h) and owned by a Registry
// (registry.h).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/expected.h"

namespace keyway::config {

// How the argument is written. For help texts; the Value does the work.
enum class Kind : uint8_t {
  kBool,             // yes | no
  kInteger,          // decimal
  kOctal,            // as for chmod
  kMemory,           // bytes, with an optional unit: b k kb m mb g gb
  kMemoryOrPercent,  // as kMemory, or N%
  kEnum,             // a word, or several, out of a list
  kString,
  kList,  // several words with a meaning of their own
};

enum Flags : uint32_t {
  kNone = 0,
  kImmutable = 1 << 0,    // only a start can set it
  kHidden = 1 << 1,       // CONFIG GET shows it by its exact name only
  kSensitive = 1 << 2,    // a secret: never logged, not shown in slow logs
  kProtected = 1 << 3,    // CONFIG SET needs enable-protected-configs
  kDenyLoading = 1 << 4,  // CONFIG SET is refused while a dataset loads
  kNoEffectYet = 1 << 5,  // accepted and shown, but this version does not act on it
  kMultiWord = 1 << 6,    // takes several arguments on a line
};

// One form of the value for CONFIG REWRITE.
struct RewriteLine {
  std::string text;  // without the name of the directive
  bool force;        // written even if the file has no such line: differs from the default
};

// Parses, stores and prints the value of one directive.
class Value {
 public:
  virtual ~Value() = default;

  // `words`: what follows the name on a line; exactly one unless kMultiWord. Returns whether the
  // stored value changed. On an error, in Redis's words, nothing has changed.
  virtual Expected<bool> Set(std::span<const std::string> words) = 0;

  // What CONFIG GET prints. For kMultiWord, words separated by one space, none needing quotes.
  virtual std::string Get() const = 0;

  // What CONFIG REWRITE puts into the file: a line each. An empty result removes the directive's
  // lines. `initial` is what Get() said before anything was set.
  virtual std::vector<RewriteLine> Rewrite(const std::string& initial) const;

  // Like Set, for a line of a file, where a list (save, ...) may be spread over lines: `first` says
  // that this is the first of them in this load.
  virtual Expected<bool> SetFromFile(std::span<const std::string> words, bool first);
};

struct Directive {
  std::string name;     // lower case
  std::string alias;    // the name of older versions, or empty
  std::string group;    // subject: "network", ...
  std::string help;     // one line
  std::string takes;    // "yes|no", "0..65535", ...: for help
  std::string initial;  // the default, as CONFIG GET prints it
  Kind kind = Kind::kString;
  uint32_t flags = kNone;
  std::unique_ptr<Value> value;

  bool Has(Flags flag) const { return (flags & flag) != 0; }
};

}  // namespace keyway::config
