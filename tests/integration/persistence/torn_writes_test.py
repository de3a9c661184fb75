"""Append-only files whose end is not what was written: cut at every byte, zeroed, with garbage behind it.

The log holds all kinds of commands. For each cut of its last two kilobytes the data set must be that of the last whole
unit before the cut, and the file must be cut back to it. DEBUG LOADAOF loads the many; for some, processes start, and
redis-server starts on the same files. By hand: torn_writes_test.py [--program /usr/bin/redis-server].
"""

import argparse
import os
import pathlib
import random
import re
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).absolute().parents[2] / "support"))

import keyway_testing as kt  # noqa: E402

_TAIL_BYTES = 2048
_BASE_TAIL_BYTES = 64
_options = argparse.Namespace(program=None)
_LIBRARY = "#!lua name=torn\nredis.register_function('put', function(k, a) return redis.call('SET', k[1], a[1]) end)"
_BINARY = bytes(range(256))
_MESSAGES = re.compile(r"short read while loading|loaded anyway|Truncating the AOF|Unexpected end of file|Bad file format|"
                       r"Revert incomplete")


class _Shard(kt.KeywayShard):
    def program(self):
        return _options.program or super().program()


def _units(chosen):
    """Lists of commands: what is one unit in the file."""
    return [
        [("SET", "text", "value")],
        [("SET", "binary", _BINARY)],
        [("MULTI",), ("SET", "one", "1\r\n*1\r\n"), ("RPUSH", "list", "a", "b", "c"), ("INCR", "number"), ("EXEC",)],
        [("SELECT", 5)],
        [("HSET", "hash", "field", "\x00\x01", "other", "")],
        [("SADD", "set", "a", "b", "c", 1, 2, 3)],
        [("SPOP", "set", 2)],
        [("ZADD", "scores", 1.5, "x", "-inf", "y")],
        [("SELECT", 0)],
        [("XADD", "stream", "*", "field", "value")],
        [("XGROUP", "CREATE", "stream", "group", 0)],
        [("XREADGROUP", "GROUP", "group", "me", "STREAMS", "stream", ">")],
        [("SET", "passing", "soon", "EX", 1000)],
        [("FUNCTION", "LOAD", "REPLACE", _LIBRARY)],
        [("FCALL", "put", 1, "called", "by a function")],
        [("EVAL", "redis.call('SET', KEYS[1], ARGV[1]); redis.call('LPUSH', KEYS[2], ARGV[1]); return 1", 2, "s1", "s2", "x")],
        [("INCRBYFLOAT", "float", "3.25")],
        [("APPEND", "text", chosen.randbytes(100))],
        [("SETRANGE", "text", 300, "behind")],
        [("LMOVE", "list", "list2", "LEFT", "RIGHT")],
        [("MULTI",), ("SELECT", 3), ("SET", "elsewhere", ""), ("SELECT", 0), ("DEL", "one"), ("EXEC",)],
        [("PEXPIRE", "float", 500000)],
        [("COPY", "text", "text2")],
        [("RENAME", "text2", "text3")],
        [("SETBIT", "bits", 77, 1)],
        [("PFADD", "unique", "a", "b")],
        [("GEOADD", "places", "13.361389", "38.115556", "Palermo")],
        [("XADD", "stream", "MAXLEN", 2, "*", "a", "b")],
        [("XACK", "stream", "group", "0-1")],
        [("SWAPDB", 8, 9)],
        [("PERSIST", "float")],
        [("GETEX", "text", "PX", 900000)],
        [("ZPOPMIN", "scores")],
        [("UNLINK", "bits", "unique")],
        [("MULTI",), ("FLUSHDB",), ("SET", "after", _BINARY), ("EXEC",)],
        [("SET", "last", "")],
        [("RPUSH", "last list", *range(40))],
        [("SET", "very last", "value")],
    ]


