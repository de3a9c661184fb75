// One process takes a port over from another that listens on it, too (SO_REUSEPORT).
//
// The kernel keeps the listening sockets of an address in a group and chooses one of them for each new
// connection. A socket that is closed resets the connections in its queue, and the handshakes that
// are under way for it. So:
//
// 1. The successor listens with n sockets or more, where the predecessor has n. They come last in the
//    group, at the places n and up, and it steers new connections there.
// 2. When the handshakes of before have had time to end, the predecessor steers to the place n alone,
//    accepts what is in its queues (Listener::AcceptWaiting), and closes its sockets. The last of the
//    group moves to the place of one that is closed: n is always that of a socket of the successor,
//    until none of the predecessor's is left. (What is steered to a place that does not exist may go
//    to any socket.)
#pragma once

#include "common/base/expected.h"
#include "common/net/address.h"

namespace keyway::net {

// How many sockets listen on `local`, which is numeric and has a port, of all processes together.
// Error: the system does not say.
Expected<int> CountListeners(const Endpoint& local);

// New connections to the group of the listening socket `fd` go to its members at the places from
// `first`, of `count` ones, evenly. Error: as setsockopt says.
Status Steer(int fd, int first, int count);
// They go to all members again.
Status StopSteering(int fd);

}  // namespace keyway::net
