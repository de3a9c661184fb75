#include "shard/scripting/library_metadata.h"

#include <strings.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "common/script/shebang.h"

namespace keyway::shard::scripting {
namespace {

constexpr std::string_view kMark = "#!";
constexpr std::string_view kEngine = "lua";
constexpr std::string_view kNameOption = "name=";

bool EqualsIgnoringCase(std::string_view left, std::string_view right) {
  return left.size() == right.size() && strncasecmp(left.data(), right.data(), left.size()) == 0;
}

// Not std::isalnum, which asks the locale.
bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool IsName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), IsNameByte);
}

}  // namespace

Expected<LibraryMetadata> ReadLibraryMetadata(std::string_view code) {
  script::Shebang shebang = script::ReadShebang(code);
  switch (shebang.status) {
    case script::Shebang::Status::kNone:
      return Error{"ERR Missing library metadata"};
    case script::Shebang::Status::kEndless:
    case script::Shebang::Status::kMalformed:
      return Error{"ERR Invalid library metadata"};
    case script::Shebang::Status::kOk:
      break;
  }
  std::optional<std::string> name;
  for (size_t i = 1; i < shebang.words.size(); ++i) {
    const std::string_view word = shebang.words[i];
    if (!EqualsIgnoringCase(word.substr(0, kNameOption.size()), kNameOption)) {
      // As Redis prints it: up to the first NUL.
      return Error{"ERR Invalid metadata value given: " +
                   std::string(word.substr(0, word.find('\0')))};
    }
    if (name) {
      return Error{"ERR Invalid metadata value, name argument was given multiple times"};
    }
    name = word.substr(kNameOption.size());
  }
  if (!name) return Error{"ERR Library name was not given"};
  if (!IsName(*name)) {
    return Error{
        "ERR Library names can only contain letters, numbers, or underscores(_) and must be at "
        "least one character long"};
  }
  const std::string_view engine = std::string_view(shebang.words[0]).substr(kMark.size());
  if (!EqualsIgnoringCase(engine, kEngine)) {
    return Error{"ERR Engine '" + std::string(engine) + "' not found"};
  }
  return LibraryMetadata{std::move(*name), shebang.body};
}

}  // namespace keyway::shard::scripting
