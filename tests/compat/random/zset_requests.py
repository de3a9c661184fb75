"""Random requests about sorted sets."""

# None out of the range of a double: after one, redis-server refuses to SORT numbers until something resets errno.
_SCORES = [b"inf", b"-inf", b"+inf", b"-0", b"0x10", b"nan", b"", b" 1", b"1 ", b"abc", b"1e17", b"-1e300", b"1e18",
           b"4611686018427387904", b"9223372036854775807", b"0.1", b"3.3333333333333335", b"1e15", b"12345678901234567"]
_RANGE_WORDS = [b"REV", b"BYSCORE", b"BYLEX", b"WITHSCORES", b"LIMIT", b"LIMIT"]


class ZsetRequests:
    """A part of Generator."""

    def zset_member(self):
        if self.random.random() < 0.9:
            return self.random.choice([b"a", b"b", b"c", b"d", b"aa", b"1", b"2", b"300", b"-5", b"70000", b"", b"m1", b"m2", b"m3"])
        return self.value()

    def zset_score(self):
        kind = self.random.random()
        if kind < 0.6:
            return b"%d" % self.random.randint(-5, 20)
        if kind < 0.85:
            return b"%.*f" % (self.random.randint(1, 6), self.random.uniform(-20, 20))
        if kind < 0.95:
            return b"%d" % self.random.randint(-10**18, 10**18)
        return self.random.choice(_SCORES)

    def zset_bound(self):
        bound = self.random.choice([b"-inf", b"+inf", b"inf"]) if self.random.random() < 0.4 else self.zset_score()
        return b"(" + bound if self.random.random() < 0.25 else bound

    def zset_lex_bound(self):
        if self.random.random() < 0.4:
            return self.random.choice([b"-", b"+"])
        if self.random.random() < 0.05:
            return self.random.choice([b"", b"a", b"-x", b"(", b"["])
        return self.random.choice([b"[", b"("]) + self.zset_member()

    def zset_lex_key(self):
        """Only members with the score 0 are in these: of others Redis gives parts that depend on chance."""
        return self.prefix + self.random.choice([b"lex0", b"lex1"])

    def zset_add(self):
        request = [b"ZADD", self.key()]
        for option, often in ((b"NX", 0.1), (b"XX", 0.1), (b"GT", 0.1), (b"LT", 0.1), (b"CH", 0.2), (b"INCR", 0.1)):
            if self.random.random() < often:
                request.append(self.case(option))
        # Now and then so many that it becomes a skip list.
        many = self.random.random() < 0.03
        for _ in range(self.random.randint(100, 160) if many else self.random.choice([1, 1, 1, 2, 3, 6])):
            member = b"member:%d" % self.random.randint(0, 200) if many else self.zset_member()
            request += [b"%d" % self.random.randint(0, 50) if many else self.zset_score(), member]
        return request

    def zset_lex_add(self):
        request = [b"ZADD", self.zset_lex_key()]
        for _ in range(self.random.randint(1, 8)):
            request += [b"0", self.zset_member()]
        return request

    def zset_increment(self):
        return [b"ZINCRBY", self.key(), self.zset_score(), self.zset_member()]

    def zset_members(self):
        name = self.random.choice([b"ZREM", b"ZREM", b"ZMSCORE"])
        return [name, self.key(), *(self.zset_member() for _ in range(self.random.randint(1, 5)))]

    def zset_one(self):
        name = self.random.choice([b"ZSCORE", b"ZRANK", b"ZREVRANK"])
        return [name, self.key(), self.zset_member()]

    def zset_count(self):
        kind = self.random.random()
        if kind < 0.3:
            return [b"ZCARD", self.key()]
        if kind < 0.8:
            return [b"ZCOUNT", self.key(), self.zset_bound(), self.zset_bound()]
        return [b"ZLEXCOUNT", self.zset_lex_key(), self.zset_lex_bound(), self.zset_lex_bound()]

    def zset_remove_range(self):
        kind = self.random.random()
        if kind < 0.35:
            return [b"ZREMRANGEBYRANK", self.key(), self.integer(-6, 6), self.integer(-6, 6)]
        if kind < 0.7:
            bound = self.zset_score()
            return [b"ZREMRANGEBYSCORE", self.key(), bound, self.random.choice([bound, self.zset_bound()])]
        return [b"ZREMRANGEBYLEX", self.zset_lex_key(), self.zset_lex_bound(), self.zset_lex_bound()]

    def zset_limit(self):
        return [self.case(b"LIMIT"), self.integer(-2, 5), self.integer(-2, 6)]

    def zset_range(self):
        """ZRANGE and ZRANGESTORE."""
        store = self.random.random() < 0.2
        by = self.random.choice([b"", b"", b"BYSCORE", b"BYSCORE", b"BYLEX"])
        bound = {b"": lambda: self.integer(-8, 8), b"BYSCORE": self.zset_bound, b"BYLEX": self.zset_lex_bound}[by]
        request = [b"ZRANGESTORE", self.key()] if store else [b"ZRANGE"]
        request += [self.zset_lex_key() if by == b"BYLEX" else self.key(), bound(), bound()]
        options = [[self.case(by)]] if by else []
        if self.random.random() < 0.4:
            options.append([self.case(b"REV")])
        if self.random.random() < (0.4 if by else 0.03):
            options.append(self.zset_limit())
        if not store and self.random.random() < (0.05 if by == b"BYLEX" else 0.5):
            options.append([self.case(b"WITHSCORES")])
        self.random.shuffle(options)
        return request + [word for option in options for word in option]

    def zset_old_range(self):
        name = self.random.choice([b"ZREVRANGE", b"ZRANGEBYSCORE", b"ZREVRANGEBYSCORE", b"ZRANGEBYLEX", b"ZREVRANGEBYLEX"])
        by_lex = name.endswith(b"LEX")
        bound = self.zset_lex_bound if by_lex else self.zset_bound if name.endswith(b"SCORE") else self.integer
        request = [name, self.zset_lex_key() if by_lex else self.key(), bound(), bound()]
        if self.random.random() < 0.4 and name != b"ZREVRANGE":
            request += self.zset_limit()
        if self.random.random() < (0.03 if by_lex else 0.4):
            request.append(self.case(b"WITHSCORES"))
        return request

    def zset_algebra(self):
        name = self.random.choice([b"ZUNION", b"ZINTER", b"ZDIFF", b"ZUNIONSTORE", b"ZINTERSTORE", b"ZDIFFSTORE", b"ZINTERCARD"])
        keys = self.some_keys(1, 4)
        count = b"%d" % len(keys) if self.random.random() < 0.95 else self.integer(-1, 6)
        request = [name, *([self.key()] if name.endswith(b"STORE") else []), count, *keys]
        combines = name not in (b"ZDIFF", b"ZDIFFSTORE", b"ZINTERCARD")
        options = []
        if self.random.random() < (0.5 if combines else 0.02):
            options.append([self.case(b"WEIGHTS"), *(self.random.choice([b"1", b"2", b"-1", b"0.1", b"0", b"3", b"inf", self.zset_score()])
                                                      for _ in keys)])
        if self.random.random() < (0.5 if combines else 0.02):
            options.append([self.case(b"AGGREGATE"), self.case(self.random.choice([b"SUM", b"MIN", b"MAX", b"SUM", b"AVG"]))])
        if self.random.random() < (0.6 if name in (b"ZUNION", b"ZINTER", b"ZDIFF") else 0.02):
            options.append([self.case(b"WITHSCORES")])
        if self.random.random() < (0.5 if name == b"ZINTERCARD" else 0.01):
            options.append([self.case(b"LIMIT"), self.integer(-1, 4)])
        self.random.shuffle(options)
        return request + [word for option in options for word in option]

    def zset_pop(self):
        kind = self.random.random()
        if kind < 0.5:
            request = [self.random.choice([b"ZPOPMIN", b"ZPOPMAX"]), self.key()]
            return request + [self.integer(-1, 3)] if self.random.random() < 0.6 else request
        keys = self.some_keys(1, 3)
        count = b"%d" % len(keys) if self.random.random() < 0.95 else self.integer(-1, 4)
        request = [b"ZMPOP", count, *keys, self.case(self.random.choice([b"MIN", b"MAX", b"MIN", b"MAX", b"MED"]))]
        return request + [self.case(b"COUNT"), self.integer(-1, 3)] if self.random.random() < 0.5 else request

    def zset_blocking_pop(self):
        """In a key that holds a sorted set or another type the commands do not wait; else they do for a moment."""
        timeout, keys = self.random.choice([b"0.001"] * 10 + [b"-1", b"x", b""]), self.some_keys(1, 3)
        if self.random.random() < 0.6:
            return [self.random.choice([b"BZPOPMIN", b"BZPOPMAX"]), *keys, timeout]
        request = [b"BZMPOP", timeout, b"%d" % len(keys), *keys, self.case(self.random.choice([b"MIN", b"MAX"]))]
        return request + [self.case(b"COUNT"), self.integer(-1, 3)] if self.random.random() < 0.5 else request

    def zset_scan(self):
        request = [b"ZSCAN", self.key(), self.random.choice([b"0"] * 6 + [b"x", b"-", b"0x"])]
        if self.random.random() < 0.4:
            request += [self.case(b"MATCH"), self.random.choice([b"*", b"a*", b"?", b"member:1*", b"[12]", b"nothing"])]
        # All of them in one step.
        return request + [self.case(b"COUNT"), self.random.choice([b"100000"] * 9 + [b"0", b"x", b"-5"])]

    def zset_random(self):
        """Where chance has no say."""
        count = self.random.choice([b"100000", b"100000", b"0", b"x", b"4611686018427387904", b"-9223372036854775808", b"1.5"])
        request = [b"ZRANDMEMBER", self.key(), count]
        if self.random.random() < 0.5:
            request.append(self.random.choice([b"WITHSCORES"] * 5 + [b"WITH"]))
        return request

    def zset_others(self):
        return self.random.choice([
            [b"OBJECT", b"ENCODING", self.key()], [b"TYPE", self.key()], [b"SADD", self.key(), self.zset_member(), self.zset_member()],
            [b"SADD", self.key(), self.integer(), self.integer()], [b"DEL", self.key()], [b"COPY", self.key(), self.key(), b"REPLACE"],
        ])


COMMANDS = [(ZsetRequests.zset_add, 16), (ZsetRequests.zset_lex_add, 3), (ZsetRequests.zset_increment, 4), (ZsetRequests.zset_members, 5),
            (ZsetRequests.zset_one, 5), (ZsetRequests.zset_count, 4), (ZsetRequests.zset_remove_range, 3), (ZsetRequests.zset_range, 10),
            (ZsetRequests.zset_old_range, 5), (ZsetRequests.zset_algebra, 10), (ZsetRequests.zset_pop, 3), (ZsetRequests.zset_blocking_pop, 1), (ZsetRequests.zset_scan, 2),
            (ZsetRequests.zset_random, 2), (ZsetRequests.zset_others, 3)]


def _scan_without_order(reply):
    cursor, elements = reply
    return cursor, sorted(zip(elements[::2], elements[1::2]))


TIMELESS = {b"ZSCAN": _scan_without_order}
BY_CHANCE = {b"ZRANDMEMBER"}
