"""Builds RDB files of versions 1 to 10, without any server: what each version could hold, at random.

    file = RdbFile(version=3, random=random.Random(1))
    file.database(0)
    file.key(b"k", rdb.STRING, file.string(b"v"), expiry_seconds=4102444800)
    data = file.finish()

    data = random_file(version=7, seed=1)
"""

import random as random_module
import struct

from keyway_testing import rdb

LIBRARY, CANDIDATE_LIBRARY, MODULE_AUX, IDLE, FREQUENCY, AUX, RESIZE, EXPIRY_MS, EXPIRY_SECONDS, DATABASE, END = range(0xF5, 0x100)
MODULE_2 = 7
FIRST_VERSION_WITH_CHECKSUM = 5
# The first version whose servers wrote a type.
FIRST_VERSION = {
    rdb.STRING: 1, rdb.LIST: 1, rdb.SET: 1, rdb.ZSET: 1, rdb.HASH: 1, rdb.HASH_ZIPMAP: 2, rdb.LIST_ZIPLIST: 2, rdb.SET_INTSET: 2,
    rdb.ZSET_ZIPLIST: 2, rdb.HASH_ZIPLIST: 4, rdb.LIST_QUICKLIST: 7, rdb.ZSET_2: 8, rdb.STREAM: 9, rdb.HASH_LISTPACK: 10,
    rdb.ZSET_LISTPACK: 10, rdb.LIST_QUICKLIST_2: 10, rdb.STREAM_2: 10,
}
# And the first whose servers wrote it no longer.
FIRST_VERSION_WITHOUT = {
    rdb.HASH_ZIPMAP: 4, rdb.LIST_ZIPLIST: 7, rdb.ZSET: 8, rdb.LIST_QUICKLIST: 10, rdb.ZSET_ZIPLIST: 10, rdb.HASH_ZIPLIST: 10,
    rdb.STREAM: 10, rdb.LIST: 7,
}


def types_of(version):
    return [each for each, first in FIRST_VERSION.items() if first <= version < FIRST_VERSION_WITHOUT.get(each, 11)]


def lzf(data):
    """`data`, at least 4 bytes, as LZF: runs of bytes seen up to 8 KB before become references, whether it gets smaller or not."""
    out, literal, at, seen = bytearray(), bytearray(), 0, {}

    def flush():
        for start in range(0, len(literal), 32):
            part = literal[start:start + 32]
            out.append(len(part) - 1)
            out.extend(part)
        literal.clear()

    while at < len(data):
        word = data[at:at + 3]
        before = seen.get(word) if len(word) == 3 else None
        seen[word] = at
        if before is None or at - before > 1 << 13:
            literal.append(data[at])
            at += 1
            continue
        size = 3
        while size < 264 and at + size < len(data) and data[before + size] == data[at + size]:
            size += 1
        flush()
        distance = at - before - 1
        if size - 2 < 7:
            out.append(size - 2 << 5 | distance >> 8)
        else:
            out.extend((7 << 5 | distance >> 8, size - 2 - 7))
        out.append(distance & 0xFF)
        at += size
    flush()
    return bytes(out)


def with_checksum(data):
    """A file, cut before its checksum, with one."""
    return data + rdb.crc64(data).to_bytes(8, "little")


