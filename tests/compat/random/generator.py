"""Random requests over the commands that are compared: valid ones mostly, wrong ones often enough.

A request is a tuple of bytes. All requests of one generator come from its seed. Keys are few, so that commands meet
each other's results.

Strings and keys are here; every other family has a file <family>_requests.py with

    class ListRequests:                  # mixed into Generator: methods that return one request each
    COMMANDS = [(ListRequests.push, 10), ...]            # with their weights
    UNORDERED = {b"SMEMBERS": "elements", ...}           # where Redis gives no order: "elements" or "pairs"

and, if need be, the other tables below; it is named in FAMILIES.
"""

import importlib
import random

# Modules of this folder: a class, its commands, and what has no order. One line a family.
FAMILIES = [
    "dump_requests",
    "hyperloglog_requests",
    "bitmap_requests",
    "stream_requests",
    "transactions_requests",
    "list_requests",
    "hash_requests",
    "set_requests",
    "zset_requests",
    "geo_requests",
    "pubsub_requests",
    "scripting_requests",
]
_MODULES = [importlib.import_module(name) for name in FAMILIES]
_MIXINS = tuple(value for module in _MODULES for name, value in vars(module).items()
                if name.endswith("Requests") and value.__module__ == module.__name__)

# Commands whose replies have no order, and what of them has none.
UNORDERED = {b"KEYS": "elements"}
# Commands whose replies have times that a server measures: functions that take a reply and leave these out.
TIMELESS = {}
# Commands that without one of their arguments answer by chance.
BY_CHANCE = set()
# Commands whose last arguments are keys, as many as there are.
KEYS_LAST = set()
for _module in _MODULES:
    KEYS_LAST.update(getattr(_module, "KEYS_LAST", ()))
    BY_CHANCE.update(getattr(_module, "BY_CHANCE", ()))
    UNORDERED.update(getattr(_module, "UNORDERED", {}))
    TIMELESS.update(getattr(_module, "TIMELESS", {}))

_INTEGERS = [b"0", b"1", b"-1", b"5", b"42", b"10000", b"9999", b"9223372036854775807", b"-9223372036854775808",
             b"9223372036854775808", b"1.5", b"3.0e3", b" 1", b"1 ", b"01", b"+1", b"", b"abc", b"-0", b"nan", b"inf"]
_BAD_TIMES = [b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"9223372036854775", b"1.5", b" 1", b"", b"abc"]
_OPTIONS = [b"NX", b"XX", b"GET", b"EX", b"PX", b"KEEPTTL", b"COUNT", b"MATCH", b"GT", b"LT", b"ABC", b""]


def _commands_of(family):
    """The commands of one family, "string" for those of this file."""
    if family == "string":
        return Generator.STRING_COMMANDS
    return importlib.import_module(f"{family}_requests").COMMANDS


