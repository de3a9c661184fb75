"""Celery with the Redis at host and port as broker and result backend: results, groups, chords, retries, countdowns."""

import os
import pathlib
import signal
import subprocess
import sys

os.environ["KEYWAY_BROKER"] = f"redis://{sys.argv[1]}:{sys.argv[2]}/0"
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from celery import chain, chord, group  # noqa: E402
from celery_tasks import add, app, fails, third_time_lucky, total  # noqa: E402

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


worker = subprocess.Popen([sys.executable, "-m", "celery", "-A", "celery_tasks", "worker", "--pool=solo", "--loglevel=WARNING"],
                          cwd=HERE, env=dict(os.environ, C_FORCE_ROOT="1", PYTHONDONTWRITEBYTECODE="1"))
try:
    run()
finally:
    worker.send_signal(signal.SIGTERM)
    try:
        worker.wait(30)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()
print("ok", flush=True)
