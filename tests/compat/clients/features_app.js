// What ioredis and node-redis offer beyond plain commands, on one Redis that is reached at one port or at two (two
// proxies): pipelines, transactions with WATCH, subscriptions, blocking pops, scripts by their SHA, SCAN; node-redis in
// RESP2 and in RESP3. What one connection writes, one on the other port sees.
// Usage: node features_app.js HOST PORT[,PORT]
'use strict';
const assert = require('node:assert');
const Redis = require('ioredis');
const { createClient, WatchError } = require('redis');

const host = process.argv[2];
const ports = process.argv[3].split(',').map(Number);
const WAIT = 30;
const range = (count) => [...Array(count).keys()];

async function until(condition, what) {
  const deadline = Date.now() + WAIT * 1000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function ioredisApp() {
  const [here, there, waiter] = [0, 1, 1].map((turn) => new Redis({ host, port: ports[turn % ports.length], maxRetriesPerRequest: 1 }));
  await here.flushall();
  const keys = range(200).map((n) => `io:${n}`);

  const pipeline = here.pipeline();
  keys.forEach((key, n) => pipeline.set(key, n));
  const replies = await pipeline.lpush('io:list', 'x').incr('io:list').mget(keys[3], keys[4]).exec();
  assert.deepStrictEqual(replies.slice(0, 201), [...keys.map(() => [null, 'OK']), [null, 1]]);
  assert.match(replies[201][0].message, /^WRONGTYPE/);
  assert.deepStrictEqual(replies[202], [null, ['3', '4']]);
  assert.deepStrictEqual(await there.mget(keys), range(200).map(String));

  assert.deepStrictEqual(await here.multi().set('{io}a', 1).incr('{io}a').lpush('{io}a', 'x').rpush('{io}l', 'x', 'y').lrange('{io}l', 0, -1).exec()
    .then((all) => all.map(([error, reply]) => (error ? error.message.split(' ')[0] : reply))), ['OK', 2, 'WRONGTYPE', 2, ['x', 'y']]);
  await here.watch('{io}a', '{io}b');
  await there.set('{io}b', 'changed');
  assert.strictEqual(await here.multi().incr('{io}a').exec(), null);
  await here.watch('{io}a');
  assert.deepStrictEqual(await here.multi().incr('{io}a').exec(), [[null, 3]]);
  await here.watch('{io}a');
  await there.incr('{io}a');
  await here.unwatch();
  assert.deepStrictEqual(await here.multi().incr('{io}a').exec(), [[null, 5]]);
  // Not in one piece: each request waits for the reply to the one before.
  await here.multi({ pipeline: false });
  assert.strictEqual(await here.incr('{io}a'), 'QUEUED');
  assert.deepStrictEqual(await here.exec(), [[null, 6]]);
  await here.multi({ pipeline: false });
  assert.strictEqual(await here.incr('{io}a'), 'QUEUED');
  assert.strictEqual(await here.discard(), 'OK');
  await assert.rejects(here.multi().incr('{io}a').call('NOSUCHCOMMAND').exec(), /^ReplyError: EXECABORT Transaction discarded because of previous errors\.$/);
  assert.strictEqual(await there.get('{io}a'), '6');

  const messages = [];
  waiter.on('message', (channel, message) => messages.push(`${channel} ${message}`));
  waiter.on('pmessage', (pattern, channel, message) => messages.push(`${pattern} ${channel} ${message}`));
  assert.strictEqual(await waiter.subscribe('io:news', 'io:more'), 2);
  assert.strictEqual(await waiter.psubscribe('io:n*'), 3);
  await until(async () => (await here.pubsub('NUMSUB', 'io:news'))[1] >= 1 && (await here.pubsub('NUMPAT')) >= 1, 'the subscriber');
  const published = here.pipeline();
  range(50).forEach((n) => published.publish('io:news', n).publish('io:more', n));
  await published.exec();
  await until(() => messages.length === 150, 'the messages');
  const wanted = range(50).flatMap((n) => [`io:news ${n}`, `io:n* io:news ${n}`, `io:more ${n}`]);
  assert.deepStrictEqual([...messages].sort(), [...wanted].sort());
  assert.deepStrictEqual(messages.filter((text) => text.startsWith('io:news')), range(50).map((n) => `io:news ${n}`));
  await assert.rejects(waiter.get('x'), /subscriber mode/);
  assert.strictEqual(await waiter.unsubscribe('io:news', 'io:more'), 1);
  assert.strictEqual(await waiter.punsubscribe('io:n*'), 0);

  const queues = range(10).map((n) => `io:queue:${n}`);
  const taken = [];
  const consume = async () => {
    const client = new Redis({ host, port: ports[ports.length - 1] });
    for (;;) {
      const [queue, element] = await client.brpop(...queues, WAIT);
      if (element === 'end') break;
      taken.push(`${queue} ${element}`);
    }
    client.disconnect();
  };
  const consumers = [consume(), consume(), consume()];
  await Promise.all(range(300).map((n) => here.lpush(queues[n % 10], n)));
  await until(() => taken.length === 300, 'the elements');
  await Promise.all(consumers.map(() => here.lpush(queues[9], 'end')));
  await Promise.all(consumers);
  assert.deepStrictEqual([...taken].sort(), range(300).map((n) => `${queues[n % 10]} ${n}`).sort());
  await there.rpush(queues[7], 'seven');
  await there.rpush(queues[2], 'two');
  assert.deepStrictEqual(await here.blpop(queues[5], ...[...queues].reverse(), WAIT), [queues[7], 'seven']);
  assert.deepStrictEqual(await here.blmpop(WAIT, 2, queues[1], queues[2], 'LEFT'), [queues[2], ['two']]);
  assert.strictEqual(await here.blpop(...queues, 0.1), null);
  const ready = waiter.bzpopmax('io:z:1', 'io:z:2', WAIT);
  await here.zadd('io:z:2', 1, 'm');
  assert.deepStrictEqual(await ready, ['io:z:2', 'm', '1']);

  here.defineCommand('add', { numberOfKeys: 1, lua: 'return redis.call("INCRBY", KEYS[1], ARGV[1])' });
  there.defineCommand('add', { numberOfKeys: 1, lua: 'return redis.call("INCRBY", KEYS[1], ARGV[1])' });
  await here.script('FLUSH');
  assert.deepStrictEqual(await Promise.all(keys.map((key) => here.add(key, 5))), range(200).map((n) => n + 5));
  assert.deepStrictEqual(await Promise.all(keys.map((key) => there.add(key, 5))), range(200).map((n) => n + 10));
  const sha = await here.script('LOAD', 'return KEYS[1]');
  assert.deepStrictEqual(await Promise.all(keys.map((key) => there.evalsha(sha, 1, key))), keys);

  const seen = new Set();
  for await (const page of there.scanStream({ match: 'io:*[0-9]', count: 7, type: 'string' })) page.forEach((key) => seen.add(key));
  assert.deepStrictEqual([...seen].sort(), [...keys].sort());
  for (const client of [here, there, waiter]) await client.quit();
}

async function nodeRedisApp(RESP) {
  const connect = async (turn) => {
    const client = createClient({ socket: { host, port: ports[turn % ports.length] }, RESP, unstableResp3: true });
    client.on('error', (error) => { throw error; });
    return client.connect();
  };
  const [here, there, waiter, subscriber] = [await connect(0), await connect(1), await connect(1), await connect(1)];
  await here.flushAll();
  const keys = range(200).map((n) => `node:${n}`);
  const values = await Promise.all([...keys.map((key, n) => here.set(key, String(n))), here.mGet(keys.slice(0, 2))]);
  assert.deepStrictEqual(values, [...keys.map(() => 'OK'), ['0', '1']]);
  assert.deepStrictEqual(await there.mGet(keys), range(200).map(String));
  await here.hSet('node:hash', { a: 1, b: 2 });
  assert.deepStrictEqual({ ...await there.hGetAll('node:hash') }, { a: '1', b: '2' });

  const transaction = (client) => client.multi().set('{node}a', 1).incr('{node}a').rPush('{node}l', ['x', 'y']).lRange('{node}l', 0, -1);
  assert.deepStrictEqual(await transaction(here).exec(), ['OK', 2, 2, ['x', 'y']]);
  await here.watch(['{node}a', '{node}b']);
  await there.set('{node}b', 'changed');
  await assert.rejects(here.multi().incr('{node}a').exec(), WatchError);
  await here.watch('{node}a');
  assert.deepStrictEqual(await here.multi().incr('{node}a').exec(), [3]);
  await here.watch('{node}a');
  await there.incr('{node}a');
  await here.unwatch();
  assert.deepStrictEqual(await here.multi().incr('{node}a').hSet('{node}h', 'f', 'v').hGetAll('{node}h').exec()
    .then(([number, added, hash]) => [number, added, { ...hash }]), [5, 1, { f: 'v' }]);
  assert.deepStrictEqual(await here.multi().lPush('{node}a', 'x').incr('{node}a').exec().catch((error) => error.replies[1]), 6);

  const messages = [];
  const listen = (message, channel) => messages.push(`${channel} ${message}`);
  await subscriber.subscribe(['node:news', 'node:more'], listen);
  await subscriber.pSubscribe('node:n*', (message, channel) => messages.push(`pattern ${channel} ${message}`));
  await subscriber.sSubscribe('node:shard', listen);
  await until(async () => (await here.pubSubNumSub(['node:news']))['node:news'] >= 1 && (await here.pubSubNumPat()) >= 1 &&
                          (await here.pubSubShardNumSub(['node:shard']))['node:shard'] >= 1, 'the subscriber');
  await Promise.all(range(50).map((n) => Promise.all([here.publish('node:news', `${n}`), here.publish('node:more', `${n}`), here.sPublish('node:shard', `${n}`)])));
  await until(() => messages.length === 200, 'the messages');
  assert.deepStrictEqual([...messages].sort(), range(50).flatMap((n) => [`node:news ${n}`, `pattern node:news ${n}`, `node:more ${n}`, `node:shard ${n}`]).sort());
  assert.deepStrictEqual(messages.filter((text) => text.startsWith('node:shard')), range(50).map((n) => `node:shard ${n}`));
  await subscriber.unsubscribe(['node:news', 'node:more']);
  await subscriber.pUnsubscribe('node:n*');
  await subscriber.sUnsubscribe('node:shard');
  assert.strictEqual(String(await subscriber.get(keys[3])), '3');

  const queues = range(10).map((n) => `node:queue:${n}`);
  const waiting = waiter.blPop(queues, WAIT);
  await here.rPush(queues[6], 'six');
  assert.deepStrictEqual({ ...await waiting }, { key: queues[6], element: 'six' });
  await here.rPush(queues[7], 'seven');
  await here.rPush(queues[2], 'two');
  assert.deepStrictEqual({ ...await waiter.brPop([queues[5], ...[...queues].reverse()], WAIT) }, { key: queues[7], element: 'seven' });
  assert.deepStrictEqual({ ...await waiter.brPop(queues, WAIT) }, { key: queues[2], element: 'two' });
  assert.strictEqual(await waiter.blPop(queues, 0.1), null);
  const least = waiter.bzPopMin(['node:z:1', 'node:z:2'], WAIT);
  await here.zAdd('node:z:2', { score: 1.5, value: 'm' });
  assert.deepStrictEqual({ ...await least }, { key: 'node:z:2', value: 'm', score: 1.5 });
  const entries = waiter.xRead({ key: 'node:stream', id: '$' }, { BLOCK: WAIT * 1000 });
  await new Promise((resolve) => setTimeout(resolve, 50));
  await here.xAdd('node:stream', '5-1', { f: 'v' });
  const read = JSON.stringify(await entries);
  assert.ok(read.includes('node:stream') && read.includes('5-1'), read);

  await here.scriptFlush();
  const sha = await here.scriptLoad('return redis.call("INCRBY", KEYS[1], ARGV[1])');
  const added = await Promise.all(keys.map((key) => there.evalSha(sha, { keys: [key], arguments: ['5'] })));
  assert.deepStrictEqual(added, range(200).map((n) => n + 5));
  await assert.rejects(there.evalSha('0'.repeat(40), { keys: ['k'] }), /^Error: NOSCRIPT No matching script\. Please use EVAL\.$/);

  const seen = [];
  for await (const page of there.scanIterator({ MATCH: 'node:*[0-9]', TYPE: 'string', COUNT: 7 })) seen.push(...page);
  assert.deepStrictEqual([...new Set(seen)].sort(), [...keys].sort());
  for (const client of [here, there, waiter, subscriber]) await client.close();
}

(async () => {
  await ioredisApp();
  await nodeRedisApp(2);
  await nodeRedisApp(3);
  console.log('ok');
  process.exit(0);
})().catch((error) => { console.error(error); process.exit(1); });
