#include "common/config/memory_size.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <limits>
#include <system_error>

namespace keyway::config {

namespace {

constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();

struct Unit {
  std::string_view name;
  uint64_t bytes;
};
constexpr std::array<Unit, 8> kUnits = {{{"", 1},
                                         {"b", 1},
                                         {"k", 1000},
                                         {"kb", 1024},
                                         {"m", 1000 * 1000},
                                         {"mb", 1024 * 1024},
                                         {"g", 1000 * 1000 * 1000},
                                         {"gb", 1024 * 1024 * 1024}}};

}  // namespace

std::optional<uint64_t> ParseMemory(std::string_view text) {
  size_t digits = 0;
  while (digits < text.size() && std::isdigit(static_cast<unsigned char>(text[digits]))) ++digits;
  std::string unit(text.substr(digits));
  for (char& c : unit) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));

  uint64_t amount = 0;
  auto parsed = std::from_chars(text.data(), text.data() + digits, amount);
  if (parsed.ec == std::errc::result_out_of_range) amount = kMost;
  for (const Unit& known : kUnits) {
    if (unit != known.name) continue;
    return amount > kMost / known.bytes ? kMost : amount * known.bytes;
  }
  return std::nullopt;
}

std::string FormatMemory(uint64_t bytes) {
  static constexpr std::array<Unit, 3> kSuffixes = {
      {{"gb", 1024 * 1024 * 1024}, {"mb", 1024 * 1024}, {"kb", 1024}}};
  for (const Unit& unit : kSuffixes) {
    if (bytes != 0 && bytes % unit.bytes == 0) {
      return std::to_string(bytes / unit.bytes) + std::string(unit.name);
    }
  }
  return std::to_string(bytes);
}

}  // namespace keyway::config
