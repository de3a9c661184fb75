"""The tasks of celery_app.py; the broker is named in KEYWAY_BROKER."""

import os

from celery import Celery

VISIBILITY_TIMEOUT = 1  # seconds until a message that nobody has acknowledged may be given to another worker

app = Celery("celery_tasks", broker=os.environ["KEYWAY_BROKER"], backend=os.environ["KEYWAY_BROKER"])
app.conf.update(worker_hijack_root_logger=False, broker_connection_retry_on_startup=True,
                broker_transport_options={"visibility_timeout": VISIBILITY_TIMEOUT, "priority_steps": [0, 5, 9]})


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
