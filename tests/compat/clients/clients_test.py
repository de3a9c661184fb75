"""Real client libraries, unmodified: plain ones through two proxies, before our shards and before real redis-server
nodes alike, on a shard by itself and on redis-server, and cluster-aware ones on the shards."""

import os
import pathlib
import subprocess

import keyway_testing as kt

HERE = pathlib.Path(__file__).resolve().parent
_INTERPRETERS = {".py": "/usr/bin/python3", ".js": "node", ".rb": "ruby", ".php": "php"}


def client_program(name, *ports):
    """Runs one of the programs of this folder against the ports; its output when it fails."""
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
    if name == "hiredis_app":
        command = [str(pathlib.Path(os.environ["KEYWAY_HIREDIS_APP"]).absolute())]
    else:
        command = [_INTERPRETERS[pathlib.Path(name).suffix], str(HERE / name)]
    if name.endswith(".js"):
        modules = os.environ.get("KEYWAY_NODE_MODULES")
        if not modules:
            raise AssertionError("KEYWAY_NODE_MODULES does not say where the npm clients are: run tests/run")
        environment["NODE_PATH"] = modules
    done = subprocess.run([*command, "127.0.0.1", ",".join(map(str, ports))], env=environment, timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    if done.returncode != 0 or not done.stdout.rstrip().endswith("ok"):
        raise AssertionError(f"{name} failed with code {done.returncode}:\n{done.stdout[-8000:]}")


class PlainClients:
    """`ports`: of one Redis, by its own port or by those of two proxies."""

    ports = []

    def test_plain_calls_of_redis_py(self):
        client_program("plain_app.py", self.ports[-1])

    def test_plain_calls_of_ioredis_and_node_redis(self):
        client_program("plain_app.js", self.ports[-1])

    def test_redis_py(self):
        client_program("features_app.py", *self.ports)

    def test_ioredis_and_node_redis(self):
        client_program("features_app.js", *self.ports)

    def test_redis_rb(self):
        client_program("features_app.rb", *self.ports)

    def test_phpredis(self):
        client_program("features_app.php", *self.ports)

    def test_hiredis(self):
        client_program("hiredis_app", *self.ports)


class ServerTest(kt.TestCase):
    server_class = None

    @classmethod
    def setUpClass(cls):
        server = cls.server_class()
        cls.addClassCleanup(server.cleanup)
        cls.ports = [server.start().port]


class StandaloneShardTest(PlainClients, ServerTest):
    server_class = kt.KeywayShard


class RedisServerItselfTest(PlainClients, ServerTest):
    server_class = kt.RedisServer


class ProxiesBeforeKeywayShardsTest(PlainClients, kt.TestCase):
    node_class = kt.KeywayShard

    @classmethod
    def setUpClass(cls):
        _, proxies = kt.start_proxied_cluster(cls, cls.node_class, proxies=2, threads=2)
        cls.ports = [proxy.port for proxy in proxies]


class ProxiesBeforeRedisServersTest(ProxiesBeforeKeywayShardsTest):
    node_class = kt.RedisServer


class ClusterClientsTest(kt.TestCase):
    def test_on_keyway_shards(self):
        nodes = kt.start_cluster(self, kt.KeywayShard, primaries=3)
        client_program("cluster_app.py", nodes[0].port)
        client_program("cluster_app.js", nodes[0].port)

    def test_through_proxies_that_advertise_each_other(self):
        for node_class in (kt.KeywayShard, kt.RedisServer):
            nodes = kt.start_cluster(self, node_class, primaries=3)
            ports = kt.free_ports(3)
            advertise = ",".join(f"127.0.0.1:{port}" for port in ports)
            for port in ports:
                proxy = self.start(kt.KeywayProxy(port=port, startup_nodes=f"127.0.0.1:{nodes[0].port}", advertise=advertise))
                kt.wait_until(lambda: proxy.info("proxy").get("proxy_covered_slots") == "16384", what="the slot map")
            client_program("cluster_proxy_app.py", *ports)
            client_program("cluster_proxy_app.js", *ports)
            self.assertIn("All 16384 slots covered", kt.redis_cli_cluster("check", f"127.0.0.1:{ports[0]}"))


if __name__ == "__main__":
    kt.main()
