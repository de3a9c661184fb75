"""What a proxy believes of the cluster: a node that was away and comes back with an old picture takes nothing back, and an outage
does not make proxies ask the nodes all the time."""

import os
import re
import signal
import threading
import time
import urllib.request

import keyway_testing as kt
import proxied_cluster


def metric(proxy, line_start):
    """The value of the first metric line that begins so."""
    with urllib.request.urlopen(f"http://127.0.0.1:{proxy.flags['http_port']}/metrics", timeout=10) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(line_start):
                return float(line.split()[-1])
    raise AssertionError(f"no metric {line_start}")


class TopologyTest(proxied_cluster.ProxiedClusterTest):
    """Three primaries; the first has a replica, which takes over when told to. Nothing happens by itself within a test."""

    node_directives = {"cluster_node_timeout": 60000, "repl_diskless_sync_delay": 0}

    @classmethod
    def new_proxy(cls, **flags):
        return super().new_proxy(**{"http_port": kt.free_port(), "topology_refresh_ms": 100, **flags})

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        replica = cls.start_once(kt.RedisServer(cluster_enabled="yes", **cls.node_directives))
        replica.call("CLUSTER", "MEET", "127.0.0.1", cls.nodes[0].port)
        cls.nodes.append(replica)
        kt.wait_until(lambda: kt.cluster_is_whole(cls.nodes), timeout=30, what="the replica to be known")
        reply = replica.call("CLUSTER", "REPLICATE", cls.nodes[0].value("CLUSTER", "MYID"))
        assert reply == b"+OK\r\n", reply

    def setUp(self):
        """self.primary and self.replica, in sync; `self.key` is theirs."""
        def pair():
            one, other = self.nodes[0], self.nodes[3]
            for primary, replica in ((one, other), (other, one)):
                if primary.value("ROLE")[0] == b"master" and replica.value("ROLE")[:4] == [
                        b"slave", b"127.0.0.1", primary.port, b"connected"]:
                    return primary, replica
            return None
        self.primary, self.replica = kt.wait_until(pair, timeout=30, what="the replica to be in sync")
        self.key = self.keys_of(self.primary, 1)[0]

    def take_over(self):
        self.assertEqual(self.replica.call("CLUSTER", "FAILOVER", "TAKEOVER"), b"+OK\r\n")

    def knows_the_owner(self, proxy):
        """Whether the proxy reads the key from where it says `here`, without a redirect."""
        moved = metric(proxy, 'keyway_proxy_redirects_total{kind="moved"}')
        return (proxy.call("GET", self.key) == b"$4\r\nhere\r\n"
                and metric(proxy, 'keyway_proxy_redirects_total{kind="moved"}') == moved)

    def test_a_primary_that_slept_through_its_failover(self):
        with self.proxy.client(timeout=30) as client:
            self.assertEqual(client.call("SET", self.key, "before"), b"+OK\r\n")
            epoch = metric(self.proxy, "keyway_proxy_topology_epoch")
            self.primary.signal(signal.SIGSTOP)
            try:
                self.take_over()
                self.replica.call("SET", self.key, "here")
                # What is sent to a primary that sleeps is not answered, so this is asked before anything else.
                kt.wait_until(lambda: metric(self.proxy, "keyway_proxy_topology_epoch") > epoch, timeout=30, what="the proxy to know")
                self.assertEqual(client.call("GET", self.key), b"$4\r\nhere\r\n")
            finally:
                self.primary.signal(signal.SIGCONT)
            # It claims its slots until the others have told it.
            while self.primary.value("ROLE")[0] == b"master":
                self.assertEqual(client.call("GET", self.key), b"$4\r\nhere\r\n")
            self.assertEqual(client.call("GET", self.key), b"$4\r\nhere\r\n")

    @staticmethod
    def is_replica_by(node, other):
        return any(re.search(rf":{other.port}@.* (myself,)?slave ", line) for line in node.value("CLUSTER", "NODES").decode().splitlines())

    def owner_by(self, node):
        slot = self.slot(self.key)
        for first, last, primary, *_ in node.value("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return primary[1]
        return None

    def test_a_node_cut_off_with_an_old_picture(self):
        """The old primary's identity and picture, at its address, without a link to the others that could teach it better."""
        with open(os.path.join(self.primary.folder, "nodes.conf"), encoding="utf-8") as file:
            picture = file.read()
        self.take_over()
        # From now on it is one of the nodes that the proxies know and ask.
        kt.wait_until(lambda: all(self.is_replica_by(node, self.primary) for node in self.nodes), what="all to know")
        self.replica.call("SET", self.key, "here")
        kt.wait_until(lambda: self.knows_the_owner(self.proxy), timeout=30, what="the proxy to know")
        self.primary.kill()
        old = kt.RedisServer(port=self.primary.port, cluster_enabled="yes", cluster_port=kt.free_port(), **self.node_directives)
        with open(os.path.join(old.folder, "nodes.conf"), "w", encoding="utf-8") as file:
            file.write(re.sub(r"@\d+", f"@{kt.free_port()}", picture))
        self.start(old)
        try:
            self.assertEqual(self.owner_by(old), old.port)
            # Of the proxy that knows better, and of one that has nobody else to begin with.
            fresh = self.start(self.new_proxy(startup_nodes=f"127.0.0.1:{old.port}"))
            kt.wait_until(lambda: self.knows_the_owner(fresh), timeout=30, what="the fresh proxy to know")
            for proxy in (self.proxy, fresh):
                stale = metric(proxy, "keyway_proxy_topology_stale_reports_total")

                def refused():
                    self.assertEqual(proxy.call("GET", self.key), b"$4\r\nhere\r\n")
                    return metric(proxy, "keyway_proxy_topology_stale_reports_total") >= stale + 3
                moved = metric(proxy, 'keyway_proxy_redirects_total{kind="moved"}')
                kt.wait_until(refused, timeout=60, what="old reports to be heard")
                self.assertEqual(metric(proxy, 'keyway_proxy_redirects_total{kind="moved"}'), moved)
        finally:
            old.kill()
            self.primary.start()

    def test_an_outage_is_no_stampede(self):
        proxies = [self.start(self.new_proxy(topology_refresh_ms=3600000, request_deadline_ms=1000)) for _ in range(2)]
        for proxy in proxies:
            self.wait_covered(proxy)
        dead = self.nodes[2]
        key = self.keys_of(dead, 1)[0]
        alive = [node for node in self.nodes if node is not dead]
        stop = threading.Event()

        def insist(proxy):
            with proxy.client(timeout=30) as client:
                while not stop.is_set():
                    client.call("GET", key)

        def questions():
            return sum(int(fields.split("=")[1].split(",")[0]) for node in alive
                       for name, fields in node.info("commandstats").items() if name == "cmdstat_cluster|nodes")

        # Not the proxy of the other tests, which asks all the time.
        self.proxy.signal(signal.SIGSTOP)
        dead.kill()
        threads = [threading.Thread(target=insist, args=(proxy,)) for proxy in proxies for _ in range(4)]
        try:
            started, before = time.monotonic(), questions()
            for thread in threads:
                thread.start()
            kt.wait_until(lambda: questions() >= before + 12, timeout=60, what="questions")
            kt.wait_until(lambda: time.monotonic() > started + 3, what="some time of outage")
            asked, seconds = questions() - before, time.monotonic() - started
            # Six quick rounds, then one in 375 milliseconds or more; a round asks others, too, when one takes long to answer.
            self.assertLessEqual(asked, len(proxies) * (10 + 7 * seconds), f"in {seconds} s")
        finally:
            self.proxy.signal(signal.SIGCONT)
            stop.set()
            dead.start()
            for thread in threads:
                thread.join()
        for proxy in proxies:
            kt.wait_until(lambda p=proxy: p.call("SET", key, "v") == b"+OK\r\n", timeout=30, what="the shard to serve again")


if __name__ == "__main__":
    kt.main()
