#include "shard/cluster/redirects.h"

#include <algorithm>

namespace keyway::shard::cluster {

using gossip::Node;

namespace {

constexpr std::string_view kTryAgain = "TRYAGAIN Multiple keys request during rehashing of slot";

std::string_view KeyAt(const Admission& request, size_t i) {
  return request.args[static_cast<size_t>(request.keys[i].index)];
}

void Redirect(std::string_view kind, int slot, const Node& node, const ClusterOptions& options,
              resp::ReplyWriter& reply) {
  std::string text(kind);
  text += ' ' + std::to_string(slot) + ' ' + PreferredEndpointOf(node, options) + ':' +
          std::to_string(node.port);
  reply.Error(text);
}

}  // namespace

std::string PreferredEndpointOf(const Node& node, const ClusterOptions& options) {
  switch (options.preferred_endpoint) {
    case PreferredEndpoint::kIp:
      return node.ip;
    case PreferredEndpoint::kHostname:
      return node.hostname.empty() ? "?" : node.hostname;
    case PreferredEndpoint::kUnknown:
      break;
  }
  return {};
}

bool Redirects::FindSlot(const Admission& request, int* slot, resp::ReplyWriter& reply) const {
  *slot = KeySlot(KeyAt(request, 0));
  if (table_.Owner(*slot) == nullptr) {
    reply.Error("CLUSTERDOWN Hash slot not served");
    return false;
  }
  for (size_t i = 1; i < request.keys.size(); ++i) {
    if (KeySlot(KeyAt(request, i)) != *slot) {
      reply.Error("CROSSSLOT Keys in request don't hash to the same slot");
      return false;
    }
  }
  return true;
}

bool Redirects::CheckState(const Admission& request, bool channels,
                           resp::ReplyWriter& reply) const {
  if (state_.ok()) return true;
  if (channels) {
    if (options_.allow_pubsubshard_when_down) return true;
  } else if (options_.allow_reads_when_down) {
    if (!request.command.spec->is(command::kWrite)) return true;
    reply.Error("CLUSTERDOWN The cluster is down and only accepts read commands");
    return false;
  }
  reply.Error("CLUSTERDOWN The cluster is down");
  return false;
}

Redirects::Found Redirects::CountKeys(const Admission& request) const {
  Found found;
  const std::string_view first = KeyAt(request, 0);
  for (size_t i = 0; i < request.keys.size(); ++i) {
    const std::string_view key = KeyAt(request, i);
    if (key != first) found.several = true;
    if (keys_.Contains(key, request.database)) {
      ++found.existing;
    } else {
      ++found.missing;
    }
  }
  return found;
}

bool Redirects::AdmitSlowly(const Admission& request, resp::ReplyWriter& reply) const {
  int slot = 0;
  if (!FindSlot(request, &slot, reply)) return false;
  const Node& me = table_.myself();
  const Node& owner = *table_.Owner(slot);
  // Channels of sharded pub/sub choose a slot, but are not stored in it. In a transaction they count
  // as keys that are missing, as by Redis.
  const bool channels = (request.keys[0].flags & command::kKeyNotKey) != 0 &&
                        request.command.spec->is(command::kPubsub);
  if (!CheckState(request, channels, reply)) return false;

  const Node* target = &owner == &me ? table_.MigratingTo(slot) : nullptr;
  const bool importing = &owner != &me && table_.ImportingFrom(slot) != nullptr;
  if (target != nullptr || importing) {
    if (request.command.full_name == "migrate") return true;
    const Found found = channels ? Found{} : CountKeys(request);
    if (target != nullptr && found.missing > 0) {
      if (found.existing > 0) {
        reply.Error(kTryAgain);
      } else {
        Redirect("ASK", slot, *target, options_, reply);
      }
      return false;
    }
    if (importing && (request.asking || request.command.spec->is(command::kAsking))) {
      if (!found.several || found.missing == 0) return true;
      reply.Error(kTryAgain);
      return false;
    }
  }
  if (&owner == &me) return true;
  const bool may_read = request.readonly_client || channels;
  if (may_read && me.is_replica() && me.primary == &owner &&
      !request.command.spec->is(command::kWrite)) {
    return true;
  }
  Redirect("MOVED", slot, owner, options_, reply);
  return false;
}

}  // namespace keyway::shard::cluster
