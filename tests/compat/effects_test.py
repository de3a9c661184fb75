#!/usr/bin/env python3
"""Compares the effect stream of a shard with what redis-server writes to its AOF and sends to its replicas.

The requests are those of tests/compat/cases, sent to redis-server and to tests/support/recording_shard. The streams must
be equal command for command, MULTI, EXEC and SELECT included. Only times may differ: a wall clock in milliseconds, alone
or as the first half of a stream's id, by up to ten seconds. By hand, with the files to compare, without ".cases":

    KEYWAY_RECORDING_SHARD=bazel-bin/tests/support/recording_shard KEYWAY_CASES=effects,set \\
        /usr/bin/python3 tests/compat/effects_test.py
"""

import os
import pathlib
import re
import sys

_HERE = pathlib.Path(__file__).absolute().parent
sys.path.insert(0, str(_HERE.parent / "support"))
sys.path.insert(0, str(_HERE))
sys.path.insert(0, str(_HERE / "random"))

import cases_test  # noqa: E402
import keyway_testing as kt  # noqa: E402
from generator import Generator  # noqa: E402

_CASES = _HERE / "cases"
_DIRECTIVES = {"enable_debug_command": "yes", "databases": 16}
# What these are about is not in the stream, or they depend on chance and memory.
_LEFT_OUT = {"info", "latency", "maxmemory", "memory", "persistence", "replication", "slowlog", "snapshot"}
_TIME = re.compile(rb"(\d{13,19})()")
_STREAM_ID = re.compile(rb"(\d{13})(-\d+)?")
_CLOCK_TOLERANCE_MS = 10000

# Files that wait for keys to expire by themselves.
_EXPIRING = {"blocking", "notifications"}
# Cases whose streams differ: file, title, reason.
_DIFFERENT = {
    ("bitmap", "bitfield"): "A BITFIELD that makes a key without a change to a bit is no effect for redis-server, whose replicas "
                            "then lack the key; for us it is one.",
    ("debug", "small things"): "DEBUG REPLICATE sends its arguments to replicas, beside the effects that are recorded here.",
}


class ReferenceStreams:
    """The AOF of a redis-server and, with `replica`, what a replica is sent."""

    def __init__(self, server, replica):
        self.server = server
        self.position = {}
        self.admin = server.client()
        self.replica = server.client() if replica else None
        if replica:
            self._synchronise()

    def _synchronise(self):
        self.replica.send(b"SYNC\r\n")
        buffer = self.replica._received  # the payload is no RESP: a length, and no line end behind it
        while True:
            while buffer[:1] == b"\n":
                del buffer[:1]
            end = buffer.find(b"\r\n")
            if end >= 0 and len(buffer) >= end + 2 + int(buffer[1:end]):
                del buffer[:end + 2 + int(buffer[1:end])]
                break
            buffer += self.replica.socket.recv(1 << 16)
        self.offset = self._offset()

    def _offset(self):
        text = self.admin.value("INFO", "replication").decode()
        return int(text.split("master_repl_offset:")[1].split()[0])

    def aof(self):
        """The commands since the last call. With appendfsync always they are written before the reply."""
        folder = pathlib.Path(self.server.folder) / "appendonlydir"
        commands = []
        for path in sorted(folder.glob("*.incr.aof"), key=lambda path: int(path.name.split(".")[-3])):
            with open(path, "rb") as file:
                file.seek(self.position.get(path, 0))
                data = file.read()
            self.position[path] = self.position.get(path, 0) + len(data)
            commands += commands_of(data)
        return commands

    def replicas(self):
        until = self._offset()
        wanted, buffer = until - self.offset, self.replica._received
        while len(buffer) < wanted:
            buffer += self.replica.socket.recv(1 << 16)
        data = bytes(buffer[:wanted])
        del buffer[:wanted]
        self.offset = until
        # What WAIT asks of replicas is no effect.
        return [command for command in commands_of(data) if command[:2] != [b"REPLCONF", b"GETACK"]]


class RecordedStreams:
    """The files of a recording shard."""

    def __init__(self, server):
        self.server = server
        self.position = {"aof": 0, "replicas": 0}

    def _read(self, name):
        with open(os.path.join(self.server.folder, name), "rb") as file:
            file.seek(self.position[name])
            data = file.read()
        self.position[name] += len(data)
        return commands_of(data)

    def aof(self):
        return self._read("aof")

    def replicas(self):
        return self._read("replicas")


class RecordingShard(kt.KeywayShard):
    def __init__(self, targets, **directives):
        super().__init__(**directives)
        self.targets = targets

    def program(self):
        return os.environ["KEYWAY_RECORDING_SHARD"]

    def command(self):
        program, *directives = super().command()
        return [str(pathlib.Path(program).absolute()), self.folder, self.targets, *directives]


def commands_of(data):
    """Commands as lists of bytes."""
    commands, at = [], 0
    while at < len(data):
        end = data.index(b"\r\n", at)
        count, at, words = int(data[at + 1:end]), end + 2, []
        for _ in range(count):
            end = data.index(b"\r\n", at)
            length = int(data[at + 1:end])
            words.append(data[end + 2:end + 2 + length])
            at = end + 2 + length + 2
        commands.append(words)
    return commands


