"""What the proxy does when the cluster is not at rest: slots that move, nodes that die, nodes that are not there yet,
clients that misbehave."""

import os
import random
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request

import keyway_testing as kt
import proxied_cluster


def fetch(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def metric(port, line_start):
    """The value of the first metric line that begins so."""
    for line in fetch(port, "/metrics")[1].splitlines():
        if line.startswith(line_start):
            return float(line.split()[-1])
    raise AssertionError(f"no metric {line_start}")


class MovingSlotsTest(proxied_cluster.ProxiedClusterTest):
    @classmethod
    def new_proxy(cls, **flags):
        # A look at the slots an hour: what it knows of a move, it knows from redirects.
        return super().new_proxy(topology_refresh_ms=3600000, http_port=kt.free_port(), **flags)

    def node_id(self, node):
        return node.value("CLUSTER", "MYID")

    def begin_move(self, slot):
        """Opens `slot` for a move; returns its owner and the node it goes to."""
        source = self.owner(slot)
        target = next(node for node in self.nodes if node is not source)
        self.assertEqual(target.call("CLUSTER", "SETSLOT", slot, "IMPORTING", self.node_id(source)), b"+OK\r\n")
        self.assertEqual(source.call("CLUSTER", "SETSLOT", slot, "MIGRATING", self.node_id(target)), b"+OK\r\n")
        return source, target

    def move_key(self, source, target, key):
        self.assertEqual(source.call("MIGRATE", "127.0.0.1", target.port, key, 0, 5000), b"+OK\r\n")

    def end_move(self, slot, target):
        # The target first: a slot must never be nobody's.
        for node in [target] + [node for node in self.nodes if node is not target]:
            self.assertEqual(node.call("CLUSTER", "SETSLOT", slot, "NODE", self.node_id(target)), b"+OK\r\n")

    def test_ask_and_moved_are_followed(self):
        http = self.proxy.flags["http_port"]
        slot = self.slot("{move}1")
        with self.proxy.client() as client:
            for number in range(3):
                client.call("SET", "{move}%d" % number, number)
            asked = metric(http, 'keyway_proxy_redirects_total{kind="ask"}')
            moved = metric(http, 'keyway_proxy_redirects_total{kind="moved"}')
            source, target = self.begin_move(slot)
            self.move_key(source, target, "{move}0")
            # One key is there, one here, one nowhere yet.
            replies = client.pipeline([["GET", "{move}0"], ["GET", "{move}1"], ["SET", "{move}new", "x"], ["GET", "{move}new"],
                                       ["GET", "{move}2"]])
            self.assertEqual(replies, [b"$1\r\n0\r\n", b"$1\r\n1\r\n", b"+OK\r\n", b"$1\r\nx\r\n", b"$1\r\n2\r\n"])
            self.assertGreater(metric(http, 'keyway_proxy_redirects_total{kind="ask"}'), asked)
            # Keys on both sides of a move: what can be asked key by key is, the rest waits until they are together.
            self.assertEqual(client.call("MGET", "{move}0", "{move}1"), b"*2\r\n$1\r\n0\r\n$1\r\n1\r\n")
            client.send(kt.encode("LCS", "{move}new", "{move}1"))
            for key in ["{move}1", "{move}2"]:
                self.move_key(source, target, key)
            self.end_move(slot, target)
            self.assertEqual(client.read(), b"$0\r\n\r\n")
            self.assertEqual(client.call("MGET", "{move}0", "{move}1", "{move}2", "{move}new"),
                             b"*4\r\n$1\r\n0\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\nx\r\n")
            # Unless the proxy has looked at the slots just before.
            for _ in range(5):
                source, target = self.begin_move(slot)
                for key in ["{move}0", "{move}1", "{move}2", "{move}new"]:
                    self.move_key(source, target, key)
                self.end_move(slot, target)
                self.assertEqual(client.call("GET", "{move}1"), b"$1\r\n1\r\n")
                if metric(http, 'keyway_proxy_redirects_total{kind="moved"}') > moved:
                    break
            self.assertGreater(metric(http, 'keyway_proxy_redirects_total{kind="moved"}'), moved)
            # The redirect made the proxy look at the slots.
            kt.wait_until(lambda: self.redirects_while(client, http, "{move}1") == 0, what="requests to go to the right shard")

    def test_keys_that_are_together_nowhere_are_waited_for(self):
        """One key is at the target already, the other is still to be made: the source sends it on, the target has it wait."""
        slot = self.slot("{wait}1")
        with self.proxy.client() as client:
            client.call("SET", "{wait}1", "v")
            source, target = self.begin_move(slot)
            self.move_key(source, target, "{wait}1")
            http = self.proxy.flags["http_port"]
            asked = metric(http, 'keyway_proxy_redirects_total{kind="ask"}')
            client.send(kt.encode("RENAME", "{wait}1", "{wait}2"))
            kt.wait_until(lambda: metric(http, 'keyway_proxy_redirects_total{kind="ask"}') > asked + 7, what="some attempts")
            self.end_move(slot, target)
            self.assertEqual(client.read(), b"+OK\r\n")
            self.assertEqual(client.call("GET", "{wait}2"), b"$1\r\nv\r\n")

    def redirects_while(self, client, http, key):
        before = metric(http, 'keyway_proxy_redirects_total{kind="moved"}')
        self.assertEqual(client.call("GET", key), b"$1\r\n1\r\n")
        return metric(http, 'keyway_proxy_redirects_total{kind="moved"}') - before

    def test_redirects_have_an_end(self):
        """Two nodes that each say the other has it."""
        proxy = self.start(self.new_proxy(max_redirects=3))
        self.wait_covered(proxy)
        slot = self.slot("{loop}")
        source, target = self.begin_move(slot)
        # Asked with ASKING, a node that does not import the slot points back to its owner.
        self.assertEqual(target.call("CLUSTER", "SETSLOT", slot, "STABLE"), b"+OK\r\n")
        try:
            with proxy.client() as client:
                reply = client.call("GET", "{loop}")
                self.assertTrue(reply.startswith(b"-ERR keyway-proxy: gave up after 3 redirects"), reply)
                self.assertEqual(client.call("PING"), b"+PONG\r\n")
        finally:
            source.call("CLUSTER", "SETSLOT", slot, "STABLE")

    def test_resharding_under_load(self):
        """redis-cli moves hundreds of slots while clients write: no error, and nothing lost."""
        stop, errors, counts = threading.Event(), [], {}

        def work(number):
            chance = random.Random(number)
            with self.proxy.client() as client:
                while not stop.is_set():
                    keys = [f"w{number}:{chance.randrange(500)}" for _ in range(20)]
                    # Pipelined, so that the order within one client is tested as well.
                    replies = client.pipeline([request for key in keys for request in (["INCR", key], ["GET", key])])
                    for key, incremented, read in zip(keys, replies[::2], replies[1::2]):
                        counts[key] = counts.get(key, 0) + 1
                        if kt.parse(incremented) != counts[key] or kt.parse(read) != b"%d" % counts[key]:
                            errors.append((key, counts[key], incremented, read))
                            return

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        try:
            ids = [self.node_id(node).decode() for node in self.nodes]
            for source, target in [(0, 1), (1, 2), (2, 0)]:
                kt.redis_cli_cluster("reshard", f"127.0.0.1:{self.nodes[0].port}", "--cluster-from", ids[source],
                                     "--cluster-to", ids[target], "--cluster-slots", 150, "--cluster-yes")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(errors, [])
        with self.proxy.client() as client:
            for key, count in counts.items():
                self.assertEqual(client.value("GET", key), b"%d" % count, key)


class DeadNodeTest(proxied_cluster.ProxiedClusterTest):
    proxy_flags = {"request_deadline_ms": 3000}

    def test_a_node_dies_and_comes_back(self):
        dead = self.nodes[1]
        here, there = self.keys_of(self.nodes[0], 2), self.keys_of(dead, 2)
        with self.proxy.client() as client:
            for key in here + there:
                client.call("SET", key, "v")
            dead.kill()
            # The others serve on until the cluster calls itself down.
            self.assertEqual(client.call("GET", here[0]), b"$1\r\nv\r\n")
            reply = client.call("GET", there[0])
            self.assertTrue(reply.startswith((b"-ERR keyway-proxy: no reply from", b"-CLUSTERDOWN")), reply)
            # An answer without that node's part would look complete.
            for request in (["MGET", here[0], there[0]], ["DBSIZE"], ["EXISTS", here[0], there[0]], ["KEYS", "*"]):
                reply = client.call(*request)
                self.assertEqual(reply[:1], b"-", f"{request}: {reply}")
            dead.start()
            kt.wait_until(lambda: client.call("SET", there[0], "w") == b"+OK\r\n", timeout=30, what="writes to be accepted again")
            kt.wait_until(lambda: client.call("MGET", here[0], there[0]) == b"*2\r\n$1\r\nv\r\n$1\r\nw\r\n", timeout=30, what="MGET")

    def test_a_short_absence_is_a_pause(self):
        """Requests wait for a shard that is restarted in time: reads, and writes that were never sent."""
        node = self.nodes[2]
        key = self.keys_of(node, 1)[0]
        proxy = self.start(self.new_proxy(request_deadline_ms=20000))
        self.wait_covered(proxy)
        with proxy.client(timeout=30) as client, proxy.client(timeout=30) as other:
            client.call("SET", key, "v")
            node.kill()
            client.send(b"".join(kt.encode("GET", key) + kt.encode("INCR", f"{{{key}}}:n") for _ in range(10)))
            other.send(kt.encode("GET", key) + kt.encode("GET", "elsewhere"))
            node.start()
            kt.wait_until(lambda: kt.cluster_is_whole(self.nodes), timeout=30, what="the cluster to heal")
            replies = [client.read() for _ in range(20)]
            # Started without its data, as nothing is saved. What the proxy promises: each request has the answer of
            # a shard, and they were not reordered. A node that has just started may call the cluster down.
            answers = [reply for reply in replies if not reply.startswith(b"-CLUSTERDOWN The cluster is down")]
            if any(reply.startswith(b"-UNCERTAIN") for reply in answers):
                self.skipTest("the connection was still up when the requests were sent")
            counts = [kt.parse(reply) for reply in answers if reply[:1] == b":"]
            self.assertEqual(counts, list(range(1, len(counts) + 1)))
            self.assertTrue(all(reply[:1] == b":" or reply == b"$-1\r\n" for reply in answers), replies)
            other.read()
            self.assertEqual(other.read(), b"$-1\r\n")

    def test_a_lost_write_says_that_its_fate_is_unknown(self):
        node = self.nodes[0]
        key = self.keys_of(node, 1)[0]
        with self.proxy.client() as client, self.proxy.client() as reader:
            client.call("SET", key, "1")
            node.signal(signal.SIGSTOP)
            client.send(kt.encode("INCR", key))
            reader.send(kt.encode("GET", key))
            # Both are on the wire; then the node is gone.
            time.sleep(0.2)
            node.kill()
            self.assertTrue(client.read().startswith(b"-UNCERTAIN "), "a write that was sent")
            node.start()
            kt.wait_until(lambda: kt.cluster_is_whole(self.nodes), timeout=30, what="the cluster to heal")
            self.assertIn(reader.read()[:1], (b"$", b"-"), "a read is repeated, or too late")

    def test_a_stuck_node_delays_nobody_else(self):
        node = self.nodes[0]
        stuck, free = self.keys_of(node, 1)[0], self.keys_of(self.nodes[1], 1)[0]
        node.signal(signal.SIGSTOP)
        try:
            with self.proxy.client() as waiting, self.proxy.client() as client:
                started = time.monotonic()
                waiting.send(kt.encode("INCR", stuck) + kt.encode("PING"))
                for _ in range(200):
                    client.call("SET", free, "v")
                self.assertEqual(client.call("GET", free), b"$1\r\nv\r\n")
                self.assertLess(time.monotonic() - started, 2.5)
                reply = waiting.read()
                self.assertTrue(reply.startswith(b"-UNCERTAIN no reply from"), reply)
                self.assertEqual(waiting.read(), b"+PONG\r\n")
        finally:
            node.signal(signal.SIGCONT)
        # The connection was kept: what the node answers late is nobody's, what it answers next is right.
        with self.proxy.client() as client:
            kt.wait_until(lambda: client.call("SET", stuck, "w") == b"+OK\r\n", what="the node to be served again")
            self.assertEqual(client.call("GET", stuck), b"$1\r\nw\r\n")


class UnreachableTest(kt.TestCase):
    def test_starts_without_a_cluster_and_finds_it_later(self):
        ports = kt.free_ports(3)
        http = kt.free_port()
        proxy = self.start(kt.KeywayProxy(startup_nodes=",".join(f"127.0.0.1:{port}" for port in ports), http_port=http,
                                          request_deadline_ms=1000))
        code, text = fetch(http, "/readyz")
        self.assertEqual(code, 503)
        self.assertIn("no slot map yet", text)
        self.assertEqual(fetch(http, "/healthz")[0], 200)
        with proxy.client() as client:
            self.assertEqual(client.call("PING"), b"+PONG\r\n")
            for request in ["GET a", "SET a 1", "MGET a b", "DBSIZE", "SCAN 0", "RANDOMKEY", "SELECT 1"]:
                reply = client.call(*request.split())
                self.assertTrue(reply.startswith(b"-CLUSTERDOWN keyway-proxy knows no cluster yet: "), f"{request}: {reply}")
            self.assertIn(b"keyspace_unavailable", client.call("INFO"))
            nodes = [self.start(kt.RedisServer(port=port, cluster_enabled="yes")) for port in ports]
            # Nodes without slots are not a cluster yet.
            self.assertEqual(fetch(http, "/readyz")[0], 503)
            kt.redis_cli_cluster("create", *(f"127.0.0.1:{node.port}" for node in nodes), "--cluster-yes")
            kt.wait_until(lambda: fetch(http, "/readyz")[0] == 200, timeout=20, what="/readyz")
            kt.wait_until(lambda: client.call("SET", "a", "1") == b"+OK\r\n", timeout=20, what="a write")
            self.assertEqual(client.call("MGET", "a", "b"), b"*2\r\n$1\r\n1\r\n$-1\r\n")


class ClientsTest(proxied_cluster.ProxiedClusterTest):
    """What clients may and may not do to the proxy."""

    proxy_count = 2
    proxy_flags = {"threads": 3}

    def resident(self, proxy):
        with open(f"/proc/{proxy.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * 4096

    def test_two_proxies_are_interchangeable(self):
        chance = random.Random(1)
        with self.proxies[0].client() as one, self.proxies[1].client() as other:
            for number in range(300):
                key = f"key:{chance.randrange(40)}"
                writer, reader = (one, other) if chance.random() < 0.5 else (other, one)
                writer.call("SET", key, number)
                self.assertEqual(reader.value("GET", key), b"%d" % number)
            found, cursor = set(), b"0"
            clients = [one, other]
            while True:
                # Every call of one SCAN by another proxy.
                clients.reverse()
                cursor, keys = clients[0].value("SCAN", cursor, "COUNT", 5)
                found.update(keys)
                if cursor == b"0":
                    break
            self.assertEqual(found, set(one.value("KEYS", "*")))

    def test_clients_of_all_threads_are_listed_and_killed(self):
        clients = [self.proxy.client() for _ in range(12)]
        for client in clients:
            self.addCleanup(client.close)
        for number, client in enumerate(clients):
            client.call("CLIENT", "SETNAME", f"c{number}")
        asker = clients[0]
        lines = asker.value("CLIENT", "LIST").decode().splitlines()
        names = {line.split(" name=")[1].split()[0]: dict(field.split("=", 1) for field in line.split()) for line in lines}
        self.assertTrue({f"c{number}" for number in range(12)} <= set(names))
        ids = [int(line.split()[0][3:]) for line in lines]
        self.assertEqual(ids, sorted(set(ids)))
        two = asker.value("CLIENT", "LIST", "ID", names["c3"]["id"], names["c4"]["id"]).decode().splitlines()
        self.assertEqual(len(two), 2)
        self.assertEqual(asker.value("CLIENT", "KILL", "ID", names["c5"]["id"]), 1)
        self.assertEqual(asker.value("CLIENT", "KILL", names["c6"]["addr"]), "OK")
        for number in (5, 6):
            with self.assertRaises((EOFError, ConnectionError)):
                clients[number].call("PING")
        killed = asker.value("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        self.assertGreaterEqual(killed, 9)
        self.assertEqual(asker.call("PING"), b"+PONG\r\n")
        self.assertEqual(asker.value("CLIENT", "KILL", "ID", names["c0"]["id"], "SKIPME", "no"), 1)
        with self.assertRaises((EOFError, ConnectionError)):
            asker.call("PING")

    def test_random_bytes(self):
        chance = random.Random(7)
        starts = [b"", b"*", b"$", b"*3\r\n$3\r\nSET\r\n", b"*1\r\n$", b"GET ", b'SET "', b"*2\r\n$3\r\nGET\r\n$1\r\n"]
        for _ in range(400):
            with self.proxy.client(timeout=5) as client:
                data = chance.choice(starts) + chance.randbytes(chance.randrange(300))
                if chance.random() < 0.5:
                    data = bytes(chance.choice(b"*$\r\n0123456789-GETSab \"'") for _ in range(chance.randrange(200)))
                try:
                    client.send(data + b"\r\n\r\n")
                    client.end_input()
                    client.read_to_end()
                except ConnectionError:
                    pass
        self.assertTrue(self.proxy.is_alive())
        with self.proxy.client() as client:
            self.assertEqual(client.call("PING"), b"+PONG\r\n")
        kt.wait_until(lambda: self.proxy.info("clients")["connected_clients"] == "1", what="the clients to be gone")

    def test_a_client_that_does_not_read_is_bounded(self):
        with self.proxy.client() as client:
            client.call("SET", "big", b"x" * 1_000_000)
        before = self.resident(self.proxy)
        greedy = self.proxy.client()
        self.addCleanup(greedy.close)
        greedy.socket.setblocking(False)
        sent = 0
        request = kt.encode("GET", "big") * 100
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            try:
                sent += greedy.socket.send(request)
            except BlockingIOError:
                time.sleep(0.01)
            except ConnectionError:
                break
        # Reading it has stopped long ago; others do not notice.
        with self.proxy.client() as client:
            self.assertEqual(client.call("GET", "small"), b"$-1\r\n")
        # A window of requests at most: 64 at first, a few once their replies are known to be large.
        self.assertLess(self.resident(self.proxy) - before, 300 << 20)

    def test_the_output_limit_closes(self):
        proxy = self.start(self.new_proxy(client_output_buffer_limit="4mb"))
        self.wait_covered(proxy)
        with proxy.client() as client:
            keys = [f"big:{number}" for number in range(16)]
            for key in keys:
                client.call("SET", key, b"x" * 1_000_000)
            # A reply that is made of several; one that a shard has whole would stop when the client does not read.
            client.send(kt.encode("MGET", *keys))
            kt.wait_until(lambda: "output buffer limits" in proxy.output(), what="the client to be closed")
            with self.assertRaises((EOFError, ConnectionError)):
                for _ in range(200):
                    client.read()
        self.assertEqual(proxy.call("PING"), b"+PONG\r\n")

    def test_the_input_limit_closes(self):
        proxy = self.start(self.new_proxy(client_query_buffer_limit="1mb"))
        with proxy.client() as client:
            try:
                client.send(b"*2\r\n$4\r\nECHO\r\n$4000000\r\n" + b"x" * 3_000_000)
                client.read_to_end()
            except ConnectionError:
                pass
        kt.wait_until(lambda: "query buffer" in proxy.output(), what="the log line")

    def test_maxclients(self):
        proxy = self.start(self.new_proxy(maxclients=3))
        clients = []
        for _ in range(3):
            clients.append(proxy.client())
            self.addCleanup(clients[-1].close)
            kt.wait_until(lambda: clients[-1].call("PING") == b"+PONG\r\n", what="an answer")
        with proxy.client() as rejected:
            self.assertEqual(rejected.read_to_end(), b"-ERR max number of clients reached\r\n")
        clients[0].close()

        def accepted():
            with proxy.client() as client:
                try:
                    return client.call("PING") == b"+PONG\r\n"
                except (EOFError, ConnectionError):
                    return False
        kt.wait_until(accepted, what="room for a client")

    def test_idle_clients_are_closed(self):
        proxy = self.start(self.new_proxy(timeout=1))
        with proxy.client() as client:
            self.assertEqual(client.call("PING"), b"+PONG\r\n")
            self.assertEqual(client.read_to_end(), b"")

    def test_clients_that_leave_in_the_middle(self):
        """Requests under way whose client is gone are nobody's, and nothing of them stays."""
        for _ in range(200):
            with self.proxy.client() as client:
                client.send(kt.encode("MGET", *[f"k{number}" for number in range(50)]) + kt.encode("DBSIZE") +
                            kt.encode("GET", "a") * 50 + kt.encode("CLIENT", "LIST") + kt.encode("SELECT", 1))
        try:
            kt.wait_until(lambda: self.proxy.info("clients")["connected_clients"] == "1", what="the clients to be gone")
        except AssertionError as error:
            raise AssertionError(self.proxy.value("CLIENT", "LIST").decode()) from error
        kt.wait_until(lambda: self.proxy.info("proxy")["proxy_requests_in_flight"] == "0", what="their requests to end")

    def test_deep_pipeline(self):
        """More requests than may be under way at a time, in one piece; the answers in their order."""
        with self.proxy.client(timeout=60) as client:
            requests = []
            for number in range(30000):
                requests.append(["SET", f"k{number}", number] if number % 3 == 0 else
                                ["ECHO", number] if number % 3 == 1 else ["GET", f"k{number - 2}"])
            data = b"".join(kt.encode(*request) for request in requests)
            sender = threading.Thread(target=client.send, args=(data,))
            sender.start()
            for number, request in enumerate(requests):
                reply = client.read()
                if number % 3 == 0:
                    self.assertEqual(reply, b"+OK\r\n")
                else:
                    wanted = b"%d" % (number if number % 3 == 1 else number - 2)
                    self.assertEqual(reply, b"$%d\r\n%s\r\n" % (len(wanted), wanted))
            sender.join()

    def test_redis_benchmark(self):
        done = subprocess.run(["redis-benchmark", "-p", str(self.proxy.port), "-t", "set,get,incr,mset", "-n", "20000", "-P", "16",
                               "-c", "50", "-r", "10000", "-q"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertNotIn("rror", done.stdout)


class StartAndStopTest(kt.TestCase):
    def run_with(self, *flags):
        program = kt.KeywayProxy().command()[0]
        return subprocess.run([program, *flags], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20,
                              check=False)

    def test_bad_flags_end_with_a_message(self):
        for flags, words in [(["--nosuch=1"], "nosuch"), (["--port=99999"], "--port must be between"), (["--port=abc"], "port"),
                             (["--startup_nodes=foo"], "--startup_nodes"), (["--startup_nodes="], "--startup_nodes"),
                             (["--threads=0"], "--threads"), (["--loglevel=loud"], "--loglevel"), (["extra"], "'extra' is no flag"),
                             (["--bind=nohost"], "--bind"), (["--client_output_buffer_limit=much"], "amount of memory"),
                             (["--logfile=/nosuch/dir/log"], "log")]:
            done = self.run_with(*flags)
            self.assertEqual(done.returncode, 1, f"{flags}: {done.stdout}")
            self.assertIn(words, done.stdout, flags)

    def test_a_port_in_use(self):
        port, http = kt.free_ports(2)
        self.start(kt.KeywayProxy(port=port, http_port=http))
        for flags in ([f"--port={port}"], [f"--port={kt.free_port()}", f"--http_port={http}"]):
            done = self.run_with(*flags)
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertIn("ddress already in use", done.stdout)

    def test_flagfile(self):
        proxy = kt.KeywayProxy()
        path = f"{proxy.folder}/flags"
        with open(path, "w", encoding="ascii") as file:
            file.write(f"--databases=7\n--threads=1\n--pidfile={proxy.folder}/pid\n")
        proxy.flags["flagfile"] = path
        self.start(proxy)
        self.assertEqual(proxy.value("CONFIG", "GET", "databases"), [b"databases", b"7"])
        with open(f"{proxy.folder}/pid", encoding="ascii") as file:
            self.assertEqual(int(file.read()), proxy.process.pid)

    def test_sigterm_finishes_what_is_under_way(self):
        node = self.start(kt.RedisServer(cluster_enabled="yes", enable_debug_command="yes"))
        node.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        kt.wait_until(lambda: b"cluster_state:ok" in node.call("CLUSTER", "INFO"), what="the cluster")
        proxy = self.start(kt.KeywayProxy(startup_nodes=f"127.0.0.1:{node.port}"))
        proxied_cluster.ProxiedClusterTest.wait_covered(proxy)
        idle, busy = proxy.client(), proxy.client()
        self.addCleanup(idle.close)
        self.addCleanup(busy.close)
        idle.call("PING")
        busy.call("PING")
        sleeper = node.client()
        self.addCleanup(sleeper.close)
        sleeper.send(kt.encode("DEBUG", "SLEEP", 1))
        time.sleep(0.1)
        busy.send(kt.encode("SET", "a", "1") + kt.encode("GET", "a"))
        kt.wait_until(lambda: proxy.info("proxy")["proxy_requests_in_flight"] == "2", what="the requests to be under way")
        proxy.signal(signal.SIGTERM)
        self.assertEqual(idle.read_to_end(), b"")
        self.assertEqual(busy.read_to_end(), b"+OK\r\n$1\r\n1\r\n")
        self.assertEqual(proxy.wait(), 0)

    def test_the_log_is_reopened(self):
        proxy = kt.KeywayProxy()
        proxy.flags["logfile"] = f"{proxy.folder}/proxy.log"
        self.start(proxy)
        os.rename(f"{proxy.folder}/proxy.log", f"{proxy.folder}/old.log")
        proxy.signal(signal.SIGUSR1)
        kt.wait_until(lambda: os.path.exists(f"{proxy.folder}/proxy.log"), what="the new log")
        self.assertEqual(proxy.stop(), 0)

    def test_metrics_are_well_formed(self):
        http = kt.free_port()
        proxy = self.start(kt.KeywayProxy(http_port=http, request_deadline_ms=100))
        for request in ["PING", "NOSUCH", "GET a", "SHUTDOWN"]:
            proxy.call(*request.split())
        status, text = fetch(http, "/metrics")
        self.assertEqual(status, 200)
        self.assertIn('keyway_proxy_requests_total{command="shutdown",result="refused"} 1', text)
        self.assertIn('keyway_proxy_requests_total{command="get",result="no_topology"} 1', text)
        try:
            done = subprocess.run(["promtool", "check", "metrics"], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, timeout=20, check=False)
        except FileNotFoundError:
            self.skipTest("promtool is not installed")
        self.assertEqual((done.returncode, done.stdout), (0, ""))


if __name__ == "__main__":
    kt.main()
