"""A bounded run of the random comparison with a shard; compare.py is for longer ones."""

import os

import keyway_testing as kt
from compare import Comparison
from generator import Generator

COMMANDS = int(os.environ.get("KEYWAY_RANDOM_COMMANDS", "20000"))

_DEBUG = {"enable_debug_command": "yes"}


class RandomTest(kt.TestCase):
    def compare(self, generator, resp):
        reference, shard = self.start(kt.RedisServer(**_DEBUG)), self.start(kt.KeywayShard(**_DEBUG))
        difference = Comparison(reference.port, shard.port, resp).run(generator, COMMANDS)
        if difference:
            self.fail(difference)

    def test_resp2(self):
        self.compare(Generator(seed=11), resp=2)

    def test_resp3(self):
        self.compare(Generator(seed=12), resp=3)


if __name__ == "__main__":
    kt.main()
