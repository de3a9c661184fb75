#!/usr/bin/env python3
"""Sends the same random requests to redis-server and to Keyway and compares the replies byte for byte.

    compare.py --reference 6400 --target 7001 --commands 1000000 [--seed N] [--resp 3] [--one-slot] [--no-databases]
               [--families list,string] [--proxy [--many-slots]] [--not-sent]

Both servers are emptied first. On the first difference it prints the seed and the shortest script found that still
shows it, and ends with code 1. What is not compared byte for byte: the order where Redis gives none (KEYS, SCAN; a SCAN
cursor only by whether it is 0), remaining times, which may differ by two seconds, and what a family's file names in
UNORDERED, TIMELESS and BY_CHANCE. What is never sent: the commands that --not-sent lists, and numbers out of range that make
redis-server refuse a later SORT (it looks at an errno that it did not reset).
"""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).absolute().parents[2] / "support"))

import keyway_testing as kt  # noqa: E402
from generator import TIMELESS, UNORDERED, Generator  # noqa: E402
from proxy_generator import ProxyGenerator  # noqa: E402

BATCH = 200
_MOST_ATTEMPTS = 300
# Which argument of these is code, that is shown in full and made shorter line by line.
_CODE = {b"EVAL": 1, b"EVAL_RO": 1, b"FUNCTION": -1, b"SCRIPT": -1}
_TIMES = {b"TTL": 2, b"PTTL": 2000, b"EXPIRETIME": 2, b"PEXPIRETIME": 2000}


def shown(data, most=100):
    """Bytes as a person can read them, a long string by its beginning and its length."""
    return repr(data)[1:] if len(data) <= most else f"{repr(data[:most])[1:]}...({len(data)} bytes)"


def is_same(request, wanted, actual):
    if wanted == actual:
        return True
    name = request[0].upper()
    if wanted[:1] == b"-" or actual[:1] == b"-":
        return False
    if name in _TIMES and wanted[:1] == actual[:1] == b":":
        return abs(kt.value_of(wanted) - kt.value_of(actual)) <= _TIMES[name] and kt.value_of(wanted) >= 0
    if name in TIMELESS and wanted[:1] == actual[:1]:
        return TIMELESS[name](kt.value_of(wanted)) == TIMELESS[name](kt.value_of(actual))
    if name in UNORDERED and wanted[:1] == actual[:1]:
        one, other = kt.value_of(wanted), kt.value_of(actual)
        if UNORDERED[name] == "pairs" and not isinstance(one, dict):
            if not (isinstance(one, list) and isinstance(other, list)):
                return False
            one, other = (list(zip(items[::2], items[1::2])) for items in (one, other))
        return one == other if isinstance(one, dict) else sorted(one, key=repr) == sorted(other, key=repr)
    return False


class Transaction:
    """The requests that a connection has queued since MULTI: EXEC's reply is compared as the replies to them."""

    def __init__(self):
        self.queued = []

    def is_same(self, request, wanted, actual):
        if wanted == actual:
            if wanted == b"+QUEUED\r\n":
                self.queued.append(request)
            elif request[0].upper() in (b"MULTI", b"EXEC", b"DISCARD", b"RESET") and wanted[:1] != b"-":
                self.queued = []
            return True
        if request[0].upper() != b"EXEC" or wanted[:1] != b"*" or actual[:1] != b"*":
            return is_same(request, wanted, actual)
        queued, self.queued = self.queued, []
        parts = [kt.elements_of(reply) for reply in (wanted, actual)]
        return len(parts[0]) == len(parts[1]) == len(queued) and all(
            one == other or (self._is_vague(sent) and one[:1] == other[:1]) or is_same(sent, one, other)
            for sent, one, other in zip(queued, *parts))

    @staticmethod
    def _is_vague(request):
        """One step of a walk stops where it likes. In Redis the queue, too, refers to a value that EXEC has just set."""
        words = [word.upper() for word in request[:2]]
        return words[0].endswith(b"SCAN") or words == [b"OBJECT", b"REFCOUNT"]


def complete_scan(client, request, reply):
    """A SCAN that did not end in one call is carried on, so that the whole answers can be compared."""
    if request[0].upper() != b"SCAN" or reply[:1] != b"*":
        return reply
    cursor, keys = kt.value_of(reply)
    for _ in range(100000):
        if cursor == b"0":
            return b"SCAN " + repr(sorted(set(keys))).encode()
        cursor, more = client.value(request[0], cursor, *request[2:])
        keys += more
    return b"SCAN without an end"


def replies_of(client, requests):
    """One reply a request. SCANs are sent alone, everything else in pipelines."""
    replies, pipeline = [], []
    for request in requests:
        if request[0].upper() == b"SCAN":
            replies += client.pipeline(pipeline)
            pipeline = []
            replies.append(complete_scan(client, request, client.call(*request)))
        else:
            pipeline.append(request)
    return replies + client.pipeline(pipeline)


