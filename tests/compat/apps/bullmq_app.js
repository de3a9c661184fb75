// BullMQ on the Redis at host and port: every kind of job and every way to change a queue, each of them a script.
// Usage: node bullmq_app.js HOST PORT[,PORT] PACKAGE [PREFIX]: queues are at the first port, workers and events at the last one. The package is a major version's: bullmq5 (where repeatable jobs have
// scripts of their own) or bullmq (which has relays).
'use strict';
const assert = require('assert');
const { once } = require('events');

const [host, ports, name, prefix] = [process.argv[2], process.argv[3].split(',').map(Number), process.argv[4], process.argv[5] ?? 'bull'];
const port = ports[0];
const { FlowProducer, Queue, QueueEvents, Relay, UnrecoverableError, WaitingChildrenError, Worker } = require(name);
const IORedis = require('ioredis');
const REPEATABLE = name === 'bullmq5';
const SECONDS = 1000;
const WAIT = 60 * SECONDS;

const connection = { host, port };
const elsewhere = { host, port: ports[ports.length - 1] };
const open = [];
const opened = (object) => { open.push(object); return object; };
const queueOf = (name) => opened(new Queue(name, { connection, prefix })).setMaxListeners(0);
async function eventsOf(name) {
  // All events from the first on, not only those that come after the first XREAD.
  const events = opened(new QueueEvents(name, { connection: elsewhere, prefix, lastEventId: '0-0' })).setMaxListeners(0);
  await events.waitUntilReady();
  return events;
}
const workerOf = (name, processor, options = {}) =>
  opened(new Worker(name, processor, { connection: elsewhere, prefix, drainDelay: 1, stalledInterval: 30 * SECONDS, ...options }));

