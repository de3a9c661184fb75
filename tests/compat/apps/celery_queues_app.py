"""Celery workers on many queues, which on a cluster are on several shards, with the Redis at host and port: each worker
waits for all of its queues with one BRPOP. Usage: celery_queues_app.py HOST PORT[,PORT]: tasks are sent at the first port,
workers are on the last one."""

import os
import pathlib
import signal
import subprocess
import sys

BROKERS = [f"redis://{sys.argv[1]}:{port}/0" for port in sys.argv[2].split(",")]
HERE = pathlib.Path(__file__).resolve().parent
QUEUES = ["mail", "images", "reports", "billing", "default"]
WAIT = 60
sys.path.insert(0, str(HERE))
# Without emulated acknowledgement and with one priority no transaction writes several keys.
os.environ.update(KEYWAY_BROKER=BROKERS[0], KEYWAY_PLAIN_QUEUES="yes")

from celery_tasks import add, app  # noqa: E402

environment = dict(os.environ, KEYWAY_BROKER=BROKERS[-1], C_FORCE_ROOT="1", PYTHONDONTWRITEBYTECODE="1")
workers = [subprocess.Popen([sys.executable, "-m", "celery", "-A", "celery_tasks", "worker", "--pool=solo", "--loglevel=WARNING",
                             "-n", f"worker{number}@%h", "-Q", ",".join(QUEUES)], cwd=HERE, env=environment) for number in range(2)]
try:
    # One after the other, so that the workers wait each time.
    for number in range(50):
        queue = QUEUES[number % len(QUEUES)]
        assert add.apply_async((number, 1), queue=queue).get(timeout=WAIT) == number + 1
    results = [add.apply_async((number, 2), queue=QUEUES[number % len(QUEUES)]) for number in range(200)]
    assert [result.get(timeout=WAIT) for result in results] == [number + 2 for number in range(200)]
    answers = app.control.ping(timeout=WAIT, limit=2)
    assert len(answers) == 2, answers
    with app.connection_for_read() as broker:
        client = broker.default_channel.client
        assert [client.llen(queue) for queue in QUEUES] == [0] * len(QUEUES)
finally:
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
    for worker in workers:
        try:
            worker.wait(30)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
print("ok", flush=True)
