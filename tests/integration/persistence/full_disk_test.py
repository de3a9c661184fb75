"""A file system that is really full, and files that may get no longer (RLIMIT_FSIZE).

By hand, also for comparison: full_disk_test.py [--program /usr/bin/redis-server].
"""

import argparse
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).absolute().parent))
sys.path.insert(0, str(pathlib.Path(__file__).absolute().parents[2] / "support"))

import keyway_testing as kt  # noqa: E402
from faults import MISCONF_SNAPSHOT, FaultsTestCase  # noqa: E402

_options = argparse.Namespace(program=None)
_VALUE = os.urandom(10000)  # random, so that it cannot be compressed


class _Shard(kt.KeywayShard):
    limit_kilobytes = None

    def program(self):
        return _options.program or super().program()

    def command(self):
        if self.limit_kilobytes is None:
            return super().command()
        # dash counts in blocks of 512 bytes; without the trap the kernel ends who writes too much.
        limit = f"trap '' XFSZ; ulimit -f {self.limit_kilobytes * 2}; exec \"$@\""
        return ["/bin/dash", "-c", limit, "dash", *super().command()]


class FullDiskTest(FaultsTestCase):
    def small_disk(self, kilobytes):
        """The path of a file system of that size, or the test is skipped."""
        folder = self.temporary_folder()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder], capture_output=True,
                                 text=True, check=False)
        if mounted.returncode != 0:
            self.skipTest(f"may not mount a file system: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", folder], check=False)
        return pathlib.Path(folder)

    def fill_until_refused(self, client, start):
        for i in range(start, start + 100000):
            reply = client.call("SET", f"key {i}", _VALUE)
            if reply != b"+OK\r\n":
                return i, reply
        raise AssertionError("never refused")

    def test_append_only_file(self):
        disk = self.small_disk(2000)
        filler = disk / "filler"
        filler.write_bytes(b"x" * 1_000_000)
        shard = self.start(_Shard(dir=disk, appendonly="yes", appendfsync="everysec", save="", hz=50,
                                  auto_aof_rewrite_percentage=0))
        with shard.client() as client:
            count, refusal = self.fill_until_refused(client, 0)
            self.assertEqual(refusal, b"-MISCONF Errors writing to the AOF file: No space left on device\r\n")
            self.assertEqual(client.value("GET", "key 0"), _VALUE)
            self.assertEqual(client.value("DBSIZE"), count)
            filler.unlink()
            kt.wait_until(lambda: client.call("SET", "well", "again") == b"+OK\r\n", timeout=20, what="writes to be accepted")
            self.wait_info(shard, "aof_last_write_status", "ok")
            kt.wait_until(lambda: shard.info("persistence")["aof_buffer_length"] == "0", what="an empty buffer")
        self.restart(shard)
        self.assertEqual(shard.value("DBSIZE"), count + 1)
        self.assertEqual(shard.value("GET", f"key {count - 1}"), _VALUE)

    def test_snapshot(self):
        disk = self.small_disk(1000)
        shard = self.start(_Shard(dir=disk, save=["900", "1"], hz=50))
        with shard.client() as client:
            for i in range(40):
                client.call("SET", f"key {i}", _VALUE)
            self.assertEqual(client.call("SAVE"), b"+OK\r\n")
            before = (disk / "dump.rdb").read_bytes()
            for i in range(40, 90):  # two files of these have no room
                client.call("SET", f"key {i}", _VALUE)
            client.call("BGSAVE")
            self.wait_saved(shard, "err")
            self.assertEqual((disk / "dump.rdb").read_bytes(), before)
            self.assertEqual(list(disk.glob("temp-*")), [])
            self.assertEqual(client.call("SET", "key", "1"), MISCONF_SNAPSHOT)
            self.assertEqual(client.value("GET", "key 0"), _VALUE)
        self.restart(shard)
        self.assertEqual(shard.value("DBSIZE"), 40)

    def test_longest_file(self):
        shard = _Shard(appendonly="yes", appendfsync="everysec", save="", hz=50, auto_aof_rewrite_percentage=0)
        shard.limit_kilobytes = 400
        shard.log_path = "/dev/null"  # its log has a limit, too
        self.start(shard)
        with shard.client() as client:
            count, refusal = self.fill_until_refused(client, 0)
            # A short write is taken for a full disk, as redis-server does.
            self.assertIn(refusal, (b"-MISCONF Errors writing to the AOF file: File too large\r\n",
                                    b"-MISCONF Errors writing to the AOF file: No space left on device\r\n"))
            self.assertEqual(client.value("DBSIZE"), count)
            self.assertEqual(client.value("GET", "key 0"), _VALUE)
        self.restart(shard)
        self.assertGreater(shard.value("DBSIZE"), 30)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--program", default=_options.program)
    _options, sys.argv[1:] = parser.parse_known_args()
    kt.main()
