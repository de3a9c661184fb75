#!/usr/bin/env python3
"""CPU time a command of the shard beside redis-server's, in the same run, under redis-benchmark's default suite.

    KEYWAY_SHARD=bazel-bin/shard/keyway-shard tests/bench/shard_cpu/shard_cpu.py [--requests N] [--rounds N]
        [--pipeline 1,16] [--tests set,get,...] [--clients 50] [--bytes 64]

Build the shard with --config=release. Each server is pinned to the first core, redis-benchmark to the last. The figure
is user and system time of the server process from /proc, divided by the requests; medians of alternating rounds.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).absolute().parents[2] / "support"))

import keyway_testing as kt  # noqa: E402

# Names of redis-benchmark's own tests; "mset" sets 10 keys, the lranges read 100 to 600 elements.
SUITE = ["ping_mbulk", "set", "get", "incr", "lpush", "rpush", "lpop", "rpop", "sadd", "hset", "spop", "zadd", "zpopmin",
         "lrange_100", "lrange_300", "lrange_500", "lrange_600", "mset"]
_HEAVY = {"lrange_100": 5, "lrange_300": 10, "lrange_500": 20, "lrange_600": 20, "mset": 3}
_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def micros_each(server, test, options, pipeline):
    requests = options.requests // _HEAVY.get(test, 1)
    before = cpu_seconds(server.process.pid)
    subprocess.run(["taskset", "-c", str(os.cpu_count() - 1), "redis-benchmark", "-p", str(server.port), "-t", test, "-n", str(requests),
                    "-P", str(pipeline), "-c", str(options.clients), "-d", str(options.bytes), "-r", "100000", "-q"],
                   check=True, stdout=subprocess.DEVNULL)
    return (cpu_seconds(server.process.pid) - before) / requests * 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=300000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pipeline", default="1,16")
    parser.add_argument("--tests", default=",".join(SUITE))
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--bytes", type=int, default=64)
    options = parser.parse_args()
    servers = [kt.KeywayShard(), kt.RedisServer()]
    try:
        for server in servers:
            server.start()
            subprocess.run(["taskset", "-acp", "0", str(server.process.pid)], check=True, stdout=subprocess.DEVNULL)
        for pipeline in map(int, options.pipeline.split(",")):
            print(f"pipeline {pipeline}: CPU microseconds a request\n{'':14}{'Keyway':>9}{'redis':>9}{'ratio':>8}", flush=True)
            for test in options.tests.split(","):
                rounds = [[micros_each(server, test, options, pipeline) for server in servers] for _ in range(options.rounds)]
                ours, theirs = (statistics.median(figures) for figures in zip(*rounds))
                print(f"{test:14}{ours:9.2f}{theirs:9.2f}{ours / theirs:8.2f}", flush=True)
                for server in servers:
                    server.call("FLUSHALL")
    finally:
        for server in servers:
            server.cleanup()


if __name__ == "__main__":
    main()
