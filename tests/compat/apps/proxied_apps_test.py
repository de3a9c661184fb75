"""Applications of the field, unmodified, through two proxies before three shards: work is given at one proxy and done at the
other. Those that write several keys in one transaction or script have their keys' prefix be a hash tag, with the settings
they have for a prefix, and all else is as on one server.

KEYWAY_NODES says what the shards are: `keyway` or `redis`."""

import os

import keyway_testing as kt

from apps import run_app

NODE_CLASSES = {"keyway": kt.KeywayShard, "redis": kt.RedisServer}


class ProxiedAppsTest(kt.TestCase):
    @classmethod
    def setUpClass(cls):
        node_class = NODE_CLASSES[os.environ.get("KEYWAY_NODES", "keyway")]
        cls.nodes, cls.proxies = kt.start_proxied_cluster(cls, node_class, proxies=2)

    def run_app(self, name, *arguments):
        self.proxies[0].call("FLUSHALL")
        try:
            run_app(name, [proxy.port for proxy in self.proxies], *arguments)
        except AssertionError as error:
            logs = "\n".join(f"--- log of the proxy on port {proxy.port}:\n{proxy.output()[-2000:]}" for proxy in self.proxies)
            raise AssertionError(f"{error}\n{logs}") from None

    def test_rq(self):
        self.run_app("rq_app.py", "{rq}")

    def test_celery(self):
        self.run_app("celery_app.py", "{celery}")

    def test_celery_queues_on_all_shards(self):
        self.run_app("celery_queues_app.py")

    def test_ioredis_streams(self):
        self.run_app("stream_app.js")

    def test_sidekiq(self):
        self.run_app("sidekiq_app.rb", "{sidekiq}")

    def test_sidekiq_queues_on_all_shards(self):
        self.run_app("sidekiq_queues_app.rb")

    def test_bullmq(self):
        self.run_app("bullmq_app.js", "bullmq", "{bull}")

    def test_bullmq_5(self):
        self.run_app("bullmq_app.js", "bullmq5", "{bull}")

    def test_redlock(self):
        self.run_app("redlock_app.js")

    def test_rate_limiter_flexible(self):
        self.run_app("rate_limiter_app.js")

    def test_express(self):
        self.run_app("express_app.js")

    def test_django(self):
        self.run_app("django_app.py")

    def test_node_scripts(self):
        self.run_app("scripts_app.js")

    def test_python_scripts(self):
        self.run_app("scripts_app.py")


if __name__ == "__main__":
    kt.main()
