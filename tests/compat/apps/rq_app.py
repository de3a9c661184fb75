"""RQ on the Redis at host and port: jobs, results, failures, dependencies, a worker that forks, scheduled jobs, and one
that waits for several queues. Usage: rq_app.py HOST PORT[,PORT] [TAG]: jobs are made at the first port, workers are on the
last one. With a tag, as {rq}, all keys have that prefix: RQ writes several of them in one transaction."""

import datetime
import operator
import os
import signal
import sys
import time

import redis
import rq_keys
from rq import Queue, SimpleWorker, Worker
from rq.job import Job
from rq.registry import FailedJobRegistry, FinishedJobRegistry, ScheduledJobRegistry

PORTS = [int(port) for port in sys.argv[2].split(",")]
if len(sys.argv) > 3:
    rq_keys.put_prefix(sys.argv[3])
connection = redis.Redis(sys.argv[1], PORTS[0])
worker_connection = redis.Redis(sys.argv[1], PORTS[-1])
connection.ping()
queue = Queue("app", connection=connection)
worker_queue = Queue("app", connection=worker_connection)

jobs = [queue.enqueue("operator.mul", i, i) for i in range(20)]
first = queue.enqueue("operator.add", 1, 2)
second = queue.enqueue("operator.add", 3, 4, depends_on=first)
failing = queue.enqueue("operator.truediv", 1, 0)
at_front = queue.enqueue("operator.neg", 5, at_front=True)
assert len(queue) == 23, len(queue)  # the dependent job is not in the queue yet
assert queue.job_ids[0] == at_front.id

SimpleWorker([worker_queue], connection=worker_connection).work(burst=True, logging_level="ERROR")
assert [Job.fetch(job.id, connection=connection).result for job in jobs] == [i * i for i in range(20)]
assert Job.fetch(second.id, connection=connection).result == 7
assert Job.fetch(failing.id, connection=connection).get_status() == "failed"
assert failing.id in FailedJobRegistry(queue=queue)
assert len(FinishedJobRegistry(queue=queue)) == 23

failing.requeue() if hasattr(failing, "requeue") else FailedJobRegistry(queue=queue).requeue(failing.id)
assert len(queue) == 1
for number in range(10):
    queue.enqueue("operator.neg", number)
waiting = queue.enqueue("operator.neg", 1)
assert queue.empty() == 12  # a script
assert queue.is_empty() and not Job.exists(waiting.id, connection=connection)
other = Queue("other", connection=connection)
other.enqueue("operator.neg", 1)
other.delete()
assert other not in Queue.all(connection=connection) and len(other) == 0

# A worker with a child process for each job.
forked = queue.enqueue(operator.pow, 2, 10)
Worker([worker_queue], connection=worker_connection).work(burst=True, logging_level="ERROR")
assert Job.fetch(forked.id, connection=connection).result == 1024

# Jobs for later.
later = queue.enqueue_in(datetime.timedelta(seconds=1), "operator.add", 20, 22)
assert later.id in ScheduledJobRegistry(queue=queue)
deadline = time.monotonic() + 60
while Job.fetch(later.id, connection=connection).get_status() != "finished":
    assert time.monotonic() < deadline, "the scheduled job has not run"
    Worker([worker_queue], connection=worker_connection).work(burst=True, with_scheduler=True, logging_level="ERROR")
    time.sleep(0.2)
assert Job.fetch(later.id, connection=connection).result == 42
assert Worker.count(connection=connection) == 0

# A worker that waits for jobs of several queues.
names = ["high", "default", "low"]
pid = os.fork()
if pid == 0:
    own = redis.Redis(sys.argv[1], PORTS[-1])
    SimpleWorker([Queue(name, connection=own) for name in names], connection=own).work(logging_level="ERROR")
    os._exit(0)
try:
    for turn in range(30):
        job = Queue(names[turn % 3], connection=connection).enqueue("operator.add", turn, turn)
        deadline = time.monotonic() + 60
        while job.get_status() != "finished":
            assert time.monotonic() < deadline, f"job {turn} has not run"
            time.sleep(0.005)
        assert job.result == 2 * turn
    assert Worker.count(connection=connection) == 1
    [worker] = Worker.all(connection=connection)
    assert worker.successful_job_count == 30, worker.successful_job_count
finally:
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)
print("ok")
