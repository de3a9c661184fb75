"""How a server ends, and how it starts again: redis-server and keyway-shard go through the same scenes, and what is seen must be the same."""

import os
import re
import signal

import keyway_testing as kt

SLOW = 200_000  # microseconds a key

# Lines of the log that belong to the end of a process, without what differs from run to run.
_NOISE = re.compile(r"terminated by signal|Fork CoW|Removing the unix|Killing running AOF|Removing the temp incr|Creating AOF|Successfully|Ready to accept|signal-handler")


def lines_of_the_end(text):
    """What a log tells from the first request to end on."""
    lines = []
    for line in text.splitlines():
        # Before it there may be a part of what redis-server's child writes, word by word, when it is killed.
        match = re.search(r"\d+:[A-Z] \d\d \w{3} \d{4} [\d:.]+ ([*#.-]) (.*)", line)
        if match is None or _NOISE.search(match[2]):
            continue
        level, message = match.groups()
        if re.match(r"Received .* shutdown", message):
            continue  # in another format
        message = re.sub(r"^(Redis|Keyway) is", "It is", message)
        message = re.sub(r"temp-\d+", "temp-N", re.sub(r"root dir [^)]*", "root dir D", message))
        if lines or message == "User requested shutdown...":
            lines.append(f"{level} {message}")
    return lines


class Scene:
    """What happens on one server."""

    def __init__(self, test, kind, directives):
        self.test = test
        self.kind = kind
        self.server = test.start(kind(**directives))
        self.probe = self.server.client(timeout=30.0)
        test.addCleanup(self.probe.close)
        self.seen = []

    def note(self, *what):
        self.seen += what

    def fill(self, keys=10):
        for i in range(keys):
            self.probe.call("SET", f"key:{i}", "x")

    def ends(self, *words):
        """SHUTDOWN, which must end the process."""
        self.probe.send(kt.encode("SHUTDOWN", *words) + kt.encode("SET", "never", "1"))
        self.note(self.probe.read_to_end(), self.server.wait(), lines_of_the_end(self.server.output()))
        self.note([name for name in os.listdir(self.server.folder) if name.startswith("temp-")])

    def breaks(self):
        """The RDB file cannot be written from now on."""
        os.mkdir(os.path.join(self.server.folder, "folder"))
        self.probe.call("CONFIG", "SET", "dbfilename", "folder")

    def starts_again(self, wait=True):
        if self.server.is_alive():
            self.server.stop()
        os.rename(self.server.log_path, self.server.log_path + ".old")
        self.server.start(wait)
        self.probe.close()
        if wait:
            self.probe = self.server.client(timeout=30.0)
            self.test.addCleanup(self.probe.close)
            self.note(self.probe.call("DBSIZE"), self.probe.call("EXISTS", "never"))

    def wait_for(self, **fields):
        kt.wait_until(lambda: fields.items() <= self.server.info("persistence").items(), timeout=30, what=str(fields))


class SceneTest(kt.TestCase):
    def compare(self, scene, **directives):
        """Plays `scene` on both servers and compares what it has noted."""
        seen = []
        for kind in (kt.RedisServer, kt.KeywayShard):
            played = Scene(self, kind, {"enable_debug_command": "yes", "enable_protected_configs": "yes", "save": "", **directives})
            scene(played)
            seen.append(played.seen)
        for theirs, ours in zip(*seen):
            self.assertEqual(ours, theirs)
        self.assertEqual(len(seen[1]), len(seen[0]))