class Generator(*_MIXINS):
    """`one_slot`: every key lies in the same slot, so that a cluster node or a proxy accepts any combination; then `tag` chooses it.
    `databases`: whether there are several. `families`: only these, as "list" for list_requests.py."""

    def __init__(self, seed, one_slot=False, databases=True, families=None, tag="t"):
        if families is not None:
            self.COMMANDS = [row for name in families for row in _commands_of(name)]
        self.random = random.Random(seed)
        self.databases = databases
        self.pair_commands = [b"MSET", b"MSET", b"MSETNX"]
        self.one_slot = one_slot
        self.prefix = b"{%s}" % tag.encode() if one_slot else b""
        names = [f"k{i}" for i in range(12)] + ["", "a b", "key:\r\n", "\x00\xff"]
        self.keys = [self.prefix + name.encode("latin-1") for name in names]

    def is_possible(self, request):
        """Whether the servers that are compared can both answer it. A subclass may know better."""
        del request
        return True

    # Parts of requests.

    def key(self):
        return self.random.choice(self.keys)

    def some_keys(self, least=1, most=5):
        return [self.key() for _ in range(self.random.randint(least, most))]

    def value(self):
        kind = self.random.random()
        if kind < 0.4:
            return str(self.random.randint(-100, 100000)).encode()
        if kind < 0.5:
            return self.random.choice(_INTEGERS)
        if kind < 0.6:
            return b"%.3f" % self.random.uniform(-1000, 1000)
        length = self.random.choice([0, 1, 5, 20, 43, 44, 45, 64, 200, 3000])
        alphabet = b"abc" if self.random.random() < 0.5 else bytes(range(256))
        return bytes(self.random.choice(alphabet) for _ in range(length))

    def integer(self, low=-10, high=60):
        if self.random.random() < 0.08:
            return self.random.choice(_INTEGERS)
        return str(self.random.randint(low, high)).encode()

    def seconds(self):
        """Far from now in either direction, and hardly ever twice the same, so that no comparison (GT, LT) hangs on the
        millisecond in which a server executes it."""
        if self.random.random() < 0.1:
            return self.random.choice(_BAD_TIMES)
        return str(self.random.choice([-5, 0, self.random.randint(1000, 10**9)])).encode()

    def milliseconds(self):
        if self.random.random() < 0.1:
            return self.random.choice(_BAD_TIMES)
        return str(self.random.choice([-5, 0, self.random.randint(10**6, 10**12)])).encode()

    def case(self, word):
        return word if self.random.random() < 0.8 else word.lower()

    def noise(self, request):
        """Now and then drops, repeats or adds an argument."""
        request = list(request)
        one_reply_only = request[0].upper().endswith(b"SUBSCRIBE")
        if self.random.random() < 0.04 and request[0] not in BY_CHANCE and not one_reply_only:
            what = self.random.random()
            # In one slot, no option may come to stand where a key does.
            at = len(request) - 1 if self.one_slot else self.random.randrange(len(request))
            if what < 0.4 and len(request) > 1:
                del request[max(at, 1)]
            elif what < 0.7:
                key_follows = self.one_slot and request[0] in KEYS_LAST
                request.insert(at + 1, self.key() if key_follows else self.random.choice(_OPTIONS))
            else:
                request.insert(at + 1, request[at])
        return tuple(request)

    # Requests, one method a family.

    def set(self):
        request = [b"SET", self.key(), self.value()]
        for _ in range(self.random.choice([0, 0, 0, 1, 1, 2, 3])):
            option = self.random.choice([b"NX", b"XX", b"GET", b"KEEPTTL", b"EX", b"PX", b"EXAT", b"PXAT"])
            request.append(self.case(option))
            if option in (b"EX", b"PX"):
                request.append(self.seconds() if option == b"EX" else self.milliseconds())
            elif option in (b"EXAT", b"PXAT"):
                # Redis keeps a key that is set with a time in the past until it comes across it; DBSIZE would differ.
                far = 10**11 if option == b"EXAT" else 10**14
                request.append(self.random.choice([b"0", b"-3", b"x", str(far + self.random.randint(0, 10**9)).encode()]))
        return request

    def getex(self):
        request = [b"GETEX", self.key()]
        option = self.random.choice([b"", b"PERSIST", b"EX", b"PX", b"EXAT", b"PXAT"])
        if option:
            request.append(option)
        if option and option != b"PERSIST":
            request.append(self.milliseconds() if option == b"PX" else self.seconds())
        return request

    def simple_read(self):
        name = self.random.choice([b"GET", b"GET", b"GET", b"STRLEN", b"TYPE", b"PTTL", b"TTL", b"EXPIRETIME", b"PEXPIRETIME"])
        return [name, self.key()]

    def simple_write(self):
        return [self.random.choice([b"GETDEL", b"PERSIST", b"INCR", b"DECR"]), self.key()]

    def two(self):
        name = self.random.choice([b"GETSET", b"SETNX", b"APPEND", b"INCRBYFLOAT", b"INCRBY", b"DECRBY"])
        number = name in (b"INCRBY", b"DECRBY", b"INCRBYFLOAT") and self.random.random() < 0.7
        return [name, self.key(), self.integer(-1000, 1000) if number else self.value()]

    def setex(self):
        name = self.random.choice([b"SETEX", b"PSETEX"])
        return [name, self.key(), self.seconds() if name == b"SETEX" else self.milliseconds(), self.value()]

    def ranges(self):
        name = self.random.choice([b"GETRANGE", b"SUBSTR", b"SETRANGE"])
        if name == b"SETRANGE":
            return [name, self.key(), self.integer(-2, 300), self.value()]
        return [name, self.key(), self.integer(-50, 50), self.integer(-50, 50)]

    def lcs(self):
        request = [b"LCS", self.key(), self.key()]
        for option in (b"LEN", b"IDX", b"WITHMATCHLEN", b"MINMATCHLEN"):
            if self.random.random() < 0.3:
                request.append(option)
                if option == b"MINMATCHLEN":
                    request.append(self.integer(0, 4))
        return request

    def many_keys(self):
        name = self.random.choice([b"MGET", b"MGET", b"DEL", b"UNLINK", b"EXISTS", b"TOUCH"])
        return [name, *self.some_keys()]

    def many_pairs(self):
        request = [self.random.choice(self.pair_commands)]
        for key in self.some_keys(1, 4):
            request += [key, self.value()]
        return request

    def expire(self):
        name = self.random.choice([b"EXPIRE", b"PEXPIRE", b"EXPIREAT", b"PEXPIREAT"])
        when = self.milliseconds() if name == b"PEXPIRE" else self.seconds()
        if name in (b"EXPIREAT", b"PEXPIREAT"):
            when = self.random.choice([b"1", b"-5", b"99999999999", b"9999999999999", str(10**13 + self.random.randint(0, 10**9)).encode()])
        request = [name, self.key(), when]
        for _ in range(self.random.choice([0, 0, 0, 1, 2])):
            request.append(self.case(self.random.choice([b"NX", b"XX", b"GT", b"LT"])))
        return request

    def rename(self):
        name = self.random.choice([b"RENAME", b"RENAMENX", b"COPY", b"COPY"])
        request = [name, self.key(), self.key()]
        if name == b"COPY" and self.random.random() < 0.5:
            request.append(b"REPLACE")
        if name == b"COPY" and self.databases and self.random.random() < 0.3:
            request += [b"DB", self.integer(0, 3)]
        return request

    def object(self):
        return [b"OBJECT", self.random.choice([b"ENCODING", b"REFCOUNT", b"FREQ", b"ENCODING"]), self.key()]

    def keyspace(self):
        return self.random.choice([
            [b"DBSIZE"], [b"KEYS", b"*"], [b"KEYS", b"*k[1-5]"], [b"KEYS", b"*k?"], [b"KEYS", b"[^a]*"],
            [b"SCAN", b"0", b"COUNT", b"1000"], [b"SCAN", b"0", b"MATCH", b"*k1*", b"COUNT", b"1000"],
            [b"SCAN", b"0", b"TYPE", b"string", b"COUNT", b"1000"], [b"SCAN", b"0", b"TYPE", b"list", b"COUNT", b"1000"],
            [b"SCAN", b"x"], [b"SCAN", b"0", b"COUNT", b"0"], [b"SCAN", b"0", b"COUNT", b"x"], [b"SCAN", b"0", b"ABC"],
        ])

    def rare(self):
        choices = [[b"FLUSHDB"], [b"FLUSHALL", b"ASYNC"], [b"FLUSHALL", b"SYNC"], [b"FLUSHALL", b"ABC"], [b"NOSUCH", b"a"],
                   [b"OBJECT", b"NOSUCH", b"a"], [b"PING"], [b"PING", self.value()], [b"ECHO", self.value()], [b"GET"],
                   [b"CLIENT", b"GETNAME"], [b"CLIENT", b"SETNAME", b"a b"], [b"SELECT", b"abc"]]
        if self.databases:
            choices += [[b"SELECT", self.integer(0, 3)], [b"MOVE", self.key(), self.integer(0, 3)],
                        [b"SWAPDB", self.integer(0, 2), self.integer(0, 2)]]
        return self.random.choice(choices)

    STRING_COMMANDS = [(set, 20), (getex, 4), (simple_read, 14), (simple_write, 10), (two, 14), (setex, 4), (ranges, 8), (lcs, 2),
                (many_keys, 8), (many_pairs, 6), (expire, 10), (rename, 6), (object, 5), (keyspace, 3), (rare, 1)]
    COMMANDS = STRING_COMMANDS + [row for module in _MODULES for row in module.COMMANDS]

    def request(self):
        # In RESP2 a subscriber is refused almost everything: it does not stay one for long.
        if self._listens_to is not None and self.random.random() < 0.5:
            return tuple(self.subscription())
        methods, weights = zip(*self.COMMANDS)
        return self.noise(self.random.choices(methods, weights)[0](self))
