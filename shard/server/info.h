// INFO: what a shard says about itself, in the sections and fields of Redis 7.0.
//
// Fields of features that do not exist yet have the value that Redis shows while it does not use
// them. To add a section: a function in info_sections.cc or info_memory.cc and a row in info.cc.
#pragma once

#include <cstdarg>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "shard/server/command_context.h"

namespace keyway::shard {

// The lines of the sections that `names` ask for: names of sections in any case, "default", "all",
// "everything"; none at all means "default". Names that do not exist add nothing.
std::string InfoText(Services& services, std::span<const std::string_view> names);

namespace info {

// Collects "name:value" lines.
class Lines {
 public:
  void Section(std::string_view name);
  void Text(std::string_view name, std::string_view value);
  void Number(std::string_view name, int64_t value) { Text(name, std::to_string(value)); }
  void Unsigned(std::string_view name, uint64_t value) { Text(name, std::to_string(value)); }
  void Format(std::string_view name, const char* format, ...) __attribute__((format(printf, 3, 4)));
  // A second line, "<name>_human", with the amount of memory in a unit that fits.
  void Memory(std::string_view name, uint64_t bytes);
  // A zero for each of `names`.
  void Zeros(std::initializer_list<std::string_view> names);

  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

// "1.50M": as Redis prints amounts of memory.
std::string HumanBytes(uint64_t bytes);

void Server(Services& services, Lines& lines);
void Clients(Services& services, Lines& lines);
void Memory(Services& services, Lines& lines);
void Persistence(Services& services, Lines& lines);
void Stats(Services& services, Lines& lines);
void Replication(Services& services, Lines& lines);
void Cpu(Services& services, Lines& lines);
void Modules(Services& services, Lines& lines);
void Commandstats(Services& services, Lines& lines);
void Errorstats(Services& services, Lines& lines);
void Latencystats(Services& services, Lines& lines);
void Cluster(Services& services, Lines& lines);
void KeyspaceTotals(Services& services, Lines& lines);

}  // namespace info
}  // namespace keyway::shard
