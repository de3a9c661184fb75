"""The append-only file with a disk that is full, broken or slow: nobody gets OK for what is not there after a restart."""

import pathlib
import re
import signal
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).absolute().parent))
sys.path.insert(0, str(pathlib.Path(__file__).absolute().parents[2] / "support"))

import keyway_testing as kt  # noqa: E402
from faults import FaultyShard, FaultsTestCase  # noqa: E402

_OK = b"+OK\r\n"
_CLOSED = (EOFError, ConnectionError)


def _misconf(message):
    return b"-MISCONF Errors writing to the AOF file: " + message + b"\r\n"


class _AofTestCase(FaultsTestCase):
    def shard(self, appendfsync="everysec", **directives):
        return self.start(FaultyShard(**{"appendonly": "yes", "appendfsync": appendfsync, "auto_aof_rewrite_percentage": 0,
                                         **directives}))

    def push_until_refused(self, client, limit=100000):
        """RPUSHes numbers to "list" until one is refused: (how many were accepted, the refusal)."""
        start = client.value("LLEN", "list")
        for i in range(start, limit):
            reply = client.call("RPUSH", "list", i)
            if reply.startswith(b"-"):
                return i, reply
            self.assertEqual(reply, b":%d\r\n" % (i + 1))
        raise AssertionError("never refused")

    def push_until_accepted(self, client, number):
        """Until the first is accepted, as the disk is well again."""
        reply = kt.wait_until(lambda: (r := client.call("RPUSH", "list", number)) and not r.startswith(b"-") and r,
                              timeout=20, what="the disk to be trusted again")
        self.assertEqual(reply, b":%d\r\n" % (number + 1))

    def assert_list(self, server, count):
        self.assertEqual(server.value("LRANGE", "list", 0, -1), [b"%d" % i for i in range(count)])


