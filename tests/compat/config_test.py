#!/usr/bin/python3
"""Compares the shard's configuration with redis-server's: names and defaults, CONFIG GET and SET with
their errors, what a bad file or command line says, and what CONFIG REWRITE makes of a file.

The same command lines, files and requests go to redis-server, reached through a unix socket, and to
the program `config` (KEYWAY_CONFIG), which has the shard's directives and nothing else.
"""

import os
import pathlib
import random
import shutil
import subprocess
import tempfile

import keyway_testing as kt
from keyway_testing import resp

REDIS_SERVER = os.environ.get("REDIS_SERVER", "/usr/bin/redis-server")
OURS = os.path.abspath(os.environ.get("KEYWAY_CONFIG", "bazel-bin/tests/support/config"))
OUR_OWN = {"http-port", "http-bind", "cluster-databases"}


def words(reply):
    """The value of a raw reply, an error as text."""
    value = resp.parse(reply)
    return f"-{value}" if isinstance(value, Exception) else value


class Reference:
    """redis-server, listening on a unix socket only."""

    def __init__(self, folder, arguments=(), stdin=None):
        self.path = os.path.join(folder, "socket")
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.log = open(os.path.join(folder, "reference.log"), "w+")
        self.process = subprocess.Popen([REDIS_SERVER, *arguments], cwd=folder, stdin=stdin or subprocess.DEVNULL,
                                        stdout=self.log, stderr=subprocess.STDOUT)
        self.client = None

    def __enter__(self):
        def connect():
            if self.process.poll() is not None:
                self.log.seek(0)
                raise RuntimeError(f"redis-server ended:\n{self.log.read()}")
            try:
                self.client = resp.Client(0, path=self.path)
                return True
            except OSError:
                return False
        try:
            kt.wait_until(connect, what="redis-server")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.client:
            self.client.close()
        self.process.kill()
        self.process.wait()
        self.log.close()

    def ask(self, *arguments):
        return words(self.client.call(*arguments))


