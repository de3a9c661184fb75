"""How keyway-shard starts, listens, logs and ends."""

import os
import re
import signal
import socket
import stat
import subprocess
import time

import keyway_testing as kt


class StartTest(kt.TestCase):
    def run_to_end(self, *arguments, stdin=None):
        """Runs the program, which is expected to end by itself; returns (code, output)."""
        program = kt.KeywayShard()
        self.addCleanup(program.cleanup)
        ended = subprocess.run([program.program(), *map(str, arguments)], cwd=program.folder, input=stdin,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30, text=True)
        return ended.returncode, ended.stdout

    def test_lines_that_operators_know(self):
        shard = self.start(kt.KeywayShard())
        log = shard.output()
        self.assertIn("Configuration loaded", log)
        self.assertIn(f"Running mode=standalone, port={shard.port}.", log)
        self.assertIn("Server initialized", log)
        self.assertRegex(log, r"(?m)^\d+:M \d\d \w{3} \d{4} [\d:.]+ \* Ready to accept connections$")

    def test_cluster_mode_line(self):
        shard = self.start(kt.KeywayShard(cluster_enabled="yes"))
        self.assertIn(f"Running mode=cluster, port={shard.port}.", shard.output())

    def test_busy_port(self):
        shard = self.start(kt.KeywayShard())
        code, output = self.run_to_end("--port", shard.port, "--bind", "127.0.0.1")
        self.assertEqual(code, 1)
        self.assertIn(f"Warning: Could not create server TCP listening socket 127.0.0.1:{shard.port}: bind: "
                      "Address already in use", output)
        self.assertIn(f"Failed listening on port {shard.port} (TCP), aborting.", output)

    def test_addresses_that_cannot_be_bound(self):
        code, output = self.run_to_end("--port", kt.free_port(), "--bind", "192.0.2.77")
        self.assertEqual(code, 1)
        self.assertIn("bind: Cannot assign requested address", output)
        code, output = self.run_to_end("--port", kt.free_port(), "--bind", "-192.0.2.77")
        self.assertEqual(code, 1)
        self.assertIn("Configured to not listen anywhere, exiting.", output)
        code, output = self.run_to_end("--port", 0)
        self.assertEqual(code, 1)
        self.assertIn("Configured to not listen anywhere, exiting.", output)
        code, output = self.run_to_end("--port", 0, "--unixsocket", "/nonexistent/socket")
        self.assertEqual(code, 1)
        self.assertIn("Failed opening Unix socket: bind: No such file or directory", output)
        shard = self.start(kt.KeywayShard(bind=["127.0.0.1", "-192.0.2.77"]))
        self.assertEqual(shard.call("PING"), b"+PONG\r\n")

    def test_help_and_version(self):
        for argument in ("-v", "--version"):
            code, output = self.run_to_end(argument)
            self.assertEqual(code, 0)
            self.assertIn("redis=7.0.15", output)
        for argument in ("-h", "--help"):
            _, output = self.run_to_end(argument)
            self.assertIn("keyway-shard", output)
            self.assertIn("cluster_node_timeout", output)

    def test_bad_configuration(self):
        code, output = self.run_to_end("--port", "abc")
        self.assertEqual(code, 1)
        self.assertIn("*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***", output)
        code, _ = self.run_to_end("/nonexistent/redis.conf")
        self.assertEqual(code, 1)

    def test_configuration_file_stdin_and_options(self):
        path = os.path.join(self.temporary_folder(), "redis.conf")
        with open(path, "w") as file:
            file.write("bind 127.0.0.1\ntimeout 11\nmaxclients 100\n")
        shard = self.start(kt.KeywayShard(config_file=path, maxclients=99))
        self.assertEqual(shard.value("CONFIG", "GET", "timeout"), [b"timeout", b"11"])
        self.assertEqual(shard.value("CONFIG", "GET", "maxclients"), [b"maxclients", b"99"])
        self.assertEqual(shard.info("server")["config_file"], path)
        self.assertEqual(shard.call("CONFIG", "SET", "timeout", "12"), b"+OK\r\n")
        self.assertEqual(shard.call("CONFIG", "REWRITE"), b"+OK\r\n")
        with open(path) as file:
            self.assertIn("timeout 12\n", file.read())

    def test_process_title(self):
        shard = self.start(kt.KeywayShard(cluster_enabled="yes"))
        with open(f"/proc/{shard.process.pid}/cmdline", "rb") as file:
            self.assertIn(b"keyway-shard 127.0.0.1:%d [cluster]" % shard.port, file.read())

    def test_daemonize_with_pid_file(self):
        shard = kt.KeywayShard(daemonize="yes", logfile="shard.log", pidfile="shard.pid")
        self.addCleanup(shard.cleanup)
        shard.start(wait=False)
        self.assertEqual(shard.wait(), 0)
        kt.wait_until(shard.is_ready, what="the daemon")
        with open(os.path.join(shard.folder, "shard.pid")) as file:
            pid = int(file.read())
        try:
            self.assertEqual(shard.info("server")["process_id"], str(pid))
        finally:
            os.kill(pid, signal.SIGTERM)
        kt.wait_until(lambda: not os.path.exists(os.path.join(shard.folder, "shard.pid")), what="the end of the daemon")