class EverySecondTest(_AofTestCase):
    def test_disk_that_refuses(self):
        for rules, message in ((["write ENOSPC incr"], b"No space left on device"), (["write EIO incr"], b"Input/output error"),
                               (["write room:500 incr"], b"No space left on device"),
                               (["write room:507 incr", "truncate EIO incr"], b"No space left on device"),
                               (["sync EIO incr"], b"Input/output error")):
            with self.subTest(rules=rules):
                shard = self.shard()
                with shard.client() as client:
                    client.call("RPUSH", "list", 0)
                    shard.fail(*rules)
                    count, refusal = self.push_until_refused(client)
                    self.assertEqual(refusal, _misconf(message))
                    self.assertEqual(client.call("PING"), _misconf(message))
                    self.assertEqual(client.call("FLUSHALL"), _misconf(message))
                    self.assertEqual(client.value("LLEN", "list"), count)
                    self.assertIn(b"MISCONF", client.call("EVAL", "return redis.call('SET', 'x', 1)", 0))
                    info = shard.info("persistence")
                    self.assertEqual(info["aof_last_write_status"], "err")
                    shard.heal()
                    self.push_until_accepted(client, count)
                    self.assertEqual(client.call("PING"), b"+PONG\r\n")
                    self.wait_info(shard, "aof_last_write_status", "ok")
                    for i in range(count + 1, count + 50):
                        client.call("RPUSH", "list", i)
                    kt.wait_until(lambda: shard.info("persistence")["aof_buffer_length"] == "0", what="an empty buffer")
                self.restart(shard)
                self.assert_list(shard, count + 50)
                shard.cleanup()

    def test_killed_while_the_disk_is_full(self):
        # What was accepted before anybody knew is lost with the process: at most what two seconds bring.
        shard = self.shard()
        with shard.client() as client:
            for i in range(100):
                client.call("RPUSH", "list", i)
            kt.wait_until(lambda: b"$2\r\n99\r\n" in b"".join(shard.contents().values()), what="the file to be written")
            shard.fail("write room:3000 incr")
            self.push_until_refused(client)
        self.restart(shard)
        length = shard.value("LLEN", "list")
        self.assertGreaterEqual(length, 100)
        self.assert_list(shard, length)

    def test_short_writes(self):
        shard = self.shard()
        shard.fail("write short:3 incr")
        with shard.client() as client:
            client.pipeline([("RPUSH", "list", i) for i in range(200)])
            kt.wait_until(lambda: b"$3\r\n199\r\n" in b"".join(shard.contents().values()), what="the file to be written")
            self.assertEqual(client.call("PING"), b"+PONG\r\n")
        self.restart(shard)
        self.assert_list(shard, 200)

    def test_stalled_sync(self):
        shard = self.shard()
        answered = []
        with shard.client(timeout=60) as client:
            client.call("RPUSH", "list", 0)
            shard.fail("sync stall incr")

            def push():
                for i in range(1, 1000000):
                    if client.call("RPUSH", "list", i) != b":%d\r\n" % (i + 1):
                        break
                    answered.append(i)
                    if stop.is_set():
                        break

            stop = threading.Event()
            pusher = threading.Thread(target=push)
            pusher.start()
            try:
                kt.wait_until(lambda: len(answered) > 50, what="answers while the disk stalls")
                kt.wait_until(lambda: "Asynchronous AOF fsync is taking too long (disk is busy?)" in shard.output(), timeout=15,
                              what="the server to say that it is delayed")
            finally:
                shard.heal()
                stop.set()
                pusher.join()
            self.assertGreaterEqual(int(shard.info("persistence")["aof_delayed_fsync"]), 1)
            kt.wait_until(lambda: shard.info("persistence")["aof_buffer_length"] == "0", what="an empty buffer")
        self.restart(shard)
        self.assert_list(shard, len(answered) + 1)

    def test_stalled_writes_are_bounded(self):
        shard = self.shard()
        value = b"v" * 100000
        sent = []
        with shard.client(timeout=60) as client:
            client.call("RPUSH", "list", 0)
            shard.fail("write stall incr")

            def push():
                try:
                    while not stop.is_set():
                        if client.call("SET", "big", value) == _OK:
                            sent.append(1)
                except _CLOSED:
                    pass

            stop = threading.Event()
            pusher = threading.Thread(target=push)
            pusher.start()
            try:
                def still():
                    before = len(sent)
                    pusher.join(1.0)  # a second without an answer: the server waits for the disk
                    return len(sent) == before
                kt.wait_until(still, timeout=30, what="the server to wait for the disk")
            finally:
                shard.heal()
                stop.set()
                pusher.join()
            kt.wait_until(lambda: shard.info("persistence")["aof_buffer_length"] == "0", what="an empty buffer")
            self.assertEqual(client.value("GET", "big"), value)
        self.restart(shard)
        self.assertEqual(shard.value("GET", "big"), value)


class AlwaysTest(_AofTestCase):
    def push_until_gone(self, client):
        """How many RPUSHes were acknowledged until the server ended."""
        for i in range(client.value("LLEN", "list"), 100000):
            try:
                self.assertEqual(client.call("RPUSH", "list", i), b":%d\r\n" % (i + 1))
            except _CLOSED:
                return i
        raise AssertionError("it goes on")

    def test_the_process_ends(self):
        write = "Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting..."
        sync = "Can't persist AOF for fsync error when the AOF fsync policy is 'always': Input/output error. Exiting..."
        for rules, said in ((["write ENOSPC incr"], write), (["write EIO incr"], write), (["write room:400 incr"], write),
                            (["write room:411 incr", "truncate EIO incr"], write), (["sync EIO incr"], sync)):
            with self.subTest(rules=rules):
                shard = self.shard("always")
                with shard.client() as client:
                    for i in range(5):
                        client.call("RPUSH", "list", i)
                    shard.fail(*rules)
                    count = self.push_until_gone(client)
                self.assertEqual(shard.wait(), 1)
                self.assertIn(said, shard.output())
                shard.heal()
                shard.start()
                length = shard.value("LLEN", "list")
                # A command that was written and not synced may be there, though nobody was told.
                self.assertIn(length, (count, count + 1) if "sync EIO incr" in rules else (count,))
                self.assert_list(shard, length)
                shard.cleanup()

    def test_pipelines_of_many(self):
        shard = self.shard("always")
        clients = [shard.client() for _ in range(5)]
        for number, client in enumerate(clients):
            self.addCleanup(client.close)
            self.assertEqual(client.call("SET", f"key {number}", 0), _OK)
        shard.fail("write room:4000 incr")
        for number, client in enumerate(clients):
            client.send(b"".join(kt.encode("INCR", f"key {number}") for _ in range(500)))
        acknowledged = [client.read_to_end().count(b"\r\n") for client in clients]
        self.assertEqual(shard.wait(), 1)
        shard.heal()
        shard.start()
        for number, count in enumerate(acknowledged):
            self.assertGreaterEqual(int(shard.value("GET", f"key {number}")), count)

    def test_short_writes(self):
        shard = self.shard("always")
        shard.fail("write short:3 incr")
        with shard.client() as client:
            client.pipeline([("RPUSH", "list", i) for i in range(100)])
        self.restart(shard)
        self.assert_list(shard, 100)


