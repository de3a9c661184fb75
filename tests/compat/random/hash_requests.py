"""Random requests about hashes."""


class HashRequests:
    """A part of Generator."""

    def hash_field(self):
        """From few, so that what is looked for is often there."""
        if self.random.random() < 0.9:
            return self.random.choice([b"a", b"b", b"c", b"1", b"2", b"300", b"-5", b"70000", b"", b"f1", b"f2", b"f3"])
        return self.value()

    def hash_number(self):
        return str(self.random.randint(0, 40)).encode()

    def hash_set(self):
        request = [self.random.choice([b"HSET", b"HSET", b"HMSET"]), self.key()]
        # Now and then so many that a hash becomes a table.
        many = self.random.random() < 0.03
        for _ in range(self.random.randint(400, 560) if many else self.random.randint(1, 6)):
            field = b"field:%d" % self.random.randint(0, 700) if many else self.hash_field()
            request += [field, self.hash_number() if many or self.random.random() < 0.6 else self.value()]
        return request

    def hash_set_one(self):
        return [b"HSETNX", self.key(), self.hash_field(), self.value()]

    def hash_read(self):
        return [self.random.choice([b"HGETALL", b"HGETALL", b"HKEYS", b"HVALS", b"HLEN"]), self.key()]

    def hash_read_field(self):
        return [self.random.choice([b"HGET", b"HGET", b"HEXISTS", b"HSTRLEN"]), self.key(), self.hash_field()]

    def hash_fields(self):
        name = self.random.choice([b"HMGET", b"HDEL", b"HDEL"])
        most = 40 if self.random.random() < 0.1 else 5
        return [name, self.key(), *(self.hash_field() for _ in range(self.random.randint(1, most)))]

    def hash_increment(self):
        if self.random.random() < 0.5:
            return [b"HINCRBY", self.key(), self.hash_field(), self.integer(-1000, 1000)]
        by = self.integer(-9, 9) if self.random.random() < 0.5 else b"%.3f" % self.random.uniform(-100, 100)
        return [b"HINCRBYFLOAT", self.key(), self.hash_field(), by]

    def hash_scan(self):
        request = [b"HSCAN", self.key(), self.random.choice([b"0"] * 6 + [b"x", b"-", b"0x"])]
        if self.random.random() < 0.4:
            request += [self.case(b"MATCH"), self.random.choice([b"*", b"a*", b"?", b"field:1*", b"[12]", b"nothing"])]
        # All of them in one step.
        return request + [self.case(b"COUNT"), self.random.choice([b"100000"] * 9 + [b"0", b"x", b"-5"])]

    def hash_random(self):
        """Where chance has no say."""
        count = self.random.choice([b"100000", b"100000", b"0", b"x", b"9223372036854775807", b"-9223372036854775808", b"1.5"])
        request = [b"HRANDFIELD", self.key(), count]
        if self.random.random() < 0.5:
            request.append(self.random.choice([b"WITHVALUES"] * 5 + [b"WITH"]))
        return request


COMMANDS = [(HashRequests.hash_set, 14), (HashRequests.hash_set_one, 4), (HashRequests.hash_read, 8),
            (HashRequests.hash_read_field, 8), (HashRequests.hash_fields, 8), (HashRequests.hash_increment, 8),
            (HashRequests.hash_scan, 2), (HashRequests.hash_random, 2)]
# In the order of the fields only while they are few.
UNORDERED = {b"HGETALL": "pairs", b"HKEYS": "elements", b"HVALS": "elements", b"HRANDFIELD": "elements"}


def _scan_without_order(reply):
    cursor, elements = reply
    return cursor, sorted(zip(elements[::2], elements[1::2]))


TIMELESS = {b"HSCAN": _scan_without_order}
BY_CHANCE = {b"HRANDFIELD"}
