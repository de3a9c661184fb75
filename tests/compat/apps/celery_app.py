"""Celery with the Redis at host and port as broker and result backend: results, groups, chords, retries, countdowns, a
message whose consumer has died. Usage: celery_app.py HOST PORT[,PORT] [TAG]: tasks are sent at the first port, the worker is
on the last one. With a tag, as {celery}, keys that Celery writes in one transaction have it as a prefix."""

import os
import pathlib
import signal
import subprocess
import sys
import time

BROKERS = [f"redis://{sys.argv[1]}:{port}/0" for port in sys.argv[2].split(",")]
os.environ["KEYWAY_BROKER"] = BROKERS[0]
if len(sys.argv) > 3:
    os.environ["KEYWAY_TAG"] = sys.argv[3]
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from celery import chain, chord, group  # noqa: E402
from celery_tasks import TAG, VISIBILITY_TIMEOUT, add, app, fails, third_time_lucky, total  # noqa: E402

WAIT = 60


def run():
    assert [add.delay(i, 1).get(timeout=WAIT) for i in range(20)] == list(range(1, 21))
    assert sorted(group(add.s(i, i) for i in range(10))().get(timeout=WAIT)) == [2 * i for i in range(10)]
    assert chord((add.s(i, i) for i in range(10)), total.s())().get(timeout=WAIT) == 90
    assert chain(add.s(1, 2), add.s(3), add.s(4))().get(timeout=WAIT) == 10
    assert third_time_lucky.delay().get(timeout=WAIT) == "done"
    assert add.apply_async((1, 1), countdown=0.5, priority=5).get(timeout=WAIT) == 2
    failed = fails.delay()
    assert isinstance(failed.get(timeout=WAIT, propagate=False), ValueError)
    assert app.control.ping(timeout=WAIT, limit=1), "no worker answers"
    result = add.delay(5, 5)
    assert result.get(timeout=WAIT) == 10
    result.forget()


def lose_a_message():
    """A task whose message was taken by a process that has died since, and may be given to another; its result."""
    lost = add.delay(20, 22)
    pid = os.fork()
    if pid == 0:
        with app.connection_for_read() as broker:
            broker.SimpleQueue("celery").get(timeout=WAIT)
            os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    with app.connection_for_read() as broker:
        client = broker.default_channel.client
        assert client.hlen(TAG + TAG + "unacked") == 1 and client.llen("celery") == 0
        [(_, taken)] = client.zrange(TAG + "unacked_index", 0, -1, withscores=True)
    time.sleep(max(0, taken + VISIBILITY_TIMEOUT - time.time()) + 0.01)
    return lost


lost = lose_a_message()
worker = subprocess.Popen([sys.executable, "-m", "celery", "-A", "celery_tasks", "worker", "--pool=solo", "--loglevel=WARNING"],
                          cwd=HERE, env=dict(os.environ, KEYWAY_BROKER=BROKERS[-1], C_FORCE_ROOT="1", PYTHONDONTWRITEBYTECODE="1"))
try:
    # The worker restores it under a lock whose release is a script.
    assert lost.get(timeout=WAIT) == 42
    run()
    with app.connection_for_read() as broker:
        assert broker.default_channel.client.exists(TAG + "unacked_mutex") == 0
finally:
    worker.send_signal(signal.SIGTERM)
    try:
        worker.wait(30)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()
print("ok", flush=True)
