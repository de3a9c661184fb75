// rate-limiter-flexible on the Redis at host and port, through ioredis and through node-redis in RESP2 and RESP3.
// Usage: node rate_limiter_app.js HOST PORT[,PORT]: each of them in turn.
'use strict';
const assert = require('assert');
const Redis = require('ioredis');
const { createClient } = require('redis');
const { BurstyRateLimiter, RateLimiterQueue, RateLimiterRedis, RateLimiterRes, RateLimiterUnion } = require('rate-limiter-flexible');

const [host, ports] = [process.argv[2], process.argv[3].split(',').map(Number)];
const DURATION = 600;

async function refusal(promise) {
  try {
    await promise;
  } catch (result) {
    assert.ok(result instanceof RateLimiterRes, String(result.stack || result));
    return result;
  }
  throw new Error('it was not refused');
}

async function limiter(prefix, storeClient, useRedisPackage) {
  const limiterOf = (name, options) =>
    new RateLimiterRedis({ storeClient, useRedisPackage, keyPrefix: `${prefix}:${name}`, duration: DURATION, ...options });
  const plain = limiterOf('plain', { points: 5 });
  const first = await plain.consume('user', 2);
  assert.deepStrictEqual([first.consumedPoints, first.remainingPoints, first.isFirstInDuration], [2, 3, true]);
  assert.ok(first.msBeforeNext > DURATION * 900 && first.msBeforeNext <= DURATION * 1000, String(first.msBeforeNext));
  assert.strictEqual((await plain.consume('user')).isFirstInDuration, false);
  assert.strictEqual((await plain.penalty('user', 2)).consumedPoints, 5);
  assert.strictEqual((await refusal(plain.consume('user'))).consumedPoints, 6);
  assert.strictEqual((await plain.reward('user', 4)).consumedPoints, 2);
  assert.strictEqual((await plain.get('user')).remainingPoints, 3);
  assert.strictEqual(await plain.get('nobody'), null);
  await plain.set('user', 4, DURATION);
  assert.strictEqual((await plain.consume('user')).remainingPoints, 0);
  assert.strictEqual(await plain.delete('user'), true);
  assert.strictEqual(await plain.delete('user'), false);
  await plain.set('forever', 1, 0);
  assert.strictEqual((await plain.get('forever')).msBeforeNext, -1);
  const blocked = await plain.block('other', DURATION);
  assert.strictEqual(blocked.consumedPoints, 6);
  await refusal(plain.consume('other'));

  const blocking = limiterOf('blocking', { points: 2, blockDuration: 2 * DURATION, inMemoryBlockOnConsumed: 4, inMemoryBlockDuration: DURATION });
  await blocking.consume('user', 2);
  assert.ok((await refusal(blocking.consume('user'))).msBeforeNext > DURATION * 1000);
  await refusal(blocking.consume('user', 2));
  const endless = limiterOf('endless', { points: 1, duration: 0 });
  assert.strictEqual((await endless.consume('user')).msBeforeNext, -1);
  await refusal(endless.consume('user'));

  // All at once: as many are let in as there are points.
  const crowd = await Promise.allSettled(Array(50).fill().map(() => plain.consume('crowd')));
  assert.strictEqual(crowd.filter(({ status }) => status === 'fulfilled').length, 5);
  assert.strictEqual((await plain.get('crowd')).consumedPoints, 50);

  const both = new RateLimiterUnion(limiterOf('small', { points: 1 }), limiterOf('large', { points: 100 }));
  await both.consume('user');
  await assert.rejects(both.consume('user'));
  const bursty = new BurstyRateLimiter(limiterOf('steady', { points: 1 }), limiterOf('burst', { points: 2 }));
  await bursty.consume('user');
  await bursty.consume('user');
  await bursty.consume('user');
  await refusal(bursty.consume('user'));
  const queue = new RateLimiterQueue(limiterOf('queue', { points: 2, duration: 1 }), { maxQueueSize: 10 });
  const started = Date.now();
  await Promise.all([...Array(3)].map(() => queue.removeTokens(1, 'user')));
  assert.ok(Date.now() - started > 900, `three, two each second, took ${Date.now() - started} ms`);
}

async function main() {
  const redis = new Redis(ports[0], host);
  await redis.flushall();
  await redis.script('FLUSH');
  await limiter('ioredis', redis, false);
  for (const RESP of [2, 3]) {
    const client = createClient({ socket: { host, port: ports[RESP % ports.length] }, RESP });
    await client.connect();
    await limiter(`redis${RESP}`, client, true);
    await client.close();
  }
  redis.disconnect();
  console.log('ok');
}

main().catch((error) => { console.error(error); process.exit(1); });
