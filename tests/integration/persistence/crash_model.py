"""What one connection has asked for and what must be there of it: a model of its keys, and random units that change them.

A unit is what the append-only file keeps whole: one command, a transaction, a script. Its effect is known exactly, but for
what the server chooses (the element of SPOP, the id of XADD *, the time at which a key expires): these the reply tells, and
without a reply any choice will do.
"""

import dataclasses

# A command sees the clock of the server at its begin, rounded to milliseconds.
_CLOCK_SLACK_MS = 5

LIBRARY = b"""#!lua name=crashlib
redis.register_function('bump', function(keys, args)
  redis.call('INCRBY', keys[1], 3)
  return redis.call('RPUSH', keys[2], args[1])
end)
"""
_SCRIPT = b"""
redis.call('INCR', KEYS[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('RPUSH', KEYS[3], ARGV[1])
if #redis.call('LRANGE', KEYS[3], 0, -1) > 20 then redis.call('LTRIM', KEYS[3], -5, -1) end
redis.call('SET', KEYS[4], ARGV[2], 'PX', 90000)
return 'x'
"""


@dataclasses.dataclass
class Volatile:
    """A string that expires between two times, both milliseconds since 1970."""
    value: bytes
    first: int
    last: int


@dataclasses.dataclass
class Popped:
    """A set that has lost some of its elements, nobody knows which."""
    elements: frozenset
    lost: int = 0


@dataclasses.dataclass
class Stream:
    """Entries [id or None, fields]; a group that has been given the first `given` of them ever added."""
    entries: tuple = ()
    group: tuple = None  # ids of what is pending


@dataclasses.dataclass
class Unit:
    """`changes`: functions (keys, reply, first_ms, last_ms), one for each reply that `replies_of` finds."""
    commands: list
    changes: list
    transaction: bool = False
    sent_ms: int = 0
    acked_ms: int = 0
    replies: list = None

    def acknowledge(self, replies, now_ms):
        self.acked_ms = now_ms
        self.replies = replies[-1] if self.transaction else replies

    def apply(self, keys, end_ms):
        """Changes `keys`; `end_ms`: when the server ended, if there was no reply."""
        for i, change in enumerate(self.changes):
            reply = self.replies[i] if self.replies is not None else None
            change(keys, reply, self.sent_ms - _CLOCK_SLACK_MS, (self.acked_ms or end_ms) + _CLOCK_SLACK_MS)


def flush_unit():
    """FLUSHALL, as one connection's keys see it."""
    return Unit([], [lambda keys, *_: keys.clear()])


def fits(expected, actual, before_ms, after_ms):
    """Whether what was read between two times may be what the model says; None: no such key. `actual` is as `read_keys`
    returns it."""
    if isinstance(expected, Volatile):
        if actual is None:
            return after_ms >= expected.first
        return actual[0] == "string" and actual[1] == expected.value and before_ms <= expected.last and \
            expected.first <= actual[2] <= expected.last
    if expected is None or actual is None:
        return expected is None and actual is None
    kind, value, expiry = actual
    if expiry != -1:
        return False
    if isinstance(expected, Popped):
        return kind == "set" and value <= expected.elements and len(value) == len(expected.elements) - expected.lost
    if isinstance(expected, Stream):
        entries, group = value if kind == "stream" else ((), None)
        return kind == "stream" and group == expected.group and len(entries) == len(expected.entries) and all(
            known[1] == found[1] and known[0] in (None, found[0]) for known, found in zip(expected.entries, entries))
    names = {bytes: "string", tuple: "list", dict: "hash", frozenset: "set", Scores: "zset"}
    return kind == names[type(expected)] and value == expected


def settle(keys, actual):
    """Takes over what the server has chosen, as far as nobody knew."""
    for key, expected in list(keys.items()):
        if isinstance(expected, Volatile):
            if key in actual:
                expected.first = expected.last = actual[key][2]
            else:
                del keys[key]
        elif isinstance(expected, Popped):
            keys[key] = Popped(actual[key][1])
        elif isinstance(expected, Stream):
            keys[key] = Stream(*actual[key][1])


class Scores(dict):
    """A sorted set: score by member."""


