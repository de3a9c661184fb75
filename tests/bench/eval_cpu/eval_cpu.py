#!/usr/bin/env python3
"""CPU time a call of scripts and functions on the shard beside redis-server's, in the same run.

    KEYWAY_SHARD=bazel-bin/shard/keyway-shard tests/bench/eval_cpu/eval_cpu.py [--requests N] [--rounds N] [--pipeline 1,16]
        [--cases three_evalsha,hgetall,...] [--clients 50]

Build the shard with --config=release. Each server is pinned to the first core, redis-benchmark to the last. The figure is
the time that the server's threads had on the processor (/proc/PID/task/*/schedstat), divided by the calls; medians of
alternating rounds. Budget: three_evalsha at most 1.00 of redis-server's.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).absolute().parents[2] / "support"))

import keyway_testing as kt  # noqa: E402

_THREE = """redis.call('GET', KEYS[1])
redis.call('SET', KEYS[2], ARGV[1])
return redis.call('INCR', KEYS[3])"""
_TEN = """for i = 1, 10 do redis.call('SET', KEYS[1], i) end
return redis.status_reply('DONE')"""
_JSON = """local object = cjson.decode(ARGV[1])
object.count = object.count + 1
return cjson.encode(object)"""
_PACK = """local object = {id = 12345, name = 'a name', tags = {'a', 'b', 'c'}, nested = {x = 1.5, z = true}}
return #cmsgpack.pack(cmsgpack.unpack(cmsgpack.pack(object)))"""
# A queue's step, as job libraries write it.
_JOB = """local job = redis.call('RPOPLPUSH', KEYS[1], KEYS[2])
if job then
  redis.call('HSET', KEYS[3], 'state', 'active', 'at', ARGV[1])
  redis.call('LREM', KEYS[2], 1, job)
  redis.call('LPUSH', KEYS[1], job)
  return {job, redis.call('HMGET', KEYS[3], 'state', 'at')}
end
return false"""
_LOOP = """local sum = 0
for i = 1, 1000 do sum = sum + i % 7 end
return sum"""
_LIBRARY = """#!lua name=bench
redis.register_function('three', function(KEYS, ARGV)
  redis.call('GET', KEYS[1])
  redis.call('SET', KEYS[2], ARGV[1])
  return redis.call('INCR', KEYS[3])
end)
redis.register_function('nothing', function() return 1 end)"""
_OBJECT = '{"id":12345,"name":"a name","count":7,"tags":["a","b","c"],"nested":{"x":1.5,"y":null,"z":true}}'

_THREE_KEYS = ["3", "key:__rand_int__", "other:__rand_int__", "counter:__rand_int__", "a value of some length"]
# name -> (requests are divided by, command, script, what follows it). A command ending in SHA is sent the script's SHA1.
CASES = {
    "nothing": (1, "EVALSHA", "return 1", ["0"]),
    "one": (1, "EVALSHA", "return redis.call('GET', KEYS[1])", ["1", "key:__rand_int__"]),
    "three_evalsha": (1, "EVALSHA", _THREE, _THREE_KEYS),
    "three_eval": (1, "EVAL", _THREE, _THREE_KEYS),
    "three_fcall": (1, "FCALL", "three", _THREE_KEYS),
    "fcall_nothing": (1, "FCALL", "nothing", ["0"]),
    "ten": (3, "EVALSHA", _TEN, ["1", "key:__rand_int__"]),
    "job": (2, "EVALSHA", _JOB, ["3", "jobs", "active", "job:__rand_int__", "1700000000000"]),
    "hgetall": (4, "EVALSHA", "return redis.call('HGETALL', KEYS[1])", ["1", "hash"]),
    "return_table": (2, "EVALSHA", "return {1, 'two', {3, 'four'}, 'five', 6}", ["0"]),
    "cjson": (2, "EVALSHA", _JSON, ["0", _OBJECT]),
    "cmsgpack": (2, "EVALSHA", _PACK, ["0"]),
    "loop": (10, "EVALSHA", _LOOP, ["0"]),
    "error": (2, "EVALSHA", "return redis.pcall('INCR', KEYS[1]).err", ["1", "hash"]),
}


def cpu_nanoseconds(pid):
    return sum(int(task.joinpath("schedstat").read_text().split()[0]) for task in pathlib.Path(f"/proc/{pid}/task").iterdir())


def prepare(server):
    """What the cases need; the SHA1 of each script."""
    with server.client() as client:
        client.call("FLUSHALL")
        client.call("HSET", "hash", *[word for i in range(20) for word in (f"field{i}", f"the value of {i}")])
        client.call("RPUSH", "jobs", *[f"job {i}" for i in range(100)])
        client.call("FUNCTION", "LOAD", "REPLACE", _LIBRARY)
        return {script: client.value("SCRIPT", "LOAD", script).decode() for _, command, script, _ in CASES.values() if command != "FCALL"}


def micros_each(server, case, digests, options, pipeline):
    divisor, command, script, rest = CASES[case]
    requests = options.requests // divisor
    words = [command, digests[script] if command.endswith("SHA") else script, *rest]
    before = cpu_nanoseconds(server.process.pid)
    subprocess.run(["taskset", "-c", str(os.cpu_count() - 1), "redis-benchmark", "-p", str(server.port), "-n", str(requests), "-P", str(pipeline),
                    "-c", str(options.clients), "-r", "100000", "-q", *words], check=True, stdout=subprocess.DEVNULL)
    return (cpu_nanoseconds(server.process.pid) - before) / requests / 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=200000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pipeline", default="1,16")
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--clients", type=int, default=50)
    options = parser.parse_args()
    servers = [kt.KeywayShard(), kt.RedisServer()]
    try:
        for server in servers:
            server.start()
            subprocess.run(["taskset", "-acp", "0", str(server.process.pid)], check=True, stdout=subprocess.DEVNULL)
        for pipeline in map(int, options.pipeline.split(",")):
            print(f"pipeline {pipeline}: CPU microseconds a call\n{'':16}{'Keyway':>9}{'redis':>9}{'ratio':>8}", flush=True)
            for case in options.cases.split(","):
                rounds = [[micros_each(server, case, prepare(server), options, pipeline) for server in servers] for _ in range(options.rounds)]
                ours, theirs = (statistics.median(figures) for figures in zip(*rounds))
                print(f"{case:16}{ours:9.2f}{theirs:9.2f}{ours / theirs:8.2f}", flush=True)
    finally:
        for server in servers:
            server.cleanup()


if __name__ == "__main__":
    main()