class RewriteTest(_AofTestCase):
    RULES = ("open EACCES temp-rewriteaof", "write ENOSPC temp-rewriteaof", "write room:100 temp-rewriteaof",
             "sync EIO temp-rewriteaof", "rename EIO base", "open EACCES incr", "open EACCES manifest", "write ENOSPC manifest",
             "sync EIO manifest", "rename EIO manifest")

    def test_each_step(self):
        for appendfsync in ("everysec", "always"):
            shard = self.shard(appendfsync)
            with shard.client() as client:
                for i in range(50):
                    client.call("RPUSH", "list", i)
            for number, rule in enumerate(self.RULES):
                with self.subTest(appendfsync=appendfsync, rule=rule):
                    shard.fail(rule)
                    with shard.client() as client:
                        client.call("BGREWRITEAOF")
                        self.wait_info(shard, "aof_rewrite_in_progress", "0")
                        self.assertEqual(shard.info("persistence")["aof_last_bgrewrite_status"], "err")
                        self.assertEqual(client.call("RPUSH", "list", 50 + 2 * number), b":%d\r\n" % (51 + 2 * number))
                        kt.wait_until(lambda: shard.info("persistence")["aof_buffer_length"] == "0", what="an empty buffer")
                    self.restart(shard)
                    self.assert_list(shard, 51 + 2 * number)
                    with shard.client() as client:
                        client.call("BGREWRITEAOF")
                        self.wait_info(shard, "aof_rewrite_in_progress", "0")
                        self.assertEqual(shard.info("persistence")["aof_last_bgrewrite_status"], "ok")
                        client.call("RPUSH", "list", 51 + 2 * number)
                        kt.wait_until(lambda: shard.info("persistence")["aof_buffer_length"] == "0", what="an empty buffer")
                    self.restart(shard)
                    self.assert_list(shard, 52 + 2 * number)
            shard.cleanup()

    def test_goes_on_without_a_restart(self):
        shard = self.shard()
        with shard.client() as client:
            number = 0
            for rule in self.RULES:
                with self.subTest(rule=rule):
                    shard.fail(rule)
                    client.call("BGREWRITEAOF")
                    self.wait_info(shard, "aof_rewrite_in_progress", "0")
                    self.assertEqual(shard.info("persistence")["aof_last_bgrewrite_status"], "err")
                    shard.heal()
                    client.call("RPUSH", "list", number)
                    number += 1
                    client.call("BGREWRITEAOF")
                    self.wait_info(shard, "aof_rewrite_in_progress", "0")
                    self.assertEqual(shard.info("persistence")["aof_last_bgrewrite_status"], "ok")
                    client.call("RPUSH", "list", number)
                    number += 1
            kt.wait_until(lambda: shard.info("persistence")["aof_buffer_length"] == "0", what="an empty buffer")
        self.assertEqual(shard.leftovers(), [])
        # What the manifest does not name is removed.
        def clean():
            named = re.findall(r"^file (\S+) ", shard.path("appendonlydir", "appendonly.aof.manifest").read_text(), re.M)
            return sorted(path.name for path in shard.path("appendonlydir").iterdir()) == \
                sorted([*named, "appendonly.aof.manifest"]) and len(named) == 2
        kt.wait_until(clean, what="history to be removed")
        self.restart(shard)
        self.assert_list(shard, number)

    def test_automatic_ones_are_limited(self):
        shard = self.shard(auto_aof_rewrite_percentage=1, auto_aof_rewrite_min_size=1)
        shard.fail("write ENOSPC temp-rewriteaof")
        with shard.client() as client:
            for i in range(100):
                client.call("RPUSH", "list", i)
        said = "Background AOF rewrite has repeatedly failed and triggered the limit, will retry in 1 minutes"
        kt.wait_until(lambda: said in shard.output(), timeout=30, what="the limit")
        incremental = len([name for name in shard.contents() if name.endswith(".incr.aof")])
        self.assertLessEqual(incremental, 5)
        self.restart(shard)
        self.assert_list(shard, 100)


