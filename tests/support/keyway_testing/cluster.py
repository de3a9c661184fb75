"""A Redis Cluster of nodes of one class, made as an operator makes it."""

import subprocess

from keyway_testing.running import wait_until


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
