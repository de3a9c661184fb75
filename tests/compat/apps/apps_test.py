"""Applications of the field, unmodified, on one shard, and on redis-server, where they must pass as well."""

import os
import pathlib
import subprocess

import keyway_testing as kt

HERE = pathlib.Path(__file__).resolve().parent
_INTERPRETERS = {".py": "/usr/bin/python3", ".js": "node", ".rb": "ruby"}


def run_app(name, port):
    """Runs one of the programs of this folder; raises with its output when it fails."""
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
    if name.endswith(".js"):
        modules = os.environ.get("KEYWAY_NODE_MODULES")
        if not modules:
            raise AssertionError("KEYWAY_NODE_MODULES does not say where the npm clients are: run tests/run")
        environment["NODE_PATH"] = modules
    command = [_INTERPRETERS[pathlib.Path(name).suffix], str(HERE / name), "127.0.0.1", str(port)]
    done = subprocess.run(command, env=environment, timeout=240, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    if done.returncode != 0 or not done.stdout.rstrip().endswith("ok"):
        raise AssertionError(f"{name} failed with code {done.returncode}:\n{done.stdout[-8000:]}")


class AppsTest(kt.TestCase):
    def run_on_both(self, name, prepare=lambda server: None):
        for server_class in (kt.RedisServer, kt.KeywayShard):
            server = self.start(server_class())
            prepare(server)
            run_app(name, server.port)

    def test_rq(self):
        self.run_on_both("rq_app.py")

    def test_celery(self):
        # A worker restores lost messages under a lock whose release is a script, and the shard has no scripts yet:
        # the lock is held by somebody else.
        self.run_on_both("celery_app.py", lambda server: server.call("SET", "unacked_mutex", "held"))

    def test_ioredis_streams(self):
        self.run_on_both("stream_app.js")

    def test_sidekiq(self):
        self.run_on_both("sidekiq_app.rb")


if __name__ == "__main__":
    kt.main()