def _time_pattern(command, i):
    """What a word that may differ by time looks like, or None: it must be equal."""
    name = command[0].upper()
    if name[:1] == b"X":
        return _STREAM_ID
    if name == b"SET":
        return _TIME if command[i - 1] == b"PXAT" else None
    return _TIME if i == 2 and name in (b"PEXPIREAT", b"RESTORE", b"RESTORE-ASKING") else None


def _same_word(command, i, other):
    if command[i] == other:
        return True
    pattern = _time_pattern(command, i)
    first, second = (pattern.fullmatch(word) if pattern else None for word in (command[i], other))
    if not first or not second or bool(first[2]) != bool(second[2]):
        return False
    return abs(int(first[1]) - int(second[1])) <= _CLOCK_TOLERANCE_MS


def _same_command(one, other):
    return len(one) == len(other) and all(_same_word(one, i, word) for i, word in enumerate(other))


def _without_chance(commands):
    """SPOP takes any members: as many are removed."""
    return [command[:2] + [b"?"] * len(command[2:]) if command[0] == b"SREM" else command for command in commands]


def same_commands(one, other):
    return len(one) == len(other) and all(map(_same_command, one, other))


def _shown(commands):
    def word(text):
        text = text if len(text) < 80 else text[:80] + b"..."
        return text.decode() if re.fullmatch(rb"[!-~]+", text) else repr(text)[1:]
    return "\n".join("      " + " ".join(map(word, command)) for command in commands) or "      (nothing)"


class Runner(cases_test.Runner):
    """Runs cases on both servers for the sake of what they leave in their streams."""

    def __init__(self, reference, target, streams, expire):
        """`expire`: whether keys expire by themselves, so that the streams depend on when and in which order they do."""
        super().__init__(reference, target, 2)
        self.expire = expire
        self.streams = streams  # names
        self.sources = [ReferenceStreams(reference, "replicas" in streams), RecordedStreams(target)]

    def _read(self):
        return {name: [getattr(source, name)() for source in self.sources] for name in self.streams}

    def compare(self, case):
        """The differences, a text each, by stream. Lines are not compared one by one, because keys expire in between."""
        for side in self.sides:
            side.reset()
            side.admin.call("DEBUG", "SET-ACTIVE-EXPIRE", int(self.expire))
        self._read()
        by_chance = any("SPOP" in line.upper() for _, line in case.lines)
        told = {name: [] for name in self.streams}
        whole = {name: [[], []] for name in self.streams}
        for number, line in case.lines:
            try:
                self._line(line)
            except cases_test.CaseError as error:
                return [f"line {number}: {error}"]
            for name, pair in self._read().items():
                if by_chance:
                    pair = list(map(_without_chance, pair))
                for all_of_it, commands in zip(whole[name], pair):
                    all_of_it += commands
                if not same_commands(*pair):
                    told[name].append(f"  line {number}: {line}\n    redis-server:\n{_shown(pair[0])}\n"
                                      f"    keyway:\n{_shown(pair[1])}")
        return [f"case '{case.title}', {name}:\n" + "\n".join(told[name][:6])
                for name in self.streams if not same_commands(*whole[name])]


def _makes_silently(request):
    """A BITFIELD that may make or lengthen a key without a change to a bit, see _DIFFERENT."""
    return request[0].upper() == b"BITFIELD" and b"FAIL" in map(bytes.upper, request)


def first_difference(wanted, actual):
    """Where two streams begin to differ, as a text; None if they are equal."""
    for i, pair in enumerate(zip(wanted, actual)):
        if not same_commands([pair[0]], [pair[1]]):
            break
    else:
        if len(wanted) == len(actual):
            return None
        i = min(len(wanted), len(actual))
    around = slice(max(0, i - 3), i + 3)
    return f"    redis-server:\n{_shown(wanted[around])}\n    keyway:\n{_shown(actual[around])}"


