"""Handshakes and administration through the proxy, which is to be one server: against one redis-server wherever replies
can be the same byte for byte, else by what they say of all shards. Before redis-server and before keyway-shard."""

import re
import time

import keyway_testing as kt
import proxied_cluster

# Replies that are the same as those of a redis-server that has just started.
SAME = """
READONLY x
READWRITE x
CLUSTER NOPE
CLUSTER KEYSLOT
CLUSTER
SLOWLOG GET -2
SLOWLOG GET x
SLOWLOG GET 0
SLOWLOG GET 1 2
SLOWLOG RESET
SLOWLOG HELP
SLOWLOG NOPE
SLOWLOG
LATENCY RESET
LATENCY LATEST
LATENCY HISTORY nothing
LATENCY GRAPH nothing
LATENCY RESET a b
LATENCY DOCTOR
LATENCY HELP
LATENCY NOPE
LATENCY HISTOGRAM nothing
LATENCY
MEMORY USAGE nothing
MEMORY USAGE
MEMORY USAGE a SAMPLES x
MEMORY PURGE
MEMORY HELP
MEMORY NOPE
OBJECT HELP
OBJECT FREQ nothing
OBJECT ENCODING nothing
MODULE LIST
MODULE HELP
MODULE NOPE
MODULE LOAD
ACL LOG
ACL LOG RESET
ACL LOG 5
ACL LOG x
ACL LOG 5 x
ACL CAT a b
ACL GENPASS 5 5
ACL CAT read x
ACL LOAD
ACL SAVE
ACL DELUSER default
ACL DELUSER a b
ACL WHOAMI
ACL USERS
ACL LIST
ACL GETUSER default
ACL GETUSER nobody
ACL CAT
ACL HELP
SWAPDB 0 0
SWAPDB 0 99
SWAPDB x 0
SWAPDB 00 0
SWAPDB 0 -0
SWAPDB 0 3000000000
SWAPDB 0 x
SWAPDB 0
BGSAVE NOPE
LASTSAVE x
CONFIG SET nosuch 1
CONFIG SET daemonize yes
CONFIG SET maxmemory-policy nope
CONFIG SET maxmemory 1 maxmemory 2
CONFIG SET maxmemory x
CONFIG SET maxmemory
CONFIG SET a 1 b
CONFIG RESETSTAT
CONFIG SET maxmemory 100mb
CONFIG GET maxmemory
CONFIG GET MAXMEMORY
CONFIG SET maxmemory 1gb maxmemory-policy allkeys-lru
CONFIG GET maxmemory-policy
CONFIG GET maxmemory
CONFIG SET maxmemory 0 maxmemory-policy noeviction
CONFIG GET maxmemory
CONFIG SET notify-keyspace-events KEA
CONFIG GET notify-keyspace-events
CONFIG SET notify-keyspace-events ""
CONFIG GET notify-keyspace-events
CONFIG GET appendonly
CONFIG GET databases
CONFIG GET nothing
CONFIG GET slowlog-log-slower-than slowlog-log-slower-than
CONFIG HELP
CONFIG NOPE
CLIENT PAUSE x
CLIENT PAUSE -1
CLIENT PAUSE 1 NOPE
CLIENT PAUSE 1 ALL x
CLIENT PAUSE
CLIENT PAUSE 1
CLIENT PAUSE 0 WRITE
CLIENT UNPAUSE
CLIENT UNPAUSE x
CLIENT UNBLOCK 1 TIMEOUT x
client unblock 1 timeout x
CLIENT TRACKING off
CLIENT TRACKING nope
CLIENT TRACKING
CLIENT TRACKINGINFO
CLIENT GETREDIR
CLIENT CACHING yes
CLIENT CACHING no
CLIENT NO-TOUCH on
CLIENT SETINFO LIB-NAME x
CLIENT NOPE
DEBUG
DEBUG SLEEP 0
LOLWUT
LOLWUT VERSION 9
LOLWUT VERSION x
ROLE
ROLE x
HELLO 2
HELLO 4
HELLO 2 SETNAME
HELLO 2 AUTH a
SELECT 0
SELECT -1
SELECT 16
SELECT x
RESET
TIME x
COMMAND GETKEYSANDFLAGS set a 1
COMMAND GETKEYSANDFLAGS mset a 1 b 2
COMMAND GETKEYS eval x 2 a b
COMMAND LIST FILTERBY NOPE x
COMMAND LIST FILTERBY PATTERN getr*
COMMAND DOCS get
COMMAND DOCS nosuch
COMMAND INFO get set nosuch
"""

