"""Loading, saving and background saving of one server, measured; see persistence_bench.py.

Every figure is of one run of one server; who calls alternates the servers and takes medians.
"""

import contextlib
import multiprocessing
import os
import pathlib
import random
import shutil
import time

import keyway_testing as kt

_LONG = 600.0
SERVER_CPU = 0
OTHER_CPU = (os.cpu_count() or 1) - 1


@contextlib.contextmanager
def on_cpu(number):
    """What is started meanwhile runs on that processor."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {number})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_seconds(pid):
    """The time that the threads of a process have had on a processor."""
    return sum(int(path.read_text().split()[0]) for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def resident_bytes(pid, field="VmRSS"):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(field)


def warm(path):
    """Brings a file, or all files in a folder, into the page cache."""
    paths = [path] if os.path.isfile(path) else [os.path.join(path, name) for name in os.listdir(path)]
    for one in paths:
        with open(one, "rb") as file:
            while file.read(1 << 22):
                pass


def give(server, source):
    """Puts a copy of an RDB file or an appendonlydir where the server will look for it."""
    target = os.path.join(server.folder, "dump.rdb" if os.path.isfile(source) else "appendonlydir")
    if os.path.isfile(source):
        shutil.copy(source, target)
    else:
        shutil.copytree(source, target)
    warm(target)


def load(server):
    """Starts the server, which has something to load: wall and CPU seconds until it answers PING."""
    began = time.monotonic()
    with on_cpu(SERVER_CPU):
        server.start(wait=False)
    deadline = began + _LONG
    while True:
        with contextlib.suppress(OSError, EOFError), server.client(timeout=_LONG) as client:
            if client.call("PING") == b"+PONG\r\n":
                return {"seconds": time.monotonic() - began, "cpu": cpu_seconds(server.process.pid)}
        assert server.is_alive() and time.monotonic() < deadline, server.output()[-4000:]
        time.sleep(0.005)


def save(server):
    """SAVE: wall and CPU seconds."""
    with server.client(timeout=_LONG) as client:
        began, cpu = time.monotonic(), cpu_seconds(server.process.pid)
        reply = client.call("SAVE")
        assert reply == b"+OK\r\n", reply
        return {"seconds": time.monotonic() - began, "cpu": cpu_seconds(server.process.pid) - cpu}


def _ping(port, stop, longest):
    os.sched_setaffinity(0, {OTHER_CPU})
    with kt.Client(port, timeout=_LONG) as client:
        worst = 0.0
        while not stop.is_set():
            began = time.monotonic()
            client.call("PING")
            worst = max(worst, time.monotonic() - began)
            time.sleep(0.001)
    longest.value = worst


def _write(port, keys, rate, stop, written):
    """Overwrites strings of the data set at random, `rate` a second in batches of 20."""
    os.sched_setaffinity(0, {OTHER_CPU})
    choose = random.Random(1)
    batch = 20
    with kt.Client(port, timeout=_LONG) as client:
        began, count = time.monotonic(), 0
        while not stop.is_set():
            names = (choose.randrange(keys // 20) * 20 + choose.randrange(1, 16) for _ in range(batch))
            client.pipeline([(b"SET", b"key:%d:%d" % (i % 7, i), b"v" * 60) for i in names])
            count += batch
            time.sleep(max(0.0, began + count / rate - time.monotonic()))
    written.value = count


def _finish(process, stop, figure):
    stop.set()
    process.join(_LONG)
    assert process.exitcode == 0
    return figure.value


def background_save(server, keys, rate):
    """BGSAVE while others write and ping: its duration, the fork, the longest reply to a ping, what was copied."""
    context = multiprocessing.get_context("fork")
    stop, longest, written = context.Event(), context.Value("d", 0.0), context.Value("q", 0)
    writer = context.Process(target=_write, args=(server.port, keys, rate, stop, written))
    pinger = context.Process(target=_ping, args=(server.port, stop, longest))
    with server.client(timeout=_LONG) as client:
        writer.start()
        pinger.start()
        try:
            time.sleep(0.3)  # so long they run before the fork, too
            before = int(server.info("persistence")["rdb_last_save_time"])
            began = time.monotonic()
            reply = client.call("BGSAVE")
            assert reply.startswith(b"+Background saving"), reply
            kt.wait_until(lambda: server.info("persistence")["rdb_bgsave_in_progress"] == "0", timeout=_LONG, interval=0.05)
            took = time.monotonic() - began
        finally:
            worst = _finish(pinger, stop, longest)
            count = _finish(writer, stop, written)
    info = server.info("persistence", "stats")
    assert info["rdb_last_bgsave_status"] == "ok" and int(info["rdb_last_save_time"]) >= before
    return {"seconds": took, "fork": int(info["latest_fork_usec"]) / 1e6, "stall": worst,
            "copied": int(info["rdb_last_cow_size"]), "writes": count / took}


def extra_memory_of_save(server):
    """How much the resident memory of the server grows, at the most, while it SAVEs."""
    pid = server.process.pid
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak so far is forgotten
    before = resident_bytes(pid)
    save(server)
    return resident_bytes(pid, "VmHWM") - before