class Ours:
    """The program `config`."""

    def __init__(self, folder, arguments=()):
        self.process = subprocess.Popen([OURS, *arguments], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
        self.process.stderr.close()

    def ask(self, *arguments):
        self.process.stdin.write(resp.encode(*arguments))
        self.process.stdin.flush()
        return words(self._read())

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("config ended: " + self.process.stderr.read().decode())
        if line.startswith(b"$"):
            return line + self.process.stdout.read(int(line[1:]) + 2)
        if line.startswith(b"*"):
            return line + b"".join(self._read() for _ in range(int(line[1:])))
        return line


def as_dict(flat):
    return dict(zip(flat[::2], flat[1::2]))


class ConfigTest(kt.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="keyway-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.socket = os.path.join(self.folder, "socket")
        self.listen = ["--port", "0", "--unixsocket", self.socket]

    def file(self, name, text):
        path = pathlib.Path(self.folder, name)
        path.write_text(text)
        return str(path)

    def both(self, *arguments):
        return Reference(self.folder, arguments), Ours(self.folder, arguments)

    def assert_same(self, got, expected):
        """Two results of CONFIG GET; only what differs is shown."""
        different = {name: (got.get(name), expected.get(name)) for name in got.keys() | expected.keys() if got.get(name) != expected.get(name)}
        self.assertEqual(different, {}, "(ours, theirs)")

    def compare(self, theirs, ours, *request):
        expected, got = theirs.ask(*request), ours.ask(*request)
        self.assertEqual(got, expected, request)
        return expected

    # --- CONFIG GET

    def test_names_and_defaults(self):
        with Reference(self.folder, self.listen) as theirs, Ours(self.folder, self.listen) as ours:
            expected, got = as_dict(theirs.ask("config", "get", "*")), as_dict(ours.ask("config", "get", "*"))
            for name in OUR_OWN:
                self.assertIsNotNone(got.pop(name.encode(), None), name)
            self.assert_same(got, expected)

    def test_get(self):
        requests = [["slave-*"], ["*"], ["maxmemory*", "MAXMEMORY", "hz", "HZ", "hz"], ["Hz"], ["nope"], ["nope", "*nope*"],
                    ["[h]z"], ["h?"], ["SLAVEOF"], ["watchdog-period"], ["watchdog-*"], ["rdb-key-save-dela?"],
                    ["include"], ["user"], ["rename-command"], [""], ["*-ziplist-*"], ["APPEND*"], ["\\hz"], ["[^a-y]*"]]
        with Reference(self.folder, self.listen) as theirs, Ours(self.folder, self.listen) as ours:
            for patterns in requests:
                expected = as_dict(theirs.ask("config", "get", *patterns))
                got = as_dict(ours.ask("config", "get", *patterns))
                got = {name: value for name, value in got.items() if name.decode() not in OUR_OWN}
                self.assert_same(got, expected)

    # --- CONFIG SET

    VALUES = ["", " ", "yes", "NO", "abc", "0", "1", "-1", "5", "10", "+1", "01", "-0", "0x10", "1.5", "1 2", "1 2 3", "1  2", "100",
              "101", "512", "1000", "1025", "65535", "65536", "2147483647", "2147483648", "-2147483648", "-2147483649",
              "4294967295", "9223372036854775807", "-9223372036854775808", "1b", "1k", "1Kb", "2mB", "3m", "1G", "1gb", "1t",
              "mb", "10%", "100%", "-5%", "5%%", "a/b", "a b", "\"a\"", "{", "{title}", "{port} {x}", "KEA", "AKEn", "Kgx", "q",
              "notice", "everysec", "local", "allkeys-lru", "default", "nosave now", "save nosave", "SAVE FORCE", "optional",
              "normal 1 2 3", "slave 1mb 2 3 pubsub 4 5 6", "normal 1 2", "replica 1 2 x", "-2000 0 2000", "3 2 1", "0 0 2001",
              "0.1 99.9", "100.1", "nan", "hostname", "unknown-endpoint", "swapdb", "relative", "systemd", "panic"]

    def test_set_each(self):
        skipped = {
            # Redis adapts these when they are applied to the running server.
            "repl-backlog-size", "watchdog-period", "maxclients", "port", "tls-port", "bind", "oom-score-adj", "dir",
            # Certificates are not looked at while TLS is off, but tls-cluster and tls-replication switch it on.
            "tls-cluster", "tls-replication"}
        arguments = [*self.listen, "--enable-protected-configs", "yes"]
        with Reference(self.folder, arguments) as theirs, Ours(self.folder, arguments) as ours:
            names = [name.decode() for name in as_dict(theirs.ask("config", "get", "*"))]
            hidden = ["rdb-key-save-delay", "key-load-delay", "use-exit-on-panic", "loading-process-events-interval-bytes",
                      "lua-enable-deprecated-api"]
            for name in sorted(names) + hidden:
                if name in skipped:
                    continue
                old = theirs.ask("config", "get", name)[1]
                for value in self.VALUES:
                    self.compare(theirs, ours, "config", "set", name, value)
                    self.compare(theirs, ours, "config", "get", name)
                # Back, so that one directive does not disturb the next.
                self.compare(theirs, ours, "config", "set", name, old)

    def test_set_of_what_acts_at_once(self):
        cases = {"port": ["-1", "65536", "abc", ""], "tls-port": ["-1", "abc", "0", "6390"], "maxclients": ["0", "-1", "abc", "50"],
                 "oom-score-adj": ["abc", "no", ""], "bind": [" ".join(["127.0.0.1"] * 17)],
                 "dir": ["/nowhere/at/all", "", ".", self.folder], "tls-cluster": ["yes", "no", "x"],
                 "tls-replication": ["yes", "no"], "repl-backlog-size": ["0", "16mb", "x", "-1"]}
        arguments = [*self.listen, "--enable-protected-configs", "yes"]
        with Reference(self.folder, arguments) as theirs, Ours(self.folder, arguments) as ours:
            for name, values in cases.items():
                for value in values:
                    self.compare(theirs, ours, "config", "set", name, value)
                    self.compare(theirs, ours, "config", "get", name)

    def test_set_several(self):
        requests = [
            ["hz", "7", "maxmemory", "3mb"], ["hz", "8", "maxmemory", "zz"], ["maxmemory", "zz", "hz", "8"],
            ["hz", "1", "hz", "2"], ["hz", "1", "HZ", "2"], ["slave-priority", "5", "replica-priority", "6"],
            ["hz", "1", "nope", "x"], ["nope", "x", "hz", "1"], ["nope", "1", "other", "2"], ["daemonize", "yes", "nope", "1"],
            ["nope", "1", "daemonize", "yes"], ["port", "0", "daemonize", "yes"], ["DAEMONIZE", "yes"], ["daemonize", "no"],
            ["hz", "1", "hz", "1", "nope", "1"], ["hz", "5", "nope"], ["DIR", "/"], ["dbfilename", "x"], ["Slave-Read-Only", "x"],
            ["replicaof", "127.0.0.1 1"], ["slaveof", "no one"], ["include", "x"], ["user", "x"], ["", ""],
            ["hz", "9", "tls-cluster", "yes"], ["activedefrag", "yes", "hz", "9"], ["save", "1 1", "hz", "x"],
            ["notify-keyspace-events", "KEA", "loglevel", "debug", "timeout", "x"], ["aclfile", "x"],
        ]
        with Reference(self.folder, self.listen) as theirs, Ours(self.folder, self.listen) as ours:
            for request in requests:
                self.compare(theirs, ours, "config", "set", *request)
                for name in ("hz", "maxmemory", "replica-priority", "save", "notify-keyspace-events", "loglevel", "dbfilename"):
                    self.compare(theirs, ours, "config", "get", name)

    def test_set_random_lists(self):
        """Lists put together from fragments, good and bad."""
        seed = int(os.environ.get("KEYWAY_SEED", "1"))
        rng = random.Random(seed)
        fragments = ["normal", "slave", "replica", "pubsub", "0", "1", "10", "1kb", "x", "", "-1", "60", "99.9", "50", "2000", "KEA", "1e1"]
        names = ["save", "client-output-buffer-limit", "oom-score-adj-values", "latency-tracking-info-percentiles",
                 "shutdown-on-sigint", "notify-keyspace-events", "proc-title-template"]
        with Reference(self.folder, self.listen) as theirs, Ours(self.folder, self.listen) as ours:
            for _ in range(3000):
                name = rng.choice(names)
                value = " ".join(rng.choice(fragments) for _ in range(rng.randrange(0, 9)))
                if name == "proc-title-template":
                    value = "".join(rng.choice(["{", "}", "title", "port", "{title}", "{config-file}", " ", "a"]) for _ in range(5))
                with self.subTest(name=name, value=value, seed=seed):
                    self.compare(theirs, ours, "config", "set", name, value)
                    self.compare(theirs, ours, "config", "get", name)

    # --- Files and command lines
    # (Limits of normal clients are generous below: the client that asks is one.)

    def run_bad(self, program, arguments, stdin):
        done = subprocess.run([program, *arguments], cwd=self.folder, input=stdin, capture_output=True, text=True, timeout=10)
        return done.returncode, done.stderr

    def test_bad_configurations(self):
        self.file("bad.conf", "\n# comment\nport   abc\n")
        self.file("quotes.conf", "hz 5\nlogfile \"x\n")
        self.file("includes.conf", "hz 5\ninclude nothing*.conf\ninclude bad.conf\n")
        self.file("words.conf", "hz 5 # five\n")
        many = [str(n) for n in range(17)]
        cases = [
            (["--port", "abc"], None), (["--port"], None), (["--port", "1", "2"], None), (["--foo", "bar"], None),
            (["--hz", "3", "--port", "abc", "--hz", "4"], None), (["--port abc"], None), (["--save", "--port", "x"], None),
            (["--bind", "127.0.0.1 ::1", "--port", "x"], None), (["--port", "--bind", "x"], None), (["--port", "7", "--", "x"], None),
            (["bad.conf"], None), (["quotes.conf"], None), (["bad.conf", "--port", "12"], None), (["includes.conf"], None),
            (["words.conf"], None), (["-"], "port x\n"), (["-", "--port", "xx"], "\nport 1\n"),
            (["--port", "xx", "-"], "\nport 1\n"), (["quotes.conf", "-"], "port 1\n"), (["words.conf", "--hz", "1", "-"], ""),
            (["--include"], None), (["--include", "bad.conf"], None), (["--include", "a", "b"], None), (["--user"], None),
            (["--rename-command", "get"], None), (["--rename-command", "get", "set"], None),
            (["--rename-command", "nope", "x"], None), (["--rename-command", "get", "x", "--rename-command", "set", "X"], None),
            (["--rename-command", "get", "x", "--rename-command", "get", "y"], None),
            (["--cluster-enabled", "yes", "--replicaof", "127.0.0.1", "5"], None), (["--replicaof", "127.0.0.1"], None),
            (["--replicaof", "127.0.0.1", "70000"], None), (["--slaveof", ""], None), (["--save", "1", "2", "3"], None),
            (["--save", "0", "2"], None), (["--client-output-buffer-limit", "normal", "1", "2"], None),
            (["--client-output-buffer-limit", "x", "1", "2", "3"], None),
            (["--client-output-buffer-limit", "normal", "x", "2", "3"], None), (["--maxmemory", "1zz"], None),
            (["--maxmemory-clients", "101%"], None), (["--unixsocketperm", "888"], None), (["--unixsocketperm", "7777"], None),
            (["--unixsocketperm", "-5"], None), (["--dir", "/nowhere/at/all"], None), (["--bind", *many], None),
            (["--appendfilename", "a/b"], None), (["--appendfilename", ""], None), (["--appenddirname", "a/b"], None),
            (["--dbfilename", "a/b"], None), (["--logfile", "/nowhere/x"], None), (["--loglevel", "loud"], None),
            (["--loglevel", "notice", "debug"], None), (["--supervised", "x"], None), (["--databases", "0"], None),
            (["--io-threads", "129"], None), (["--list-max-ziplist-entries", "1", "2"], None), (["--activedefrag", "yes"], None),
            (["--cluster-announce-hostname", "a_b"], None), (["--proc-title-template", "{x}"], None), (["--oom-score-adj-values", "1"], None),
            (["--shutdown-on-sigint", "save", "nosave"], None), (["--shutdown-on-sigint", ""], None),
            (["--latency-tracking-info-percentiles", "101"], None), (["--notify-keyspace-events", "q"], None),
            (["--requirepass", "a", "b"], None), (["-x"], None), (["--port", "x\ny"], None),
        ]
        for arguments, stdin in cases:
            with self.subTest(arguments=arguments, stdin=stdin):
                self.assertEqual(self.run_bad(OURS, arguments, stdin), self.run_bad(REDIS_SERVER, arguments, stdin))

    def test_missing_file(self):
        for arguments in (["nowhere.conf"], ["--include", "nowhere.conf"]):
            code, text = self.run_bad(OURS, arguments, "")
            self.assertEqual((code, text), (1, "Fatal error, can't open config file 'nowhere.conf': No such file or directory\n"))

    def test_endless_include(self):
        self.file("loop.conf", "include l*p.conf\ninclude loop.conf\n")
        code, text = self.run_bad(OURS, ["loop.conf"], "")
        self.assertEqual(code, 1)
        self.assertIn("Too many files that include one another", text)

    GOOD = [
        ("save 900 1\nsave 300 2\n", ["--save", "60", "5"]), ("", ["--save", "60 5 70 6"]), ("save 1 1\n", ["--save", ""]),
        ("save 1 1\n", ["--save"]), ("save 1 1\n", ["--save", "--hz", "3"]), ("save \"\"\nsave 1 1\nsave 2 2\n", []),
        ("save 1 1\nsave \"\"\n", []), ("save 1 1 2 2\nsave 3 3 4 4", []), ("BIND 127.0.0.1\nMaxmemory 1GB\n", []),
        ("client-output-buffer-limit \"normal 1gb 2 3\"\noom-score-adj-values \"1 2 3\"\n", []),
        ("latency-tracking-info-percentiles \"1 2\"\nlatency-tracking-info-percentiles 7", []),
        ("latency-tracking-info-percentiles \"\"\nnotify-keyspace-events \"KEn\"\nlist-max-ziplist-entries 5\n", []),
        ("lua-replicate-commands no\nlist-max-ziplist-value 3\nmasterauth \"a\\x41b c'\"\nmasteruser 'a\\'b'\n", []),
        ("shutdown-on-sigint save now\nshutdown-on-sigterm \"now force\"\n", []), ("oom-score-adj relative\nsyslog-ident \"\"\n", []),
        ("hz 1000\n", []), ("hz 0\n", []), ("dbfilename \"\"\nrequirepass \"\"\ncluster-config-file \"\"\n", []),
        ("replicaof no one\n", []), ("slave-priority 7\nreplica-priority 8\n", []), ("dir ..\ndir .\n", []),
        ("hz 12\r\n\r\n\tmaxmemory\t5mb \r\n  # x\nport 0", []), ("include more*.conf\nhz 7\n", []), ("hz 7\ninclude more1.conf\n", []),
        ("user default on nopass ~* &* +@all\n", []), ("rename-command lolwut xx\nrename-command time \"\"\n", []),
        ("", ["--hz 17"]), ("", ["--hz 17", "--maxmemory 5mb"]), ("", ["--hz", "17", "--list-max-listpack-size", "-4"]),
        ("", ["--MAXMEMORY", "5mb"]), ("hz 3\n", ["--maxmemory", "6mb", "-"]), ("", ["--masterauth", "--hz"]),
        ("", ["--masterauth", "a b\"\\\n\x01"]), ("unixsocketperm 770\n", []), ("save\n", []), ("latency-tracking-info-percentiles\n", []),
        ("client-output-buffer-limit\n", []), ("bind\n", []), ("", ["--bind"]),
    ]

    def test_good_configurations(self):
        self.file("more1.conf", "hz 21\nsave 5 5\n")
        self.file("more2.conf", "hz 22\nsave 6 6\n")
        for text, arguments in self.GOOD:
            with self.subTest(text=text, arguments=arguments):
                path = self.file("redis.conf", text)
                # `-` must stay last, and what follows it is read from an empty stdin by both.
                command = [path, *self.listen, *arguments]
                with Reference(self.folder, command) as theirs:
                    expected = as_dict(theirs.ask("config", "get", "*"))
                stdin_is_config = arguments[-1:] == ["-"]
                if stdin_is_config:
                    command.pop()
                with Ours(self.folder, command) as ours:
                    got = as_dict(ours.ask("config", "get", "*"))
                for name in OUR_OWN:
                    got.pop(name.encode())
                self.assert_same(got, expected)

    def test_stdin(self):
        done = subprocess.run([OURS, "--hz", "5", "-"], cwd=self.folder, input="hz 6\nmaxmemory x\n", capture_output=True, text=True,
                              timeout=30)
        self.assertEqual(done.returncode, 1)
        self.assertIn("at line 2\n>>> 'maxmemory x'", done.stderr)

    def test_debian_configuration(self):
        """The file that Debian installs starts us, with the same values."""
        path = "/etc/redis/redis.conf"
        if not os.access(path, os.R_OK):
            self.skipTest(f"{path} cannot be read")
        command = [path, *self.listen, "--dir", self.folder, "--logfile", "", "--pidfile", "", "--daemonize", "no", "--supervised", "no"]
        with Reference(self.folder, command) as theirs, Ours(self.folder, command) as ours:
            got = as_dict(ours.ask("config", "get", "*"))
            for name in OUR_OWN:
                got.pop(name.encode())
            self.assert_same(got, as_dict(theirs.ask("config", "get", "*")))

    def test_flags(self):
        """Our own additions: --name=value, underscores, gflags files."""
        self.file("flags", "--hz=31\n--save=5 5 6 6\n--masterauth=a b\n")
        command = ["--flagfile=flags", "--maxmemory=5mb", "--http_port", "81", "--v", "1", "--timeout", "9", "--server-cpulist=1"]
        with Ours(self.folder, command) as ours:
            got = as_dict(ours.ask("config", "get", "hz", "save", "masterauth", "maxmemory", "http-port", "timeout", "server_cpulist"))
        self.assertEqual(got, {b"hz": b"31", b"save": b"5 5 6 6", b"masterauth": b"a b", b"maxmemory": b"5242880",
                               b"http-port": b"81", b"timeout": b"9", b"server_cpulist": b"1"})
        done = subprocess.run([OURS, "--help"], capture_output=True, text=True, timeout=30)
        self.assertIn("-cluster_node_timeout", done.stdout)
        done = subprocess.run([OURS, "-v"], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 0)
        self.assertIn("version", done.stdout)

    # --- CONFIG REWRITE

    REWRITES = [
        ("", [], []),
        ("# hello\n\n\n\n# x\nsave 1 1\nsave 2 2\n\n\nmaxmemory 1gb\nloglevel debug\n   hz 11  \n",
         [("maxmemory", "3mb"), ("save", "5 5"), ("loglevel", "notice"), ("hz", "10")], []),
        ("save \"\"\nmaxmemory 100\n", [("maxmemory", "1025"), ("save", "5 5 6 6")], []),
        ("slave-priority 5\nlist-max-ziplist-entries 4\nclient-output-buffer-limit normal 1gb 2 3\ninclude z*.conf\n"
         "rename-command lolwut \"xget\"\nuser default on nopass ~* &* +@all\n", [("replica-priority", "6")], []),
        ("", [("masterauth", "a b\"\\\n\xff"), ("client-output-buffer-limit", "replica 1kb 2 3"), ("oom-score-adj-values", "1 2 3"),
              ("latency-tracking-info-percentiles", "1 2.5"), ("notify-keyspace-events", "KEA"), ("shutdown-on-sigint", "save now"),
              ("maxmemory-clients", "5%"), ("maxmemory-policy", "allkeys-lru"), ("tls-protocols", "TLSv1.2 TLSv1.3"),
              ("ignore-warnings", "ARM64-COW-BUG"), ("cluster-announce-hostname", "a.b"), ("maxmemory", "1gb"), ("appendonly", "yes"),
              ("client-query-buffer-limit", "1048577"), ("repl-backlog-size", "2mb")],
         ["--unixsocketperm", "770", "--pidfile", "/nowhere/pid", "--rename-command", "lolwut", "xx", "--bind", "127.0.0.1", "-::1"]),
        ("latency-tracking-info-percentiles 1 2\nnotify-keyspace-events KE\ntls-protocols x\n# Generated by CONFIG REWRITE\nhz 12\n",
         [("latency-tracking-info-percentiles", ""), ("notify-keyspace-events", ""), ("tls-protocols", ""), ("maxmemory", "5")], []),
        ("hz 12\nhz 13\nhz 14\nmaxmemory 5\nmaxmemory 0\n", [("hz", "10")], []),
        ("  include   z*.conf\n\"hz\" \"5\"\n", [], []), ("hz 5", [("hz", "6"), ("maxmemory", "7")], []),
        ("hz 5\n\n\n", [("maxmemory", "7")], []), ("save 1 1\nsave 2 2\nsave 3 3\n", [("save", "")], []),
        ("client-output-buffer-limit pubsub 1 2 3\n", [("client-output-buffer-limit", "pubsub 32mb 8mb 60")], []),
        ("client-output-buffer-limit pubsub 1 2 3\nclient-output-buffer-limit normal 1gb 2 3\n"
         "client-output-buffer-limit slave 1 2 3\n", [("client-output-buffer-limit", "replica 4 5 6")], []),
        ("bind 127.0.0.1 -::1\n", [], []), ("bind * -::*\n", [], []), ("requirepass foo\nmasterauth \"\"\n", [("requirepass", "")], []),
        ("syslog-ident \"\"\ndbfilename x\n", [], []), ("replicaof 127.0.0.1 1\n", [], []), ("slaveof no one\n", [], []),
        ("maxmemory 1gb\nproto-max-bulk-len 512mb\nhash-max-ziplist-value 64\nhash-max-ziplist-entries 64\n",
         [("maxmemory", "0"), ("hash-max-listpack-value", "65")], []),
        ("#a\n#b\n\n# Generated by CONFIG REWRITE\n\n\n", [("hz", "9")], []),
    ]

    @staticmethod
    def parts(text):
        """What stands above the signature, line by line, and the lines below it, whose order is arbitrary in Redis."""
        # Redis notes it for a user of the file, not for one of its own; there is no difference.
        lines = text.replace(" sanitize-payload", "").split("\n")
        sign = "# Generated by CONFIG REWRITE"
        at = lines.index(sign) if sign in lines else len(lines)
        return lines[:at], sorted(lines[at:])

    def test_rewrite(self):
        for text, changes, arguments in self.REWRITES:
            with self.subTest(text=text, changes=changes, arguments=arguments):
                results = []
                for kind in (Reference, Ours):
                    path = self.file("redis.conf", text)
                    with kind(self.folder, [path, *self.listen, *arguments]) as server:
                        if "requirepass" in text and kind is Reference:
                            server.ask("auth", "foo")
                        for name, value in changes:
                            self.assertEqual(server.ask("config", "set", name, value), "OK", name)
                        self.assertEqual(server.ask("config", "rewrite"), "OK")
                        first = pathlib.Path(path).read_text()
                        self.assertEqual(server.ask("config", "rewrite"), "OK")
                        second = pathlib.Path(path).read_text()
                        before = as_dict(server.ask("config", "get", "*"))
                    results.append(self.parts(first) + self.parts(second))
                    # The other program starts on it and has the same values.
                    with (Ours if kind is Reference else Reference)(self.folder, [path]) as other:
                        after = as_dict(other.ask("config", "get", "*"))
                    for name in OUR_OWN:
                        before.pop(name.encode(), None)
                        after.pop(name.encode(), None)
                    if "include" in text:
                        # After an include, each save line undoes the one before it in redis-server.
                        before.pop(b"save")
                        after.pop(b"save")
                    self.assert_same(after, before)
                self.assertEqual(results[1], results[0])

    def test_rewrite_of_a_file_that_changed_meanwhile(self):
        results = []
        for kind in (Reference, Ours):
            path = self.file("redis.conf", "hz 5\n")
            with kind(self.folder, [path, *self.listen]) as server:
                self.assertEqual(server.ask("config", "get", "hz"), [b"hz", b"5"])
                self.file("redis.conf", "nonsense 1\nhz \"5\n# fine\nlist-max-ziplist-entries 4\nmodule.x 1\nhz 9\n")
                self.assertEqual(server.ask("config", "rewrite"), "OK")
                results.append(self.parts(pathlib.Path(path).read_text()))
                os.unlink(path)
                self.assertEqual(server.ask("config", "rewrite"), "OK")
                results[-1] += self.parts(pathlib.Path(path).read_text())
        self.assertEqual(results[1], results[0])

    def test_rewrite_keeps_permissions_and_removes_passwords_of_nobody(self):
        path = self.file("redis.conf", "user default on nopass ~* &* +@all\n")
        os.chmod(path, 0o600)
        with Ours(self.folder, [path, *self.listen]) as ours:
            self.assertEqual(ours.ask("config", "set", "requirepass", "secret"), "OK")
            self.assertEqual(ours.ask("config", "rewrite"), "OK")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        with Reference(self.folder, [path]) as theirs:
            self.assertEqual(theirs.ask("ping"), "-NOAUTH Authentication required.")
            self.assertEqual(theirs.ask("auth", "secret"), "OK")
        self.assertEqual(sorted(name for name in os.listdir(self.folder) if "conf" in name), ["redis.conf"])

    def test_rewrite_without_a_file(self):
        with Reference(self.folder, self.listen) as theirs, Ours(self.folder, self.listen) as ours:
            self.compare(theirs, ours, "config", "rewrite")

    def test_what_is_not_there_yet_is_refused(self):
        for arguments, reason in [(["--user", "alice", "on"], "ACL users are not supported yet"),
                                  (["--user", "default", "off"], "ACL rules are not supported yet"),
                                  (["--aclfile", "x"], "ACL users are not supported yet"),
                                  (["--tls-port", "6390"], "TLS is not supported yet"),
                                  (["--loadmodule", "x.so"], "modules are not supported"),
                                  (["--user", "default", "on", "#00", "~*", "+@all"], "set requirepass")]:
            code, text = self.run_bad(OURS, arguments, "")
            self.assertEqual(code, 1)
            self.assertIn(reason, text)


if __name__ == "__main__":
    kt.main()