async function until(condition, what) {
  const deadline = Date.now() + WAIT;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
const finished = (jobs, events) => Promise.all(jobs.map((job) => job.waitUntilFinished(events, WAIT)));
const ids = (jobs) => jobs.map((job) => job.id);

async function results() {
  const [queue, events] = [queueOf('results'), await eventsOf('results')];
  const seen = [];
  for (const event of ['added', 'waiting', 'active', 'progress', 'completed', 'failed', 'retries-exhausted', 'drained', 'duplicated']) {
    events.on(event, ({ jobId } = {}) => seen.push(`${event} ${jobId ?? ''}`));
  }
  const attempts = new Map();
  const worker = workerOf('results', async (job) => {
    attempts.set(job.name, (attempts.get(job.name) ?? 0) + 1);
    if (job.name === 'fails') throw new Error('on purpose');
    if (job.name === 'hopeless') throw new UnrecoverableError('at once');
    if (job.name === 'third time lucky' && attempts.get(job.name) < 3) throw new Error('not yet');
    if (job.name === 'reports') {
      await job.updateProgress(50);
      await job.updateData({ ...job.data, changed: true });
      await job.log('first');
      await job.log('second');
      await job.updateProgress({ step: 'last', text: 'ä"\\\u0000' });
    }
    return { square: job.data.n * job.data.n, nothing: null, list: [], text: 'ä' };
  }, { concurrency: 4, metrics: { maxDataPoints: 10 } });

  const jobs = await queue.addBulk([...Array(50).keys()].map((n) => ({ name: 'square', data: { n } })));
  assert.deepStrictEqual(await finished(jobs, events), [...Array(50).keys()].map((n) => ({ square: n * n, nothing: null, list: [], text: 'ä' })));
  const reports = await queue.add('reports', { n: 3 }, { jobId: 'reports' });
  assert.strictEqual((await reports.waitUntilFinished(events, WAIT)).square, 9);
  const read = await queue.getJob('reports');
  assert.deepStrictEqual([read.data, read.progress, read.attemptsMade], [{ n: 3, changed: true }, { step: 'last', text: 'ä"\\\u0000' }, 1]);
  assert.deepStrictEqual(await queue.getJobLogs('reports'), { logs: ['first', 'second'], count: 2 });
  assert.deepStrictEqual([await read.getState(), await read.isCompleted(), await read.isFailed()], ['completed', true, false]);
  await queue.add('reports', { n: 4 }, { jobId: 'reports' });
  await until(() => seen.includes('duplicated reports'), 'the event of a job that was there already');

  const lucky = await queue.add('third time lucky', { n: 2 }, { attempts: 5, backoff: { type: 'exponential', delay: 20 } });
  assert.strictEqual((await lucky.waitUntilFinished(events, WAIT)).square, 4);
  assert.strictEqual(attempts.get('third time lucky'), 3);
  const fails = await queue.add('fails', { n: 1 }, { attempts: 3, backoff: { type: 'fixed', delay: 10 } });
  await assert.rejects(fails.waitUntilFinished(events, WAIT), /on purpose/);
  const hopeless = await queue.add('hopeless', { n: 1 }, { attempts: 3 });
  await assert.rejects(hopeless.waitUntilFinished(events, WAIT), /at once/);
  assert.deepStrictEqual([attempts.get('fails'), attempts.get('hopeless')], [3, 1]);
  const failed = await queue.getJob(fails.id);
  assert.deepStrictEqual([failed.failedReason, failed.attemptsMade, failed.stacktrace.length], ['on purpose', 3, 3]);
  await until(() => seen.includes(`retries-exhausted ${fails.id}`) && seen.includes('completed reports') && seen.includes('drained '),
              'the events of the jobs');
  assert.strictEqual(seen.filter((event) => event === 'progress reports').length, 2);
  const metrics = await queue.getMetrics('completed');
  assert.strictEqual(metrics.meta.count, 52);

  assert.deepStrictEqual(await queue.getJobCounts('completed', 'failed', 'wait', 'active', 'delayed'),
                         { completed: 52, failed: 2, wait: 0, active: 0, delayed: 0 });
  assert.deepStrictEqual(ids(await queue.getFailed()).sort(), [fails.id, hopeless.id].sort());
  assert.deepStrictEqual(ids(await queue.getJobs(['completed'], 0, 2, true)), ids(await queue.getCompleted(49, 51)).reverse());
  await worker.pause();
  await failed.retry();
  assert.strictEqual(await failed.getState(), 'waiting');
  assert.strictEqual(await queue.remove(failed.id), 1);
  await queue.retryJobs({ state: 'failed' });
  assert.strictEqual(await queue.getWaitingCount(), 1);
  worker.resume();
  await until(async () => (await queue.getFailedCount()) === 1, 'the second failure');
  assert.strictEqual((await queue.clean(0, 10, 'completed')).length, 10);
  assert.deepStrictEqual(await queue.clean(0, 10, 'failed'), [hopeless.id]);
  assert.ok((await queue.trimEvents(5)) > 0);
}

async function delayedAndPrioritized() {
  const [queue, events] = [queueOf('order'), await eventsOf('order')];
  const [order, delays] = [[], []];
  events.on('delayed', ({ jobId }) => delays.push(jobId));
  await queue.pause();
  assert.ok(await queue.isPaused());
  const jobs = [];
  for (const priority of [5, 1, 3, 0, 1]) jobs.push(await queue.add(`p${priority}`, {}, { priority }));
  jobs.push(await queue.add('first', {}, { lifo: true }));
  jobs.push(await queue.add('later', {}, { delay: 150 }));
  const [promoted, moved] = [await queue.add('promoted', {}, { delay: WAIT }), await queue.add('moved', {}, { delay: WAIT })];
  jobs.push(promoted, moved);
  assert.deepStrictEqual(await queue.getJobCounts('prioritized', 'delayed'), { prioritized: 4, delayed: 3 });
  assert.deepStrictEqual(await queue.getCountsPerPriority([0, 1, 2, 3]), { 0: 2, 1: 2, 2: 0, 3: 1 });
  await jobs[0].changePriority({ priority: 2 });
  await promoted.promote();
  await moved.changeDelay(300);
  await assert.rejects(promoted.promote(), /not in the delayed state/);
  const worker = workerOf('order', async (job) => { order.push(job.name); }, { concurrency: 1 });
  await queue.resume();
  await finished(jobs, events);
  // What is delayed comes among the others when its time has come.
  const apart = ['later', 'moved'];
  assert.deepStrictEqual(order.filter((job) => !apart.includes(job)), ['first', 'p0', 'promoted', 'p1', 'p1', 'p5', 'p3']);
  assert.deepStrictEqual(order.filter((job) => apart.includes(job)), apart);
  await until(() => [moved, promoted].every(({ id }) => delays.includes(id)), 'the events of delayed jobs');
  await worker.close();
  await queue.addBulk([{ name: 'a', data: {}, opts: { delay: WAIT } }, { name: 'b', data: {}, opts: { delay: WAIT } }]);
  await queue.promoteJobs();
  assert.strictEqual(await queue.getWaitingCount(), 2);
}

async function flows() {
  const flow = opened(new FlowProducer({ connection, prefix }));
  const events = await eventsOf('parents');
  const child = (n, opts) => ({ name: `child ${n}`, queueName: 'children', data: { n }, opts });
  const worker = workerOf('children', async (job) => {
    if (job.data.n < 0) throw new Error('negative');
    return job.data.n * 10;
  }, { concurrency: 3 });
  workerOf('parents', async (job) => {
    const values = Object.values(await job.getChildrenValues());
    return { sum: values.reduce((sum, value) => sum + (value.sum ?? value), 0), ignored: Object.values(await job.getIgnoredChildrenFailures()) };
  });
  const tree = await flow.add({ name: 'root', queueName: 'parents', data: {}, children: [
    child(1), child(2), { name: 'middle', queueName: 'parents', data: {}, children: [child(3), child(4)] }] });
  assert.deepStrictEqual(await tree.job.waitUntilFinished(events, WAIT), { sum: 100, ignored: [] });
  const counts = await tree.job.getDependenciesCount();
  assert.deepStrictEqual([counts.processed, counts.unprocessed], [3, 0]);
  const { processed } = await tree.job.getDependencies();
  assert.strictEqual(Object.keys(processed).length, 3);
  const back = await flow.getFlow({ id: tree.job.id, queueName: 'parents', prefix });
  assert.strictEqual(back.children.length, 3);

  const tolerant = await flow.add({ name: 'tolerant', queueName: 'parents', data: {},
                                    children: [child(-1, { ignoreDependencyOnFailure: true }), child(5)] });
  assert.deepStrictEqual(await tolerant.job.waitUntilFinished(events, WAIT), { sum: 50, ignored: ['negative'] });
  const strict = await flow.add({ name: 'strict', queueName: 'parents', data: {}, children: [child(-2, { failParentOnFailure: true }), child(6)] });
  await assert.rejects(strict.job.waitUntilFinished(events, WAIT), /failed/);
  const removing = await flow.add({ name: 'removing', queueName: 'parents', data: {}, children: [child(-3, { removeDependencyOnFailure: true })] });
  assert.deepStrictEqual(await removing.job.waitUntilFinished(events, WAIT), { sum: 0, ignored: [] });

  await worker.close();
  const waiting = await flow.addBulk([{ name: 'x', queueName: 'parents', data: {}, children: [child(7), child(8)] },
                                      { name: 'y', queueName: 'parents', data: {}, children: [child(9)] }]);
  assert.strictEqual(await waiting[0].job.getState(), 'waiting-children');
  const [parents, children] = [queueOf('parents'), queueOf('children')];
  assert.strictEqual(await parents.getWaitingChildrenCount(), 2);
  await waiting[0].job.removeUnprocessedChildren();
  await waiting[1].job.remove({ removeChildren: true });
  assert.strictEqual(await children.getWaitingCount(), 0);
}

async function schedulers() {
  const queue = queueOf('schedule');
  const runs = [];
  const worker = workerOf('schedule', async (job) => { runs.push([job.name, job.data.n]); });
  await queue.upsertJobScheduler('often', { every: 100 }, { name: 'tick', data: { n: 1 }, opts: { removeOnComplete: true } });
  await queue.upsertJobScheduler('nightly', { pattern: '0 0 3 * * *', tz: 'Europe/Berlin' }, { name: 'night', data: { n: 2 } });
  await until(() => runs.length >= 2, 'two runs of a scheduler');
  assert.deepStrictEqual(runs[0], ['tick', 1]);
  assert.strictEqual(await queue.getJobSchedulersCount(), 2);
  assert.strictEqual((await queue.getJobScheduler('nightly')).pattern, '0 0 3 * * *');
  await queue.upsertJobScheduler('often', { every: 90 }, { name: 'tock', data: { n: 3 } });
  await until(() => runs.some(([run]) => run === 'tock'), 'the changed scheduler');
  assert.deepStrictEqual((await queue.getJobSchedulers(0, 9, true)).map(({ key }) => key).sort(), ['nightly', 'often']);
  assert.ok(await queue.removeJobScheduler('often'));
  assert.ok(await queue.removeJobScheduler('nightly'));
  assert.ok(!(await queue.removeJobScheduler('nightly')));
  if (REPEATABLE) {
    await queue.add('again', { n: 4 }, { repeat: { every: 60, limit: 2 } });
    await queue.add('yearly', { n: 5 }, { repeat: { pattern: '0 0 1 1 *' } });
    await until(() => runs.filter(([run]) => run === 'again').length === 2, 'the repeated job');
    const repeatable = await queue.getRepeatableJobs();
    assert.ok(repeatable.some((job) => job.name === 'yearly'));
    assert.ok(await queue.removeRepeatable('yearly', { pattern: '0 0 1 1 *' }));
  }
  await worker.close();
}

async function limits() {
  const [queue, events] = [queueOf('limited'), await eventsOf('limited')];
  const at = [];
  let refused = false;
  const worker = workerOf('limited', async (job) => {
    if (job.name === 'refuses' && !refused) {
      refused = true;
      await worker.rateLimit(100);
      throw Worker.RateLimitError();
    }
    at.push(Date.now());
  }, { limiter: { max: 3, duration: 200 }, concurrency: 10 });
  const started = Date.now();
  await finished(await queue.addBulk(Array(7).fill({ name: 'n', data: {} })), events);
  assert.ok(at[6] - started >= 390, `7 jobs, 3 each 200 ms, took ${at[6] - started} ms`);
  await (await queue.add('refuses', {})).waitUntilFinished(events, WAIT);
  assert.ok(refused && at.length === 8);
  assert.ok((await queue.getRateLimitTtl(1)) >= -2);
  await queue.setGlobalConcurrency(1);
  assert.strictEqual(await queue.getGlobalConcurrency(), 1);
  await worker.close();
  let [running, most] = [0, 0];
  const slow = workerOf('limited', async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 5));
    --running;
  }, { concurrency: 5 });
  await finished(await queue.addBulk(Array(6).fill({ name: 'one by one', data: {} })), events);
  assert.strictEqual(most, 1);
  await queue.removeGlobalConcurrency();
  await slow.close();
}

