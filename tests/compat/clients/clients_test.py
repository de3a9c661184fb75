"""Real client libraries, unmodified: plain ones through the proxy, in front of our shards and of real redis-server
nodes alike, and cluster-aware ones on the shards."""

import os
import pathlib
import subprocess

import keyway_testing as kt

HERE = pathlib.Path(__file__).resolve().parent


def client_program(name, port):
    """Runs one of the programs of this folder against the port; its output when it fails."""
    environment = dict(os.environ)
    command = ["/usr/bin/python3"]
    if name.endswith(".js"):
        modules = os.environ.get("KEYWAY_NODE_MODULES")
        if not modules:
            raise AssertionError("KEYWAY_NODE_MODULES does not say where the npm clients are: run tests/run")
        environment["NODE_PATH"] = modules
        command = ["node"]
    done = subprocess.run([*command, str(HERE / name), "127.0.0.1", str(port)], env=environment, timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{name} failed:\n{done.stdout}")


class ClientsTest(kt.TestCase):
    def proxy_before(self, node_class):
        nodes = kt.start_cluster(self, node_class, primaries=3)
        seeds = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
        proxy = self.start(kt.KeywayProxy(startup_nodes=seeds, threads=2))
        kt.wait_until(lambda: not proxy.call("DBSIZE").startswith(b"-"), what="the proxy's topology")
        return nodes, proxy

    def test_plain_clients_before_keyway_shards(self):
        _, proxy = self.proxy_before(kt.KeywayShard)
        client_program("plain_app.py", proxy.port)
        client_program("plain_app.js", proxy.port)

    def test_plain_clients_before_redis_servers(self):
        _, proxy = self.proxy_before(kt.RedisServer)
        client_program("plain_app.py", proxy.port)
        client_program("plain_app.js", proxy.port)

    def test_plain_clients_on_a_standalone_shard(self):
        shard = self.start(kt.KeywayShard())
        client_program("plain_app.py", shard.port)
        client_program("plain_app.js", shard.port)

    def test_plain_clients_on_redis_server_itself(self):
        server = self.start(kt.RedisServer())
        client_program("plain_app.py", server.port)
        client_program("plain_app.js", server.port)

    def test_cluster_clients_on_keyway_shards(self):
        nodes = kt.start_cluster(self, kt.KeywayShard, primaries=3)
        client_program("cluster_app.py", nodes[0].port)
        client_program("cluster_app.js", nodes[0].port)


if __name__ == "__main__":
    kt.main()
