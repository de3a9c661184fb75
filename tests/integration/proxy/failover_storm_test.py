"""Clients with reads, SETs and INCRs, pipelined and not, through two proxies, while all that can happen to a cluster happens to it. Reads
and SETs see no error; INCRs see none but the one that says that their fate is unknown; all that was acknowledged is there, once, and
each client sees its own writes in its own order. What asynchronous replication may lose when a primary dies is told apart.

    KEYWAY_STORM_NODES    keyway-shard (if not given) or redis-server
    KEYWAY_STORM_KINDS    of rounds, separated by commas; all that storm_rounds.py has
    KEYWAY_STORM_ROUNDS   one of each kind
    KEYWAY_STORM_CLIENTS  100
    KEYWAY_STORM_RATE     requests a second of each client, 8
    KEYWAY_STORM_SLOTS    that move in a round of resharding, 100
    KEYWAY_STORM_DEADLINE_MS  --request_deadline_ms of the proxies, 20000
    KEYWAY_STORM_SEED     1
"""

import os

import keyway_testing as kt
import storm
from storm_rounds import DEADLINE_MS, StormCluster

NODE_CLASSES = {"keyway-shard": kt.KeywayShard, "redis-server": kt.RedisServer}


class StormTest(kt.TestCase):
    def test_storm(self):
        get = os.environ.get
        kinds = [kind for kind in get("KEYWAY_STORM_KINDS", "").split(",") if kind] or None
        rounds = int(get("KEYWAY_STORM_ROUNDS", "0")) or None
        seed = int(get("KEYWAY_STORM_SEED", "1"))
        cluster = StormCluster(self, NODE_CLASSES[get("KEYWAY_STORM_NODES", "keyway-shard")], seed=seed,
                               slots_to_move=int(get("KEYWAY_STORM_SLOTS", "100")),
                               deadline_ms=int(get("KEYWAY_STORM_DEADLINE_MS", str(DEADLINE_MS))))
        outcome = storm.run(cluster, kinds=kinds, rounds=rounds, clients=int(get("KEYWAY_STORM_CLIENTS", "100")),
                            rate=float(get("KEYWAY_STORM_RATE", "8")), seed=seed)
        print(storm.table(outcome), flush=True)
        self.assertEqual([str(finding) for finding in outcome.faults[:20]], [], f"{len(outcome.faults)} faults")
        self.assertTrue(all(history.answered_count > 0 for history in outcome.report.histories))


if __name__ == "__main__":
    kt.main()
