"""Random requests about sets."""


class SetRequests:
    """A part of Generator."""

    def set_member(self):
        """From few, so that what is looked for is often there."""
        kind = self.random.random()
        if kind < 0.55:
            return str(self.random.randint(-5, 20)).encode()
        if kind < 0.65:
            return self.random.choice([b"70000", b"-70000", b"5000000000", b"9223372036854775807", b"-9223372036854775808"])
        if kind < 0.93:
            return self.random.choice([b"a", b"b", b"c", b"d", b"", b"01", b"-0"])
        return self.value()

    def set_members(self, most):
        return [self.set_member() for _ in range(self.random.randint(1, most))]

    def set_add(self):
        request = [b"SADD", self.key()]
        kind = self.random.random()
        # Integers alone often, and now and then more than an intset takes.
        if kind < 0.04:
            return request + [str(self.random.randint(0, 800)).encode() for _ in range(self.random.randint(300, 800))]
        if kind < 0.5:
            return request + [str(self.random.randint(-9, 60)).encode() for _ in range(self.random.randint(1, 12))]
        return request + self.set_members(6)

    def set_remove(self):
        return [b"SREM", self.key(), *self.set_members(12)]

    def set_read(self):
        name = self.random.choice([b"SMEMBERS", b"SMEMBERS", b"SCARD", b"SISMEMBER", b"SMISMEMBER"])
        if name == b"SISMEMBER":
            return [name, self.key(), self.set_member()]
        return [name, self.key(), *(self.set_members(5) if name == b"SMISMEMBER" else [])]

    def set_move(self):
        return [b"SMOVE", self.key(), self.key(), self.set_member()]

    def set_algebra(self):
        return [self.random.choice([b"SINTER", b"SUNION", b"SDIFF"]), *self.some_keys(1, 4)]

    def set_store(self):
        name = self.random.choice([b"SINTERSTORE", b"SUNIONSTORE", b"SUNIONSTORE", b"SDIFFSTORE"])
        return [name, self.key(), *self.some_keys(1, 4)]

    def set_intercard(self):
        keys = self.some_keys(1, 3)
        right = self.one_slot or self.random.random() < 0.9  # else what follows the keys may be taken for one
        count = str(len(keys)).encode() if right else self.integer(-1, 4)
        request = [b"SINTERCARD", count, *keys]
        if self.random.random() < 0.5:
            request += [self.case(b"LIMIT"), self.integer(0, 5)]
        return request

    def set_scan(self):
        request = [b"SSCAN", self.key(), self.random.choice([b"0"] * 6 + [b"x", b"-", b"0x"])]
        if self.random.random() < 0.4:
            request += [self.case(b"MATCH"), self.random.choice([b"*", b"a*", b"?", b"1*", b"[12]", b"nothing"])]
        # All of them in one step.
        return request + [self.case(b"COUNT"), self.random.choice([b"100000"] * 9 + [b"0", b"x", b"-5"])]

    def set_random(self):
        """Where chance has no say."""
        name = self.random.choice([b"SPOP", b"SRANDMEMBER"])
        return [name, self.key(), self.random.choice([b"100000"] * 3 + [b"0", b"x", b"9223372036854775807", b"-9223372036854775808", b"1.5"])]


COMMANDS = [(SetRequests.set_add, 18), (SetRequests.set_remove, 5), (SetRequests.set_read, 10), (SetRequests.set_move, 4),
            (SetRequests.set_algebra, 6), (SetRequests.set_store, 5), (SetRequests.set_intercard, 3), (SetRequests.set_scan, 2),
            (SetRequests.set_random, 2)]
UNORDERED = {b"SMEMBERS": "elements", b"SINTER": "elements", b"SUNION": "elements", b"SDIFF": "elements", b"SPOP": "elements",
             b"SRANDMEMBER": "elements"}
# A step of SSCAN: its cursor, and the elements in any order.
TIMELESS = {b"SSCAN": lambda reply: (reply[0], sorted(reply[1]))}
BY_CHANCE = {b"SPOP", b"SRANDMEMBER"}
KEYS_LAST = {b"SINTER", b"SUNION", b"SDIFF", b"SINTERSTORE", b"SUNIONSTORE", b"SDIFFSTORE"}
