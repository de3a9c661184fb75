// The shard's configuration as a program of its own, for comparison with redis-server: takes the
// shard's command line, then reads CONFIG GET, SET and REWRITE as RESP from stdin and writes the
// replies to stdout. A configuration that does not load is told on stderr and ends with 1, as in
// the shard.
//
//   config [redis.conf] [--name value ...]
#include <unistd.h>

#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/output_buffer.h"
#include "common/config/gflags_bridge.h"
#include "common/config/registry.h"
#include "common/resp/reply_writer.h"
#include "common/resp/request_parser.h"
#include "shard/config/directives.h"
#include "shard/config/shard_config.h"

namespace keyway {
namespace {

void ReplyToSet(config::Registry& registry, std::span<const std::string_view> words,
                bool allow_protected, resp::ReplyWriter& reply) {
  if (words.empty() || words.size() % 2 != 0) {
    reply.Error("ERR syntax error");
    return;
  }
  std::vector<config::Registry::Pair> pairs;
  for (size_t i = 0; i < words.size(); i += 2) pairs.emplace_back(words[i], words[i + 1]);
  config::SetOptions options;
  options.allow_protected = allow_protected;
  Status set = registry.Set(pairs, options);
  if (set.ok()) {
    reply.Ok();
  } else {
    reply.Error(set.error().message);
  }
}

void Reply(config::Registry& registry, const shard::ShardConfig& values,
           std::span<const std::string_view> words, resp::ReplyWriter& reply) {
  std::string_view what = words.size() > 1 ? words[1] : std::string_view();
  if (what == "get") {
    std::vector<config::NameValue> found = registry.Get(words.subspan(2));
    reply.MapHeader(found.size());
    for (const auto& [name, value] : found) {
      reply.Bulk(name);
      reply.Bulk(value);
    }
  } else if (what == "set") {
    bool allowed = values.enable_protected_configs != shard::ProtectedAction::kNo;
    ReplyToSet(registry, words.subspan(2), allowed, reply);
  } else if (what == "rewrite") {
    Status rewritten = registry.Rewrite();
    if (rewritten.ok()) {
      reply.Ok();
    } else {
      reply.Error(rewritten.error().message);
    }
  } else {
    reply.Error("ERR unknown request");
  }
}

bool WriteAll(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

int Serve(config::Registry& registry, const shard::ShardConfig& values) {
  resp::RequestParser parser;
  std::string received;
  char chunk[64 * 1024];
  while (true) {
    const ssize_t count = read(STDIN_FILENO, chunk, sizeof(chunk));
    if (count <= 0) return 0;
    received.append(chunk, static_cast<size_t>(count));
    OutputBuffer out;
    resp::ReplyWriter reply(out);
    while (true) {
      const resp::ParseOutcome outcome = parser.Next(received);
      if (outcome == resp::ParseOutcome::kError) return 1;
      if (outcome == resp::ParseOutcome::kRequest) {
        Reply(registry, values, parser.arguments(), reply);
      }
      received.erase(0, parser.consumed());
      if (outcome == resp::ParseOutcome::kNeedMore) break;
    }
    if (!WriteAll(out.ToString())) return 1;
  }
}

int Run(int argc, char** argv) {
  shard::ShardConfig values;
  config::Registry registry;
  shard::AddDirectives(registry, values);
  config::RegisterFlags(registry);
  Status loaded = config::LoadFromCommandLine(
      registry, argc, argv,
      {.version = "7.0.15", .usage = "config [redis.conf] [--name value ...]"});
  if (!loaded.ok()) {
    std::fputs(loaded.error().message.c_str(), stderr);
    return 1;
  }
  auto finished = shard::FinishConfig(registry, values);
  if (!finished.ok()) {
    std::fputs(finished.error().message.c_str(), stderr);
    return 1;
  }
  return Serve(registry, values);
}

}  // namespace
}  // namespace keyway

int main(int argc, char** argv) {
  return keyway::Run(argc, argv);
}