class EffectsTest(kt.TestCase):
    def start_both(self, streams):
        reference = self.start(kt.RedisServer(
            appendonly="yes", appendfsync="always", auto_aof_rewrite_percentage=0, repl_diskless_sync="no",
            repl_ping_replica_period=3600, **_DIRECTIVES))
        return reference, self.start(RecordingShard("all" if "replicas" in streams else "aof", **_DIRECTIVES))

    def test_random_requests(self):
        """KEYWAY_COMMANDS of them, of KEYWAY_FAMILIES, from KEYWAY_SEED."""
        commands, batch = int(os.environ.get("KEYWAY_COMMANDS", "6000")), 100
        families = os.environ.get("KEYWAY_FAMILIES")
        generator = Generator(int(os.environ.get("KEYWAY_SEED", "1")), families=families and families.split(","))
        servers = self.start_both(("aof", "replicas"))
        sources = [ReferenceStreams(servers[0], True), RecordedStreams(servers[1])]
        clients = [server.client(timeout=60.0) for server in servers]
        for client in clients:
            client.call("DEBUG", "SET-ACTIVE-EXPIRE", "0")
        for done in range(0, commands, batch):
            requests = [request for request in (generator.request() for _ in range(batch)) if not _makes_silently(request)]
            for client in clients:
                client.pipeline(requests)
            for name in ("aof", "replicas"):
                wanted, actual = (getattr(source, name)() for source in sources)
                found = first_difference(wanted, actual)
                if found:
                    sent = "\n".join(f"      {request}" for request in requests)
                    self.fail(f"{name} differs after {done} requests:\n{found}\n    sent:\n{sent}")
        self.check_replay(servers[1])

    def start_full(self):
        """A shard that evicts keys as soon as there is a megabyte more."""
        shard = self.start(RecordingShard("all", **_DIRECTIVES))
        limit = int(shard.info("memory")["used_memory"]) + 1_000_000
        shard.call("CONFIG", "SET", "maxmemory", limit, "maxmemory-policy", "allkeys-random")
        return shard

    def test_evicted_keys(self):
        for lazy, name in (("no", b"DEL"), ("yes", b"UNLINK")):
            shard = self.start_full()
            shard.call("CONFIG", "SET", "lazyfree-lazy-eviction", lazy)
            with shard.client() as client:
                client.pipeline([("SET", f"k{i}", b"x" * 1000) for i in range(3000)])
                client.pipeline([("MULTI",), ("SET", "a", b"x" * 5000), ("SET", "b", b"x" * 5000), ("EXEC",)])
            shard.call("CONFIG", "SET", "maxmemory", 0)
            evicted = int(shard.info("stats")["evicted_keys"])
            self.assertGreater(evicted, 500)
            commands = RecordedStreams(shard).aof()
            self.assertEqual(sum(command[0] == name for command in commands), evicted)
            # Outside of the unit of the command that needs the room.
            names = [command[0] for command in commands]
            at = names.index(b"MULTI")
            self.assertEqual(names[at:at + 4], [b"MULTI", b"SET", b"SET", b"EXEC"])
            self.assertEqual(names.count(b"MULTI"), 1)
            self.check_replay(shard)

    def test_keys_that_expire_by_themselves(self):
        shard = self.start(RecordingShard("all", **_DIRECTIVES))
        with shard.client() as client:
            client.pipeline([("SET", f"k{i}", "x", "PX", 1 + i % 50) for i in range(1000)])
        kt.wait_until(lambda: shard.info("stats")["expired_keys"] == "1000", what="all keys to expire")
        commands = RecordedStreams(shard).aof()
        self.assertEqual(sum(command[0] == b"DEL" for command in commands), 1000)
        self.assertEqual({command[0] for command in commands}, {b"SELECT", b"SET", b"DEL"})

    def check_replay(self, shard):
        """A redis-server that executes what a replica is sent has the same keys."""
        replica = self.start(kt.RedisServer(**_DIRECTIVES))
        commands = commands_of(pathlib.Path(shard.folder, "replicas").read_bytes())
        with replica.client(timeout=60.0) as client:
            for start in range(0, len(commands), 500):
                client.pipeline(commands[start:start + 500])
            for database in range(_DIRECTIVES["databases"]):
                sizes = []
                for server in (shard, replica):
                    with server.client() as other:
                        other.call("SELECT", database)
                        sizes.append(other.call("DBSIZE"))
                self.assertEqual(*sizes, f"keys of database {database}")
        self.assertEqual(shard.call("DEBUG", "DIGEST"), replica.call("DEBUG", "DIGEST"))

    def run_file(self, path, streams):
        reference, target = self.start_both(streams)
        runner = Runner(reference, target, streams, path.stem in _EXPIRING)
        differences, compared = [], 0
        for case in cases_test.read_cases(path):
            if case.skipped == 2 or (path.stem, case.title) in _DIFFERENT:
                continue
            try:
                differences += runner.compare(case)
            except (EOFError, OSError, AssertionError, kt.ProtocolError) as error:
                differences.append(f"case '{case.title}': {type(error).__name__}: {error}")
                if not target.is_alive():
                    differences.append(f"the shard ended:\n{target.output()[-4000:]}")
                    break
            compared += 1
        print(f"{path.name}, {'+'.join(streams)}: {compared} cases", file=sys.stderr)
        if differences:
            self.fail(f"{len(differences)} differences in {path.name}:\n" + "\n".join(differences))


def _add_test(path, streams, name):
    def test(self):
        self.run_file(path, streams)
    setattr(EffectsTest, f"test_{path.stem}_{name}", test)


def _add_tests():
    wanted = os.environ.get("KEYWAY_CASES")
    for path in sorted(_CASES.glob("*.cases")):
        if path.stem in _LEFT_OUT or (wanted and path.stem not in wanted.split(",")):
            continue
        _add_test(path, ("aof", "replicas"), "aof_and_replicas")
        if path.stem in ("effects", "pubsub", "scripting"):
            _add_test(path, ("aof",), "aof_alone")


_add_tests()

if __name__ == "__main__":
    kt.main()
