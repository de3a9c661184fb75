#!/usr/bin/python3
"""Scripts on a node of a cluster that serves only some of the slots: what they may touch, with redis-server's words."""

import keyway_testing as kt

_LAST_OWN_SLOT = 10000
# The first two are in slots of the node, 8579 and 449; nobody serves that of the last, 12706.
_ONE, _OTHER, _FOREIGN = "k0", "k2", "k1"

_PLAIN = ""
_DECLARED = "#!lua\n"
_CROSS = "#!lua flags=allow-cross-slot-keys\n"
_READS = "#!lua flags=no-writes\n"


def _set(key, call="call"):
    return f"return redis.{call}('set','{key}','1')"


def _requests():
    """What is sent, in this order."""
    two_sets = f"redis.call('set','{_ONE}','1') {_set(_OTHER)}"
    two_gets = f"return redis.call('mget','{_ONE}','{_OTHER}')"
    for shebang in (_PLAIN, _DECLARED, _CROSS):
        for body in (_set(_ONE), _set(_FOREIGN), _set(_FOREIGN, "pcall"), two_sets, two_gets, "return 1"):
            yield ["EVAL", shebang + body, 0]
            for keys in ([_ONE], [_OTHER], [_FOREIGN], [_ONE, _OTHER], [_ONE, _ONE]):
                yield ["EVAL", shebang + body, len(keys), *keys]
    for body in (f"'object','encoding','{_FOREIGN}'", "'publish','c','m'", f"'spublish','{_FOREIGN}','m'",
                 f"'spublish','{_ONE}','m'", "'select',1", "'ping'", f"'get','{_ONE}'", f"'exists','{_ONE}','{_FOREIGN}'",
                 "'xread','streams','a'"):
        for shebang in (_PLAIN, _DECLARED, _READS):
            yield ["EVAL", f"{shebang}return redis.pcall({body})", 0]
            yield ["EVAL", f"{shebang}return redis.pcall({body})", 1, _OTHER]
            yield ["EVAL_RO", f"{shebang}return redis.pcall({body})", 1, _ONE]
    for flags in ("no-cluster", "no-cluster,no-writes", "no-cluster,allow-cross-slot-keys"):
        yield ["EVAL", f"#!lua flags={flags}\nreturn 1", 0]
        yield ["EVAL", f"#!lua flags={flags}\nreturn 1", 1, _FOREIGN]
    yield ["FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('put', function(keys, args) "
           "return redis.call('set', args[1], 1) end)"]
    for key in (_ONE, _OTHER, _FOREIGN):
        yield ["FCALL", "put", 0, key]
        yield ["FCALL", "put", 1, _ONE, key]
    # All of a transaction is of one slot.
    for first in (["SET", _ONE, "1"], ["EVAL", _DECLARED + _set(_ONE), 0], ["EVAL", _PLAIN + _set(_ONE), 0]):
        yield ["MULTI"]
        yield first
        yield ["EVAL", _DECLARED + _set(_OTHER), 0]
        yield ["EVAL", _PLAIN + _set(_OTHER), 0]
        yield ["EXEC"]


def _requests_when_down():
    """While the cluster is down."""
    for shebang in (_PLAIN, _DECLARED, _READS):
        for body in (f"return redis.call('get','{_ONE}')", _set(_ONE), "return 1", "return redis.call('ping')"):
            yield ["EVAL", shebang + body, 0]
            yield ["EVAL", shebang + body, 1, _ONE]
            yield ["EVAL_RO", shebang + body, 1, _ONE]


class ScriptClusterTest(kt.TestCase):
    def setUp(self):
        self.servers = [self.start(server(cluster_enabled="yes", cluster_require_full_coverage="no"))
                        for server in (kt.RedisServer, kt.KeywayShard)]
        for server in self.servers:
            server.value("CLUSTER", "ADDSLOTSRANGE", 0, _LAST_OWN_SLOT)
            self.wait_for_state(server, "ok")

    def wait_for_state(self, server, state):
        kt.wait_until(lambda: f"cluster_state:{state}".encode() in server.value("CLUSTER", "INFO"), timeout=30,
                      what=f"the cluster to be {state}")

    def compare(self, requests):
        theirs, ours = (server.client() for server in self.servers)
        with theirs, ours:
            for request in requests:
                with self.subTest(request):
                    self.assertEqual(ours.call(*request), theirs.call(*request))

    def test_slots(self):
        self.compare(_requests())

    def test_cluster_that_is_down(self):
        for server in self.servers:
            server.value("CONFIG", "SET", "cluster-require-full-coverage", "yes")
            server.value("CLUSTER", "DELSLOTS", _LAST_OWN_SLOT)  # which makes redis-server look
            self.wait_for_state(server, "fail")
        self.compare(_requests_when_down())
        for server in self.servers:
            server.value("CONFIG", "SET", "cluster-allow-reads-when-down", "yes")
        self.compare(_requests_when_down())


if __name__ == "__main__":
    kt.main()
