"""The tasks of the Celery applications; the broker is named in KEYWAY_BROKER, a prefix of keys in KEYWAY_TAG.
With KEYWAY_PLAIN_QUEUES a queue is a list and nothing else."""

import os

from celery import Celery
from celery.backends.redis import RedisBackend

VISIBILITY_TIMEOUT = 1  # seconds until a message that nobody has acknowledged may be given to another worker

app = Celery("celery_tasks", broker=os.environ["KEYWAY_BROKER"], backend=os.environ["KEYWAY_BROKER"])
TAG = os.environ.get("KEYWAY_TAG", "")
RedisBackend.group_keyprefix = TAG + RedisBackend.group_keyprefix  # what chords count in
app.conf.update(worker_hijack_root_logger=False, broker_connection_retry_on_startup=True,
                # This one is watched, and kombu puts no prefix before what it watches.
                broker_transport_options={"visibility_timeout": VISIBILITY_TIMEOUT, "priority_steps": [0, 5, 9],
                                          "global_keyprefix": TAG, "unacked_key": TAG + "unacked"})
if "KEYWAY_PLAIN_QUEUES" in os.environ:
    app.conf.broker_transport_options = {"ack_emulation": False, "priority_steps": [0]}


@app.task
def add(x, y):
    return x + y


@app.task
def total(numbers):
    return sum(numbers)


@app.task(bind=True, max_retries=2)
def third_time_lucky(self):
    if self.request.retries < 2:
        raise self.retry(countdown=0.1)
    return "done"


@app.task
def fails():
    raise ValueError("on purpose")