class StartTest(_AofTestCase):
    def test_a_disk_that_refuses_the_first_files(self):
        for rule in ("mkdir EACCES appendonlydir", "open EACCES incr", "open EACCES base", "write ENOSPC base",
                     "write ENOSPC manifest", "rename EIO manifest", "sync EIO manifest"):
            with self.subTest(rule=rule):
                shard = FaultyShard(appendonly="yes")
                shard.fail(rule, rule.replace("base", "temp-"))
                said = self.start_fails(shard)
                code = {"EACCES": "Permission denied", "ENOSPC": "No space left on device", "EIO": "Input/output error"}
                self.assertIn(code[rule.split()[1]], said)
                shard.heal()
                self.start(shard)
                self.assertEqual(shard.call("SET", "key", "1"), _OK)
                self.restart(shard)
                shard.cleanup()

    def test_files_that_cannot_be_read(self):
        shard = self.shard("always")
        shard.call("SET", "key", "1")
        for name in ("base", "incr", "manifest"):
            with self.subTest(name=name):
                shard.kill()
                before = shard.contents()
                shard.fail(f"read EIO {name}")
                self.start_fails(shard)
                self.assertEqual(shard.contents(), before)
                shard.heal()
                shard.start()
                self.assertEqual(shard.value("GET", "key"), b"1")

    def test_torn_file_that_cannot_be_cut(self):
        shard = self.shard("always")
        shard.call("SET", "key", "1")
        shard.kill()
        incremental = next(shard.path("appendonlydir").glob("*.incr.aof"))
        with open(incremental, "ab") as file:
            file.write(b"*3\r\n$3\r\nSE")
        before = shard.contents()
        shard.fail("truncate EIO incr")
        self.start_fails(shard)
        self.assertEqual(shard.contents(), before)
        shard.heal()
        shard.start()
        self.assertEqual(shard.value("GET", "key"), b"1")


