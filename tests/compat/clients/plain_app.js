// What an application does with ioredis and node-redis against one standalone Redis, here against
// HOST PORT: connect and ready check, all calls of a small app, pipelines, keys in many slots, RESP3.
// Usage: node plain_app.js HOST PORT
'use strict';
const assert = require('node:assert');
const Redis = require('ioredis');
const { createClient } = require('redis');

const [host, port] = [process.argv[2], Number(process.argv[3])];
const keys = Array.from({ length: 100 }, (_, i) => `app:${process.pid}:${i}`);

async function ioredisApp() {
  const redis = new Redis({ host, port, enableReadyCheck: true, maxRetriesPerRequest: 1, connectionName: 'app' });
  await new Promise((resolve, reject) => redis.once('ready', resolve).once('error', reject));
  assert.strictEqual(await redis.ping(), 'PONG');
  assert.strictEqual(await redis.client('GETNAME'), 'app');

  const pipeline = redis.pipeline();
  keys.forEach((key, i) => pipeline.set(key, `v${i}`, 'EX', 600));
  keys.forEach((key) => pipeline.get(key));
  const replies = await pipeline.exec();
  replies.forEach(([error]) => assert.ifError(error));
  assert.deepStrictEqual(replies.slice(0, 100).map(([, r]) => r), keys.map(() => 'OK'));
  assert.deepStrictEqual(replies.slice(100).map(([, r]) => r), keys.map((_, i) => `v${i}`));

  assert.deepStrictEqual(await redis.mget(...keys, 'app:none'), [...keys.map((_, i) => `v${i}`), null]);
  assert.strictEqual(await redis.exists(...keys, keys[0]), 101);
  assert.strictEqual(await redis.mset(Object.fromEntries(keys.map((key) => [key, 'm']))), 'OK');
  assert.strictEqual(await redis.incrby('app:n', 5), 5);
  assert.strictEqual(await redis.incr('app:n'), 6);
  assert.strictEqual(await redis.set(keys[0], 'x', 'NX'), null);
  const binary = Buffer.from([0, 255, 13, 10, 42]);
  await redis.set('app:bin', binary);
  assert.deepStrictEqual(await redis.getBuffer('app:bin'), binary);
  const large = 'x'.repeat(3 * 1024 * 1024);
  await redis.set('app:large', large);
  assert.strictEqual(await redis.get('app:large'), large);

  const seen = new Set();
  for await (const page of redis.scanStream({ match: `app:${process.pid}:*`, count: 50 })) page.forEach((key) => seen.add(key));
  assert.deepStrictEqual([...seen].sort(), [...keys].sort());

  await assert.rejects(redis.incr(keys[0]), /ERR value is not an integer or out of range/);
  await assert.rejects(redis.call('NOSUCHCOMMAND', 'a'), /ERR unknown command 'NOSUCHCOMMAND', with args beginning with: 'a'/);
  assert.strictEqual(await redis.del(...keys, 'app:n', 'app:bin', 'app:large'), 103);
  assert.match(await redis.info(), /redis_version:7\.0\.15/);
  await redis.quit();
}

async function nodeRedisApp(RESP) {
  const client = createClient({ socket: { host, port }, RESP, name: 'node-redis' });
  client.on('error', (error) => { throw error; });
  await client.connect();
  assert.strictEqual(await client.ping(), 'PONG');
  assert.strictEqual(await client.clientGetName(), 'node-redis');
  const answers = await Promise.all(keys.map((key, i) => client.set(key, String(i))));
  assert.ok(answers.every((answer) => answer === 'OK'));
  assert.deepStrictEqual(await client.mGet(keys), keys.map((_, i) => String(i)));
  assert.strictEqual(await client.incrByFloat(keys[1], 0.5), RESP === 3 ? '1.5' : '1.5');
  assert.strictEqual(await client.expire(keys[2], 100), 1);
  assert.ok((await client.ttl(keys[2])) > 90);
  let found = 0;
  for await (const page of client.scanIterator({ MATCH: `app:${process.pid}:*`, COUNT: 10 })) found += [].concat(page).length;
  assert.strictEqual(found, keys.length);
  assert.strictEqual(await client.del(keys), keys.length);
  await client.close();
}

(async () => {
  await ioredisApp();
  await nodeRedisApp(2);
  await nodeRedisApp(3);
  console.log('plain_app.js: ok');
})().catch((error) => { console.error(error); process.exit(1); });