class Log:
    """A folder with an append-only file, and what its data set was after each unit: [(bytes of the last file, digest)]."""

    def __init__(self, test, server):
        with server.client() as client:
            for i in range(20):  # the base
                client.call("HSET", f"base {i}", "field", "value" * i)
            client.call("BGREWRITEAOF")
            kt.wait_until(lambda: server.info("persistence")["aof_rewrite_in_progress"] == "0", what="the rewrite")
        manifest = pathlib.Path(server.folder, "appendonlydir", "appendonly.aof.manifest").read_text()
        self.last = re.findall(r"file (\S+) seq \d+ type i", manifest)[-1]
        self.base = re.findall(r"file (\S+) seq \d+ type b", manifest)[-1]
        path = pathlib.Path(server.folder, "appendonlydir", self.last)
        chosen = random.Random(5)
        with server.client() as client:
            self.points = [(path.stat().st_size, client.value("DEBUG", "DIGEST"))]
            for i, unit in enumerate(_units(chosen)):
                if i in (12, 20, 34):  # the next one gets an annotation of its time
                    second = int(time.time())
                    kt.wait_until(lambda second=second: time.time() >= second + 1.01, what="the next second")
                client.pipeline(unit)
                size = path.stat().st_size
                if size != self.points[-1][0]:
                    self.points.append((size, client.value("DEBUG", "DIGEST")))
        server.kill()
        self.folder = pathlib.Path(test.temporary_folder(), "log")
        shutil.copytree(pathlib.Path(server.folder, "appendonlydir"), self.folder)
        self.bytes = path.read_bytes()
        assert len(self.bytes) == self.points[-1][0] and self.bytes.count(b"#TS:") >= 3
        self.annotations = []
        self.ends = [0]  # of commands outside of transactions
        self._find_ends()

    def _find_ends(self):
        at, in_transaction = 0, False
        while at < len(self.bytes):
            end = self.bytes.index(b"\n", at) + 1
            if self.bytes[at:at + 1] == b"#":
                self.annotations.append((at, end))
                at = end
                continue
            words = []
            for _ in range(int(self.bytes[at + 1:end])):
                header = self.bytes.index(b"\n", end) + 1
                begin, end = header, header + int(self.bytes[end + 1:header])
                words.append(self.bytes[begin:end])
                end += 2
            at = end
            in_transaction = words == [b"MULTI"] or in_transaction and words != [b"EXEC"]
            if not in_transaction:
                self.ends.append(at)

    def point_before(self, cut):
        return max(point for point in self.points if point[0] <= cut)

    def sound_before(self, cut):
        """Where a file that was cut there may end afterwards: behind the last whole command that is not in an open
        transaction, or annotations that follow it."""
        size = max(end for end in self.ends if end <= cut)
        sizes = {size}
        for begin, end in self.annotations:
            if begin == size and end <= cut:
                size = end
                sizes.add(end)
        return sizes

    def in_annotation(self, cut):
        return any(begin < cut < end for begin, end in self.annotations)


