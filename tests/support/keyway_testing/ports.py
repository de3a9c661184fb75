"""Ports on the loopback address that nobody listens on."""

import os
import random
import socket

# Below the kernel's ephemeral range, so that no outgoing connection takes a port between our look and the
# server's bind. The cluster bus adds 10000, which must stay below 65536, and be free as well.
_FIRST, _LAST = 11000, 20000
_BUS = 10000
_random = random.Random(os.urandom(16))
_given = set()


def _is_free(port):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port():
    """A port that is free now, whose cluster bus port (+10000) is free too, and that was not given before."""
    for _ in range(1000):
        port = _random.randrange(_FIRST, _LAST)
        if port not in _given and _is_free(port) and _is_free(port + _BUS):
            _given.add(port)
            return port
    raise RuntimeError("found no free port")


def free_ports(count):
    """`count` different ones."""
    return [free_port() for _ in range(count)]
