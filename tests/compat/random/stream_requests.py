"""Random requests to streams.

Ids are given in full and grow with the requests, so that most XADDs are accepted and both servers agree. What a server
measures with its own clock (idle times, times of delivery) is left out of the comparison by TIMELESS; idle times that
decide what happens are far from the limits that are asked for.
"""

_GROUPS = [b"g1", b"g2", b"", b"g\x00x"]
_CONSUMERS = [b"alice", b"bob", b"", b"c\r\n"]
_ODD_IDS = [b"0", b"0-0", b"-", b"+", b"$", b">", b"*", b"1-*", b"abc", b"", b"-1", b"1-", b"1--1", b" 1-1", b"1-1 ", b"01-01",
            b"18446744073709551615-18446744073709551615", b"18446744073709551615", b"+5", b"1-1-1"]
_LONG_AGO = b"100000000"


class StreamRequests:
    def stream_id(self, grow=0):
        """An id near the newest one; `grow`: how far behind it."""
        now = getattr(self, "stream_now", 0) + grow
        self.stream_now = now
        if self.random.random() < 0.03:
            return self.random.choice(_ODD_IDS)
        milliseconds = now if grow else max(0, now - int(self.random.expovariate(1 / 40)))
        if grow and self.random.random() < 0.1:
            return b"%d-*" % milliseconds
        return b"%d" % milliseconds if self.random.random() < 0.2 else b"%d-%d" % (milliseconds, self.random.choice([0, 0, 0, 1, 2]))

    def stream_range_id(self, end):
        kind = self.random.random()
        if kind < 0.4:
            return end
        return (b"(" if kind < 0.55 else b"") + self.stream_id()

    def stream_key(self):
        """Few of the keys, so that some streams get long."""
        return self.random.choice(self.keys[:4]) if self.random.random() < 0.9 else self.key()

    def stream_trimming(self):
        if self.random.random() < 0.5:
            request = [self.case(b"MAXLEN")]
            threshold = self.integer(0, 300)
        else:
            request = [self.case(b"MINID")]
            threshold = self.stream_id()
        kind = self.random.random()
        if kind < 0.3:
            request.append(b"=")
        elif kind < 0.8:
            request.append(b"~")
        request.append(threshold)
        if self.random.random() < 0.3:
            request += [b"LIMIT", self.integer(0, 50)]
        return request

    def stream_fields(self):
        kind = self.random.random()
        if kind < 0.5:
            return [b"name", self.value(), b"number", str(self.random.randint(-5, 10**6)).encode()]
        return [part for _ in range(self.random.randint(1, 4)) for part in (self.random.choice([b"a", b"b", b"12", self.value()]), self.value())]

    def xadd(self):
        request = [b"XADD", self.stream_key()]
        if self.random.random() < 0.1:
            request.append(b"NOMKSTREAM")
        if self.random.random() < 0.1:
            request += self.stream_trimming()
        new_id = self.stream_id(grow=self.random.choice([0, 1, 1, 1, 2]))
        # Not by the clock, and seldom the last one of all, after which the stream takes no more.
        if new_id == b"*" or (new_id.startswith(b"18446744073709551615") and self.random.random() < 0.9):
            new_id = b"%d" % self.stream_now
        return [*request, new_id, *self.stream_fields()]

    def xtrim(self):
        return [b"XTRIM", self.stream_key(), *self.stream_trimming()]

    def xdel(self):
        return [b"XDEL", self.stream_key(), *(self.stream_id() for _ in range(self.random.randint(1, 6)))]

    def xlen(self):
        return [b"XLEN", self.stream_key()]

    def xrange(self):
        ends = [self.stream_range_id(b"-"), self.stream_range_id(b"+")]
        name = self.random.choice([b"XRANGE", b"XREVRANGE"])
        request = [name, self.stream_key(), *(ends if name == b"XRANGE" else reversed(ends))]
        if self.random.random() < 0.6:
            request += [self.case(b"COUNT"), self.integer(-1, 20)]
        return request

    def xsetid(self):
        last_id = self.stream_id(grow=1)
        request = [b"XSETID", self.stream_key(), b"%d" % self.stream_now if last_id.startswith(b"1844") else last_id]
        if self.random.random() < 0.4:
            request += [b"ENTRIESADDED", self.integer(-1, 2000)]
        if self.random.random() < 0.3:
            request += [b"MAXDELETEDID", self.stream_id()]
        return request

    def stream_group(self):
        return self.random.choice(_GROUPS[:2]) if self.random.random() < 0.9 else self.random.choice(_GROUPS)

    def stream_consumer(self):
        return self.random.choice(_CONSUMERS)

    def xgroup(self):
        kind = self.random.choice([b"CREATE", b"CREATE", b"SETID", b"DESTROY", b"CREATECONSUMER", b"DELCONSUMER"])
        request = [b"XGROUP", kind, self.stream_key(), self.stream_group()]
        if kind in (b"CREATE", b"SETID"):
            request.append(self.random.choice([b"$", b"0", self.stream_id()]))
            if kind == b"CREATE" and self.random.random() < 0.4:
                request.append(b"MKSTREAM")
            if self.random.random() < 0.3:
                request += [b"ENTRIESREAD", self.integer(-2, 500)]
        elif kind != b"DESTROY":
            request.append(self.stream_consumer())
        elif self.random.random() < 0.7:
            return self.xgroup()
        return request

    def stream_keys_and_ids(self, group):
        keys = [self.stream_key() for _ in range(self.random.choice([1, 1, 1, 2, 3]))]
        new = b">" if group else b"$"
        return [b"STREAMS", *keys, *(self.random.choice([new, new, b"0", self.stream_id()]) for _ in keys)]

    def stream_read_options(self):
        request = []
        if self.random.random() < 0.7:
            request += [b"COUNT", self.integer(-1, 10)]
        if self.random.random() < 0.03:
            request += [b"BLOCK", self.random.choice([b"1", b"1", b"-1", b"abc", b"1.5"])]
        return request

    def xread(self):
        return [b"XREAD", *self.stream_read_options(), *self.stream_keys_and_ids(False)]

    def xreadgroup(self):
        request = [b"XREADGROUP", b"GROUP", self.stream_group(), self.stream_consumer(), *self.stream_read_options()]
        if self.random.random() < 0.1:
            request.append(b"NOACK")
        return [*request, *self.stream_keys_and_ids(True)]

    def xack(self):
        return [b"XACK", self.stream_key(), self.stream_group(), *(self.stream_id() for _ in range(self.random.randint(1, 8)))]

    def stream_idle(self):
        """Shorter than any, longer than most, or longer than all that was ever asked for."""
        return self.random.choice([b"0", b"0", b"-1", b"50000000", b"900000000000", self.random.choice([b"abc", b"0"])])

    def xclaim(self):
        request = [b"XCLAIM", self.stream_key(), self.stream_group(), self.stream_consumer(), self.stream_idle()]
        request += [self.stream_id() for _ in range(self.random.randint(1, 6))]
        for option in (b"IDLE", b"TIME", b"RETRYCOUNT", b"FORCE", b"JUSTID", b"LASTID"):
            if self.random.random() < 0.2:
                request.append(self.case(option))
                if option == b"IDLE":
                    request.append(self.random.choice([_LONG_AGO, b"0", b"-5", b"9223372036854775807", b"-9223372036854775808", b"x"]))
                elif option == b"TIME":
                    request.append(self.random.choice([b"1000", b"-1", b"99999999999999", b"x"]))
                elif option == b"RETRYCOUNT":
                    request.append(self.integer(-1, 10))
                elif option == b"LASTID":
                    request.append(self.stream_id())
        return request

    def xautoclaim(self):
        request = [b"XAUTOCLAIM", self.stream_key(), self.stream_group(), self.stream_consumer(), self.stream_idle(),
                   self.random.choice([b"0", b"-", self.stream_range_id(b"0")])]
        if self.random.random() < 0.5:
            request += [b"COUNT", self.integer(0, 10)]
        if self.random.random() < 0.3:
            request.append(b"JUSTID")
        return request

    def xpending(self):
        request = [b"XPENDING", self.stream_key(), self.stream_group()]
        if self.random.random() < 0.3:
            return request
        if self.random.random() < 0.3:
            request += [b"IDLE", self.stream_idle()]
        request += [self.stream_range_id(b"-"), self.stream_range_id(b"+"), self.integer(-1, 20)]
        if self.random.random() < 0.3:
            request.append(self.stream_consumer())
        return request

    def xinfo(self):
        kind = self.random.choice([b"STREAM", b"STREAM", b"FULL", b"GROUPS", b"CONSUMERS"])
        if kind == b"FULL":
            return [b"XINFO", b"STREAM", self.stream_key(), kind, *self.random.choice([[], [b"COUNT", self.integer(-1, 20)]])]
        return [b"XINFO", kind, self.stream_key(), *([self.stream_group()] if kind == b"CONSUMERS" else [])]

    def stream_rare(self):
        return self.random.choice([[b"DEL", self.stream_key()], [b"COPY", self.stream_key(), self.stream_key(), b"REPLACE"],
                                   [b"TYPE", self.stream_key()], [b"OBJECT", b"ENCODING", self.stream_key()],
                                   [b"RENAME", self.stream_key(), self.stream_key()]])


