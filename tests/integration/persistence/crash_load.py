"""Load on a server that is killed in the middle of it, and what has to be there when it has started again."""

import os
import signal
import threading
import time

import keyway_testing as kt
from crash_model import LIBRARY, Units, fits, flush_unit, read_keys, settle

_DEAD = (OSError, EOFError, kt.ProtocolError)


def now_ms():
    return int(time.time() * 1000)


class Writer:
    """One connection after the other, in a database of its own; knows what it has sent and what was acknowledged."""

    def __init__(self, database, random):
        self.database = database
        self.random = random
        self.units_of = Units(random)
        self.keys = {}   # as the last check found them
        self.units = []  # sent since
        self.acked = 0   # how many of them, from the first
        self.errors = []
        self._pause = threading.Event()
        self._paused = threading.Event()

    def run(self, port):
        """Sends units until the connection breaks."""
        try:
            with kt.Client(port, timeout=30) as client:
                client.call("SELECT", self.database)
                while True:
                    if self._pause.is_set():
                        self._paused.set()
                        time.sleep(0.001)
                        continue
                    self._paused.clear()
                    self._send_some(client)
        except _DEAD:
            pass
        except Exception as error:  # shown by the main thread
            self.errors.append(repr(error))
        self._paused.set()

    def _send_some(self, client):
        first = len(self.units)
        batch = [self.units_of.next() for _ in range(self.random.choice((1, 2, 5, 20, 50)))]
        data = b"".join(kt.encode(*command) for unit in batch for command in unit.commands)
        sent = now_ms()
        for unit in batch:
            unit.sent_ms = sent
        self.units += batch
        client.send(data)
        for i, unit in enumerate(batch):
            replies = [client.read() for _ in unit.commands]
            bad = [reply for reply in replies if reply.startswith(b"-") or b"\r\n-" in reply[:100] and unit.transaction]
            if bad:
                self.errors.append(f"{unit.commands}: {bad}")
            unit.acknowledge([kt.parse(reply) for reply in replies], now_ms())
            self.acked = first + i + 1

    def pause(self):
        self._pause.set()
        self._paused.wait(30)

    def resume(self):
        self._paused.clear()
        self._pause.clear()

    def matching(self, actual, before_ms, after_ms, end_ms):
        """How many units may have been executed, given what is there: all numbers that fit. And, if none does, what was
        closest."""
        keys = {key: _copy(value) for key, value in self.keys.items()}
        touched = _Recorder(keys)
        wrong = {key for key in keys.keys() | actual.keys()
                 if not fits(keys.get(key), actual.get(key), before_ms, after_ms)}
        found, closest = [] if wrong else [0], (len(wrong), 0, sorted(wrong))
        for count, unit in enumerate(self.units, 1):
            touched.changed.clear()
            unit.apply(touched, end_ms)
            for key in touched.changed:
                if fits(touched.get(key), actual.get(key), before_ms, after_ms):
                    wrong.discard(key)
                else:
                    wrong.add(key)
            if not wrong:
                found.append(count)
            elif len(wrong) <= closest[0]:
                closest = (len(wrong), count, sorted(wrong))
        return found, closest

    def take_over(self, count, actual, end_ms):
        """`count` units have been executed: the next round goes on from there."""
        for unit in self.units[:count]:
            unit.apply(self.keys, end_ms)
        settle(self.keys, actual)
        self.units, self.acked = [], 0


def _copy(value):
    return type(value)(**vars(value)) if hasattr(value, "__dataclass_fields__") else value


class _Recorder(dict):
    """A dict that notes which keys have changed."""

    def __init__(self, items):
        super().__init__(items)
        self.changed = set()

    def __setitem__(self, key, value):
        self.changed.add(key)
        super().__setitem__(key, value)

    def update(self, items):
        for key, value in items.items():
            self[key] = value

    def pop(self, key, default=None):
        self.changed.add(key)
        return super().pop(key, default)

    def clear(self):
        self.changed |= self.keys()
        super().clear()


