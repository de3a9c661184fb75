"""Random requests about HyperLogLogs. That a sparse one has the very runs that Redis makes shows in GET.

They have keys of their own: when a string command cuts the last run of a sparse one, redis-server reads a byte of whatever
memory follows it.
"""


class HyperLogLogRequests:
    """A part of Generator."""

    def hll_key(self):
        name = b"hll%d" % self.random.randint(0, 5)
        return self.prefix + name

    def hll_keys(self, least, most):
        return [self.hll_key() for _ in range(self.random.randint(least, most))]

    def hll_elements(self):
        kind = self.random.random()
        if kind < 0.1:
            return []
        if kind < 0.2:  # many, to make it dense now and then
            start = self.random.randint(0, 10**6)
            return [str(start + i).encode() for i in range(self.random.choice([100, 400, 1500]))]
        return [self.value() for _ in range(self.random.randint(1, 8))]

    def hll_add(self):
        return [b"PFADD", self.hll_key(), *self.hll_elements()]

    def hll_count(self):
        return [b"PFCOUNT", *self.hll_keys(1, 3)]

    def hll_merge(self):
        return [b"PFMERGE", *self.hll_keys(1, 4)]

    def hll_debug(self):
        return [b"PFDEBUG", self.case(self.random.choice([b"DECODE", b"ENCODING", b"GETREG", b"TODENSE", b"NOP"])), self.hll_key()]

    def hll_break(self):
        """Bytes that are almost one."""
        return self.random.choice([
            [b"RPUSH", self.hll_key(), b"x"], [b"SET", self.hll_key(), b"no HyperLogLog"], [b"DEL", *self.hll_keys(1, 3)],
            [b"SETRANGE", self.hll_key(), b"0", b"HYLL\x01"], [b"SETRANGE", self.hll_key(), b"0", b"HYLL\x00"], [b"SETRANGE", self.hll_key(), b"0", b"HYLL\x02"],
            [b"SET", self.hll_key(), b"HYLL\x01" + bytes(11) + b"\x7f\xff"], [b"SET", self.hll_key(), b"HYLL\x01" + bytes(11)],
            [b"SET", self.hll_key(), b"HYLL\x01" + bytes(10) + b"\x80" + b"\x7f\xfe\x80"], [b"SET", self.hll_key(), b"HYLL\x01" + bytes(10) + b"\x80" + b"\x7f\xfe"]])

    def hll_read(self):
        return [self.random.choice([b"GET", b"GET", b"STRLEN", b"DUMP"]), self.hll_key()]


COMMANDS = [(HyperLogLogRequests.hll_add, 10), (HyperLogLogRequests.hll_count, 4), (HyperLogLogRequests.hll_merge, 3),
            (HyperLogLogRequests.hll_debug, 1), (HyperLogLogRequests.hll_break, 1), (HyperLogLogRequests.hll_read, 4)]

KEYS_LAST = {b"PFMERGE", b"PFCOUNT"}
