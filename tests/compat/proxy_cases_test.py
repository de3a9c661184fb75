#!/usr/bin/env python3
"""Sends the cases of tests/compat/cases to one standalone redis-server and to a proxy before three nodes, keyway-shards or
redis-servers, in RESP2 and RESP3, and compares the replies as cases_test.py does.

All keys of a case lie in one slot (one_slot.py), so that every command is possible. What is left out is in proxy_exclusions.py.
By hand, with the files to run, without ".cases":

    KEYWAY_PROXY=bazel-bin/proxy/keyway-proxy KEYWAY_SHARD=bazel-bin/shard/keyway-shard KEYWAY_CASES=list,set \\
        KEYWAY_NODES=shards /usr/bin/python3 tests/compat/proxy_cases_test.py
"""

import os
import pathlib
import sys

_HERE = pathlib.Path(__file__).absolute().parent
sys.path.insert(0, str(_HERE.parent / "support"))
sys.path.insert(0, str(_HERE))

import cases_test  # noqa: E402
import keyway_testing as kt  # noqa: E402
import proxy_exclusions as exclusions  # noqa: E402
from one_slot import KeysInOneSlot  # noqa: E402

_CASES = _HERE / "cases"
_ONLY_EXCLUDED = bool(os.environ.get("KEYWAY_EXCLUDED"))
_DIRECTIVES = {"enable_debug_command": "yes"}
# What CONFIG GET says is as by default with Redis.
_FLAGS = {"enable_debug_command": "true", "maxmemory_clients": 0}
# Its slot is of the first shard, where scripts without keys are executed, which then find the keys that they name in their code.
_TAG = "b"
# The nodes, by the name that KEYWAY_NODES takes. A shard's cluster may have several databases, Redis 7.0's cannot.
_NODES = {
    "shards": (kt.KeywayShard, {"cluster_databases": 16}),
    "redis": (kt.RedisServer, {}),
}


class ProxySide(cases_test.Side):
    """A proxy; whether clients are blocked, its nodes know, and of those that CLIENT PAUSE holds, the proxy itself."""

    def __init__(self, proxy, nodes, resp):
        super().__init__(proxy, resp)
        self.nodes = [node.client() for node in nodes]
        self.is_paused = False

    def blocked(self):
        if self.is_paused:
            return super().blocked()
        texts = [node.value("INFO", "clients").decode() for node in self.nodes]
        return sum(int(text.split("blocked_clients:")[1].split()[0]) for text in texts)

    def reset(self):
        self.is_paused = False
        super().reset()

    def request(self, name, words):
        """A SCAN goes on to its end, as it is asked of one shard at a time."""
        reply = super().request(name, words)
        names = b" ".join(words[:2]).upper()
        self.is_paused = names == b"CLIENT PAUSE" or (self.is_paused and names != b"CLIENT UNPAUSE")
        if words[0].upper() != b"SCAN" or not reply.startswith(b"*2"):
            return reply
        cursor, keys = kt.value_of(reply)
        while cursor != b"0":
            cursor, more = self.client(name).value(words[0], cursor, *words[2:])
            keys += more
        return b"*2\r\n$1\r\n0\r\n" + kt.encode(*keys)


class Runner(cases_test.Runner):
    def __init__(self, reference, proxy, nodes, resp, keys):
        super().__init__(reference, proxy, resp)
        self.sides[1] = ProxySide(proxy, nodes, resp)
        self.keys = keys

    def words_of(self, line):
        return self.keys.adapt(super().words_of(line))


def reason_to_skip(file, case, kind):
    """Why a case is not compared, or None."""
    tables = [exclusions.CASES] + ([exclusions.REDIS_CASES] if kind == "redis" else [])
    return next((table[file, case.title] for table in tables if (file, case.title) in table), exclusions.FILES.get(file))


def lines_to_skip(file, case, kind):
    tables = [exclusions.LINES] + ([exclusions.REDIS_LINES] if kind == "redis" else [])
    return {line for table in tables for line in table.get((file, case.title), ())}


def loosely(line):
    """The line with the mode that compares least."""
    return "~any " + (line.partition(" ")[2] if line.startswith("~") else line)


class ProxyCasesTest(kt.TestCase):
    _clusters = {}
    _keys = []

    def keys(self):
        if not self._keys:
            server = self._starter().start(kt.RedisServer())
            self._keys.append(KeysInOneSlot(server.client(), _TAG))
        return self._keys[0]

    def nodes(self, kind):
        """Three nodes, started once for all tests."""
        if kind not in self._clusters:
            node_class, directives = _NODES[kind]
            self._clusters[kind] = kt.start_cluster(self._starter(), node_class, **_DIRECTIVES, **directives)
        return self._clusters[kind]

    @classmethod
    def _starter(cls):
        class Starter:
            @staticmethod
            def start(server):
                cls.addClassCleanup(server.cleanup)
                return server.start()
        return Starter

    def run_file(self, path, kind, resp):
        reference = self.start(kt.RedisServer(**_DIRECTIVES, databases=16))
        nodes = self.nodes(kind)
        seeds = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
        proxy = self.start(kt.KeywayProxy(startup_nodes=seeds, threads=2, **_FLAGS))
        kt.wait_until(lambda: proxy.info("proxy").get("proxy_covered_slots") == "16384", what="the slot map")
        runner = Runner(reference, proxy, nodes, resp, self.keys())
        differences = []
        for case in cases_test.read_cases(path):
            left_out = lines_to_skip(path.stem, case, kind)
            loose = exclusions.LOOSE_LINES.get((path.stem, case.title), {})
            if case.skipped == resp:
                continue
            is_excluded = reason_to_skip(path.stem, case, kind) is not None
            if _ONLY_EXCLUDED and not (is_excluded or left_out or loose) or is_excluded and not _ONLY_EXCLUDED:
                continue
            if not _ONLY_EXCLUDED:
                case.lines = [(number, loosely(line) if line in loose else line) for number, line in case.lines if line not in left_out]
            differences += runner.run(case)
            if not proxy.is_alive():
                differences.append(f"the proxy ended in case '{case.title}':\n{proxy.output()[-4000:]}")
                break
        if differences:
            self.fail(f"{len(differences)} differences in {path.name}:\n" + "\n".join(differences))

    def test_exclusions_name_what_exists(self):
        cases = {(path.stem, case.title): case for path in _CASES.glob("*.cases") for case in cases_test.read_cases(path)}
        line_tables = [exclusions.LINES, exclusions.REDIS_LINES, exclusions.LOOSE_LINES]
        for table in [exclusions.CASES, exclusions.REDIS_CASES, *line_tables]:
            self.assertEqual(set(table) - set(cases), set())
        self.assertEqual(set(exclusions.FILES) - {file for file, _ in cases}, set())
        for name, lines in [item for table in line_tables for item in table.items()]:
            self.assertEqual(set(lines) - {line for _, line in cases[name].lines}, set(), name)


def _add_tests():
    wanted, kinds = os.environ.get("KEYWAY_CASES"), os.environ.get("KEYWAY_NODES")
    for path in sorted(_CASES.glob("*.cases")):
        if wanted and path.stem not in wanted.split(","):
            continue
        for kind in kinds.split(",") if kinds else _NODES:
            for resp in (2, 3):
                def test(self, path=path, kind=kind, resp=resp):
                    self.run_file(path, kind, resp)
                setattr(ProxyCasesTest, f"test_{path.stem}_before_{kind}_resp{resp}", test)


_add_tests()

if __name__ == "__main__":
    kt.main()
