#include "shard/types/collation.h"

#include <locale.h>
#include <string.h>

#include <cstdlib>
#include <string>

namespace keyway::shard::types {
namespace {

// nullptr: bytes are compared.
locale_t ReadLocale() {
  for (const char* variable : {"LC_ALL", "LC_COLLATE", "LANG"}) {
    const char* value = std::getenv(variable);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view name(value);
    if (name == "C" || name == "POSIX" || name.starts_with("C.")) return nullptr;
    return newlocale(LC_COLLATE_MASK, "", nullptr);
  }
  return nullptr;
}

}  // namespace

int Collate(std::string_view first, std::string_view second) {
  static const locale_t kLocale = ReadLocale();
  first = first.substr(0, first.find('\0'));
  second = second.substr(0, second.find('\0'));
  if (kLocale == nullptr) return first.compare(second);
  return strcoll_l(std::string(first).c_str(), std::string(second).c_str(), kLocale);
}

}  // namespace keyway::shard::types
