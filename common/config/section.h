// Makes the rows of a registry: a section is a group of directives on one subject, and each method
// binds one directive to a variable, whose value at that moment is the default.
//
//   Section network(registry, "network");
//   network.Integer("port", config.port, {0, 65535}, kNone, "TCP port; 0: no TCP listener");
//   network.Bool({"replica-read-only", "slave-read-only"}, ...);   // with its older name
//
// The variables must live as long as the registry. A name that is there already is a bug and
// aborts.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/config/directive.h"
#include "common/config/registry.h"
#include "common/config/values.h"

namespace keyway::config {

struct Names {
  Names(const char* directive) : name(directive) {}  // NOLINT(google-explicit-constructor)
  Names(const char* directive, const char* older) : name(directive), alias(older) {}
  std::string_view name;
  std::string_view alias;
};

class Section {
 public:
  Section(Registry& registry, std::string_view group) : registry_(registry), group_(group) {}

  void Bool(Names names, bool& variable, uint32_t flags, std::string_view help);
  void Integer(Names names, int64_t& variable, Range range, uint32_t flags, std::string_view help);
  // A range that ends at 2^31-1: what Redis keeps in an int.
  void Int32(Names names, int64_t& variable, int64_t low, uint32_t flags, std::string_view help);
  void Octal(Names names, int64_t& variable, Range range, uint32_t flags, std::string_view help);
  void Memory(Names names, int64_t& variable, Range range, uint32_t flags, std::string_view help);
  // Up to 2^64-1 bytes; more is taken as that.
  void Memory(Names names, uint64_t& variable, uint32_t flags, std::string_view help);
  void Text(Names names, std::string& variable, uint32_t flags, std::string_view help,
            TextCheck check = nullptr);

  // One of several words, in any case.
  template <typename E>
  void Enum(Names names, E& variable, std::vector<std::pair<const char*, E>> words, uint32_t flags,
            std::string_view help) {
    std::vector<EnumWord> all;
    for (auto& [word, value] : words) all.push_back({word, static_cast<uint64_t>(value)});
    AddEnum(
        names, std::move(all), /*combine=*/false, flags, help,
        [&variable] { return static_cast<uint64_t>(variable); },
        [&variable](uint64_t value) { variable = static_cast<E>(value); });
  }
  // Any of several words together; their values are bits, and the word of value 0 means none.
  void Bits(Names names, uint32_t& variable, std::vector<EnumWord> words, uint32_t flags,
            std::string_view help, std::function<Status(uint64_t)> check = nullptr);

  // A value with rules of its own.
  void Custom(Names names, Kind kind, std::unique_ptr<Value> value, std::string_view takes,
              uint32_t flags, std::string_view help);

 private:
  void AddEnum(Names names, std::vector<EnumWord> words, bool combine, uint32_t flags,
               std::string_view help, std::function<uint64_t()> get,
               std::function<void(uint64_t)> set, std::function<Status(uint64_t)> check = nullptr);

  Registry& registry_;
  std::string group_;
};

}  // namespace keyway::config