async function deduplication() {
  const [queue, events] = [queueOf('same'), await eventsOf('same')];
  const duplicates = [];
  events.on('deduplicated', ({ jobId }) => duplicates.push(jobId));
  const first = await queue.add('a', {}, { deduplication: { id: 'key' } });
  const second = await queue.add('a', {}, { deduplication: { id: 'key' } });
  const throttled = await queue.add('b', {}, { deduplication: { id: 'timed', ttl: WAIT } });
  assert.strictEqual(second.id, first.id);
  assert.strictEqual((await queue.add('b', {}, { deduplication: { id: 'timed', ttl: WAIT } })).id, throttled.id);
  assert.strictEqual(await queue.getDeduplicationJobId('key'), first.id);
  await until(() => duplicates.length === 2, 'the events of duplicates');
  assert.strictEqual(await queue.removeDeduplicationKey('key'), 1);
  assert.notStrictEqual((await queue.add('a', {}, { deduplication: { id: 'key' } })).id, first.id);
  const replaced = await queue.add('c', { v: 1 }, { delay: WAIT, deduplication: { id: 'last', ttl: WAIT, extend: true, replace: true } });
  const last = await queue.add('c', { v: 2 }, { delay: WAIT, deduplication: { id: 'last', ttl: WAIT, extend: true, replace: true } });
  assert.ok(last.id === replaced.id || !(await queue.getJob(replaced.id)));
  assert.deepStrictEqual((await queue.getJob(last.id)).data, { v: 2 });
}

