"""What a key costs in memory, beside what it costs in redis-server: the budget of the design.

Prints both figures. Memory is counted, not timed, so this may fail a build.
"""

import os
import subprocess

import keyway_testing as kt

KEYS = 1_000_000
BATCH = 10_000
MOST_BYTES = 64
MOST_OF_REDIS = 0.53


def keyway_bytes(*words):
    program = os.environ["KEYWAY_MEMORY_PER_KEY"]
    return float(subprocess.run([program, str(KEYS), *words], check=True, capture_output=True, text=True).stdout)


def redis_bytes(server, *options):
    with server.client(timeout=60.0) as client:
        client.call("FLUSHALL")
        before = int(server.info("memory")["used_memory"])
        for start in range(0, KEYS, BATCH):
            names = [b"key:%012d" % i for i in range(start, start + BATCH)]
            client.pipeline([(b"SET", name, name, *options) for name in names])
        return (int(server.info("memory")["used_memory"]) - before) / KEYS


class MemoryPerKeyTest(kt.TestCase):
    def test_sixteen_byte_keys_and_values(self):
        server = self.start(kt.RedisServer())
        for keyway_words, redis_options, what in (((), (), "no expiry"), (("expiry",), (b"EX", b"1000000"), "with an expiry")):
            keyway, redis = keyway_bytes(*keyway_words), redis_bytes(server, *redis_options)
            print(f"{KEYS} keys, {what}: Keyway {keyway:.1f} bytes a key, redis-server {redis:.1f}: {keyway / redis:.2f}")
            self.assertLessEqual(keyway, MOST_BYTES)
            self.assertLessEqual(keyway, redis * MOST_OF_REDIS)


if __name__ == "__main__":
    kt.main()
