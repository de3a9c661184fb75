#include "common/config/gflags_bridge.h"

#include <limits.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include <cstdlib>
#include <deque>
#include <memory>

#include <gflags/gflags.h>

#include "common/config/split_words.h"

DECLARE_bool(help);

namespace keyway::config {

namespace {

// What the "file" of a directive's flag begins with.
constexpr char kDirectiveFiles[] = "directives/";

std::string WithUnderscores(std::string name) {
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
}

std::string WithDashes(std::string name) {
  for (char& c : name) c = c == '_' ? '-' : c;
  return name;
}

// A gflags flag keeps pointers to its name, help and value for as long as the process lives.
struct FlagText {
  std::string name;
  std::string directive;
  std::string help;
  std::string group;
  std::string current;
  std::string initial;
};
std::deque<FlagText>& FlagTexts() {
  static auto* texts = new std::deque<FlagText>;
  return *texts;
}

void RegisterFlag(const Directive& directive, const std::string& name, std::string help) {
  FlagText& text = FlagTexts().emplace_back();
  text.name = WithUnderscores(name);
  text.directive = name;
  text.help = std::move(help);
  text.group = kDirectiveFiles + directive.group + ".conf";
  text.current = text.initial = directive.initial;
  gflags::FlagRegisterer(text.name.c_str(), text.help.c_str(), text.group.c_str(), &text.current,
                         &text.initial);
}

std::string HelpOf(const Directive& directive) {
  std::string help = directive.help + " [" + directive.takes + "]";
  if (directive.Has(kNoEffectYet)) help += " (no effect yet)";
  return help;
}

// The registry's directive of a flag name, with '-' or '_'; nullptr if there is none.
const Directive* FindByFlagName(const Registry& registry, const std::string& name) {
  if (const Directive* directive = registry.Find(name)) return directive;
  if (const Directive* directive = registry.Find(WithDashes(name))) return directive;
  return registry.Find(WithUnderscores(name));
}

enum class FlagForm { kNone, kAlone, kTakesNext };

// Whether "--name" or "--name=value" is a flag of gflags or glog (not of ours), and if it is,
// whether the next argument is its value.
FlagForm FormOf(const Registry& registry, const std::string& argument) {
  if (argument.compare(0, 2, "--") != 0) return FlagForm::kNone;
  size_t equals = argument.find('=');
  std::string name = WithUnderscores(argument.substr(2, equals - 2));
  if (FindByFlagName(registry, name) != nullptr) return FlagForm::kNone;
  gflags::CommandLineFlagInfo info;
  bool known = gflags::GetCommandLineFlagInfo(name.c_str(), &info);
  if (!known && name.compare(0, 2, "no") == 0) {
    known = gflags::GetCommandLineFlagInfo(name.c_str() + 2, &info) && info.type == "bool";
  }
  if (!known) return FlagForm::kNone;
  return equals == std::string::npos && info.type != "bool" ? FlagForm::kTakesNext
                                                            : FlagForm::kAlone;
}

// What argv says, sorted by who reads it.
struct Split {
  std::vector<std::string> ours;
  std::vector<std::string> flags;
};

// An option's name may stand where redis-server would look for one: a word after "--name" belongs
// to that option even if it begins with dashes.
Split SplitArguments(const Registry& registry, const std::vector<std::string>& arguments) {
  Split split;
  bool name_may_follow = true;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (!name_may_follow || argument.compare(0, 2, "--") != 0) {
      split.ours.push_back(argument);
      name_may_follow = true;
      continue;
    }
    FlagForm form = FormOf(registry, argument);
    if (form != FlagForm::kNone) {
      split.flags.push_back(argument);
      if (form == FlagForm::kTakesNext && i + 1 < arguments.size()) {
        split.flags.push_back(arguments[++i]);
      }
      continue;
    }
    size_t equals = argument.find('=');
    std::string name = argument.substr(2, equals - 2);
    const Directive* directive = FindByFlagName(registry, name);
    if (directive != nullptr && equals != std::string::npos) {
      split.ours.push_back("--" + directive->name);
      split.ours.push_back(argument.substr(equals + 1));
      continue;
    }
    bool other_spelling = directive != nullptr && registry.Find(name) == nullptr;
    split.ours.push_back(other_spelling ? "--" + directive->name : argument);
    // "--save --port 1": see ParseArguments.
    bool is_save = strcasecmp(argument.c_str(), "--save") == 0;
    name_may_follow = is_save || argument.find(' ') != std::string::npos;
  }
  return split;
}

// Lines for the flags that a --flagfile or --fromenv has set.
std::string LinesOfChangedFlags() {
  std::string lines;
  for (const FlagText& text : FlagTexts()) {
    gflags::CommandLineFlagInfo info;
    if (!gflags::GetCommandLineFlagInfo(text.name.c_str(), &info) || info.is_default) continue;
    lines += text.directive + ' ' + Quote(info.current_value) + '\n';
  }
  return lines;
}

void ParseFlags(const ProgramInfo& program, const char* name, std::vector<std::string> flags) {
  gflags::SetVersionString(program.version);
  gflags::SetUsageMessage(program.usage);
  std::vector<char*> argv = {const_cast<char*>(name)};
  for (std::string& flag : flags) argv.push_back(flag.data());
  int argc = static_cast<int>(argv.size());
  argv.push_back(nullptr);
  char** pointer = argv.data();
  ParseCommandLineFlags(&argc, &pointer, /*remove_flags=*/false, kDirectiveFiles);
}

std::string AbsolutePath(const std::string& path) {
  if (path.empty() || path[0] == '/') return path;
  char directory[PATH_MAX];
  if (getcwd(directory, sizeof(directory)) == nullptr) return path;
  std::string relative = path;
  std::string base = directory;
  while (relative.compare(0, 3, "../") == 0 && base.size() > 1) {
    relative.erase(0, 3);
    base.erase(base.rfind('/'));
  }
  return base + "/" + relative;
}

}  // namespace