def read_keys(client):
    """All keys of the client's database: {key: (type, value, PEXPIRETIME)}."""
    names = client.value("KEYS", "*")
    kinds = [reply[1:-2].decode() for reply in client.pipeline([("TYPE", name) for name in names])]
    reads = {"string": ("GET",), "list": ("LRANGE", 0, -1), "hash": ("HGETALL",), "set": ("SMEMBERS",),
             "zset": ("ZRANGE", 0, -1, "WITHSCORES"), "stream": ("XRANGE", "-", "+")}
    requests = []
    for name, kind in zip(names, kinds):
        if kind != "none":
            requests += [("PEXPIRETIME", name), (reads[kind][0], name, *reads[kind][1:])]
            requests.append(("XINFO", "GROUPS", name) if kind == "stream" else ("PING",))
            requests.append(("XPENDING", name, "g", "-", "+", 1000) if kind == "stream" else ("PING",))
    from keyway_testing import parse
    replies = iter([parse(reply) for reply in client.pipeline(requests)])
    found = {}
    for name, kind in zip(names, kinds):
        if kind == "none":
            continue
        expiry, value, groups, pending = next(replies), next(replies), next(replies), next(replies)
        if kind == "list":
            value = tuple(value)
        elif kind == "hash":
            value = dict(zip(value[::2], value[1::2]))
        elif kind == "set":
            value = frozenset(value)
        elif kind == "zset":
            value = Scores(zip(value[::2], map(float, value[1::2])))
        elif kind == "stream":
            entries = tuple((entry[0], tuple(entry[1])) for entry in value)
            value = (entries, tuple(item[0] for item in pending) if groups else None)
        if value is not None:  # nil: it has just expired
            found[name] = (kind, value, expiry)
    return found


