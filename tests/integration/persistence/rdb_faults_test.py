"""SAVE, BGSAVE, save points and shutdown with a disk that is full, broken, or slow."""

import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).absolute().parent))
sys.path.insert(0, str(pathlib.Path(__file__).absolute().parents[2] / "support"))

import keyway_testing as kt  # noqa: E402
from faults import MISCONF_SNAPSHOT, FaultyShard, FaultsTestCase  # noqa: E402

# What may go wrong with a file that is written under another name and renamed.
_RULES = ("open EACCES temp-", "write ENOSPC temp-", "write EIO temp-", "write room:20 temp-", "write room:3000 temp-",
          "sync EIO temp-", "rename EIO dump.rdb")


class SaveTest(FaultsTestCase):
    def filled(self, **directives):
        """A shard with an RDB file of two hundred keys, and one key more."""
        shard = self.start(FaultyShard(**directives))
        with shard.client() as client:
            client.pipeline([("SET", f"key {i}", "value" * 20) for i in range(200)])
            self.assertEqual(client.call("SAVE"), b"+OK\r\n")
            client.call("SET", "more", "1")
        return shard

    def test_save(self):
        shard = self.filled()
        before = shard.path("dump.rdb").read_bytes()
        for rule in _RULES:
            with self.subTest(rule=rule):
                shard.fail(rule)
                self.assertEqual(shard.call("SAVE"), b"-ERR\r\n")
                self.assertEqual(shard.path("dump.rdb").read_bytes(), before)
                self.assertEqual(shard.leftovers(), [])
        self.assertRegex(shard.output(), r"Write error saving DB on disk.*: No space left on device")
        self.assertEqual(shard.call("SET", "another", "1"), b"+OK\r\n")  # SAVE has no memory
        shard.heal()
        self.assertEqual(shard.call("SAVE"), b"+OK\r\n")
        self.restart(shard)
        self.assertEqual(shard.value("DBSIZE"), 202)

    def test_background(self):
        shard = self.filled(save=["900", "1"])
        before = shard.path("dump.rdb").read_bytes()
        for rule in _RULES:
            with self.subTest(rule=rule), shard.client() as client:
                shard.fail(rule)
                self.assertTrue(client.call("BGSAVE").startswith(b"+Background saving started"))
                self.wait_saved(shard, "err")
                self.assertEqual(shard.path("dump.rdb").read_bytes(), before)
                self.assertEqual(shard.leftovers(), [])
                self.assertEqual(client.call("SET", "refused", "1"), MISCONF_SNAPSHOT)
                self.assertEqual(client.call("DEL", "more"), MISCONF_SNAPSHOT)
                self.assertEqual(client.call("PING"), MISCONF_SNAPSHOT)
                self.assertEqual(client.call("GET", "more"), b"$1\r\n1\r\n")
                self.assertIn(b"MISCONF", client.call("EVAL", "return redis.call('SET', 'x', 1)", 0))
                self.assertEqual(client.call("EVAL", "return redis.call('GET', 'more')", 0), b"$1\r\n1\r\n")
                client.call("MULTI")
                self.assertEqual(client.call("SET", "refused", "1"), MISCONF_SNAPSHOT)
                self.assertTrue(client.call("EXEC").startswith(b"-EXECABORT"))
                self.assertEqual(client.call("CONFIG", "SET", "stop-writes-on-bgsave-error", "no"), b"+OK\r\n")
                self.assertEqual(client.call("SET", "more", "1"), b"+OK\r\n")
                self.assertEqual(client.call("CONFIG", "SET", "stop-writes-on-bgsave-error", "yes"), b"+OK\r\n")
                shard.heal()
                client.call("BGSAVE")
                self.wait_saved(shard, "ok")
                self.assertEqual(client.call("SET", "more", "1"), b"+OK\r\n")
                self.assertEqual(client.call("PING"), b"+PONG\r\n")
                before = shard.path("dump.rdb").read_bytes()
        self.restart(shard)
        self.assertEqual(shard.value("DBSIZE"), 201)

    def test_save_points_try_again(self):
        shard = self.start(FaultyShard(save=["1", "1"]))
        shard.fail("write ENOSPC temp-")
        shard.call("SET", "key", "1")
        self.wait_info(shard, "rdb_last_bgsave_status", "err")
        self.assertEqual(shard.call("SET", "key", "2"), MISCONF_SNAPSHOT)
        shard.heal()
        self.wait_info(shard, "rdb_last_bgsave_status", "ok")
        self.assertEqual(shard.call("SET", "key", "3"), b"+OK\r\n")
        self.assertTrue(shard.path("dump.rdb").exists())

    def test_short_writes(self):
        shard = self.filled()
        shard.fail("write short:3 temp-")
        self.assertEqual(shard.call("SAVE"), b"+OK\r\n")
        shard.call("SET", "another", "1")
        shard.call("BGSAVE")
        self.wait_saved(shard, "ok")
        self.restart(shard)
        self.assertEqual(shard.value("DBSIZE"), 202)

    def test_child_is_killed(self):
        shard = self.filled(save=["900", "1"])
        for number, outcome in ((signal.SIGKILL, "err"), (signal.SIGUSR1, "err"), (signal.SIGTERM, None)):
            with self.subTest(signal=number.name):
                shard.fail("sync stall temp-")
                shard.call("BGSAVE")
                child = int(kt.wait_until(lambda: _children(shard.process.pid), what="the child")[0])
                kt.wait_until(shard.leftovers, what="the temporary file")
                os.kill(child, number)
                if outcome is None:  # a child does as its parent would: it ends, if not at once
                    shard.heal()
                self.wait_info(shard, "rdb_bgsave_in_progress", "0")
                self.assertEqual(shard.leftovers(), [])
                shard.heal()
                shard.call("BGSAVE")
                self.wait_saved(shard, "ok")
        self.assertIn("Background saving terminated by signal 9", shard.output())

    def test_reload(self):
        shard = self.filled()
        digest = shard.value("DEBUG", "DIGEST")
        shard.fail("write ENOSPC temp-")
        self.assertTrue(shard.call("DEBUG", "RELOAD").startswith(b"-ERR"))
        self.assertEqual(shard.value("DEBUG", "DIGEST"), digest)
        shard.heal()
        self.assertEqual(shard.call("DEBUG", "RELOAD"), b"+OK\r\n")
        self.assertEqual(shard.value("DEBUG", "DIGEST"), digest)

    def test_a_file_that_cannot_be_read(self):
        shard = self.filled()
        self.assertEqual(shard.call("SAVE"), b"+OK\r\n")
        shard.kill()
        before = shard.path("dump.rdb").read_bytes()
        shard.fail("read EIO dump.rdb")
        self.start_fails(shard)
        self.assertEqual(shard.path("dump.rdb").read_bytes(), before)
        shard.heal()
        shard.start()
        self.assertEqual(shard.value("DBSIZE"), 201)