class Comparison:
    """Two servers and the protocol to talk to them."""

    def __init__(self, reference_port, target_port, resp=2):
        self.ports = (reference_port, target_port)
        self.resp = resp

    def _connect(self):
        clients = [kt.Client(port, timeout=60.0) for port in self.ports]
        for client in clients:
            if self.resp == 3:
                client.call("HELLO", "3")
            for request in (["FLUSHALL"], ["FUNCTION", "FLUSH"], ["SCRIPT", "FLUSH"]):
                client.call(*request)
        return clients

    def first_difference(self, requests):
        """(index, wanted, actual) of the first request that is answered differently, starting empty; or None."""
        clients, transaction = self._connect(), Transaction()
        try:
            for start in range(0, len(requests), BATCH):
                batch = requests[start:start + BATCH]
                wanted, actual = (replies_of(client, batch) for client in clients)
                for i, (request, *pair) in enumerate(zip(batch, wanted, actual)):
                    if not transaction.is_same(request, *pair):
                        return (start + i, *pair)
        finally:
            for client in clients:
                client.close()
        return None

    def minimise(self, requests):
        """Leaves out what is not needed for the last request to be answered differently."""
        kept, size = list(requests), max(1, len(requests) // 2)
        attempts = 0
        while attempts < _MOST_ATTEMPTS:
            at, shrunk = 0, False
            while at < len(kept) - 1 and attempts < _MOST_ATTEMPTS:
                attempts += 1
                candidate = kept[:at] + kept[min(at + size, len(kept) - 1):]
                found = self.first_difference(candidate)
                if found is not None and candidate[found[0]][0] == requests[-1][0]:
                    kept, shrunk = candidate[:found[0] + 1], True
                else:
                    at += size
            if size == 1 and not shrunk:
                break
            size = max(1, size // 2)
        return kept

    def shorten(self, requests):
        """Leaves out the lines of code that are not needed either."""
        requests, attempts = list(requests), 0
        for at in reversed(range(len(requests))):
            code = _CODE.get(requests[at][0].upper())
            if code is None or len(requests[at]) < 3:
                continue
            lines, size = requests[at][code].split(b"\n"), 8
            while size and attempts < _MOST_ATTEMPTS:
                start = 0
                while start < len(lines) and attempts < _MOST_ATTEMPTS:
                    attempts += 1
                    candidate = list(requests[at])
                    candidate[code] = b"\n".join(lines[:start] + lines[start + size:])
                    attempt = [*requests[:at], tuple(candidate), *requests[at + 1:]]
                    found = self.first_difference(attempt)
                    if found is not None and found[0] == len(requests) - 1:
                        requests, lines = attempt, candidate[code].split(b"\n")
                    else:
                        start += 1
                size //= 2
        return requests

    def run(self, generator, commands):
        """Compares that many requests; None, or a text that describes the first difference."""
        clients, history, transaction = self._connect(), [], Transaction()
        try:
            for done in range(0, commands, BATCH):
                batch = [generator.request() for _ in range(min(BATCH, commands - done))]
                wanted, actual = (replies_of(client, batch) for client in clients)
                for i, (request, *pair) in enumerate(zip(batch, wanted, actual)):
                    if not transaction.is_same(request, *pair):
                        return self._describe(history + batch[:i + 1], *pair)
                history += batch
        finally:
            for client in clients:
                client.close()
        return None

    def _describe(self, requests, wanted, actual):
        script = self.minimise(requests)
        found = self.first_difference(script)
        if found is None:  # it does not show again from an empty start: show what was seen
            script = requests[-20:]
        else:
            script = self.shorten(script)
            _, wanted, actual = self.first_difference(script) or found
        lines = [" ".join(shown(argument, 5000 if request[0].upper() in _CODE else 100) for argument in request) for request in script]
        return "\n".join([f"RESP{self.resp}, request {len(requests)}:", *lines,
                          f"redis-server: {shown(wanted, 500)}", f"keyway:       {shown(actual, 500)}"])


def not_sent(reference_port, generator, commands):
    """The commands of redis-server that so many requests of the generator do not contain."""
    with kt.Client(reference_port) as client:
        names = {name.upper() for name in client.value("COMMAND", "LIST") if b"|" not in name}
    for _ in range(commands):
        names.discard(generator.request()[0].upper())
    return sorted(name.decode() for name in names)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", type=int, required=True, help="port of redis-server")
    parser.add_argument("--target", type=int, required=True, help="port of a shard or a proxy")
    parser.add_argument("--commands", type=int, default=1000000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resp", type=int, choices=(2, 3), default=2)
    parser.add_argument("--one-slot", action="store_true", help="all keys in one slot")
    parser.add_argument("--no-databases", action="store_true", help="no SELECT, MOVE, SWAPDB, COPY DB")
    parser.add_argument("--proxy", action="store_true", help="what a proxy takes, keys in one slot")
    parser.add_argument("--many-slots", action="store_true", help="with --proxy: keys in many slots")
    parser.add_argument("--families", help="only these, as list,string")
    parser.add_argument("--not-sent", action="store_true", help="only list the commands that are never sent")
    options = parser.parse_args()
    families = options.families.split(",") if options.families else None
    if options.proxy:
        with kt.Client(options.reference) as client:
            rows = client.value("COMMAND")
        generator = ProxyGenerator(options.seed, rows, not options.no_databases, options.many_slots, families)
    else:
        generator = Generator(options.seed, options.one_slot, not options.no_databases, families)
    if options.not_sent:
        print(*not_sent(options.reference, generator, options.commands))
        return 0
    difference = Comparison(options.reference, options.target, options.resp).run(generator, options.commands)
    if difference:
        print(f"seed {options.seed}: {difference}")
        return 1
    print(f"{options.commands} requests, seed {options.seed}, RESP{options.resp}: no difference")
    return 0


if __name__ == "__main__":
    sys.exit(main())
