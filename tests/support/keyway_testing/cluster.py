"""A Redis Cluster of nodes of one class, made as an operator makes it, and proxies before one."""

import subprocess

from keyway_testing.ports import free_port
from keyway_testing.running import wait_until
from keyway_testing.servers import KeywayProxy


def cluster_is_whole(nodes):
    """Whether every node calls the cluster ok and knows all the others."""
    for node in nodes:
        text = node.value("CLUSTER", "INFO").decode()
        fields = dict(line.split(":", 1) for line in text.splitlines())
        if fields["cluster_state"] != "ok" or int(fields["cluster_known_nodes"]) != len(nodes):
            return False
    return True


def redis_cli_cluster(*arguments, timeout=60):
    """redis-cli --cluster with these arguments; its output. AssertionError with that output if it fails."""
    done = subprocess.run(["redis-cli", "--cluster", *map(str, arguments)], stdin=subprocess.DEVNULL, timeout=timeout,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"redis-cli --cluster {arguments} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def start_cluster(test, node_class, primaries=3, **directives):
    """Starts `primaries` nodes that `test` (a TestCase) ends, joins them with redis-cli --cluster create, and returns
    them when the cluster is whole."""
    directives = {"cluster_enabled": "yes", "cluster_node_timeout": 5000, **directives}
    nodes = [test.start(node_class(**directives)) for _ in range(primaries)]
    redis_cli_cluster("create", *(f"127.0.0.1:{node.port}" for node in nodes), "--cluster-yes")
    wait_until(lambda: cluster_is_whole(nodes), timeout=30, what="the cluster to become whole")
    return nodes


def start_proxied_cluster(test_class, node_class, primaries=3, proxies=1, directives=None, **flags):
    """Starts such nodes and `proxies` proxies with `flags` before them, each with metrics at flags["http_port"], for all tests of
    `test_class` (from its setUpClass), which ends them; returns nodes and proxies when every proxy knows a shard for every slot."""
    def start(server):
        test_class.addClassCleanup(server.cleanup)
        return server.start()
    directives = {"cluster_enabled": "yes", "cluster_node_timeout": 5000, **(directives or {})}
    nodes = [start(node_class(**directives)) for _ in range(primaries)]
    addresses = [f"127.0.0.1:{node.port}" for node in nodes]
    redis_cli_cluster("create", *addresses, "--cluster-yes")
    wait_until(lambda: cluster_is_whole(nodes), timeout=30, what="the cluster to become whole")
    started = [start(KeywayProxy(startup_nodes=",".join(addresses), http_port=free_port(), **flags)) for _ in range(proxies)]
    for proxy in started:
        wait_until(lambda: proxy.info("proxy").get("proxy_covered_slots") == "16384", what="the slot map")
    return nodes, started
