// A stream with a consumer group on ioredis, on the Redis at host and port: two consumers that wait for entries,
// one that dies with entries unacknowledged, another that claims them.
'use strict';
const assert = require('assert');
const Redis = require('ioredis');

const [host, ports] = [process.argv[2], process.argv[3].split(',').map(Number)];
let turn = 0;
const connect = () => new Redis({ host, port: ports[turn++ % ports.length] });
const ENTRIES = 200;

async function consume(name, seen, enough, acknowledge) {
  const redis = connect();
  while (!enough()) {
    const reply = await redis.xreadgroup('GROUP', 'workers', name, 'COUNT', 10, 'BLOCK', 200, 'STREAMS', 'orders', '>');
    if (reply === null) continue;
    for (const [id, fields] of reply[0][1]) {
      seen.set(id, fields);
      if (acknowledge) await redis.xack('orders', 'workers', id);
    }
  }
  redis.disconnect();
}

async function main() {
  const redis = connect();
  await redis.flushall();
  assert.strictEqual(await redis.xgroup('CREATE', 'orders', 'workers', '$', 'MKSTREAM'), 'OK');
  await assert.rejects(redis.xgroup('CREATE', 'orders', 'workers', '$'), /BUSYGROUP/);

  const seen = new Map();
  const all = () => seen.size === ENTRIES;
  const consumers = [consume('a', seen, all, true), consume('b', seen, all, true)];
  for (let i = 0; i < ENTRIES; i += 10) {
    const pipeline = redis.pipeline();
    for (let j = i; j < i + 10; ++j) pipeline.xadd('orders', 'MAXLEN', '~', 10000, '*', 'number', j, 'text', `order ${j}`);
    for (const [error] of await pipeline.exec()) assert.ifError(error);
  }
  await Promise.all(consumers);
  const numbers = [...seen.values()].map((fields) => Number(fields[1])).sort((x, y) => x - y);
  assert.deepStrictEqual(numbers, [...Array(ENTRIES).keys()]);
  assert.deepStrictEqual((await redis.xpending('orders', 'workers'))[0], 0);

  // One takes entries and never acknowledges; another claims them.
  for (let i = 0; i < 5; ++i) await redis.xadd('orders', '*', 'number', 1000 + i);
  const lost = new Map();
  await consume('dies', lost, () => lost.size === 5, false);
  assert.strictEqual((await redis.xpending('orders', 'workers'))[0], 5);
  const [, claimed] = await redis.xautoclaim('orders', 'workers', 'a', 0, '0-0');
  assert.deepStrictEqual(claimed.map(([id]) => id), [...lost.keys()]);
  assert.strictEqual(await redis.xack('orders', 'workers', ...lost.keys()), 5);
  const [group] = await redis.xinfo('GROUPS', 'orders');
  assert.strictEqual(group[group.indexOf('lag') + 1], 0);
  assert.strictEqual(group[group.indexOf('entries-read') + 1], ENTRIES + 5);

  // Plain queues and a subscriber, as such applications have them beside their streams.
  const waiter = connect();
  const popped = waiter.brpop('queue', 'other', 30);
  await redis.lpush('other', 'job');
  assert.deepStrictEqual(await popped, ['other', 'job']);
  const messages = [];
  await waiter.subscribe('news');
  waiter.on('message', (channel, message) => messages.push([channel, message]));
  while (messages.length === 0) await redis.publish('news', 'hello');
  assert.deepStrictEqual(messages[0], ['news', 'hello']);
  waiter.disconnect();
  redis.disconnect();
  console.log('ok');
}

main().catch((error) => { console.error(error); process.exit(1); });