class EndTest(FaultsTestCase):
    def full(self, **directives):
        shard = self.start(FaultyShard(**directives))
        shard.call("SET", "key", "1")
        shard.fail("write ENOSPC temp-")
        return shard

    def test_shutdown_save(self):
        shard = self.full()
        self.assertEqual(shard.call("SHUTDOWN", "SAVE"), b"-ERR Errors trying to SHUTDOWN. Check logs.\r\n")
        self.assertIn("Error trying to save the DB, can't exit.", shard.output())
        self.assertEqual(shard.call("SET", "key", "2"), b"+OK\r\n")
        shard.heal()
        with shard.client() as client:
            client.send(kt.encode("SHUTDOWN", "SAVE"))
            self.assertEqual(client.read_to_end(), b"")
        self.assertEqual(shard.wait(), 0)
        shard.start()
        self.assertEqual(shard.value("GET", "key"), b"2")

    def test_shutdown_with_save_points(self):
        shard = self.full(save=["900", "1"])
        self.assertEqual(shard.call("SHUTDOWN"), b"-ERR Errors trying to SHUTDOWN. Check logs.\r\n")
        self.assertTrue(shard.is_alive())

    def test_shutdown_regardless(self):
        for words in (("NOSAVE",), ("SAVE", "FORCE"), ("FORCE",)):
            with self.subTest(words=words):
                shard = self.full(save=["900", "1"])
                with shard.client() as client:
                    client.send(kt.encode("SHUTDOWN", *words))
                    self.assertEqual(client.read_to_end(), b"")
                self.assertEqual(shard.wait(), 0)

    def test_signal(self):
        shard = self.full(save=["900", "1"])
        shard.signal(signal.SIGTERM)
        kt.wait_until(lambda: "can't exit" in shard.output(), what="the line in the log")
        self.assertEqual(shard.call("SET", "key", "2"), b"+OK\r\n")
        shard.heal()
        shard.signal(signal.SIGTERM)
        self.assertEqual(shard.wait(), 0)
        shard.start()
        self.assertEqual(shard.value("GET", "key"), b"2")


def _children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return file.read().split()


if __name__ == "__main__":
    kt.main()
