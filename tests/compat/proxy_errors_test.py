"""Every command and subcommand of redis-server with too few and too many arguments, and words that are none: a proxy gives the same error."""

import sys

import keyway_testing as kt

_WORDS = [b"a", b"1", b"x", b"0", b"y"]
# Names that no server knows, and what their errors quote.
_UNKNOWN = [
    [b"NOSUCH"], [b"nosuch", b"a"], [b"NoSuch", b"a", b"b", b"c"], [b"NOSUCH", b""], [b""], [b"", b""], [b"x" * 200], [b"x" * 127, b"y"], [b"x" * 128],
    [b"NOSUCH", b"y" * 200], [b"NOSUCH", b"y" * 100, b"z" * 100, b"w"], [b"NOSUCH", *[b"12345678"] * 40], [b"no\r\nsuch", b"a\r\nb"],
    [b"no\x00such", b"a\x00b"], [b"\xff\xfe", b"\xff"], [b"GET|x", b"a"], [b"config|get", b"a"], [b"object|encoding", b"a"], [b"get ", b"a"], [b"GE", b"a"],
    [b"GETT", b"a"], [b"'GET'", b"a"], [b"NOSUCH", b"it's", b'"quoted"'],
]


def subcommand_words(unknown):
    return [[unknown], [unknown, b"a"], [unknown.lower(), b"a", b"b"], [b""], [b"x" * 200], [b"a\r\nb"], [b"a\x00b", b"c"]]


def wrong_requests(rows):
    """Requests that no server executes: the rows are COMMAND's reply."""
    requests = list(_UNKNOWN)
    for row in rows:
        subcommands = row[9]
        for name, arity, words in [(row[0], row[1], [row[0]])] + [(sub[0], sub[1], sub[0].split(b"|")) for sub in subcommands]:
            requests += [words + _WORDS[:extra] for extra in range(len(_WORDS)) if
                         (0 < arity != len(words) + extra) or len(words) + extra < -arity]
            requests.append([words[0].upper(), *words[1:], *[b"v"] * (abs(arity) + 20)] if arity > 0 else [])
            if arity > 1 and len(words) < arity:
                requests.append([word.upper() for word in words])
        if subcommands:
            requests += [[row[0], *words] for words in subcommand_words(b"NOSUCH")]
            requests.append([row[0].upper(), b"NOSUCH|x"])
            requests.append([row[0], subcommands[0][0]])
    # A container without a subcommand may be a command itself (COMMAND).
    return [request for request in requests if request]


class ProxyErrorsTest(kt.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.reference = kt.RedisServer(enable_debug_command="yes")
        cls.addClassCleanup(cls.reference.cleanup)
        cls.reference.start()
        cls.rows = cls.reference.value("COMMAND")

    def proxy_before(self, node_class):
        nodes = kt.start_cluster(self, node_class)
        proxy = self.start(kt.KeywayProxy(startup_nodes=",".join(f"127.0.0.1:{node.port}" for node in nodes)))
        kt.wait_until(lambda: proxy.info("proxy").get("proxy_covered_slots") == "16384", what="the slot map")
        return proxy

    def compare(self, proxy, sequences):
        """Sends each sequence of requests to both and compares all replies."""
        differences, compared = [], 0
        with self.reference.client() as theirs, proxy.client() as ours:
            for sequence in sequences:
                wanted, actual = theirs.pipeline(sequence), ours.pipeline(sequence)
                self.assertTrue(any(reply.startswith(b"-") for reply in wanted), f"{sequence} is not wrong: {wanted}")
                compared += len(sequence)
                differences += [f"{request}\n  redis-server: {one}\n  keyway:       {other}"
                                for request, one, other in zip(sequence, wanted, actual) if one != other]
        print(f"{compared} requests compared", file=sys.stderr)
        self.assertEqual(len(differences), 0, "\n".join(differences))

    def test_alone_before_shards(self):
        self.compare(self.proxy_before(kt.KeywayShard), [[request] for request in wrong_requests(self.rows)])

    def test_alone_before_redis_servers(self):
        self.compare(self.proxy_before(kt.RedisServer), [[request] for request in wrong_requests(self.rows)])

    def test_in_a_transaction(self):
        self.compare(self.proxy_before(kt.KeywayShard),
                     [[[b"MULTI"], request, [b"PING"], [b"EXEC"]] for request in wrong_requests(self.rows)])


if __name__ == "__main__":
    kt.main()
