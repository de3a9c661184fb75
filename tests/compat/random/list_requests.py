"""Random requests about lists, and SORT."""


class ListRequests:
    """A part of Generator."""

    def list_values(self, most=6):
        return [self.value() if self.random.random() < 0.5 else self.list_element() for _ in range(self.random.randint(1, most))]

    def list_element(self):
        """From few, so that what is looked for is often there."""
        return self.random.choice([b"a", b"b", b"1", b"2", b"300", b"-5", b"70000", b"", b"0"])

    def list_end(self):
        return self.case(self.random.choice([b"LEFT", b"RIGHT"] * 20 + [b"UP"]))

    def list_push(self):
        name = self.random.choice([b"LPUSH", b"RPUSH"] * 3 + [b"LPUSHX", b"RPUSHX"])
        most = 60 if self.random.random() < 0.1 else 6
        return [name, self.key(), *self.list_values(most)]

    def list_pop(self):
        request = [self.random.choice([b"LPOP", b"RPOP"]), self.key()]
        if self.random.random() < 0.4:
            request.append(self.integer(-1, 12))
        return request

    def list_read(self):
        name = self.random.choice([b"LLEN", b"LINDEX", b"LRANGE", b"LRANGE"])
        request = [name, self.key()]
        if name != b"LLEN":
            request.append(self.integer(-12, 12))
        if name == b"LRANGE":
            request.append(self.integer(-12, 30))
        return request

    def list_change(self):
        name = self.random.choice([b"LSET", b"LINSERT", b"LINSERT", b"LREM"])
        if name == b"LSET":
            return [name, self.key(), self.integer(-8, 12), self.value()]
        if name == b"LREM":
            return [name, self.key(), self.integer(-3, 3), self.list_element()]
        where = self.case(self.random.choice([b"BEFORE", b"AFTER"] * 20 + [b"IN"]))
        return [name, self.key(), where, self.list_element(), self.value()]

    def list_trim(self):
        return [b"LTRIM", self.key(), self.integer(-40, 2), self.integer(-3, 60)]

    def list_pos(self):
        request = [b"LPOS", self.key(), self.list_element()]
        for option in self.random.sample([b"RANK", b"COUNT", b"MAXLEN"], self.random.choice([0, 0, 1, 1, 2, 3])):
            request += [self.case(option), self.integer(-3, 4)]
        return request

    def list_move(self):
        if self.random.random() < 0.3:
            return [b"RPOPLPUSH", self.key(), self.key()]
        return [b"LMOVE", self.key(), self.key(), self.list_end(), self.list_end()]

    def list_multi_pop(self):
        keys = self.some_keys(1, 3)
        count = str(len(keys)).encode() if self.random.random() < 0.9 else self.integer(0, 4)
        request = [b"LMPOP", count, *keys, self.list_end()]
        if self.random.random() < 0.5:
            request += [self.case(b"COUNT"), self.integer(0, 8)]
        return request

    def list_blocking_pop(self):
        """In a key that holds a list or another type the commands do not wait; else they do for a moment."""
        name = self.random.choice([b"BLPOP", b"BRPOP", b"BLMOVE", b"BRPOPLPUSH", b"BLMPOP"])
        timeout = self.random.choice([b"0.001"] * 10 + [b"-1", b"x", b""])
        if name == b"BLMOVE":
            return [name, self.key(), self.key(), self.list_end(), self.list_end(), timeout]
        if name == b"BRPOPLPUSH":
            return [name, self.key(), self.key(), timeout]
        keys = self.some_keys(1, 3)
        if name == b"BLMPOP":
            return [name, timeout, str(len(keys)).encode(), *keys, self.list_end()]
        return [name, *keys, timeout]

    def sort(self):
        """What hangs on the order in which a set or a hash table is walked is left out: BY nosort but with STORE, and ALPHA
        with BY. The latter is asked of keys which only hold lists."""
        alphabetic_by = self.random.random() < 0.2
        request = [self.random.choice([b"SORT", b"SORT", b"SORT_RO"]), self.sort_list_key() if alphabetic_by else self.key()]
        if self.random.random() < 0.1:
            return request
        stores = self.random.random() < 0.3
        patterns = [self.prefix + pattern for pattern in (b"k*", b"*", b"k*->a", b"k1*", b"*x")]
        options = [b"ASC", b"DESC", b"LIMIT", b"GET", b"GET"] + ([] if alphabetic_by else [b"ALPHA"])
        for option in self.random.sample(options, self.random.choice([0, 1, 1, 2, 2, 3])):
            request.append(self.case(option))
            if option == b"LIMIT":
                request += [self.integer(-3, 20), self.integer(-3, 20)]
            elif option == b"GET":
                request.append(self.random.choice([*patterns, b"#"]))
        if alphabetic_by:
            request += [self.case(b"BY"), self.random.choice(patterns), self.case(b"ALPHA")]
        elif b"ALPHA" not in [word.upper() for word in request] and self.random.random() < 0.5:
            request += [b"BY", b"nosort" if stores and self.random.random() < 0.5 else self.random.choice(patterns)]
        if stores:
            request += [self.case(b"STORE"), self.key()]
        return request

    def sort_list_key(self):
        return self.prefix + self.random.choice([b"list-to-sort-1", b"list-to-sort-2"])

    def sort_list_push(self):
        if self.random.random() < 0.1:
            return [b"DEL", self.sort_list_key()]
        return [self.random.choice([b"LPUSH", b"RPUSH"]), self.sort_list_key(), *self.list_values(20)]

    def sort_weights(self):
        """Keys that patterns name."""
        key = self.prefix + self.random.choice([b"k1", b"k2", b"1", b"2", b"300", b"k-5", b"a", b"ka", b"x"])
        if self.random.random() < 0.3:
            return [b"HSET", key, b"a", self.list_element()]
        return [b"SET", key, self.list_element()]

    COMMANDS = [(list_push, 16), (list_pop, 6), (list_read, 8), (list_change, 8), (list_trim, 2), (list_pos, 4), (list_move, 4),
                (list_multi_pop, 3), (list_blocking_pop, 1), (sort, 6), (sort_list_push, 2), (sort_weights, 2)]


COMMANDS = ListRequests.COMMANDS
UNORDERED = {}
