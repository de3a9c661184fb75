"""Scripts and functions through proxies in front of three shards: compared with one redis-server, and what happens when
shards forget scripts, are busy, end and join."""

import hashlib
import urllib.request

import keyway_testing as kt
import proxied_cluster

# One a line, as for EVAL behind the command; names in braces are replaced by the SHA1 of that body.
BODIES = {
    "one": "return 1",
    "get": "return redis.call('get', KEYS[1])",
    "set": "return redis.call('set', KEYS[1], ARGV[1])",
    "incr": "return redis.call('incrby', KEYS[1], ARGV[1] or 1)",
    "table": "return {1, 'two', {3, false}, KEYS, ARGV}",
    "error": "return redis.error_reply('MINE is what it says')",
    "raise": "error('raised')",
    "bad": "return (",
    "map": "redis.setresp(3) return redis.call('hgetall', KEYS[1])",
    "limit": "local c = redis.call('incr', KEYS[1]) if c == 1 then redis.call('pexpire', KEYS[1], ARGV[1]) end return c",
    "move": "local v = redis.call('lpop', KEYS[1]) if v then redis.call('rpush', KEYS[2], v) end return v",
    "never": "return 'never sent as a whole'",
    "shebang": "#!lua flags=no-writes\nreturn redis.call('get', KEYS[1])",
    "wrong": "#!nope\nreturn 1",
    "noscript": "return redis.error_reply('NOSCRIPT No matching script of mine')",
}
LIBRARY = """#!lua name=lib
local function put(keys, args) return redis.call('set', keys[1], args[1]) end
redis.register_function('put', put)
redis.register_function{function_name='look', callback=function(keys) return redis.call('get', keys[1]) end, flags={'no-writes'}}
redis.register_function('none', function(keys, args) return #keys + #args end)
"""
LIBRARY_2 = LIBRARY.replace("#keys + #args", "'second'")
OTHER = "#!lua name=other\nredis.register_function('other', function() return 'other' end)\n"


def sha1(name):
    return hashlib.sha1(BODIES[name].encode()).hexdigest()


def metrics(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line and not line.startswith("#")}


