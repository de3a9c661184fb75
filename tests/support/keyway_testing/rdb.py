"""Builds values as RDB files and DUMP payloads have them, those that no server of today writes included.

    payload(LIST, length(2) + string(b"a") + string(b"b"))     # what RESTORE takes
"""

STRING, LIST, SET, ZSET, HASH, ZSET_2 = 0, 1, 2, 3, 4, 5
HASH_ZIPMAP, LIST_ZIPLIST, SET_INTSET, ZSET_ZIPLIST, HASH_ZIPLIST, LIST_QUICKLIST, STREAM = 9, 10, 11, 12, 13, 14, 15
HASH_LISTPACK, ZSET_LISTPACK, LIST_QUICKLIST_2, STREAM_2 = 16, 17, 18, 19

_POLYNOMIAL = 0x95AC9329AC4BC9B5


def _table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _table()


def crc64(data):
    crc = 0
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc


def with_footer(body, version=10):
    """`body` with the version and checksum that DUMP puts behind it."""
    body += version.to_bytes(2, "little")
    return body + crc64(body).to_bytes(8, "little")


def body_of(dump):
    return dump[:-10]


def payload(value_type, data, version=10):
    return with_footer(bytes([value_type]) + data, version)


def length(number):
    if number < 1 << 6:
        return bytes([number])
    if number < 1 << 14:
        return bytes([0x40 | number >> 8, number & 0xFF])
    return b"\x80" + number.to_bytes(4, "big")


def string(data):
    return length(len(data)) + data


def text_double(text):
    return bytes([len(text)]) + text


def stream_id(ms, seq):
    return ms.to_bytes(8, "big") + seq.to_bytes(8, "big")


def ziplist(items):
    """`items`: bytes, or integers, of which each is stored in as few bytes as possible."""
    entries, before, last = b"", 0, 10
    for item in items:
        if isinstance(item, bytes):
            size = len(item)
            head = bytes([size]) if size < 64 else bytes([0x40 | size >> 8, size & 0xFF]) if size < 1 << 14 else \
                b"\x80" + size.to_bytes(4, "big")
            data = head + item
        elif 0 <= item <= 12:
            data = bytes([0xF1 + item])
        else:
            mark, size = next((mark, size) for mark, size in ((0xFE, 1), (0xC0, 2), (0xF0, 3), (0xD0, 4), (0xE0, 8))
                              if -(1 << 8 * size - 1) <= item < 1 << 8 * size - 1)
            data = bytes([mark]) + item.to_bytes(size, "little", signed=True)
        entry = (bytes([before]) if before < 254 else b"\xfe" + before.to_bytes(4, "little")) + data
        last, before = 10 + len(entries), len(entry)
        entries += entry
    return (11 + len(entries)).to_bytes(4, "little") + last.to_bytes(4, "little") + len(items).to_bytes(2, "little") + entries + b"\xff"


def zipmap(pairs, unused=0):
    def size(data):
        return bytes([len(data)]) if len(data) < 254 else b"\xfe" + len(data).to_bytes(4, "little")
    data = bytes([min(len(pairs), 254)])
    for key, value in pairs:
        data += size(key) + key + size(value) + bytes([unused]) + value + b"\x00" * unused
    return data + b"\xff"


def intset(numbers, width=2):
    return (width.to_bytes(4, "little") + len(numbers).to_bytes(4, "little") +
            b"".join(number.to_bytes(width, "little", signed=True) for number in numbers))


