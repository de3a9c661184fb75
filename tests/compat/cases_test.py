#!/usr/bin/env python3
"""Sends the cases of tests/compat/cases to redis-server and to a shard, in RESP2 and RESP3, and compares the replies.

By hand, with the files to run, without ".cases":

    KEYWAY_SHARD=bazel-bin/shard/keyway-shard KEYWAY_CASES=list,set /usr/bin/python3 tests/compat/cases_test.py

A line of a file is one of these:

    == title                 a new case: both servers are emptied, of scripts and functions, too, all connections are new,
                             CONFIG SETs and CLIENT PAUSE are undone
    SET foo "a\\x00b"         a request, quoted as redis-cli does; its reply is compared byte for byte
    ~elements SMEMBERS s     the elements of the reply may come in any order
    ~pairs HGETALL h         the pairs of a map or flat array may come in any order
    ~nested COMMAND LIST     the elements may come in any order at every level
    ~shape RANDOMKEY         only types and numbers of elements are compared
    ~about 2 TTL k           numbers may differ by up to 2
    ~any PING                both are errors or both are not
    @b GET k                 by another connection, called b
    @b & BLPOP k 0           sent; goes on when the server has one more blocked client
    @b <                     the next reply or push that b gets; takes a ~mode before the @ too
    @b <none                 b has got nothing more
    @b close                 b closes its connection
    lua math.max(1, 2)       a list of Lua expressions, not quoted: EVAL of a script that shows their values as text
    sleep 0.05               seconds
    skip resp2               (or resp3) this case only in the other protocol
    # comment
"""

import os
import pathlib
import select
import socket
import sys
import time
import unittest

_HERE = pathlib.Path(__file__).absolute().parent
sys.path.insert(0, str(_HERE.parent / "support"))

import keyway_testing as kt  # noqa: E402

sys.setrecursionlimit(50000)  # for the deepest reply that a script may give

_CASES = _HERE / "cases"
_MODES_WITH_NUMBER = {"~about"}
_MODES = {"~elements", "~pairs", "~nested", "~shape", "~any"} | _MODES_WITH_NUMBER
_WAIT_SECONDS = 15.0

# The values of a list of Lua expressions as one text: strings quoted, numbers to the last bit, tables by their sorted entries.
_SHOW = (
    'local function show(v, depth) local t = type(v) if t == "string" then return string.format("%q", v) '
    'elseif t == "number" then return string.format("%.17g", v) '
    'elseif t ~= "table" then return (t == "nil" or t == "boolean") and tostring(v) or t elseif depth > 6 then return "..." end '
    'local parts = {} for k, e in pairs(v) do parts[#parts + 1] = "[" .. show(k, depth + 1) .. "]=" .. show(e, depth + 1) end '
    'table.sort(parts) return "{" .. table.concat(parts, ",") .. "}" end '
    'local function all(...) local parts = {} for i = 1, select("#", ...) do parts[i] = show((select(i, ...)), 0) end '
    'return table.concat(parts, " ") end return all(%s)')


class CaseError(Exception):
    """A line that makes no sense."""


def split_words(line):
    """The words of a line, quoted as redis-cli takes them, as bytes."""
    words, at, end = [], 0, len(line)
    escapes = {"n": b"\n", "r": b"\r", "t": b"\t", "b": b"\b", "a": b"\a"}
    while True:
        while at < end and line[at] == " ":
            at += 1
        if at == end:
            return words
        quote = line[at] if line[at] in "'\"" else None
        at += quote is not None
        word = bytearray()
        while True:
            if at == end:
                if quote:
                    raise CaseError(f"unbalanced quotes: {line}")
                break
            char = line[at]
            if quote == '"' and char == "\\" and line[at + 1:at + 2] == "x":
                word.append(int(line[at + 2:at + 4], 16))
                at += 4
            elif quote == '"' and char == "\\" and at + 1 < end:
                word += escapes.get(line[at + 1], line[at + 1].encode())
                at += 2
            elif quote == "'" and line[at:at + 2] == "\\'":
                word += b"'"
                at += 2
            elif char == (quote or " "):
                at += 1
                break
            else:
                word += char.encode()
                at += 1
        words.append(bytes(word))


