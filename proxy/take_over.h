// Taking the ports of a running proxy over (common/net/reuse_port.h): the successor listens on them
// too, has new connections come to itself only, and then tells the predecessor to drain, which closes
// its sockets when nothing waits in their queues any more.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/base/expected.h"
#include "common/net/address.h"
#include "common/net/event_loop.h"

namespace keyway::proxy {

// The process that the file at `pid_path` names, if it runs and is one of this program; else 0.
int64_t FindPredecessor(const std::string& pid_path);

// How many sockets listen on that of `addresses` which has the most.
int MostListeners(const std::vector<net::Endpoint>& addresses);

// One of this process's listening sockets on an address.
struct ListeningSocket {
  net::Endpoint local;
  int fd = -1;
};

// New connections go to the successors of this process, which has `own` sockets on each address.
void SteerToSuccessor(const std::vector<ListeningSocket>& sockets, int own);

// `sockets`: one on each address, of which there are `own` in this process, the last that were added.
class TakeOver {
 public:
  TakeOver(net::EventLoop& loop, int64_t predecessor, std::vector<ListeningSocket> sockets,
           int own);

  // Takes the new connections and tells the predecessor. Where the system does not let connections be
  // steered, which is logged, both get some until the predecessor has closed its sockets.
  void Begin();
  // No longer steers; the sockets may be closed then.
  void End();

 private:
  void CheckPredecessor();

  const int64_t predecessor_;
  const std::vector<ListeningSocket> sockets_;
  const int own_;
  net::Timer timer_;
};

}  // namespace keyway::proxy