class ShutdownTest(SceneTest):
    def test_saves_if_it_should(self):
        for save in ("", ["3600", "1"]):
            for words in ([], ["SAVE"], ["NOSAVE"], ["NOW"], ["FORCE"], ["nosave", "now", "force"], ["Save", "Force", "Now", "SAVE"]):
                def scene(s, words=words):
                    s.fill()
                    s.ends(*words)
                    s.note(sorted(os.listdir(s.server.folder)))
                    s.starts_again()
                with self.subTest(save=save, words=words):
                    self.compare(scene, save=save)

    def test_pid_file(self):
        def scene(s):
            s.ends()
            s.note(sorted(os.listdir(s.server.folder)))
        self.compare(scene, pidfile="server.pid")

    def test_nothing_is_executed_any_more(self):
        for kind in (kt.RedisServer, kt.KeywayShard):
            server = self.start(kind(save=["3600", "1"], appendonly="yes"))
            with server.client() as writer, server.client() as ending, server.client() as last:
                # All of it lies in the sockets when the server looks: it sleeps until then.
                os.kill(server.process.pid, signal.SIGSTOP)
                writer.send(kt.encode("INCR", "a") * 100)
                ending.send(kt.encode("SHUTDOWN"))
                last.send(kt.encode("INCR", "a") * 100)
                os.kill(server.process.pid, signal.SIGCONT)
                server.wait()
                counted = writer.read_to_end().count(b"\r\n") + last.read_to_end().count(b"\r\n")
            server.start()
            self.assertGreaterEqual(int(server.value("GET", "a") or 0), counted)

    def test_cannot_save(self):
        def scene(s):
            s.fill()
            s.breaks()
            s.note(s.probe.call("SHUTDOWN"), s.probe.call("PING"), s.probe.call("SHUTDOWN", "SAVE", "NOW"), s.probe.call("SET", "b", "1"))
            s.note(s.server.info("errorstats"), re.sub("usec.*?,rej", "rej", s.server.info("commandstats")["cmdstat_shutdown"]))
            s.note({name: value for name, value in s.server.info("persistence").items()
                    if name in ("rdb_last_bgsave_status", "rdb_changes_since_last_save", "rdb_saves")})
            s.note(lines_of_the_end(s.server.output()))
            s.probe.call("CONFIG", "SET", "dbfilename", "other.rdb")
            s.ends()
            s.note(sorted(os.listdir(s.server.folder)))
        self.compare(scene, save=["3600", "1"])

    def test_cannot_save_but_must_end(self):
        for words in (["FORCE"], ["NOSAVE"], ["SAVE", "FORCE"]):
            def scene(s, words=words):
                s.fill()
                s.breaks()
                s.note(s.probe.call("SHUTDOWN"))
                s.ends(*words)
            with self.subTest(words=words):
                self.compare(scene, save=["3600", "1"])

    def test_a_child_saves(self):
        for words in ([], ["NOSAVE"], ["SAVE"]):
            def scene(s, words=words):
                s.fill()
                s.probe.call("CONFIG", "SET", "rdb-key-save-delay", SLOW)
                s.note(s.probe.call("BGSAVE"))
                kt.wait_until(lambda: any(name.startswith("temp-") for name in os.listdir(s.server.folder)), what="the child to write")
                s.probe.call("CONFIG", "SET", "rdb-key-save-delay", "0")
                s.ends(*words)
                s.note(sorted(os.listdir(s.server.folder)))
            with self.subTest(words=words):
                self.compare(scene)

    def test_append_only_file(self):
        for policy in ("always", "everysec", "no"):
            def scene(s):
                s.fill(100)
                s.ends()
                s.starts_again()
            with self.subTest(policy=policy):
                self.compare(scene, appendonly="yes", appendfsync=policy)

    def test_a_child_rewrites(self):
        def scene(s):
            s.fill()
            s.probe.call("CONFIG", "SET", "rdb-key-save-delay", SLOW)
            s.note(s.probe.call("BGREWRITEAOF"))
            s.wait_for(aof_rewrite_in_progress="1")
            s.probe.call("SET", "meanwhile", "1")
            s.ends()
            s.starts_again()
        self.compare(scene, appendonly="yes")

    def test_the_first_append_only_file_is_being_written(self):
        def scene(s):
            s.fill()
            s.probe.call("CONFIG", "SET", "rdb-key-save-delay", SLOW)
            s.note(s.probe.call("CONFIG", "SET", "appendonly", "yes"))
            s.wait_for(aof_rewrite_in_progress="1")
            s.note(s.probe.call("SHUTDOWN"), s.probe.call("PING"), s.server.info("persistence")["aof_rewrite_in_progress"])
            s.probe.call("CONFIG", "SET", "rdb-key-save-delay", "0")
            s.ends("FORCE")
        self.compare(scene)

    def test_abort(self):
        def scene(s):
            for words in (["ABORT"], ["abort", "now"], ["ABORT", "ABORT"], ["SAVE", "NOSAVE"], ["x"], ["SAVE", "x"]):
                s.note(s.probe.call("SHUTDOWN", *words))
        self.compare(scene)

    def test_flushall_while_a_child_saves(self):
        def scene(s):
            s.fill()
            s.probe.call("CONFIG", "SET", "rdb-key-save-delay", SLOW)
            s.note(s.probe.call("BGSAVE"))
            s.wait_for(rdb_bgsave_in_progress="1")
            s.probe.call("CONFIG", "SET", "rdb-key-save-delay", "0")
            s.note(s.probe.call("FLUSHALL"))
            s.wait_for(rdb_bgsave_in_progress="0")
            s.note({name: value for name, value in s.server.info("persistence").items()
                    if name in ("rdb_last_bgsave_status", "rdb_changes_since_last_save", "rdb_saves")})
            s.note(sorted(os.listdir(s.server.folder)), s.probe.call("PING"))
            s.starts_again()
        for save in ("", ["3600", "1"]):
            with self.subTest(save=save):
                self.compare(scene, save=save)