def tree_of(data, at=0):
    """((kind, value), end): value is bytes, or the list of elements' (kind, value)."""
    end = data.index(b"\r\n", at)
    kind, line, after = data[at:at + 1], data[at + 1:end], end + 2
    if kind in b"$=!" and int(line) >= 0:
        after += int(line)
        return (kind, data[end + 2:after]), after + 2
    if kind in b"*%~>" and int(line) >= 0:
        elements = []
        for _ in range(int(line) * (2 if kind == b"%" else 1)):
            element, after = tree_of(data, after)
            elements.append(element)
        return (kind, elements), after
    return (kind, line), after


def _in_pairs(elements):
    return sorted(zip(elements[::2], elements[1::2]), key=repr)


def _sorted(tree):
    kind, value = tree
    if not isinstance(value, list):
        return tree
    value = [_sorted(element) for element in value]
    return kind, (_in_pairs(value) if kind == b"%" else sorted(value, key=repr))


def _shape(tree):
    kind, value = tree
    if isinstance(value, list):
        return kind, [_shape(element) for element in value]
    return kind, value in (b"-1",) and kind in b"$*"


def _about(first, second, by):
    if first[0] != second[0] or isinstance(first[1], list) != isinstance(second[1], list):
        return False
    if isinstance(first[1], list):
        return len(first[1]) == len(second[1]) and all(_about(a, b, by) for a, b in zip(first[1], second[1]))
    try:
        return abs(float(first[1]) - float(second[1])) <= by
    except ValueError:
        return first[1] == second[1]


def is_same(mode, number, wanted, actual):
    """Whether two raw replies agree, as the mode has it."""
    if wanted == actual:
        return True
    if mode == "~any":
        return wanted[:1] == actual[:1] == b"-" or b"-" not in (wanted[:1], actual[:1])
    if mode is None or b"-" in (wanted[:1], actual[:1]):
        return False
    one, other = tree_of(wanted)[0], tree_of(actual)[0]
    if mode == "~shape":
        return _shape(one) == _shape(other)
    if mode == "~about":
        return _about(one, other, number)
    if mode == "~nested":
        return _sorted(one) == _sorted(other)
    if one[0] != other[0] or not isinstance(one[1], list) or not isinstance(other[1], list):
        return False
    if mode == "~pairs":
        return _in_pairs(one[1]) == _in_pairs(other[1]) and len(one[1]) == len(other[1])
    return sorted(one[1], key=repr) == sorted(other[1], key=repr)


class Side:
    """One server and the connections of the case at hand."""

    def __init__(self, server, resp):
        self.server, self.resp = server, resp
        self.admin = server.client()
        self.clients, self.restore = {}, {}
        self.waiting = set()  # names of clients that have sent what blocks, and have had no reply

    def client(self, name):
        if name not in self.clients:
            self.clients[name] = self.server.client(timeout=_WAIT_SECONDS)
            if self.resp == 3:
                self.clients[name].call("HELLO", "3")
        return self.clients[name]

    def blocked(self):
        text = self.admin.value("INFO", "clients").decode()
        return int(text.split("blocked_clients:")[1].split()[0])

    def note_config(self, words):
        if len(words) >= 4 and words[0].upper() == b"CONFIG" and words[1].upper() == b"SET":
            for name in words[2::2]:
                found = self.admin.value("CONFIG", "GET", name)
                if len(found) == 2:
                    self.restore.setdefault(name, found[1])

    def close(self, name):
        """Until the server has noticed that a client which waited is gone, it may serve it."""
        before = self.blocked()
        self.clients.pop(name).close()
        if name in self.waiting:
            kt.wait_until(lambda: self.blocked() < before, what=f"the end of {name} to be noticed")
            self.waiting.discard(name)

    def reset(self):
        for client in self.clients.values():
            client.close()
        self.clients, self.waiting = {}, set()
        for name, value in self.restore.items():
            self.admin.call("CONFIG", "SET", name, value)
        self.restore = {}
        for request in (["CLIENT", "UNPAUSE"], ["FLUSHALL"], ["FUNCTION", "FLUSH"], ["SCRIPT", "FLUSH"]):
            self.admin.call(*request)
        kt.wait_until(lambda: self.blocked() == 0, what="closed connections to be noticed")

    def request(self, name, words):
        self.note_config(words)
        return self.client(name).call(*words)

    def send_blocking(self, name, words):
        client, before = self.client(name), self.blocked()
        client.send(kt.encode(*words))
        self.waiting.add(name)
        kt.wait_until(lambda: self.blocked() > before or self._is_refused(client), timeout=_WAIT_SECONDS, what=f"{words} to block")

    @staticmethod
    def _is_refused(client):
        """An error that has come instead is compared by the next line that reads."""
        return bool(select.select([client.socket], [], [], 0)[0]) and client.socket.recv(1, socket.MSG_PEEK) == b"-"

    def has_nothing(self, name):
        self.admin.call("PING")
        client = self.client(name)
        client.socket.settimeout(0.05)
        try:
            return client.read()
        except (TimeoutError, BlockingIOError):
            return b""
        finally:
            client.socket.settimeout(_WAIT_SECONDS)


