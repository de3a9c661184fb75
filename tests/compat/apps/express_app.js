// An express application whose sessions (connect-redis) and rate limits (rate-limit-redis) are in the Redis at host and
// port. Usage: node express_app.js HOST PORT[,PORT]: node-redis is at the first port, ioredis at the last one.
'use strict';
const assert = require('assert');
const express = require('express');
const session = require('express-session');
const Redis = require('ioredis');
const { createClient } = require('redis');
const { RedisStore: SessionStore } = require('connect-redis');
const { rateLimit } = require('express-rate-limit');
const { RedisStore: LimitStore } = require('rate-limit-redis');

const [host, ports] = [process.argv[2], process.argv[3].split(',').map(Number)];
const LIMIT = 10;

async function main() {
  const client = createClient({ socket: { host, port: ports[0] } });
  const redis = new Redis(ports[ports.length - 1], host);
  await client.connect();
  await client.flushAll();

  const limit = (prefix, sendCommand) => rateLimit({
    windowMs: 600000, limit: LIMIT, standardHeaders: 'draft-6', legacyHeaders: false, store: new LimitStore({ prefix, sendCommand }) });
  const sessions = new SessionStore({ client, prefix: 'session:', ttl: 600 });
  const app = express();
  app.use('/node', limit('limit:node:', (...words) => client.sendCommand(words)));
  app.use('/io', limit('limit:io:', (command, ...words) => redis.call(command, ...words)));
  app.use(session({ store: sessions, secret: 'secret', resave: false, saveUninitialized: false }));
  app.get(['/', '/node', '/io'], (request, response) => {
    request.session.visits = (request.session.visits || 0) + 1;
    response.json({ visits: request.session.visits });
  });
  app.get('/out', (request, response) => request.session.destroy(() => response.json({})));
  const server = await new Promise((resolve) => { const listening = app.listen(0, '127.0.0.1', () => resolve(listening)); });
  const get = (path, cookie) => fetch(`http://127.0.0.1:${server.address().port}${path}`, { headers: cookie ? { cookie } : {} });

  const first = await get('/');
  const cookie = first.headers.get('set-cookie').split(';')[0];
  assert.deepStrictEqual(await first.json(), { visits: 1 });
  for (let visits = 2; visits < 5; ++visits) assert.deepStrictEqual(await (await get('/', cookie)).json(), { visits });
  assert.deepStrictEqual(await (await get('/')).json(), { visits: 1 });
  assert.strictEqual((await sessions.ids()).length, 2);
  assert.ok((await client.ttl(`session:${(await sessions.ids())[0]}`)) > 500);
  await get('/out', cookie);
  assert.strictEqual(await sessions.length(), 1);

  for (const path of ['/node', '/io']) {
    const answers = [];
    for (let i = 0; i < LIMIT + 3; ++i) {
      if (i === 5) await client.scriptFlush();  // the store loads its scripts again
      answers.push(await get(path));
    }
    assert.deepStrictEqual(answers.map(({ status }) => status), [...Array(LIMIT).fill(200), 429, 429, 429]);
    assert.deepStrictEqual(answers.slice(0, 3).map(({ headers }) => headers.get('ratelimit-remaining')), ['9', '8', '7']);
    const reset = Number(answers[0].headers.get('ratelimit-reset'));
    assert.ok(reset > 500 && reset <= 600, String(reset));
  }
  const store = new LimitStore({ prefix: 'limit:node:', sendCommand: (...words) => client.sendCommand(words) });
  store.init({ windowMs: 600000 });
  const [key] = (await client.keys('limit:node:*')).map((name) => name.slice('limit:node:'.length));
  assert.strictEqual((await store.get(key)).totalHits, LIMIT + 3);
  await store.decrement(key);
  assert.strictEqual((await store.get(key)).totalHits, LIMIT + 2);
  await store.resetKey(key);
  server.close();
  await client.close();
  redis.disconnect();
  console.log('ok');
  process.exit(0);
}

main().catch((error) => { console.error(error); process.exit(1); });