class RdbFile:
    """`random` chooses among the ways to write the same."""

    def __init__(self, version, random):
        self.version = version
        self._random = random
        self._data = bytearray(b"REDIS%04d" % version)

    def raw(self, data):
        self._data += data

    def length(self, number):
        """In as few bytes as possible, or in more."""
        long = b"\x81" + number.to_bytes(8, "big")
        if number >= 1 << 32:
            return long
        ways = [rdb.length(number), b"\x80" + number.to_bytes(4, "big"), long]
        return self._random.choices(ways, [20, 1, 1 if self.version >= 8 else 0])[0]

    def string(self, data):
        if len(data) >= 21 and self._random.random() < 0.7:
            packed = lzf(data)
            return b"\xc3" + self.length(len(packed)) + self.length(len(data)) + packed
        number = int(data) if data.lstrip(b"-").isdigit() and len(data) < 12 else None
        if number is not None and b"%d" % number == data and self._random.random() < 0.8:
            for mark, size in ((0xC0, 1), (0xC1, 2), (0xC2, 4)):
                if -(1 << 8 * size - 1) <= number < 1 << 8 * size - 1:
                    return bytes([mark]) + number.to_bytes(size, "little", signed=True)
        return self.length(len(data)) + data

    def aux(self, name, value):
        self._data += bytes([AUX]) + self.string(name) + self.string(value)

    def library(self, code):
        self._data += bytes([LIBRARY]) + self.string(code)

    def candidate_library(self, name, engine, description, body):
        self._data += bytes([CANDIDATE_LIBRARY]) + self.string(name) + self.string(engine)
        self._data += self.length(0) if description is None else self.length(1) + self.string(description)
        self._data += self.string(body)

    def database(self, index, keys=None, expires=0):
        self._data += bytes([DATABASE]) + self.length(index)
        if keys is not None:
            self._data += bytes([RESIZE]) + self.length(keys) + self.length(expires)

    def key(self, name, value_type, value, expiry_seconds=None, expiry_ms=None, idle=None, frequency=None):
        if expiry_seconds is not None:
            self._data += bytes([EXPIRY_SECONDS]) + struct.pack("<i", expiry_seconds)
        if expiry_ms is not None:
            self._data += bytes([EXPIRY_MS]) + struct.pack("<q", expiry_ms)
        if idle is not None:
            self._data += bytes([IDLE]) + self.length(idle)
        if frequency is not None:
            self._data += bytes([FREQUENCY, frequency])
        self._data += bytes([value_type]) + self.string(name) + value

    def finish(self, checksum=True):
        data = bytes(self._data) + bytes([END])
        if self.version < FIRST_VERSION_WITH_CHECKSUM:
            return data
        return with_checksum(data) if checksum else data + bytes(8)


