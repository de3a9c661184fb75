"""The clients of a storm (tests/integration/proxy/storm.py) on redis-py's RedisCluster, a thread each: what an application without a
proxy has. Half of them send pipelines."""

import dataclasses
import logging
import multiprocessing
import random
import sys
import threading
import time

from redis.cluster import RedisCluster

import keyway_testing as kt
from storm_clients import SLOW_SECONDS, Report, Slow, State
from storm_history import History

logging.getLogger("redis").setLevel(logging.CRITICAL)  # it tells of every redirect
_BATCH = 8
_TIMEOUT_SECONDS = 1  # with more it waits for minutes when a node hangs: it asks that node, too, where the slots are


@dataclasses.dataclass
class _UnderWay:
    since: float = None


class _Client:
    def __init__(self, number, ports, rate, seed):
        self.number = number
        self.batch = 1 if number % 2 == 0 else _BATCH
        self.interval = self.batch / rate
        self.chance = random.Random(f"{seed}:{number}")
        self.history = History(b"storm:%d" % number, registers=3, counters=3)
        self.under_way = _UnderWay()
        self.slow = []
        self.redis = RedisCluster(host="127.0.0.1", port=ports[number % len(ports)], socket_timeout=_TIMEOUT_SECONDS)

    def run(self, stop):
        while not stop.wait(self.interval * self.chance.uniform(0.5, 1.5)):
            self.turn([self._next_request() for _ in range(self.batch)])

    def _next_request(self):
        choice, index = self.chance.random(), self.chance.randrange(3)
        if choice < 0.30:
            return self.history.new_set(index)
        return ("INCR" if choice < 0.60 else "GET" if choice < 0.90 else "COUNT", index)

    def turn(self, requests):
        begin = self.under_way.since = time.monotonic()
        for request in requests:
            self.history.sent(request)
        values = self._values([[word.decode() for word in self.history.words(request)] for request in requests])
        end = time.monotonic()
        for request, value in zip(requests, values):
            if value is True and request[0] == "SET":
                value = "OK"
            elif isinstance(value, Exception):
                value = kt.ProtocolError(f"{type(value).__name__}: {value}")
            self.history.answered(request, value, end, begin)
            if end - begin > SLOW_SECONDS:
                self.slow.append(Slow(begin, end, request[0], self.number))
        self.under_way.since = None

    def _values(self, commands):
        # Whatever the library raises is what its application sees.
        try:
            if len(commands) == 1:
                return [self.redis.execute_command(*commands[0])]
            with self.redis.pipeline() as pipeline:
                for words in commands:
                    pipeline.execute_command(*words)
                return pipeline.execute(raise_on_error=False)
        except Exception as error:
            return [error] * len(commands)


def _process(control, others, numbers, ports, rate, seed):
    for other in others:
        other.close()
    sys.unraisablehook = lambda what: None  # the library's destructors fail when it cannot connect
    clients = [_Client(number, ports, rate, seed) for number in numbers]
    stop = threading.Event()
    threads = [threading.Thread(target=client.run, args=(stop,), daemon=True) for client in clients]
    for thread in threads:
        thread.start()
    while control.recv() == "state":
        now = time.monotonic()
        oldest = min((client.under_way.since or now for client in clients), default=now)
        control.send((oldest, sum(client.history.answered_count for client in clients)))
    stop.set()
    for thread in threads:
        thread.join()
    control.send(([each for client in clients for each in client.slow], [client.history for client in clients]))


class LibraryFleet:
    """As storm_clients.Fleet, with the ports of nodes."""

    def __init__(self, ports, count, rate, seed, processes=2):
        context = multiprocessing.get_context("fork")
        self._controls, self._processes = [], []
        for part in range(processes):
            ours, theirs = context.Pipe()
            process = context.Process(target=_process, daemon=True,
                                      args=(theirs, [*self._controls, ours], range(part, count, processes), ports, rate, seed))
            process.start()
            theirs.close()
            self._controls.append(ours)
            self._processes.append(process)

    def state(self):
        for control in self._controls:
            control.send("state")
        parts = [control.recv() for control in self._controls]
        return State(waiting=time.monotonic() - min(part[0] for part in parts), unconnected=0, answered=sum(part[1] for part in parts))

    def stop(self):
        for control in self._controls:
            control.send("stop")
        parts = [control.recv() for control in self._controls]
        self.end()
        histories = [history for part in parts for history in part[1]]
        return Report(histories, [slow for part in parts for slow in part[0]], sum(history.answered_count for history in histories))

    def end(self):
        for control in self._controls:
            control.close()
        for process in self._processes:
            process.terminate()
            process.join()
