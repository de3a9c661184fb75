"""keyway-shard as a replica of redis-server, and in chains: full and partial syncs in all modes, cut links, restarts, and what the logs of
both kinds of replica say in the same scenes. The measure is DEBUG DIGEST at the same offset."""

import os
import pathlib
import random
import re
import select
import socket
import sys
import threading
import time

import keyway_testing as kt

_HERE = pathlib.Path(__file__).absolute().parent
sys.path.insert(0, str(_HERE / "random"))
sys.path.insert(0, str(_HERE))

from aof_scenes import fill  # noqa: E402
from generator import Generator  # noqa: E402

ROUNDS = int(os.environ.get("KEYWAY_ROUNDS", "4"))
COMMON = {"enable_debug_command": "yes", "repl_diskless_sync_delay": "0", "repl_ping_replica_period": "1", "loglevel": "verbose"}
LOAD_MODES = ("disabled", "on-empty-db", "swapdb")


class Load:
    """Random requests of the families that redis-server propagates, one generator for all that is sent."""

    def __init__(self, seed):
        self.generator = Generator(seed)
        self.random = random.Random(seed)

    def send(self, client, count):
        for _ in range(count):
            request = self.generator.request()
            # BITFIELD: redis-server tells its replicas nothing of one that makes or lengthens a key without a change to a bit.
            if request and request[0].upper() in (b"SUBSCRIBE", b"PSUBSCRIBE", b"SSUBSCRIBE", b"RESET", b"HELLO", b"BITFIELD"):
                continue
            # PFADD: nor of the elements that it added before it found the value to be corrupted.
            if request and request[0].upper() == b"PFADD":
                request = request[:3]
            client.call(*request)
            if self.random.random() < 0.03:
                self.special(client)

    def special(self, client):
        """What the generator does not send: short expiries, scripts with several effects, transactions of several databases."""
        key = b"x%d" % self.random.randrange(20)
        kind = self.random.randrange(7)
        client.call("DISCARD")
        if kind == 0:
            client.call("SET", key, "soon gone", "PX", str(self.random.randrange(1, 120)))
        elif kind == 1:
            client.call("EVAL", "redis.call('INCR', KEYS[1]) redis.call('LPUSH', KEYS[2], 'a') return redis.call('TIME')", "2", key, key + b"l")
        elif kind == 2:
            client.call("MULTI")
            client.call("SET", key, "1")
            client.call("SELECT", str(self.random.randrange(4)))
            client.call("SADD", key + b"s", "a", "b", "c")
            client.call("SPOP", key + b"s")
            client.call("EXEC")
        elif kind == 3:
            client.call("FUNCTION", "LOAD", "REPLACE", "#!lua name=lib%d\nredis.register_function('f%d', function(k, a) "
                        "return redis.call('SET', k[1], a[1]) end)" % (kind, self.random.randrange(1, 2)))
            client.call("FCALL", "f1", "1", key, "by a function")
        elif kind == 4:
            client.call("SWAPDB", str(self.random.randrange(4)), str(self.random.randrange(4)))
        elif kind == 5:
            client.call("HSET", key + b"h", *(str(i) for i in range(2 * self.random.randrange(1, 30))))
            client.call("PEXPIRE", key + b"h", str(self.random.randrange(1, 100)))
        else:
            client.call("XADD", key + b"x", "MAXLEN", "~", "10", "*", "f", "v" * self.random.randrange(100))


class Relay:
    """A TCP relay that cuts the connection after so many bytes of the primary, or when told."""

    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.cut_after = None  # bytes from the primary, of the next connections
        self.passed = 0
        self.cuts = 0
        self.pairs = []
        self.stopped = False
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.stopped:
            with self.lock:
                sockets = [self.listener] + [s for pair in self.pairs for s in pair]
            try:
                ready, _, _ = select.select(sockets, [], [], 0.05)
            except (OSError, ValueError):
                continue
            for each in ready:
                if each is self.listener:
                    self._accept()
                else:
                    self._pass(each)

    def _accept(self):
        replica, _ = self.listener.accept()
        try:
            primary = socket.create_connection(("127.0.0.1", self.target), timeout=5)
        except OSError:
            replica.close()
            return
        with self.lock:
            self.passed = 0
            self.pairs.append((replica, primary))

    def _pass(self, source):
        with self.lock:
            pair = next((p for p in self.pairs if source in p), None)
        if pair is None:
            return
        replica, primary = pair
        try:
            data = source.recv(65536)
            if not data:
                raise OSError("end")
            if source is replica:
                primary.sendall(data)
                return
            if self.cut_after is not None and self.passed + len(data) >= self.cut_after:
                replica.sendall(data[:self.cut_after - self.passed])
                self.cut_after = None
                self.cuts += 1
                raise OSError("cut")
            self.passed += len(data)
            replica.sendall(data)
        except OSError:
            self._close(pair)

    def _close(self, pair):
        with self.lock:
            if pair in self.pairs:
                self.pairs.remove(pair)
        for each in pair:
            each.close()

    def cut(self):
        with self.lock:
            pairs = list(self.pairs)
        for pair in pairs:
            # The thread may be in a call on them: it notices.
            for each in pair:
                try:
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.cuts += 1

    def stop(self):
        self.stopped = True
        self.thread.join()
        for pair in list(self.pairs):
            self._close(pair)
        self.listener.close()