class Values:
    """Random values of each type, as `file` writes them."""

    def __init__(self, file, random):
        self._file = file
        self._random = random

    def text(self):
        kind = self._random.randrange(12)
        if kind < 3:
            return b"%d" % self._random.choice((self._random.randrange(-20, 20), self._random.randrange(-70000, 70000),
                                                self._random.randrange(-1 << 40, 1 << 40), self._random.randrange(-1 << 63, 1 << 63)))
        if kind == 3:
            return self._random.choice((b"", b"0", b"-0", b"01", b"1.5", b" 1", b"nan", b"9223372036854775808", b"\x00", b"\xff" * 3))
        if kind == 4:
            return self._random.randbytes(self._random.randrange(80))
        if kind == 5:
            return self._random.choice((b"ab", b"x", b"key:0")) * self._random.randrange(10, 200)
        if kind == 6 and self._random.randrange(4) == 0:
            return self._random.randbytes(7) * self._random.randrange(3000)
        return bytes(self._random.choices(b"abcdefghij", k=self._random.randrange(1, 30)))

    def _count(self):
        return self._random.choices((self._random.randrange(1, 8), self._random.randrange(1, 150), self._random.randrange(500, 530)), [8, 2, 1])[0]

    def _texts(self, count=None, small=False):
        """Different ones. `small`: short."""
        texts = {self.text()[:60] if small else self.text() for _ in range(self._count() if count is None else count)}
        return self._random.sample(sorted(texts), len(texts))

    def _packed(self, data):
        return self._file.string(data)

    def _ziplist_items(self, texts):
        return [int(text) if text.lstrip(b"-").isdigit() and b"%d" % int(text) == text and -1 << 63 <= int(text) < 1 << 63 else text for text in texts]

    def score(self):
        return self._random.choice((0.0, -0.0, 1.0, 1.5, -2.25, 1e100, -1e-7, 3.0, float("inf"), float("-inf"),
                                    self._random.uniform(-1e6, 1e6), float(self._random.randrange(-1000, 1000))))

    def _score_text(self):
        score = self.score()
        return {float("inf"): b"inf", float("-inf"): b"-inf"}.get(score, b"%.17g" % score)

    def make(self, value_type):
        name = {getattr(rdb, name): name for name in dir(rdb) if name.isupper() and isinstance(getattr(rdb, name), int)}[value_type]
        return getattr(self, "_" + name.lower())()

    def empty(self, value_type):
        """A collection without elements; None where there is no such thing."""
        pack = listpack([])
        ziplist = rdb.ziplist([])
        return {rdb.LIST: self._file.length(0), rdb.SET: self._file.length(0), rdb.ZSET: self._file.length(0), rdb.HASH: self._file.length(0),
                rdb.ZSET_2: self._file.length(0), rdb.LIST_ZIPLIST: self._packed(ziplist), rdb.ZSET_ZIPLIST: self._packed(ziplist),
                rdb.HASH_ZIPLIST: self._packed(ziplist), rdb.LIST_QUICKLIST: self._file.length(2) + self._packed(ziplist) * 2,
                rdb.HASH_LISTPACK: self._packed(pack), rdb.ZSET_LISTPACK: self._packed(pack),
                rdb.LIST_QUICKLIST_2: self._file.length(1) + self._file.length(2) + self._packed(pack)}.get(value_type)

    def _string(self):
        return self._file.string(self.text())

    def _list(self):
        items = [self.text() for _ in range(self._count())]
        return self._file.length(len(items)) + b"".join(map(self._file.string, items))

    def _set(self):
        items = self._texts() if self._random.randrange(2) else [b"%d" % number for number in self._integers()]
        return self._file.length(len(items)) + b"".join(map(self._file.string, items))

    def _integers(self):
        bits = self._random.choice((10, 15, 31, 63))
        return sorted({self._random.randrange(-1 << bits, 1 << bits) for _ in range(self._count())})

    def _zset(self):
        def text_score():
            text = self._score_text()
            return {b"inf": b"\xfe", b"-inf": b"\xff"}.get(text, rdb.text_double(text))
        items = self._texts()
        return self._file.length(len(items)) + b"".join(self._file.string(item) + text_score() for item in items)

    def _zset_2(self):
        items = self._texts()
        return self._file.length(len(items)) + b"".join(self._file.string(item) + struct.pack("<d", self.score()) for item in items)

    def _hash(self):
        items = self._texts()
        return self._file.length(len(items)) + b"".join(self._file.string(item) + self._file.string(self.text()) for item in items)

    def _hash_zipmap(self):
        return self._packed(rdb.zipmap([(field, self.text()[:self._random.choice((20, 300))]) for field in self._texts()], self._random.randrange(4)))

    def _list_ziplist(self):
        return self._packed(rdb.ziplist(self._ziplist_items([self.text() for _ in range(self._count())])))

    def _set_intset(self):
        numbers = self._integers()
        width = next(width for width in (2, 4, 8) if all(-(1 << 8 * width - 1) <= number < 1 << 8 * width - 1 for number in numbers))
        return self._packed(rdb.intset(numbers, self._random.choice([each for each in (2, 4, 8) if each >= width])))

    def _zset_pairs(self):
        # In the order of scores and then members, as a packed sorted set always is.
        pairs = sorted((self.score() + 0.0, member) for member in self._texts(small=True))
        return [item for score, member in pairs
                for item in (member, b"%d" % int(score) if abs(score) < 1e15 and score == int(score) else
                             {float("inf"): b"inf", float("-inf"): b"-inf"}.get(score, b"%.17g" % score))]

    def _hash_pairs(self):
        return [item for field in self._texts(small=True) for item in (field, self.text()[:60])]

    def _zset_ziplist(self):
        return self._packed(rdb.ziplist(self._ziplist_items(self._zset_pairs())))

    def _hash_ziplist(self):
        return self._packed(rdb.ziplist(self._ziplist_items(self._hash_pairs())))

    def _zset_listpack(self):
        return self._packed(listpack(self._zset_pairs()))

    def _hash_listpack(self):
        return self._packed(listpack(self._hash_pairs()))

    def _list_quicklist(self):
        nodes = [[self.text() for _ in range(self._random.choice((0, 1, 3, 40)))] for _ in range(self._random.randrange(1, 5))]
        nodes.append([self.text()])
        return self._file.length(len(nodes)) + b"".join(self._packed(rdb.ziplist(self._ziplist_items(node))) for node in nodes)

    def _list_quicklist_2(self):
        data, nodes = b"", self._random.randrange(1, 6)
        for _ in range(nodes):
            if self._random.randrange(4) == 0:
                data += self._file.length(1) + self._file.string(self.text() + b"plain")
            else:
                data += self._file.length(2) + self._packed(listpack([self.text() for _ in range(self._random.choice((1, 3, 40)))]))
        return self._file.length(nodes) + data

    def _stream(self):
        return self._any_stream(has_header_of_7=False)

    def _stream_2(self):
        return self._any_stream(has_header_of_7=True)

    def _id(self, ms, seq):
        return self._file.length(ms) + self._file.length(seq)

    def _any_stream(self, has_header_of_7):
        nodes, ids, ms, deleted_id = b"", [], self._random.randrange(1, 1 << 40), (0, 0)
        count = self._random.randrange(0, 4)
        for _ in range(count):
            first, fields = ms, [b"f%d" % i for i in range(self._random.randrange(1, 4))]
            entries, live, deleted = [], 0, 0
            for i in range(self._random.randrange(1, 12)):
                same, gone = self._random.randrange(2), i > 0 and self._random.randrange(5) == 0
                names = fields if same else [self.text()[:20] for _ in range(self._random.randrange(1, 3))]
                entry = [2 * same + gone, ms - first, 0]
                values = [self.text()[:100] for _ in names]
                entry += values if same else [len(names), *(item for pair in zip(names, values) for item in pair)]
                entries += [*entry, len(entry)]
                if gone:
                    deleted, deleted_id = deleted + 1, (ms, 0)
                else:
                    live += 1
                    ids.append((ms, 0))
                last, ms = ms, ms + self._random.randrange(1, 1000)
            nodes += self._file.string(rdb.stream_id(first, 0)) + self._packed(listpack([live, deleted, len(fields), *fields, 0, *entries]))
        last_id = (last, 0) if count else (self._random.randrange(100), 1)
        data = self._file.length(count) + nodes + self._file.length(len(ids)) + self._id(*last_id)
        if has_header_of_7:
            first_id = ids[0] if ids else (0, 0)
            data += self._id(*first_id) + self._id(*deleted_id) + self._file.length(len(ids) + self._random.randrange(50))
        names = [b"group%d" % i for i in range(self._random.randrange(3))]
        data += self._file.length(len(names))
        for name in names:
            data += self._group(name, ids, last_id, has_header_of_7)
        return data

    def _group(self, name, ids, last_id, has_header_of_7):
        at = self._random.choice([*ids, last_id, (0, 0)])
        data = self._file.string(name) + self._id(*at)
        if has_header_of_7:
            data += self._file.length(self._random.randrange(10)) if self._random.randrange(3) else b"\x81" + b"\xff" * 8
        pending = [each for each in ids if each <= at and self._random.randrange(2)]
        data += self._file.length(len(pending))
        for ms, seq in pending:
            data += rdb.stream_id(ms, seq) + struct.pack("<q", 1_600_000_000_000) + self._file.length(self._random.randrange(1, 9))
        consumers = [b"consumer%d" % i for i in range(self._random.randrange(1 if pending else 0, 3))]
        data += self._file.length(len(consumers))
        for i, consumer in enumerate(consumers):
            own = pending[i::len(consumers)]
            data += self._file.string(consumer) + struct.pack("<q", 1_600_000_000_000) + self._file.length(len(own))
            data += b"".join(rdb.stream_id(*each) for each in own)
        return data