# What identifies one server or one moment.
MASKS = [(re.compile(rb"\$2\r\nid\r\n:\d+"), b"$2\r\nid\r\n:N")]


def masked(reply):
    for pattern, replacement in MASKS:
        reply = pattern.sub(replacement, reply)
    return reply


def script(text):
    for line in text.split("\n"):
        if line:
            yield ["" if word == '""' else word for word in line.split()]


def fields(text):
    """The fields of INFO."""
    return dict(line.split(":", 1) for line in text.decode().splitlines() if ":" in line)


class AdminTests:
    """Run before both kinds of shards."""

    def client_of(self, server):
        client = server.client()
        self.addCleanup(client.close)
        return client

    def compare(self, version):
        reference = self.start(kt.RedisServer())
        ours, theirs = self.client_of(self.proxy), self.client_of(reference)
        for client in (ours, theirs):
            client.call("HELLO", version)
        different = []
        for request in script(SAME):
            replies = masked(ours.call(*request)), masked(theirs.call(*request))
            if replies[0] != replies[1]:
                different.append((request, *replies))
            if request == ["RESET"]:
                for client in (ours, theirs):
                    client.call("HELLO", version)
        self.assertEqual(different, [])

    def test_as_one_redis_resp2(self):
        self.compare(2)

    def test_as_one_redis_resp3(self):
        self.compare(3)

    def test_every_wrong_call_of_every_command(self):
        reference = self.start(kt.RedisServer())
        ours, theirs = self.client_of(self.proxy), self.client_of(reference)
        calls = []

        def add(row, container=None):
            name, arity = row[0].decode(), row[1]
            words = name.split("|")
            least = abs(arity)
            if least > len(words):
                calls.append(words)
            if arity > 0:
                calls.append(words + ["x"] * (arity - len(words) + 1))
            if row[9]:
                calls.append(words + ["nosuch"])
                calls.append(words + ["nosuch", "more"])
                for subcommand in row[9]:
                    add(subcommand, name)

        for row in theirs.value("COMMAND"):
            add(row)
        self.assertGreater(len(calls), 400)
        different = [(words, mine, reference_reply) for words in calls
                     if (mine := ours.call(*words)) != (reference_reply := theirs.call(*words))]
        self.assertEqual(different, [])

    def test_config_reaches_every_shard(self):
        client = self.client_of(self.proxy)
        try:
            self.assertEqual(client.call("CONFIG", "SET", "maxmemory", "1000000001", "hash-max-listpack-entries", "77"), b"+OK\r\n")
            self.assertEqual(client.value("CONFIG", "GET", "maxmemory"), [b"maxmemory", b"1000000001"])
            limits = [int(node.value("CONFIG", "GET", "maxmemory")[1]) for node in self.nodes]
            self.assertEqual(sum(limits), 1000000001)
            self.assertLess(max(limits) - min(limits), 2)
            for node in self.nodes:
                self.assertEqual(node.value("CONFIG", "GET", "hash-max-listpack-entries")[1], b"77")
            # One that differs is no value of the whole.
            self.nodes[1].call("CONFIG", "SET", "hash-max-listpack-entries", "78")
            reply = client.call("CONFIG", "GET", "hash-max-listpack-entries")
            self.assertTrue(reply.startswith(b"-ERR keyway-proxy: the shards have different values of "), reply)
            self.assertIn(f"127.0.0.1:{self.nodes[1].port} has '78'".encode(), reply)
            everything = client.value("CONFIG", "GET", "*")
            names = everything[::2]
            self.assertEqual(len(names), len(set(names)))
            self.assertIn(b"hash-max-listpack-entries", names)
            self.assertEqual(everything[names.index(b"port") * 2 + 1], b"%d" % self.proxy.port)
        finally:
            client.call("CONFIG", "SET", "maxmemory", "0", "hash-max-listpack-entries", "128")

    def test_config_of_the_proxy_itself(self):
        client = self.client_of(self.proxy)
        self.assertEqual(client.value("CONFIG", "GET", "port"), [b"port", b"%d" % self.proxy.port])
        self.assertEqual(client.value("CONFIG", "GET", "TimeOut"), [b"TimeOut", b"0"])
        self.assertEqual(client.call("CONFIG", "SET", "timeout", "0"), b"+OK\r\n")
        self.assertEqual(client.call("CONFIG", "SET", "timeout", "5", "maxmemory", "5"),
                         b"-ERR CONFIG SET failed (possibly related to argument 'timeout') - it is keyway-proxy's own, and cannot "
                         b"be set together with 'maxmemory', which is the shards'\r\n")
        self.assertEqual(client.value("CONFIG", "GET", "timeout")[1], b"0")
        self.assertEqual(client.value("CONFIG", "GET", "maxmemory")[1], b"0")

    def test_info_adds_up(self):
        client = self.client_of(self.proxy)
        client.call("CONFIG", "RESETSTAT")
        for number in range(300):
            client.call("SET", f"key:{number}", "v")
        client.call("SET", "expiring", "v", "EX", "1000")
        client.call("GET", "key:1")
        client.call("GET", "missing")
        client.call("HSET", "key:1", "f", "v")
        info = fields(client.value("INFO", "everything"))
        for name, value in {"role": "master", "loading": "0", "redis_version": "7.0.15", "redis_mode": "standalone",
                            "cluster_enabled": "0", "connected_slaves": "0", "keyspace_hits": "1", "keyspace_misses": "1",
                            "tcp_port": str(self.proxy.port), "proxy_unreachable_shards": "", "proxy_primaries": "3",
                            "rdb_last_bgsave_status": "ok"}.items():
            self.assertEqual(info[name], value, name)
        self.assertRegex(info["db0"], r"^keys=301,expires=1,avg_ttl=\d+$")
        self.assertRegex(info["cmdstat_set"], r"^calls=301,usec=\d+,usec_per_call=\d+\.\d\d,rejected_calls=0,failed_calls=0")
        self.assertEqual(info["errorstat_WRONGTYPE"], "count=1")
        self.assertRegex(info["latency_percentiles_usec_set"], r"^p50=[\d.]+,p99=[\d.]+,p99.9=[\d.]+$")
        self.assertGreaterEqual(int(info["total_commands_processed"]), 304)
        used = [int(node.info("memory")["used_memory"]) for node in self.nodes]
        self.assertAlmostEqual(int(info["used_memory"]), sum(used), delta=sum(used) / 2)
        self.assertEqual(info["rdb_last_save_time"], min(node.info("persistence")["rdb_last_save_time"] for node in self.nodes))
        self.assertTrue(info["used_memory_human"].endswith("M"), info["used_memory_human"])
        # Sections and their order, as redis-server has them.
        reference = self.start(kt.RedisServer())
        theirs = self.client_of(reference)
        for arguments in [[], ["all"], ["everything"], ["default"], ["memory"], ["cpu", "server"], ["STATS"], ["nosuch"],
                          ["commandstats", "clients"], ["persistence"], ["replication"], ["modules"], ["keyspace"]]:
            titles = [[line for line in client.value("INFO", *arguments).decode().splitlines() if line.startswith("# ")]
                      for client in (client, theirs)]
            self.assertEqual([title for title in titles[0] if title != "# Proxy"], titles[1], arguments)
        known = fields(theirs.value("INFO", "all"))
        missing = {name for name in known if not name.startswith(("cmdstat_", "latency_p", "errorstat_", "db"))} - set(info)
        self.assertLessEqual(missing, {"redis_build_id"} if self.node_class is kt.RedisServer else missing)
        if self.node_class is kt.RedisServer:
            self.assertEqual(missing, set())
        self.assertEqual(client.call("HELLO", "3")[:2], b"%7")
        self.assertTrue(client.call("INFO").startswith(b"="))

    def test_resetstat_is_for_all(self):
        client = self.client_of(self.proxy)
        client.call("GET", "missing")
        self.assertEqual(client.call("CONFIG", "RESETSTAT"), b"+OK\r\n")
        info = fields(client.value("INFO", "stats"))
        self.assertEqual(info["keyspace_misses"], "0")
        self.assertEqual(info["total_connections_received"], "0")
        self.assertLess(int(info["total_net_output_bytes"]), 100)

    def test_slowlog_of_all_shards(self):
        client = self.client_of(self.proxy)
        keys = [self.keys_of(node, 1)[0] for node in self.nodes]
        client.call("SLOWLOG", "RESET")
        client.call("CONFIG", "SET", "slowlog-log-slower-than", "0")
        try:
            for key in keys:
                client.call("SET", key, "slow")
        finally:
            client.call("CONFIG", "SET", "slowlog-log-slower-than", "10000")
        length = client.value("SLOWLOG", "LEN")
        self.assertGreaterEqual(length, 3)
        entries = client.value("SLOWLOG", "GET", "-1")
        self.assertEqual(len(entries), length)
        self.assertLessEqual({(b"SET", key.encode(), b"slow") for key in keys}, {tuple(entry[3]) for entry in entries})
        self.assertEqual(len({entry[0] for entry in entries}), length)
        times = [entry[1] for entry in entries]
        self.assertEqual(times, sorted(times, reverse=True))
        self.assertEqual(len(client.value("SLOWLOG", "GET", "2")), 2)
        self.assertEqual(client.call("SLOWLOG", "RESET"), b"+OK\r\n")
        self.assertEqual(client.call("SLOWLOG", "LEN"), b":0\r\n")

    def test_latency_of_all_shards(self):
        client = self.client_of(self.proxy)
        client.call("CONFIG", "SET", "latency-monitor-threshold", "1")
        client.call("CONFIG", "RESETSTAT")
        try:
            for node in self.nodes[:2]:
                client.call("EVAL", "local x = 0 for i = 1, 3000000 do x = x + i end return x", "1", self.keys_of(node, 1)[0])
            latest = client.value("LATENCY", "LATEST")
            self.assertIn(b"command", [event[0] for event in latest])
            history = client.value("LATENCY", "HISTORY", "command")
            self.assertGreater(len(history), 0)
            self.assertEqual(history, sorted(history))
            graph = client.value("LATENCY", "GRAPH", "command").decode()
            self.assertIn(f"# 127.0.0.1:{self.nodes[0].port}\ncommand - high ", graph)
            self.assertIn(b"latency spikes", client.value("LATENCY", "DOCTOR"))
            histogram = client.value("LATENCY", "HISTOGRAM", "eval")
            self.assertEqual(histogram[0], b"eval")
            self.assertEqual(histogram[1][:2], [b"calls", 2])
            self.assertEqual(histogram[1][3][-1], 2)
            self.assertGreaterEqual(client.value("LATENCY", "RESET"), 1)
            self.assertEqual(client.value("LATENCY", "LATEST"), [])
        finally:
            client.call("CONFIG", "SET", "latency-monitor-threshold", "0")

    def test_memory_of_all_shards(self):
        client = self.client_of(self.proxy)
        keys = [self.keys_of(node, 1)[0] for node in self.nodes]
        for key in keys:
            client.call("SET", key, "x" * 5000)
            self.assertGreater(client.value("MEMORY", "USAGE", key), 5000)
        stats = client.value("MEMORY", "STATS")
        stats = dict(zip(stats[::2], stats[1::2]))
        self.assertEqual(stats[b"keys.count"], 3)
        self.assertGreater(stats[b"total.allocated"], stats[b"startup.allocated"])
        self.assertTrue(0 < float(stats[b"peak.percentage"]) <= 101, stats)
        theirs = self.start(kt.RedisServer())
        theirs.call("SET", "a", "1")
        self.assertEqual([name for name in theirs.value("MEMORY", "STATS")[::2] if name not in stats], [])
        self.assertIn(b"emory", client.value("MEMORY", "DOCTOR") + b"emory")
        self.assertGreater(len(client.value("MEMORY", "MALLOC-STATS")), 20)

    def test_saving(self):
        client = self.client_of(self.proxy)
        self.assertEqual(client.call("SAVE"), b"+OK\r\n")
        saved = client.value("LASTSAVE")
        self.assertEqual(saved, min(node.value("LASTSAVE") for node in self.nodes))
        self.assertEqual(client.call("BGSAVE"), b"+Background saving started\r\n")
        kt.wait_until(lambda: fields(client.value("INFO", "persistence"))["rdb_bgsave_in_progress"] == "0", what="BGSAVE")
        self.assertIn(client.call("BGSAVE", "SCHEDULE"), (b"+Background saving started\r\n", b"+Background saving scheduled\r\n"))
        kt.wait_until(lambda: fields(client.value("INFO", "persistence"))["rdb_bgsave_in_progress"] == "0", what="BGSAVE")
        self.assertTrue(client.call("BGREWRITEAOF").startswith(b"+Background append only file rewriting"))
        kt.wait_until(lambda: fields(client.value("INFO", "persistence"))["aof_rewrite_in_progress"] == "0", what="BGREWRITEAOF")
        rewritten = client.call("CONFIG", "REWRITE")
        self.assertIn(rewritten, (b"+OK\r\n", b"-ERR The server is running without a config file\r\n"))

    def test_cluster_of_one_proxy(self):
        client = self.client_of(self.proxy)
        own = client.value("CLUSTER", "MYID")
        self.assertRegex(own.decode(), r"^[0-9a-f]{40}$")
        self.assertEqual(client.value("CLUSTER", "SLOTS"), [[0, 16383, [b"127.0.0.1", self.proxy.port, own, []]]])
        nodes = client.value("CLUSTER", "NODES").decode()
        self.assertEqual(nodes, f"{own.decode()} 127.0.0.1:{self.proxy.port}@0 myself,master - 0 0 1 connected 0-16383\n")
        shards = client.value("CLUSTER", "SHARDS")
        self.assertEqual(shards[0][:3], [b"slots", [0, 16383], b"nodes"])
        node = dict(zip(shards[0][3][0][::2], shards[0][3][0][1::2]))
        self.assertEqual(node, {b"id": own, b"port": self.proxy.port, b"ip": b"127.0.0.1", b"endpoint": b"127.0.0.1",
                                b"role": b"master", b"replication-offset": 0, b"health": b"online"})
        info = fields(client.value("CLUSTER", "INFO"))
        self.assertEqual((info["cluster_state"], info["cluster_slots_ok"], info["cluster_size"]), ("ok", "16384", "1"))
        self.assertEqual(list(info), list(fields(self.start(kt.RedisServer(cluster_enabled="yes")).value("CLUSTER", "INFO"))))
        client.call("SET", "a", "1")
        slot = client.value("CLUSTER", "KEYSLOT", "a")
        self.assertEqual(slot, 15495)
        self.assertEqual(client.call("CLUSTER", "COUNTKEYSINSLOT", slot), b":1\r\n")
        self.assertEqual(client.value("CLUSTER", "GETKEYSINSLOT", slot, 10), [b"a"])
        self.assertEqual(client.value("CLUSTER", "REPLICAS", own), [])
        self.assertEqual(client.call("CLUSTER", "COUNT-FAILURE-REPORTS", own), b":0\r\n")
        self.assertEqual(client.value("CLUSTER", "LINKS"), [])
        self.assertEqual(client.call("READONLY"), b"+OK\r\n")
        self.assertEqual(client.call("READWRITE"), b"+OK\r\n")
        reference = self.start(kt.RedisServer(cluster_enabled="yes"))
        with reference.client() as theirs:
            for request in ["CLUSTER COUNTKEYSINSLOT 16384", "CLUSTER COUNTKEYSINSLOT x", "CLUSTER GETKEYSINSLOT 1 -1",
                            "CLUSTER GETKEYSINSLOT x 1", "CLUSTER REPLICAS x", "CLUSTER SLAVES x", "CLUSTER HELP",
                            "CLUSTER COUNT-FAILURE-REPORTS x", "CLUSTER NOPE", "CLUSTER KEYSLOT b", "CLUSTER SLOTS x"]:
                self.assertEqual(client.call(*request.split()), theirs.call(*request.split()), request)
        for request in ["CLUSTER MEET 127.0.0.1 1", "CLUSTER RESET", "CLUSTER FAILOVER", "CLUSTER ADDSLOTS 1"]:
            self.assertTrue(client.call(*request.split()).startswith(b"-ERR keyway-proxy does not support 'cluster|"), request)

    def test_pause_of_all(self):
        ours, other = self.client_of(self.proxy), self.client_of(self.proxy)
        started = time.monotonic()
        self.assertEqual(ours.call("CLIENT", "PAUSE", "400"), b"+OK\r\n")
        other.send(b"".join(kt.encode(*words) for words in [["SET", "a", "1"], ["GET", "a"], ["PING"], ["CLIENT", "UNPAUSE"]]))
        self.assertEqual([other.read() for _ in range(4)], [b"+OK\r\n", b"$1\r\n1\r\n", b"+PONG\r\n", b"+OK\r\n"])
        self.assertGreaterEqual(time.monotonic() - started, 0.39)

    def test_what_is_refused_does_not_wait_for_the_end_of_a_pause(self):
        reference = self.start(kt.RedisServer())
        for server in (self.proxy, reference):
            subscriber, queueing = self.client_of(server), self.client_of(server)
            subscriber.call("SUBSCRIBE", "c")
            queueing.call("MULTI")
            self.client_of(server).call("CLIENT", "PAUSE", "60000", "WRITE")
            self.assertTrue(subscriber.call("SET", "a", "1").startswith(b"-ERR Can't execute 'set': only "))
            self.assertEqual(queueing.call("NOSUCH")[:20], b"-ERR unknown command")
            self.assertEqual(self.client_of(server).call("CLIENT", "UNPAUSE"), b"+OK\r\n")

    def test_pause_of_writes(self):
        ours, other = self.client_of(self.proxy), self.client_of(self.proxy)
        others = [self.client_of(self.proxy) for _ in range(8)]
        self.assertEqual(ours.call("CLIENT", "PAUSE", "60000", "WRITE"), b"+OK\r\n")
        other.send(kt.encode("GET", "a") + kt.encode("SET", "a", "1") + kt.encode("GET", "a"))
        self.assertEqual(other.read(), b"$-1\r\n")
        for number, client in enumerate(others):
            client.send(kt.encode("RPUSH", "list", str(number)) + kt.encode("PUBLISH", "c", "x"))
        self.assertEqual(ours.call("GET", "a"), b"$-1\r\n")
        self.assertEqual(ours.call("EXISTS", "list"), b":0\r\n")
        # One that goes away takes its request along.
        leaver = self.client_of(self.proxy)
        leaver.send(kt.encode("SET", "left", "1"))
        clients = len(ours.value("CLIENT", "LIST").splitlines())
        leaver.close()
        kt.wait_until(lambda: len(ours.value("CLIENT", "LIST").splitlines()) == clients - 1, what="the client to be gone")
        self.assertEqual(ours.call("CLIENT", "UNPAUSE"), b"+OK\r\n")
        self.assertEqual([other.read(), other.read()], [b"+OK\r\n", b"$1\r\n1\r\n"])
        for client in others:
            self.assertTrue(client.read().startswith(b":"))
            self.assertEqual(client.read(), b":0\r\n")
        self.assertEqual(ours.call("LLEN", "list"), b":8\r\n")
        self.assertEqual(ours.call("EXISTS", "left"), b":0\r\n")

    def test_blocked_clients_are_counted(self):
        ours, others = self.client_of(self.proxy), [self.client_of(self.proxy) for _ in range(3)]
        for client in others:
            client.send(kt.encode("BLPOP", "nothing", "0"))
        blocked = lambda: fields(ours.value("INFO", "clients"))["blocked_clients"]
        kt.wait_until(lambda: blocked() == "3", what="three blocked clients")
        others[0].close()
        kt.wait_until(lambda: blocked() == "2", what="two blocked clients")
        ours.call("RPUSH", "nothing", "1")
        kt.wait_until(lambda: blocked() == "1", what="one blocked client")

    def test_clients_of_all_threads(self):
        clients = [self.client_of(self.proxy) for _ in range(6)]
        for number, client in enumerate(clients):
            client.call("CLIENT", "SETNAME", f"name{number}")
        names = re.findall(rb" name=(name\d) ", clients[0].value("CLIENT", "LIST"))
        self.assertEqual(sorted(names), [b"name%d" % number for number in range(6)])
        one = clients[3].value("CLIENT", "ID")
        self.assertEqual(clients[0].call("CLIENT", "KILL", "ID", one), b":1\r\n")
        self.assertEqual(clients[3].read_to_end(), b"")
        reference = self.start(kt.RedisServer())
        keys = [re.findall(r"([a-z-]+)=", client.value("CLIENT", "INFO").decode())
                for client in (clients[0], self.client_of(reference))]
        self.assertEqual(keys[0], keys[1])


