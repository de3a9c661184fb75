"""Random requests about bitmaps and bit fields."""


class BitmapRequests:
    """A part of Generator."""

    def bit_offset(self, most=2000):
        if self.random.random() < 0.05:
            return self.random.choice([b"-1", b"4294967296", b"9223372036854775807", b"x", b"", b"#1", b"01"])
        return str(self.random.randint(0, most)).encode()

    def bit_set_or_get(self):
        if self.random.random() < 0.5:
            return [b"GETBIT", self.key(), self.bit_offset()]
        return [b"SETBIT", self.key(), self.bit_offset(), self.random.choice([b"0", b"1"] * 10 + [b"2", b"-1", b"x"])]

    def bit_range(self, request):
        """Now and then a start, an end and a unit."""
        parts = [self.integer(-300, 300), self.integer(-300, 300), self.case(self.random.choice([b"BYTE", b"BIT"] * 10 + [b"WORD"]))]
        return request + parts[:self.random.choice([0, 1, 2, 2, 3, 3])]

    def bit_count(self):
        return self.bit_range([b"BITCOUNT", self.key()])

    def bit_pos(self):
        return self.bit_range([b"BITPOS", self.key(), self.random.choice([b"0", b"1"] * 10 + [b"2", b"x"])])

    def bit_op(self):
        name = self.case(self.random.choice([b"AND", b"OR", b"XOR", b"NOT"] * 5 + [b"NAND"]))
        keys = 1 if name.upper() == b"NOT" and self.random.random() < 0.9 else self.random.randint(1, 4)
        return [b"BITOP", name, self.key(), *(self.key() for _ in range(keys))]

    def bit_field_type(self):
        if self.random.random() < 0.03:
            return self.random.choice([b"u64", b"i65", b"i0", b"u0", b"x8", b"8", b"u", b"I8", b""])
        signed = self.random.random() < 0.5
        bits = self.random.choice([1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 62, 63] + [64] * signed)
        return (b"i" if signed else b"u") + str(bits).encode()

    def bit_field_value(self):
        kind = self.random.random()
        if kind < 0.3:
            return self.integer(-300, 300)
        return str(self.random.choice([1, -1]) * self.random.getrandbits(self.random.randint(1, 63))).encode()

    def bit_field_offset(self):
        if self.random.random() < 0.3:
            return b"#" + str(self.random.randint(0, 20)).encode()
        return self.bit_offset(500)

    def bit_field(self):
        read_only = self.random.random() < 0.2
        request = [b"BITFIELD_RO" if read_only else b"BITFIELD", self.key()]
        names = [b"GET"] * 9 + [b"SET"] if read_only else [b"GET", b"SET", b"INCRBY", b"INCRBY", b"OVERFLOW", b"NOP"]
        weights = None if read_only else [4, 4, 4, 4, 4, 0.1]
        for _ in range(self.random.choice([0, 1, 1, 2, 3, 6])):
            name = self.random.choices(names, weights)[0]
            request.append(self.case(name))
            if name == b"OVERFLOW":
                request.append(self.case(self.random.choice([b"WRAP", b"SAT", b"FAIL"] * 9 + [b"X"])))
            elif name != b"NOP":
                request += [self.bit_field_type(), self.bit_field_offset()]
                if name != b"GET":
                    request.append(self.bit_field_value())
        return request


COMMANDS = [(BitmapRequests.bit_set_or_get, 6), (BitmapRequests.bit_count, 3), (BitmapRequests.bit_pos, 3),
            (BitmapRequests.bit_op, 4), (BitmapRequests.bit_field, 6)]

KEYS_LAST = {b"BITOP"}