async function stalled() {
  const [queue, events] = [queueOf('stalls'), await eventsOf('stalls')];
  const stalls = [];
  events.on('stalled', ({ jobId }) => stalls.push(jobId));
  let release;
  const hangs = workerOf('stalls', () => new Promise((resolve) => { release = resolve; }),
                         { lockDuration: 100, skipLockRenewal: true, skipStalledCheck: true });
  const job = await queue.add('job', {});
  await until(async () => (await queue.getActiveCount()) === 1 && release, 'the job to be taken');
  await hangs.close(true);
  const finds = workerOf('stalls', async () => 'rescued', { stalledInterval: 100, lockDuration: 1000 });
  const [found] = await once(finds, 'stalled');
  assert.strictEqual(found, job.id);
  assert.strictEqual(await job.waitUntilFinished(events, WAIT), 'rescued');
  await until(() => stalls.includes(job.id), 'the event of the stalled job');
  release();
  await finds.close();
}

async function byHand() {
  const queue = queueOf('hand');
  const worker = opened(new Worker('hand', null, { connection: elsewhere, prefix, autorun: false }));
  for (let n = 1; n <= 4; ++n) await queue.add('job', { n }, { removeOnComplete: { count: 1 } });
  const token = 'a token';
  const first = await worker.getNextJob(token);
  assert.strictEqual(first.data.n, 1);
  await assert.rejects(first.remove(), /locked/);
  await assert.rejects(first.moveToCompleted('x', 'another token', false), /lock/i);
  assert.strictEqual(await first.extendLock(token, 30 * SECONDS), 1);
  const [data, id] = await first.moveToCompleted('done', token, true);
  assert.strictEqual(id, '2');
  assert.ok(data.length > 0 || Object.keys(data).length > 0);
  const second = await queue.getJob(id);
  await second.moveToDelayed(Date.now() + WAIT, token);
  assert.strictEqual(await second.getState(), 'delayed');
  const third = await worker.getNextJob(token);
  await third.moveToFailed(new Error('by hand'), token, false);
  assert.strictEqual(await third.getState(), 'failed');
  await (await worker.getNextJob(token)).moveToCompleted('done', token, false);
  assert.strictEqual(await queue.getCompletedCount(), 1);
  assert.strictEqual(await worker.getNextJob(token, { block: false }), undefined);
}

