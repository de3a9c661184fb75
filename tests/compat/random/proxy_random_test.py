"""A bounded run of the random comparison with a proxy before three nodes; compare.py is for longer ones."""

import os

import keyway_testing as kt
from compare import Comparison
from proxy_generator import ProxyGenerator

COMMANDS = int(os.environ.get("KEYWAY_RANDOM_COMMANDS", "20000"))


class ProxyRandomTest(kt.TestCase):
    def compare(self, node_class, seed, resp, spread, databases=1):
        reference = self.start(kt.RedisServer())
        directives = {"cluster_databases": databases} if databases > 1 else {}
        nodes = kt.start_cluster(self, node_class, **directives)
        seeds = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
        proxy = self.start(kt.KeywayProxy(startup_nodes=seeds, threads=2))
        kt.wait_until(lambda: proxy.info("proxy").get("proxy_covered_slots") == "16384", what="the slot map")
        generator = ProxyGenerator(seed, reference.value("COMMAND"), databases > 1, spread)
        difference = Comparison(reference.port, proxy.port, resp).run(generator, COMMANDS)
        if difference:
            self.fail(difference)


def _add_tests():
    seed = 20
    for kind, node_class, databases in (("shards", kt.KeywayShard, 16), ("redis", kt.RedisServer, 1)):
        for spread in (False, True):
            for resp in (2, 3):
                def test(self, arguments=(node_class, seed, resp, spread, databases)):
                    self.compare(*arguments)
                slots = "many_slots" if spread else "one_slot"
                setattr(ProxyRandomTest, f"test_{slots}_before_{kind}_resp{resp}", test)
                seed += 1


_add_tests()

if __name__ == "__main__":
    kt.main()