class Case:
    def __init__(self, title, number):
        self.title, self.number = title, number
        self.lines, self.skipped = [], None


def read_cases(path):
    cases = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("=="):
            cases.append(Case(line[2:].strip(), number))
        elif not cases:
            raise CaseError(f"{path.name}:{number}: before the first case")
        elif line.startswith("skip "):
            cases[-1].skipped = {"resp2": 2, "resp3": 3}[line[5:].strip()]
        else:
            cases[-1].lines.append((number, line))
    return cases


def _shown(raw):
    return repr(raw)[1:] if len(raw) < 600 else f"{repr(raw[:600])[1:]}...({len(raw)} bytes)"


class Runner:
    """Runs cases on two servers, the reference first. A subclass says what is to be done with a request before it is sent."""

    def __init__(self, reference, target, resp):
        self.sides = [Side(reference, resp), Side(target, resp)]
        self.resp = resp

    def words_of(self, line):
        """The request of a line."""
        if line.startswith("lua "):
            return [b"EVAL", _SHOW.replace("%s", line[4:]).encode(), b"0"]
        return split_words(line)

    def run(self, case):
        """The differences, a text each. The case ends at the first."""
        number, line = case.number, "(start)"
        try:
            for side in self.sides:
                side.reset()
            for number, line in case.lines:
                difference = self._line(line)
                if difference:
                    return [f"line {number}, case '{case.title}', RESP{self.resp}: {line}\n{difference}"]
        except (EOFError, OSError, kt.ProtocolError, CaseError, AssertionError) as error:
            return [f"line {number}, case '{case.title}', RESP{self.resp}: {line}\n  {type(error).__name__}: {error}"]
        return []

    def _line(self, line):
        mode, number, client = None, 0, ""
        first, _, rest = line.partition(" ")
        if first in _MODES:
            mode, line = first, rest.strip()
            if mode in _MODES_WITH_NUMBER:
                text, _, line = line.partition(" ")
                number, line = float(text), line.strip()
        elif first.startswith("~"):
            raise CaseError("unknown mode")
        if line.startswith("sleep "):
            time.sleep(float(line[6:]))
            return None
        if line.startswith("@"):
            client, _, line = line[1:].partition(" ")
            line = line.strip()
        if line == "close":
            for side in self.sides:
                side.close(client)
            return None
        if line.startswith("& "):
            for side in self.sides:
                side.send_blocking(client, self.words_of(line[2:]))
            return None
        if line == "<none":
            replies = [side.has_nothing(client) for side in self.sides]
            return None if replies == [b"", b""] else self._difference(replies)
        if line == "<":
            replies = [side.client(client).read() for side in self.sides]
            for side in self.sides:
                side.waiting.discard(client)
        else:
            words = self.words_of(line)
            replies = [side.request(client, words) for side in self.sides]
        return None if is_same(mode, number, *replies) else self._difference(replies)

    @staticmethod
    def _difference(replies):
        return f"  redis-server: {_shown(replies[0])}\n  keyway:       {_shown(replies[1])}"


class CasesTest(kt.TestCase):
    def run_file(self, path, resp):
        directives = {"enable_debug_command": "yes", "databases": 16}
        reference = self.start(kt.RedisServer(**directives))
        target = self.start(kt.KeywayShard(**directives))
        runner = Runner(reference, target, resp)
        differences = []
        for case in read_cases(path):
            if case.skipped != resp:
                differences += runner.run(case)
            if not target.is_alive():
                differences.append(f"the shard ended in case '{case.title}':\n{target.output()[-4000:]}")
                break
        if differences:
            self.fail(f"{len(differences)} differences in {path.name}:\n" + "\n".join(differences))


def _add_tests():
    wanted = os.environ.get("KEYWAY_CASES")
    for path in sorted(_CASES.glob("*.cases")):
        if wanted and path.stem not in wanted.split(","):
            continue
        for resp in (2, 3):
            def test(self, path=path, resp=resp):
                self.run_file(path, resp)
            setattr(CasesTest, f"test_{path.stem}_resp{resp}", test)


_add_tests()

if __name__ == "__main__":
    kt.main()