void ParseCommandLineFlags(int* argc, char*** argv, bool remove_flags, const char* own_files) {
  gflags::ParseCommandLineNonHelpFlags(argc, argv, remove_flags);
  if (FLAGS_help) {
    gflags::ShowUsageWithFlagsRestrict((*argv)[0], own_files);
    std::exit(1);
  }
  gflags::HandleCommandLineHelpFlags();
}

void RegisterFlags(const Registry& registry) {
  for (const auto& directive : registry.directives()) {
    if (directive->Has(kHidden)) continue;
    RegisterFlag(*directive, directive->name, HelpOf(*directive));
    if (directive->alias.empty()) continue;
    RegisterFlag(*directive, directive->alias,
                 "older name of --" + WithUnderscores(directive->name));
  }
}

Sources ParseArguments(const std::vector<std::string>& arguments) {
  Sources sources;
  size_t at = 0;
  if (!arguments.empty() && (arguments[0].empty() || arguments[0][0] != '-')) {
    sources.file = arguments[at++];
  }
  bool name_may_follow = true;
  for (; at < arguments.size(); ++at) {
    const std::string& argument = arguments[at];
    bool last = at + 1 == arguments.size();
    if (argument == "-" && (last || at == 0)) {
      sources.from_stdin = true;
      continue;
    }
    if (!name_may_follow || argument.compare(0, 2, "--") != 0) {
      sources.options += Quote(argument) + ' ';
      name_may_follow = true;
      continue;
    }
    if (!sources.options.empty()) sources.options += '\n';
    sources.options += argument.substr(2) + ' ';
    // "--port 7001" may also be one argument; then the next one may be a name again.
    auto words = SplitWords(argument);
    name_may_follow = !words || words->size() != 1;
    bool save_without_value = strcasecmp(argument.c_str(), "--save") == 0 &&
                              (last || arguments[at + 1].compare(0, 2, "--") == 0);
    if (save_without_value) {
      sources.options += "\"\"";
      name_may_follow = true;
    }
  }
  return sources;
}

Status LoadFromCommandLine(Registry& registry, int argc, char** argv, const ProgramInfo& program) {
  if (argc < 1) return Error{"No arguments, not even the program's name\n"};
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 1 && arguments[0] == "-v") arguments[0] = "--version";
  if (arguments.size() == 1 && arguments[0] == "-h") arguments[0] = "--help";

  Split split = SplitArguments(registry, arguments);
  ParseFlags(program, argv[0], std::move(split.flags));
  Sources sources = ParseArguments(split.ours);
  registry.set_file(AbsolutePath(sources.file));
  std::string flag_lines = LinesOfChangedFlags();
  if (!flag_lines.empty()) sources.options = flag_lines + sources.options;
  return Load(registry, sources);
}

}  // namespace keyway::config