def listpack(items):
    """`items`: integers, or bytes, which are stored as integers where they read as one."""
    data = bytearray()
    for item in items:
        text = b"%d" % item if isinstance(item, int) else item
        number = int(text) if text.lstrip(b"-").isdigit() and len(text) < 21 else None
        if number is None or b"%d" % number != text or not -1 << 63 <= number < 1 << 63:
            size = len(text)
            entry = (bytes([0x80 | size]) if size < 64 else bytes([0xE0 | size >> 8, size & 0xFF]) if size < 4096 else
                     b"\xf0" + size.to_bytes(4, "little")) + text
        elif 0 <= number < 128:
            entry = bytes([number])
        elif -4096 <= number < 4096:
            entry = bytes([0xC0 | (number & 0x1FFF) >> 8, number & 0xFF])
        else:
            mark, size = next((mark, size) for mark, size in ((0xF1, 2), (0xF2, 3), (0xF3, 4), (0xF4, 8))
                              if -(1 << 8 * size - 1) <= number < 1 << 8 * size - 1)
            entry = bytes([mark]) + number.to_bytes(size, "little", signed=True)
        # The length backwards: 7 bits a byte, the highest ones first, all but the first byte marked.
        back, left = [len(entry) & 127], len(entry) >> 7
        while left:
            back.append(left & 127 | 0)
            left >>= 7
        back = [byte | 128 for byte in back[:-1]] + back[-1:]
        data += entry + bytes(reversed(back))
    return (7 + len(data)).to_bytes(4, "little") + min(len(items), 65535).to_bytes(2, "little") + bytes(data) + b"\xff"