class SignalTest(SceneTest):
    def test_words(self):
        for number, name in ((signal.SIGTERM, "shutdown-on-sigterm"), (signal.SIGINT, "shutdown-on-sigint")):
            for words in ("default", "save", "nosave", "now force", "save now"):
                def scene(s, number=number, name=name, words=words):
                    s.fill()
                    s.note(s.probe.call("CONFIG", "SET", name, words))
                    s.server.signal(number)
                    s.note(s.server.wait(), lines_of_the_end(s.server.output()))
                    s.note(f"Received {number.name} scheduling shutdown..." in s.server.output())
                    s.note(sorted(os.listdir(s.server.folder)))
                for save in ("", ["3600", "1"]):
                    with self.subTest(number=number, words=words, save=save):
                        self.compare(scene, save=save)

    def test_cannot_save(self):
        def scene(s):
            s.fill()
            s.breaks()
            for count, number in enumerate((signal.SIGTERM, signal.SIGTERM, signal.SIGINT), 1):
                s.server.signal(number)
                kt.wait_until(lambda count=count: s.server.output().count("Errors trying to shut down") == count, what="the refusal")
                s.note(s.probe.call("GET", "key:1"))
            s.note(lines_of_the_end(s.server.output()))
            s.probe.call("CONFIG", "SET", "shutdown-on-sigterm", "force")
            s.server.signal(signal.SIGTERM)
            s.note(s.server.wait())
        self.compare(scene, save=["3600", "1"])

    def test_second_interrupt_while_it_saves(self):
        def scene(s):
            s.fill(100)
            s.probe.call("SAVE")
            s.probe.call("SET", "new", "1")
            s.probe.call("CONFIG", "SET", "rdb-key-save-delay", SLOW)
            s.server.signal(signal.SIGTERM)
            kt.wait_until(lambda: any(name.startswith("temp-") for name in os.listdir(s.server.folder)), what="the save to begin")
            s.server.signal(signal.SIGINT)
            s.note(s.server.wait(5), "You insist... exiting now." in s.server.output(), sorted(os.listdir(s.server.folder)))
            s.starts_again()
        self.compare(scene, save=["3600", "1"])


