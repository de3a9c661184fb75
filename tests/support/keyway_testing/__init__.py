"""What the Python tests share: free ports, servers that are started and always stopped, a RESP client.

Standard library only. A test looks like this:

    import keyway_testing as kt

    class PingTest(kt.TestCase):
        def test_ping(self):
            shard = self.start(kt.KeywayShard())
            with shard.client() as client:
                self.assertEqual(client.call("PING"), b"+PONG\\r\\n")

    if __name__ == "__main__":
        kt.main()

and is wired in a BUILD.bazel by the macro in python_test.bzl.
"""

from keyway_testing.cluster import cluster_is_whole, redis_cli_cluster, start_cluster, start_proxied_cluster
from keyway_testing.cluster_client import ClusterClient, NotAccepted, Writers, key_in_slots, slot_of
from keyway_testing.ports import free_port, free_ports
from keyway_testing.resp import Client, ProtocolError, elements_of, encode, parse, value_of
from keyway_testing.servers import KeywayProxy, KeywayShard, RedisServer, Server
from keyway_testing.running import TestCase, main, wait_until

__all__ = [
    "Client", "ClusterClient", "KeywayProxy", "KeywayShard", "NotAccepted", "ProtocolError", "RedisServer", "Server", "TestCase", "Writers",
    "cluster_is_whole", "elements_of", "encode", "free_port", "free_ports", "key_in_slots", "main", "parse", "redis_cli_cluster", "slot_of",
    "start_cluster", "start_proxied_cluster", "value_of", "wait_until",
]
