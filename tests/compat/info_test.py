#!/usr/bin/python3
"""INFO has redis-server's sections and fields, in its order; and the values that can be known are right."""

import re

import keyway_testing as kt

SECTIONS = ["server", "clients", "memory", "persistence", "stats", "replication", "cpu", "modules", "commandstats", "errorstats",
            "latencystats", "cluster", "keyspace"]
# Fields of ours that redis-server lacks.
OUR_OWN = {"keyway_version"}
# Fields of redis-server that are left out.
LEFT_OUT = set()
# Sections whose fields depend on what was called.
DYNAMIC = {"Commandstats", "Latencystats", "Errorstats"}


def fields(text):
    """[(section, [field, ...]), ...]"""
    sections = []
    for line in text.decode().splitlines():
        if line.startswith("# "):
            sections.append((line[2:], []))
        elif line:
            sections[-1][1].append(line.split(":")[0])
    return sections


def comparable(sections):
    return [(name, [field for field in names if field not in OUR_OWN | LEFT_OUT]) for name, names in sections if name not in DYNAMIC]


class InfoTest(kt.TestCase):
    def setUp(self):
        self.servers = [self.start(kt.RedisServer(enable_debug_command="yes")), self.start(kt.KeywayShard(enable_debug_command="yes"))]

    def both(self, *arguments):
        return [server.value(*arguments) for server in self.servers]

    def test_names_and_order(self):
        for arguments in [["everything"], ["all"], ["default"], [], *([name] for name in SECTIONS), ["cpu", "server"], ["nope", "stats"]]:
            with self.subTest(arguments):
                theirs, ours = (comparable(fields(text)) for text in self.both("INFO", *arguments))
                self.assertEqual(ours, theirs)

    def test_sections_that_grow(self):
        for server in self.servers:
            with server.client() as client:
                for request in [("SET", "a", "1"), ("GET", "a"), ("LPUSH", "a", "1"), ("GET",), ("CONFIG", "GET", "hz"), ("nope",)]:
                    client.call(*request)
        shapes = []
        for text in self.both("INFO", "commandstats", "errorstats", "latencystats"):
            lines = [line for line in text.decode().splitlines() if "ping" not in line and "info" not in line]
            # Names, and the names within the values.
            shapes.append(sorted("".join(c for c in line.split(":")[-1] if not c.isdigit() and c != ".") + line.split(":")[0] for line in lines))
        self.assertEqual(shapes[1], shapes[0])

    def test_values(self):
        for server in self.servers:
            with self.subTest(type(server).__name__), server.client() as client:
                client.value("CONFIG", "RESETSTAT")
                for i in range(10):
                    client.value("SET", f"key:{i}", "x", "PX", "1" if i == 0 else "100000000")
                kt.wait_until(lambda: client.value("DBSIZE") == 9, what="expiry")
                client.value("GET", "key:1")
                client.value("GET", "nope")
                client.value("LPUSH", "key:1", "x")
                info = server.info("everything")
                self.assertEqual(info["expired_keys"], "1")
                self.assertEqual(info["keyspace_hits"], "1")
                self.assertEqual(info["keyspace_misses"], "1")
                self.assertEqual(info["total_error_replies"], "1")
                self.assertEqual(info["errorstat_WRONGTYPE"], "count=1")
                self.assertEqual(info["connected_clients"], "2")
                self.assertEqual(info["blocked_clients"], "0")
                self.assertTrue(info["db0"].startswith("keys=9,expires=9,avg_ttl="), info["db0"])
                self.assertTrue(info["cmdstat_set"].startswith("calls=10,"), info["cmdstat_set"])
                self.assertIn("failed_calls=1", info["cmdstat_lpush"])
                self.assertGreater(int(info["used_memory"]), int(info["used_memory_startup"]))
                self.assertGreaterEqual(int(info["used_memory_peak"]), int(info["used_memory"]))
                self.assertEqual(int(info["used_memory_overhead"]) + int(info["used_memory_dataset"]), int(info["used_memory"]))
                self.assertGreater(int(info["used_memory_rss"]), 1 << 20)

    def test_used_memory_follows_the_data(self):
        for server in self.servers:
            with self.subTest(type(server).__name__), server.client() as client:
                before = int(server.info("memory")["used_memory"])
                client.value("SETRANGE", "big", "20000000", "x")
                self.assertAlmostEqual(int(server.info("memory")["used_memory"]) - before, 20_000_000, delta=6_000_000)
                client.value("DEL", "big")
                self.assertAlmostEqual(int(server.info("memory")["used_memory"]), before, delta=1_000_000)

    def test_waiting_clients(self):
        for server in self.servers:
            with self.subTest(type(server).__name__):
                with server.client() as client:
                    client.send(kt.encode("BLPOP", "list", "100"))
                    kt.wait_until(lambda: server.info("clients")["blocked_clients"] == "1", what="the client to wait")
                    self.assertEqual(server.info("clients")["clients_in_timeout_table"], "1")
                kt.wait_until(lambda: server.info("clients")["blocked_clients"] == "0", what="the client to go")
                self.assertEqual(server.info("clients")["clients_in_timeout_table"], "0")

    def test_persistence(self):
        """The fields and what they say in every state but loading."""
        seen = []
        volatile = re.compile("cow|buffer_length|pending_bio|perc|time_sec|save_time|_size$|processed|usec")
        for server in self.servers:
            states = []
            with server.client() as client:
                def note(state):
                    sections = [client.value("INFO", name).decode() for name in ("persistence", "memory", "stats")]
                    fields_of = [line.split(":", 1) for text in sections for line in text.splitlines() if ":" in line]
                    names = [name for name, _ in fields_of if re.match("loading|current_|rdb_|aof_|mem_not|mem_aof|latest_fork|total_forks", name)]
                    values = {name: value for name, value in fields_of if re.match("rdb_|aof_|total_forks", name) and not volatile.search(name)}
                    states.append((state, names, values))
                    return dict(fields_of)

                def waits(**wanted):
                    kt.wait_until(lambda: wanted.items() <= server.info("persistence").items(), timeout=30, what=str(wanted))

                for i in range(10):
                    client.value("SET", f"key:{i}", "x")
                note("some changes")
                client.value("SAVE")
                note("saved")
                client.value("CONFIG", "SET", "rdb-key-save-delay", "200000")
                client.value("BGSAVE")
                client.value("SET", "key:1", "y")
                waits(rdb_bgsave_in_progress="1")
                info = note("saving")
                self.assertEqual(info["current_save_keys_total"], "10")
                self.assertGreaterEqual(int(info["rdb_current_bgsave_time_sec"]), 0)
                client.value("CONFIG", "SET", "rdb-key-save-delay", "0")
                waits(rdb_bgsave_in_progress="0")
                info = note("saved in the background")
                self.assertEqual(info["current_fork_perc"], "0.00")
                self.assertGreater(int(info["latest_fork_usec"]), 0)
                client.value("CONFIG", "SET", "rdb-key-save-delay", "200000")
                client.value("CONFIG", "SET", "appendonly", "yes")
                waits(aof_rewrite_in_progress="1")
                info = note("the first rewrite")
                self.assertGreaterEqual(int(info["aof_current_rewrite_time_sec"]), 0)
                client.value("CONFIG", "SET", "rdb-key-save-delay", "0")
                waits(aof_rewrite_in_progress="0")
                client.value("SET", "key:1", "z")
                info = note("appendonly")
                self.assertEqual(info["mem_aof_buffer"], info["mem_not_counted_for_evict"])
                client.value("BGREWRITEAOF")
                waits(aof_rewrite_in_progress="0")
                info = note("rewritten")
                self.assertEqual(info["aof_base_size"], info["aof_current_size"])
                client.value("CONFIG", "RESETSTAT")
                note("reset")
                client.value("CONFIG", "SET", "appendonly", "no")
                note("off again")
            seen.append(states)
        for theirs, ours in zip(*seen):
            self.assertEqual(ours, theirs)

    def test_memory_of_the_append_only_buffer(self):
        for server in self.servers:
            with self.subTest(type(server).__name__), server.client() as client:
                client.value("CONFIG", "SET", "appendonly", "yes")
                kt.wait_until(lambda: server.info("persistence")["aof_rewrite_in_progress"] == "0", timeout=30)
                client.value("SET", "a", "x" * 100_000)
                stats = client.value("MEMORY", "STATS")
                stats = dict(zip(stats[::2], stats[1::2]))
                self.assertIn(b"aof.buffer", stats)
                self.assertEqual(client.call("CONFIG", "SET", "appendonly", "no"), b"+OK\r\n")

    def test_scripts_and_functions(self):
        library = "#!lua name=%s\nredis.register_function('%s1', function() return 1 end) redis.register_function('%s2', function() return 2 end)"
        names = ["number_of_cached_scripts", "number_of_functions", "number_of_libraries"]
        seen = []
        for server in self.servers:
            with server.client() as client:
                before = server.info("memory")
                for i in range(3):
                    client.value("EVAL", f"return {i}", "0")
                client.value("SCRIPT", "LOAD", "return 'loaded'")
                client.value("EVAL", "return nonsense(", "0")
                for name in ("a", "b"):
                    client.value("FUNCTION", "LOAD", library % (name, name, name))
                info = server.info("memory")
                seen.append([info[name] for name in names])
                self.assertEqual(info["used_memory_lua"], info["used_memory_vm_eval"])
                self.assertEqual(int(info["used_memory_vm_total"]), int(info["used_memory_vm_eval"]) + int(info["used_memory_vm_functions"]))
                self.assertEqual(int(info["used_memory_scripts"]), int(info["used_memory_scripts_eval"]) + int(info["used_memory_functions"]))
                self.assertGreater(int(info["used_memory_scripts_eval"]), int(before["used_memory_scripts_eval"]))
                self.assertGreater(int(info["used_memory_functions"]), int(before["used_memory_functions"]))
                stats = client.value("MEMORY", "STATS")
                stats = dict(zip(stats[::2], stats[1::2]))
                self.assertEqual(stats[b"lua.caches"], int(info["used_memory_scripts_eval"]))
                self.assertEqual(stats[b"functions.caches"], int(info["used_memory_functions"]))
                client.value("SCRIPT", "FLUSH", "SYNC")
                client.value("FUNCTION", "FLUSH", "SYNC")
                after = server.info("memory")
                seen[-1] += [after[name] for name in names]
                self.assertEqual(after["used_memory_functions"], before["used_memory_functions"])
        self.assertEqual(seen[1], seen[0])

    def test_memory_of_interpreters_is_no_used_memory(self):
        for server in self.servers:
            with self.subTest(type(server).__name__), server.client() as client:
                before = server.info("memory")
                # What a script kept last may be there still when it has ended.
                client.value("EVAL", "local t = {} for i = 1, 200000 do t[i] = i end return #t", "0")
                info = server.info("memory")
                grown = int(info["used_memory_vm_eval"]) - int(before["used_memory_vm_eval"])
                self.assertGreater(grown, 1_000_000)
                self.assertLess(int(info["used_memory"]) - int(before["used_memory"]), grown // 2)

    def test_doctor_about_many_scripts(self):
        texts = []
        for server in self.servers:
            with server.client() as client:
                client.value("DEBUG", "POPULATE", "100000")
                client.pipeline([("SCRIPT", "LOAD", f"return {i}") for i in range(1001)])
                texts.append(next(line for line in client.value("MEMORY", "DOCTOR").decode().splitlines() if "Many scripts" in line))
        self.assertEqual(*texts)


if __name__ == "__main__":
    kt.main()
