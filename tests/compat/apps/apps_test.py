"""Applications of the field, unmodified, on one shard, and on redis-server, where they must pass as well.
proxied_apps_test.py runs them through proxies."""

import keyway_testing as kt

from apps import run_app


class AppsTest(kt.TestCase):
    def run_on_both(self, name, *arguments):
        for server_class in (kt.RedisServer, kt.KeywayShard):
            server = self.start(server_class())
            run_app(name, [server.port], *arguments)

    def test_rq(self):
        self.run_on_both("rq_app.py")

    def test_celery(self):
        self.run_on_both("celery_app.py")

    def test_celery_queues(self):
        self.run_on_both("celery_queues_app.py")

    def test_ioredis_streams(self):
        self.run_on_both("stream_app.js")

    def test_sidekiq(self):
        self.run_on_both("sidekiq_app.rb")

    def test_sidekiq_queues(self):
        self.run_on_both("sidekiq_queues_app.rb")

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

    def test_django(self):
        self.run_on_both("django_app.py")

    def test_node_scripts(self):
        self.run_on_both("scripts_app.js")

    def test_python_scripts(self):
        self.run_on_both("scripts_app.py")


if __name__ == "__main__":
    kt.main()
