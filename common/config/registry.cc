#include "common/config/registry.h"

#include <algorithm>
#include <cctype>
#include <limits>
#include <optional>

#include <glog/logging.h>

#include "common/base/glob.h"
#include "common/config/rewrite.h"
#include "common/config/split_words.h"

namespace keyway::config {

namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

// CONFIG SET takes one argument a directive; the words of a kMultiWord one are split at each single
// space, so two spaces make an empty word, as in Redis.
std::vector<std::string> WordsOf(const Directive& directive, std::string_view text) {
  if (!directive.Has(kMultiWord)) return {std::string(text)};
  std::vector<std::string> words;
  if (text.empty()) return words;
  size_t start = 0;
  while (true) {
    size_t space = text.find(' ', start);
    words.emplace_back(text.substr(start, space - start));
    if (space == std::string_view::npos) return words;
    start = space + 1;
  }
}

Error SetFailed(std::string_view name, std::string_view reason) {
  return Error{"ERR CONFIG SET failed (possibly related to argument '" + std::string(name) +
               "') - " + std::string(reason)};
}

void Restore(Directive& directive, const std::string& old_text) {
  Expected<bool> restored = directive.value->Set(WordsOf(directive, old_text));
  if (!restored) {
    LOG(ERROR) << "Could not restore " << directive.name
               << " after a failed CONFIG SET: " << restored.error().message;
  }
}

}  // namespace

void Registry::Add(Directive directive) {
  auto owned = std::make_unique<Directive>(std::move(directive));
  for (const std::string& name : {owned->name, owned->alias}) {
    if (name.empty()) continue;
    CHECK(name == Lower(name)) << name;
    CHECK(FindLine(name) == nullptr) << name << " is there already";
    CHECK(by_name_.emplace(name, Entry{owned.get(), name}).second) << name << " is there already";
    order_.push_back(name);
  }
  directives_.push_back(std::move(owned));
}

void Registry::AddLine(std::string_view name, size_t min_words, size_t max_words, LineFn handler,
                       LineRewriteFn rewrite) {
  CHECK(FindEntry(name) == nullptr) << name << " is there already";
  Line line{min_words, max_words, std::move(handler), std::move(rewrite), false};
  CHECK(lines_.emplace(Lower(name), std::move(line)).second) << name << " is there already";
}

void Registry::AddObsolete(std::string_view name, size_t words) {
  AddLine(name, words, words, [](std::span<const std::string>) { return Status(); });
  lines_.at(Lower(name)).obsolete = true;
}

void Registry::OnApply(std::initializer_list<std::string_view> names, ApplyFn apply) {
  auto shared = std::make_shared<ApplyFn>(std::move(apply));
  for (std::string_view name : names) {
    const Entry* entry = FindEntry(name);
    CHECK(entry != nullptr) << "no directive " << name;
    apply_[entry->directive] = shared;
  }
}

const Registry::Entry* Registry::FindEntry(std::string_view name) const {
  auto found = by_name_.find(Lower(name));
  return found == by_name_.end() ? nullptr : &found->second;
}

const Directive* Registry::Find(std::string_view name) const {
  const Entry* entry = FindEntry(name);
  return entry == nullptr ? nullptr : entry->directive;
}

const Registry::Line* Registry::FindLine(std::string_view name) const {
  auto found = lines_.find(Lower(name));
  return found == lines_.end() ? nullptr : &found->second;
}

std::vector<std::string> Registry::IneffectiveSettings() const {
  std::vector<std::string> names;
  for (const auto& directive : directives_) {
    if (directive->Has(kNoEffectYet) && directive->value->Get() != directive->initial) {
      names.push_back(directive->name);
    }
  }
  return names;
}

std::vector<NameValue> Registry::Get(std::span<const std::string_view> patterns) const {
  std::vector<NameValue> found;
  std::unordered_set<std::string_view> seen;  // views of keys of by_name_
  for (std::string_view pattern : patterns) {
    if (pattern.find_first_of("[*?") == std::string_view::npos) {
      const Entry* entry = FindEntry(pattern);
      if (entry == nullptr || !seen.insert(entry->name).second) continue;
      found.emplace_back(pattern, entry->directive->value->Get());
      continue;
    }
    for (const std::string& name : order_) {
      const Entry& entry = by_name_.at(name);
      if (entry.directive->Has(kHidden) || !GlobMatch(pattern, name, /*ignore_case=*/true))
        continue;
      if (!seen.insert(entry.name).second) continue;
      found.emplace_back(name, entry.directive->value->Get());
    }
  }
  return found;
}

