"""Applications of the field, unmodified, on one shard, and on redis-server, where they must pass as well."""

import os
import pathlib
import subprocess

import keyway_testing as kt

HERE = pathlib.Path(__file__).resolve().parent
_INTERPRETERS = {".py": "/usr/bin/python3", ".js": "node", ".rb": "ruby"}


def run_app(name, port, *arguments):
    """Runs one of the programs of this folder with HOST PORT ARGUMENTS; raises with its output when it fails."""
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
    if name.endswith(".js"):
        modules = os.environ.get("KEYWAY_NODE_MODULES")
        if not modules:
            raise AssertionError("KEYWAY_NODE_MODULES does not say where the npm clients are: run tests/run")
        environment["NODE_PATH"] = modules
    command = [_INTERPRETERS[pathlib.Path(name).suffix], str(HERE / name), "127.0.0.1", str(port), *arguments]
    done = subprocess.run(command, env=environment, timeout=240, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    if done.returncode != 0 or not done.stdout.rstrip().endswith("ok"):
        raise AssertionError(f"{name} failed with code {done.returncode}:\n{done.stdout[-8000:]}")


class AppsTest(kt.TestCase):
    def run_on_both(self, name, *arguments):
        for server_class in (kt.RedisServer, kt.KeywayShard):
            server = self.start(server_class())
            run_app(name, server.port, *arguments)

    def test_rq(self):
        self.run_on_both("rq_app.py")

    def test_celery(self):
        self.run_on_both("celery_app.py")

    def test_ioredis_streams(self):
        self.run_on_both("stream_app.js")

    def test_sidekiq(self):
        self.run_on_both("sidekiq_app.rb")

    def test_bullmq(self):
        self.run_on_both("bullmq_app.js", "bullmq")

    def test_bullmq_5(self):
        self.run_on_both("bullmq_app.js", "bullmq5")

    def test_redlock(self):
        self.run_on_both("redlock_app.js")

    def test_rate_limiter_flexible(self):
        self.run_on_both("rate_limiter_app.js")

    def test_express(self):
        self.run_on_both("express_app.js")

    def test_node_scripts(self):
        self.run_on_both("scripts_app.js")

    def test_python_scripts(self):
        self.run_on_both("scripts_app.py")


if __name__ == "__main__":
    kt.main()
