"""A server that is killed at any moment of a rewrite, and rewrites under load: nothing that was acknowledged is missing, and
redis-server reads the same from the files."""

import os
import random
import subprocess
import threading
import time

import keyway_testing as kt
from aof_scenes import AofSceneTest, fill

ROUNDS = int(os.environ.get("KEYWAY_ROUNDS", "12"))


class AofCrashTest(AofSceneTest):
    def write_until(self, server, stop, acknowledged):
        """Counts up in several keys; `acknowledged` has what was answered."""
        client = server.client(timeout=30.0)
        number = 0
        try:
            while not stop.is_set():
                number += 1
                batch = b"".join(kt.encode("RPUSH", "list", str(acknowledged["list"] + i + 1)) for i in range(5))
                client.send(batch + kt.encode("MULTI") + kt.encode("SET", "first", str(number)) + kt.encode("SET", "second", str(number)) +
                            kt.encode("EXEC"))
                for _ in range(5):
                    assert client.read().startswith(b":")
                    acknowledged["list"] += 1
                for _ in range(4):
                    client.read()
        except (OSError, EOFError):
            pass
        finally:
            client.close()

    def check_after_crash(self, scene, acknowledged):
        """Nothing that was acknowledged is missing, nothing is there twice, a transaction is whole."""
        values = [int(value) for value in scene.client.value("LRANGE", "list", "0", "-1")]
        self.assertEqual(values, list(range(1, len(values) + 1)))
        self.assertGreaterEqual(len(values), acknowledged["list"])
        self.assertEqual(scene.client.value("GET", "first"), scene.client.value("GET", "second"))
        acknowledged["list"] = len(values)

    def crash(self, preamble, moment):
        scene = self.scene(kt.KeywayShard, appendfsync="always", aof_use_rdb_preamble=preamble, appendonly="yes")
        for i in range(3000):
            scene.client.send(kt.encode("SET", f"k{i}", "x" * 200))
        for i in range(3000):
            scene.client.read()
        acknowledged = {"list": 0}
        chance = random.Random(preamble)
        for round_ in range(ROUNDS):
            stop = threading.Event()
            writer = threading.Thread(target=self.write_until, args=(scene.server, stop, acknowledged))
            writer.start()
            scene.call("BGREWRITEAOF")
            moment(scene, chance)
            scene.server.kill()
            stop.set()
            writer.join()
            self.restart(scene)
            self.check_after_crash(scene, acknowledged)
            checked = subprocess.run(["redis-check-aof", str(scene.folder / "appendonly.aof.manifest")], capture_output=True, text=True)
            self.assertEqual(checked.returncode, 0, checked.stdout)
        self.assertEqual(scene.client.value("DBSIZE"), 3003)
        # It is what redis-server makes of the same files.
        scene.rewrite()
        digest = scene.digest()
        scene.end()
        scene.server.kill()
        loaded = self.scene(kt.RedisServer, dir=scene.server.folder)
        self.assertEqual(loaded.digest(), digest)

    def test_killed_in_the_middle_of_a_rewrite(self):
        for preamble in ("yes", "no"):
            self.crash(preamble, lambda scene, chance: time.sleep(chance.random() * 0.05))

    def test_killed_at_the_end_of_a_rewrite(self):
        for preamble in ("yes", "no"):
            def moment(scene, chance):
                kt.wait_until(lambda: scene.info()["aof_rewrite_in_progress"] == "0", timeout=30, what="the end")
                time.sleep(chance.random() * 0.003)
            self.crash(preamble, moment)

    def test_rewrites_under_load(self):
        for preamble, fsync in (("yes", "everysec"), ("no", "always"), ("no", "no")):
            scene = self.scene(kt.KeywayShard, appendfsync=fsync, aof_use_rdb_preamble=preamble)
            fill(scene.client)
            acknowledged, stop = {"list": 0}, threading.Event()
            writer = threading.Thread(target=self.write_until, args=(scene.server, stop, acknowledged))
            writer.start()
            for _ in range(5):
                scene.rewrite()
            stop.set()
            writer.join()
            digest = scene.digest()
            scene.wait_files(3)
            scene.end()
            self.assertEqual(scene.server.stop(), 0)
            checked = subprocess.run(["redis-check-aof", str(scene.folder / "appendonly.aof.manifest")], capture_output=True, text=True)
            self.assertEqual(checked.returncode, 0, checked.stdout)
            scene.server.start()
            scene.client = scene.server.client(timeout=30.0)
            self.assertEqual(scene.digest(), digest)
            self.check_after_crash(scene, acknowledged)


if __name__ == "__main__":
    kt.main()