def requests():
    """A session; the keys of a request are in one slot, those of different requests in many."""
    for name in ("EVAL", "EVAL_RO", "EVALSHA", "EVALSHA_RO", "FCALL", "FCALL_RO"):
        yield [name]
        yield [name, "x"]
        for keys in ("0", "1 k", "x", "-1", "2 k", "1", "1.0 k", "01 k", "9223372036854775808 k", " 0", "1x k", "-9223372036854775808"):
            yield [name, "return 1", *keys.split(" ")]
    for name in ("one", "never"):
        yield ["EVALSHA", sha1(name), 0]
        yield ["SCRIPT", "EXISTS", sha1(name), sha1(name).upper(), "x"]
    # A script is known to all shards when one of them has seen it.
    for name, body in BODIES.items():
        if name == "never":
            continue
        yield ["EVAL", body, 1, "k0", "5"]
        for number in range(12):
            yield ["EVALSHA", sha1(name), 1, f"k{number}", "7"]
            yield ["EVALSHA_RO", sha1(name).upper(), 1, f"k{number}", "7"]
        yield ["EVALSHA", sha1(name), 0]
        yield ["SCRIPT", "EXISTS", sha1(name)]
        yield ["EVAL", body, 0]
        yield ["EVAL_RO", body, 1, "k3"]
        yield ["EVAL", body, 2, "{k}1", "{k}2", "x"]
    yield ["EVALSHA", sha1("never"), 0]
    for number in range(6):
        yield ["HSET", f"h{number}", "f", "v"]
        yield ["EVALSHA", sha1("map"), 1, f"h{number}"]
        yield ["RPUSH", "{l%d}a" % number, "1", "2"]
        yield ["EVALSHA", sha1("move"), 2, "{l%d}a" % number, "{l%d}b" % number]
        yield ["LRANGE", "{l%d}b" % number, 0, -1]
    yield ["SCRIPT", "FLUSH"]
    for name in BODIES:
        yield ["SCRIPT", "EXISTS", sha1(name)]
        yield ["EVALSHA", sha1(name), 1, "k1", "1"]
    for name, body in BODIES.items():
        yield ["SCRIPT", "LOAD", body]
        yield ["SCRIPT", "EXISTS", sha1(name), sha1("one")]
        for number in range(6):
            yield ["EVALSHA", sha1(name), 1, f"k{number}", "1"]
    yield ["SCRIPT", "FLUSH", "ASYNC"]
    yield ["SCRIPT", "FLUSH", "SYNC"]
    yield ["SCRIPT", "FLUSH", "NOPE"]
    yield ["SCRIPT", "FLUSH", "SYNC", "ASYNC"]
    yield ["SCRIPT", "EXISTS", *(sha1(name) for name in BODIES)]
    for words in ("KILL", "KILL x", "NOPE", "LOAD", "LOAD a b", "EXISTS", "DEBUG", "DEBUG NO", "DEBUG NOPE", "HELP", "HELP x"):
        yield ["SCRIPT", *words.split()]
    yield ["SCRIPT"]
    yield ["EVAL", "return redis.call('evalsha', 'x', 0)", 0]
    yield ["COMMAND", "GETKEYS", "EVAL", "return 1", "2", "a", "b", "c"]
    yield ["COMMAND", "GETKEYS", "EVALSHA", "x", "0"]
    yield ["COMMAND", "GETKEYS", "FCALL", "x", "1", "a"]
    # Functions.
    yield ["FUNCTION", "STATS"]
    yield ["FUNCTION", "LIST"]
    yield ["FCALL", "put", 1, "k1", "v"]
    for words in (["LOAD"], ["LOAD", "x"], ["LOAD", LIBRARY], ["LOAD", LIBRARY], ["LOAD", "REPLACE", LIBRARY], ["LOAD", "NOPE", LIBRARY],
                  ["LIST"], ["LIST", "WITHCODE"], ["LIST", "LIBRARYNAME", "l*"], ["LIST", "LIBRARYNAME", "z*"], ["LIST", "NOPE"], ["STATS"],
                  ["LOAD", OTHER.replace("=other", "=lib")], ["LOAD", "#!lua name=bad\nreturn ("], ["LOAD", "#!lua name=none\nreturn 1"]):
        yield ["FUNCTION", *words]
    for number in range(8):
        yield ["FCALL", "put", 1, f"k{number}", f"v{number}"]
        yield ["FCALL", "look", 1, f"k{number}"]
        yield ["FCALL_RO", "look", 1, f"k{number}"]
        yield ["FCALL_RO", "put", 1, f"k{number}", "x"]
        yield ["GET", f"k{number}"]
        yield ["FCALL", "none", 1, f"k{number}", "a"]
    yield ["FCALL", "none", 0]
    yield ["FCALL", "none", 0, "a", "b"]
    yield ["FCALL", "nope", 1, "k3"]
    yield ["FUNCTION", "LOAD", "REPLACE", LIBRARY_2]
    for number in range(8):
        yield ["FCALL", "none", 1, f"k{number}"]
    for words in ("DELETE nope", "DELETE", "DELETE lib", "DELETE lib", "LIST", "FLUSH NOPE", "FLUSH", "FLUSH ASYNC", "FLUSH SYNC", "KILL", "HELP",
                  "NOPE", "RESTORE x", "RESTORE", "DUMP", "DUMP x", "STATS x", "RESTORE x NOPE"):
        yield ["FUNCTION", *words.split()]
    yield ["FUNCTION"]
    yield ["FCALL", "none", 1, "k3"]


