"""A prefix for all of RQ's keys, which RQ has no setting for: a hash tag puts them into one slot."""

import rq.job
import rq.queue
import rq.registry
import rq.results
import rq.scheduler
import rq.suspension
import rq.worker
import rq.worker_registration


def put_prefix(prefix):
    for owner, name in [(rq.job.Job, "redis_job_namespace_prefix"), (rq.queue.Queue, "redis_queue_namespace_prefix"),
                        (rq.queue.Queue, "redis_queues_keys"), (rq.worker.Worker, "redis_worker_namespace_prefix"),
                        (rq.worker.Worker, "redis_workers_keys"), (rq.worker_registration, "REDIS_WORKER_KEYS"),
                        (rq.worker_registration, "WORKERS_BY_QUEUE_KEY"), (rq.suspension, "WORKERS_SUSPENDED"),
                        (rq.scheduler, "SCHEDULER_KEY_TEMPLATE"), (rq.scheduler, "SCHEDULER_LOCKING_KEY_TEMPLATE")]:
        setattr(owner, name, prefix + getattr(owner, name))
    for registry in vars(rq.registry).values():
        if isinstance(registry, type) and "key_template" in vars(registry):
            registry.key_template = prefix.replace("{", "{{").replace("}", "}}") + registry.key_template
    key_of_results = rq.results.get_key
    rq.results.get_key = lambda job_id: prefix + key_of_results(job_id)
    rq.results.Result.get_key = classmethod(lambda cls, job_id: rq.results.get_key(job_id))