class ListenTest(kt.TestCase):
    def test_unix_socket(self):
        shard = kt.KeywayShard(unixsocket="shard.sock", unixsocketperm="700")
        path = os.path.join(shard.folder, "shard.sock")
        self.start(shard)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o700)
        self.assertIn("The server is now ready to accept connections at shard.sock", shard.output())
        with kt.Client(0, path=path) as client:
            self.assertEqual(client.call("PING"), b"+PONG\r\n")
            self.assertIn(b" addr=shard.sock:0 laddr=shard.sock:0 ", client.call("CLIENT", "LIST"))
            self.assertIn(b" flags=U ", client.call("CLIENT", "INFO"))
        shard.stop()
        self.assertFalse(os.path.exists(path))
        self.assertIn("Removing the unix socket file.", shard.output())

    def test_port_and_bind_change_while_running(self):
        shard = self.start(kt.KeywayShard())
        other = self.start(kt.KeywayShard())
        with shard.client() as client:
            self.assertEqual(client.call("CONFIG", "SET", "port", other.port),
                             b"-ERR CONFIG SET failed (possibly related to argument 'port') - "
                             b"Unable to listen on this port. Check server logs.\r\n")
            self.assertEqual(client.call("CONFIG", "SET", "bind", "192.0.2.77"),
                             b"-ERR CONFIG SET failed (possibly related to argument 'bind') - "
                             b"Failed to bind to specified addresses.\r\n")
            self.assertEqual(shard.call("PING"), b"+PONG\r\n")
            moved = kt.free_port()
            self.assertEqual(client.call("CONFIG", "SET", "port", moved), b"+OK\r\n")
            with kt.Client(moved) as moved_client:
                self.assertEqual(moved_client.call("PING"), b"+PONG\r\n")
            with self.assertRaises(ConnectionRefusedError):
                shard.client()
            self.assertEqual(client.call("CONFIG", "SET", "port", "0"), b"+OK\r\n")
            self.assertEqual(client.call("CONFIG", "SET", "port", shard.port), b"+OK\r\n")
        self.assertEqual(shard.call("PING"), b"+PONG\r\n")

    def test_ipv6(self):
        try:
            with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
                probe.bind(("::1", 0))
        except OSError:
            self.skipTest("no IPv6 loopback address")
        shard = self.start(kt.KeywayShard(bind=["127.0.0.1", "-::1"]))
        with kt.Client(shard.port, host="::1") as client:
            self.assertIn(b" addr=[::1]:", client.call("CLIENT", "INFO"))


