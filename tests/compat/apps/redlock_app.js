// Redlock on the Redis at host and port: locks of one and several resources, contention, extension, loss.
// Usage: node redlock_app.js HOST PORT[,PORT]: who wants a lock is at one or the other.
'use strict';
const assert = require('assert');
const Redis = require('ioredis');
const Redlock4 = require('redlock');
const { default: Redlock5, ExecutionError, ResourceLockedError } = require('redlock5');

const [host, ports] = [process.argv[2], process.argv[3].split(',').map(Number)];

async function version4(redis, elsewhere) {
  const options = { retryCount: 200, retryDelay: 5, retryJitter: 5 };
  const redlock = new Redlock4([redis], options);
  const impatient = new Redlock4([elsewhere], { ...options, retryCount: 0 });
  const other = new Redlock4([elsewhere], options);
  const lock = await redlock.lock('{four}:resource', 10000);
  assert.strictEqual(await redis.get('{four}:resource'), lock.value);
  await assert.rejects(impatient.lock('{four}:resource', 1000), Redlock4.LockError);
  await assert.rejects(impatient.lock(['{four}:free', '{four}:resource'], 1000), Redlock4.LockError);
  assert.strictEqual(await redis.exists('{four}:free'), 0);
  const extended = await lock.extend(20000);
  assert.ok((await redis.pttl('{four}:resource')) > 15000);
  await extended.unlock();
  assert.strictEqual(await redis.exists('{four}:resource'), 0);
  const several = await redlock.lock(['{four}:a', '{four}:b', '{four}:c'], 10000);
  assert.strictEqual(await redis.exists('{four}:a', '{four}:b', '{four}:c'), 3);
  await redis.set('{four}:b', 'somebody else');
  await assert.rejects(several.extend(1000), Redlock4.LockError);
  await assert.rejects(several.unlock(), Redlock4.LockError);
  assert.deepStrictEqual(await redis.mget('{four}:a', '{four}:b', '{four}:c'), [null, 'somebody else', null]);

  // Nobody is in the same section at the same time.
  let [inside, entered] = [0, 0];
  await Promise.all([...Array(10)].map(async (_, turn) => {
    const held = await (turn % 2 ? redlock : other).lock('{four}:section', 10000);
    assert.strictEqual(++inside, 1);
    await redis.incr('{four}:entered');
    ++entered;
    --inside;
    await held.unlock();
  }));
  assert.deepStrictEqual([entered, await redis.get('{four}:entered')], [10, '10']);
}

async function version5(redis, elsewhere) {
  const options = { retryCount: 200, retryDelay: 5, retryJitter: 5, automaticExtensionThreshold: 4800 };
  const [redlock, other] = [new Redlock5([redis], options), new Redlock5([elsewhere], options)];
  const errors = [];
  for (const each of [redlock, other]) each.on('error', (error) => { if (!(error instanceof ResourceLockedError)) errors.push(error); });
  let lock = await redlock.acquire(['{five}:a', '{five}:b'], 10000);
  await assert.rejects(other.acquire(['{five}:b', '{five}:c'], 1000, { retryCount: 1 }), ExecutionError);
  assert.strictEqual(await redis.exists('{five}:c'), 0);
  lock = await lock.extend(20000);
  assert.ok((await redis.pttl('{five}:a')) > 15000);
  await lock.release();
  assert.strictEqual(await redis.exists('{five}:a', '{five}:b'), 0);
  await assert.rejects(lock.extend(1000), /expired|extend/);

  let inside = 0;
  await Promise.all([...Array(10)].map((_, turn) => (turn % 2 ? redlock : other).using(['{five}:section'], 5000, async () => {
    assert.strictEqual(++inside, 1);
    await redis.incr('{five}:entered');
    --inside;
  })));
  assert.strictEqual(await redis.get('{five}:entered'), '10');
  // A lock that is held for longer than it was asked for is extended meanwhile.
  await redlock.using(['{five}:long'], 5000, async (signal) => {
    const deadline = Date.now() + 30000;
    let [before, left] = [0, await redis.pttl('{five}:long')];
    do {
      assert.ok(!signal.aborted && Date.now() < deadline, 'the lock has not been extended');
      [before, left] = [left, await redis.pttl('{five}:long')];
    } while (left <= before);
  });
  assert.deepStrictEqual(errors, []);
}

async function main() {
  const [redis, elsewhere] = [new Redis(ports[0], host), new Redis(ports[ports.length - 1], host)];
  await redis.flushall();
  await redis.script('FLUSH');
  await version4(redis, elsewhere);
  await version5(redis, elsewhere);
  redis.disconnect();
  elsewhere.disconnect();
  console.log('ok');
}

main().catch((error) => { console.error(error); process.exit(1); });
