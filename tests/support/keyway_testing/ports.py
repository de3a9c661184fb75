"""Ports on the loopback address that nobody listens on."""

import os
import random
import socket

# Below the kernel's ephemeral range, so that no outgoing connection takes a port between our look and the
# server's bind. The cluster bus adds 10000, which must stay below 65536, and be free as well.
_FIRST, _LAST = 11000, 20000
_BUS = 10000
_random = random.Random(os.urandom(16))
# Of the ports given by this process, each with a socket in the abstract namespace that keeps other tests, which run at the same time,
# from giving it too before a server listens on it.
_given = {}


def _is_free(port):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def _claim(port):
    """A socket that no other process can make as long as this one has it; None when another has it."""
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0keyway-test-port-{port}")
    except OSError:
        claim.close()
        return None
    return claim


def free_port():
    """A port that is free now, whose cluster bus port (+10000) is free too, and that was not given before, neither here nor to another
    test that runs."""
    for _ in range(1000):
        port = _random.randrange(_FIRST, _LAST)
        if port in _given or (claim := _claim(port)) is None:
            continue
        _given[port] = claim
        if _is_free(port) and _is_free(port + _BUS):
            return port
    raise RuntimeError("found no free port")


def free_ports(count):
    """`count` different ones."""
    return [free_port() for _ in range(count)]
