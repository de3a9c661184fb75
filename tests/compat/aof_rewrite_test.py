"""BGREWRITEAOF, automatic rewrites, appendonly switched on and off: redis-server and keyway-shard go through the same scenes, and what
is seen (replies, files, manifests, INFO, the log) must be the same."""

import collections
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import keyway_testing as kt
from aof_scenes import AofSceneTest, Scene, fill

sys.path.insert(0, str(pathlib.Path(__file__).absolute().parent / "random"))

from generator import Generator  # noqa: E402

SLOW = "100000000"  # rdb-key-save-delay, microseconds: a child that never ends by itself


def commands_of(data):
    """The commands of a file, and the annotations at its begin."""
    commands, annotations, at = [], [], 0
    while at < len(data):
        if data[at:at + 1] == b"#":
            end = data.index(b"\n", at)
            annotations.append(data[at:end])
            at = end + 1
            continue
        words = []
        end = data.index(b"\r\n", at)
        count, at = int(data[at + 1:end]), end + 2
        for _ in range(count):
            end = data.index(b"\r\n", at)
            length, at = int(data[at + 1:end]), end + 2
            words.append(data[at:at + length])
            at += length + 2
        commands.append(words)
    return commands, annotations


def by_key(commands):
    """Databases in the order of the file, libraries, and for each key its commands."""
    databases, libraries, keys = [], set(), collections.defaultdict(list)
    for command in commands:
        if command[0] == b"SELECT":
            databases.append(command[1])
        elif command[0] == b"FUNCTION":
            libraries.add(command[2])
        else:
            key = command[2] if command[0] == b"XGROUP" else command[1]
            keys[databases[-1], key].append(command)
    return databases, libraries, keys


def without_order(commands):
    """Of a key whose elements Redis writes in the order of a hash table: the shape of the commands, and the elements."""
    width = 2 if commands[0][0] in (b"HMSET", b"ZADD") else 1
    elements, shape = [], []
    for command in commands:
        shape.append((command[0], len(command)))
        words = command[2:]
        elements += [tuple(words[i:i + width]) for i in range(0, len(words), width)]
    return shape, sorted(elements)