class TornWritesTest(kt.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.log = None

    def setUp(self):
        if self.log is None:
            server = self.start(_Shard(appendonly="yes", appendfsync="always", save="", enable_debug_command="yes",
                                       aof_timestamp_enabled="yes", auto_aof_rewrite_percentage=0))
            type(self).log = Log(_KeptFolder(type(self)), server)

    def server(self, kind=_Shard, last=None, base=None, **directives):
        """One whose files are those of the log, but for what is given; not started."""
        server = kind(**{"appendonly": "yes", "save": "", "enable_debug_command": "yes", **directives})
        self.addCleanup(server.cleanup)
        folder = pathlib.Path(server.directives["dir"], "appendonlydir")
        shutil.copytree(self.log.folder, folder)
        if last is not None:
            (folder / self.log.last).write_bytes(last)
        if base is not None:
            (folder / self.log.base).write_bytes(base)
        return server

    def outcome(self, kind, **options):
        """How a process starts: (digest or exit code, bytes of the last file afterwards, what it says)."""
        server = self.server(kind, **options)
        server.start(wait=False)
        ready = kt.wait_until(lambda: (server.process.poll() is not None and "ended") or server.is_ready() and "ready",
                              timeout=30, what="start or end", interval=0.003)
        result = server.value("DEBUG", "DIGEST") if ready == "ready" else server.wait()
        server.kill()
        said = [line.split(" ", 6)[-1] for line in server.output().splitlines() if _MESSAGES.search(line)]
        return result, pathlib.Path(server.folder, "appendonlydir", self.log.last).read_bytes(), said

    def test_every_cut(self):
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # each load syncs what it cuts
        folder = tempfile.mkdtemp(prefix="keyway-test-", dir=memory)
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        server = self.server(appendonly="no", dir=folder)
        self.start(server)
        path = pathlib.Path(folder, "appendonlydir", self.log.last)
        length = len(self.log.bytes)
        with server.client() as client:
            for cut in range(max(length - _TAIL_BYTES, 0), length + 1):
                path.write_bytes(self.log.bytes[:cut])
                loaded, digest = client.pipeline([("DEBUG", "LOADAOF"), ("DEBUG", "DIGEST")])
                self.assertEqual(loaded, b"+OK\r\n", f"cut at {cut}")
                self.assertEqual(digest[1:-2], self.log.point_before(cut)[1].encode(), f"cut at {cut}")
                if not (_options.program and self.log.in_annotation(cut)):
                    self.assertIn(path.stat().st_size, self.log.sound_before(cut), f"cut at {cut}")

    def cuts(self, count):
        """Some cuts: around the ends of units, in transactions, anywhere."""
        chosen = random.Random(9)
        length = len(self.log.bytes)
        tail = range(length - _TAIL_BYTES, length + 1)
        ends = [size + distance for size, _ in self.log.points for distance in (-1, 0, 1, 2)]
        cuts = chosen.sample([cut for cut in ends if cut in tail], count // 2) + chosen.sample(tail, count // 2)
        return [cut for cut in [length, *cuts] if not self.log.in_annotation(cut)]

    def test_starts_as_redis_does(self):
        for cut in self.cuts(28):
            with self.subTest(cut=cut):
                last = self.log.bytes[:cut]
                ours, reference = (self.outcome(kind, last=last) for kind in (_Shard, kt.RedisServer))
                self.assertEqual(ours[0], self.log.point_before(cut)[1])
                if _options.program is None:
                    self.assertIn(len(ours[1]), self.log.sound_before(cut))
                self.assertEqual(ours[0], reference[0])
                # redis-server leaves the begin of a transaction whose end is missing, if it was cut within a command.
                if ours[1] == reference[1]:
                    self.assertEqual(ours[2], reference[2])

    def test_refuses_as_redis_does(self):
        for cut in self.cuts(16):
            with self.subTest(cut=cut):
                last = self.log.bytes[:cut]
                ours, reference = (self.outcome(kind, last=last, **{"aof-load-truncated": "no"})
                                   for kind in (_Shard, kt.RedisServer))
                self.assertEqual(ours[1], last, "the file was touched")
                self.assertEqual((ours[0], ours[2]), (reference[0], reference[2]))
                whole = cut == self.log.point_before(cut)[0]
                self.assertEqual(ours[0] == 1, not whole)

    def test_garbage_behind_the_end(self):
        for garbage in (b"\x00", b"\x00" * 4096, b"garbage", b"\r\n", b"*0\r\n", b"*-1\r\n", b"*1\r\n#", b"*1\r\n$-1\r\n",
                        b"*x\r\n", b"PING\r\n"):
            with self.subTest(garbage=garbage[:20]):
                last = self.log.bytes + garbage
                ours, reference = (self.outcome(kind, last=last) for kind in (_Shard, kt.RedisServer))
                self.assertEqual(ours[1], last, "the file was touched")
                self.assertEqual(ours[0] if _options.program is None else 1, 1)
                if reference[0] == 1:  # it ends by a signal with some of these
                    self.assertEqual(ours[2], reference[2])
                if ours[0] == 1:
                    self.assertIn("Bad file format reading the append only file", ours[2][0])

    def test_zeros_instead_of_the_end(self):
        # Blocks of a file that were never written are zeros.
        for count in (1, 2, 3, 9, 40, 512, 1500):
            with self.subTest(count=count):
                last = self.log.bytes[:-count] + bytes(count)
                result, left, said = self.outcome(_Shard, last=last)
                if result == 1:
                    self.assertEqual(left, last)
                    self.assertIn("Bad file format reading the append only file", said[0])
                else:  # what is zero is taken for the begin of a line: cut off, as for redis-server
                    cut = len(self.log.bytes) - count
                    self.assertEqual(result, self.log.point_before(cut)[1])
                    self.assertIn(len(left), self.log.sound_before(cut))

    def test_a_file_in_the_middle_may_not_be_cut(self):
        server = self.server()
        folder = pathlib.Path(server.folder, "appendonlydir")
        manifest = folder / "appendonly.aof.manifest"
        sequence = int(self.log.last.split(".")[-3])
        more = self.log.last.replace(f".{sequence}.", f".{sequence + 1}.")
        with open(manifest, "a") as file:
            file.write(f"file {more} seq {sequence + 1} type i\n")
        (folder / more).write_bytes(kt.encode("SELECT", 0) + kt.encode("SET", "more", "1"))
        (folder / self.log.last).write_bytes(self.log.bytes[:-3])
        server.start(wait=False)
        self.assertEqual(server.wait(), 1)
        self.assertIn("truncated", server.output())
        if _options.program is None:  # redis-server cuts it before it refuses
            self.assertEqual((folder / self.log.last).read_bytes(), self.log.bytes[:-3])

    def test_base_that_is_cut(self):
        base = (self.log.folder / self.log.base).read_bytes()
        self.assertTrue(base.startswith(b"REDIS"))
        server = self.server(base=base)
        path = pathlib.Path(server.folder, "appendonlydir", self.log.base)
        for cut in range(len(base) - _BASE_TAIL_BYTES, len(base)):
            path.write_bytes(base[:cut])
            server.start(wait=False)
            self.assertEqual(server.wait(), 1, f"cut at {cut}")
            self.assertEqual(path.read_bytes(), base[:cut])
        self.assertEqual(pathlib.Path(server.folder, "appendonlydir", self.log.last).read_bytes(), self.log.bytes)


class _KeptFolder:
    """Keeps a folder until all tests of the class are over."""

    def __init__(self, test_class):
        self.test_class = test_class

    def temporary_folder(self):
        folder = tempfile.mkdtemp(prefix="keyway-test-")
        self.test_class.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        return folder


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--program", default=_options.program)
    _options, sys.argv[1:] = parser.parse_known_args()
    kt.main()
