"""The figures of persistence_bench.py with fewer keys: only that none is far off, as machines are shared. And that saving
large values needs no memory for them.

KEYWAY_BENCH_KEYS sets the number of keys.
"""

import os
import random

import keyway_testing as kt

import measure
import persistence_bench

KEYS = int(os.environ.get("KEYWAY_BENCH_KEYS", "200000"))
ROUNDS = 3
# The budget is 1.0; processor time of the two varies with what else the machine does.
MOST = {"load an RDB file, CPU": 1.3, "SAVE, CPU": 1.3, "load an AOF, CPU": 1.3, "resident after loading, MB": 1.0}
LARGE_BYTES = 100_000_000
LARGE_FIELDS = 500_000
BATCH = 10_000


class SpeedTest(kt.TestCase):
    def test_beside_redis_server(self):
        figures = persistence_bench.run(KEYS, ROUNDS, persistence_bench.PARTS, rate=5000)
        print(f"{KEYS} keys\n{figures.table()}", flush=True)
        for name, most in MOST.items():
            self.assertLessEqual(figures.ratio(name), most, name)


class LargeValueTest(kt.TestCase):
    def test_saving_needs_little_memory(self):
        shard = self.start(kt.KeywayShard(save=""))
        with shard.client(timeout=120.0) as client:
            for what, value in (("that does not compress", random.Random(1).randbytes(LARGE_BYTES)), ("that compresses", b"v" * LARGE_BYTES)):
                self.assertEqual(client.call("SET", "large", value), b"+OK\r\n")
                extra = measure.extra_memory_of_save(shard)
                print(f"a string of {LARGE_BYTES / 1e6:.0f} MB {what}: {extra / 1e6:.1f} MB more while it is saved")
                self.assertLess(extra, LARGE_BYTES / 4)
            client.call("DEL", "large")
            for start in range(0, LARGE_FIELDS, BATCH):
                client.call("HSET", "hash", *(part for i in range(start, start + BATCH) for part in (b"field:%d" % i, b"value:%d" % i * 5)))
            size = int(client.value("MEMORY", "USAGE", "hash", "SAMPLES", "0"))
            extra = measure.extra_memory_of_save(shard)
            print(f"a hash of {size / 1e6:.0f} MB: {extra / 1e6:.1f} MB more while it is saved")
            self.assertLess(extra, size / 4)


if __name__ == "__main__":
    kt.main()
