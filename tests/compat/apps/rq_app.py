"""RQ on the Redis at host and port: jobs, results, failures, dependencies, a worker that forks, scheduled jobs."""

import datetime
import operator
import sys
import time

import redis
from rq import Queue, SimpleWorker, Worker
from rq.job import Job
from rq.registry import FailedJobRegistry, FinishedJobRegistry, ScheduledJobRegistry

connection = redis.Redis(sys.argv[1], int(sys.argv[2]))
connection.ping()
queue = Queue("app", connection=connection)

jobs = [queue.enqueue("operator.mul", i, i) for i in range(20)]
first = queue.enqueue("operator.add", 1, 2)
second = queue.enqueue("operator.add", 3, 4, depends_on=first)
failing = queue.enqueue("operator.truediv", 1, 0)
at_front = queue.enqueue("operator.neg", 5, at_front=True)
assert len(queue) == 23, len(queue)  # the dependent job is not in the queue yet
assert queue.job_ids[0] == at_front.id

SimpleWorker([queue], connection=connection).work(burst=True, logging_level="ERROR")
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
Worker([queue], connection=connection).work(burst=True, logging_level="ERROR")
assert Job.fetch(forked.id, connection=connection).result == 1024

# Jobs for later.
later = queue.enqueue_in(datetime.timedelta(seconds=1), "operator.add", 20, 22)
assert later.id in ScheduledJobRegistry(queue=queue)
deadline = time.monotonic() + 60
while Job.fetch(later.id, connection=connection).get_status() != "finished":
    assert time.monotonic() < deadline, "the scheduled job has not run"
    Worker([queue], connection=connection).work(burst=True, with_scheduler=True, logging_level="ERROR")
    time.sleep(0.2)
assert Job.fetch(later.id, connection=connection).result == 42
assert Worker.count(connection=connection) == 0
print("ok")
