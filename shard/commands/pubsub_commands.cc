// Publish and subscribe: https://redis.io/docs/manual/pubsub. What a subscriber is sent, messages
// and answers alike, is an array for RESP2 and a push for RESP3, and is sent whatever CLIENT REPLY
// said.
#include "shard/commands/pubsub_commands.h"

#include <optional>
#include <string>

#include "common/base/glob.h"
#include "common/command/help.h"
#include "shard/cluster/cluster.h"
#include "shard/commands/words.h"
#include "shard/pubsub/pubsub.h"
#include "shard/server/client.h"
#include "shard/server/effects.h"

namespace keyway::shard::commands {
namespace {

using pubsub::Kind;
using pubsub::PubSub;
using pubsub::Topic;

// One answer for each channel. `name` nullopt: there was nothing to unsubscribe from.
void Answer(CommandContext& context, std::string_view verb, std::optional<std::string_view> name,
            Kind kind) {
  resp::ReplyWriter out = context.client.Push();
  out.PushHeader(3);
  out.Bulk(verb);
  if (name) {
    out.Bulk(*name);
  } else {
    out.Null();
  }
  out.Integer(static_cast<int64_t>(PubSub::CountFor(context.client, kind)));
}

void SubscribeTo(CommandContext& context, std::string_view verb, Kind kind) {
  for (std::string_view name : context.args.subspan(1)) {
    (void)context.services.pubsub->Subscribe(context.client, kind, name);
    Answer(context, verb, name, kind);
  }
}

void UnsubscribeFrom(CommandContext& context, std::string_view verb, Kind kind) {
  PubSub& pubsub = *context.services.pubsub;
  for (std::string_view name : context.args.subspan(1)) {
    (void)pubsub.Unsubscribe(context.client, kind, name);
    Answer(context, verb, name, kind);
  }
  if (context.args.size() > 1) return;
  if (PubSub::FirstOf(context.client, kind) == nullptr) {
    return Answer(context, verb, std::nullopt, kind);
  }
  while (const Topic* topic = PubSub::FirstOf(context.client, kind)) {
    const std::string name = topic->name;
    (void)pubsub.Unsubscribe(context.client, kind, name);
    Answer(context, verb, name, kind);
  }
}

void Subscribe(CommandContext& context) {
  SubscribeTo(context, "subscribe", Kind::kChannel);
}

void Psubscribe(CommandContext& context) {
  SubscribeTo(context, "psubscribe", Kind::kPattern);
}

void Ssubscribe(CommandContext& context) {
  if (!context.may_block) {
    return context.reply.Error("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
  }
  SubscribeTo(context, "ssubscribe", Kind::kShardChannel);
}

void Unsubscribe(CommandContext& context) {
  UnsubscribeFrom(context, "unsubscribe", Kind::kChannel);
}

void Punsubscribe(CommandContext& context) {
  UnsubscribeFrom(context, "punsubscribe", Kind::kPattern);
}

void Sunsubscribe(CommandContext& context) {
  UnsubscribeFrom(context, "sunsubscribe", Kind::kShardChannel);
}

// The number of receivers on this node only, also in a cluster.
void Publish(CommandContext& context) {
  const size_t receivers = context.services.pubsub->Publish(context.args[1], context.args[2]);
  if (context.services.cluster != nullptr) {
    context.services.cluster->Publish(context.args[1], context.args[2], /*shard=*/false);
  } else if (context.effects != nullptr) {
    context.effects->Force(kEffectReplicas);
  }
  context.reply.Integer(static_cast<int64_t>(receivers));
}

void Spublish(CommandContext& context) {
  const size_t receivers = context.services.pubsub->PublishShard(context.args[1], context.args[2]);
  if (context.services.cluster != nullptr) {
    context.services.cluster->Publish(context.args[1], context.args[2], /*shard=*/true);
  } else if (context.effects != nullptr) {
    context.effects->Force(kEffectReplicas);
  }
  context.reply.Integer(static_cast<int64_t>(receivers));
}

// --- PUBSUB ---------------------------------------------------------------------------------

void ReplyNames(CommandContext& context, Kind kind) {
  if (context.args.size() > 3) {
    return context.reply.Error(SubcommandSyntaxError("PUBSUB", context.args[1]));
  }
  const auto place = context.reply.BeginDeferred();
  size_t matching = 0;
  for (const Topic& topic : context.services.pubsub->topics(kind)) {
    if (context.args.size() == 3 && !ChannelMatches(context.args[2], topic.name)) continue;
    context.reply.Bulk(topic.name);
    ++matching;
  }
  context.reply.EndDeferredArray(place, matching);
}

void ReplyCounts(CommandContext& context, Kind kind) {
  const auto names = context.args.subspan(2);
  context.reply.ArrayHeader(2 * names.size());
  for (std::string_view name : names) {
    context.reply.Bulk(name);
    const size_t count = context.services.pubsub->CountSubscribers(kind, name);
    context.reply.Integer(static_cast<int64_t>(count));
  }
}

void Channels(CommandContext& context) {
  ReplyNames(context, Kind::kChannel);
}

void Shardchannels(CommandContext& context) {
  ReplyNames(context, Kind::kShardChannel);
}

void Numsub(CommandContext& context) {
  ReplyCounts(context, Kind::kChannel);
}

void Shardnumsub(CommandContext& context) {
  ReplyCounts(context, Kind::kShardChannel);
}

void Numpat(CommandContext& context) {
  context.reply.Integer(static_cast<int64_t>(context.services.pubsub->count(Kind::kPattern)));
}

void Help(CommandContext& context) {
  constexpr std::string_view kLines[] = {
      "CHANNELS [<pattern>]",
      "    Return the currently active channels matching a <pattern> (default: '*').",
      "NUMPAT",
      "    Return number of subscriptions to patterns.",
      "NUMSUB [<channel> ...]",
      "    Return the number of subscribers for the specified channels, excluding",
      "    pattern subscriptions(default: no channels).",
      "SHARDCHANNELS [<pattern>]",
      "    Return the currently active shard level channels matching a <pattern> (default: '*').",
      "SHARDNUMSUB [<shardchannel> ...]",
      "    Return the number of subscribers for the specified shard level channel(s)",
  };
  command::ReplyHelp("pubsub", kLines, context.reply);
}

}  // namespace

void RegisterPubSub(HandlerTable& handlers) {
  handlers.Register("subscribe", Subscribe);
  handlers.Register("unsubscribe", Unsubscribe);
  handlers.Register("psubscribe", Psubscribe);
  handlers.Register("punsubscribe", Punsubscribe);
  handlers.Register("ssubscribe", Ssubscribe);
  handlers.Register("sunsubscribe", Sunsubscribe);
  handlers.Register("publish", Publish);
  handlers.Register("spublish", Spublish);
  handlers.Register("pubsub|channels", Channels);
  handlers.Register("pubsub|numsub", Numsub);
  handlers.Register("pubsub|numpat", Numpat);
  handlers.Register("pubsub|shardchannels", Shardchannels);
  handlers.Register("pubsub|shardnumsub", Shardnumsub);
  handlers.Register("pubsub|help", Help);
}

}  // namespace keyway::shard::commands