// An unknown name counts before every other fault, and a fault of loading before all.
Status Registry::CheckSettable(std::span<const Pair> pairs, SetOptions options,
                               std::vector<const Entry*>& targets) const {
  std::optional<Error> fault;
  for (const Pair& pair : pairs) {
    const Entry* entry = FindEntry(pair.first);
    if (entry == nullptr) {
      if (fault) continue;
      return Error{"ERR Unknown option or number of arguments for CONFIG SET - '" +
                   std::string(pair.first) + "'"};
    }
    if (fault) continue;
    const Directive& directive = *entry->directive;
    if (directive.Has(kImmutable)) {
      fault = SetFailed(pair.first, "can't set immutable config");
    } else if (directive.Has(kProtected) && !options.allow_protected) {
      fault = SetFailed(pair.first, "can't set protected config");
    } else if (directive.Has(kDenyLoading) && options.loading) {
      fault = Error{"LOADING Redis is loading the dataset in memory"};
    } else if (std::find(targets.begin(), targets.end(), entry) != targets.end()) {
      fault = SetFailed(pair.first, "duplicate parameter");
    }
    targets.push_back(entry);
  }
  if (fault) return *std::move(fault);
  return {};
}

Status Registry::Set(std::span<const Pair> pairs, SetOptions options) {
  std::vector<const Entry*> targets;
  if (Status settable = CheckSettable(pairs, options, targets); !settable) return settable;

  std::vector<std::string> old_texts;
  for (const Entry* entry : targets) old_texts.push_back(entry->directive->value->Get());
  auto restore_first = [&](size_t count) {
    for (size_t i = count; i-- > 0;) Restore(*targets[i]->directive, old_texts[i]);
  };

  struct Application {
    std::shared_ptr<ApplyFn> function;
    const std::string* name;
  };
  std::vector<Application> applications;
  for (size_t i = 0; i < targets.size(); ++i) {
    Directive& directive = *targets[i]->directive;
    Expected<bool> changed = directive.value->Set(WordsOf(directive, pairs[i].second));
    if (!changed) {
      restore_first(i);
      return SetFailed(targets[i]->name, changed.error().message);
    }
    auto apply = apply_.find(&directive);
    if (!*changed || apply == apply_.end()) continue;
    bool known = std::any_of(applications.begin(), applications.end(),
                             [&](const Application& a) { return a.function == apply->second; });
    if (!known) applications.push_back({apply->second, &targets[i]->name});
  }

  for (size_t i = 0; i < applications.size(); ++i) {
    Status applied = (*applications[i].function)();
    if (applied) continue;
    restore_first(targets.size());
    for (size_t back = 0; back <= i; ++back) {
      Status reverted = (*applications[back].function)();
      if (!reverted) {
        LOG(ERROR) << "Could not apply the old value of " << *applications[back].name
                   << " after a failed CONFIG SET: " << reverted.error().message;
      }
    }
    return SetFailed(*applications[i].name, applied.error().message);
  }
  return {};
}

Status Registry::Rewrite() const {
  if (file_.empty()) return Error{"ERR The server is running without a config file"};
  Status rewritten = RewriteFile(*this, file_);
  if (!rewritten) return Error{"ERR Rewriting config file: " + rewritten.error().message};
  return {};
}

Status Registry::SetFromLine(std::span<const std::string> words) {
  if (const Line* line = FindLine(words[0])) {
    if (words.size() < line->min_words || words.size() > line->max_words) {
      return Error{"Bad directive or wrong number of arguments"};
    }
    return line->handler(words);
  }
  const Entry* entry = FindEntry(words[0]);
  if (entry == nullptr) return Error{"Bad directive or wrong number of arguments"};
  Directive& directive = *entry->directive;
  std::vector<std::string> values(words.begin() + 1, words.end());
  if (!directive.Has(kMultiWord)) {
    if (values.size() != 1) return Error{"wrong number of arguments"};
  } else if (values.size() == 1) {
    // All words in one pair of quotes.
    auto split = SplitWords(values[0]);
    if (!split) return Error{"Unbalanced quotes in configuration line"};
    values = *std::move(split);
  }
  bool first = seen_in_file_.insert(&directive).second;
  Expected<bool> set = directive.value->SetFromFile(values, first);
  if (!set) return set.error();
  return {};
}

}  // namespace keyway::config