class ScriptsTest(proxied_cluster.ProxiedClusterTest):
    proxy_count = 2
    node_directives = {"busy_reply_threshold": "200"}

    def setUp(self):
        super().setUp()
        self.addCleanup(self.kill_scripts)
        with self.proxy.client() as client:
            client.call("FLUSHALL")
            client.call("SCRIPT", "FLUSH")
            client.call("FUNCTION", "FLUSH")
        with self.proxies[1].client() as client:
            client.call("SCRIPT", "FLUSH")

    def client(self, server=None, *first):
        client = (server or self.proxy).client(timeout=30.0)
        self.addCleanup(client.close)
        for request in first:
            client.call(*request)
        return client

    def kill_scripts(self):
        for node in self.nodes:
            node.call("SCRIPT", "KILL")
            node.call("FUNCTION", "KILL")

    def key_of(self, node, number=0):
        return self.keys_of(node, number + 1)[number]

    # Compared with one redis-server ---------------------------------------------------------------------------------

    def compare(self, version, pipelined):
        reference = self.start(kt.RedisServer())
        ours, theirs = self.client(), self.client(reference)
        for client in (ours, theirs):
            client.call("HELLO", version)
        # Redis refuses that one in a pipeline.
        script = [request for request in requests() if not pipelined or request[1:2] != ["DEBUG"]]
        if pipelined:
            answers = [client.pipeline(script) for client in (ours, theirs)]
        else:
            answers = [[client.call(*request) for request in script] for client in (ours, theirs)]
        for request, one, other in zip(script, *answers):
            if request[:2] == ["FUNCTION", "LIST"]:  # in any order
                one, other = (sorted(reply.split(b"\r\n")) for reply in (one, other))
            self.assertEqual(one, other, f"the reply to {request}")

    def test_one_by_one_resp2(self):
        self.compare(2, pipelined=False)

    def test_one_by_one_resp3(self):
        self.compare(3, pipelined=False)

    def test_pipelined_resp2(self):
        self.compare(2, pipelined=True)

    def test_pipelined_resp3(self):
        self.compare(3, pipelined=True)

    def test_dump_and_restore(self):
        reference = self.start(kt.RedisServer())
        clients = [self.client(), self.client(reference)]
        for client in clients:
            client.call("FUNCTION", "LOAD", LIBRARY)
        payloads = [client.value("FUNCTION", "DUMP") for client in clients]
        self.assertEqual(*payloads)
        for words in (["APPEND"], ["REPLACE"], ["FLUSH"], [], ["NOPE"]):
            self.assertEqual(*(client.call("FUNCTION", "RESTORE", payloads[0], *words) for client in clients))
        for client in clients:
            client.call("FUNCTION", "FLUSH")
        self.assertEqual(*(client.call("FUNCTION", "RESTORE", payloads[0]) for client in clients))
        for node in self.nodes:
            self.assertEqual(self.client(self.proxies[1]).call("FCALL", "put", 1, self.key_of(node), "v"), b"+OK\r\n")

    # Keys -----------------------------------------------------------------------------------------------------------

    def test_keys_in_several_slots(self):
        client = self.client()
        for request in (["EVAL", "return 1", 2, "a", "b"], ["EVALSHA", sha1("one"), 2, "a", "b"], ["FCALL", "f", 2, "a", "b"]):
            self.assertEqual(client.call(*request), b"-CROSSSLOT Keys in request don't hash to the same slot\r\n")

    def test_without_keys_one_shard_for_all(self):
        body = "return redis.call('incr', ARGV[1])"
        lowest = self.owner(0)
        key = self.key_of(lowest)
        clients = [self.client(proxy) for proxy in self.proxies for _ in range(6)]
        for count, client in enumerate(clients, 1):
            self.assertEqual(client.call("EVAL", body, 0, key), b":%d\r\n" % count)
        foreign = self.key_of(next(node for node in self.nodes if node is not lowest))
        self.assertIn(b"non local key", clients[0].call("EVAL", body, 0, foreign))

    # Shards that do not know a script -------------------------------------------------------------------------------

    def test_forgotten_behind_the_proxys_back(self):
        client, other = self.client(), self.client(self.proxies[1])
        client.call("SCRIPT", "LOAD", BODIES["incr"])
        for node in self.nodes:
            key = self.key_of(node)
            node.call("SCRIPT", "FLUSH")
            # Two of the same script stay in order, and what follows does not overtake them.
            self.assertEqual(client.pipeline([["EVALSHA", sha1("incr"), 1, key, 5], ["EVALSHA", sha1("incr"), 1, key, 6],
                                              ["GET", key], ["INCR", key], ["EVALSHA", sha1("incr"), 1, key, 1]]),
                             [b":5\r\n", b":11\r\n", b"$2\r\n11\r\n", b":12\r\n", b":13\r\n"])
            self.assertEqual(client.call("SCRIPT", "EXISTS", sha1("incr")), b"*1\r\n:1\r\n")
        # The other proxy has never seen the text; the repair has told its shard.
        self.assertEqual(other.call("EVALSHA", sha1("incr"), 1, key, 1), b":14\r\n")
        for node in self.nodes:
            node.call("SCRIPT", "FLUSH")
        self.assertEqual(other.call("EVALSHA", sha1("incr"), 1, key, 1), b"-NOSCRIPT No matching script. Please use EVAL.\r\n")
        self.assertEqual(client.call("EVALSHA_RO", sha1("incr"), 1, key),
                         client.call("EVAL_RO", BODIES["incr"], 1, key))

    def test_line_ends_that_redis_does_not_look_at(self):
        """A request of its client's making is sent again in the proxy's own words."""
        client, key = self.client(), self.key_of(self.nodes[1])
        client.call("SCRIPT", "LOAD", BODIES["incr"])
        for node in self.nodes:
            node.call("SCRIPT", "FLUSH")
        words = [b"EVALSHA", sha1("incr").encode(), b"1", key.encode(), b"5"]
        client.send(b"*%d\r." % len(words) + b"".join(b"$%d\r.%s.." % (len(word), word) for word in words))
        self.assertEqual(client.read(), b":5\r\n")
        self.assertEqual(client.call("GET", key), b"$1\r\n5\r\n")

    def test_order_of_different_scripts(self):
        client = self.client()
        client.call("SCRIPT", "LOAD", BODIES["set"])
        client.call("SCRIPT", "LOAD", BODIES["get"])
        key = self.key_of(self.nodes[0])
        for round_number in range(50):
            self.nodes[0].call("SCRIPT", "FLUSH")
            self.nodes[0].call("SCRIPT", "LOAD", BODIES["get"])
            value = b"%d" % round_number
            self.assertEqual(client.pipeline([["EVALSHA", sha1("set"), 1, key, value], ["EVALSHA", sha1("get"), 1, key],
                                              ["SET", key, "x"], ["EVALSHA", sha1("get"), 1, key], ["GET", key]]),
                             [b"+OK\r\n", b"$%d\r\n%s\r\n" % (len(value), value), b"+OK\r\n", b"$1\r\nx\r\n", b"$1\r\nx\r\n"])

    def test_seen_once_known_through_every_proxy(self):
        client, other = self.client(), self.client(self.proxies[1])
        client.call("EVAL", BODIES["incr"], 1, self.key_of(self.nodes[0]), 1)
        for node in self.nodes:
            kt.wait_until(lambda: node.value("SCRIPT", "EXISTS", sha1("incr")) == [1], what="the script to be known everywhere")
        for node in self.nodes:
            self.assertEqual(other.call("EVALSHA", sha1("incr"), 1, self.key_of(node, 1), 1), b":1\r\n")

    def test_exists_is_what_evalsha_does(self):
        client = self.client()
        for name in ("bad", "wrong"):
            self.assertTrue(client.call("EVAL", BODIES[name], 0).startswith(b"-ERR"))
            self.assertEqual(client.call("SCRIPT", "EXISTS", sha1(name)), b"*1\r\n:0\r\n")
            self.assertTrue(client.call("EVALSHA", sha1(name), 0).startswith(b"-NOSCRIPT"))

    # Long scripts ---------------------------------------------------------------------------------------------------

    def test_busy_shard(self):
        busy, free = self.nodes[0], self.nodes[1]
        runner, client = self.client(), self.client()
        busy_key, free_key = self.key_of(busy), self.key_of(free)
        for kill, request in ((["SCRIPT", "KILL"], ["EVAL", "while true do end", 1, busy_key]),
                              (["FUNCTION", "KILL"], ["FCALL", "forever", 1, busy_key])):
            client.call("FUNCTION", "LOAD", "REPLACE",
                        "#!lua name=long\nredis.register_function('forever', function() while true do end end)")
            runner.send(kt.encode(*request))
            kt.wait_until(lambda: client.call("GET", busy_key).startswith(b"-BUSY Redis is busy running a script"),
                          what="the shard to say that it is busy")
            self.assertEqual(client.call("SET", free_key, "v"), b"+OK\r\n")
            self.assertEqual(client.call("EVAL", BODIES["get"], 1, free_key), b"$1\r\nv\r\n")
            self.assertTrue(client.call("EVAL", "return 2", 1, busy_key).startswith(b"-BUSY"))
            self.assertTrue(client.call("SCRIPT", "LOAD", "return 3").startswith(b"-BUSY"))
            if kill[0] == "SCRIPT":
                self.assertTrue(client.call("FUNCTION", "STATS").startswith(b"-BUSY"))
            else:
                self.assertEqual(client.value("FUNCTION", "STATS")[1][1], b"forever")
            self.assertEqual(client.call(*kill), b"+OK\r\n")
            self.assertIn(b"Script killed by user", runner.read())
            kt.wait_until(lambda: client.call("GET", busy_key) == b"$-1\r\n", what="the shard to serve again")
            self.assertTrue(client.call(*kill).startswith(b"-NOTBUSY"))
        client.call("FUNCTION", "FLUSH")

    def test_unkillable(self):
        runner, client = self.client(), self.client()
        key = self.key_of(self.nodes[2])
        gate = self.client(self.nodes[2], ["SUBSCRIBE", "gate"])
        runner.send(kt.encode("EVAL", "redis.call('set', KEYS[1], 'x') "
                              "while redis.call('pubsub', 'numsub', 'gate')[2] > 0 do end return 'end'", 1, key))
        kt.wait_until(lambda: client.call("GET", key).startswith(b"-BUSY"), what="the shard to be busy")
        self.assertTrue(client.call("SCRIPT", "KILL").startswith(b"-UNKILLABLE"))
        gate.close()
        self.assertEqual(runner.read(), b"$3\r\nend\r\n")

    # Shards that end ------------------------------------------------------------------------------------------------

    def test_restarted_shard(self):
        client = self.client()
        node = self.nodes[1]
        key = self.key_of(node)
        client.call("SCRIPT", "LOAD", BODIES["incr"])
        node.kill()
        node.start()
        kt.wait_until(lambda: kt.cluster_is_whole(self.nodes), timeout=30, what="the cluster to become whole")
        kt.wait_until(lambda: client.call("EXISTS", key) == b":0\r\n", what="the proxy to reach the shard")
        self.assertEqual(node.value("SCRIPT", "EXISTS", sha1("incr")), [0])
        self.assertEqual(client.call("EVALSHA", sha1("incr"), 1, key, 4), b":4\r\n")

    def test_a_script_whose_fate_is_unknown_is_not_repeated(self):
        runner, watcher = self.client(), self.client()
        node = self.nodes[1]
        key, mark = self.key_of(node), self.key_of(self.nodes[0])
        watcher.call("SET", mark, 1)
        node.call("CONFIG", "SET", "appendonly", "no")
        runner.send(kt.encode("EVAL", "redis.call('incr', KEYS[1]) while true do end", 1, key))
        kt.wait_until(lambda: node.call("GET", key).startswith(b"-BUSY"), what="the shard to be busy")
        node.kill()
        self.assertTrue(runner.read().startswith(b"-UNCERTAIN "))
        node.start()
        kt.wait_until(lambda: kt.cluster_is_whole(self.nodes), timeout=30, what="the cluster to become whole")
        kt.wait_until(lambda: watcher.call("GET", key) == b"$-1\r\n", what="the shard to serve again")

    def test_metrics(self):
        port = kt.free_port()
        proxy = self.start(self.new_proxy(http_port=port))
        self.wait_covered(proxy)
        client = self.client(proxy)
        client.call("SCRIPT", "LOAD", BODIES["one"])
        for node in self.nodes:
            node.call("SCRIPT", "FLUSH")
        client.call("EVALSHA", sha1("one"), 0)
        numbers = metrics(port)
        self.assertEqual(numbers["keyway_proxy_scripts_cached"], 1)
        self.assertGreater(numbers["keyway_proxy_scripts_cached_bytes"], 0)
        self.assertEqual(numbers["keyway_proxy_noscript_repaired_total"], 1)