class AdminBeforeRedisTest(AdminTests, proxied_cluster.ProxiedClusterTest):
    pass


class AdminBeforeShardsTest(AdminTests, proxied_cluster.ProxiedClusterTest):
    node_class = kt.KeywayShard


class SilentShardTest(proxied_cluster.ProxiedClusterTest):
    def test_info_names_a_shard_that_is_away(self):
        node = self.nodes[1]
        with self.proxy.client() as client:
            client.call("SET", "a", "1")
            node.signal(19)  # SIGSTOP
            try:
                started = time.monotonic()
                text = client.value("INFO")
                self.assertLess(time.monotonic() - started, 5)
                self.assertEqual(fields(text)["proxy_unreachable_shards"], f"127.0.0.1:{node.port}")
                self.assertIn(b"keyspace_unavailable", text)
                # Also when the section was not asked for.
                self.assertEqual(fields(client.value("INFO", "memory"))["proxy_unreachable_shards"], f"127.0.0.1:{node.port}")
            finally:
                node.signal(18)  # SIGCONT
            kt.wait_until(lambda: fields(client.value("INFO")).get("db0", "").startswith("keys=1,"), what="the shard to be back")


class DebugTest(proxied_cluster.ProxiedClusterTest):
    proxy_flags = {"enable_debug_command": "true"}

    def test_debug_by_key_and_to_all(self):
        reference = self.start(kt.RedisServer(enable_debug_command="yes"))
        with self.proxy.client() as ours, reference.client() as theirs:
            for client in (ours, theirs):
                client.call("SET", "a", "1")
            for request in ["DEBUG SLEEP 0", "DEBUG SLEEP x", "DEBUG OBJECT missing", "DEBUG SET-ACTIVE-EXPIRE 1", "DEBUG HELP",
                            "DEBUG SDSLEN a", "DEBUG PROTOCOL string", "DEBUG STRINGMATCH-LEN 10 x", "DEBUG DIGEST-VALUE {a}1 a {a}2",
                            "DEBUG DIGEST-VALUE", "DEBUG SET-SKIP-CHECKSUM-VALIDATION 0", "DEBUG NOPE"]:
                self.assertEqual(ours.call(*request.split()), theirs.call(*request.split()), request)
            self.assertTrue(ours.call("DEBUG", "OBJECT", "a").startswith(b"+Value at:"))
            self.assertEqual(ours.call("DEBUG", "SEGFAULT"),
                             b"-ERR keyway-proxy does not support DEBUG SEGFAULT: it concerns a single server, ask the shards "
                             b"themselves\r\n")


