"""What a primary with a replica and a replica let pass, hide and show: pairs of redis-server, of keyway-shard and of one of each go through the
same scenes, and what is seen must be the same."""

import os
import pathlib
import re
import time

import keyway_testing as kt

LIBRARY = """#!lua name=lib
redis.register_function('writes', function(keys) return redis.call('set', 'f', '1') end)
redis.register_function{function_name='reads', callback=function() return redis.call('get', 'f') end, flags={'no-writes'}}
redis.register_function{function_name='stale', callback=function() return redis.call('echo', 'x') end, flags={'no-writes', 'allow-stale'}}
redis.register_function{function_name='stale_get', callback=function() return redis.pcall('get', 'f') end, flags={'no-writes', 'allow-stale'}}
"""

# What is asked of a replica that may not write, or must not read.
REQUESTS = [
    ("PING",), ("ECHO", "x"), ("GET", "a"), ("SET", "a", "1"), ("SET", "a"), ("NOSUCH",), ("DEL", "a"), ("EXPIRE", "nope", "1"), ("FLUSHALL",), ("SWAPDB", "0", "1"),
    ("PUBLISH", "a", "b"), ("SPUBLISH", "a", "b"), ("PFCOUNT", "h"), ("SORT", "l"), ("SORT", "l", "STORE", "b"), ("SORT_RO", "l"), ("GETEX", "a"),
    ("XREAD", "STREAMS", "s", "0"), ("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">"), ("BLPOP", "l", "0.01"), ("BITFIELD", "a", "GET", "u8", "0"),
    ("BITFIELD_RO", "a", "GET", "u8", "0"), ("GEORADIUS", "geo", "0", "0", "1", "m"), ("RESTORE", "r", "0", "x"), ("RESTORE-ASKING", "r", "0", "x"),
    ("EVAL", "return redis.call('set', 'a', 1)", "0"), ("EVAL", "return redis.pcall('set', 'a', 1)", "0"), ("EVAL", "return redis.call('get', 'a')", "0"),
    ("EVAL", "return redis.pcall('get', 'a')", "0"), ("EVAL", "return redis.call('ping')", "0"), ("EVAL", "return redis.call('publish', 'a', 'b')", "0"),
    ("EVAL", "return redis.pcall('echo', 'a')", "0"), ("EVAL", "#!lua\nreturn 1", "0"), ("EVAL", "#!lua flags=no-writes\nreturn 1", "0"),
    ("EVAL", "#!lua flags=allow-stale\nreturn 1", "0"), ("EVAL", "#!lua flags=allow-stale,no-writes\nreturn 1", "0"),
    ("EVAL", "#!lua flags=allow-stale,no-writes\nreturn redis.pcall('get', 'a')", "0"),
    ("EVAL", "#!lua flags=allow-stale,no-writes\nreturn redis.call('echo', 'a')", "0"),
    ("EVAL", "#!lua flags=no-writes\nreturn redis.call('set', 'a', 1)", "0"), ("EVAL_RO", "return redis.call('get', 'a')", "0"), ("EVAL_RO", "#!lua\nreturn 1", "0"),
    ("EVAL", "#!lua flags=no-cluster\nreturn 1", "0"), ("FCALL", "writes", "0"), ("FCALL", "reads", "0"), ("FCALL_RO", "reads", "0"), ("FCALL_RO", "writes", "0"),
    ("FCALL", "stale", "0"), ("FCALL", "stale_get", "0"), ("FUNCTION", "LIST", "LIBRARYNAME", "no"), ("FUNCTION", "FLUSH"), ("FUNCTION", "DELETE", "lib"),
    ("FUNCTION", "STATS"), ("SCRIPT", "EXISTS", "x"), ("SCRIPT", "FLUSH"), ("SCRIPT", "LOAD", "return 1"), ("DBSIZE",), ("KEYS", "nope"), ("SCAN", "0", "MATCH", "nope", "COUNT", "1000"),
    ("OBJECT", "ENCODING", "a"), ("MEMORY", "USAGE", "nope"), ("TYPE", "a"), ("TTL", "a"), ("DUMP", "nope"), ("SUBSCRIBE", "c"), ("UNSUBSCRIBE", "c"),
    ("MULTI",), ("SET", "a", "1"), ("EXEC",), ("MULTI",), ("GET", "a"), ("EXEC",), ("MULTI",), ("PING",), ("EXEC",), ("MULTI",), ("ECHO", "x"), ("EXEC",), ("MULTI",), ("DISCARD",),
    ("MULTI",), ("EVAL", "return redis.call('set', 'a', 1)", "0"), ("EXEC",), ("MULTI",), ("EVAL", "#!lua\nreturn 1", "0"), ("EXEC",), ("WATCH", "a"), ("UNWATCH",),
    ("CONFIG", "GET", "hz"), ("CLIENT", "SETNAME", "x"), ("SELECT", "1"), ("SELECT", "0"), ("TIME2",), ("COMMAND", "COUNT2"), ("WAIT", "0", "10"),
    ("DEBUG", "SET-ACTIVE-EXPIRE", "1"), ("LATENCY", "RESET", "x"), ("SLOWLOG", "LEN2"), ("READONLY",), ("ASKING",), ("RESET",),
]


def wait_synced(primary, replica):
    """Until the replica has executed all that its primary has written."""
    def same():
        ours, theirs = replica.info("replication"), primary.info("replication")
        return ours.get("master_link_status") == "up" and ours["slave_repl_offset"] == theirs["master_repl_offset"]
    kt.wait_until(same, timeout=30, what="the replica to be in sync")


class ReplicaRulesTest(kt.TestCase):
    PAIRS = [(kt.RedisServer, kt.RedisServer), (kt.RedisServer, kt.KeywayShard), (kt.KeywayShard, kt.RedisServer), (kt.KeywayShard, kt.KeywayShard)]

    def pair(self, primary_kind, replica_kind, **directives):
        common = {"enable_debug_command": "yes", "repl_diskless_sync_delay": "0", **directives}
        primary = self.start(primary_kind(**common))
        with primary.client() as client:
            for request in [("FUNCTION", "LOAD", LIBRARY), ("SET", "a", "0"), ("RPUSH", "l", "3", "1", "2"), ("XADD", "s", "1-1", "f", "v"), ("XGROUP", "CREATE", "s", "g", "0"),
                            ("PFADD", "h", "1"), ("GEOADD", "geo", "1", "1", "x")]:
                client.call(*request)
        replica = self.start(replica_kind(replicaof=["127.0.0.1", str(primary.port)], **common), wait=False)
        replica.wait_ready()
        wait_synced(primary, replica)
        return primary, replica

    def compare(self, scene, pairs=None, **directives):
        """Plays `scene` with all pairs; what it returns must be what it returns with redis-servers."""
        expected = None
        for kinds in pairs or self.PAIRS:
            with self.subTest(primary=kinds[0].__name__, replica=kinds[1].__name__):
                primary, replica = self.pair(*kinds, **directives)
                seen = scene(primary, replica)
                primary.kill()
                replica.kill()
                if expected is None:
                    expected = seen
                self.assertEqual(len(seen), len(expected))
                for ours, theirs in zip(seen, expected):
                    self.assertEqual(ours, theirs)

    @staticmethod
    def requests(server, *more, requests=REQUESTS):
        with server.client() as client:
            return [(request, ReplicaRulesTest.comparable(request, client.call(*request))) for request in [*requests, *more]]

    @staticmethod
    def comparable(request, reply):
        """How many bytes a value takes is each server's own affair."""
        return b":N\r\n" if request[0] == "MEMORY" and reply.startswith(b":") else reply

    @staticmethod
    def errors(server):
        return server.info("errorstats")

    def test_a_replica_is_read_only(self):
        def scene(primary, replica):
            seen = self.requests(replica)
            seen.append(self.errors(replica))
            with primary.client() as client:
                client.call("INCR", "a")
            wait_synced(primary, replica)
            seen.append(replica.call("GET", "a"))
            return seen
        self.compare(scene)

    def test_a_transaction_from_before(self):
        def scene(primary, replica):
            del replica
            with primary.client() as client, primary.client() as other:
                client.call("MULTI")
                client.call("SET", "a", "5")
                other.call("REPLICAOF", "127.0.0.1", "1")
                return [client.call("EXEC"), client.call("GET", "a"), client.call("SET", "a", "6"), other.call("REPLICAOF", "NO", "ONE"), client.call("SET", "a", "7")]
        self.compare(scene, [self.PAIRS[0], self.PAIRS[3]])

    def test_stale_data(self):
        def scene(primary, replica):
            replica.call("CONFIG", "SET", "replica-serve-stale-data", "no")
            seen = self.requests(replica, requests=[("GET", "a")])
            primary.kill()
            kt.wait_until(lambda: replica.info("replication")["master_link_status"] == "down", what="the link to be down")
            seen += self.requests(replica)
            replica.call("CONFIG", "SET", "replica-read-only", "no")
            seen += self.requests(replica)
            seen.append(self.errors(replica))
            replica.call("CONFIG", "SET", "replica-serve-stale-data", "yes", "replica-read-only", "yes")
            seen += self.requests(replica)
            return seen
        self.compare(scene, self.PAIRS[:2] + self.PAIRS[3:])

    def test_too_few_replicas(self):
        def scene(primary, replica):
            seen = [primary.call("CONFIG", "SET", "min-replicas-to-write", "2")]
            kt.wait_until(lambda: primary.info("replication")["min_slaves_good_slaves"] == "1", what="a good replica")
            seen += self.requests(primary)
            seen.append(primary.call("CONFIG", "SET", "min-replicas-max-lag", "0"))
            seen += self.requests(primary, requests=[("SET", "a", "1")])
            primary.call("CONFIG", "SET", "min-replicas-max-lag", "10")
            primary.call("CONFIG", "SET", "min-replicas-to-write", "1")
            seen += self.requests(primary, requests=[("SET", "a", "1")])
            replica.kill()
            kt.wait_until(lambda: primary.info("replication")["min_slaves_good_slaves"] == "0", what="it to be gone")
            seen += self.requests(primary, requests=[("SET", "a", "1"), ("EVAL", "return redis.call('set', 'a', 1)", "0"), ("FCALL", "writes", "0")])
            seen.append(self.errors(primary))
            # A replica need not have any.
            primary.call("REPLICAOF", "127.0.0.1", "1")
            primary.call("CONFIG", "SET", "replica-read-only", "no")
            seen += self.requests(primary, requests=[("SET", "a", "1")])
            return seen
        self.compare(scene)

    def expired(self, primary, names):
        """Keys of these names on both, expired, and not deleted yet."""
        with primary.client() as client:
            client.call("DEBUG", "SET-ACTIVE-EXPIRE", "0")
            for name in names:
                client.call("SET", name, "x", "PX", "60")
            client.call("SET", "lasting", "x", "EX", "1000")

    def test_expiry_is_the_primarys_business(self):
        looks = [("GET", "k1"), ("EXISTS", "k1", "k2", "lasting"), ("TTL", "k1"), ("PTTL", "k1"), ("EXPIRETIME", "k1"), ("TYPE", "k1"), ("OBJECT", "ENCODING", "k1"), ("OBJECT", "FREQ", "k1"),
                 ("STRLEN", "k1"), ("GETRANGE", "k1", "0", "-1"), ("MGET", "k1", "k2", "a"), ("TOUCH", "k1", "k2"), ("DUMP", "k1"), ("KEYS", "k*"), ("DBSIZE",),
                 ("SCAN", "0", "MATCH", "k*", "COUNT", "1000"), ("SCAN", "0", "MATCH", "k*", "COUNT", "1000", "TYPE", "string"), ("MEMORY", "USAGE", "k1"), ("SORT_RO", "k1"),
                 ("EVAL", "return {redis.call('get', 'k1'), redis.call('dbsize')}", "0"), ("LCS", "k1", "k2"), ("SUBSTR", "k1", "0", "1"), ("BITCOUNT", "k1"), ("RANDOMKEY",)]

        def scene(primary, replica):
            for key in (b"l", b"s", b"h", b"geo", b"a"):
                primary.call("DEL", key)
            self.expired(primary, ["k1", "k2"])
            wait_synced(primary, replica)
            time.sleep(0.2)
            replica.call("CONFIG", "RESETSTAT")
            seen = self.requests(replica, requests=looks)
            info = replica.info()
            seen.append([info[name] for name in ("expired_keys", "keyspace_hits", "keyspace_misses", "role")])
            seen.append(re.sub(",avg_ttl.*", "", info["db0"]))
            seen += self.requests(primary, requests=[("DBSIZE",), ("GET", "k1"), ("INCR", "k2"), ("DBSIZE",)])
            wait_synced(primary, replica)
            seen += self.requests(replica, requests=looks[:-1])
            # Events come from what the primary says.
            with replica.client() as listener:
                replica.call("CONFIG", "SET", "notify-keyspace-events", "KEA")
                listener.call("PSUBSCRIBE", "__key*__:*")
                self.expired(primary, ["k3"])
                time.sleep(0.1)
                replica.call("GET", "k3")
                primary.call("GET", "k3")
                seen += [listener.read() for _ in range(8)]
            return seen
        self.compare(scene)

    def test_active_expiry_reaches_the_replica(self):
        def scene(primary, replica):
            with primary.client() as client:
                for i in range(50):
                    client.call("SET", f"k{i}", "x", "PX", "20")
            kt.wait_until(lambda: primary.info()["db0"].startswith("keys=5,"), what="the keys to expire")
            wait_synced(primary, replica)
            return [replica.call("DBSIZE"), replica.info("stats")["expired_keys"], primary.info("stats")["expired_keys"]]
        self.compare(scene)

    def test_a_writable_replica(self):
        requests = [("SET", "own", "x", "PX", "50"), ("SET", "late", "x", "EX", "1000"), ("SETEX", "own2", "1", "x"), ("PEXPIRE", "own2", "30"), ("SET", "past", "x"), ("EXPIRE", "past", "-1"),
                    ("DBSIZE",), ("GET", "past"), ("TTL", "past"), ("SET", "past2", "x"), ("PEXPIREAT", "past2", "1"), ("APPEND", "past2", "yz"), ("TTL", "past2"), ("DBSIZE",),
                    ("SET", "c", "x", "EX", "1000"), ("RENAME", "c", "d"), ("COPY", "d", "e"), ("MOVE", "e", "1"), ("GETEX", "d", "PERSIST"), ("PERSIST", "late"),
                    ("SET", "past3", "1"), ("GETEX", "past3", "PXAT", "1"), ("EXISTS", "past3"), ("SET", "past4", "x", "PXAT", "1"), ("GET", "past4"), ("INCR", "past4"), ("TTL", "past4"),
                    ("EVAL", "redis.call('set', 'es', 1, 'EX', 100); return redis.call('incr', 'es')", "0")]

        def scene(primary, replica):
            replica.call("CONFIG", "SET", "replica-read-only", "no")
            replica.call("DEBUG", "SET-ACTIVE-EXPIRE", "0")
            self.expired(primary, ["k1"])
            wait_synced(primary, replica)
            time.sleep(0.15)
            seen = self.requests(replica, requests=[("GET", "k1"), ("DBSIZE",), ("EXISTS", "k1"), ("DBSIZE",), ("APPEND", "k1", "new"), ("GET", "k1"), ("TTL", "k1"), ("DBSIZE",)])
            seen += self.requests(replica, requests=requests)
            seen.append(replica.info("stats")["slave_expires_tracked_keys"])
            replica.call("DEBUG", "SET-ACTIVE-EXPIRE", "1")
            kt.wait_until(lambda: replica.call("EXISTS", "own") == replica.call("EXISTS", "own2") == b":0\r\n", what="them to expire")
            # A turn ends after a few keys, chosen at random, that have not expired.
            kt.wait_until(lambda: replica.call("DBSIZE") == b":12\r\n", what="all of them to be gone")
            time.sleep(0.3)
            seen.append(replica.call("DBSIZE"))
            replica.call("FLUSHALL")
            kt.wait_until(lambda: replica.info("stats")["slave_expires_tracked_keys"] == "0", what="all to be forgotten")
            return seen
        self.compare(scene, self.PAIRS[:2] + self.PAIRS[3:])

    def test_nothing_expires_during_a_pause(self):
        def scene(primary, replica):
            del replica
            self.expired(primary, ["k1"])
            time.sleep(0.1)
            with primary.client() as client:
                seen = [client.call("CLIENT", "PAUSE", "100000", "WRITE"), client.call("GET", "k1"), client.call("EXISTS", "k1"), client.call("DBSIZE"),
                        client.call("SCAN", "0", "MATCH", "k*", "COUNT", "1000"), client.call("DBSIZE"), client.call("CLIENT", "UNPAUSE"), client.call("GET", "k1"), client.call("DBSIZE")]
            return seen
        self.compare(scene, [self.PAIRS[0], self.PAIRS[3]])

    VARIABLE = {"master_port", "master_replid", "master_replid2", "slave_repl_offset", "slave_read_repl_offset", "master_repl_offset", "repl_backlog_histlen",
                "repl_backlog_first_byte_offset", "second_repl_offset", "slave0", "master_last_io_seconds_ago"}

    def fields(self, server):
        info = server.info("replication")
        return [(name, None if name in self.VARIABLE else value) for name, value in info.items()]

    def test_info(self):
        def scene(primary, replica):
            kt.wait_until(lambda: re.search("state=online.*lag=[01]", primary.info("replication")["slave0"]), what="an acknowledgement")
            seen = [self.fields(primary), self.fields(replica)]
            info = primary.info("replication")
            seen.append(re.sub(r"\d+", "N", info["slave0"]))
            self.assertIn(f"port={replica.port},state=online", info["slave0"])
            ours = replica.info("replication")
            self.assertEqual(ours["master_port"], str(primary.port))
            self.assertEqual(ours["master_replid"], info["master_replid"])
            primary.call("SET", "a", "1")
            wait_synced(primary, replica)
            stats = [{name: server.info("stats")[name] for name in ("sync_full", "sync_partial_ok", "sync_partial_err", "unexpected_error_replies", "slave_expires_tracked_keys")}
                     for server in (primary, replica)]
            seen += stats
            for server, fields in ((primary, ["total_net_repl_output_bytes"]), (replica, ["total_net_repl_input_bytes"])):
                for field in fields:
                    self.assertGreater(int(server.info("stats")[field]), 0)
            seen.append([server.info("clients")["connected_clients"] for server in (primary, replica)])
            seen.append([list(server.info("memory")) for server in (primary, replica)])
            seen.append([(int(server.info("memory")["mem_replication_backlog"]) > 0, server.info("memory")["mem_clients_slaves"], server.info("memory")["mem_not_counted_for_evict"])
                         for server in (primary, replica)])
            seen.append([re.sub(rb"\d+", b"N", server.call("ROLE")) for server in (primary, replica)])
            seen.append([re.sub(rb"id\r\n:\d+", b"", server.call("HELLO", "2")) for server in (primary, replica)])
            primary.kill()
            kt.wait_until(lambda: replica.info("replication")["master_link_status"] == "down", what="the link to be down")
            seen.append([name for name, _ in self.fields(replica)])
            replica.call("REPLICAOF", "NO", "ONE")
            seen.append(self.fields(replica))
            self.assertEqual(replica.info("replication")["master_replid2"], info["master_replid"])
            return seen
        self.compare(scene)

    def test_info_before_anything_is_replicated(self):
        seen = []
        for kind in (kt.RedisServer, kt.KeywayShard):
            server = self.start(kind(replicaof=["127.0.0.1", "1"]))
            seen.append({name: value for name, value in server.info("replication").items() if "replid" not in name})
        self.assertEqual(seen[1], seen[0])

    def test_clients(self):
        def flags(server, *arguments):
            text = server.value("CLIENT", "LIST", *arguments).decode()
            return sorted(re.findall(r"flags=(\w+) db=(\d+)", text))

        def scene(primary, replica):
            seen = [flags(server, *arguments) for server in (primary, replica)
                    for arguments in ((), ("TYPE", "replica"), ("TYPE", "slave"), ("TYPE", "master"), ("TYPE", "normal"), ("TYPE", "pubsub"))]
            seen.append(re.findall(r"cmd=(\S+) user=(\S*)", primary.value("CLIENT", "LIST", "TYPE", "replica").decode()))
            # Neither of the two is idle in the eyes of `timeout`.
            for server in (primary, replica):
                server.call("CONFIG", "SET", "timeout", "1")
            time.sleep(2.5)
            seen += [flags(primary, "TYPE", "replica"), flags(replica, "TYPE", "master"), primary.info("stats")["sync_partial_ok"]]
            for server in (primary, replica):
                server.call("CONFIG", "SET", "timeout", "0", "maxmemory-clients", "1")
            time.sleep(0.3)
            for server in (primary, replica):
                server.call("CONFIG", "SET", "maxmemory-clients", "0")
            seen.append(primary.info("stats")["sync_partial_ok"])
            seen.append(primary.call("CLIENT", "KILL", "TYPE", "replica"))
            kt.wait_until(lambda: primary.info("stats")["sync_partial_ok"] == "1", what="the replica to come back")
            wait_synced(primary, replica)
            seen.append(replica.call("CLIENT", "KILL", "TYPE", "master"))
            kt.wait_until(lambda: primary.info("stats")["sync_partial_ok"] == "2", what="the replica to come back")
            wait_synced(primary, replica)
            seen += [primary.info("stats")["sync_full"], primary.info("stats")["sync_partial_err"]]
            return seen
        self.compare(scene)

    def test_a_pause_is_not_for_replicas(self):
        def scene(primary, replica):
            with primary.client() as client:
                seen = [client.call("CLIENT", "PAUSE", "1500", "ALL"), client.call("PING")]
                self.assertIn("lag=0", primary.info("replication")["slave0"].replace("lag=1", "lag=0"))
            primary.call("SET", "a", "1")
            wait_synced(primary, replica)
            with replica.client() as client:
                client.call("CLIENT", "PAUSE", "100000", "WRITE")
                primary.call("SET", "a", "2")
                time.sleep(0.3)
                seen.append(client.call("GET", "a"))
                seen.append(client.call("CLIENT", "UNPAUSE"))
                wait_synced(primary, replica)
                seen.append(client.call("GET", "a"))
            return seen
        self.compare(scene)

    def test_waiting_clients(self):
        def scene(primary, replica):
            del replica
            with primary.client() as blpop, primary.client() as wait, primary.client() as xread, primary.client() as other:
                blpop.send(kt.encode("BLPOP", "nothing", "0"))
                wait.send(kt.encode("WAIT", "5", "0"))
                xread.send(kt.encode("XREAD", "BLOCK", "0", "STREAMS", "s", "$"))
                kt.wait_until(lambda: primary.info("clients")["blocked_clients"] == "3", what="them to wait")
                seen = [other.call("REPLICAOF", "127.0.0.1", "1")]
                for client in (blpop, wait, xread):
                    seen.append(client.read())
                    with self.assertRaises((EOFError, ConnectionError)):
                        client.read()
                seen.append(self.errors(primary))
            return seen
        self.compare(scene, [self.PAIRS[0], self.PAIRS[3]])

    def test_errors_of_the_primarys_commands(self):
        def scene(primary, replica):
            replica.call("CONFIG", "SET", "replica-read-only", "no")
            replica.call("SET", "mine", "x")
            replica.call("CONFIG", "SET", "replica-read-only", "yes")
            with primary.client() as client:
                for request in [("LPUSH", "mine", "a"), ("MULTI",), ("LPUSH", "mine", "b"), ("INCR", "a"), ("EXEC",), ("EVAL", "redis.call('lpush', 'mine', 'c')", "0")]:
                    client.call(*request)
            wait_synced(primary, replica)
            stats = replica.info("stats")
            return [stats["unexpected_error_replies"], stats["total_error_replies"], self.errors(replica), re.findall(r"== CRITICAL ==.*", replica.output()), replica.call("GET", "a")]
        self.compare(scene, self.PAIRS[:2] + self.PAIRS[3:])

    def ended(self, replica, reason):
        """Waits until the replica has ended in disorder; how it said so."""
        kt.wait_until(lambda: not replica.is_alive(), what="the replica to end")
        return [replica.process.returncode < 0, sorted(set(re.findall(reason, replica.output())))]

    def test_a_replica_that_had_better_end(self):
        def scene(primary, replica):
            replica.call("CONFIG", "SET", "replica-read-only", "no")
            replica.call("SET", "mine", "x")
            replica.call("CONFIG", "SET", "propagation-error-behavior", "panic-on-replicas")
            primary.call("LPUSH", "mine", "a")
            wait_synced(primary, replica)
            seen = [replica.info("stats")["unexpected_error_replies"], replica.call("CONFIG", "SET", "replica-read-only", "yes")]
            primary.call("LPUSH", "mine", "a")
            return seen + self.ended(replica, "This replica panicked sending an error to its master after processing the command '.*'")
        self.compare(scene, self.PAIRS[:2] + self.PAIRS[3:])

    def test_a_replica_that_cannot_write_its_disk(self):
        def scene(primary, replica):
            os.makedirs(os.path.join(replica.folder, "folder"))
            replica.call("CONFIG", "SET", "replica-ignore-disk-write-errors", "yes", "save", "100000 1")
            with replica.client() as client:
                client.call("CONFIG", "SET", "dbfilename", "folder")
                client.call("BGSAVE")
                kt.wait_until(lambda: replica.info("persistence")["rdb_last_bgsave_status"] == "err", what="the save to fail")
                primary.call("SET", "a", "in spite of it")
                primary.call("SET", "a", "again")
                wait_synced(primary, replica)
                seen = [client.call("GET", "a"), client.call("SET", "a", "1"), client.call("PING"), client.call("CONFIG", "SET", "replica-read-only", "no"), client.call("SET", "a", "1"),
                        re.findall("Replica is applying a command .*", replica.output()), client.call("CONFIG", "SET", "replica-ignore-disk-write-errors", "no")]
            primary.call("SET", "a", "the end")
            return seen + self.ended(replica, "Replica was unable to write command to disk")
        self.compare(scene, self.PAIRS[:2] + self.PAIRS[3:], enable_protected_configs="yes")

    def test_the_append_only_file_of_a_replica(self):
        def is_rewritten(server):
            """After the full sync; what the new files replace goes from the disk a little later."""
            info = server.info("persistence")
            return (info["aof_rewrite_in_progress"] == info["aof_rewrite_scheduled"] == "0"
                    and len(list(pathlib.Path(server.folder, "appendonlydir").glob("*.incr.aof"))) == 1)

        def commands(server):
            data = b"".join(path.read_bytes() for path in sorted(pathlib.Path(server.folder, "appendonlydir").glob("*.incr.aof")))
            return [line for line in re.sub(rb"[*$]\d+\r\n", b"", data).split(b"\r\n") if not line.startswith(b"#")]

        def scene(primary, replica):
            kt.wait_until(lambda: is_rewritten(replica), timeout=30, what="the replica's append-only file to be rewritten")
            with primary.client() as client:
                for request in [("SET", "a", "1", "EX", "1000"), ("MULTI",), ("INCR", "a"), ("LPUSH", "q", "x"), ("EXEC",), ("SELECT", "3"), ("SADD", "s", "1"), ("SPOP", "s"),
                                ("EVAL", "redis.call('set', 'b', 1); return redis.call('incr', 'b')", "0"), ("SET", "gone", "x", "PX", "10")]:
                    client.call(*request)
                kt.wait_until(lambda: client.call("EXISTS", "gone") == b":0\r\n", what="it to expire")
                client.call("SET", "last", "x")
            wait_synced(primary, replica)
            replica.call("CONFIG", "SET", "replica-read-only", "no")
            replica.call("SET", "own", "x")
            replica.call("SET", "own2", "x", "PX", "10")
            kt.wait_until(lambda: b"DEL\r\nown2" in b"\r\n".join(commands(replica)), what="the replica's key to expire")
            return [re.sub(rb"^\d{13}$", b"time", word) for word in commands(replica)]
        self.compare(scene, self.PAIRS[:2] + self.PAIRS[3:], appendonly="yes", appendfsync="always")

    def test_monitor(self):
        def scene(primary, replica):
            with replica.client() as monitor:
                monitor.call("MONITOR")
                with primary.client() as client:
                    for request in [("SET", "a", "5"), ("MULTI",), ("INCR", "a"), ("INCR", "a"), ("EXEC",), ("EVAL", "return redis.call('incr', 'a')", "0"), ("SET", "last", "x")]:
                        client.call(*request)
                lines = []
                while not lines or b"last" not in lines[-1]:
                    lines.append(re.sub(rb"\+[\d.]+ \[(\d+) [^]]*\]", rb"[\1]", monitor.read()))
                return [line for line in lines if not re.search(rb"(?i)ping|replconf|info", line)]
        self.compare(scene, self.PAIRS[:2] + self.PAIRS[3:])

    def test_maxmemory_is_the_primarys_business(self):
        def scene(primary, replica):
            replica.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru", "maxmemory", "1")
            primary.call("SET", "b", "1")
            wait_synced(primary, replica)
            seen = [replica.call("DBSIZE"), replica.info("stats")["evicted_keys"]]
            replica.call("CONFIG", "SET", "replica-read-only", "no")
            seen.append(replica.call("SET", "c", "1"))
            replica.call("DEL", "c")
            replica.call("CONFIG", "SET", "replica-read-only", "yes", "maxmemory-policy", "noeviction", "replica-ignore-maxmemory", "no")
            primary.call("SET", "b", "2")
            primary.call("DEL", "b")
            wait_synced(primary, replica)
            seen += [replica.call("DBSIZE"), self.errors(replica), replica.info("stats")["unexpected_error_replies"], re.findall(r"== CRITICAL ==.*", replica.output())]
            return seen
        self.compare(scene, self.PAIRS[:2] + self.PAIRS[3:])

    def test_the_role_in_the_log(self):
        def scene(primary, replica):
            del primary
            replica.call("DEBUG", "LOG", "as a replica")
            replica.call("REPLICAOF", "NO", "ONE")
            replica.call("DEBUG", "LOG", "as a primary")
            return re.findall(r"\d+:(\w) .*(as a \w+)", replica.output())
        self.compare(scene, self.PAIRS[:2] + self.PAIRS[3:])

    def test_scripts_of_the_primary_that_wait(self):
        """A long script of a client on a replica holds the stream back, and does not break it."""
        def scene(primary, replica):
            replica.call("CONFIG", "SET", "busy-reply-threshold", "50")
            with replica.client(timeout=60) as client, replica.client() as other:
                client.send(kt.encode("EVAL", "while true do end", "0"))
                kt.wait_until(lambda: other.call("PING").startswith(b"-BUSY"), what="the script to be slow")
                primary.call("SET", "a", "during")
                time.sleep(0.3)
                seen = [other.call("GET", "a"), other.call("SCRIPT", "KILL"), client.read()[:40]]
            wait_synced(primary, replica)
            seen += [replica.call("GET", "a"), replica.info("stats")["unexpected_error_replies"], primary.info("stats")["sync_full"]]
            return seen
        self.compare(scene, self.PAIRS[:2] + self.PAIRS[3:])


if __name__ == "__main__":
    kt.main()