class Units:
    """Makes random units; every one has a number of its own, which it leaves in what it writes."""

    def __init__(self, random):
        self.random = random
        self.number = 0
        makers = [name for name in dir(self) if name.startswith("_make_")]
        self.makers = [getattr(self, name) for name in makers]

    def next(self):
        self.number += 1
        chance = self.random.random()
        if chance < 0.15:
            return self._transaction()
        if chance < 0.22:
            return self._script()
        if chance < 0.26:
            return self._function()
        if chance < 0.265:
            return Unit([("FLUSHDB",) if chance < 0.262 else ("FLUSHDB", "ASYNC")], [lambda keys, *_: keys.clear()])
        command, change = self.random.choice(self.makers)()
        return Unit([command], [change])

    def _transaction(self):
        inner = []
        for _ in range(self.random.randint(1, 6)):
            self.number += 1
            inner.append(self.random.choice(self.makers)())
        commands = [("MULTI",), *(command for command, _ in inner), ("EXEC",)]
        return Unit(commands, [change for _, change in inner], transaction=True)

    def _script(self):
        names = (b"c0", b"h0", b"l3", b"x9")
        field, value = b"script%d" % (self.number % 7), self._value()

        def change(keys, _, first, last):
            _increment(keys, names[0], 1)
            keys[names[1]] = {**keys.get(names[1], {}), field: value}
            items = keys.get(names[2], ()) + (field,)
            keys[names[2]] = items[-5:] if len(items) > 20 else items
            keys[names[3]] = Volatile(value, first + 90000, last + 90000)

        return Unit([("EVAL", _SCRIPT, len(names), *names, field, value)], [change])

    def _function(self):
        item = self._value()

        def change(keys, *_):
            _increment(keys, b"c1", 3)
            keys[b"l2"] = keys.get(b"l2", ()) + (item,)

        return Unit([("FCALL", "bump", 2, "c1", "l2", item)], [change])

    def _value(self):
        tag = b"%d\r\n\x00" % self.number
        size = self.random.choice((0, 0, 3, 30, 30, 300, 3000)) if self.random.random() < 0.99 else 60000
        return tag + self.random.randbytes(size)

    def _key(self, letter, count=2):
        return b"%c%d" % (ord(letter), self.random.randrange(count))

    # Each: (command, change).

    def _make_set(self):
        key, value = self._key("s"), self._value()
        return ("SET", key, value), lambda keys, *_: keys.update({key: value})

    def _make_append(self):
        key, value = self._key("a"), self._value()
        if self.random.random() < 0.2:
            return ("DEL", key), lambda keys, *_: keys.pop(key, None)
        return ("APPEND", key, value), lambda keys, *_: keys.update({key: keys.get(key, b"") + value})

    def _make_copy(self):
        source, target = b"s0", b"s5"

        def change(keys, *_):
            if source in keys:
                keys[target] = keys[source]

        return ("COPY", source, target, "REPLACE"), change

    def _make_getdel(self):
        key = self._key("s")
        return ("GETDEL", key), lambda keys, *_: keys.pop(key, None)

    def _make_increment(self):
        key, amount = self._key("c"), self.random.randint(1, 9)
        return ("INCRBY", key, amount), lambda keys, *_: _increment(keys, key, amount)

    def _make_increment_float(self):
        def change(keys, *_):
            keys[b"f"] = (b"%.1f" % (float(keys.get(b"f", b"0")) + 0.5)).removesuffix(b".0")

        return ("INCRBYFLOAT", "f", "0.5"), change

    def _make_expiring(self):
        key, value = self._key("x", 3), self._value()
        lifetime = self.random.choice((1, 20, 100, 500, 2000, 60000))
        return ("SET", key, value, "PX", lifetime), \
            lambda keys, _, first, last: keys.update({key: Volatile(value, first + lifetime, last + lifetime)})

    def _make_expire_later(self):
        key = b"x8"  # always lives long, so that it is surely there

        def change(keys, _, first, last):
            if key in keys:
                keys[key] = Volatile(keys[key].value, first + 70000, last + 70000)

        if self.random.random() < 0.5:
            return ("PEXPIRE", key, 70000), change
        value = self._value()
        return ("SETEX", key, 80, value), \
            lambda keys, _, first, last: keys.update({key: Volatile(value, first + 80000, last + 80000)})

    def _make_push(self):
        key, items = self._key("l"), tuple(self._value() for _ in range(self.random.randint(1, 3)))
        if self.random.random() < 0.5:
            return ("RPUSH", key, *items), lambda keys, *_: keys.update({key: keys.get(key, ()) + items})
        return ("LPUSH", key, *items), lambda keys, *_: keys.update({key: items[::-1] + keys.get(key, ())})

    def _make_pop(self):
        key, count = self._key("l", 3), self.random.randint(1, 4)

        def change(keys, *_):
            _store(keys, key, keys.get(key, ())[count:])

        return ("LPOP", key, count), change

    def _make_blocking_pop(self):
        def change(keys, *_):
            _store(keys, b"l0", keys.get(b"l0", ())[:-1])

        return ("BRPOP", "l0", "0.001"), change

    def _make_move(self):
        def change(keys, *_):
            items = keys.get(b"l0", ())
            if items:
                _store(keys, b"l0", items[1:])
                keys[b"l1"] = keys.get(b"l1", ()) + items[:1]

        return ("LMOVE", "l0", "l1", "LEFT", "RIGHT"), change

    def _make_trim(self):
        key = self._key("l", 3)
        return ("LTRIM", key, 0, 7), lambda keys, *_: _store(keys, key, keys.get(key, ())[:8])

    def _make_hash(self):
        key, field, value = self._key("h"), b"f%d" % self.random.randrange(9), self._value()
        if self.random.random() < 0.3:
            return ("HDEL", key, field), \
                lambda keys, *_: _store(keys, key, {f: v for f, v in keys.get(key, {}).items() if f != field})
        return ("HSET", key, field, value), lambda keys, *_: keys.update({key: {**keys.get(key, {}), field: value}})

    def _make_hash_float(self):
        def change(keys, *_):
            fields = keys.get(b"hf", {})
            value = (b"%.1f" % (float(fields.get(b"f", b"0")) + 2.5)).removesuffix(b".0")
            keys[b"hf"] = {**fields, b"f": value}

        return ("HINCRBYFLOAT", "hf", "f", "2.5"), change

    def _make_set_add(self):
        key, items = self._key("t"), frozenset(b"%d" % (self.number * 4 + i) for i in range(self.random.randint(1, 4)))
        if self.random.random() < 0.1:
            return ("UNLINK", key), lambda keys, *_: keys.pop(key, None)
        return ("SADD", key, *items), lambda keys, *_: keys.update({key: keys.get(key, frozenset()) | items})

    def _make_set_store(self):
        def change(keys, *_):
            _store(keys, b"t5", keys.get(b"t0", frozenset()) - keys.get(b"t1", frozenset()))

        return ("SDIFFSTORE", "t5", "t0", "t1"), change

    def _make_popped(self):
        if self.random.random() < 0.5:
            items = frozenset(b"p%d" % (self.number * 4 + i) for i in range(3))

            def add(keys, *_):
                known = keys.get(b"p", Popped(frozenset()))
                keys[b"p"] = Popped(known.elements | items, known.lost)

            return ("SADD", "p", *items), add

        def pop(keys, reply, *_):
            known = keys.get(b"p")
            if known is None:
                assert reply is None, f"SPOP of nothing gave {reply!r}"
            elif reply is None:
                _store_popped(keys, Popped(known.elements, known.lost + 1))
            elif known.lost:  # it may have been any of those
                _store_popped(keys, Popped(known.elements - {reply}, known.lost))
            else:
                assert reply in known.elements, f"SPOP gave {reply!r}"
                _store_popped(keys, Popped(known.elements - {reply}))

        return ("SPOP", "p"), pop

    def _make_scores(self):
        key, member = self._key("z"), b"m%d" % self.random.randrange(12)
        score = self.number * 0.5
        if self.random.random() < 0.3:
            return ("ZINCRBY", key, score, member), \
                lambda keys, *_: keys.update({key: Scores({**keys.get(key, {}), member: keys.get(key, {}).get(member, 0.0) + score})})
        return ("ZADD", key, score, member), \
            lambda keys, *_: keys.update({key: Scores({**keys.get(key, {}), member: score})})

    def _make_pop_lowest(self):
        key = self._key("z")

        def change(keys, *_):
            scores = keys.get(key, {})
            lowest = min(scores, key=lambda member: (scores[member], member), default=None)
            _store(keys, key, Scores((m, s) for m, s in scores.items() if m != lowest))

        return ("ZPOPMIN", key), change

    def _make_stream(self):
        fields = (b"n", b"%d" % self.number, b"v", self._value())

        def change(keys, reply, *_):
            known = keys.get(b"e", Stream())
            keys[b"e"] = Stream((known.entries + ((reply, fields),))[-9:])

        return ("XADD", "e", "MAXLEN", 9, "*", *fields), change

    def _make_group(self):
        name, entry = b"g", b"%d-1" % self.number
        chance = self.random.random()
        if chance < 0.1:
            # MKSTREAM on one that is there fails: removed first, as one more unit of its own.
            return ("DEL", name), lambda keys, *_: keys.pop(name, None)
        fields = (b"f", self._value())
        if chance < 0.6:

            def add(keys, *_):
                known = keys.get(name, Stream())
                keys[name] = Stream(known.entries + ((entry, fields),), known.group)

            return ("XADD", name, entry, *fields), add

        def read(keys, *_):
            known = keys.get(name)
            if known is None:
                keys[name] = Stream((), ())
            elif known.group is None:
                keys[name] = Stream(known.entries, tuple(item[0] for item in known.entries))
            elif chance < 0.7:
                keys[name] = Stream(known.entries, ())
            else:
                keys[name] = Stream(known.entries, tuple(item[0] for item in known.entries))

        # All steps that depend on what is there, in one unit.
        script = b"""
            if redis.call('EXISTS', KEYS[1]) == 0 then
              redis.call('XGROUP', 'CREATE', KEYS[1], 'g', '$', 'MKSTREAM')
              return
            end
            if #redis.call('XINFO', 'GROUPS', KEYS[1]) == 0 then redis.call('XGROUP', 'CREATE', KEYS[1], 'g', '0')
            else redis.call('XGROUP', 'SETID', KEYS[1], 'g', '0') end
            for _, item in ipairs(redis.call('XPENDING', KEYS[1], 'g', '-', '+', 1000)) do
              redis.call('XACK', KEYS[1], 'g', item[1])
            end
            if ARGV[1] == 'give' or #redis.call('XPENDING', KEYS[1], 'g', '-', '+', 1) > 0 then
              redis.call('XREADGROUP', 'GROUP', 'g', 'consumer', 'STREAMS', KEYS[1], '>')
            end"""
        if chance < 0.7:

            def acknowledge(keys, *_):
                known = keys.get(name)
                keys[name] = Stream((), ()) if known is None else Stream(known.entries, ())

            return ("EVAL", script, 1, name, "none"), acknowledge
        return ("EVAL", script, 1, name, "give"), read


def _increment(keys, key, amount):
    keys[key] = b"%d" % (int(keys.get(key, b"0")) + amount)


def _store(keys, key, value):
    if value:
        keys[key] = value
    else:
        keys.pop(key, None)


def _store_popped(keys, value):
    if len(value.elements) > value.lost:
        keys[b"p"] = value
    else:
        keys.pop(b"p", None)
