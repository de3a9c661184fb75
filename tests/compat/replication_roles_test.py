#!/usr/bin/env python3
"""Who is primary and who is replica, and how that changes: scenes with several servers.

Each scene is played by redis-servers only, by shards only, and by both in turn; all must show the same: replies, ROLE, INFO replication, log
lines, and how replicas are brought into sync (partially or fully). Ports, ids and addresses are replaced by their places.
"""

import os
import re
import signal

import keyway_testing as kt

_R, _K = kt.RedisServer, kt.KeywayShard
_LINES = re.compile(
    r"MASTER MODE enabled|REPLICAOF|Setting secondary replication ID|[Ff]ailover|FAILOVER|Waiting for replicas before|replicas are in sync"
    r"|Lagging replica|Shutdown manually aborted|User requested shutdown|Changing replication IDs|Master replication ID changed")
_VOLATILE = {"master_last_io_seconds_ago", "master_link_down_since_seconds", "repl_backlog_size", "master_sync_total_bytes",
             "master_sync_read_bytes", "master_sync_left_bytes", "master_sync_perc", "master_sync_last_io_seconds_ago"}
_SYNCS = ("sync_full", "sync_partial_ok", "sync_partial_err")


class Scene:
    """Some servers, A, B, C, and what was noted about them."""

    def __init__(self, test, kinds):
        self.test, self.kinds = test, kinds
        self.seen, self.names, self.servers, self.admins = [], {}, [], []

    def note(self, *what):
        self.seen += [self.plain(thing) for thing in what]

    def plain(self, thing):
        """Without what differs from run to run."""
        if isinstance(thing, (bytes, bytearray)):
            thing = thing.decode()
        if isinstance(thing, (list, tuple)):
            return [self.plain(part) for part in thing]
        if isinstance(thing, dict):
            return {name: self.plain(value) for name, value in thing.items()}
        if not isinstance(thing, (str, int)):
            return thing
        text = str(thing)
        for place, server in enumerate(self.servers):
            text = re.sub(rf"(?<!\d){server.port}(?!\d)", f"port-{'ABC'[place]}", text)
        text = re.sub(r"[0-9a-f]{40}", lambda match: self.names.setdefault(match[0], f"id-{len(self.names)}")
                      if match[0] != "0" * 40 else "no-id", text)
        return text

    def start(self, **directives):
        kind = self.kinds[len(self.servers) % len(self.kinds)]
        server = self.test.start(kind(**{"repl_diskless_sync_delay": 0, "repl_ping_replica_period": 3600, "enable_debug_command": "yes",
                                         "repl_diskless_sync": "yes", **directives}))
        self.servers.append(server)
        self.admins.append(self.client(server))
        return server

    def client(self, server):
        client = server.client(timeout=30.0)
        self.test.addCleanup(client.close)
        return client

    def call(self, server, *words):
        return self.admins[self.servers.index(server)].call(*words)

    def value(self, server, *words):
        return self.admins[self.servers.index(server)].value(*words)

    def info(self, server, section="replication"):
        text = self.value(server, "INFO", section).decode()
        return dict(line.split(":", 1) for line in text.splitlines() if line and not line.startswith("#"))

    def follow(self, replica, primary):
        self.note(self.call(replica, "REPLICAOF", "127.0.0.1", primary.port))

    def wait_for(self, server, section="replication", **fields):
        def reached():
            info = self.info(server, section)
            return all(str(value) == info.get(name) for name, value in fields.items())
        kt.wait_until(reached, timeout=30, what=f"{fields} of {'ABC'[self.servers.index(server)]}")

    def settle(self, *replicas):
        """Until these have everything that their primaries have, and these know it."""
        for replica in replicas:
            self.wait_for(replica, master_link_status="up")
        def level():
            for replica in replicas:
                role = self.value(replica, "ROLE")
                primary = next(server for server in self.servers if server.port == int(role[2]))
                said = self.value(primary, "ROLE")
                # Of a primary's ROLE; a replica that has replicas tells them in INFO only.
                if said[0] == b"master":
                    known = [entry for entry in said[2] if int(entry[1]) == replica.port]
                    if not known or int(known[0][2]) != said[1] or role[4] != said[1]:
                        return False
                else:
                    info = self.info(primary)
                    lines = [value for name, value in info.items() if re.fullmatch(r"slave\d+", name) and f"port={replica.port}," in value]
                    if not lines or f"offset={info['master_repl_offset']}," not in lines[0] or role[4] != said[4]:
                        return False
            return True
        kt.wait_until(level, timeout=30, what="all to be level")

    def note_roles(self, *servers):
        for server in servers or self.servers:
            role = self.plain(self.value(server, "ROLE"))
            if role[0] == "master":
                role[2].sort()
            info = {name: re.sub(r",lag=\d", "", value) for name, value in self.info(server).items() if name not in _VOLATILE}
            slaves = sorted(self.plain(value) for name, value in info.items() if re.fullmatch(r"slave\d+", name))
            info = {name: value for name, value in info.items() if not re.fullmatch(r"slave\d+", name)}
            self.note(role, slaves, info)

    def note_syncs(self, *servers):
        for server in servers or self.servers:
            stats = self.info(server, "stats")
            self.note({name: stats[name] for name in _SYNCS})

    def note_lines(self, server):
        lines = []
        for line in server.output().splitlines():
            match = re.search(r"\d+:[A-Z] \d\d \w{3} \d{4} [\d:.]+ ([*#.-]) (.*)", line)
            if match and _LINES.search(match[2]) and "Before turning into" not in match[2]:
                lines.append(f"{match[1]} " + re.sub(r"lag=\d+", "lag=N", re.sub(r"'id=.*'", "'client'", match[2])))
        self.note(lines)

    def stop(self, server):
        server.signal(signal.SIGSTOP)

    def go_on(self, server):
        server.signal(signal.SIGCONT)