// A job that makes children while it runs, and one whose child leaves it.
async function growing() {
  const [queue, events] = [queueOf('grows'), await eventsOf('grows')];
  const children = queueOf('grown');
  const parent = (job) => ({ parent: { id: job.id, queue: job.queueQualifiedName } });
  const worker = workerOf('grows', async (job, token) => {
    if (!job.data.grown) {
      await children.add('child', {}, parent(job));
      await children.add('child', {}, parent(job));
      await job.updateData({ grown: true });
      if (await job.moveToWaitingChildren(token)) throw new WaitingChildrenError();
    }
    return (await job.getDependenciesCount()).processed;
  }, { concurrency: 2 });
  const job = await queue.add('grows', {});
  await until(async () => (await children.getWaitingCount()) === 2, 'the children');
  const grown = workerOf('grown', async () => 'ä', { concurrency: 2 });
  assert.strictEqual(await job.waitUntilFinished(events, WAIT), 2);
  const dependencies = await queue.getDependencies(job.id, 'processed', 0, 9);
  assert.deepStrictEqual([dependencies.total, dependencies.items.length], [2, 2]);
  await grown.close();

  const flow = opened(new FlowProducer({ connection, prefix }));
  const tree = await flow.add({ name: 'grows', queueName: 'grows', data: { grown: true }, children: [{ name: 'leaves', queueName: 'grown', data: {} }] });
  assert.strictEqual(await tree.children[0].job.removeChildDependency(), true);
  assert.strictEqual(await tree.job.waitUntilFinished(events, WAIT), 0);
  assert.strictEqual(await queue.isMaxed(), false);
  if (queue.removeOrphanedJobs) assert.strictEqual(await queue.removeOrphanedJobs(), 0);
  await worker.close();
}

