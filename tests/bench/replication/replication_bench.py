#!/usr/bin/env python3
"""Full and partial synchronisation of keyway-shard beside redis-server's, in the same run, on the same 2 million keys.

    KEYWAY_SHARD=bazel-bin/shard/keyway-shard tests/bench/replication/replication_bench.py [--keys 2000000] [--rounds 3]

Build the shard with --config=release. redis-server makes the keys (tests/bench/persistence/dataset.py); a primary of each program
loads them. Measured are, from REPLICAOF on, the time until an empty replica of the same program is in sync, with the
data set sent from a file and from the child's pipe; and, of a replica that was stopped while its link was cut and
--writes more writes were made, from its going on until it has them. The programs take turns; medians are printed.
"""

import argparse
import os
import pathlib
import shutil
import signal
import statistics
import sys
import tempfile
import time

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).absolute().parents[2] / "support"))
    sys.path.insert(0, str(pathlib.Path(__file__).absolute().parents[1] / "persistence"))

import keyway_testing as kt  # noqa: E402

import dataset  # noqa: E402

_LONG = 600.0
_BATCH = 1000


def make_keys(folder, keys):
    """An RDB file of redis-server's with so many keys; its path."""
    server = kt.RedisServer()
    try:
        server.start()
        dataset.fill(server, keys)
        with server.client(timeout=_LONG) as client:
            assert client.call("SAVE") == b"+OK\r\n"
        path = os.path.join(folder, "dump.rdb")
        shutil.move(os.path.join(server.folder, "dump.rdb"), path)
        return path
    finally:
        server.cleanup()


class Pair:
    """A primary with the keys, and a server that will replicate it."""

    def __init__(self, program, rdb):
        directives = {"repl_diskless_sync_delay": 0, "repl_backlog_size": "256mb", "client_output_buffer_limit": ["replica", 0, 0, 0]}
        self.primary = program(**directives)
        self.replica = program(**directives)
        shutil.copy(rdb, os.path.join(self.primary.folder, "dump.rdb"))
        self.primary.start(wait=False)
        self.replica.start()
        kt.wait_until(self.primary.is_ready, timeout=_LONG, what="the primary to load")
        self.info = self.replica.client(timeout=_LONG)

    def end(self):
        self.info.close()
        self.primary.cleanup()
        self.replica.cleanup()

    def _in_sync(self):
        reply = self.info.call("INFO", "replication")
        return b"master_link_status:up" in reply

    def full_sync(self, diskless):
        self.replica.call("REPLICAOF", "NO", "ONE")
        with self.replica.client(timeout=_LONG) as client:
            client.call("FLUSHALL")
        for server in (self.primary, self.replica):
            server.call("CONFIG", "SET", "repl-diskless-sync", "yes" if diskless else "no")
        begin = time.monotonic()
        self.info.call("REPLICAOF", "127.0.0.1", self.primary.port)
        while not self._in_sync():
            assert time.monotonic() - begin < _LONG, self.replica.output()[-3000:]
            time.sleep(0.005)
        seconds = time.monotonic() - begin
        assert self.primary.value("DBSIZE") == self.replica.value("DBSIZE")
        return seconds

    def partial_sync(self, writes):
        before = int(self.primary.info("stats")["sync_partial_ok"])
        self.replica.signal(signal.SIGSTOP)
        with self.primary.client(timeout=_LONG) as client:
            client.call("CLIENT", "KILL", "TYPE", "replica")
            for start in range(0, writes, _BATCH):
                client.send(b"".join(kt.encode("SET", f"new:{i}", f"value of {i}") for i in range(start, start + _BATCH)))
                for _ in range(_BATCH):
                    client.read()
        begin = time.monotonic()
        self.replica.signal(signal.SIGCONT)
        while self.replica.value("GET", f"new:{writes - 1}") is None:
            assert time.monotonic() - begin < _LONG, self.replica.output()[-3000:]
            time.sleep(0.002)
        seconds = time.monotonic() - begin
        self.primary.call("DEL", f"new:{writes - 1}")
        assert int(self.primary.info("stats")["sync_partial_ok"]) > before, "it was no partial sync"
        return seconds


def run(keys, rounds, writes, log=lambda line: None):
    """Seconds by name: [(ours, theirs)]."""
    figures = {}
    folder = tempfile.mkdtemp(prefix="keyway-bench-")
    pairs = []
    try:
        rdb = make_keys(folder, keys)
        pairs = [Pair(program, rdb) for program in (kt.KeywayShard, kt.RedisServer)]
        for turn in range(rounds):
            for name, action in (("full sync, a file", lambda pair: pair.full_sync(False)),
                                 ("full sync, diskless", lambda pair: pair.full_sync(True)),
                                 ("partial sync", lambda pair: pair.partial_sync(writes))):
                order = pairs if turn % 2 == 0 else pairs[::-1]
                seconds = {pair: action(pair) for pair in order}
                figures.setdefault(name, []).append(tuple(seconds[pair] for pair in pairs))
            log(f"round {turn + 1} of {rounds}")
    finally:
        for pair in pairs:
            pair.end()
        shutil.rmtree(folder, ignore_errors=True)
    return figures


def table(figures):
    lines = [f"{'seconds':24}{'Keyway':>10}{'redis-server':>14}{'ratio':>8}"]
    for name, rounds in figures.items():
        ours, theirs = (statistics.median(column) for column in zip(*rounds))
        lines.append(f"{name:24}{ours:10.2f}{theirs:14.2f}{ours / theirs:8.2f}")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--writes", type=int, default=100_000)
    options = parser.parse_args()
    print(table(run(options.keys, options.rounds, options.writes, log=lambda line: print(line, file=sys.stderr, flush=True))))


if __name__ == "__main__":
    main()
