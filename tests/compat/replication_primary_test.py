#!/usr/bin/env python3
"""keyway-shard as a primary that real redis-servers replicate, and other shards."""

import pathlib
import signal
import socket
import sys
import threading
import time

_HERE = pathlib.Path(__file__).absolute().parent
sys.path.insert(0, str(_HERE.parent / "support"))
sys.path.insert(0, str(_HERE / "random"))

import keyway_testing as kt  # noqa: E402
from generator import Generator  # noqa: E402

_FAMILIES = ["string", "list", "hash", "set", "zset", "stream", "bitmap", "hyperloglog", "geo", "dump", "transactions", "scripting"]
DISKLESS = {"repl_diskless_sync": "yes", "repl_diskless_sync_delay": 0}
DISK = {"repl_diskless_sync": "no"}
LIBRARY = b"#!lua name=lib\nredis.register_function('f', function(keys, args) return redis.call('SET', keys[1], args[1]) end)"


def primary_server(kind=kt.KeywayShard, **directives):
    return kind(**{"enable_debug_command": "yes", "databases": 16, **directives})


class Load(threading.Thread):
    """Writes of every kind to one server, until it is stopped."""

    def __init__(self, server, seed):
        super().__init__(daemon=True)
        self.server = server
        self.generator = Generator(seed, families=_FAMILIES)
        self.ended = threading.Event()
        self.commands = 0
        self.error = None
        self.start()

    def run(self):
        try:
            with self.server.client() as client, self.server.client() as blocked:
                while not self.ended.is_set():
                    self._write(client, blocked)
        except Exception as error:  # noqa: BLE001: the test shows it
            self.error = error

    def _write(self, client, blocked):
        random = self.generator.random
        requests = []
        while len(requests) < 20:
            request = self.generator.request()
            name = request[0].upper() if request else b""
            # Some wait or change the connection.
            if name and name not in (b"QUIT", b"RESET", b"HELLO", b"CLIENT", b"SELECT", b"WATCH", b"MULTI", b"EXEC", b"DISCARD",
                                     b"BLPOP", b"BRPOP", b"BLMOVE", b"BRPOPLPUSH", b"BLMPOP", b"BZPOPMIN", b"BZPOPMAX",
                                     b"BZMPOP", b"XREAD", b"XREADGROUP", b"DEBUG", b"SCRIPT", b"FUNCTION", b"FLUSHALL"):
                requests.append(request)
        key = self.generator.key()
        number = str(random.randint(0, 10**9))
        requests += [
            ("SELECT", random.choice([0, 0, 0, 3])),
            ("SADD", b"s" + key, *range(random.randint(1, 20))), ("SPOP", b"s" + key, random.randint(1, 5)),
            ("MULTI",), ("INCR", "counter"), ("RPUSH", "mlist", number), ("LTRIM", "mlist", "-50", "-1"), ("EXEC",),
            ("EVAL", "redis.call('SET', KEYS[1], ARGV[1]); return redis.call('HINCRBYFLOAT', KEYS[2], 'f', '0.5')", 2,
             "ev" + number[:2], "evh", number),
            ("FCALL", "f", 1, "fn", number), ("SET", "gone" + number[:2], number, "PX", random.randint(1, 50)),
            ("XADD", "xs", "MAXLEN", "~", 1000, "*", "n", number), ("GETEX", "counter", "EX", 1000),
        ]
        blocked.send(kt.encode("BLPOP", "queue", 1))
        requests.append(("RPUSH", "queue", number))
        client.send(b"".join(kt.encode(*request) for request in requests))
        for _ in requests:
            client.read()
        blocked.read()
        self.commands += len(requests)

    def stop(self):
        self.ended.set()
        self.join(30)
        if self.error is not None:
            raise self.error


def _offset(server):
    return int(server.info("replication")["master_repl_offset"])


def in_sync(primary, replica):
    """Whether the replica has all that the primary has sent."""
    info = replica.info("replication")
    return info.get("master_link_status") == "up" and int(info["slave_repl_offset"]) == _offset(primary)