class SwitchTest(_AofTestCase):
    def test_on_with_a_failing_disk(self):
        refusal = b"-ERR CONFIG SET failed (possibly related to argument 'appendonly') - Unable to turn on AOF. Check server logs.\r\n"
        shard = self.start(FaultyShard())
        shard.call("SET", "key", "1")
        for rule in ("mkdir EACCES appendonlydir", "open EACCES incr"):
            with self.subTest(rule=rule):
                shard.fail(rule)
                self.assertEqual(shard.call("CONFIG", "SET", "appendonly", "yes"), refusal)
                self.assertEqual(shard.value("CONFIG", "GET", "appendonly"), [b"appendonly", b"no"])
                self.assertEqual(shard.info("persistence")["aof_enabled"], "0")
                self.assertEqual(shard.call("SET", "key", "2"), _OK)
        shard.heal()
        self.switch_on(shard)

    def switch_on(self, shard):
        self.assertEqual(shard.call("CONFIG", "SET", "appendonly", "yes"), _OK)
        self.wait_info(shard, "aof_rewrite_in_progress", "0")
        self.wait_info(shard, "aof_last_bgrewrite_status", "ok")
        self.assertEqual(shard.call("SET", "key", "3"), _OK)
        kt.wait_until(lambda: shard.info("persistence")["aof_buffer_length"] == "0", what="an empty buffer")
        shard.kill()
        shard.directives["appendonly"] = "yes"
        shard.start()
        self.assertEqual(shard.value("GET", "key"), b"3")

    def test_on_with_a_rewrite_that_fails(self):
        for rule in ("write ENOSPC temp-rewriteaof", "rename EIO base", "rename EIO manifest"):
            with self.subTest(rule=rule):
                shard = self.start(FaultyShard())
                shard.call("SET", "key", "1")
                shard.fail(rule)
                shard.call("CONFIG", "SET", "appendonly", "yes")
                self.wait_info(shard, "aof_last_bgrewrite_status", "err")
                self.assertEqual(shard.call("SET", "key", "2"), _OK)
                shard.heal()
                self.wait_info(shard, "aof_rewrite_in_progress", "0")
                # By itself it may try again only after a minute.
                self.assertTrue(shard.call("BGREWRITEAOF").startswith((b"+", b"-ERR Background append only file rewriting")))
                self.wait_info(shard, "aof_rewrite_in_progress", "0")
                self.wait_info(shard, "aof_last_bgrewrite_status", "ok")
                self.assertEqual(shard.call("SET", "key", "3"), _OK)
                kt.wait_until(lambda: shard.info("persistence")["aof_buffer_length"] == "0", what="an empty buffer")
                shard.kill()
                shard.directives["appendonly"] = "yes"
                shard.start()
                self.assertEqual(shard.value("GET", "key"), b"3")
                shard.cleanup()

    def test_off_and_on_while_the_disk_is_full(self):
        shard = self.shard()
        with shard.client() as client:
            shard.fail("write ENOSPC incr")
            count, _ = self.push_until_refused(client)
            client.call("CONFIG", "SET", "appendonly", "no")
            self.assertEqual(client.call("RPUSH", "list", count), b":%d\r\n" % (count + 1))
            shard.heal()
            self.assertEqual(client.call("CONFIG", "SET", "appendonly", "yes"), _OK)
            self.wait_info(shard, "aof_rewrite_in_progress", "0")
            self.wait_info(shard, "aof_last_bgrewrite_status", "ok")
        self.restart(shard)
        self.assert_list(shard, count + 1)

    def test_policy_changes_while_it_runs(self):
        shard = self.shard()
        with shard.client() as client:
            for number, policy in enumerate(("always", "no", "everysec", "always") * 3):
                self.assertEqual(client.call("CONFIG", "SET", "appendfsync", policy), _OK)
                client.pipeline([("RPUSH", "list", number * 20 + i) for i in range(20)])
        self.restart(shard)
        self.assert_list(shard, 240)


class EndTest(_AofTestCase):
    def test_all_is_there_after_an_orderly_end(self):
        for appendfsync in ("everysec", "no", "always"):
            for how in ("SHUTDOWN", "SIGTERM"):
                with self.subTest(appendfsync=appendfsync, how=how):
                    shard = self.shard(appendfsync)
                    with shard.client() as client:
                        client.pipeline([("RPUSH", "list", i) for i in range(1000)])
                        if how == "SIGTERM":
                            shard.signal(signal.SIGTERM)
                        else:
                            client.send(kt.encode("SHUTDOWN"))
                        self.assertEqual(client.read_to_end(), b"")
                    self.assertEqual(shard.wait(), 0)
                    shard.start()
                    self.assert_list(shard, 1000)
                    shard.cleanup()

    def test_full_disk_at_the_end(self):
        shard = self.shard()
        with shard.client() as client:
            shard.fail("write ENOSPC incr")
            count, _ = self.push_until_refused(client)
            shard.signal(signal.SIGTERM)
            # Either it refuses to end while it has something that is nowhere else, or it was forced.
            kt.wait_until(lambda: not shard.is_alive() or "rrors trying to shut down" in shard.output() or
                          "can't exit" in shard.output(), what="an end or a refusal")
            if shard.is_alive():
                self.assertEqual(client.value("LLEN", "list"), count)
                shard.heal()
                shard.signal(signal.SIGTERM)
                self.assertEqual(shard.wait(), 0)
                shard.start()
                self.assert_list(shard, count)


if __name__ == "__main__":
    kt.main()