class AofRewriteTest(AofSceneTest):
    def compare_commands(self, ours, theirs):
        our_commands, our_notes = commands_of(ours)
        their_commands, their_notes = commands_of(theirs)
        self.assertEqual(len(our_notes), len(their_notes))
        our_databases, our_libraries, our_keys = by_key(our_commands)
        databases, libraries, keys = by_key(their_commands)
        self.assertEqual(our_databases, databases)
        self.assertEqual(our_libraries, libraries)
        self.assertEqual(set(our_keys), set(keys))
        for key, commands in keys.items():
            if our_keys[key] != commands:
                self.assertIn(commands[0][0], (b"SADD", b"HMSET", b"ZADD"), key)
                self.assertEqual(without_order(our_keys[key]), without_order(commands), key)
        self.assertEqual(len(ours), len(theirs))
        return len(keys)

    def test_commands_are_those_of_redis(self):
        """In a base without RDB preamble, from the same RDB file, which has all that there is and what random requests leave."""
        source = self.scene(kt.RedisServer, appendonly="no")
        for seed in range(1, 4):
            generator = Generator(seed)
            for _ in range(3000):
                source.client.call(*generator.request())
            source.client.call("RESET")
            fill(source.client)
            source.do("DEBUG", "SET-ACTIVE-EXPIRE", "0")
            source.do("SAVE")
            bases = []
            for kind in (kt.KeywayShard, kt.RedisServer):
                server = kind(save="", enable_debug_command="yes", aof_use_rdb_preamble="no", aof_timestamp_enabled="yes", hz=1)
                shutil.copy(os.path.join(source.server.folder, "dump.rdb"), server.folder)
                scene = Scene(self.start(server))
                scene.do("DEBUG", "SET-ACTIVE-EXPIRE", "0")
                scene.rewrite()
                bases.append((scene.folder / "appendonly.aof.1.base.aof").read_bytes())
                scene.end()
                server.cleanup()
            self.assertGreater(self.compare_commands(*bases), 100)

    def test_commands_of_the_same_requests(self):
        """The same requests to both, so that listpacks and the order in them are the work of each."""
        bases = []
        for kind in (kt.KeywayShard, kt.RedisServer):
            scene = self.scene(kind, aof_use_rdb_preamble="no")
            fill(scene.client)
            scene.rewrite()
            bases.append((scene.folder / "appendonly.aof.2.base.aof").read_bytes())
        self.assertGreater(self.compare_commands(*bases), 100)

    def test_both_load_the_files_of_the_other(self):
        for preamble in ("yes", "no"):
            for writer, reader in ((kt.KeywayShard, kt.RedisServer), (kt.RedisServer, kt.KeywayShard), (kt.KeywayShard, kt.KeywayShard)):
                scene = self.scene(writer, aof_use_rdb_preamble=preamble)
                fill(scene.client)
                scene.rewrite()
                fill(scene.client)
                scene.do("SET", "last", "x")
                digest, size = scene.digest(), scene.client.value("DBSIZE")
                scene.end()
                self.assertEqual(scene.server.stop(), 0)
                checked = subprocess.run(["redis-check-aof", str(scene.folder / "appendonly.aof.manifest")], capture_output=True, text=True)
                self.assertEqual(checked.returncode, 0, checked.stdout)
                self.assertIn("All AOF files and manifest are valid", checked.stdout)
                loaded = self.scene(reader, dir=scene.server.folder, aof_use_rdb_preamble=preamble)
                self.assertEqual(loaded.client.value("DBSIZE"), size)
                self.assertEqual(loaded.digest(), digest, (preamble, writer, reader))
                self.assertEqual(len(loaded.client.value("FUNCTION", "LIST")), 3)
                # And goes on with them.
                loaded.do("SET", "after", "y")
                loaded.rewrite()
                self.assertEqual(loaded.client.value("GET", "last"), b"x")
                loaded.end()
                loaded.server.cleanup()

    def test_manifests(self):
        def play(s):
            s.note_files()
            for i in range(3):
                s.do("SET", "k", str(i))
                s.note(s.rewrite())
                s.wait_files(3)
                s.note_files()
                s.note_info()
            self.restart(s)
            s.note_files()
            s.note_info()
            s.rewrite()
            s.wait_files(3)
            s.note_files()
            s.note_info()
            s.note_log()
        self.compare(play, aof_use_rdb_preamble="no")

    def test_manifests_with_preamble(self):
        def play(s):
            s.note_files()
            for mode in ("yes", "no", "yes"):
                s.do("CONFIG", "SET", "aof-use-rdb-preamble", mode)
                s.do("SET", "k", "1")
                s.rewrite()
                s.wait_files(3)
                s.note_files()
                s.note_info("aof_current_size", "aof_base_size")
            s.note_log()
        self.compare(play, appendfilename="appendonly.aof")

    def test_history_stays_without_gc(self):
        def play(s):
            for i in range(3):
                s.do("SET", "k", str(i))
                s.rewrite()
            s.note_files()
            self.restart(s)
            s.note_files()
            s.rewrite()
            s.note_files()
            s.do("CONFIG", "SET", "aof-disable-auto-gc", "no")
            s.wait_files(3)
            s.note_files()
            s.rewrite()
            s.wait_files(3)
            s.note_files()
        self.compare(play, aof_disable_auto_gc="yes")

    def test_timestamps(self):
        def play(s):
            s.do("SET", "k", "v")
            s.rewrite()
            s.note([re.sub(rb"\d{10}", b"N", part) for part in (s.folder / "appendonly.aof.2.base.aof").read_bytes().split(b"\r\n")])
        self.compare(play, aof_use_rdb_preamble="no", aof_timestamp_enabled="yes")

    # --- Replies and states.

    def test_with_appendonly_off(self):
        def play(s):
            s.note_files()
            for i in range(2):
                s.do("SET", "k", str(i))
                s.call("BGREWRITEAOF")
                s.wait()
                s.wait_files(2)
                s.note_files()
                s.note_info()
            s.note_log()
        self.compare(play, appendonly="no")

    def slow(self, s):
        """The children that follow do not end by themselves."""
        for i in range(3):
            s.do("SET", f"k{i}", "v")
        s.do("CONFIG", "SET", "rdb-key-save-delay", SLOW)

    def quick(self, s):
        s.do("CONFIG", "SET", "rdb-key-save-delay", "0")

    def test_while_children_run(self):
        for preamble in ("yes", "no"):
            def play(s):
                self.slow(s)
                s.call("BGREWRITEAOF")
                s.call("BGREWRITEAOF")
                s.note_info("aof_current_size", "aof_base_size")
                s.note_files(temporary=False)
                for request in (("BGSAVE",), ("BGSAVE", "SCHEDULE"), ("CONFIG", "SET", "appendonly", "yes")):
                    s.call(*request)
                self.quick(s)
                s.kill_child()
                s.wait()
                kt.wait_until(lambda: s.saved(1), timeout=30, what="the BGSAVE that was scheduled")
                s.note_info("aof_current_size", "aof_base_size")
                self.slow(s)
                s.call("BGSAVE")
                s.call("BGREWRITEAOF")
                s.call("BGREWRITEAOF")
                s.note_info("aof_current_size", "aof_base_size")
                self.quick(s)
                s.kill_child()
                s.wait()
                s.wait_files(3)
                s.note_files()
                s.note_info("aof_current_size", "aof_base_size")
                s.note_log()
            self.compare(play, aof_use_rdb_preamble=preamble)

    def test_in_transactions(self):
        def play(s):
            for request in (("MULTI",), ("BGREWRITEAOF",), ("SET", "a", "b"), ("BGREWRITEAOF",), ("EXEC",)):
                s.call(*request)
            s.wait()
            s.wait_files(3)
            s.note_files()
            for request in (("MULTI",), ("CONFIG", "SET", "appendonly", "no"), ("SET", "a", "c"), ("EXEC",)):
                s.call(*request)
            s.note_info()
            for request in (("MULTI",), ("CONFIG", "SET", "appendonly", "yes"), ("SET", "a", "d"), ("EXEC",)):
                s.call(*request)
            s.wait()
            s.do("SET", "a", "e")
            s.wait_files(3)
            s.note_files()
            s.note_info()
            s.note_log()
            self.restart(s)
            s.call("GET", "a")
        self.compare(play, aof_use_rdb_preamble="no")

    def test_child_is_killed(self):
        def play(s):
            self.slow(s)
            for number in (signal.SIGUSR1, signal.SIGKILL, signal.SIGKILL, signal.SIGUSR1):
                s.call("BGREWRITEAOF")
                s.do("SET", "during", str(number))
                s.note(s.info()["aof_rewrite_in_progress"])
                s.kill_child(number)
                kt.wait_until(lambda: not any(name.startswith("temp") for name in s.files()), timeout=30, what="the temporary file to go")
                s.note_files()
                s.note_info()
            self.quick(s)
            s.rewrite()
            s.wait_files(3)
            s.note_files()
            s.note_info()
            s.note_log()
        self.compare(play, aof_use_rdb_preamble="no")

    def test_repeated_failures_limit_automatic_rewrites(self):
        def play(s):
            self.slow(s)
            for _ in range(3):
                s.call("BGREWRITEAOF")
                s.kill_child()
            s.note_info("aof_current_size", "aof_base_size")
            s.do("CONFIG", "SET", "auto-aof-rewrite-min-size", "1")
            s.do("CONFIG", "SET", "auto-aof-rewrite-percentage", "1")
            kt.wait_until(lambda: "triggered the limit" in s.server.output(), timeout=30, what="the limit")
            time.sleep(0.5)  # nothing is to happen now
            s.note_info("aof_current_size", "aof_base_size")
            s.do("CONFIG", "SET", "auto-aof-rewrite-percentage", "0")
            self.quick(s)
            s.call("BGREWRITEAOF")
            s.wait()
            s.wait_files(3)
            s.note_files()
            s.note_info("aof_current_size", "aof_base_size")
            s.note_log()
        self.compare(play)

    def test_automatic(self):
        def play(s):
            for i in range(100):
                s.do("SET", f"k{i % 50}", "x" * 100)
            s.do("CONFIG", "SET", "auto-aof-rewrite-percentage", "100")
            time.sleep(0.3)  # nothing is to happen now
            s.note_files()
            s.do("CONFIG", "SET", "auto-aof-rewrite-min-size", "5000")
            s.wait_files(3)
            kt.wait_until(lambda: "appendonly.aof.2.base.aof" in s.files(), timeout=30, what="the rewrite")
            s.wait()
            s.wait_files(3)
            s.note_files()
            s.note_info()
            for i in range(120):
                s.do("SET", f"k{i % 50}", "x" * 100)
            kt.wait_until(lambda: "appendonly.aof.3.base.aof" in s.files(), timeout=30, what="the rewrite")
            s.wait()
            s.wait_files(3)
            s.note(len(s.files()))
            s.note([line for line in s.server.output().splitlines() if "Starting automatic" in line][0].split(" ")[-2])
        self.compare(play, aof_use_rdb_preamble="no")

    # --- On and off.

    def test_switch_on_and_off(self):
        for preamble in ("yes", "no"):
            def play(s):
                fill(s.client)
                s.note_info("aof_current_size", "aof_base_size")
                for round_ in range(2):
                    s.call("CONFIG", "SET", "appendonly", "yes")
                    s.do("SET", "during", str(round_))
                    s.wait()
                    s.do("SET", "after", str(round_))
                    s.wait_files(3)
                    s.note_files()
                    s.note_info("aof_current_size", "aof_base_size")
                    s.call("CONFIG", "SET", "appendonly", "no")
                    s.note_files()
                    s.note_info("aof_current_size", "aof_base_size")
                    s.do("SET", "off", str(round_))
                s.call("CONFIG", "SET", "appendonly", "yes")
                s.wait()
                s.do("SET", "after", "that")
                digest = s.digest()
                s.note_log()
                self.restart(s, appendonly="yes")
                s.note(s.digest() == digest)
                for key in ("during", "after", "off"):
                    s.call("GET", key)
                s.note_files()
                s.note_info("aof_current_size", "aof_base_size")
            self.compare(play, appendonly="no", appendfsync="always", aof_use_rdb_preamble=preamble)

    def test_switch_on_while_children_run(self):
        def play(s):
            self.slow(s)
            s.call("BGSAVE")
            s.call("CONFIG", "SET", "appendonly", "yes")
            s.note_info()
            s.do("SET", "during-save", "1")
            self.quick(s)
            s.kill_child()
            s.wait()
            s.wait_files(3)
            s.note_files()
            s.note_info()
            s.call("CONFIG", "SET", "appendonly", "no")
            self.slow(s)
            s.call("BGREWRITEAOF")
            s.do("SET", "during-rewrite", "1")
            self.quick(s)
            s.call("CONFIG", "SET", "appendonly", "yes")
            s.do("SET", "during-second-rewrite", "1")
            s.wait()
            s.wait_files(3)
            s.note_files()
            s.note_info()
            s.note_log()
            self.restart(s, appendonly="yes")
            for key in ("during-save", "during-rewrite", "during-second-rewrite"):
                s.call("GET", key)
        self.compare(play, appendonly="no", appendfsync="always", aof_use_rdb_preamble="no")

    def test_first_rewrite_fails(self):
        """It is tried again until there is a base."""
        def play(s):
            self.slow(s)
            s.call("CONFIG", "SET", "appendonly", "yes")
            s.do("SET", "during", "1")
            s.note_info()
            s.note_files(temporary=False)
            self.quick(s)
            s.kill_child()
            s.wait()
            s.wait_files(3)
            s.note_files()
            s.note_info()
            s.note_log()
            self.restart(s, appendonly="yes")
            s.call("GET", "during")
        self.compare(play, appendonly="no", appendfsync="always", aof_use_rdb_preamble="no")

    def test_switch_off_while_a_child_runs(self):
        def play(s):
            self.slow(s)
            s.call("BGREWRITEAOF")
            s.call("CONFIG", "SET", "appendonly", "no")
            s.note_info("aof_current_size")
            s.note_files()
            s.call("CONFIG", "SET", "appendonly", "yes")
            s.note_info("aof_current_size")
            s.call("CONFIG", "SET", "appendonly", "no")
            s.note_info("aof_current_size")
            self.quick(s)
            s.call("CONFIG", "SET", "appendonly", "yes")
            s.wait()
            s.wait_files(3)
            s.note_files()
            # redis-server leaves that file where it is.
            s.note_log(without="Removing the temp incr")
        self.compare(play, aof_use_rdb_preamble="no")

    # --- A disk that does not do.

    def test_no_directory(self):
        def play(s):
            (pathlib.Path(s.server.folder) / "appendonlydir").write_text("no directory")
            s.call("BGREWRITEAOF")
            s.note_info()
            s.call("CONFIG", "SET", "appendonly", "yes")
            s.call("CONFIG", "GET", "appendonly")
            s.note_info()
            (pathlib.Path(s.server.folder) / "appendonlydir").unlink()
            s.call("CONFIG", "SET", "appendonly", "yes")
            s.wait()
            s.wait_files(3)
            s.note_files()
            s.note_info("aof_current_size", "aof_base_size")
            s.note_log()
        self.compare(play, appendonly="no")

    def test_names_are_taken(self):
        """Where a file is to be made there is a directory."""
        def play(s):
            s.do("SET", "a", "1")
            (s.folder / "appendonly.aof.2.incr.aof").mkdir()
            s.call("BGREWRITEAOF")
            s.note_info("aof_current_size")
            s.note_files()
            s.do("SET", "a", "2")
            (s.folder / "appendonly.aof.2.incr.aof").rmdir()
            (s.folder / "appendonly.aof.2.base.aof").mkdir()
            s.call("BGREWRITEAOF")
            s.wait()
            s.note_info("aof_current_size")
            s.note_files()
            s.do("SET", "a", "3")
            (s.folder / "appendonly.aof.2.base.aof").rmdir()
            s.call("BGREWRITEAOF")
            s.wait()
            s.wait_files(3)
            s.note_info("aof_current_size")
            s.note_files()
            s.note_log()
            self.restart(s)
            s.call("GET", "a")
        self.compare(play, aof_use_rdb_preamble="no", appendfsync="always")


if __name__ == "__main__":
    kt.main()
