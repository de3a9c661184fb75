"""Replicas in a cluster: made by redis-cli, read from, promoted by failures and by operators, moved, reset; shards and redis-server on
both ends of each."""

import time

import keyway_testing as kt

NODE_TIMEOUT = 2000
KEYS = 200


def nodes_of(server):
    """CLUSTER NODES as {id: words of the line}."""
    return {line.split(" ")[0]: line.split(" ") for line in server.value("CLUSTER", "NODES").decode().splitlines()}


def flags_of(server, node_id):
    words = nodes_of(server).get(node_id)
    return words[2].split(",") if words else []


def my_id(server):
    return server.value("CLUSTER", "MYID").decode()


def my_id_of_port(server, port):
    """The id of the node with that port, as `server` knows it."""
    return next(node_id for node_id, words in nodes_of(server).items() if f":{port}@" in words[1])


def primary_id_of(server):
    """The id of the primary that a node replicates; "-" for a primary."""
    return nodes_of(server)[my_id(server)][3]


def state_of(server):
    text = server.value("CLUSTER", "INFO").decode()
    return dict(line.split(":", 1) for line in text.splitlines())


def error_of(server, *request):
    reply = server.call(*request)
    return reply.decode().strip() if reply.startswith(b"-") else ""


def is_primary(server):
    return primary_id_of(server) == "-"