class LoadingTest(kt.TestCase):
    def loads(self, shard):
        try:
            return shard.call("PING").startswith(b"-LOADING")
        except OSError:
            return False

    def test_supervisor_is_told_when_it_is_ready(self):
        path = os.path.join(self.temporary_folder(), "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
            supervisor.bind(path)
            supervisor.settimeout(20)
            os.environ["NOTIFY_SOCKET"] = path
            self.addCleanup(os.environ.pop, "NOTIFY_SOCKET")
            shard = self.start(kt.KeywayShard(supervised="systemd", save=["3600", "1"]))
            self.assertIn(b"READY=1\n", supervisor.recv(1000))
            with shard.client() as client:
                client.pipeline([("SET", f"key:{i}", "x") for i in range(10_000)])
            shard.stop()
            self.assertEqual(supervisor.recv(1000), b"STOPPING=1\n")
            self.assertEqual(supervisor.recv(1000), b"STATUS=Saving the final RDB snapshot\n")
            shard.directives["key_load_delay"] = "2000"
            shard.start(wait=False)
            kt.wait_until(lambda: self.loads(shard), timeout=30, what="loading")
            supervisor.setblocking(False)
            with self.assertRaises(BlockingIOError):
                supervisor.recv(1000)
            self.assertTrue(self.loads(shard))
            shard.call("CONFIG", "SET", "key-load-delay", "0")
            supervisor.settimeout(20)
            self.assertIn(b"READY=1\n", supervisor.recv(1000))
            self.assertFalse(self.loads(shard))

    def test_cluster_keeps_a_node_that_loads(self):
        nodes = kt.start_cluster(self, kt.KeywayShard, cluster_node_timeout=1500)
        slow, *others = nodes
        name = slow.value("CLUSTER", "MYID")
        with slow.client() as client:
            client.pipeline([("SET", f"key:{i}", "x") for i in range(20_000)])  # a third of them are its own
            keys = client.value("DBSIZE")
            client.call("SAVE")
        slow.kill()
        slow.directives["key_load_delay"] = "1000"
        slow.start(wait=False)
        kt.wait_until(lambda: self.loads(slow), timeout=30, what="loading")
        for _ in range(20):
            for node in others:
                line = next(line for line in node.value("CLUSTER", "NODES").splitlines() if line.startswith(name))
                self.assertNotIn(b"fail", line)
            time.sleep(0.1)
        self.assertTrue(self.loads(slow))
        slow.call("CONFIG", "SET", "key-load-delay", "0")
        kt.wait_until(lambda: kt.cluster_is_whole(nodes), timeout=30, what="the cluster")
        self.assertEqual(slow.value("DBSIZE"), keys)


class LogTest(kt.TestCase):
    def test_reopened_on_signal(self):
        shard = kt.KeywayShard(logfile="shard.log", loglevel="verbose")
        path = os.path.join(shard.folder, "shard.log")
        self.start(shard)
        os.rename(path, path + ".1")
        shard.signal(signal.SIGUSR1)
        kt.wait_until(lambda: os.path.exists(path) or shard.call("PING") is None, what="the new log file")
        shard.call("PING")
        kt.wait_until(lambda: "Accepted" in open(path).read(), what="a line in the new file")

    def test_level(self):
        shard = self.start(kt.KeywayShard(loglevel="warning"))
        shard.call("PING")
        self.assertNotIn("Accepted", shard.output())
        shard.call("CONFIG", "SET", "loglevel", "verbose")
        shard.call("PING")
        kt.wait_until(lambda: "Accepted 127.0.0.1:" in shard.output(), what="a verbose line")


class EndTest(kt.TestCase):
    def test_shutdown(self):
        for words in ([], ["NOSAVE"], ["NOW"], ["SAVE", "FORCE"], ["now", "nosave", "force"]):
            with self.subTest(words=words):
                shard = self.start(kt.KeywayShard())
                with shard.client() as client, shard.client() as other:
                    client.send(kt.encode("SHUTDOWN", *words) + kt.encode("PING"))
                    self.assertEqual(client.read_to_end(), b"")
                    self.assertEqual(other.read_to_end(), b"")
                self.assertEqual(shard.wait(), 0)
                self.assertIn("User requested shutdown...", shard.output())
                self.assertIn("ready to exit, bye bye...", shard.output())

    def test_signals(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number):
                shard = self.start(kt.KeywayShard(pidfile="shard.pid"))
                self.assertTrue(os.path.exists(os.path.join(shard.folder, "shard.pid")))
                with shard.client():
                    shard.signal(number)
                    self.assertEqual(shard.wait(), 0)
                self.assertIn(f"Received {number.name} scheduling shutdown...", shard.output())
                self.assertFalse(os.path.exists(os.path.join(shard.folder, "shard.pid")))

    def test_second_signal_ends_a_stuck_process(self):
        shard = self.start(kt.KeywayShard(enable_debug_command="yes"))
        with shard.client() as client:
            client.send(kt.encode("DEBUG", "SLEEP", "60"))
            with shard.client() as other:  # is not answered while the loop sleeps
                other.socket.settimeout(0.2)
                with self.assertRaises(TimeoutError):
                    while True:
                        other.call("PING")
            shard.signal(signal.SIGTERM)
            kt.wait_until(lambda: re.search(r"ShdPnd:\s+0+\n", open(f"/proc/{shard.process.pid}/status").read()),
                          what="delivery of the first signal")
            shard.signal(signal.SIGTERM)
            self.assertEqual(shard.wait(5), 1)
        self.assertIn("You insist... exiting now.", shard.output())

    def test_hangup_is_ignored(self):
        shard = self.start(kt.KeywayShard())
        shard.signal(signal.SIGHUP)
        self.assertEqual(shard.call("PING"), b"+PONG\r\n")
        time.sleep(0.05)
        self.assertTrue(shard.is_alive())


if __name__ == "__main__":
    kt.main()