class AdvertiseTest(proxied_cluster.ProxiedClusterTest):
    """Three proxies that show each other as the nodes of a cluster."""

    proxy_count = 3

    @classmethod
    def new_proxy(cls):
        if not hasattr(cls, "ports"):
            cls.ports = kt.free_ports(3)
            cls.unused = list(cls.ports)
        advertise = ",".join(f"127.0.0.1:{port}" for port in cls.ports)
        nodes = ",".join(f"127.0.0.1:{node.port}" for node in cls.nodes)
        return kt.KeywayProxy(port=cls.unused.pop(0), startup_nodes=nodes, advertise=advertise)

    def test_slots_are_divided_evenly(self):
        views = [[member[:2] + member[2][1:3] for member in proxy.value("CLUSTER", "SLOTS")] for proxy in self.proxies]
        self.assertEqual(views[0], views[1])
        self.assertEqual(views[0], views[2])
        self.assertEqual([member[:3] for member in views[0]],
                         [[0, 5460, self.ports[0]], [5461, 10921, self.ports[1]], [10922, 16383, self.ports[2]]])
        for place, proxy in enumerate(self.proxies):
            self.assertEqual(proxy.value("CLUSTER", "MYID"), views[0][place][3])
            lines = proxy.value("CLUSTER", "NODES").decode().splitlines()
            self.assertEqual(["myself" in line for line in lines], [other == place for other in range(3)])
            # What redis-py's RedisCluster and redis-cli --cluster ask for.
            self.assertEqual(proxy.info("cluster")["cluster_enabled"], "1")
            self.assertEqual(proxy.info("server")["redis_mode"], "standalone")

    def test_a_cluster_client_uses_all_of_them(self):
        client = kt.ClusterClient(self.ports[:1])
        self.addCleanup(client.close)
        for number in range(200):
            key = b"key:%d" % number
            self.assertEqual(client.call("SET", key, number, key=key), b"+OK\r\n")
        for number in range(200):
            key = b"key:%d" % number
            self.assertEqual(client.call("GET", key, key=key), b"$%d\r\n%d\r\n" % (len(str(number)), number))
        for proxy in self.proxies:
            self.assertGreater(int(proxy.info("stats")["total_net_input_bytes"]), 2000)


if __name__ == "__main__":
    kt.main()
