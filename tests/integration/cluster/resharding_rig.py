"""What the tests of moving slots share: clusters, redis-cli --cluster, keys of all types and their digests."""

import random
import subprocess

import keyway_testing as kt

SLOTS = 16384


def my_id(node):
    return node.value("CLUSTER", "MYID").decode()


def address(node):
    return f"127.0.0.1:{node.port}"


def lines_of(node):
    """CLUSTER NODES as {id: words}."""
    return {line.split(" ")[0]: line.split(" ") for line in node.value("CLUSTER", "NODES").decode().splitlines()}


def slots_of(node):
    """How many slots each primary has, as `node` knows."""
    counts = {}
    for node_id, words in lines_of(node).items():
        if "master" not in words[2]:
            continue
        counts[node_id] = 0
        for word in words[8:]:
            if not word.startswith("["):
                first, _, last = word.partition("-")
                counts[node_id] += int(last or first) - int(first) + 1
    return counts


def open_slots(node):
    return [word for words in lines_of(node).values() for word in words[8:] if word.startswith("[")]


def cli(*arguments, timeout=300):
    """As kt.redis_cli_cluster, but every question is answered with yes: --cluster-yes is not for all of them."""
    done = subprocess.run(["redis-cli", "--cluster", *map(str, arguments)], input="yes\n" * 10, timeout=timeout,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"redis-cli --cluster {arguments} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def digests(nodes):
    """All keys of these primaries with what DEBUG DIGEST-VALUE says of them; AssertionError if a key is on two."""
    found = {}
    for node in nodes:
        with node.client(timeout=60) as client:
            keys = client.value("KEYS", "*")
            for start in range(0, len(keys), 500):
                part = keys[start:start + 500]
                for key, (digest,) in zip(part, (kt.parse(reply) for reply in client.pipeline(
                        [("DEBUG", "DIGEST-VALUE", key) for key in part]))):
                    if key in found:
                        raise AssertionError(f"{key} is on two nodes")
                    found[key] = digest
    return found


def fill(nodes, count, seed=1):
    """`count` keys of all types, all over the slots. Returns how many there are."""
    numbers = random.Random(seed)
    client = kt.ClusterClient([node.port for node in nodes], timeout=10)
    try:
        for i in range(count):
            key = b"key:%d" % i
            words = [b"m%d" % numbers.randrange(1000) for _ in range(numbers.choice((1, 5, 200)))]
            request = numbers.choice((
                ["SET", key, b"v%d" % i],
                ["SET", key, numbers.randbytes(1000), "EX", 10000],
                ["RPUSH", key, *words],
                ["SADD", key, *words],
                ["SADD", key, *range(len(words))],
                ["HSET", key, *(word for pair in zip(words, words) for word in pair)],
                ["ZADD", key, *(word for pair in enumerate(words) for word in pair)],
                ["XADD", key, f"{i + 1}-1", "f", *words[:1]],
                ["PFADD", key, *words]))
            reply = client.call(*request, key=key)
            if reply.startswith(b"-"):
                raise AssertionError((request[0], reply))
    finally:
        client.close()
    return count


class ClusterCase(kt.TestCase):
    def nodes(self, *classes, **directives):
        directives = {"cluster_enabled": "yes", "cluster_node_timeout": 5000, "enable_debug_command": "yes", **directives}
        return [self.start(node_class(**directives)) for node_class in classes]

    def cluster(self, *classes, **directives):
        """Primaries."""
        nodes = self.nodes(*classes, **directives)
        cli("create", *map(address, nodes), "--cluster-yes")
        self.wait_whole(nodes)
        return nodes

    def wait_whole(self, nodes):
        kt.wait_until(lambda: kt.cluster_is_whole(nodes), timeout=60, what="a whole cluster")

    def wait_agreed(self, nodes):
        """Until redis-cli finds nothing wrong."""
        def check():
            try:
                return cli("check", address(nodes[0]))
            except AssertionError:
                return None
        return kt.wait_until(check, timeout=60, what="redis-cli --cluster check", interval=0.3)

    def wait_slots(self, nodes, expected):
        """Until all agree on how many slots each has."""
        kt.wait_until(lambda: all(slots_of(node) == expected for node in nodes), timeout=30,
                      what=f"{expected}, not {[slots_of(node) for node in nodes]}")