async function lockRenewal() {
  const [queue, events] = [queueOf('long'), await eventsOf('long')];
  const redis = opened(new IORedis(port, host));
  workerOf('long', async (job) => {
    let last = 0;
    await until(async () => {
      const [before, now] = [last, await redis.pttl(`${prefix}:long:${job.id}:lock`)];
      last = now;
      return before > 0 && now > before;
    }, 'the lock to be renewed');
    return 'held';
  }, { lockDuration: 30 * SECONDS, lockRenewTime: 500 });
  assert.strictEqual(await (await queue.add('long', {})).waitUntilFinished(events, WAIT), 'held');
}

async function relays() {
  const [a, b] = [opened(new Relay({ connection, prefix })), opened(new Relay({ connection: elsewhere, prefix }))];
  const got = [];
  const subscription = await a.subscribe('orders.>', ({ topic, data }) => { got.push([topic, data]); });
  assert.ok(await b.publish('orders.new.eu', { n: 1 }, { retain: WAIT }));
  await b.publish('bills.new', { n: 2 });
  await until(() => got.length === 1, 'the message');
  assert.deepStrictEqual(got, [['orders.new.eu', { n: 1 }]]);
  await b.subscribe('orders.new.eu', ({ data, retained }) => { got.push([retained, data]); });
  await until(() => got.length === 2, 'the retained message');
  assert.deepStrictEqual(got[1], [true, { n: 1 }]);
  assert.strictEqual((await a.getNodes()).length, 2);
  assert.strictEqual((await a.getRetained()).length, 1);
  assert.deepStrictEqual(await a.getNamespaces(), ['default']);
  assert.ok(await b.deleteRetained('orders.new.eu'));
  await subscription.unsubscribe();
  assert.strictEqual((await b.getPatterns()).length, 1);
}

async function removal() {
  const queue = queueOf('gone');
  const jobs = await queue.addBulk([...Array(20).keys()].map((n) => ({ name: 'n', data: { n }, opts: n % 4 ? {} : { delay: WAIT, priority: n } })));
  await jobs[1].remove();
  assert.strictEqual(await queue.remove('no such job'), 1);
  assert.strictEqual(await queue.count(), 19);
  assert.strictEqual((await queue.clean(0, 3, 'wait')).length, 3);
  await queue.drain();
  assert.deepStrictEqual(await queue.getJobCounts('wait', 'delayed'), { wait: 0, delayed: 5 });
  await queue.drain(true);
  assert.strictEqual(await queue.count(), 0);
  await queue.addBulk(Array(1200).fill({ name: 'many', data: { text: 'x'.repeat(100) } }));
  await queue.obliterate({ force: true });
  const redis = opened(new IORedis(port, host));
  assert.deepStrictEqual((await redis.keys(`${prefix}:gone:*`)).filter((key) => key !== `${prefix}:gone:meta`), []);
  assert.match(await redis.info('stats'), /unexpected_error_replies:0/);
}

async function main() {
  const redis = new IORedis(port, host);
  await redis.flushall();
  await Promise.all([results(), delayedAndPrioritized(), flows(), schedulers(), limits(), deduplication(), stalled(), byHand(),
                     growing(), lockRenewal(), Relay ? relays() : null]);
  await removal();
  redis.disconnect();
  await Promise.all(open.filter((object) => object.close).map((object) => object.close()));
  console.log('ok');
  process.exit(0);
}

main().catch((error) => { console.error(error); process.exit(1); });
