"""Random requests through a proxy: all that Generator makes, but for what cannot be the same before a cluster, each with its reason."""

import re

from generator import FAMILIES, Generator

# What is never sent: a command, a subcommand, or an option of a command, with its reason.
_ONE_SERVER = "looks into or changes a single server, which the proxy leaves to the node"
LEFT_OUT = {
    b"DEBUG": _ONE_SERVER,
    b"PFDEBUG": _ONE_SERVER,
    (b"CLIENT", b"TRACKING"): "is refused: the shards' invalidations are not brought together",
}
_BY_KEYS = "a cluster node refuses SORT's patterns: the keys that they lead to may lie elsewhere"
OPTIONS_LEFT_OUT = {
    (b"SORT", b"BY"): _BY_KEYS, (b"SORT", b"GET"): _BY_KEYS, (b"SORT_RO", b"BY"): _BY_KEYS, (b"SORT_RO", b"GET"): _BY_KEYS,
}
# In scripts.
CODE_LEFT_OUT = {
    b"no-cluster": "a cluster node refuses scripts with this flag",
}
# Keys in several slots: these are split or gathered by the proxy; others give CROSSSLOT, and are not sent.
ACROSS_SLOTS = {b"MGET", b"MSET", b"DEL", b"UNLINK", b"EXISTS", b"TOUCH", b"SINTER", b"SUNION", b"SDIFF", b"SINTERCARD", b"ZUNION", b"ZINTER",
                b"ZDIFF", b"ZINTERCARD", b"PFCOUNT", b"BLPOP", b"BRPOP", b"BLMPOP", b"BZPOPMIN", b"BZPOPMAX", b"BZMPOP"}
# One shard executes a transaction: what concerns all of them cannot be in one.
NOT_IN_TRANSACTIONS = {b"DBSIZE", b"KEYS", b"SCAN", b"RANDOMKEY", b"FLUSHALL", b"FLUSHDB", b"SWAPDB", b"SCRIPT", b"FUNCTION", b"PUBSUB", b"WAIT"}
_TAGS = [b"{a}", b"{b}", b"{c}"]


class KeyPositions:
    """Where the keys of a request are, by the key specs that redis-server gives."""

    def __init__(self, rows):
        """`rows`: the value of COMMAND."""
        self.specs = {}
        for row in rows:
            self.specs[row[0].upper()] = self._read(row[8])
            for subcommand in row[9]:
                self.specs[tuple(subcommand[0].upper().split(b"|"))] = self._read(subcommand[8])

    def of(self, request):
        """Indexes into the request, growing."""
        name, names = request[0].upper(), tuple(word.upper() for word in request[:2])
        found = set()
        for begin, begin_at, find, how in self.specs.get(names, self.specs.get(name, ())):
            found |= self._by_spec(request, begin, begin_at, find, how)
        if name == b"SORT":
            found |= {at + 1 for at, word in enumerate(request) if word.upper() == b"STORE" and 2 <= at < len(request) - 1}
        if name in (b"GEORADIUS", b"GEORADIUSBYMEMBER"):
            # A node looks for them where the unit should be, too.
            first = 5 if name == b"GEORADIUS" else 4
            found |= {at + 1 for at, word in enumerate(request) if word.upper() in (b"STORE", b"STOREDIST") and first <= at < len(request) - 1}
        return sorted(found)

    @staticmethod
    def _pairs(value):
        return value if isinstance(value, dict) else dict(zip(value[::2], value[1::2]))

    def _read(self, specs):
        rows = []
        for spec in map(self._pairs, specs):
            if b"not_key" in {str(flag).encode() for flag in spec[b"flags"]}:
                continue
            begin, find = self._pairs(spec[b"begin_search"]), self._pairs(spec[b"find_keys"])
            rows.append((begin[b"type"], self._pairs(begin[b"spec"]), find[b"type"], self._pairs(find[b"spec"])))
        return rows

    @staticmethod
    def _by_spec(request, begin, begin_at, find, how):
        if begin == b"index":
            first = begin_at[b"index"]
        elif begin == b"keyword":
            words = [word.upper() for word in request]
            start = begin_at[b"startfrom"]
            if begin_at[b"keyword"].upper() not in words[start:]:
                return set()
            first = words.index(begin_at[b"keyword"].upper(), start) + 1
        else:
            return set()
        if first >= len(request):
            return set()
        step = how.get(b"keystep", 1)
        if find == b"range":
            last = how[b"lastkey"]
            end = first + last if last >= 0 else len(request) + last
            if last < 0 and how[b"limit"] > 1:
                end = first + (len(request) - first) // how[b"limit"] - 1
            return {at for at in range(first, end + 1, step) if at < len(request)}
        if find == b"keynum":
            # As C's atoi reads it: a node does, too, before it finds out that "3.0" is no number.
            number = int(re.match(rb"\s*\+?(\d*)", request[first + how[b"keynumidx"]])[1] or b"0")
            if number < len(request):
                first += how[b"firstkey"]
                return {at for at in range(first, first + number * step, step) if at < len(request)}
        return set()