class ScriptsOfKeywayShardsTest(ScriptsTest):
    node_class = kt.KeywayShard


class JoiningShardTest(proxied_cluster.ProxiedClusterTest):
    """A shard that joins is told of functions and scripts by the proxies."""

    proxy_count = 2

    def join(self, add):
        """Starts a node, has `add` make it known to the others, gives it slots, and calls what should be there."""
        client = self.proxy.client(timeout=30.0)
        self.addCleanup(client.close)
        self.assertEqual(client.call("FUNCTION", "LOAD", "REPLACE", LIBRARY), b"$3\r\nlib\r\n")
        client.call("FUNCTION", "LOAD", "REPLACE", OTHER)
        client.call("SCRIPT", "LOAD", BODIES["get"])
        client.call("EVAL", BODIES["one"], 0)
        keys = [f"joining:{number}" for number in range(300)]
        for key in keys:
            self.assertEqual(client.call("FCALL", "put", 1, key, key), b"+OK\r\n")
        node = self.start_once(type(self).node_class(cluster_enabled="yes", cluster_node_timeout=2000, enable_debug_command="yes"))
        add(node)
        self.nodes.append(node)
        kt.wait_until(lambda: kt.cluster_is_whole(self.nodes), timeout=30, what="the cluster to become whole")
        kt.redis_cli_cluster("rebalance", f"127.0.0.1:{self.nodes[0].port}", "--cluster-use-empty-masters")
        kt.wait_until(lambda: {name for library in node.value("FUNCTION", "LIST") for name in [library[1]]} == {b"lib", b"other"},
                      timeout=20, what="the functions on the new shard")
        kt.wait_until(lambda: node.value("SCRIPT", "EXISTS", sha1("get"), sha1("one")) == [1, 1], timeout=20,
                      what="the scripts on the new shard")
        kt.wait_until(lambda: kt.cluster_is_whole(self.nodes), timeout=30, what="the cluster to become whole")
        moved = [key for key in keys if self.owner_of_key(key) is node]
        self.assertGreater(len(moved), 20)
        for proxy in self.proxies:
            with proxy.client() as other:
                for key in moved:
                    value = b"$%d\r\n%s\r\n" % (len(key), key.encode())
                    self.assertEqual(other.call("FCALL", "look", 1, key), value)
                    self.assertEqual(other.call("EVALSHA", sha1("get"), 1, key), value)
        # Everybody has all of it still.
        for each in self.nodes:
            self.assertEqual(len(each.value("FUNCTION", "LIST")), 2)

    def test_met(self):
        def meet(node):
            node.call("CLUSTER", "MEET", "127.0.0.1", self.nodes[0].port)
        self.join(meet)

    def test_added_by_redis_cli(self):
        self.join(lambda node: kt.redis_cli_cluster("add-node", f"127.0.0.1:{node.port}", f"127.0.0.1:{self.nodes[0].port}"))


if __name__ == "__main__":
    kt.main()