class RolesTest(kt.TestCase):
    mixes = ([_K], [_R, _K, _R], [_K, _R, _K])

    def play(self, scene):
        seen = []
        for kinds in ([_R], *self.mixes):
            played = Scene(self, kinds)
            scene(played)
            seen.append(played.seen)
            for server in played.servers:
                server.kill()
            with self.subTest(kinds=[kind.__name__ for kind in kinds]):
                for place, (theirs, ours) in enumerate(zip(seen[0], seen[-1])):
                    self.assertEqual(ours, theirs, f"note {place}")
                self.assertEqual(len(seen[-1]), len(seen[0]))

    # --- REPLICAOF

    def test_a_chain(self):
        def scene(s):
            a, b, c = s.start(), s.start(), s.start()
            s.call(a, "SET", "before", "1")
            s.follow(b, a)
            s.settle(b)
            s.follow(c, b)
            s.settle(c)
            s.call(a, "SET", "after", "1", "EX", "1000")
            s.settle(b, c)
            s.note_roles()
            s.note_syncs()
            s.note(s.value(c, "MGET", "before", "after"))
            # Told the same again.
            s.note(s.call(c, "SLAVEOF", "127.0.0.1", b.port))
            # The middle one becomes a primary; the last one goes on with it, and the first one can, too.
            s.note(s.call(b, "REPLICAOF", "NO", "ONE"))
            s.settle(c)
            s.note_roles()
            s.call(b, "SET", "own", "1")
            s.settle(c)
            s.follow(a, b)
            s.settle(a, c)
            s.note_roles()
            s.note_syncs()
            s.note(s.value(a, "GET", "own"), s.value(c, "GET", "own"))
            s.note_lines(b)
        self.play(scene)

    def test_promotion(self):
        def scene(s):
            a, b, c = s.start(), s.start(), s.start()
            for i in range(50):
                s.call(a, "SET", f"key:{i}", "x")
            s.follow(b, a)
            s.settle(b)
            s.follow(c, a)
            s.settle(b, c)
            s.call(a, "SET", "shared", "1")
            s.settle(b, c)
            s.note(s.call(b, "SLAVEOF", "NO", "ONE"))
            # The others of the old primary go on with the new one.
            s.follow(c, b)
            s.settle(c)
            s.note_syncs()
            # The old one has written alone: it cannot.
            s.call(a, "SET", "lost", "1")
            s.follow(a, b)
            s.settle(a, c)
            s.note_syncs()
            s.note_roles()
            s.note(s.value(a, "EXISTS", "lost", "shared", "key:7"))
            for server in (a, b, c):
                s.note_lines(server)
        self.play(scene)

    def test_a_primary_that_was_a_replica_and_is_again(self):
        def scene(s):
            a, b = s.start(), s.start()
            s.call(a, "SET", "x", "1")
            s.follow(b, a)
            s.settle(b)
            s.note(s.call(b, "REPLICAOF", "NO", "ONE"))
            s.note_roles(b)
            s.follow(b, a)
            s.settle(b)
            s.note_syncs()
            s.note(s.call(b, "REPLICAOF", "NO", "ONE"), s.call(b, "SET", "y", "1"))
            s.follow(b, a)
            s.settle(b)
            s.note_syncs()
            s.note(s.value(b, "EXISTS", "y", "x"))
            s.note_roles()
        self.play(scene)

    def test_the_file(self):
        def scene(s):
            a = s.start()
            file = os.path.join(s.test.temporary_folder(), "server.conf")
            with open(file, "w", encoding="utf-8") as config:
                config.write(f"# a comment\nreplicaof 127.0.0.1 {a.port}\n")
            b = s.start(config_file=file)
            s.settle(b)
            s.note_roles()
            def words():
                s.note(s.call(b, "CONFIG", "REWRITE"))
                with open(file, encoding="utf-8") as config:
                    s.note([line for line in config.read().splitlines() if "replicaof" in line or "comment" in line])
                s.note(s.value(b, "CONFIG", "GET", "replicaof"))
            words()
            s.note(s.call(b, "REPLICAOF", "NO", "ONE"))
            words()
            s.follow(b, a)
            words()
        self.play(scene)

    # --- WAIT

    def test_wait(self):
        def scene(s):
            a, b, c = s.start(), s.start(), s.start()
            s.call(a, "SET", "x", "1")
            for replica in (b, c):
                s.follow(replica, a)
                s.settle(replica)
            writer, other = s.client(a), s.client(a)
            s.note(writer.call("SET", "x", "2"), writer.call("WAIT", "2", "0"), writer.value("WAIT", "0", "0") >= 0)
            s.note(writer.value("WAIT", "1", "0") >= 1)  # one may come before the other
            s.note(writer.call("WAIT", "3", "50"), writer.value("WAIT", "-1", "0") >= 0)
            s.settle(b, c)
            s.stop(c)
            s.note(other.call("WAIT", "2", "0"))
            s.note(writer.call("SET", "x", "3"), writer.call("WAIT", "1", "0"), writer.call("WAIT", "2", "100"))
            # One who has written nothing waits for nothing.
            fresh = s.client(a)
            s.note(fresh.call("WAIT", "2", "0"))
            writer.send(kt.encode("MULTI") + kt.encode("INCR", "x") + kt.encode("WAIT", "1", "0") + kt.encode("EXEC"))
            replies = [writer.read() for _ in range(4)]
            s.note(replies[:3], kt.parse(replies[3])[0])
            # Many at once, one gives up.
            waiting = [s.client(a) for _ in range(3)]
            for client in waiting:
                client.send(kt.encode("INCR", "n") + kt.encode("CLIENT", "ID") + kt.encode("WAIT", "2", "0") + kt.encode("PING"))
                client.read()
            ids = [kt.parse(client.read()) for client in waiting]
            s.wait_for(a, "clients", blocked_clients=3)
            s.note(s.call(a, "CLIENT", "UNBLOCK", ids[0], "ERROR"), waiting[0].read(), waiting[0].read())
            # Until the one that lives has acknowledged, which is a matter of a second.
            s.note(other.call("INCR", "n"), other.call("WAIT", "1", "0"))
            s.note(s.call(a, "CLIENT", "UNBLOCK", ids[1]), waiting[1].read(), waiting[1].read())
            s.go_on(c)
            s.note(waiting[2].read(), waiting[2].read())
            s.wait_for(a, "clients", blocked_clients=0)
            # It becomes a replica in the middle of a WAIT.
            s.stop(c)
            writer.send(kt.encode("INCR", "n") + kt.encode("WAIT", "2", "0") + kt.encode("PING"))
            s.note(writer.read())
            s.wait_for(a, "clients", blocked_clients=1)
            s.note(s.call(a, "REPLICAOF", "127.0.0.1", "1"), writer.read_to_end(), s.call(a, "WAIT", "0", "0"))
            s.go_on(c)
        self.play(scene)

    # --- FAILOVER

    def failover_scene(self, s, count=3):
        servers = [s.start() for _ in range(count)]
        s.call(servers[0], "SET", "x", "1")
        for replica in servers[1:]:
            s.follow(replica, servers[0])
            s.settle(replica)
        s.settle(*servers[1:])
        return servers

    def test_failover(self):
        def scene(s):
            a, b = self.failover_scene(s, 2)
            s.note(s.call(a, "FAILOVER"))
            s.wait_for(b, role="master")
            s.settle(a)
            s.note_roles()
            s.note(s.call(a, "SET", "x", "2"), s.call(b, "SET", "x", "3"))
            s.settle(a)
            # And back.
            s.note(s.call(b, "FAILOVER", "TO", "127.0.0.1", a.port, "TIMEOUT", "10000"))
            s.wait_for(a, role="master")
            s.settle(b)
            s.note_roles()
            s.note_syncs()
            s.note_lines(a)
            s.note_lines(b)
        self.play(scene)

    def test_failover_with_writers(self):
        def scene(s):
            a, b, c = self.failover_scene(s)
            s.stop(b)
            s.stop(c)
            writer, reader, later = s.client(a), s.client(a), s.client(a)
            s.note(writer.call("SET", "x", "2"))
            s.note(s.call(a, "FAILOVER", "TO", "127.0.0.1", b.port))
            s.note(s.info(a)["master_failover_state"])
            # Who writes waits, who reads does not.
            writer.send(kt.encode("SET", "x", "3"))
            later.send(kt.encode("MULTI") + kt.encode("INCR", "y") + kt.encode("EXEC"))
            s.wait_for(a, "clients", blocked_clients=2)
            s.note(reader.call("GET", "x"))
            s.note(s.call(a, "FAILOVER"), s.call(a, "FAILOVER", "TO", "127.0.0.1", c.port), s.call(a, "REPLICAOF", "NO", "ONE"),
                   s.call(a, "REPLICAOF", "127.0.0.1", b.port), s.call(a, "SYNC"), s.call(a, "PSYNC", "?", "-1"))
            s.go_on(b)
            s.note(writer.read())
            s.note([later.read() for _ in range(3)])
            s.settle(a)
            s.go_on(c)
            s.settle(c)
            s.note_roles(a, b)
            s.note(s.value(b, "GET", "x"), s.value(c, "GET", "x"))
            for server in (a, b):
                s.note_lines(server)
        self.play(scene)

    def test_failover_aborted(self):
        def scene(s):
            a, b = self.failover_scene(s, 2)
            s.stop(b)
            writer = s.client(a)
            s.note(writer.call("SET", "x", "2"))
            s.note(s.call(a, "FAILOVER"), s.info(a)["master_failover_state"])
            writer.send(kt.encode("SET", "x", "3"))
            s.wait_for(a, "clients", blocked_clients=1)
            s.note(s.call(a, "FAILOVER", "ABORT"), writer.read(), s.call(a, "FAILOVER", "ABORT"))
            # The same by its timeout.
            s.note(s.call(a, "FAILOVER", "TO", "127.0.0.1", b.port, "TIMEOUT", "300"))
            writer.send(kt.encode("SET", "x", "4"))
            s.note(writer.read(), s.info(a)["master_failover_state"])
            s.note(s.call(a, "FAILOVER", "TIMEOUT", "200"))
            s.wait_for(a, master_failover_state="no-failover")
            s.go_on(b)
            s.settle(b)
            s.note_roles()
            s.note_syncs()
            s.note_lines(a)
        self.play(scene)

    def test_failover_forced(self):
        def scene(s):
            a, b = self.failover_scene(s, 2)
            s.note(s.call(a, "FAILOVER", "TO", "127.0.0.1", b.port, "FORCE"), s.call(a, "FAILOVER", "FORCE", "TIMEOUT", "10"))
            s.stop(b)
            s.call(a, "SET", "x", "2")
            s.note(s.call(a, "FAILOVER", "TO", "127.0.0.1", b.port, "FORCE", "TIMEOUT", "200"))
            s.wait_for(a, master_failover_state="failover-in-progress")
            s.note(s.info(a)["role"], s.call(a, "FAILOVER"), s.call(a, "REPLICAOF", "NO", "ONE"))
            # Taken back in the middle.
            s.note(s.call(a, "FAILOVER", "ABORT"), s.info(a)["role"], s.call(a, "SET", "x", "3"))
            s.note(s.info(a)["master_failover_state"])
            s.note_lines(a)
        self.play(scene)

    def test_failover_forced_to_one_that_comes_back(self):
        def scene(s):
            a, b = self.failover_scene(s, 2)
            s.stop(b)
            s.note(s.call(a, "SET", "x", "2"), s.call(a, "FAILOVER", "TO", "127.0.0.1", b.port, "FORCE", "TIMEOUT", "200"))
            s.wait_for(a, master_failover_state="failover-in-progress")
            s.go_on(b)
            s.wait_for(b, role="master")
            s.settle(a)
            s.note(s.info(a)["master_failover_state"], s.info(a)["role"])
            # What it had not got yet may have come before the request, or never.
            s.note(s.value(a, "GET", "x") == s.value(b, "GET", "x"))
        self.play(scene)

    def test_failover_to_whom(self):
        def scene(s):
            a, b, c = self.failover_scene(s)
            for words in (["TO", "127.0.0.1", "1"], ["TO", "localhost", b.port], ["TO", "127.0.0.1", a.port], ["TO", "127.0.0.1", "-1"],
                          ["TO", "127.0.0.1", b.port + 65536], ["FORCE"], ["FORCE", "TIMEOUT", "5"], ["TO", "127.0.0.1", b.port, "FORCE"]):
                s.note(s.call(a, "FAILOVER", *words))
            s.note(s.call(b, "FAILOVER"))
            s.note(s.call(a, "FAILOVER", "TIMEOUT", "10000", "TO", "127.0.0.1", c.port))
            s.wait_for(c, role="master")
            s.settle(a, b)
            s.note_roles()
            s.note_syncs(c)
        self.play(scene)

    def test_failover_is_refused(self):
        def scene(s):
            a, b = self.failover_scene(s, 2)
            s.stop(b)
            s.call(a, "SET", "x", "2")
            s.note(s.call(a, "FAILOVER", "TO", "127.0.0.1", b.port, "FORCE", "TIMEOUT", "100"))
            s.wait_for(a, master_failover_state="failover-in-progress")
            # Not even asked by now.
            s.note(s.call(a, "FAILOVER", "ABORT"))
            # Whoever is a primary takes over from nobody.
            s.note(s.call(a, "PSYNC", "x", "1", "FAILOVER"))
            s.go_on(b)
            s.settle(b)
            with s.client(b) as client:
                s.note(client.call("PSYNC", "x", "1", "failover"))
            s.note(s.info(b)["role"])
        self.play(scene)

    # --- SHUTDOWN

    def lagging(self, s, **directives):
        a, b = s.start(**directives), s.start()
        s.call(a, "SET", "x", "1")
        s.follow(b, a)
        s.settle(b)
        s.stop(b)
        s.note(s.call(a, "SET", "x", "2"))
        return a, b

    def test_shutdown_waits(self):
        def scene(s):
            a, b = self.lagging(s)
            ending, writer = s.client(a), s.client(a)
            ending.send(kt.encode("SHUTDOWN"))
            s.wait_for(a, "clients", blocked_clients=1)
            writer.send(kt.encode("SET", "x", "3"))
            s.wait_for(a, "clients", blocked_clients=2)
            s.note(0 < int(s.info(a, "server")["shutdown_in_milliseconds"]) <= 10000)
            s.note(s.call(a, "GET", "x"))
            # Taken back: who has asked is told so, who has waited goes on.
            s.note(s.call(a, "SHUTDOWN", "ABORT"), ending.read(), writer.read(), s.call(a, "SHUTDOWN", "ABORT"))
            s.note("shutdown_in_milliseconds" in s.info(a, "server"), s.info(a, "errorstats"))
            # From redis-server's client of before no request would end well.
            ending = s.client(a)
            ending.send(kt.encode("SHUTDOWN", "NOSAVE"))
            s.wait_for(a, "clients", blocked_clients=1)
            # A second one only waits for the first.
            writer.send(kt.encode("SHUTDOWN", "NOW"))
            s.wait_for(a, "clients", blocked_clients=2)
            s.go_on(b)
            s.note(ending.read_to_end(), writer.read_to_end(), a.wait())
            s.note_lines(a)
            s.note(s.value(b, "GET", "x"))
        self.play(scene)

    def test_shutdown_waits_not_for_ever(self):
        def scene(s):
            a, b = self.lagging(s, shutdown_timeout=1)
            ending = s.client(a)
            ending.send(kt.encode("SHUTDOWN"))
            s.note(ending.read_to_end(), a.wait())
            s.note_lines(a)
            s.go_on(b)
        self.play(scene)

    def test_shutdown_now(self):
        for words, directives in ((["NOW"], {}), ([], {"shutdown_timeout": 0})):
            def scene(s, words=words, directives=directives):
                a, b = self.lagging(s, **directives)
                ending = s.client(a)
                ending.send(kt.encode("SHUTDOWN", *words))
                s.note(ending.read_to_end(), a.wait())
                s.note_lines(a)
                s.go_on(b)
            with self.subTest(words=words):
                self.play(scene)

    def test_shutdown_by_signals(self):
        def scene(s):
            a, b = self.lagging(s)
            a.signal(signal.SIGTERM)
            kt.wait_until(lambda: "shutdown_in_milliseconds" in s.info(a, "server"), what="the shutdown")
            a.signal(signal.SIGTERM)
            kt.wait_until(lambda: a.output().count("Received SIGTERM") == 2, what="the second signal")
            s.note(a.is_alive(), s.call(a, "SHUTDOWN", "ABORT"), s.call(a, "SET", "x", "3"))
            a.signal(signal.SIGINT)
            kt.wait_until(lambda: "shutdown_in_milliseconds" in s.info(a, "server"), what="the shutdown")
            s.go_on(b)
            s.note(a.wait())
            s.note_lines(a)
            s.note(s.value(b, "GET", "x"))
        self.play(scene)

    def test_shutdown_when_insisted_on(self):
        def scene(s):
            a, b = self.lagging(s)
            a.signal(signal.SIGTERM)
            kt.wait_until(lambda: "shutdown_in_milliseconds" in s.info(a, "server"), what="the shutdown")
            a.signal(signal.SIGINT)
            s.note(a.wait(), "You insist... exiting now." in a.output())
            s.go_on(b)
        self.play(scene)

    def test_shutdown_that_cannot_save(self):
        def scene(s):
            a, b = self.lagging(s, enable_protected_configs="yes")
            os.mkdir(os.path.join(a.folder, "folder"))
            s.call(a, "CONFIG", "SET", "dbfilename", "folder")
            ending, writer = s.client(a), s.client(a)
            ending.send(kt.encode("SHUTDOWN", "SAVE"))
            s.wait_for(a, "clients", blocked_clients=1)
            writer.send(kt.encode("SET", "x", "3"))
            s.wait_for(a, "clients", blocked_clients=2)
            s.go_on(b)
            s.note(ending.read(), writer.read(), s.call(a, "PING"))
            s.settle(b)
            s.note(s.value(b, "GET", "x"))
            s.note_lines(a)
        self.play(scene)

    def test_shutdown_without_lag(self):
        def scene(s):
            a, b = s.start(), s.start()
            s.follow(b, a)
            s.settle(b)
            ending = s.client(a)
            ending.send(kt.encode("SHUTDOWN"))
            s.note(ending.read_to_end(), a.wait())
            s.note_lines(a)
            s.wait_for(b, master_link_status="down")
            # A replica waits for its replicas, not for its primary.
            ending = s.client(b)
            ending.send(kt.encode("SHUTDOWN"))
            s.note(ending.read_to_end(), b.wait())
        self.play(scene)

    # --- DEBUG

    def test_debug(self):
        def scene(s):
            a, b = s.start(), s.start()
            s.call(a, "SET", "x", "1")
            s.follow(b, a)
            s.settle(b)
            s.note(s.call(a, "DEBUG", "REPLICATE", "SET", "only", "there"))
            s.settle(b)
            s.note(s.value(a, "EXISTS", "only"), s.value(b, "GET", "only"))
            s.note(s.call(b, "DEBUG", "REPLICATE", "SET", "y", "1"))
            s.call(a, "SET", "x", "2")
            s.settle(b)
            s.note_roles()
            s.note(s.call(b, "DEBUG", "RELOAD"), s.value(b, "GET", "x"))
            s.call(a, "SET", "x", "3")
            s.settle(b)
            s.note(s.call(a, "DEBUG", "RELOAD"), s.value(b, "GET", "x"))
            s.call(a, "SET", "x", "4")
            s.settle(b)
            s.note(s.value(b, "GET", "x"))
            s.note_syncs()
            # Nobody knows this id: with the next link everything begins anew.
            s.note(s.call(a, "DEBUG", "CHANGE-REPL-ID"))
            s.call(a, "CLIENT", "KILL", "TYPE", "replica")
            s.wait_for(a, "stats", sync_full=2)
            s.settle(b)
            s.note_syncs()
            s.note_roles()
            s.note_lines(a)
            s.note(s.call(b, "DEBUG", "SLEEP", "0.1"))
        self.play(scene)


if __name__ == "__main__":
    kt.main()
