#!/usr/bin/env python3
"""Loading, SAVE and BGSAVE of the shard beside redis-server's, in the same run, on the same 2 million keys.

    KEYWAY_SHARD=bazel-bin/shard/keyway-shard tests/bench/persistence/persistence_bench.py [--keys 2000000] [--rounds 3]
        [--parts load,save,aof,bgsave] [--rate 20000]

Build the shard with --config=release. redis-server makes the keys (dataset.py), an RDB file and an append-only folder of
commands; both programs load the same files, copied beside each other and in the page cache. Each server runs on the first
processor, who asks and the children that save on the last; the servers take turns, medians are printed. "time" is on the
clock, until PING is answered or the reply is there, with the syncs of the disk; "CPU" is what the server's threads had of
a processor.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import sys
import tempfile

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).absolute().parents[2] / "support"))

import keyway_testing as kt  # noqa: E402

import dataset  # noqa: E402
import measure  # noqa: E402

PARTS = ["load", "save", "aof", "bgsave"]
_BUDGET = 1.0


class Figures:
    """Of rounds, by name: pairs (ours, theirs)."""

    def __init__(self):
        self.rounds = {}

    def add(self, name, ours, theirs):
        self.rounds.setdefault(name, []).append((ours, theirs))

    def medians(self, name):
        return tuple(statistics.median(figures) for figures in zip(*self.rounds[name]))

    def ratio(self, name):
        """The median of the ratios of each round, which neighbours on the machine disturb least."""
        return statistics.median(ours / theirs if theirs else float("inf") if ours else 1.0 for ours, theirs in self.rounds[name])

    def table(self):
        lines = [f"{'':32}{'Keyway':>12}{'redis-server':>14}{'ratio':>8}"]
        for name in self.rounds:
            ours, theirs = self.medians(name)
            lines.append(f"{name:32}{ours:12.3f}{theirs:14.3f}{self.ratio(name):8.2f}")
        return "\n".join(lines)


def servers(**directives):
    pair = [program(save="", auto_aof_rewrite_percentage="0", **directives) for program in (kt.KeywayShard, kt.RedisServer)]
    for server in pair:
        # A directive with an underscore, which keyword arguments cannot say.
        server.config_file = os.path.join(server.folder, "cpus.conf")
        pathlib.Path(server.config_file).write_text(f"bgsave_cpulist {measure.OTHER_CPU}\n")
    return pair


def prepare(folder, keys, parts):
    """Has redis-server make what is to be loaded: the paths of an RDB file and of an append-only folder."""
    directives = {"appendonly": "yes", "auto_aof_rewrite_percentage": "0", "appendfsync": "no"} if "aof" in parts else {}
    server = kt.RedisServer(**directives)
    try:
        server.start()
        dataset.fill(server, keys)
        measure.save(server)
        server.stop()
        rdb, aof = os.path.join(folder, "dump.rdb"), os.path.join(folder, "appendonlydir")
        shutil.move(os.path.join(server.folder, "dump.rdb"), rdb)
        if directives:
            shutil.move(os.path.join(server.folder, "appendonlydir"), aof)
        return rdb, aof
    finally:
        server.cleanup()


def _both(pair, turn, action):
    """action(server) of both, the order by turns; their results in the order of `pair`."""
    order = pair if turn % 2 == 0 else pair[::-1]
    results = {server: action(server) for server in order}
    return [results[server] for server in pair]


def _loaded(server, source):
    measure.give(server, source)
    return measure.load(server)


def run(keys, rounds, parts, rate, log=lambda line: None):
    """All figures."""
    figures = Figures()
    folder = tempfile.mkdtemp(prefix="keyway-bench-")
    try:
        rdb, aof = prepare(folder, keys, parts)
        log(f"{keys} keys, {os.path.getsize(rdb) / 1e6:.0f} MB as an RDB file")
        for turn in range(rounds):
            if {"load", "save", "bgsave"} & set(parts):
                _round_of_rdb(figures, rdb, turn, keys, parts, rate)
            if "aof" in parts:
                _round_of_aof(figures, aof, turn)
            log(f"round {turn + 1} of {rounds}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return figures


def _round_of_rdb(figures, rdb, turn, keys, parts, rate):
    pair = servers()
    try:
        ours, theirs = _both(pair, turn, lambda server: _loaded(server, rdb))
        figures.add("load an RDB file, time", ours["seconds"], theirs["seconds"])
        figures.add("load an RDB file, CPU", ours["cpu"], theirs["cpu"])
        counts = [server.value("DBSIZE") for server in pair]
        assert counts[0] == counts[1], counts
        figures.add("resident after loading, MB", *(measure.resident_bytes(server.process.pid) / 1e6 for server in pair))
        if "save" in parts:
            ours, theirs = _both(pair, turn, measure.save)
            figures.add("SAVE, time", ours["seconds"], theirs["seconds"])
            figures.add("SAVE, CPU", ours["cpu"], theirs["cpu"])
        if "bgsave" in parts:
            ours, theirs = _both(pair, turn, lambda server: measure.background_save(server, keys, rate))
            figures.add("BGSAVE under load, time", ours["seconds"], theirs["seconds"])
            figures.add("BGSAVE, fork, ms", ours["fork"] * 1e3, theirs["fork"] * 1e3)
            figures.add("BGSAVE, longest stall, ms", ours["stall"] * 1e3, theirs["stall"] * 1e3)
            figures.add("BGSAVE, copied, MB", ours["copied"] / 1e6, theirs["copied"] / 1e6)
            figures.add("BGSAVE, writes a second", ours["writes"], theirs["writes"])
            # Who saves faster is written to less meanwhile.
            figures.add("BGSAVE, copied a write, KB",
                        *(one["copied"] / max(1.0, one["writes"] * one["seconds"]) / 1e3 for one in (ours, theirs)))
    finally:
        for server in pair:
            server.cleanup()


def _round_of_aof(figures, aof, turn):
    pair = servers(appendonly="yes")
    try:
        ours, theirs = _both(pair, turn, lambda server: _loaded(server, aof))
        figures.add("load an AOF, time", ours["seconds"], theirs["seconds"])
        figures.add("load an AOF, CPU", ours["cpu"], theirs["cpu"])
        counts = [server.value("DBSIZE") for server in pair]
        assert counts[0] == counts[1], counts
    finally:
        for server in pair:
            server.cleanup()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--rate", type=int, default=20_000)
    options = parser.parse_args()
    parts = options.parts.split(",")
    figures = run(options.keys, options.rounds, parts, options.rate, log=lambda line: print(line, file=sys.stderr, flush=True))
    print(figures.table())
    over = [name for name in figures.rounds if name.endswith((" time", " CPU")) and figures.ratio(name) > _BUDGET]
    print("over the budget of 1.00: " + ", ".join(over) if over else "all within the budget of 1.00")


if __name__ == "__main__":
    main()
