"""A few rounds of failover_bench.py: a failover by keyway-shard takes no longer than by redis-server, within chance.

KEYWAY_ROUNDS sets the number of rounds.
"""

import os
import statistics

import keyway_testing as kt

import failover_bench

ROUNDS = int(os.environ.get("KEYWAY_ROUNDS", "4"))
NODE_TIMEOUT = 2000
# The budget is 1.0; both wait for a random part of a second, so that a few rounds say little.
MOST = 1.3


class FailoverTest(kt.TestCase):
    def test_beside_redis_server(self):
        times = failover_bench.run(ROUNDS, NODE_TIMEOUT, log=print)
        print(failover_bench.table(times, NODE_TIMEOUT), flush=True)
        self.assertLessEqual(statistics.median(times[0]), MOST * statistics.median(times[1]))


if __name__ == "__main__":
    kt.main()
