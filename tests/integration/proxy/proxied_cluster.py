"""What the proxy's tests share: a Redis Cluster behind proxies, made once for all tests of a class."""

import keyway_testing as kt


class ProxiedClusterTest(kt.TestCase):
    """`nodes`: three primaries of `node_class`; `proxies`: in front of them."""

    node_class = kt.RedisServer
    proxy_count = 1
    proxy_flags = {}
    node_directives = {}

    @classmethod
    def setUpClass(cls):
        directives = {"cluster_node_timeout": 2000, "enable_debug_command": "yes", **cls.node_directives}
        cls.nodes = [cls.start_once(cls.node_class(cluster_enabled="yes", **directives)) for _ in range(3)]
        kt.redis_cli_cluster("create", *(f"127.0.0.1:{node.port}" for node in cls.nodes), "--cluster-yes")
        kt.wait_until(lambda: kt.cluster_is_whole(cls.nodes), timeout=30, what="the cluster to become whole")
        cls.proxies = [cls.start_once(cls.new_proxy()) for _ in range(cls.proxy_count)]
        cls.proxy = cls.proxies[0]
        for proxy in cls.proxies:
            cls.wait_covered(proxy)

    @classmethod
    def new_proxy(cls, **flags):
        nodes = ",".join(f"127.0.0.1:{node.port}" for node in cls.nodes)
        return kt.KeywayProxy(**{"startup_nodes": nodes, **cls.proxy_flags, **flags})

    @classmethod
    def start_once(cls, server):
        cls.addClassCleanup(cls.end_once, server)
        return server.start()

    @staticmethod
    def end_once(server):
        try:
            # A proxy that has served all tests of the class still ends as it should.
            if isinstance(server, kt.KeywayProxy) and server.is_alive():
                code = server.stop()
                assert code == 0, f"the proxy ended with {code}:\n{server.output()[-8000:]}"
        finally:
            server.cleanup()

    @staticmethod
    def wait_covered(proxy):
        """Until the proxy knows a shard for every slot."""
        kt.wait_until(lambda: proxy.info("proxy").get("proxy_covered_slots") == "16384", what="the slot map")

    def setUp(self):
        for node in self.nodes:
            if node.is_alive():
                node.call("FLUSHALL")

    def owner(self, slot):
        """The node that serves `slot`, by its own account."""
        for node in self.nodes:
            for first, last, primary, *_ in node.value("CLUSTER", "SLOTS"):
                if first <= slot <= last and primary[1] == node.port:
                    return node
        raise AssertionError(f"no node serves slot {slot}")

    def slot(self, key):
        return self.nodes[0].value("CLUSTER", "KEYSLOT", key)

    def keys_of(self, node, count):
        """`count` keys that `node` serves."""
        keys, number = [], 0
        while len(keys) < count:
            key = f"key:{number}"
            number += 1
            if self.owner_of_key(key) is node:
                keys.append(key)
        return keys

    def owner_of_key(self, key):
        return self.owner(self.slot(key))
