"""Slots that move under load, and while a primary is killed; a key so large that moving it takes time."""

import logging
import os
import random
import subprocess
import threading
import time

import keyway_testing as kt
from resharding_rig import SLOTS, ClusterCase, address, cli, digests, fill, my_id, open_slots, slots_of

try:
    from redis.cluster import RedisCluster
except ImportError:  # the rest of the test does without
    RedisCluster = None

logging.getLogger("redis").setLevel(logging.CRITICAL)  # it tells of every redirect


class LoadTest(ClusterCase):
    def test_reshard_under_load(self):
        nodes = self.cluster(*[kt.KeywayShard] * 4)
        fill(nodes, 2000)
        before = digests(nodes)
        ids = [my_id(node) for node in nodes]
        ports = [node.port for node in nodes]
        writers = kt.Writers(ports, threads=3, keys=300).start()
        counter = Counter(ports[0]) if RedisCluster is not None else None
        try:
            for source, target, pipeline in ((0, 1, 10), (1, 2, 1), (2, 3, 50), (3, 0, 10)):
                cli("reshard", address(nodes[0]), "--cluster-from", ids[source], "--cluster-to", ids[target], "--cluster-slots", 400,
                    "--cluster-yes", "--cluster-pipeline", pipeline)
                self.wait_agreed(nodes)
        finally:
            writers.stop()
            if counter is not None:
                counter.stop()
        print(f"{writers.count} writes acknowledged during the moves, the longest took {writers.longest_wait:.3f} s")
        self.assertEqual(writers.failures, [])
        self.assertGreater(writers.count, 100)
        self.assertEqual(writers.missing(ports), [])
        if counter is not None:
            self.assertEqual(counter.errors, [])
            self.assertEqual(counter.missing(), [])
            print(f"{counter.count} of them by RedisCluster")
        after = digests(nodes)
        self.assertEqual({key: after.get(key) for key in before}, before)

    def test_killed_in_the_middle(self):
        """A primary that dies while slots move: started again, --cluster fix leaves all covered and no key lost."""
        numbers = random.Random(int(os.environ.get("KEYWAY_SEED", "1")))
        nodes = self.cluster(*[kt.KeywayShard] * 3, appendonly="yes", appendfsync="always")
        fill(nodes, 3000)
        before = digests(nodes)
        ids = [my_id(node) for node in nodes]
        ports = [node.port for node in nodes]
        writers = kt.Writers(ports, threads=2, keys=200, rate=100).start()
        interrupted = 0
        for number in range(int(os.environ.get("KEYWAY_ROUNDS", "6"))):
            source = number % 3
            target = (source + 1) % 3
            victim = nodes[(source, target)[number // 3 % 2]]
            move = subprocess.Popen(["redis-cli", "--cluster", "reshard", address(nodes[0]), "--cluster-from", ids[source],
                                     "--cluster-to", ids[target], "--cluster-slots", "1500", "--cluster-yes"],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
            self.addCleanup(move.kill)
            kt.wait_until(lambda: any(open_slots(node) for node in nodes) or move.poll() is not None, timeout=30, what="the move",
                          interval=0.005)
            time.sleep(numbers.random() * 1.0)
            victim.kill()
            time.sleep(numbers.random() * 0.2)
            victim.start()
            move.wait(timeout=120)
            interrupted += move.returncode != 0
            self.mend(nodes)
        writers.stop()
        print(f"{interrupted} moves were interrupted; {writers.count} writes were acknowledged meanwhile, "
              f"the longest took {writers.longest_wait:.3f} s")
        self.assertEqual(writers.missing(ports), [])
        after = digests(nodes)
        self.assertEqual({key: after.get(key) for key in before}, before)

    def mend(self, nodes):
        self.wait_whole(nodes)
        # A key that was on its way may be on both sides; the one that is moved is the one that was served.
        def fixed():
            try:
                cli("fix", address(nodes[0]), "--cluster-yes", "--cluster-replace")
                cli("check", address(nodes[0]))
            except AssertionError:
                return False
            return all(open_slots(node) == [] and sum(slots_of(node).values()) == SLOTS for node in nodes)
        kt.wait_until(fixed, timeout=60, what="--cluster fix", interval=0.5)


class Counter:
    """redis-py's RedisCluster counts keys up and remembers what was acknowledged."""

    def __init__(self, port):
        self.client = RedisCluster(host="127.0.0.1", port=port)
        self.values = {}
        self.errors = []
        self.count = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            while not self._stop.is_set():
                key = f"counter:{self.count % 500}"
                value = self.client.incr(key)
                if value != self.values.get(key, 0) + 1:
                    self.errors.append((key, value, self.values.get(key)))
                self.values[key] = value
                self.count += 1
        except Exception as error:  # shown by the main thread
            self.errors.append(repr(error))

    def stop(self):
        self._stop.set()
        self._thread.join(60)

    def missing(self):
        return [(key, value) for key, value in self.values.items() if int(self.client.get(key) or 0) != value]


class BigKeyTest(kt.TestCase):
    FIELDS = 500_000
    ROUNDS = 3

    def fill(self, server):
        with server.client(timeout=60) as client:
            for start in range(0, self.FIELDS, 5000):
                words = []
                for i in range(start, start + 5000):
                    words += [f"field:{i}", f"value of field {i * 7919}"]
                client.call("HSET", "big", *words)

    def digest(self, server):
        with server.client(timeout=120) as client:
            return client.value("DEBUG", "DIGEST-VALUE", "big")

    def move(self, source, target):
        """Seconds for which `source` answered nobody, and which the move took."""
        stop = threading.Event()
        longest = [0.0]
        def ping():
            with source.client(timeout=60) as client:
                while not stop.is_set():
                    begin = time.monotonic()
                    client.call("PING")
                    longest[0] = max(longest[0], time.monotonic() - begin)
                    time.sleep(0.001)
        pinging = threading.Thread(target=ping)
        pinging.start()
        try:
            with source.client(timeout=60) as client:
                begin = time.monotonic()
                self.assertEqual(client.call("MIGRATE", "127.0.0.1", target.port, "big", 0, 60000), b"+OK\r\n")
                took = time.monotonic() - begin
        finally:
            stop.set()
            pinging.join()
        return longest[0], took

    def test_blocked_time(self):
        target = self.start(kt.RedisServer(enable_debug_command="yes"))
        shard_target = self.start(kt.KeywayShard(enable_debug_command="yes"))
        blocked = {}
        for source_class in (kt.RedisServer, kt.KeywayShard):
            source = self.start(source_class(enable_debug_command="yes"))
            self.fill(source)
            digest = self.digest(source)
            times = []
            for _ in range(self.ROUNDS):
                times.append(self.move(source, target))
                self.assertEqual(source.value("EXISTS", "big"), 0)
                self.move(target, source)
            blocked[source_class] = min(time for time, _ in times)
            _, to_shard = self.move(source, shard_target)
            self.assertEqual(self.digest(shard_target), digest)
            self.assertEqual(shard_target.value("HLEN", "big"), self.FIELDS)
            print(f"{source_class.__name__}: a hash of {self.FIELDS} fields blocks the source for {min(times)[0] * 1000:.0f} ms "
                  f"(of {[round(time * 1000) for time, _ in times]}); to a shard it takes {to_shard * 1000:.0f} ms")
            shard_target.call("FLUSHALL")
        self.assertLess(blocked[kt.KeywayShard], 2 * blocked[kt.RedisServer])


if __name__ == "__main__":
    kt.main()
