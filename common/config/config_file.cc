#include "common/config/config_file.h"

#include <glob.h>
#include <strings.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "common/config/file_text.h"
#include "common/config/split_words.h"

namespace keyway::config {

namespace {

constexpr int kDeepestInclude = 16;
constexpr int kMostFiles = 1000;
constexpr char kHeadline[] = "\n*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\n";

Error FatalAtLine(size_t number, std::string_view line, std::string_view reason) {
  return Error{std::string(kHeadline) + "Reading the configuration file, at line " +
               std::to_string(number) + "\n>>> '" + std::string(line) + "'\n" +
               std::string(reason) + "\n"};
}

Error CannotOpen(const std::string& path, const std::string& reason) {
  return Error{"Fatal error, can't open config file '" + path + "': " + reason + "\n"};
}

// The files that a name with wildcards stands for, sorted; none is no error. A plain name is
// itself.
std::vector<std::string> ExpandGlob(const std::string& name) {
  if (name.find_first_of("*?[") == std::string::npos) return {name};
  glob_t matches{};
  std::vector<std::string> files;
  if (glob(name.c_str(), 0, nullptr, &matches) == 0) {
    files.assign(matches.gl_pathv, matches.gl_pathv + matches.gl_pathc);
  }
  globfree(&matches);
  return files;
}

class Loader {
 public:
  explicit Loader(Registry& registry) : registry_(registry) {}

  Status Run(const Sources& sources, int depth) {
    std::string text;
    if (!sources.file.empty()) {
      for (const std::string& path : ExpandGlob(sources.file)) {
        if (++files_ > kMostFiles) return CannotOpen(path, "Too many files");
        Expected<std::string> content = ReadFileText(path);
        if (!content) return CannotOpen(path, content.error().message);
        text += *content;
      }
    }
    if (sources.from_stdin) {
      Expected<std::string> content = ReadText(STDIN_FILENO);
      if (!content) return CannotOpen("-", content.error().message);
      text += *content;
    }
    if (!sources.options.empty()) text += "\n" + sources.options;
    return LoadText(text, depth);
  }

 private:
  Status LoadText(std::string_view text, int depth) {
    size_t number = 0;
    while (!text.empty()) {
      size_t end = text.find('\n');
      ++number;
      Status loaded = LoadLine(Trim(text.substr(0, end)), number, depth);
      if (!loaded || end == std::string_view::npos) return loaded;
      text.remove_prefix(end + 1);
    }
    return {};
  }

  Status LoadLine(std::string_view line, size_t number, int depth) {
    if (line.empty() || line[0] == '#') return {};
    auto words = SplitWords(line);
    if (!words) return FatalAtLine(number, line, "Unbalanced quotes in configuration line");
    if (words->empty()) return {};
    if (words->size() == 2 && strcasecmp((*words)[0].c_str(), "include") == 0) {
      if (depth == kDeepestInclude) {
        return FatalAtLine(number, line, "Too many files that include one another");
      }
      Sources included;
      included.file = (*words)[1];
      return Run(included, depth + 1);
    }
    Status set = registry_.SetFromLine(*words);
    if (!set) return FatalAtLine(number, line, set.error().message);
    return {};
  }

  Registry& registry_;
  int files_ = 0;
};

}  // namespace

Error FatalConfigError(std::string_view reason) {
  return Error{kHeadline + std::string(reason) + "\n"};
}

Status Load(Registry& registry, const Sources& sources) {
  return Loader(registry).Run(sources, /*depth=*/0);
}

}  // namespace keyway::config