class LoadingTest(SceneTest):
    def loads_slowly(self, s):
        """Ends the server with some keys, and has it load them."""
        s.probe.pipeline([("SET", f"key:{i}", "x" * 300) for i in range(8000)])
        s.probe.call("CONFIG", "SET", "rdbcompression", "no")
        s.probe.call("SAVE")
        s.probe.send(kt.encode("SHUTDOWN", "NOSAVE"))
        s.server.wait()
        s.server.directives |= {"key_load_delay": "2000", "loading_process_events_interval_bytes": "1024"}
        os.rename(s.server.log_path, s.server.log_path + ".old")
        s.server.start(wait=False)

        def connects():
            try:
                return s.server.client(timeout=30.0)
            except OSError:
                return None
        s.probe.close()
        s.probe = kt.wait_until(connects, timeout=30, what="the listener")
        self.addCleanup(s.probe.close)
        kt.wait_until(lambda: s.probe.call("PING").startswith(b"-LOADING"), timeout=30, what="loading")

    REQUESTS = [
        ("PING",), ("GET", "a"), ("SET", "a", "1"), ("EVAL", "return 1", "0"), ("FCALL", "x", "0"), ("SUBSCRIBE", "c"), ("UNSUBSCRIBE", "c"),
        ("MULTI",), ("GET", "a"), ("EXEC",), ("MULTI",), ("EXEC",), ("WATCH", "a"), ("UNWATCH",), ("DISCARD",), ("CLIENT", "ID"), ("AUTH", "x"),
        ("CONFIG", "GET", "maxmemory"), ("CONFIG", "SET", "maxmemory", "100mb"), ("CONFIG", "SET", "dir", "/"), ("CONFIG", "SET", "appendonly", "yes"),
        ("CONFIG", "SET", "appendfsync", "always"), ("CONFIG", "SET", "save", "1 1"), ("CONFIG", "SET", "hz", "20"), ("CONFIG", "RESETSTAT"),
        ("BGSAVE",), ("SAVE",), ("LASTSAVE",), ("BGREWRITEAOF",), ("FLUSHALL",), ("DBSIZE",), ("SCRIPT", "LOAD", "return 1"), ("FUNCTION", "LIST"),
        ("PUBLISH", "c", "x"), ("BLPOP", "l", "1"), ("SELECT", "1"), ("SELECT", "0"), ("ECHO", "x"), ("COMMAND", "COUNT"), ("DEBUG", "SLEEP", "0"),
        ("SLOWLOG", "LEN"), ("LATENCY", "RESET"), ("MEMORY", "USAGE", "a"), ("ROLE",), ("SHUTDOWN", "ABORT"), ("nosuch",), ("GET",), ("RESET",),
    ]

    def test_requests(self):
        def scene(s):
            self.loads_slowly(s)
            for request, reply in zip(self.REQUESTS, s.probe.pipeline(self.REQUESTS)):
                s.note((request, reply if request[:2] != ("CLIENT", "ID") and request[0] not in ("LASTSAVE", "COMMAND") else reply[:1]))
            info = s.server.info("everything")
            s.note([name for name in info if re.match("loading|async_loading|rdb_|aof_", name)])
            s.note({name: info[name] for name in ("loading", "async_loading", "rdb_last_bgsave_status", "aof_enabled", "rdb_saves", "role")})
            self.assertGreater(int(info["loading_total_bytes"]), 1000)
            self.assertLessEqual(int(info["loading_loaded_bytes"]), int(info["loading_total_bytes"]))
            self.assertGreaterEqual(float(info["loading_loaded_perc"]), 0.0)
            s.probe.call("CONFIG", "SET", "key-load-delay", "0")
            kt.wait_until(s.server.is_ready, timeout=30)
            s.note(s.probe.call("DBSIZE"), s.server.info("persistence")["loading"])
        self.compare(scene)

    def test_shutdown(self):
        for words in ([], ["SAVE"], ["NOSAVE"]):
            def scene(s, words=words):
                self.loads_slowly(s)
                s.ends(*words)
                s.note(sorted(os.listdir(s.server.folder)))
                s.server.directives["key_load_delay"] = "0"
                s.starts_again()
            with self.subTest(words=words):
                self.compare(scene, save=["3600", "1"])

    def test_signals(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            def scene(s, number=number):
                self.loads_slowly(s)
                s.server.signal(number)
                s.note(s.server.wait(), lines_of_the_end(s.server.output()))
                s.note("Received shutdown signal during loading, scheduling shutdown." in s.server.output())
                s.server.directives["key_load_delay"] = "0"
                s.starts_again()
            with self.subTest(number=number):
                self.compare(scene, save=["3600", "1"])


class RestartTest(SceneTest):
    def test_restart(self):
        for save in ("", ["3600", "1"]):
            for word in ("RESTART", "CRASH-AND-RECOVER"):
                def scene(s, word=word):
                    s.fill()
                    run_id = s.server.info("server")["run_id"]
                    s.probe.send(kt.encode("DEBUG", word, "10"))
                    s.note(s.probe.read_to_end())
                    kt.wait_until(lambda: s.server.is_ready() and s.server.info("server")["run_id"] != run_id, what="the new process")
                    s.note(s.server.value("DBSIZE"), sorted(os.listdir(s.server.folder)))
                with self.subTest(save=save, word=word):
                    self.compare(scene, save=save)

    def test_cannot_restart(self):
        def scene(s):
            s.fill()
            s.breaks()
            s.note(s.probe.call("DEBUG", "RESTART"), s.probe.call("PING"))
            s.note(lines_of_the_end(s.server.output()))
        self.compare(scene, save=["3600", "1"])


if __name__ == "__main__":
    kt.main()