def random_file(version, seed, keys=12, types=None, with_empty=False, lfu=False):
    """A whole file of that version. `types`: only these. `with_empty`: with collections of no elements, too."""
    random = random_module.Random(seed)
    file = RdbFile(version, random)
    values = Values(file, random)
    if version >= 7:
        file.aux(b"redis-ver", b"%d.0.0" % (version - 4))
        file.aux(b"redis-bits", b"64")
        file.aux(b"ctime", b"1500000000")
        file.aux(b"used-mem", b"1048576")
        file.aux(b"of-nobody", b"x" * 40)
    if version == 10:
        for i in range(random.randrange(3)):
            body = b"redis.register_function('f%d', function(keys, args) return %d end)" % (i, i)
            if random.randrange(2):
                file.library(b"#!lua name=lib%d\n" % i + body)
            else:
                file.candidate_library(b"lib%d" % i, b"LUA", random.choice((None, b"described")), body)
    number = 0
    for database in sorted(random.sample(range(16), random.randrange(1, 4))):
        file.database(database, *((keys, keys // 2) if version >= 7 else ()))
        for _ in range(keys):
            value_type = random.choice(types or types_of(version))
            use = {}
            if random.randrange(3) == 0:
                if version < 3 or random.randrange(4) == 0:
                    use["expiry_seconds"] = random.choice((1_000_000, 2_100_000_000, 2_147_483_647, -5))
                else:
                    use["expiry_ms"] = random.choice((1, 1_600_000_000_000, 4_102_444_800_123, 1 << 45, 0, -1, -2))
            if version >= 9 and random.randrange(2):
                use.update({"frequency": random.randrange(256)} if lfu else {"idle": random.choice((0, 5, 1000, 1 << 20))})
            empty = values.empty(value_type) if with_empty and random.randrange(4) == 0 else None
            number += 1
            file.key(b"key:%d:%d" % (number, value_type), value_type, values.make(value_type) if empty is None else empty, **use)
    return file.finish(checksum=random.randrange(4) != 0)
