// Changes what CONFIG SET can change of the proxy itself, for all threads.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/net/event_loop.h"

namespace keyway::proxy::session {

class OwnSettings {
 public:
  using Pairs = std::vector<std::pair<std::string, std::string>>;  // parameter and value

  virtual ~OwnSettings() = default;
  // Sets all of `pairs` or none. `done` runs on the thread of `asker`, which is the calling one, when
  // all threads go by it: with the whole text of the error, or an empty one.
  virtual void Set(net::EventLoop& asker, Pairs pairs,
                   std::function<void(const std::string& error)> done) = 0;
};

}  // namespace keyway::proxy::session
