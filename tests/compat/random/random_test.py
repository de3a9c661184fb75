"""A bounded run of the random comparison in each setting; compare.py is for longer ones."""

import os

import keyway_testing as kt
from compare import Comparison
from generator import Generator

COMMANDS = int(os.environ.get("KEYWAY_RANDOM_COMMANDS", "20000"))


class RandomTest(kt.TestCase):
    def compare(self, target, generator, resp):
        reference = self.start(kt.RedisServer())
        difference = Comparison(reference.port, target.port, resp).run(generator, COMMANDS)
        if difference:
            self.fail(difference)

    def proxy_before(self, node_class):
        nodes = kt.start_cluster(self, node_class)
        seeds = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
        proxy = self.start(kt.KeywayProxy(startup_nodes=seeds, threads=2))
        kt.wait_until(lambda: not proxy.call("DBSIZE").startswith(b"-"), what="the proxy's topology")
        return proxy

    def test_shard_resp2(self):
        self.compare(self.start(kt.KeywayShard()), Generator(seed=11), resp=2)

    def test_shard_resp3(self):
        self.compare(self.start(kt.KeywayShard()), Generator(seed=12), resp=3)

    def test_proxy_before_shards_resp2(self):
        self.compare(self.proxy_before(kt.KeywayShard), Generator(seed=13, one_slot=True, databases=False), resp=2)

    def test_proxy_before_shards_resp3(self):
        self.compare(self.proxy_before(kt.KeywayShard), Generator(seed=14, one_slot=True, databases=False), resp=3)

    def test_proxy_before_redis_servers(self):
        self.compare(self.proxy_before(kt.RedisServer), Generator(seed=15, one_slot=True, databases=False), resp=2)

    def test_proxy_keys_in_many_slots(self):
        generator = Generator(seed=16, databases=False)
        one_slot_only = {generator.rename.__func__, generator.lcs.__func__}
        generator.COMMANDS = [row for row in Generator.COMMANDS if row[0] not in one_slot_only]
        generator.pair_commands = [b"MSET"]
        self.compare(self.proxy_before(kt.KeywayShard), generator, resp=2)


if __name__ == "__main__":
    kt.main()