def offset_of(server):
    return int(server.info("replication")["master_repl_offset"])


def is_up(replica):
    return replica.info("replication").get("master_link_status") == "up"


class ReplicaTest(kt.TestCase):
    def primary(self, kind=kt.RedisServer, **directives):
        return self.start(kind(**{**COMMON, **directives}))

    def replica(self, of, kind=kt.KeywayShard, port=None, **directives):
        return self.start(kind(**{**COMMON, "replicaof": ["127.0.0.1", str(port or of.port)], **directives}))

    def relay(self, server):
        relay = Relay(server.port)
        self.addCleanup(relay.stop)
        return relay

    def assert_equal(self, primary, *replicas, timeout=30):
        """All of them are in sync, at the same offset, with the same data. What expires goes away first, on the primary."""
        def same():
            offsets = {offset_of(server) for server in (primary, *replicas)}
            return len(offsets) == 1
        for replica in replicas:
            kt.wait_until(lambda: is_up(replica), timeout=timeout, what="the link to be up")
        for _ in range(200):
            kt.wait_until(same, timeout=timeout, what="equal offsets")
            # Between two looks a PING may pass, or a key expire.
            before = offset_of(primary)
            digests = [server.value("DEBUG", "DIGEST") for server in (primary, *replicas)]
            offsets = {offset_of(server) for server in (primary, *replicas)}
            if offsets == {before}:
                break
            time.sleep(0.01)
        else:
            self.fail("the primary never rests")
        for replica, digest in zip(replicas, digests[1:]):
            if digest != digests[0]:
                self.explain(primary, replica)
            self.assertEqual(digest, digests[0])
        for replica in replicas:
            if isinstance(replica, kt.KeywayShard):
                self.assertNotIn("== CRITICAL ==", replica.output())
        libraries = [sorted((row[1], row[-1]) for row in server.value("FUNCTION", "LIST", "WITHCODE")) for server in (primary, *replicas)]
        for each in libraries[1:]:
            self.assertEqual(each, libraries[0])

    def explain(self, primary, replica):
        """Which keys differ."""
        for database in range(16):
            with primary.client() as theirs, replica.client() as ours:
                for client in (theirs, ours):
                    client.call("SELECT", str(database))
                keys = {*theirs.value("KEYS", "*"), *ours.value("KEYS", "*")}
                for key in sorted(keys):
                    one, other = (client.value("DEBUG", "DIGEST-VALUE", key) for client in (theirs, ours))
                    if one != other:
                        for client in (theirs, ours):
                            print("differs:", database, key, client.value("TYPE", key), client.value("PTTL", key), client.value("DUMP", key),
                                  client.call("XRANGE", key, "-", "+"), file=sys.stderr)

    # --- Full syncs.

    def test_full_sync_in_all_modes(self):
        for seed, diskless in enumerate(("no", "yes")):
            primary = self.primary(repl_diskless_sync=diskless)
            with primary.client(timeout=60) as client:
                fill(client)
                Load(seed).send(client, 1500)
                client.call("RESET")
                client.call("SELECT", "7")
                client.call("SET", "selected", "7")
                for mode in LOAD_MODES:
                    replica = self.replica(primary, repl_diskless_load=mode)
                    kt.wait_until(lambda: is_up(replica), timeout=30, what="the link to be up")
                    self.assert_equal(primary, replica)
                    Load(seed + 10).send(client, 1000)
                    client.call("RESET")
                    self.assert_equal(primary, replica)
                    info, theirs = replica.info("replication"), primary.info("replication")
                    self.assertEqual(info["role"], "slave")
                    self.assertEqual(info["master_replid"], theirs["master_replid"])
                    self.assertEqual(theirs["connected_slaves"], "1")
                    self.assertIn(f"port={replica.port},state=online", theirs["slave0"])
                    where = "to disk" if mode == "disabled" else "to parser"
                    what = "streamed RDB from master with EOF " if diskless == "yes" else r"\d+ bytes from master "
                    self.assertRegex(replica.output(), f"MASTER <-> REPLICA sync: receiving {what}{where}")
                    self.assertEqual([name for name in os.listdir(replica.folder) if name.startswith("temp-")], [])
                    self.assertEqual("dump.rdb" in os.listdir(replica.folder), mode == "disabled")
                    replica.stop()
            primary.stop()

    def test_log_of_a_sync_is_that_of_redis(self):
        """The lines of a replica from REPLICAOF to the end of the sync, of a cut, and of NO ONE."""
        logs = []
        for kind in (kt.RedisServer, kt.KeywayShard):
            primary = self.primary(repl_diskless_sync="no")
            primary.call("SET", "a", "b")
            replica = self.start(kind(**COMMON))
            replica.call("SET", "old", "data")
            replica.call("REPLICAOF", "127.0.0.1", str(primary.port))
            self.assert_equal(primary, replica)
            self.assertEqual(replica.value("GET", "old"), None)
            primary.call("CLIENT", "KILL", "TYPE", "replica")
            kt.wait_until(lambda: "Master accepted a Partial" in replica.output(), what="the partial sync")
            self.assert_equal(primary, replica)
            replica.call("REPLICAOF", "NO", "ONE")
            lines = []
            for line in replica.output().splitlines():
                head = re.match(r"\d+:[MSC] \d+ \w+ \d+ [\d:.]+ (.) (.*)", line)
                if head and re.search(r"MASTER|Master|master|REPLICA|SYNC|resync|Loading RDB|Done loading|RDB age|cached", head[2]):
                    text = re.sub(r"[0-9a-f]{40}", "ID", head[2]).replace(str(primary.port), "PORT")
                    lines.append((head[1], re.sub(r"\d+ (bytes|seconds)|ID:\d+|addr=.*|user request from .*", "N", text)))
            logs.append(lines)
        self.assertEqual(logs[1], logs[0])

    def test_authentication(self):
        primary = self.primary(requirepass="secret")
        primary_client = primary.client()
        primary_client.call("AUTH", "secret")
        primary_client.call("ACL", "SETUSER", "replicator", "on", ">other", "+psync", "+replconf", "+ping")
        primary_client.call("SET", "a", "b")
        with self.replica(primary).client() as client:  # no password
            kt.wait_until(lambda: b"down" in client.value("INFO", "replication"), what="the link to be down")
            time.sleep(0.5)
            self.assertIsNone(client.value("GET", "a"))
            self.assertIn("slave", str(client.value("ROLE")[0]))
            client.call("CONFIG", "SET", "masterauth", "wrong")
            kt.wait_until(lambda: b"connect" in client.call("ROLE"), what="another try")
            client.call("CONFIG", "SET", "masterauth", "secret")
            kt.wait_until(lambda: client.value("GET", "a") == b"b", what="the data")
        for directives in ({"masterauth": "secret"}, {"masterauth": "other", "masteruser": "replicator"}):
            with self.replica(primary, **directives).client() as client:
                kt.wait_until(lambda: client.value("GET", "a") == b"b", what="the data")
        wrong = self.replica(primary, masterauth="wrong", masteruser="replicator")
        kt.wait_until(lambda: "Unable to AUTH to MASTER: -WRONGPASS" in wrong.output(), what="the refusal")
        primary_client.close()

    # --- Under load.

    def under_load(self, primary, replicas, disturb, seconds=6.0, seed=1):
        """Writes to `primary` while `disturb` is called again and again; then all are equal."""
        stop = threading.Event()
        errors = []

        def write():
            try:
                load = Load(seed)
                with primary.client(timeout=60) as client:
                    while not stop.is_set():
                        load.send(client, 50)
            except Exception as error:  # shown below
                errors.append(error)

        writer = threading.Thread(target=write)
        writer.start()
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                disturb()
        finally:
            stop.set()
            writer.join()
        self.assertEqual(errors, [])
        self.assert_equal(primary, *replicas, timeout=60)

    def test_cut_links_under_load(self):
        for mode in LOAD_MODES:
            primary = self.primary(repl_backlog_size="10mb")
            relay = self.relay(primary)
            replica = self.replica(primary, port=relay.port, repl_diskless_load=mode)
            chance = random.Random(mode)
            kt.wait_until(lambda: is_up(replica), timeout=30, what="the link to be up")
            full = int(primary.info("stats")["sync_full"])

            def disturb():
                kind = chance.randrange(3)
                if kind == 0:
                    primary.call("CLIENT", "KILL", "TYPE", "replica")
                elif kind == 1:
                    relay.cut_after = relay.passed + chance.randrange(1, 20000)
                else:
                    relay.cut()
                time.sleep(chance.random() * 0.3)

            self.under_load(primary, [replica], disturb, seed=mode)
            stats = primary.info("stats")
            self.assertEqual(int(stats["sync_full"]), full, "a full sync where a partial one was possible")
            self.assertGreater(int(stats["sync_partial_ok"]), 3)
            replica.stop()
            primary.stop()

    def test_cut_in_the_middle_of_a_transaction(self):
        primary = self.primary()
        relay = self.relay(primary)
        replica = self.replica(primary, port=relay.port)
        self.assert_equal(primary, replica)
        with primary.client() as client:
            for cut in range(40, 400, 7):
                done = relay.cuts
                # The stream's next bytes are MULTI, then these.
                relay.cut_after = relay.passed + cut
                client.call("MULTI")
                for i in range(5):
                    client.call("INCR", f"counter{i}")
                client.call("SELECT", str(cut % 3))
                client.call("RPUSH", "list", "x" * 40)
                client.call("EXEC")
                kt.wait_until(lambda: relay.cuts > done or relay.cut_after is not None and is_up(replica), what="the cut")
                # Nothing of it is seen before all of it is.
                values = set(replica.value("MGET", *(f"counter{i}" for i in range(5))))
                self.assertEqual(len(values), 1, values)
                relay.cut_after = None
                self.assert_equal(primary, replica)
        self.assertEqual(primary.info("stats")["sync_full"], "1")

    def test_cut_in_the_payload(self):
        for diskless in ("no", "yes"):
            primary = self.primary(repl_diskless_sync=diskless)
            with primary.client(timeout=60) as client:
                fill(client)
            for mode in LOAD_MODES:
                relay = self.relay(primary)
                relay.cut_after = 1
                replica = self.replica(primary, port=relay.port, repl_diskless_load=mode)
                if mode == "swapdb":
                    replica_value = "kept"
                for cut in (1, 60, 120, 200, 230, 300, 5000, 100000, 400000):
                    kt.wait_until(lambda: relay.cut_after is None or is_up(replica), timeout=30, what=f"the cut at {cut}")
                    relay.cut_after = cut
                    relay.cut()
                kt.wait_until(lambda: relay.cut_after is None or is_up(replica), timeout=30, what="the last cut")
                relay.cut_after = None
                self.assert_equal(primary, replica)
                self.assertEqual([name for name in os.listdir(replica.folder) if name.startswith("temp-")], [])
                replica.stop()
            primary.stop()

    def test_full_syncs_under_load(self):
        """The backlog is too small for what is missed."""
        for diskless, mode in (("no", "disabled"), ("yes", "disabled"), ("yes", "swapdb"), ("no", "on-empty-db")):
            primary = self.primary(repl_backlog_size="16kb", repl_diskless_sync=diskless)
            with primary.client(timeout=60) as client:
                fill(client)
            relay = self.relay(primary)
            replica = self.replica(primary, port=relay.port, repl_diskless_load=mode, replica_lazy_flush="yes" if diskless == "yes" else "no")
            chance = random.Random(mode)

            def disturb():
                relay.cut()
                time.sleep(chance.random() * 0.8)

            self.under_load(primary, [replica], disturb, seed=7, seconds=8)
            replica.stop()
            primary.stop()

    # --- Chains and roles.

    def test_chain(self):
        for kinds in ((kt.KeywayShard, kt.RedisServer), (kt.KeywayShard, kt.KeywayShard), (kt.RedisServer, kt.KeywayShard)):
            primary = self.primary(repl_backlog_size="10mb")
            with primary.client(timeout=60) as client:
                fill(client)
            middle = self.replica(primary, kind=kinds[0], repl_backlog_size="10mb")
            last = self.replica(middle, kind=kinds[1])
            chance = random.Random(3)

            def disturb():
                chance.choice((primary, middle)).call("CLIENT", "KILL", "TYPE", "replica")
                time.sleep(chance.random() * 0.4)

            kt.wait_until(lambda: is_up(middle) and is_up(last), timeout=30, what="the links to be up")
            self.under_load(primary, [middle, last], disturb, seed=9)
            self.assertEqual(middle.info("stats")["sync_full"], "1")
            # The middle one becomes the primary of both; nobody needs a full sync if the old one has said nothing more.
            for server in (primary, middle):
                server.call("CONFIG", "SET", "repl-ping-replica-period", "3600")
                server.call("DEBUG", "SET-ACTIVE-EXPIRE", "0")
            self.assert_equal(primary, middle, last)
            middle.call("REPLICAOF", "NO", "ONE")
            middle.call("SET", "after", "promotion")
            primary.call("REPLICAOF", "127.0.0.1", str(middle.port))
            self.assert_equal(middle, last, primary)
            self.assertEqual(middle.info("stats")["sync_full"], "1")
            for server in (last, middle, primary):
                server.stop()

    def test_roles_change_again_and_again(self):
        servers = [self.start(kt.KeywayShard(**COMMON)), self.start(kt.RedisServer(**COMMON)), self.start(kt.KeywayShard(**COMMON))]
        chance = random.Random(5)
        for server in servers:
            with server.client(timeout=60) as client:
                fill(client)
        primary = servers[0]
        for round_number in range(ROUNDS * 5):
            new = chance.choice(servers)
            order = list(servers)
            chance.shuffle(order)
            for server in order:
                if server is new:
                    server.call("REPLICAOF", "NO", "ONE")
                else:
                    server.call("REPLICAOF", "127.0.0.1", str(new.port))
                    if chance.random() < 0.3:  # changes its mind
                        server.call("REPLICAOF", "NO", "ONE")
                        server.call("REPLICAOF", "127.0.0.1", str(chance.choice(servers).port))
                        server.call("REPLICAOF", "127.0.0.1", str(new.port))
            primary = new
            with primary.client(timeout=60) as client:
                Load(round_number).send(client, 100)
            if round_number % 5 == 4:
                self.assert_equal(primary, *(server for server in servers if server is not primary))

    # --- Restarts.

    def test_restarted_replica_goes_on(self):
        for stopped in ("shutdown", "nosave"):
            primary = self.primary()
            replica = self.replica(primary, save=["3600", "1"])
            with primary.client(timeout=60) as client:
                fill(client)
                client.call("SELECT", "5")
                client.call("SET", "five", "5")
                self.assert_equal(primary, replica)
                if stopped == "nosave":
                    replica.call("SAVE")
                    replica.kill()
                else:
                    replica.stop()
                client.call("SET", "while-away", "x", "PX", "100")
                client.call("RPUSH", "while-away-list", "x")
                replica.start()
                self.assert_equal(primary, replica)
            self.assertEqual(primary.info("stats")["sync_full"], "1")
            self.assertIn("Master accepted a Partial Resynchronization", replica.output())
            replica.stop()
            primary.stop()

    def test_replicas_of_a_restarted_primary_go_on(self):
        for kind in (kt.RedisServer, kt.KeywayShard):
            primary = self.primary(kind=kt.KeywayShard, save=["3600", "1"])
            replica = self.replica(primary, kind=kind)
            with primary.client(timeout=60) as client:
                fill(client)
                client.call("SET", "soon-gone", "x", "PX", "1500")
                client.call("SET", "soon-gone-too", "x", "PX", "1500")
            self.assert_equal(primary, replica)
            primary.stop()
            time.sleep(1.6)
            primary.start()
            self.assert_equal(primary, replica)
            self.assertEqual(primary.info("stats")["sync_full"], "0")
            self.assertIsNone(replica.value("GET", "soon-gone"))

    def test_append_only_file_begins_anew(self):
        primary = self.primary()
        with primary.client(timeout=60) as client:
            fill(client)
            replica = self.start(kt.KeywayShard(**COMMON, appendonly="yes"))
            replica.call("SET", "old", "data")
            replica.call("REPLICAOF", "127.0.0.1", str(primary.port))
            self.assert_equal(primary, replica)
            Load(3).send(client, 500)
            client.call("RESET")
            kt.wait_until(lambda: replica.info("persistence")["aof_rewrite_in_progress"] == "0" and
                          replica.info("persistence")["aof_enabled"] == "1", timeout=30, what="the rewrite")
            self.assert_equal(primary, replica)
            digest = replica.value("DEBUG", "DIGEST")
            replica.call("REPLICAOF", "NO", "ONE")
            replica.stop()
            replica.start()
            kt.wait_until(lambda: not replica.call("GET", "x").startswith(b"-LOADING"), timeout=30, what="the data")
            self.assertEqual(replica.value("DEBUG", "DIGEST"), digest)

    # --- While loading.

    def test_others_are_served_while_it_loads(self):
        primary = self.primary(repl_timeout=3)
        with primary.client(timeout=60) as client:
            client.call("DEBUG", "POPULATE", "30000", "key", "10")
        for mode in ("disabled", "swapdb"):
            replica = self.start(kt.KeywayShard(**COMMON, repl_diskless_load=mode, key_load_delay="200"))
            replica.call("SET", "old", "data")
            replica.call("REPLICAOF", "127.0.0.1", str(primary.port))
            kt.wait_until(lambda: replica.info("persistence")["loading"] == "1", timeout=30, what="loading")
            self.assertEqual(replica.call("GET", "old"), b"-LOADING Redis is loading the dataset in memory\r\n")
            self.assertEqual(replica.value("ROLE")[3], b"sync")
            kt.wait_until(lambda: is_up(replica), timeout=60, what="the link to be up")
            self.assert_equal(primary, replica)
            self.assertEqual(primary.info("stats")["sync_full"], "1" if mode == "disabled" else "2")
            if mode == "swapdb":
                # The same history: it is served while it loads again.
                replica.call("CONFIG", "SET", "repl-timeout", "60")
                primary.call("DEBUG", "POPULATE", "30001", "key", "10")
                primary.call("CONFIG", "SET", "repl-backlog-size", "16kb")
                with primary.client(timeout=60) as client:
                    replica.call("DEBUG", "SLEEP", "0")
                    replica.signal(19)  # SIGSTOP
                    client.call("CLIENT", "KILL", "TYPE", "replica")
                    for i in range(200):
                        client.call("SET", f"big{i}", "x" * 1000)
                    replica.signal(18)
                kt.wait_until(lambda: replica.info("persistence")["async_loading"] == "1", timeout=30, what="loading beside")
                self.assertEqual(replica.value("DBSIZE") >= 30000, True)
                self.assertEqual(replica.call("SAVE"), b"-LOADING Redis is loading the dataset in memory\r\n")
                self.assertEqual(len(replica.value("GET", "key:7")), 10)
                self.assert_equal(primary, replica, timeout=60)
            replica.stop()

    def test_stops_in_the_middle(self):
        """Of a transfer, of loading; by NO ONE, by another primary, by the end of the process."""
        primary = self.primary(rdb_key_save_delay="100", repl_diskless_sync="yes")
        other = self.primary()
        other.call("SET", "other", "data")
        primary.call("DEBUG", "POPULATE", "20000", "key", "100")
        for mode in LOAD_MODES:
            replica = self.start(kt.KeywayShard(**COMMON, repl_diskless_load=mode, key_load_delay="200"))
            replica.call("SET", "own", "data")
            for act in (["NO", "ONE"], ["127.0.0.1", str(other.port)]):
                replica.call("REPLICAOF", "127.0.0.1", str(primary.port))
                kt.wait_until(lambda: replica.info("replication").get("master_sync_in_progress") == "1", timeout=30, what="the transfer")
                self.assertEqual(replica.call("REPLICAOF", *act), b"+OK\r\n")
            self.assert_equal(other, replica)
            self.assertEqual(replica.value("GET", "other"), b"data")
            replica.call("REPLICAOF", "127.0.0.1", str(primary.port))
            kt.wait_until(lambda: replica.info("replication").get("master_sync_in_progress") == "1", timeout=30, what="the transfer")
            self.assertEqual(replica.stop(), 0)
            self.assertEqual([name for name in os.listdir(replica.folder) if name.startswith("temp-")], [])
        for mode in ("disabled", "swapdb"):
            primary.call("CONFIG", "SET", "rdb-key-save-delay", "0")
            replica = self.start(kt.KeywayShard(**COMMON, repl_diskless_load=mode, key_load_delay="500"))
            replica.call("REPLICAOF", "127.0.0.1", str(primary.port))
            kt.wait_until(lambda: replica.info("persistence")["loading"] == "1", timeout=30, what="loading")
            self.assertEqual(replica.call("REPLICAOF", "NO", "ONE"), b"-LOADING Redis is loading the dataset in memory\r\n")
            self.assertEqual(replica.stop(), 0)


if __name__ == "__main__":
    kt.main()
