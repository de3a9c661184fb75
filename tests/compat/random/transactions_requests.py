"""Random transactions on one connection: MULTI stays open for a few requests of all kinds."""


class TransactionsRequests:
    """A part of Generator. `_multi`: whether MULTI is open, as far as one can tell without the replies."""

    _multi = False

    def transaction(self):
        return self._inside() if self._multi else self._outside()

    def _outside(self):
        name = self.random.choice([b"MULTI"] * 10 + [b"WATCH"] * 8 + [b"UNWATCH", b"EXEC", b"DISCARD", b"WAIT"])
        if name == b"WATCH":
            return [name, *self.some_keys(1, 3)]
        if name == b"WAIT":
            return [name, self.random.choice([b"0", b"-1", b"x"]), self.integer(-1, 5)]
        self._multi = name == b"MULTI"
        return [name]

    def _inside(self):
        name = self.random.choice([b"EXEC"] * 14 + [b"DISCARD", b"DISCARD", b"MULTI", b"WATCH", b"UNWATCH", b"WAIT", b"CLIENT"])
        self._multi = name not in (b"EXEC", b"DISCARD")
        if name == b"WATCH":
            return [name, self.key()]
        if name == b"WAIT":
            return [name, self.random.choice([b"0", b"7", b"x"]), self.random.choice([b"1", b"-1", b"x"])]
        return [b"CLIENT", b"GETNAME"] if name == b"CLIENT" else [name]


COMMANDS = [(TransactionsRequests.transaction, 40)]
UNORDERED = {}