class PrimaryTest(kt.TestCase):
    def replicate(self, primary, replica, wait=True):
        replica.call("REPLICAOF", "127.0.0.1", primary.port)
        if wait:
            kt.wait_until(lambda: replica.info("replication")["master_link_status"] == "up", 60, "the link")

    def replica_of(self, primary, kind=kt.RedisServer, wait=True, **directives):
        replica = self.start(kind(**{"enable_debug_command": "yes", "databases": 16, **directives}))
        self.replicate(primary, replica, wait)
        return replica

    def assert_same_data(self, primary, *replicas):
        for replica in replicas:
            # A key that expires meanwhile changes the digest of the primary first.
            def same():
                return in_sync(primary, replica) and primary.value("DEBUG", "DIGEST") == replica.value("DEBUG", "DIGEST")
            kt.wait_until(same, 60, "the same data")
            self.assertEqual(primary.value("FUNCTION", "LIST", "WITHCODE"), replica.value("FUNCTION", "LIST", "WITHCODE"))

    def preparedprimary_server(self, kind=kt.KeywayShard, **directives):
        primary = self.start(primary_server(kind, **directives))
        primary.call("FUNCTION", "LOAD", LIBRARY)
        return primary

    def fill(self, server, megabytes, name="big"):
        """Incompressible strings of 1 MB."""
        with server.client() as client:
            client.call("CONFIG", "SET", "rdbcompression", "no")
            for i in range(megabytes):
                client.call("SETRANGE", f"{name}{i}", 1024 * 1024, "end")


