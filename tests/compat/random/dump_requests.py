"""Random requests about DUMP and RESTORE. Of a payload whose order is that of a hash table, or that has times in it, only the
type and the length are compared; DEBUG DIGEST-VALUE compares what it stands for."""

from keyway_testing import rdb

_PAYLOADS = list(rdb.old_payloads().values())
_UNORDERED = {rdb.SET, rdb.HASH, rdb.STREAM_2}


def _without_order(payload):
    if payload is None or payload[0] not in _UNORDERED:
        return payload
    return payload[0], len(payload)


class DumpRequests:
    """A part of Generator."""

    def dump(self):
        return [b"DUMP", self.key()]

    def dump_payload(self):
        payload = self.random.choice(_PAYLOADS)
        kind = self.random.random()
        if kind < 0.05:  # any byte, a wrong checksum
            at = self.random.randrange(len(payload))
            return payload[:at] + bytes([payload[at] ^ 1 << self.random.randrange(8)]) + payload[at + 1:]
        if kind < 0.07:
            return rdb.with_footer(rdb.body_of(payload), 11)
        if kind < 0.09:
            return self.random.choice([b"", b"x", payload[:9], payload[:10], rdb.with_footer(b""), rdb.with_footer(b"\x00"), rdb.with_footer(b"\x63\x01a")])
        return payload

    def restore(self):
        ttl = self.random.choice([b"0"] * 12 + [b"1000000", b"5000000000", b"-1", b"x", b""])
        request = [b"RESTORE", self.key(), ttl, self.dump_payload()]
        for _ in range(self.random.choice([0, 1, 1, 1, 2, 3])):
            option = self.random.choice([b"REPLACE"] * 6 + [b"ABSTTL", b"IDLETIME", b"FREQ", b"NOP"])
            request.append(self.case(option))
            if option in (b"IDLETIME", b"FREQ"):
                request.append(self.integer(-2, 300))
        return request

    def digest(self):
        return [b"DEBUG", b"DIGEST-VALUE", *self.some_keys(1, 3)]

    def memory_usage(self):
        """Figures differ; errors and missing keys do not."""
        return [b"MEMORY", b"USAGE", self.prefix + b"missing",
                *self.random.choice([[], [b"SAMPLES", b"0"], [b"SAMPLES", b"-1"], [b"SAMPLES"], [b"x"], [b"SAMPLES", b"x"]])]


COMMANDS = [(DumpRequests.dump, 4), (DumpRequests.restore, 5), (DumpRequests.digest, 4), (DumpRequests.memory_usage, 0.3)]
TIMELESS = {b"DUMP": _without_order}