class ReplicasTest(kt.TestCase):
    def nodes(self, *classes, **directives):
        directives = {"cluster_enabled": "yes", "cluster_node_timeout": NODE_TIMEOUT, "repl_diskless_sync_delay": 0, **directives}
        return [self.start(node_class(**directives)) for node_class in classes]

    def create(self, servers, replicas):
        kt.redis_cli_cluster("create", *(f"127.0.0.1:{server.port}" for server in servers), "--cluster-replicas", replicas,
                             "--cluster-yes", timeout=120)
        self.wait_whole(servers)

    def join(self, primaries, replicas):
        """A cluster of these primaries; `replicas`: pairs of a node and its primary."""
        kt.redis_cli_cluster("create", *(f"127.0.0.1:{server.port}" for server in primaries), "--cluster-yes")
        servers = primaries + [replica for replica, _ in replicas]
        for replica, _ in replicas:
            self.assertEqual(replica.value("CLUSTER", "MEET", "127.0.0.1", primaries[0].port), "OK")
        kt.wait_until(lambda: all(len(nodes_of(server)) == len(servers) for server in servers), timeout=30, what="all to know all")
        for replica, primary in replicas:
            kt.wait_until(lambda r=replica, p=primary: r.value("CLUSTER", "REPLICATE", my_id(p)) == "OK", what="CLUSTER REPLICATE")
        self.wait_whole(servers)
        return servers

    def wait_whole(self, servers):
        kt.wait_until(lambda: kt.cluster_is_whole(servers), timeout=60, what="a whole cluster")
        for server in servers:
            if not is_primary(server):
                self.wait_in_sync(server)
        def agree():
            views = [sorted((words[0], words[2].replace("myself,", ""), words[3], words[8:]) for words in nodes_of(server).values())
                     for server in servers]
            return all(view == views[0] for view in views) and not any({"fail", "fail?"} & set(words[1].split(",")) for words in views[0])
        kt.wait_until(agree, timeout=60, what="agreement")

    def wait_in_sync(self, server):
        kt.wait_until(lambda: server.info("replication").get("master_link_status") == "up", timeout=60, what="a replica in sync")

    def fill(self, server, prefix):
        for i in range(KEYS):
            self.set(server, f"{prefix}:{i}", i)

    def set(self, server, key, value):
        with server.client() as client:
            reply = client.call("SET", key, value)
        if reply.startswith(b"-MOVED"):
            with kt.Client(int(reply.split(b":")[-1])) as client:
                reply = client.call("SET", key, value)
        self.assertEqual(reply, b"+OK\r\n", key)

    def get(self, server, key):
        reply = server.value("GET", key)
        if str(reply).startswith("MOVED"):
            with kt.Client(int(str(reply).split(":")[-1])) as client:
                reply = client.value("GET", key)
        return reply

    def assert_filled(self, server, prefix):
        for i in range(KEYS):
            self.assertEqual(self.get(server, f"{prefix}:{i}"), str(i).encode(), f"{prefix}:{i}")

    def assert_same_data(self, replica, primary):
        def same():
            return (replica.value("DBSIZE") == primary.value("DBSIZE") and
                    replica.value("DEBUG", "DIGEST") == primary.value("DEBUG", "DIGEST"))
        kt.wait_until(same, timeout=30, what="the same data")

    # ---- A cluster as redis-cli makes it.

    def make_six(self, node_class):
        servers = self.nodes(*[node_class] * 6, enable_debug_command="yes", appendonly="yes")
        self.create(servers, 1)
        return servers

    def pairs_of(self, servers):
        by_id = {my_id(server): server for server in servers}
        return [(server, by_id[primary_id_of(server)]) for server in servers if not is_primary(server)]

    def test_six_with_replicas(self):
        servers = self.make_six(kt.KeywayShard)
        pairs = self.pairs_of(servers)
        self.assertEqual(len(pairs), 3)
        self.assertEqual(len({primary.port for _, primary in pairs}), 3)
        self.fill(servers[0], "a")
        for replica, primary in pairs:
            self.assert_same_data(replica, primary)
            self.check_views(replica, primary, servers)
            self.check_reads(replica, primary)
        self.assertIn("[OK] All 16384 slots covered.", kt.redis_cli_cluster("check", f"127.0.0.1:{servers[3].port}"))
        self.check_restart(servers)

    def check_views(self, replica, primary, servers):
        for server in servers:
            lines = server.value("CLUSTER", "REPLICAS", my_id(primary))
            self.assertEqual([line.decode().split()[0] for line in lines], [my_id(replica)])
            self.assertEqual(error_of(server, "CLUSTER", "REPLICAS", my_id(replica)), "-ERR The specified node is not a master")
            # A replica is listed when its offset is known, from its next heartbeat.
            def listed(server=server):
                rows = [row for row in server.value("CLUSTER", "SLOTS") if row[2][1] == primary.port]
                return rows and all([node[1] for node in row[2:]] == [primary.port, replica.port] and
                                    row[3][2].decode() == my_id(replica) for row in rows)
            kt.wait_until(listed, what="the replica in CLUSTER SLOTS")
        info = state_of(replica)
        self.assertEqual(info["cluster_my_epoch"], nodes_of(primary)[my_id(primary)][6])
        self.assertEqual(info["cluster_size"], "3")
        for shard in replica.value("CLUSTER", "SHARDS"):
            fields = dict(zip(shard[::2], shard[1::2]))
            nodes = [dict(zip(node[::2], node[1::2])) for node in fields[b"nodes"]]
            self.assertEqual([node[b"role"] for node in nodes], [b"master", b"replica"])
            for node in nodes:
                self.assertEqual(node[b"health"], b"online")
                if node[b"port"] in (replica.port, primary.port):
                    self.assertGreater(node[b"replication-offset"], 0)

    def check_reads(self, replica, primary):
        keys = [f"a:{i}" for i in range(KEYS)]
        key = next(key for key in keys if primary.value("GET", key) is not None and
                   not str(primary.value("GET", key)).startswith("MOVED"))
        other = next(key for key in keys if str(primary.value("GET", key)).startswith("MOVED"))
        slot = primary.value("CLUSTER", "KEYSLOT", key)
        moved = f"-MOVED {slot} 127.0.0.1:{primary.port}"
        with replica.client() as client:
            def error(*request):
                return client.call(*request).decode().strip()
            self.assertEqual(error("GET", key), moved)
            self.assertEqual(client.value("READONLY"), "OK")
            self.assertEqual(client.value("GET", key), primary.value("GET", key))
            self.assertEqual(error("SET", key, "x"), moved)
            self.assertTrue(error("GET", other).startswith("-MOVED"))
            self.assertEqual(client.value("EVAL_RO", "return redis.call('get', KEYS[1])", 1, key), primary.value("GET", key))
            self.assertEqual(client.value("EVAL", "return redis.call('get', KEYS[1])", 1, key), primary.value("GET", key))
            self.assertTrue(error("EVAL", "#!lua\nreturn 1", 1, key).startswith("-MOVED"))
            self.assertEqual(client.value("MULTI"), "OK")
            self.assertEqual(client.value("GET", key), "QUEUED")
            self.assertEqual(client.value("EXEC"), [primary.value("GET", key)])
            self.assertEqual(client.value("MULTI"), "OK")
            self.assertEqual(error("SET", key, "x"), moved)
            self.assertTrue(error("EXEC").startswith("-EXECABORT"))
            self.assertEqual(client.value("READWRITE"), "OK")
            self.assertEqual(error("GET", key), moved)
            # A shard channel of a slot of its primary.
            channel = "{" + key + "}c"
            self.assertEqual(client.value("SSUBSCRIBE", channel), [b"ssubscribe", channel.encode(), 1])
            self.assertEqual(primary.value("SPUBLISH", channel, "hello"), 0)
            self.assertEqual(kt.value_of(client.read()), [b"smessage", channel.encode(), b"hello"])

    def check_restart(self, servers):
        roles = {my_id(server): primary_id_of(server) for server in servers}
        for server in servers:
            server.stop()
        for server in servers:
            server.start(wait=False)
        for server in servers:
            server.wait_ready()
        self.wait_whole(servers)
        self.assertEqual({my_id(server): primary_id_of(server) for server in servers}, roles)
        self.assert_filled(servers[0], "a")
        for replica, primary in self.pairs_of(servers):
            self.assert_same_data(replica, primary)

    def test_killed_primary_comes_back_as_a_replica(self):
        servers = self.make_six(kt.KeywayShard)
        self.kill_and_return(servers, self.pairs_of(servers)[0])

    def kill_and_return(self, servers, pair):
        replica, primary = pair
        self.fill(servers[0], "before")
        self.assert_same_data(replica, primary)
        primary.kill()
        others = [server for server in servers if server is not primary]
        kt.wait_until(lambda: is_primary(replica) and all(state_of(server)["cluster_state"] == "ok" for server in others), timeout=60,
                      what="the replica to take over")
        self.assert_filled(replica, "before")
        self.fill(replica, "after")
        primary.start()
        self.wait_whole(servers)
        self.assertEqual(primary_id_of(primary), my_id(replica))
        self.assert_same_data(primary, replica)
        self.assert_filled(primary, "before")
        self.assert_filled(primary, "after")

    # ---- Failover by an operator.

    def fail_over(self, replica, primary, servers, *mode):
        self.fill(primary, "x")
        self.assert_same_data(replica, primary)
        self.assertEqual(error_of(primary, "CLUSTER", "FAILOVER"), "-ERR You should send CLUSTER FAILOVER to a replica")
        self.assertEqual(error_of(replica, "CLUSTER", "FAILOVER", "perhaps"), "-ERR syntax error")
        # The others vote about one primary only now and then; an attempt that was denied ends by itself.
        asked = 0.0
        def changed():
            nonlocal asked
            if is_primary(replica):
                return primary_id_of(primary) == my_id(replica)
            if time.monotonic() - asked > 6:
                asked = time.monotonic()
                self.assertEqual(replica.value("CLUSTER", "FAILOVER", *mode), "OK")
            return False
        kt.wait_until(changed, timeout=40, what="the roles to change")
        self.wait_whole(servers)
        self.assert_filled(replica, "x")
        self.assert_same_data(primary, replica)

    def exercise_failovers(self, first_class, second_class):
        primaries = self.nodes(first_class, kt.KeywayShard, kt.KeywayShard, enable_debug_command="yes")
        replica, = self.nodes(second_class, enable_debug_command="yes")
        servers = self.join(primaries, [(replica, primaries[0])])
        self.fail_over(replica, primaries[0], servers)
        self.fail_over(primaries[0], replica, servers)
        self.fail_over(replica, primaries[0], servers, "FORCE")
        self.fail_over(primaries[0], replica, servers, "TAKEOVER")
        return servers

    def test_failover_between_shards(self):
        self.exercise_failovers(kt.KeywayShard, kt.KeywayShard)

    def test_failover_between_redis_and_shard(self):
        self.exercise_failovers(kt.RedisServer, kt.KeywayShard)

    def test_failover_of_a_primary_that_is_down(self):
        primaries = self.nodes(*[kt.KeywayShard] * 3)
        replica, = self.nodes(kt.KeywayShard, cluster_replica_no_failover="yes")
        self.join(primaries, [(replica, primaries[0])])
        down = my_id(primaries[0])
        primaries[0].kill()
        kt.wait_until(lambda: "fail" in flags_of(replica, down), timeout=30, what="the failure to be known")
        self.assertEqual(error_of(replica, "CLUSTER", "FAILOVER"),
                         "-ERR Master is down or failed, please use CLUSTER FAILOVER FORCE")
        self.assertEqual(replica.value("CLUSTER", "FAILOVER", "FORCE"), "OK")
        kt.wait_until(lambda: is_primary(replica), timeout=30, what="the replica to take over")
        primaries[0].start()
        self.wait_whole(primaries + [replica])
        self.assertEqual(primary_id_of(primaries[0]), my_id(replica))

    def what_clients_see(self, node_class):
        """Of a failover: those that wait, or listen, at the old primary and at the new one."""
        primaries = self.nodes(node_class, kt.KeywayShard, kt.RedisServer)
        replica, = self.nodes(node_class)
        old = primaries[0]
        self.join(primaries, [(replica, old)])
        key, stream = "b", "{b}s"  # of the first primary
        clients = {}
        def send(name, server, *requests):
            clients[name] = client = server.client()
            self.addCleanup(client.close)
            for request in requests[:-1]:
                client.call(*request)
            client.send(kt.encode(*requests[-1]))
        send("blpop", old, ("BLPOP", key, 0))
        send("xread", old, ("XREAD", "BLOCK", 0, "STREAMS", stream, "$"))
        send("ssubscribe", old, ("SSUBSCRIBE", key))
        send("reader of the replica", replica, ("READONLY",), ("XREAD", "BLOCK", 0, "STREAMS", stream, "$"))
        send("subscriber of the replica", replica, ("SSUBSCRIBE", key))
        for name in ("ssubscribe", "subscriber of the replica"):
            self.assertEqual(kt.value_of(clients[name].read())[0], b"ssubscribe")
        kt.wait_until(lambda: old.info("clients")["blocked_clients"] == "2" and replica.info("clients")["blocked_clients"] == "1",
                      what="clients to block")
        self.assertEqual(replica.value("CLUSTER", "FAILOVER"), "OK")
        kt.wait_until(lambda: is_primary(replica) and not is_primary(old), timeout=30, what="the roles to change")
        seen = {name: clients[name].read() for name in ("blpop", "xread", "ssubscribe")}
        self.wait_whole(primaries + [replica])
        self.assertEqual(replica.value("SPUBLISH", key, "hello"), 1)
        self.assertEqual(replica.call("XADD", stream, "1-1", "a", "b"), b"$3\r\n1-1\r\n")
        seen.update({name: clients[name].read() for name in ("reader of the replica", "subscriber of the replica")})
        def is_closed(client):
            try:
                return client.call("PING") is None
            except (OSError, EOFError):
                return True
        seen["closed"] = [is_closed(clients[name]) for name in ("blpop", "xread", "ssubscribe")]
        return {name: str(text).replace(str(replica.port), "PORT") for name, text in seen.items()}

    def test_what_clients_see_of_a_failover(self):
        self.assertEqual(self.what_clients_see(kt.KeywayShard), self.what_clients_see(kt.RedisServer))

    def test_keys_of_a_lost_slot_are_deleted_everywhere(self):
        primaries = self.nodes(*[kt.KeywayShard] * 3, appendonly="yes")
        replicas = self.nodes(kt.KeywayShard, kt.RedisServer)
        self.join(primaries, [(replica, primaries[0]) for replica in replicas])
        holders = [primaries[0], *replicas]
        self.assertEqual(primaries[0].value("MSET", "b", 1, "{b}2", 2), "OK")  # slot 3300
        self.assertEqual(primaries[0].value("SET", "f", 3), "OK")
        kt.wait_until(lambda: all(server.value("DBSIZE") == 3 for server in holders), what="the keys")
        self.assertEqual(primaries[1].value("CLUSTER", "SETSLOT", 3300, "NODE", my_id(primaries[1])), "OK")
        self.assertEqual(primaries[1].value("CLUSTER", "BUMPEPOCH")[:6], "BUMPED")
        kt.wait_until(lambda: all(server.value("DBSIZE") == 1 for server in holders), timeout=30, what="the keys to be gone")
        primaries[0].kill()
        primaries[0].start()
        kt.wait_until(lambda: is_primary(primaries[0]) and primaries[0].value("DBSIZE") == 1 or
                      not is_primary(primaries[0]), timeout=30, what="the file to hold the same")

    def test_minority_stops(self):
        """Cut off from the majority of the primaries, a primary and its replica serve nobody, but for reads if told to."""
        primaries = self.nodes(*[kt.KeywayShard] * 3, cluster_require_full_coverage="no")
        replica, = self.nodes(kt.KeywayShard, cluster_require_full_coverage="no")
        self.join(primaries, [(replica, primaries[0])])
        first = primaries[0]
        self.assertEqual(first.value("SET", "b", 1), "OK")  # slot 3300
        primaries[1].kill()
        kt.wait_until(lambda: "fail" in flags_of(first, my_id_of_port(first, primaries[1].port)), timeout=30, what="a failure")
        self.assertEqual(first.value("SET", "b", 2), "OK")
        self.assertTrue(error_of(first, "GET", "a").startswith("-MOVED"))
        primaries[2].kill()
        for server in (first, replica):
            kt.wait_until(lambda s=server: state_of(s)["cluster_state"] == "fail", timeout=30, what="the minority to notice")
        down = "-CLUSTERDOWN The cluster is down"
        self.assertEqual(error_of(first, "SET", "b", 3), down)
        self.assertEqual(error_of(first, "GET", "b"), down)
        with replica.client() as client:
            self.assertEqual(client.value("READONLY"), "OK")
            self.assertEqual(client.call("GET", "b").decode().strip(), down)
            for server in (first, replica):
                self.assertEqual(server.value("CONFIG", "SET", "cluster-allow-reads-when-down", "yes"), "OK")
            self.assertEqual(client.value("GET", "b"), b"2")
        self.assertEqual(first.value("GET", "b"), b"2")
        self.assertEqual(error_of(first, "SET", "b", 3), down + " and only accepts read commands")
        for server in primaries[1:]:
            server.start()
        self.wait_whole(primaries + [replica])
        self.assertEqual(first.value("SET", "b", 4), "OK")

    def test_pause_of_the_operator_outlives_a_failover(self):
        primaries = self.nodes(*[kt.KeywayShard] * 3)
        replica, = self.nodes(kt.KeywayShard)
        self.join(primaries, [(replica, primaries[0])])
        first = primaries[0]
        self.assertEqual(first.value("CLIENT", "PAUSE", 60000, "WRITE"), "OK")
        self.assertEqual(replica.value("CLUSTER", "FAILOVER"), "OK")
        kt.wait_until(lambda: is_primary(replica) and not is_primary(first), timeout=30, what="the roles to change")
        asked = 0.0
        def back():
            nonlocal asked
            if is_primary(first) and not is_primary(replica):
                return True
            if time.monotonic() - asked > 6:
                asked = time.monotonic()
                first.value("CLUSTER", "FAILOVER")
            return False
        kt.wait_until(back, timeout=40, what="the roles to change back")
        self.wait_whole(primaries + [replica])
        with first.client() as client:
            client.send(kt.encode("SET", "b", 1))
            self.assertEqual(first.value("GET", "b"), None)
            self.assertEqual(first.value("CLIENT", "UNPAUSE"), "OK")
            self.assertEqual(client.read(), b"+OK\r\n")

    # ---- Roles.

    def check_errors(self, node_class):
        """What CLUSTER's subcommands about roles say: the replies, for both programs alike."""
        primaries = self.nodes(node_class, kt.KeywayShard, kt.RedisServer)
        others = self.nodes(kt.RedisServer, node_class)
        self.join(primaries, [(others[0], primaries[2]), (others[1], primaries[1])])
        first, replica = primaries[0], others[1]
        ids = {"me": my_id(replica), "other": my_id(others[0]), "primary": my_id(primaries[1]), "first": my_id(first)}
        replies = []
        def ask(server, *request):
            words = [ids.get(word, word) for word in request]
            text = server.call("CLUSTER", *words).decode()
            for name, value in ids.items():
                text = text.replace(value, name)
            replies.append(text)
        unknown = "0123456789" * 4
        for request in (("REPLICATE", unknown), ("REPLICATE", "short"), ("REPLICATE", "me"), ("REPLICATE", "other"), ("REPLICATE",),
                        ("REPLICATE", "me", "me"), ("FAILOVER", "x"), ("FAILOVER", "force", "x"), ("REPLICAS", unknown),
                        ("REPLICAS", "other"), ("SLAVES", "other"), ("SLAVES", "me"), ("REPLICAS",), ("FORGET", "primary"),
                        ("FORGET", "me"), ("FORGET", unknown), ("RESET", "x"), ("RESET", "hard", "x"),
                        ("COUNT-FAILURE-REPORTS", "primary"), ("COUNT-FAILURE-REPORTS", unknown), ("HELP",)):
            ask(replica, *request)
        for request in (("REPLICATE", "primary"), ("REPLICATE", "other"), ("REPLICATE", "first"), ("FAILOVER",), ("FAILOVER", "FORCE"),
                        ("REPLICAS", "first")):
            ask(first, *request)
        return replies

    def test_errors(self):
        self.assertEqual(self.check_errors(kt.KeywayShard), self.check_errors(kt.RedisServer))

    def test_reset_of_a_replica(self):
        for node_class in (kt.KeywayShard, kt.RedisServer):
            for mode in ("SOFT", "HARD"):
                with self.subTest(node_class=node_class, mode=mode):
                    primary, replica = self.nodes(kt.KeywayShard, node_class)
                    self.assertEqual(primary.value("CLUSTER", "ADDSLOTSRANGE", 0, 16383), "OK")
                    self.assertEqual(replica.value("CLUSTER", "MEET", "127.0.0.1", primary.port), "OK")
                    kt.wait_until(lambda: len(nodes_of(replica)) == 2 and len(nodes_of(primary)) == 2, what="the nodes to meet")
                    kt.wait_until(lambda: replica.value("CLUSTER", "REPLICATE", my_id(primary)) == "OK", what="CLUSTER REPLICATE")
                    self.wait_in_sync(replica)
                    self.assertEqual(primary.value("FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() end)"),
                                     b"l")
                    kt.wait_until(lambda: state_of(primary)["cluster_state"] == "ok", what="the cluster to be ok")
                    self.assertEqual(primary.value("SET", "a", 1), "OK")
                    kt.wait_until(lambda: replica.value("DBSIZE") == 1, what="the key")
                    before = my_id(replica)
                    self.assertEqual(replica.value("CLUSTER", "RESET", mode), "OK")
                    self.assertEqual(replica.value("DBSIZE"), 0)
                    self.assertEqual(replica.value("FUNCTION", "LIST"), [])
                    self.assertEqual(replica.info("replication")["role"], "master")
                    self.assertEqual(my_id(replica) == before, mode == "SOFT")
                    self.assertEqual(state_of(replica)["cluster_known_nodes"], "1")
                    self.assertEqual(error_of(primary, "CLUSTER", "RESET"),
                                     "-ERR CLUSTER RESET can't be called with master nodes containing keys")

    def give_away(self, server, first, last, node_id):
        with server.client(timeout=60) as client:
            replies = client.pipeline([("CLUSTER", "SETSLOT", slot, "NODE", node_id) for slot in range(first, last + 1)])
        self.assertEqual(set(replies), {b"+OK\r\n"})

    def test_primary_that_loses_its_last_slot(self):
        """Another node claims its slots; with the last one it becomes a replica of where that went, and its replica, too."""
        for node_class in (kt.KeywayShard, kt.RedisServer):
            with self.subTest(node_class=node_class):
                primaries = self.nodes(kt.KeywayShard, kt.RedisServer)
                loser, replica = self.nodes(node_class, kt.KeywayShard)
                self.join(primaries + [loser], [(replica, loser)])
                keep, slots = my_id(primaries[0]), nodes_of(loser)[my_id(loser)][8]
                first, last = map(int, slots.split("-"))
                self.assertEqual(primaries[0].value("CLUSTER", "BUMPEPOCH")[:6], "BUMPED")
                self.give_away(primaries[0], first, last, keep)
                kt.wait_until(lambda: primary_id_of(loser) == keep and primary_id_of(replica) == keep, timeout=30,
                              what="both to follow the new owner")
                self.wait_whole(primaries + [loser, replica])

    def test_primary_without_slots_stays_one_if_told_to(self):
        first, second = self.nodes(kt.KeywayShard, kt.KeywayShard, cluster_allow_replica_migration="no")
        self.join([first, second, *self.nodes(kt.KeywayShard)], [])
        keep = my_id(second)
        low, high = map(int, nodes_of(first)[my_id(first)][8].split("-"))
        self.assertEqual(second.value("CLUSTER", "BUMPEPOCH")[:6], "BUMPED")
        for server in (second, first):
            self.give_away(server, low, high, keep)
        kt.wait_until(lambda: nodes_of(first)[my_id(first)][8:] == [], what="the slots to be gone")
        self.assertTrue(is_primary(first))

    def test_replica_migration(self):
        """A primary loses its only replica; another primary, which has two, gives one away: that with the lowest id."""
        primaries = self.nodes(kt.KeywayShard, kt.KeywayShard, kt.RedisServer)
        spare = self.nodes(kt.KeywayShard, kt.RedisServer)
        only, = self.nodes(kt.KeywayShard)
        servers = self.join(primaries, [(spare[0], primaries[0]), (spare[1], primaries[0]), (only, primaries[1])])
        mover = min(spare, key=my_id)
        only_id = my_id(only)
        only.kill()
        kt.wait_until(lambda: primary_id_of(mover) == my_id(primaries[1]), timeout=60, what="a replica to move")
        left = [server for server in servers if server is not only]
        stayed = next(server for server in spare if server is not mover)
        self.assertEqual(primary_id_of(stayed), my_id(primaries[0]))
        kt.wait_until(lambda: all("fail" in flags_of(server, only_id) for server in left), what="the failure to be known")
        self.wait_in_sync(mover)
        only.start()
        self.wait_whole(servers)

    def test_a_primary_that_moves_is_followed(self):
        """The port of a primary changes: its replica goes on at the new one."""
        for node_class in (kt.KeywayShard, kt.RedisServer):
            with self.subTest(node_class=node_class):
                primaries = self.nodes(node_class, kt.KeywayShard, kt.KeywayShard)
                replica, = self.nodes(kt.KeywayShard, cluster_replica_no_failover="yes")
                servers = self.join(primaries, [(replica, primaries[0])])
                old = primaries[0]
                old.stop()
                old.port = kt.free_port()
                old.directives["port"] = old.port
                old.start()
                kt.wait_until(lambda: replica.info("replication").get("master_port") == str(old.port), timeout=60,
                              what="the replica to follow")
                self.wait_whole(servers)

    def test_addresses_of_replicas(self):
        """Where clients are sent, by any kind of name: all nodes say the same."""
        primaries = self.nodes(kt.KeywayShard, kt.RedisServer, kt.KeywayShard)
        replicas = self.nodes(kt.KeywayShard, kt.RedisServer)
        servers = self.join(primaries, [(replicas[0], primaries[0]), (replicas[1], primaries[0])])
        for number, server in enumerate(servers):
            self.assertEqual(server.value("CONFIG", "SET", "cluster-announce-hostname", f"node{number}.example"), "OK")
        def seen(server):
            return [row[:3] + sorted(row[3:]) for row in server.value("CLUSTER", "SLOTS")]
        for kind in ("hostname", "ip", "unknown-endpoint"):
            for server in servers:
                self.assertEqual(server.value("CONFIG", "SET", "cluster-preferred-endpoint-type", kind), "OK")
            kt.wait_until(lambda: all(b"node4.example" in server.call("CLUSTER", "NODES") for server in servers), what="the names")
            kt.wait_until(lambda: len({server.call("CLUSTER", "NODES").count(b".example") for server in servers}) == 1, what="all names")
            expected = seen(servers[0])
            for server in servers[1:]:
                self.assertEqual(seen(server), expected, kind)
            key = "a"  # of the last primary
            replies = {server.call("GET", key) for server in servers if server is not primaries[2]}
            self.assertEqual(len(replies), 1, replies)
            self.assertTrue(replies.pop().startswith(b"-MOVED 15495 "))

    # ---- Both programs in one cluster.

    def test_mixed(self):
        primaries = self.nodes(kt.KeywayShard, kt.RedisServer, kt.KeywayShard, enable_debug_command="yes")
        replicas = self.nodes(kt.RedisServer, kt.KeywayShard, enable_debug_command="yes")
        servers = self.join(primaries, [(replicas[0], primaries[0]), (replicas[1], primaries[1])])
        self.kill_and_return(servers, (replicas[0], primaries[0]))
        self.kill_and_return(servers, (replicas[1], primaries[1]))
        self.assertIn("[OK] All 16384 slots covered.", kt.redis_cli_cluster("check", f"127.0.0.1:{servers[3].port}"))

    def test_nodes_file_of_the_other_program(self):
        """Each program starts as a replica from the nodes.conf of the other."""
        for first, second in ((kt.KeywayShard, kt.RedisServer), (kt.RedisServer, kt.KeywayShard)):
            with self.subTest(first=first):
                primaries = self.nodes(*[kt.KeywayShard] * 3)
                replica, = self.nodes(first)
                servers = self.join(primaries, [(replica, primaries[0])])
                was = my_id(replica)
                replica.stop()
                heir = second(port=replica.port, **{name: value for name, value in replica.directives.items()
                                                    if name not in ("port", "bind")})
                self.start(heir)
                servers[-1] = heir
                self.wait_whole(servers)
                self.assertEqual(my_id(heir), was)
                self.assertEqual(primary_id_of(heir), my_id(primaries[0]))


if __name__ == "__main__":
    kt.main()