class FullSyncTest(PrimaryTest):
    def sync_under_load(self, replica_kind=kt.RedisServer, **directives):
        primary = self.preparedprimary_server(**directives)
        load = Load(primary, 1)
        kt.wait_until(lambda: load.commands > 2000 or load.error, 60, "some writes")
        replicas = [self.replica_of(primary, replica_kind) for _ in range(2)]
        before = load.commands
        kt.wait_until(lambda: load.commands > before + 2000 or load.error, 60, "more writes")
        load.stop()
        self.assert_same_data(primary, *replicas)
        info = primary.info("replication")
        self.assertEqual(info["connected_slaves"], "2")
        self.assertRegex(info["slave0"], rf"^ip=127\.0\.0\.1,port={replicas[0].port},state=online,offset=\d+,lag=[01]$")
        self.assertEqual(primary.info("stats")["sync_full"], "2")
        role = primary.value("ROLE")
        self.assertEqual([row[1] for row in role[2]], [str(replica.port).encode() for replica in replicas])
        return primary, replicas

    def test_by_disk(self):
        primary, _ = self.sync_under_load(**DISK)
        self.assertIn("Starting BGSAVE for SYNC with target: disk", primary.output())
        self.assertRegex(primary.output(), r"Synchronization with replica 127\.0\.0\.1:\d+ succeeded")

    def test_diskless(self):
        primary, _ = self.sync_under_load(**DISKLESS)
        log = primary.output()
        self.assertIn("Starting BGSAVE for SYNC with target: replicas sockets", log)
        self.assertRegex(log, r"Background RDB transfer started by pid \d+")
        self.assertIn("Diskless rdb transfer, done reading from pipe, 1 replicas still up.", log)
        self.assertIn("Background RDB transfer terminated with success", log)
        self.assertIn("succeeded (socket). Waiting for REPLCONF ACK from slave to enable streaming", log)

    def test_shards_as_replicas(self):
        self.sync_under_load(kt.KeywayShard, **DISKLESS)

    def test_evictions(self):
        primary = self.preparedprimary_server(**DISK)
        replica = self.replica_of(primary)
        used = int(primary.info("memory")["used_memory"])
        primary.call("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
        primary.call("CONFIG", "SET", "maxmemory", used + 2_000_000)
        with primary.client() as client:
            for i in range(5000):
                client.call("SET", f"key:{i}", "x" * 1000)
        self.assertGreater(int(primary.info("stats")["evicted_keys"]), 0)
        self.assert_same_data(primary, replica)

    def test_replicas_share_a_sync(self):
        for directives in ({"repl_diskless_sync": "yes", "repl_diskless_sync_delay": 600, "repl_diskless_sync_max_replicas": 3},
                           {**DISK, "rdb_key_save_delay": 2000}):
            with self.subTest(**directives):
                primary = self.preparedprimary_server(**directives)
                with primary.client() as client:
                    for i in range(500):
                        client.call("SET", f"key{i}", i)
                replicas = [self.replica_of(primary, wait=False) for _ in range(3)]
                kt.wait_until(lambda: primary.info("replication")["connected_slaves"] == "3", 30, "three replicas")
                for i in range(100):
                    primary.call("SET", f"later{i}", i)
                for replica in replicas:
                    kt.wait_until(lambda: replica.info("replication")["master_link_status"] == "up", 60, "the link")
                self.assert_same_data(primary, *replicas)
                self.assertEqual(primary.info("stats")["sync_full"], "3")
                self.assertEqual(primary.output().count("Starting BGSAVE for SYNC with target"), 1)

    def test_replica_killed_during_transfer(self):
        for directives in (DISK, DISKLESS):
            with self.subTest(**directives):
                primary = self.preparedprimary_server(**directives)
                self.fill(primary, 60)
                self.assertEqual(self.start_stuck_sync(primary, 1)[0].recv(1), b"+")
                victim = self.replica_of(primary, wait=False)
                kt.wait_until(lambda: int(primary.info("replication")["connected_slaves"]) >= 2, 10, "the replica")
                victim.kill()
                replica = self.replica_of(primary, wait=False)
                for stuck in self.stuck:
                    stuck.close()
                kt.wait_until(lambda: replica.info("replication")["master_link_status"] == "up", 60, "the link")
                self.assert_same_data(primary, replica)
                kt.wait_until(lambda: primary.info("replication")["connected_slaves"] == "1", 10, "one replica")

    def start_stuck_sync(self, primary, count):
        """Replicas that ask for a sync and read nothing of it."""
        self.stuck = []
        for _ in range(count):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(20)
            connection.connect(("127.0.0.1", primary.port))
            connection.sendall(kt.encode("REPLCONF", "capa", "eof", "capa", "psync2"))
            self.assertEqual(connection.recv(5), b"+OK\r\n")
            connection.sendall(kt.encode("PSYNC", "?", "-1"))
            self.addCleanup(connection.close)
            self.stuck.append(connection)
        return self.stuck

    def test_slow_replica_does_not_take_memory(self):
        for directives in (DISK, DISKLESS):
            with self.subTest(**directives):
                primary = self.preparedprimary_server(**directives)
                self.fill(primary, 100)
                before = int(primary.info("memory")["used_memory"])
                self.start_stuck_sync(primary, 2)
                time.sleep(1.0)
                self.assertLess(int(primary.info("memory")["used_memory"]) - before, 8_000_000)
                self.assertEqual(primary.call("PING"), b"+PONG\r\n")

    def test_last_replica_of_a_transfer_goes(self):
        primary = self.preparedprimary_server(**DISKLESS)
        self.fill(primary, 60)
        self.start_stuck_sync(primary, 1)
        kt.wait_until(lambda: primary.info("persistence")["rdb_bgsave_in_progress"] == "1", 10, "the child")
        self.stuck[0].close()
        kt.wait_until(lambda: primary.info("persistence")["rdb_bgsave_in_progress"] == "0", 10, "the end of the child")
        self.assertIn("Diskless rdb transfer, last replica dropped, killing fork child.", primary.output())

    def test_waits_for_another_child(self):
        primary = self.preparedprimary_server(**DISK, rdb_key_save_delay=1000)
        with primary.client() as client:
            for i in range(1000):
                client.call("SET", f"key{i}", i)
        primary.call("BGSAVE")
        replica = self.replica_of(primary, wait=False)
        kt.wait_until(lambda: "Can't attach the replica to the current BGSAVE" in primary.output(), 10, "the log")
        primary.call("CONFIG", "SET", "rdb-key-save-delay", "0")
        kt.wait_until(lambda: replica.info("replication")["master_link_status"] == "up", 60, "the link")
        self.assert_same_data(primary, replica)

    def test_child_is_killed(self):
        for directives in (DISK, DISKLESS):
            with self.subTest(**directives):
                primary = self.preparedprimary_server(**directives, rdb_key_save_delay=1000)
                with primary.client() as client:
                    for i in range(2000):
                        client.call("SET", f"key{i}", i)
                replica = self.replica_of(primary, wait=False)
                kt.wait_until(lambda: primary.info("persistence")["rdb_bgsave_in_progress"] == "1", 10, "the child")
                primary.call("FLUSHALL")
                primary.call("SET", "after", "1")
                kt.wait_until(lambda: replica.info("replication")["master_link_status"] == "up", 60, "the link")
                self.assert_same_data(primary, replica)
                self.assertIn("SYNC failed. BGSAVE child returned an error", primary.output())

    def test_file_of_sync_is_removed(self):
        primary = self.preparedprimary_server(**DISK, rdb_del_sync_files="yes")
        self.replica_of(primary)
        file = pathlib.Path(primary.folder) / "dump.rdb"
        kt.wait_until(lambda: not file.exists(), 10, "the end of the file")
        self.assertIn("Removing the RDB file used to feed replicas in a persistence-less instance", primary.output())


class PartialSyncTest(PrimaryTest):
    def test_link_is_cut_under_load(self):
        primary = self.preparedprimary_server(**DISKLESS, repl_backlog_size="64mb")
        replica = self.replica_of(primary)
        load = Load(primary, 2)
        for count in range(1, 6):
            kt.wait_until(lambda: _state(primary) == "online", 20, "the replica")
            before = load.commands
            kt.wait_until(lambda: load.commands > before + 500 or load.error, 60, "some writes")
            self.assertEqual(primary.call("CLIENT", "KILL", "TYPE", "replica"), b":1\r\n")
            kt.wait_until(lambda: primary.info("stats")["sync_partial_ok"] == str(count), 20, "the partial sync")
        load.stop()
        self.assert_same_data(primary, replica)
        stats = primary.info("stats")
        # The replica has first offered the history that it had by itself.
        self.assertEqual((stats["sync_full"], stats["sync_partial_ok"], stats["sync_partial_err"]), ("1", "5", "1"))
        self.assertRegex(primary.output(), r"Partial resynchronization request from 127\.0\.0\.1:\d+ accepted\. Sending \d+ bytes of "
                                           r"backlog starting from offset \d+\.")

    def test_backlog_is_too_small(self):
        primary = self.preparedprimary_server(**DISKLESS, repl_backlog_size="16kb")
        replica = self.replica_of(primary)
        primary.call("SET", "a", "1")
        self.assert_same_data(primary, replica)
        # It cannot come back before the writes are done.
        replica.signal(signal.SIGSTOP)
        primary.call("CLIENT", "KILL", "TYPE", "replica")
        with primary.client() as client:
            for i in range(100):
                client.call("SET", "b", "x" * 1000)
        replica.signal(signal.SIGCONT)
        kt.wait_until(lambda: primary.info("stats")["sync_full"] == "2", 20, "the full sync")
        self.assertEqual(primary.info("stats")["sync_partial_err"], "2")
        self.assert_same_data(primary, replica)
        self.assertRegex(primary.output(), r"Unable to partial resync with replica 127\.0\.0\.1:\d+ for lack of backlog")

    def test_replica_restarts(self):
        primary = self.preparedprimary_server(**DISKLESS)
        replica = self.replica_of(primary, save=["3600", "1"])
        with primary.client() as client:
            client.call("SELECT", "7")
            client.call("SET", "seven", "1")
        kt.wait_until(lambda: in_sync(primary, replica), 10, "the replica")
        replica.stop()
        with primary.client() as client:
            client.call("SELECT", "7")
            client.call("SET", "seven", "2")
        replica.directives["replicaof"] = ["127.0.0.1", str(primary.port)]
        replica.start()
        kt.wait_until(lambda: primary.info("stats")["sync_partial_ok"] == "1", 20, "the partial sync")
        self.assert_same_data(primary, replica)

    def test_primary_comes_back_as_a_replica(self):
        primary = self.preparedprimary_server(**DISKLESS, save=["3600", "1"])
        replica = self.replica_of(primary)
        with primary.client() as client:
            client.call("SELECT", "5")
            client.call("SET", "five", "1")
        kt.wait_until(lambda: in_sync(primary, replica), 10, "the replica")
        self.assertEqual(primary.stop(), 0)
        replica.call("REPLICAOF", "NO", "ONE")
        replica.call("SET", "zero", "1")
        primary.directives["replicaof"] = ["127.0.0.1", str(replica.port)]
        primary.start()
        kt.wait_until(lambda: in_sync(replica, primary), 20, "the link")
        # It has begun where its file ended.
        self.assertEqual(replica.info("stats")["sync_partial_ok"], "1")
        self.assertEqual(primary.value("DEBUG", "DIGEST"), replica.value("DEBUG", "DIGEST"))

    def test_backlog_ends(self):
        primary = self.preparedprimary_server(**DISKLESS, repl_backlog_ttl=1)
        replica = self.replica_of(primary)
        old = primary.info("replication")["master_replid"]
        replica.call("REPLICAOF", "NO", "ONE")
        kt.wait_until(lambda: primary.info("replication")["repl_backlog_active"] == "0", 20, "the end of the backlog")
        self.assertNotEqual(primary.info("replication")["master_replid"], old)
        self.assertIn("Replication backlog freed after 1 seconds without connected replicas.", primary.output())


def _state(primary):
    return primary.info("replication").get("slave0", "").partition("state=")[2].partition(",")[0]


class StreamTest(PrimaryTest):
    def test_slow_replica_is_disconnected(self):
        primary = self.preparedprimary_server(**DISKLESS, client_output_buffer_limit=["replica", "4mb", "0", "0"])
        replica = self.replica_of(primary)
        kt.wait_until(lambda: in_sync(primary, replica), 10, "the replica")
        replica.signal(signal.SIGSTOP)
        with primary.client() as client:
            for _ in range(400):
                client.call("SET", "big", "x" * 100_000)
                if _state(primary) == "":
                    break
        self.assertEqual(primary.info("replication")["connected_slaves"], "0")
        self.assertRegex(primary.output(), r"Client id=\d+ .* flags=S .* scheduled to be closed ASAP for overcoming of output buffer "
                                           r"limits\.")
        self.assertRegex(primary.output(), r"Connection with replica 127\.0\.0\.1:\d+ lost\.")
        replica.signal(signal.SIGCONT)
        kt.wait_until(lambda: in_sync(primary, replica), 30, "the replica")
        self.assert_same_data(primary, replica)

    def test_soft_limit(self):
        primary = self.preparedprimary_server(**DISKLESS, client_output_buffer_limit=["replica", "0", "1mb", "1"])
        replica = self.replica_of(primary)
        kt.wait_until(lambda: in_sync(primary, replica), 10, "the replica")
        replica.signal(signal.SIGSTOP)
        with primary.client() as client:
            for _ in range(150):
                client.call("SET", "big", "x" * 100_000)
            self.assertEqual(primary.info("replication")["connected_slaves"], "1")
            kt.wait_until(lambda: primary.info("replication")["connected_slaves"] == "0", 20, "the disconnection")
        replica.signal(signal.SIGCONT)

    def test_stream_is_kept_once(self):
        primary = self.preparedprimary_server(**DISKLESS)
        replicas = [self.replica_of(primary) for _ in range(3)]
        for replica in replicas:
            kt.wait_until(lambda: in_sync(primary, replica), 10, "the replica")
            replica.signal(signal.SIGSTOP)
        before = int(primary.info("memory")["used_memory"])
        with primary.client() as client:
            for _ in range(300):
                client.call("SET", "big", "x" * 100_000)
        grown = int(primary.info("memory")["used_memory"]) - before
        for replica in replicas:
            replica.signal(signal.SIGCONT)
        self.assertLess(grown, 36_000_000)
        self.assert_same_data(primary, *replicas)

    def test_silent_replica_is_disconnected(self):
        primary = self.preparedprimary_server(**DISKLESS, repl_timeout=2, repl_ping_replica_period=1)
        replica = self.replica_of(primary)
        kt.wait_until(lambda: in_sync(primary, replica), 10, "the replica")
        replica.signal(signal.SIGSTOP)
        kt.wait_until(lambda: primary.info("replication")["connected_slaves"] == "0", 20, "the disconnection")
        replica.signal(signal.SIGCONT)
        self.assertRegex(primary.output(), r"Disconnecting timedout replica \(streaming sync\): 127\.0\.0\.1:\d+")
        kt.wait_until(lambda: in_sync(primary, replica), 20, "the replica")

    def test_wait(self):
        primary = self.preparedprimary_server(**DISKLESS)
        for _ in range(2):
            self.replica_of(primary)
        kt.wait_until(lambda: primary.info("replication").get("slave1", "").find("online") > 0, 10, "the replicas")
        with primary.client() as client:
            for i in range(50):
                client.call("SET", "k", i)
                self.assertEqual(client.call("WAIT", "2", "5000"), b":2\r\n")
            self.assertEqual(client.call("WAIT", "3", "100"), b":2\r\n")

    def test_chain(self):
        primary = self.preparedprimary_server(**DISKLESS)
        middle = self.replica_of(primary, kt.KeywayShard, **DISKLESS)
        end = self.replica_of(middle)
        load = Load(primary, 3)
        kt.wait_until(lambda: load.commands > 2000 or load.error, 60, "some writes")
        load.stop()
        self.assert_same_data(primary, middle, end)
        self.assertEqual(primary.info("replication")["master_replid"], end.info("replication")["master_replid"])


if __name__ == "__main__":
    kt.main()
