"""kill -9 at random moments under load, and a start on the same files: what was acknowledged is there, nothing else is.

By hand: crash_test.py [--program /usr/bin/redis-server] [--rounds 200] [--seed 1]; in a test, KEYWAY_CRASH_ROUNDS and
KEYWAY_CRASH_SEED. Rounds are those of each promise; a folder serves some rounds, so that one crash comes after another.
"""

import argparse
import os
import pathlib
import random
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).absolute().parent))
sys.path.insert(0, str(pathlib.Path(__file__).absolute().parents[2] / "support"))

import keyway_testing as kt  # noqa: E402
from crash_load import CrashRun  # noqa: E402

_ROUNDS_A_FOLDER = 7
_options = argparse.Namespace(program=None, rounds=int(os.environ.get("KEYWAY_CRASH_ROUNDS", 25)),
                              seed=int(os.environ.get("KEYWAY_CRASH_SEED", 0)) or int.from_bytes(os.urandom(4), "little"))


class _Shard(kt.KeywayShard):
    def program(self):
        return _options.program or super().program()


class CrashTest(kt.TestCase):
    def crash(self, promise, rounds):
        chosen = random.Random(f"{_options.seed} {promise}")
        print(f"{promise}: seed {_options.seed}", file=sys.stderr, flush=True)
        missing = units = done = 0
        began = time.monotonic()
        while done < rounds:
            server = _Shard(**self.directives(promise, chosen))
            self.addCleanup(self._end, server)
            run = CrashRun(self, server, promise, chosen)
            for _ in range(min(_ROUNDS_A_FOLDER, rounds - done)):
                long = promise == "everysec" and chosen.random() < 0.05
                run.round(CrashRun.GRACE_MS / 1000 * 1.3 if long else chosen.uniform(0.002, 0.25))
                done += 1
            missing += run.missing
            units += run.units
            run.end()
            self.check_files(server)
            server.cleanup()
        print(f"{promise}: {done} rounds in {time.monotonic() - began:.0f} s, {units} units acknowledged, {missing} missing",
              file=sys.stderr, flush=True)
        return missing

    def directives(self, promise, chosen):
        if promise == "snapshot":
            return {"save": chosen.choice(("", "1 10")), "rdb-key-save-delay": chosen.choice((0, 100, 1000)), "hz": 100,
                    "rdbcompression": chosen.choice(("yes", "no"))}
        return {"appendonly": "yes", "appendfsync": promise, "hz": 100,
                "save": chosen.choice(("", "", "1 10")),
                "aof-use-rdb-preamble": chosen.choice(("yes", "no")),
                "aof-timestamp-enabled": chosen.choice(("yes", "no")),
                "auto-aof-rewrite-percentage": chosen.choice((0, 20)), "auto-aof-rewrite-min-size": "40kb",
                "rdb-key-save-delay": chosen.choice((0, 0, 300))}

    def check_files(self, server):
        """What redis-check-aof and redis-check-rdb say to the files of a server that has ended."""
        folder = pathlib.Path(server.folder)
        for path in [*folder.glob("dump.rdb"), *folder.glob("appendonlydir/*.rdb")]:
            self.check(["redis-check-rdb", path])
        for path in folder.glob("appendonlydir/*.manifest"):
            self.check(["redis-check-aof", path])

    def check(self, command):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_always(self):
        self.assertEqual(self.crash("always", _options.rounds), 0)

    def test_everysec(self):
        self.crash("everysec", _options.rounds)

    def test_snapshot(self):
        self.crash("snapshot", max(1, _options.rounds // 2))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--program", default=_options.program)
    parser.add_argument("--rounds", type=int, default=_options.rounds)
    parser.add_argument("--seed", type=int, default=_options.seed)
    _options, sys.argv[1:] = parser.parse_known_args()
    kt.main()
