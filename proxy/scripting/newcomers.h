// Gives a primary that joins the cluster what the other primaries have been told before: functions, and
// the scripts in the proxy's cache. Every proxy does so, which harms nothing: loading what is there is
// no change.
//
// A newcomer is a primary of a slot map that was not a primary in the one before. Libraries that it
// lacks are copied from the first primary that is not one; those it has stay as they are. Each newcomer
// is looked after until all is loaded, it leaves the map, or the attempts are used up.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/net/address.h"
#include "common/net/event_loop.h"
#include "proxy/backend/backend.h"
#include "proxy/scripting/script_cache.h"
#include "proxy/topology/topology.h"

namespace keyway::proxy::scripting {

class Newcomers {
 public:
  // All references must outlive it; one thread, that of `loop`.
  Newcomers(net::EventLoop& loop, backend::Pool& pool, const ScriptCache& scripts);
  ~Newcomers();

  // The newest map. Nobody is new in the first one.
  void SetMap(topology::SlotMapPtr map);

  // Those that have not everything yet.
  size_t waiting() const;

 private:
  class Newcomer;

  // A primary that is not new itself; nothing: there is none.
  std::optional<net::Endpoint> Source() const;

  net::EventLoop& loop_;
  backend::Pool& pool_;
  const ScriptCache& scripts_;
  topology::SlotMapPtr map_;
  std::vector<std::unique_ptr<Newcomer>> newcomers_;
};

}  // namespace keyway::proxy::scripting