def old_payloads():
    """A payload of each type that Redis 7.0 reads and does not write, and of some others that are no longer written so."""
    many = [b"%d" % i for i in range(600)]
    long = b"v" * 100
    return {
        "list": payload(LIST, length(3) + string(b"a") + string(b"12") + string(long)),
        "list of many": payload(LIST, length(600) + b"".join(map(string, many))),
        "list ziplist": payload(LIST_ZIPLIST, string(ziplist([b"a", 5, 100, -5, 1000, 100000, 1 << 30, -1 << 40, b"x" * 70, b"y" * 300, b"7"]))),
        "list quicklist": payload(LIST_QUICKLIST, length(3) + string(ziplist([b"a", 5])) + string(ziplist([])) + string(ziplist([b"c"] * 3))),
        "set of integers": payload(SET, length(3) + string(b"1") + string(b"70000") + string(b"-5")),
        "set of many integers": payload(SET, length(600) + b"".join(map(string, many))),
        "set of both": payload(SET, length(3) + string(b"1") + string(b"a") + string(b"2")),
        "intset": payload(SET_INTSET, string(intset([1, 2, 70], 2))),
        "large intset": payload(SET_INTSET, string(intset(list(range(600)), 2))),
        "wide intset": payload(SET_INTSET, string(intset([-(1 << 40), 5], 8))),
        "zset": payload(ZSET, length(4) + string(b"a") + text_double(b"1.5") + string(b"b") + b"\xfe" + string(b"c") + b"\xff" + string(b"3") + text_double(b"-0")),
        "zset of many": payload(ZSET, length(200) + b"".join(string(item) + text_double(item) for item in many[:200])),
        "zset 2, unordered": payload(ZSET_2, length(2) + string(b"z") + bytes(8) + string(b"a") + bytes(8)),
        "zset of long": payload(ZSET, length(1) + string(long) + text_double(b"3")),
        "zset ziplist": payload(ZSET_ZIPLIST, string(ziplist([b"a", 1, b"b", b"2.5", 7, 300]))),
        "large zset ziplist": payload(ZSET_ZIPLIST, string(ziplist([item for i in range(200) for item in (b"m%03d" % i, i)]))),
        "hash": payload(HASH, length(2) + string(b"f") + string(b"v") + string(b"12") + string(b"13")),
        "hash of long": payload(HASH, length(2) + string(b"f") + string(long) + string(b"12") + string(b"13")),
        "hash of many": payload(HASH, length(600) + b"".join(string(item) + string(b"v") for item in many)),
        "hash zipmap": payload(HASH_ZIPMAP, string(zipmap([(b"f", b"v"), (b"12", b"13"), (b"", b"")], 2))),
        "hash zipmap of long": payload(HASH_ZIPMAP, string(zipmap([(b"f", long * 3), (b"g", b"h")]))),
        "hash ziplist": payload(HASH_ZIPLIST, string(ziplist([b"f", b"v", 12, 13, b"", b""]))),
        "large hash ziplist": payload(HASH_ZIPLIST, string(ziplist([item for i in range(600) for item in (b"m%03d" % i, i)]))),
        "hash ziplist of long": payload(HASH_ZIPLIST, string(ziplist([b"f", long]))),
        "string of an old version": payload(STRING, string(b"abc"), 6),
        "string that is an integer": payload(STRING, string(b"123")),
        "string, compressed": payload(STRING, b"\xc3\x06\x15\x01aa\xe0\x0a\x00\x00"),
        "stream of 6": payload(STREAM, _old_stream()),
        "empty stream of 6": payload(STREAM, length(0) * 3 + length(0) + length(1) + string(b"g") + length(3) + length(0) + length(0) * 2),
    }


def _old_stream():
    # live, deleted, fields, field "a", 0; flags 2, 0, 0, value, 4
    node = listpack([1, 0, 1, b"a", 0, 2, 0, 0, b"v", 4])
    group = string(b"g") + length(1) + length(1) + length(1) + stream_id(1, 1) + (1000).to_bytes(8, "little") + length(2) + \
        length(1) + string(b"c") + (2000).to_bytes(8, "little") + length(1) + stream_id(1, 1)
    return length(1) + string(stream_id(1, 1)) + string(node) + length(1) + length(1) + length(1) + length(1) + group


def listpack(items):
    """`items`: integers from 0 to 127, or at most 63 bytes."""
    data = b""
    for item in items:
        entry = bytes([item]) if isinstance(item, int) else bytes([0x80 | len(item)]) + item
        data += entry + bytes([len(entry)])
    return (7 + len(data)).to_bytes(4, "little") + len(items).to_bytes(2, "little") + data + b"\xff"