class ProxyGenerator(Generator):
    """`rows`: the value of redis-server's COMMAND. `spread`: keys in many slots, else all of them in one, of the first shard: there,
    scripts without keys are executed, which then find the keys that they name in their code."""

    def __init__(self, seed, rows, databases=False, spread=False, families=None, tag="b"):
        if spread and families is None:
            # Scripts name keys in their code, which then have to lie in the slot of their KEYS.
            families = ["string"] + [name.removesuffix("_requests") for name in FAMILIES if name != "scripting_requests"]
        super().__init__(seed, one_slot=not spread, databases=databases, families=families, tag=tag)
        self.positions, self.spread = KeyPositions(rows), spread
        self._open, self._transaction_slot = False, None
        if spread:
            self.keys = [tag + name for tag in _TAGS for name in (b"1", b"2", b"x\r\n", b"")] + [b"k1", b"k2", b"k3", b"\x00\xff"]

    def request(self):
        while True:
            request = super().request()
            if self.is_possible(request):
                self._follow(request)
                return request

    def _follow(self, request):
        """Whether a transaction is open, and whether keys are watched: only what succeeds changes that."""
        name, alone = request[0].upper(), len(request) == 1
        if self._listens_to is not None and name != b"RESET":
            return  # in RESP2 a subscriber is refused all of it
        ends = self._open and (name in (b"EXEC", b"RESET") or (name == b"DISCARD" and alone))
        if ends or name == b"RESET" or (name == b"UNWATCH" and alone and not self._open):
            self._transaction_slot = None
        self._open = (self._open and not ends) or (name == b"MULTI" and alone)

    def noise(self, request):
        # A DISCARD that fails would leave the transaction open, which this generator does not see.
        return tuple(request) if request[0] == b"DISCARD" else super().noise(request)

    def is_possible(self, request):
        """Whether a cluster can answer a request as a single server does."""
        name, words = request[0].upper(), {word.upper() for word in request[1:]}
        if name in LEFT_OUT or (name, *[word.upper() for word in request[1:2]]) in LEFT_OUT or any(name == command and option in words for command, option in OPTIONS_LEFT_OUT):
            return False
        if any(word in argument for argument in request for word in CODE_LEFT_OUT):
            return False
        if self._multi and name in NOT_IN_TRANSACTIONS:
            return False
        keys = [request[at] for at in self.positions.of(request)]
        if not self.spread:
            return all(key.startswith(self.prefix) for key in keys)
        slots = {self._slot(key) for key in keys}
        if name == b"WATCH" or self._open or self._multi:
            return self._fits_transaction(name, slots)
        return len(slots) <= 1 or name in ACROSS_SLOTS

    def _fits_transaction(self, name, slots):
        """Keys that a transaction watches and uses lie in one slot."""
        if name in (b"SPUBLISH", b"SSUBSCRIBE"):
            return False  # the slots of channels are not those of keys
        if not slots:
            return True
        if self._transaction_slot is None and len(slots) == 1:
            self._transaction_slot = slots
        return slots == self._transaction_slot

    @staticmethod
    def _slot(key):
        """What tells slots apart: the tag, else the key."""
        start = key.find(b"{")
        end = key.find(b"}", start + 1) if start >= 0 else -1
        return key[start + 1:end] if end > start + 1 else key
