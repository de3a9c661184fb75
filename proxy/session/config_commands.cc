// CONFIG. What concerns the connection point is the proxy's own: the table SessionOptions::config, which
// its flags fill, and OwnSettings to change them. What concerns the data is the shards', asked of all primaries and told to all of
// them:
//
//   maxmemory     the sum of all; what is set is divided evenly, so that the sum is what was set
//   all others    what all agree on. Asked for by name, a value that differs is an error that names
//                 the shards; as one of many, it is the value of the primary with the lowest slot
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/glob.h"
#include "common/command/help.h"
#include "common/config/memory_size.h"
#include "common/resp/reply_parser.h"
#include "proxy/execution/admin_merge.h"
#include "proxy/execution/ask_all.h"
#include "proxy/execution/encode.h"
#include "proxy/execution/error_text.h"
#include "proxy/session/deferred.h"
#include "proxy/session/local_commands.h"
#include "proxy/session/own_settings.h"
#include "proxy/session/session.h"

namespace keyway::proxy::session {
namespace {

using execution::AskAllOperation;
using execution::ShardAnswer;
using Values = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kMaxMemory = "maxmemory";

bool IsExact(std::string_view pattern) {
  return pattern.find_first_of("*?[") == std::string_view::npos;
}

const std::string* FindValue(const Values& values, std::string_view name) {
  const auto value = std::find_if(values.begin(), values.end(), [name](const auto& each) {
    return EqualsIgnoreCase(each.first, name);
  });
  return value == values.end() ? nullptr : &value->second;
}

// The proxy's own values that `patterns` ask for. Redis shows a name without wildcards as it was
// asked for.
Values OwnMatches(const Values& own, std::span<const std::string> patterns) {
  Values matches;
  for (const std::string& pattern : patterns) {
    for (const auto& [name, value] : own) {
      const bool exact = IsExact(pattern);
      if (exact ? !EqualsIgnoreCase(pattern, name) : !GlobMatch(pattern, name, true)) continue;
      const std::string& shown = exact ? pattern : name;
      if (FindValue(matches, shown) == nullptr) matches.emplace_back(shown, value);
    }
  }
  return matches;
}

void WriteValues(const Values& values, resp::ReplyWriter& reply) {
  reply.MapHeader(values.size());
  for (const auto& [name, value] : values) {
    reply.Bulk(name);
    reply.Bulk(value);
  }
}

// One directive, as every shard has it.
struct Directive {
  std::string name;
  std::vector<std::pair<const ShardAnswer*, std::string>> values;

