"""A bounded run of the random comparison in each setting; compare.py is for longer ones."""

import os

import keyway_testing as kt
from compare import Comparison
from generator import ONE_SLOT_ONLY, Generator

COMMANDS = int(os.environ.get("KEYWAY_RANDOM_COMMANDS", "20000"))


_DEBUG = {"enable_debug_command": "yes"}
# What a proxy does not take yet, or answers for itself.
_NOT_THROUGH_PROXY = {b"BLPOP", b"BRPOP", b"BLMOVE", b"BRPOPLPUSH", b"BLMPOP", b"BZPOPMIN", b"BZPOPMAX", b"BZMPOP", b"MULTI", b"EXEC", b"DISCARD",
                      b"WATCH", b"UNWATCH", b"WAIT", b"DEBUG", b"PFDEBUG", b"PUBSUB", b"SUBSCRIBE", b"PSUBSCRIBE", b"SSUBSCRIBE", b"MEMORY"}
_OPTIONS_NOT_THROUGH_PROXY = {b"XREAD": {b"BLOCK"}, b"XREADGROUP": {b"BLOCK"}, b"SORT": {b"BY", b"GET"}, b"SORT_RO": {b"BY", b"GET"}}


# Where these say how many keys follow: a wrong number makes keys of options, which lie in any slot.
_NUMBER_OF_KEYS = {b"ZUNION": 1, b"ZINTER": 1, b"ZDIFF": 1, b"ZINTERCARD": 1, b"SINTERCARD": 1, b"LMPOP": 1, b"ZMPOP": 1, b"ZUNIONSTORE": 2,
                   b"ZINTERSTORE": 2, b"ZDIFFSTORE": 2}


def _has_foreign_keys(request):
    at = _NUMBER_OF_KEYS.get(request[0].upper())
    if at is None or len(request) <= at or not request[at].isdigit():
        return False
    keys = request[at + 1:at + 1 + min(int(request[at]), len(request))]
    return any(not key.startswith(b"{t}") for key in keys)


class ProxyGenerator(Generator):
    """The requests that a proxy takes, with all keys in one slot."""

    def __init__(self, seed):
        super().__init__(seed, one_slot=True, databases=False)

    def request(self):
        while True:
            request = super().request()
            name, words = request[0].upper(), {word.upper() for word in request[1:]}
            if name not in _NOT_THROUGH_PROXY and not words & _OPTIONS_NOT_THROUGH_PROXY.get(name, set()) and \
                    not _has_foreign_keys(request):
                return request


class RandomTest(kt.TestCase):
    def compare(self, target, generator, resp):
        reference = self.start(kt.RedisServer(**_DEBUG))
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
        self.compare(self.start(kt.KeywayShard(**_DEBUG)), Generator(seed=11), resp=2)

    def test_shard_resp3(self):
        self.compare(self.start(kt.KeywayShard(**_DEBUG)), Generator(seed=12), resp=3)

    def test_proxy_before_shards_resp2(self):
        self.compare(self.proxy_before(kt.KeywayShard), ProxyGenerator(seed=13), resp=2)

    def test_proxy_before_shards_resp3(self):
        self.compare(self.proxy_before(kt.KeywayShard), ProxyGenerator(seed=14), resp=3)

    def test_proxy_before_redis_servers(self):
        self.compare(self.proxy_before(kt.RedisServer), ProxyGenerator(seed=15), resp=2)

    def test_proxy_keys_in_many_slots(self):
        generator = Generator(seed=16, databases=False, families=["string", "hash", "set"])
        one_slot_only = {generator.rename.__func__, generator.lcs.__func__} | ONE_SLOT_ONLY
        generator.COMMANDS = [row for row in generator.COMMANDS if row[0] not in one_slot_only]
        generator.pair_commands = [b"MSET"]
        self.compare(self.proxy_before(kt.KeywayShard), generator, resp=2)


if __name__ == "__main__":
    kt.main()