class CrashRun:
    """Rounds of load, kill and check on one folder. `server` is not running yet.

    `promise`: "always" (every acknowledged unit is there), "everysec" (but for the last two seconds), "snapshot" (all that the
    last RDB file holds).
    """

    GRACE_MS = 2000

    def __init__(self, test, server, promise, random, writers=4):
        self.test = test
        self.server = server
        self.promise = promise
        self.random = random
        self.writers = [Writer(i, random.__class__(random.random())) for i in range(writers)]
        self.floor = [0] * writers  # as many units are on the disk, whatever has not been acknowledged since
        self.frozen = promise == "snapshot"
        self.flush_pending = None
        self.missing = 0  # acknowledged units that were not there, over all rounds
        self.units = 0
        self.events = []
        self.server.start()
        self.server.call("FUNCTION", "LOAD", LIBRARY)
        if self.frozen:
            self.server.call("SAVE")

    def round(self, seconds):
        """Load for `seconds`, kill -9, start again, check."""
        self.events = []
        self.flush_pending = None
        for writer in self.writers:
            writer.resume()
        threads = [threading.Thread(target=writer.run, args=(self.server.port,)) for writer in self.writers]
        for thread in threads:
            thread.start()
        pid = self.server.process.pid
        killer = threading.Timer(seconds, self._kill, [pid])
        killer.start()
        try:
            self._disturb()
        finally:
            killer.join()
            self.server.process.wait()
            for writer in self.writers:
                writer.resume()
            for thread in threads:
                thread.join()
        self._check()

    def _kill(self, pid):
        children = _children(pid)
        os.kill(pid, signal.SIGKILL)
        self.end_ms = now_ms()
        for child in children:
            self._end_child(child)

    def _end_child(self, child):
        """A child of redis-server outlives its parent, and renames its file when it likes; ours ends by itself."""
        if "redis-server" in self.server.program():
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def _disturb(self):
        events = [self._save] if self.promise == "snapshot" else \
            [self._rewrite, self._rewrite, self._snapshot, self._switch_off_and_on, self._flush_all, self._set_option]
        try:
            with self.server.client(timeout=30) as admin:
                while True:
                    time.sleep(self.random.choice((0.0, 0.01, 0.05)) * self.random.random())
                    event = self.random.choice(events)
                    self.events.append(event.__name__)
                    event(admin)
        except _DEAD:
            pass

    def _acked(self):
        return [writer.acked for writer in self.writers]

    def _rewrite(self, admin):
        admin.call("BGREWRITEAOF")

    def _snapshot(self, admin):
        admin.call("BGSAVE", *self.random.choice(((), ("SCHEDULE",))))

    def _set_option(self, admin):
        name, value = self.random.choice((("aof-use-rdb-preamble", "yes"), ("aof-use-rdb-preamble", "no"),
                                          ("aof-timestamp-enabled", "yes"), ("aof-timestamp-enabled", "no"),
                                          ("rdb-key-save-delay", "0"), ("rdb-key-save-delay", "300"),
                                          ("no-appendfsync-on-rewrite", "yes"), ("no-appendfsync-on-rewrite", "no")))
        if self.promise == "always" and value == "yes" and name.startswith("no-"):
            return
        admin.call("CONFIG", "SET", name, value)

    def _switch_off_and_on(self, admin):
        acked = self._acked()
        self.floor, self.frozen = self._safe_at(now_ms()), True
        admin.call("CONFIG", "SET", "appendonly", "no")
        self.floor = acked  # to switch it off is to sync it
        time.sleep(0.02 * self.random.random())
        admin.call("CONFIG", "SET", "appendonly", "yes")
        while True:
            info = _info(admin)
            if info["aof_rewrite_in_progress"] == "0" and info["aof_rewrite_scheduled"] == "0":
                break
            time.sleep(0.002)
        if info["aof_enabled"] == "1" and info["aof_last_bgrewrite_status"] == "ok":
            self.frozen = False

    def _flush_all(self, admin):
        if self.random.random() < 0.7:
            return
        for writer in self.writers:
            writer.pause()
        positions = []
        for writer in self.writers:
            unit = flush_unit()
            unit.sent_ms = now_ms()
            writer.units.append(unit)
            positions.append(len(writer.units))
        self.flush_pending = positions
        admin.call("FLUSHALL", *self.random.choice(((), ("SYNC",), ("ASYNC",))))
        for writer in self.writers:
            writer.units[-1].acked_ms = now_ms()
            writer.acked = len(writer.units)
        self.flush_pending = None
        for writer in self.writers:
            writer.resume()

    def _save(self, admin):
        acked = self._acked()
        if self.random.random() < 0.3:
            if admin.call("SAVE") == b"+OK\r\n":
                self.floor = acked
            return
        if admin.call("BGSAVE").startswith(b"-"):
            return
        while True:
            info = _info(admin)
            if info["rdb_bgsave_in_progress"] == "0":
                break
            time.sleep(0.002)
        if info["rdb_last_bgsave_status"] == "ok":
            self.floor = acked

    def _safe_at(self, time_ms):
        """How many units of each writer are on the disk for sure, while the append-only file is on."""
        if self.promise == "always":
            return self._acked()
        old = time_ms - self.GRACE_MS
        return [sum(1 for unit in writer.units[:writer.acked] if unit.acked_ms < old) for writer in self.writers]

    def _check(self):
        for writer in self.writers:
            self.test.assertEqual(writer.errors, [])
        self.server.start()
        libraries = self.server.value("FUNCTION", "LIST")
        self.test.assertEqual([library[1] for library in libraries], [b"crashlib"], "functions")
        included = []
        for i, (writer, floor) in enumerate(zip(self.writers, self.floor if self.frozen else self._safe_at(self.end_ms))):
            with self.server.client() as client:
                client.call("SELECT", writer.database)
                before_ms = now_ms()
                actual = read_keys(client)
                after_ms = now_ms()
            found, closest = writer.matching(actual, before_ms, after_ms, self.end_ms)
            where = f"writer {i}: {floor} units were safe, {writer.acked} acknowledged, {len(writer.units)} sent; after " \
                    f"{self.events[-6:]}"
            self.test.assertTrue(found, f"{where}: what is there is the effect of no number of units; closest to "
                                        f"{closest[1]}, but for {closest[2]}")
            fitting = [count for count in found if count >= floor]
            self.test.assertTrue(fitting, f"{where}: only the first {max(found)} units are there")
            if not self.frozen:
                self.missing += max(0, writer.acked - fitting[-1])
            self.units += writer.acked
            if self.flush_pending is not None:
                at = self.flush_pending[i]
                included.append({count >= at for count in fitting})
            writer.take_over(fitting[-1], actual, self.end_ms)
        if included:
            self.test.assertTrue(set.intersection(*included), "FLUSHALL has emptied some databases")
        self.frozen = self.promise == "snapshot"
        self.floor = [0] * len(self.writers)

    def end(self):
        """What is left must satisfy the tools for such files."""
        self.server.stop()


def _info(client):
    text = client.value("INFO", "persistence").decode()
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def _children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []
