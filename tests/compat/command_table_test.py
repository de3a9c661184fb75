#!/usr/bin/python3
"""Compares the command table with redis-server: every answer to COMMAND, and the errors of lookups.

The same requests go to redis-server and to the program command_replies (KEYWAY_COMMAND_REPLIES), in
RESP2 and RESP3; every request whose replies differ is printed. Where Redis lists things in the
arbitrary order of a hash table (COMMAND, DOCS, LIST, subcommands), both sides are sorted first.

KEYWAY_SEED and KEYWAY_CALLS choose the random calls of COMMAND GETKEYS: their seed, how many a row.
"""

import difflib
import os
import random
import subprocess

import keyway_testing as kt

MAX_DIFFS = 20
MAX_DIFF_LINES = 60


class Reply:
    """A reply as it is on the wire: its type byte, and its text or its elements."""

    def __init__(self, kind, value):
        self.kind = kind
        self.value = value

    def __eq__(self, other):
        return (self.kind, self.value) == (other.kind, other.value)

    def lines(self, indent=0):
        pad = "  " * indent
        if not isinstance(self.value, list):
            return [f"{pad}{self.kind}{self.value}"]
        result = [f"{pad}{self.kind}{len(self.value)}"]
        for element in self.value:
            result += element.lines(indent + 1)
        return result


class Peer:
    """Sends requests and reads replies over a pair of binary files."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    def ask(self, requests):
        """Answers to `requests`, each a list of strings, sent in pipelines of bounded length."""
        replies = []
        for start in range(0, len(requests), 100):
            batch = requests[start:start + 100]
            self.writer.write(b"".join(encode(request) for request in batch))
            self.writer.flush()
            replies += [self.read() for _ in batch]
        return replies

    def read(self):
        line = self.reader.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError(f"the peer closed the connection after {line!r}")
        kind, rest = chr(line[0]), line[1:-2].decode("latin-1")
        if kind == "$" and rest != "-1":
            data = self.reader.read(int(rest) + 2)
            return Reply(kind, "=" + data[:-2].decode("latin-1"))
        if kind in "*~>" and rest != "-1":
            return Reply(kind, [self.read() for _ in range(int(rest))])
        if kind == "%":
            return Reply(kind, [self.read() for _ in range(2 * int(rest))])
        if kind not in "+-:$*_":
            raise ValueError(f"unexpected reply {line!r}")
        return Reply(kind, rest)


def encode(request):
    arguments = [argument.encode("latin-1") for argument in request]
    head = b"*%d\r\n" % len(arguments)
    return head + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in arguments)


def name_of(info_or_docs_entry):
    return info_or_docs_entry[0].value


def pairs(reply):
    return [reply.value[i:i + 2] for i in range(0, len(reply.value), 2)]


def sort_info(reply):
    """COMMAND and COMMAND INFO: rows, and the subcommands in a row, by name."""
    rows = [row for row in reply.value if isinstance(row.value, list)]
    for row in rows:
        sort_info(row.value[9])
    if len(rows) == len(reply.value):
        reply.value.sort(key=lambda row: row.value[0].value)


def sort_docs(reply):
    """COMMAND DOCS: entries, and the subcommands in an entry, by name."""
    entries = pairs(reply)
    for _, fields in entries:
        for field, value in pairs(fields):
            if field.value == "=subcommands":
                sort_docs(value)
    entries.sort(key=name_of)
    reply.value = [part for entry in entries for part in entry]


def sort_list(reply):
    reply.value.sort(key=lambda element: element.value)


def sort_none(reply):
    pass


def row_requests(rows):
    """Every row by its name, and names that are none."""
    names = list(rows) + ["nope", "config|nope", "get|x", "config|", "|get", "config|get|x", "",
                          "GeT", "CONFIG|Get", "get ", "x" * 300]
    for name in names:
        yield ["COMMAND", "INFO", name], sort_info
        yield ["COMMAND", "DOCS", name], sort_docs
        yield ["COMMAND", "LIST", "FILTERBY", "PATTERN", name], sort_list
    yield ["command", "info", "get", "nope", "set", "get"], sort_none
    yield ["command", "docs", "get", "nope", "set", "get"], sort_none
    for misuse in (["COUNT", "x"], ["HELP", "x"], ["nope"], ["NOPE", "x"], ["GETKEYS"], ["GETKEYS", "get"],
                   ["GETKEYSANDFLAGS", "ping"], ["LIST", "FILTERBY"], ["LIST", "x", "PATTERN", "y"],
                   ["LIST", "FILTERBY", "PATTERN"], ["LIST", "FILTERBY", "x", "y"],
                   ["LIST", "FILTERBY", "PATTERN", "a", "b"], ["LIST", "x"], [""]):
        yield ["COMMAND"] + misuse, sort_none


def list_requests(categories):
    yield ["COMMAND"], sort_info
    yield ["COMMAND", "INFO"], sort_info
    yield ["COMMAND", "DOCS"], sort_docs
    yield ["COMMAND", "LIST"], sort_list
    yield ["COMMAND", "COUNT"], sort_none
    yield ["COMMAND", "HELP"], sort_none
    yield ["Command", "help"], sort_none
    yield ["COMMAND", "LIST", "FILTERBY", "MODULE", "json"], sort_list
    for category in list(categories) + ["nope", "", "READ", "@read", "sTRING"]:
        yield ["COMMAND", "LIST", "filterby", "aclcat", category], sort_list
    for pattern in ("*", "x*", "X*", "*|get", "?et", "[gs]et", "[^g]et", "[a-h]et", "[h-a]et", "\\get",
                    "\\Get", "[\\G]et", "[\\g]et", "get\\", "[get", "[", "*[", "**|**e*t**", "[g-", "[A-H]ET",
                    "*" * 40 + "z" + "*" * 40 + "q", "[]", "[^]", "config|[a-g-]*", "[^^]*|*", "?", "", "***"):
        yield ["COMMAND", "LIST", "FILTERBY", "PATTERN", pattern], sort_list


def lookup_requests(rows):
    """Requests whose lookup fails; none of them is executed by redis-server."""
    for name, arity in rows.items():
        if name == "exec":
            continue  # whatever makes EXEC fail ends the transaction, which its error says: not the lookup's part
        words = name.split("|")
        if arity > 0:
            lengths = [arity - 1, arity + 1]
        else:
            lengths = range(len(words), -arity)
        for length in lengths:
            if length < len(words):
                continue
            yield words + ["x"] * (length - len(words)), sort_none
        yield [words[0].upper(), "no such\r\nsubcommand \0 of it"] if len(words) == 2 else ["x" + name], sort_none
    for request in (["nope"], ["nope", "a"], ["nope", "a", "b" * 200, "c"], ["NoPe"] + ["arg"] * 60, ["n" * 500, "x"],
                    ["a\r\nb", "c\nd"], ["a\0b", "c\0d"], ["get\0", "k"], [""], ["", ""], ["conFIG", "x" * 300],
                    ["CONFIG|GET", "x"], ["config|get", "x"], ["nope", "b" * 127, "c"], ["nope", "b" * 126, "c"],
                    ["nope", "b" * 128], ["\xff", "\xfe\x80"], ["g\xe9t", "x"], ["object", ""], ["x" * 24], ["x" * 25]):
        yield request, sort_none


# What a call of COMMAND GETKEYS is made of: words that key specs and options look for, numbers that are
# right, wrong, or read differently by a strict and a lenient parser, and plain arguments.
WORDS = ["store", "STOREDIST", "streams", "STREAMS", "keys", "KEYS", "get", "GET", "set", "incrby", "overflow", "by",
         "limit", "block", "count", "group", "noack", "auth", "auth2", "copy", "replace", "nx", "ex", "weights",
         "aggregate", "fail", "sat", "withscores", "left", "min", "asc", "Alpha", "GETX", "stream"]
NUMBERS = ["0", "1", "2", "3", "4", "5", "-1", "01", "+1", "+2", " 2", "2 ", "1x", "3y", "x2", "1.5", "", "-", "+", "--1",
           "+-1", "\t1", "9223372036854775807", "9223372036854775808", "99999999", "-0", "00"]
KEYS = ["a", "b", "c", "d", "e", "", "key with spaces", "\r\n", "{tag}x"]


def random_getkeys_requests(rows, generator, calls):
    for name, arity in rows.items():
        words = name.split("|")
        for _ in range(calls):
            least = abs(arity) - len(words)
            if generator.random() < 0.1:
                length = generator.randrange(0, least + 2)
            else:
                length = least + (generator.choice([0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 9]) if arity < 0 else 0)
            pools = generator.choice([[KEYS], [KEYS, NUMBERS], [KEYS, NUMBERS, WORDS], [KEYS, WORDS, ["1", "2", "3"]]])
            call = words + [generator.choice(generator.choice(pools)) for _ in range(length)]
            subcommand = generator.choice(["GETKEYS", "GETKEYSANDFLAGS"])
            yield ["COMMAND", subcommand] + call, sort_none


CALLS = """
get k|set k v|set k v get|SET k v EX 10 GET|set k v xx|mset a 1 b 2|mset a 1 b|msetnx a 1|mget a b c|del a b|ping x
sort k|sort k store d|sort k by w*_x get # limit 0 1 store d store e|sort k by store get store|sort_ro k by x get y
migrate h 1 k 0 5|migrate h 1 k 0 5 copy replace auth x|migrate h 1 k 0 5 keys a b
georadius k 1 2 3 m|georadius k 1 2 3 m store d|georadius k 1 2 3 m store d storedist e|georadiusbymember k m 1 m
georadiusbymember k m 1 m store d|georadius_ro k 1 2 3 m store d|geosearchstore d s frommember m
eval s 0|eval s 2 a b c|eval s 3 a b|eval s -1 a|eval s x a|evalsha s 1 a|eval_ro s 1 a|fcall f 1 a|fcall_ro f 0
xread streams a b 0 0|xread count 1 block 0 streams a 0|xread count streams streams a 0|xread streams a b 0
xreadgroup group g c streams a 0|xreadgroup group g c noack streams a b 0 0|xreadgroup group streams c streams a 0
zunionstore d 2 a b weights 1 2|zunion 2 a b|zinter 1 a|zdiff 3 a b|zintercard 2 a b limit 1|zinterstore d 0 a
zmpop 2 a b min|lmpop 1 a left|blmpop 0 2 a b left|bzmpop 0 1 a min|sintercard 2 a b|blpop a b 0|brpoplpush a b 0
bitfield k get u8 0|bitfield k get u8 0 set u8 0 1|bitfield k overflow sat get u8 0|bitfield k incrby u8 0 1|bitfield k
bitfield k get u8|bitfield k overflow|bitfield_ro k get u8 0|bitop and d a b|memory usage k|memory usage k samples 5
object encoding k|object freq k|object help x|object nope k|xgroup create k g 0|xgroup help|xinfo stream k|xinfo nope k
ssubscribe a b|spublish c m|sunsubscribe|publish c m|subscribe c|config get x|config|command|command getkeys get k
rename a b|copy a b|smove a b m|lcs a b|pfcount a b|pfmerge d a b|pfmerge d|zrangestore d s 0 1|sinterstore d a b
restore k 0 x|restore-asking k 0 x|move k 1|object|nope|nope x|get|get a b|mget|eval s|debug object k|lmove a b left right
"""


def getkeys_requests():
    for call in CALLS.replace("\n", "|").strip("|").split("|"):
        for subcommand in ("GETKEYS", "GETKEYSANDFLAGS"):
            yield ["COMMAND", subcommand] + call.split(), sort_none
    yield ["COMMAND", "GETKEYS", "migrate", "h", "1", "", "0", "5", "keys", "a", "b"], sort_none
    yield ["COMMAND", "GETKEYSANDFLAGS", "MIGRATE", "h", "1", "", "0", "5", "AUTH", "keys", "KEYS", "a"], sort_none


def collect_rows(reply, rows):
    """Name and arity of every row, subcommands included, from an answer to COMMAND."""
    for row in reply.value:
        rows[row.value[0].value[1:]] = int(row.value[1].value)
        collect_rows(row.value[9], rows)


def differences(requests, redis, ours, version):
    """A line for every request whose replies differ, with a diff for the first of them."""
    requests = list(requests)
    plain = [request for request, _ in requests]
    different = []
    for (request, sort), wanted, got in zip(requests, redis.ask(plain), ours.ask(plain)):
        for reply in (wanted, got):
            if isinstance(reply.value, list):
                sort(reply)
        if wanted == got:
            continue
        lines = [f"RESP{version}, request: {' '.join(repr(word) for word in request)}"]
        if len(different) < MAX_DIFFS:
            diff = difflib.unified_diff(wanted.lines(), got.lines(), "redis-server", "table", lineterm="", n=4)
            lines += ["    " + line for line in list(diff)[:MAX_DIFF_LINES]]
        different.append("\n".join(lines))
    print(f"RESP{version}: {len(requests)} requests, {len(different)} differ")
    return different


class CommandTableTest(kt.TestCase):
    def setUp(self):
        self.server = self.start(kt.RedisServer())

    def compare(self, make_requests):
        """`make_requests` takes the rows (name and arity) and returns requests, each with its way of sorting."""
        different = []
        for version in (2, 3):
            child = subprocess.Popen([os.environ["KEYWAY_COMMAND_REPLIES"], str(version)],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self.addCleanup(child.kill)
            with self.server.client(timeout=60) as client, client.socket.makefile("rwb") as stream:
                redis, ours = Peer(stream, stream), Peer(child.stdout, child.stdin)
                redis.ask([["HELLO", str(version)]])
                rows = {}
                collect_rows(redis.ask([["COMMAND"]])[0], rows)
                different += differences(make_requests(rows), redis, ours, version)
            child.stdin.close()
            self.assertEqual(child.wait(timeout=20), 0)
            child.stdout.close()
        if different:
            self.fail(f"{len(different)} requests differ:\n" + "\n".join(different))

    def test_lists(self):
        with self.server.client() as client:
            categories = [name.decode() for name in client.value("ACL", "CAT")]
        self.compare(lambda rows: list_requests(categories))

    def test_rows(self):
        self.compare(row_requests)

    def test_lookup_errors(self):
        self.compare(lookup_requests)

    def test_getkeys(self):
        self.compare(lambda rows: getkeys_requests())

    def test_getkeys_of_random_calls(self):
        generator = random.Random(int(os.environ.get("KEYWAY_SEED", "7")))
        calls = int(os.environ.get("KEYWAY_CALLS", "60"))
        self.compare(lambda rows: random_getkeys_requests(rows, generator, calls))


if __name__ == "__main__":
    kt.main()