  bool agreed() const {
    return std::all_of(values.begin(), values.end(), [this](const auto& value) {
      return value.second == values[0].second;
    });
  }
  std::string Disagreement() const {
    std::string text = "the shards have different values of '" + name + "': ";
    for (const auto& [answer, value] : values) {
      if (!text.ends_with(": ")) text += ", ";
      text += answer->node + " has '" + value + "'";
    }
    return text;
  }
};

// False: an answer is no map of texts.
bool ReadDirectives(std::span<const ShardAnswer> answers, std::vector<Directive>* directives) {
  for (const ShardAnswer& answer : answers) {
    const auto tree = resp::ParseReplyTree(answer.bytes);
    if (!tree.ok() || tree->elements.size() % 2 != 0) return false;
    for (size_t i = 0; i < tree->elements.size(); i += 2) {
      const std::string name(tree->elements[i].text);
      auto known = std::find_if(directives->begin(), directives->end(),
                                [&name](const Directive& each) { return each.name == name; });
      if (known == directives->end()) known = directives->insert(known, {name, {}});
      known->values.emplace_back(&answer, std::string(tree->elements[i + 1].text));
    }
  }
  return true;
}

// No limit at one shard is no limit of the whole.
std::string SumOfLimits(const Directive& directive) {
  uint64_t sum = 0;
  for (const auto& [answer, value] : directive.values) {
    const uint64_t limit = config::ParseMemory(value).value_or(0);
    if (limit == 0) return "0";
    sum += limit;
  }
  return std::to_string(sum);
}

void ReplyToGet(const Values& own, const execution::Arguments& arguments,
                std::span<const ShardAnswer> answers, resp::ReplyWriter& reply) {
  const std::span patterns = std::span(arguments).subspan(2);
  std::vector<Directive> directives;
  if (!ReadDirectives(answers, &directives)) {
    return reply.Error(execution::ProxyErrorText("a shard gave no map for CONFIG GET"));
  }
  Values values = OwnMatches(own, patterns);
  for (const Directive& directive : directives) {
    if (FindValue(own, directive.name) != nullptr) continue;
    const bool by_name = std::any_of(patterns.begin(), patterns.end(), [&](const auto& pattern) {
      return EqualsIgnoreCase(pattern, directive.name);
    });
    if (EqualsIgnoreCase(directive.name, kMaxMemory)) {
      values.emplace_back(directive.name, SumOfLimits(directive));
    } else if (by_name && !directive.agreed()) {
      return reply.Error(execution::ProxyErrorText(directive.Disagreement()));
    } else {
      values.emplace_back(directive.name, directive.values[0].second);
    }
  }
  WriteValues(values, reply);
}

void Get(LocalCall& call) {
  const Values& own = call.session.context().options.config;
  const std::span patterns = call.arguments.subspan(2);
  const bool all_own = std::all_of(patterns.begin(), patterns.end(), [&own](auto pattern) {
    return IsExact(pattern) && FindValue(own, pattern) != nullptr;
  });
  if (all_own) {
    const std::vector<std::string> texts(patterns.begin(), patterns.end());
    return WriteValues(OwnMatches(own, texts), call.reply);
  }
  call.Defer(new AskAllOperation(
      {}, [&own](const execution::Arguments& arguments, std::span<const ShardAnswer> answers,
                 resp::ReplyWriter& reply) { ReplyToGet(own, arguments, answers, reply); }));
}

// One of `count` even shares of a limit; none is 0, which would be no limit.
uint64_t ShareOf(uint64_t limit, size_t place, size_t count) {
  if (limit == 0) return 0;
  return std::max<uint64_t>(1, limit / count + (place < limit % count ? 1 : 0));
}

std::string SetRequest(const std::vector<std::string>& pairs, size_t place, size_t count) {
  std::string bytes;
  execution::AppendArrayHeader(2 + pairs.size(), &bytes);
  execution::AppendBulk("CONFIG", &bytes);
  execution::AppendBulk("SET", &bytes);
  for (size_t i = 0; i < pairs.size(); i += 2) {
    execution::AppendBulk(pairs[i], &bytes);
    // The shards say what is wrong with a value that is none.
    const std::optional<uint64_t> limit = EqualsIgnoreCase(pairs[i], kMaxMemory)
                                              ? config::ParseMemory(pairs[i + 1])
                                              : std::nullopt;
    execution::AppendBulk(limit ? std::to_string(ShareOf(*limit, place, count)) : pairs[i + 1],
                          &bytes);
  }
  return bytes;
}

void SetOwn(LocalCall& call, OwnSettings::Pairs pairs) {
  SessionContext& context = call.session.context();
  if (context.own_settings == nullptr) return call.Error("ERR CONFIG SET is not possible here");
  call.Defer(new DeferredOperation([&context, pairs = std::move(pairs)](auto ticket) {
    context.own_settings->Set(context.loop, pairs, [ticket](const std::string& error) {
      OutputBuffer bytes;
      resp::ReplyWriter reply(bytes);
      if (error.empty()) {
        reply.Ok();
      } else {
        reply.Error(error);
      }
      ticket->Answer(std::move(bytes));
    });
  }));
}

void Set(LocalCall& call) {
  if (call.arguments.size() % 2 != 0) return call.Error(kSyntaxError);
  const Values& own = call.session.context().options.config;
  OwnSettings::Pairs own_pairs;
  std::vector<std::string> pairs;
  for (size_t i = 2; i < call.arguments.size(); i += 2) {
    const std::string name(call.arguments[i]);
    const std::string value(call.arguments[i + 1]);
    if (FindValue(own, name) != nullptr) {
      own_pairs.emplace_back(name, value);
    } else {
      pairs.push_back(name);
      pairs.push_back(value);
    }
  }
  if (pairs.empty()) return SetOwn(call, std::move(own_pairs));
  // What the shards have set could not be taken back for sure.
  if (!own_pairs.empty()) {
    return call.Error("ERR CONFIG SET failed (possibly related to argument '" + own_pairs[0].first +
                      "') - it is keyway-proxy's own, and cannot be set together with '" + pairs[0] +
                      "', which is the shards'");
  }
  call.Defer(new AskAllOperation(
      {}, execution::ReplyFirst,
      [pairs](size_t place, size_t count) { return SetRequest(pairs, place, count); }));
}

void ResetStat(LocalCall& call) {
  call.session.context().directory.MarkStatistics();
  call.Defer(new AskAllOperation({}, execution::ReplyFirst));
}

void Rewrite(LocalCall& call) {
  call.Defer(new AskAllOperation({}, execution::ReplyFirst));
}

void Help(LocalCall& call) {
  WriteHelp(call, command::ConfigHelp());
}

}  // namespace

void RegisterConfigCommands(LocalCommands& commands) {
  commands.AddQuiet("config|get", Get);
  commands.AddQuiet("config|set", Set);
  commands.AddQuiet("config|resetstat", ResetStat);
  commands.AddQuiet("config|rewrite", Rewrite);
  commands.Add("config|help", Help);
}

}  // namespace keyway::proxy::session