def _pairs(value):
    """A map as pairs, whichever protocol it came in."""
    return list(value.items()) if isinstance(value, dict) else list(zip(value[::2], value[1::2]))


def _pending_without_times(reply):
    if isinstance(reply, list):
        return [[*entry[:2], *entry[3:]] if isinstance(entry, list) and len(entry) == 4 else entry for entry in reply]
    return reply


def _consumer_without_times(consumer):
    return [(name, [[entry[0], entry[2]] for entry in value] if name == b"pending" and isinstance(value, list) else value)
            for name, value in _pairs(consumer) if name not in (b"seen-time", b"idle")]


def _group_without_times(group):
    pairs = []
    for name, value in _pairs(group):
        if name == b"pending" and isinstance(value, list):
            value = [[*entry[:2], entry[3]] for entry in value]
        elif name == b"consumers" and isinstance(value, list):
            value = [_consumer_without_times(consumer) for consumer in value]
        pairs.append((name, value))
    return pairs


def _info_without_times(reply):
    if isinstance(reply, list) and reply and all(isinstance(item, (list, dict)) for item in reply):
        return [_consumer_without_times(item) for item in reply]
    if isinstance(reply, (list, dict)):
        return [(name, [_group_without_times(group) for group in value] if name == b"groups" and isinstance(value, list) else value)
                for name, value in _pairs(reply)]
    return reply


COMMANDS = [(StreamRequests.xadd, 60), (StreamRequests.xtrim, 2), (StreamRequests.xdel, 6), (StreamRequests.xlen, 2),
            (StreamRequests.xrange, 8), (StreamRequests.xsetid, 1), (StreamRequests.xgroup, 6), (StreamRequests.xread, 5),
            (StreamRequests.xreadgroup, 16), (StreamRequests.xack, 6), (StreamRequests.xclaim, 6), (StreamRequests.xautoclaim, 4),
            (StreamRequests.xpending, 5), (StreamRequests.xinfo, 8), (StreamRequests.stream_rare, 1)]
UNORDERED = {}
# What of a reply is compared: all but the times.
TIMELESS = {b"XPENDING": _pending_without_times, b"XINFO": _info_without_times}
