"""The figures of replication_bench.py with fewer keys: only that none is far off, as machines are shared.

KEYWAY_BENCH_KEYS sets the number of keys.
"""

import os
import pathlib
import sys

import keyway_testing as kt

sys.path.insert(0, str(pathlib.Path(__file__).absolute().parents[1] / "persistence"))

import replication_bench  # noqa: E402

KEYS = int(os.environ.get("KEYWAY_BENCH_KEYS", "200000"))
MOST = 1.5  # of redis-server's time


class SpeedTest(kt.TestCase):
    def test_beside_redis_server(self):
        figures = replication_bench.run(KEYS, rounds=3, writes=50_000)
        print(f"{KEYS} keys\n{replication_bench.table(figures)}", flush=True)
        for name, rounds in figures.items():
            ratio = sorted(ours / theirs for ours, theirs in rounds)[len(rounds) // 2]
            self.assertLessEqual(ratio, MOST, name)


if __name__ == "__main__":
    kt.main()
