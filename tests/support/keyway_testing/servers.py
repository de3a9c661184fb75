"""Servers under test and beside it: each in a folder of its own, on the loopback address, stopped for sure."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from keyway_testing import ports, resp

_START_SECONDS = 30.0
_STOP_SECONDS = 15.0


def _binary(variable, label_path):
    """The program's path: from the environment, else where Bazel builds it."""
    path = os.environ.get(variable)
    if path is None:
        root = pathlib.Path(__file__).resolve().parents[3]
        path = root / "bazel-bin" / label_path
    path = pathlib.Path(path).absolute()
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: build it, or say where it is in {variable}")
    return str(path)


class Server:
    """One process. `port` answers PING when start() returns; output() is what it wrote to its log."""

    def __init__(self, port=None):
        self.port = port if port is not None else ports.free_port()
        self.folder = tempfile.mkdtemp(prefix="keyway-test-")
        self.process = None
        self.log_path = os.path.join(self.folder, "log")

    def command(self):
        """The command line."""
        raise NotImplementedError

    def start(self, wait=True):
        """Starts it and, with `wait`, returns when it accepts connections. Raises with its output if it ends."""
        assert self.process is None or self.process.poll() is not None, "it runs already"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), cwd=self.folder, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=subprocess.STDOUT)
        if wait:
            self.wait_ready()
        return self

    def is_ready(self):
        """Whether it accepts connections."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1.0).close()
        except OSError:
            return False
        return True

    def wait_ready(self):
        deadline = time.monotonic() + _START_SECONDS
        while not self.is_ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.command()[0]} ended with code {self.process.returncode}:\n{self.output()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.command()[0]} is not ready:\n{self.output()}")
            time.sleep(0.02)

    def client(self, timeout=10.0):
        """A new connection to it."""
        return resp.Client(self.port, timeout=timeout)

    def call(self, *arguments):
        """The raw reply to one request on a connection of its own."""
        with self.client() as client:
            return client.call(*arguments)

    def value(self, *arguments):
        """The value of the reply to one request on a connection of its own."""
        with self.client() as client:
            return client.value(*arguments)

    def info(self, *sections):
        """INFO's fields, as a dict of strings."""
        text = self.value("INFO", *sections).decode()
        return dict(line.split(":", 1) for line in text.splitlines() if line and not line.startswith("#"))

    def output(self):
        """What it wrote to its log so far."""
        try:
            return pathlib.Path(self.log_path).read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=_STOP_SECONDS):
        """Waits until the process ends; returns its exit code."""
        return self.process.wait(timeout)

    def stop(self):
        """Asks it to end, as an operator does; returns the exit code."""
        if not self.is_alive():
            return self.process.returncode if self.process else None
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self):
        """Ends it at once."""
        if self.is_alive():
            self.process.kill()
            self.process.wait()

    def cleanup(self):
        """Ends it and removes its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def _redis_arguments(directives):
    """{"cluster_enabled": "yes", "save": ["900", "1"]} as --cluster-enabled yes --save 900 1."""
    arguments = []
    for name, value in directives.items():
        arguments.append("--" + name.replace("_", "-"))
        arguments += [str(word) for word in (value if isinstance(value, (list, tuple)) else [value])]
    return arguments


class _RedisLike(Server):
    """`directives` are redis.conf's, with '_' for '-': RedisServer(cluster_enabled="yes"). Without `save` there are no save points."""

    def __init__(self, port=None, config_file=None, **directives):
        super().__init__(port)
        self.config_file = config_file
        self.directives = {"port": self.port, "bind": "127.0.0.1", "dir": self.folder, "save": "", **directives}

    def program(self):
        raise NotImplementedError

    def command(self):
        file = [self.config_file] if self.config_file else []
        return [self.program(), *file, *_redis_arguments(self.directives)]

    def is_ready(self):
        # While it loads, PING is refused; with a password, NOAUTH is an answer of a running server.
        try:
            with resp.Client(self.port, timeout=2.0) as client:
                return not client.call("PING").startswith((b"-LOADING", b"-MASTERDOWN"))
        except (OSError, EOFError):
            return False


class RedisServer(_RedisLike):
    """Debian's redis-server, the reference."""

    def program(self):
        return os.environ.get("REDIS_SERVER", "/usr/bin/redis-server")


class KeywayShard(_RedisLike):
    def program(self):
        return _binary("KEYWAY_SHARD", "shard/keyway-shard")


class KeywayProxy(Server):
    """`flags` are the proxy's: KeywayProxy(startup_nodes="127.0.0.1:7001", threads=2)."""

    def __init__(self, port=None, **flags):
        super().__init__(port)
        # Clients that a test has left waiting do not keep its end waiting.
        self.flags = {"port": self.port, "drain_timeout_ms": 2000, **flags}

    def command(self):
        flags = [f"--{name}={value}" for name, value in self.flags.items()]
        return [_binary("KEYWAY_PROXY", "proxy/keyway-proxy"), *flags]
