#include "shard/server/info.h"

#include <strings.h>

#include <array>
#include <bitset>
#include <cstdio>

namespace keyway::shard {
namespace info {

void Lines::Section(std::string_view name) {
  if (!text_.empty()) text_ += "\r\n";
  text_.append("# ").append(name).append("\r\n");
}

void Lines::Text(std::string_view name, std::string_view value) {
  text_.append(name).append(":").append(value).append("\r\n");
}

void Lines::Format(std::string_view name, const char* format, ...) {
  char value[512];
  va_list values;
  va_start(values, format);
  std::vsnprintf(value, sizeof(value), format, values);
  va_end(values);
  Text(name, value);
}

void Lines::Memory(std::string_view name, uint64_t bytes) {
  Unsigned(name, bytes);
  Text(std::string(name) + "_human", HumanBytes(bytes));
}

void Lines::Zeros(std::initializer_list<std::string_view> names) {
  for (std::string_view name : names) Text(name, "0");
}

std::string HumanBytes(uint64_t bytes) {
  constexpr const char* kUnits[] = {"K", "M", "G", "T", "P"};
  if (bytes < 1024) return std::to_string(bytes) + "B";
  double amount = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (amount >= 1024 && unit + 1 < std::size(kUnits)) {
    amount /= 1024;
    ++unit;
  }
  char text[64];
  std::snprintf(text, sizeof(text), "%.2f%s", amount, kUnits[unit]);
  return text;
}

}  // namespace info

namespace {

struct Section {
  const char* name;
  bool by_default;
  void (*write)(Services& services, info::Lines& lines);
};

// In the order in which they are shown.
constexpr std::array<Section, 13> kSections = {{
    {"server", true, info::Server},
    {"clients", true, info::Clients},
    {"memory", true, info::Memory},
    {"persistence", true, info::Persistence},
    {"stats", true, info::Stats},
    {"replication", true, info::Replication},
    {"cpu", true, info::Cpu},
    {"modules", true, info::Modules},
    {"commandstats", false, info::Commandstats},
    {"errorstats", true, info::Errorstats},
    {"latencystats", false, info::Latencystats},
    {"cluster", true, info::Cluster},
    {"keyspace", true, info::KeyspaceTotals},
}};
using Wanted = std::bitset<kSections.size()>;

bool Is(std::string_view text, std::string_view name) {
  return text.size() == name.size() && strncasecmp(text.data(), name.data(), name.size()) == 0;
}

Wanted SectionsNamed(std::string_view name) {
  Wanted wanted;
  for (size_t i = 0; i < kSections.size(); ++i) {
    wanted[i] = Is(name, kSections[i].name) || Is(name, "all") || Is(name, "everything") ||
                (Is(name, "default") && kSections[i].by_default);
  }
  return wanted;
}

}  // namespace

std::string InfoText(Services& services, std::span<const std::string_view> names) {
  Wanted wanted;
  for (std::string_view name : names) wanted |= SectionsNamed(name);
  if (names.empty()) wanted = SectionsNamed("default");
  info::Lines lines;
  for (size_t i = 0; i < kSections.size(); ++i) {
    if (wanted[i]) kSections[i].write(services, lines);
  }
  return lines.Take();
}

}  // namespace keyway::shard
