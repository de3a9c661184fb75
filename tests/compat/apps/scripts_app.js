// Scripts and functions as ioredis and node-redis run them, on the Redis at host and port: EVALSHA with EVAL when the
// server does not know the script, in pipelines and transactions, binary arguments, RESP2 and RESP3, functions.
// Keys of one script have one hash tag. Usage: node scripts_app.js HOST PORT[,PORT]: node-redis at the first one in RESP2, the others at the last one.
'use strict';
const assert = require('assert');
const crypto = require('crypto');
const Redis = require('ioredis');
const { createClient, defineScript, RESP_TYPES } = require('redis');

const [host, ports] = [process.argv[2], process.argv[3].split(',').map(Number)];
const ECHO = 'return {KEYS[1], KEYS[2], ARGV[1], ARGV[2]}';
const MOVE = `
local value = redis.call('GET', KEYS[1])
if not value then return redis.error_reply('EMPTY nothing to move') end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[2], value, 'EX', ARGV[1])
return {value, redis.call('TTL', KEYS[2]), redis.status_reply('MOVED'), false, 3.99, {1, {2}}}
`;
const LIBRARY = `#!lua name=app
local function add(keys, args)
  local sum = 0
  for _, number in ipairs(args) do sum = sum + tonumber(number) end
  return redis.call('INCRBY', keys[1], sum)
end
redis.register_function('add', add)
redis.register_function{function_name = 'read', callback = function(keys) return redis.call('GET', keys[1]) end,
                        flags = {'no-writes'}, description = 'reads a counter'}
`;

async function ioredisScripts(port) {
  const redis = new Redis({ host, port, scripts: {
    echo2: { lua: ECHO, numberOfKeys: 2 },
    first: { lua: 'return redis.call("GET", KEYS[1])', numberOfKeys: 1, readOnly: true },
  } });
  await redis.script('FLUSH');
  redis.defineCommand('move', { numberOfKeys: 2, lua: MOVE });
  redis.defineCommand('any', { lua: 'return {#KEYS, #ARGV}' });
  assert.deepStrictEqual(await redis.echo2('{k}1', '{k}2', 'a1', 'a2'), ['{k}1', '{k}2', 'a1', 'a2']);
  assert.deepStrictEqual(await redis.echo2('{k}1', '{k}2', 'ä', ''), ['{k}1', '{k}2', 'ä', '']);
  const binary = Buffer.from([0, 255, 13, 10, 42]);
  assert.deepStrictEqual((await redis.echo2Buffer('{k}1', '{k}2', binary, binary))[3], binary);
  assert.deepStrictEqual(await redis.any(3, '{k}a', '{k}b', '{k}c', 'd'), [3, 1]);
  await redis.set('{k}from', 'v');
  assert.strictEqual(await redis.first('{k}from'), 'v');
  assert.deepStrictEqual(await redis.move('{k}from', '{k}to', 100), ['v', 100, 'MOVED', null, 3, [1, [2]]]);
  await assert.rejects(redis.move('{k}from', '{k}to', 100), /^ReplyError: EMPTY nothing to move$/);
  await redis.lpush('{k}list', '{k}x');
  await assert.rejects(redis.move('{k}list', '{k}to', 100), /^ReplyError: WRONGTYPE Operation against a key holding the wrong kind of value script: [0-9a-f]{40}, on @user_script:2\.$/);

  // A pipeline asks which of its scripts the server knows; a server that forgets them meanwhile is asked again.
  for (const forget of [true, false]) {
    if (forget) await redis.script('FLUSH', 'SYNC');
    await redis.set('{k}from', 'piped');
    const replies = await redis.pipeline().set('{k}a', 1).move('{k}from', '{k}to', 50).echo2('{k}x', '{k}y', 1, 2).incr('{k}a').move('{k}none', '{k}to', 1).exec();
    assert.deepStrictEqual(replies.slice(0, 4), [[null, 'OK'], [null, ['piped', 50, 'MOVED', null, 3, [1, [2]]]], [null, ['{k}x', '{k}y', '1', '2']], [null, 2]]);
    assert.match(replies[4][0].message, /^EMPTY/);
  }
  await redis.set('{k}from', 'in a transaction');
  const multi = await redis.multi().move('{k}from', '{k}to', 10).get('{k}to').exec();
  assert.deepStrictEqual([multi[0][1][0], multi[1][1]], ['in a transaction', 'in a transaction']);
  const many = await Promise.all([...Array(200).keys()].map((n) => redis.echo2(`{${n}}a`, `{${n}}b`, n, 'c')));
  many.forEach((reply, n) => assert.deepStrictEqual(reply, [`{${n}}a`, `{${n}}b`, String(n), 'c']));

  const sha = await redis.script('LOAD', ECHO);
  assert.strictEqual(sha, crypto.createHash('sha1').update(ECHO).digest('hex'));
  assert.deepStrictEqual(await redis.script('EXISTS', sha, '0'.repeat(40)), [1, 0]);
  assert.deepStrictEqual(await redis.evalsha(sha, 2, '{k}a', '{k}b', 'c'), ['{k}a', '{k}b', 'c']);
  await assert.rejects(redis.evalsha('0'.repeat(40), 0), /^ReplyError: NOSCRIPT No matching script\. Please use EVAL\.$/);
  assert.strictEqual(await redis.call('EVAL_RO', 'return redis.call("GET", KEYS[1])', 1, '{k}to'), 'in a transaction');
  await assert.rejects(redis.call('EVAL_RO', 'return redis.call("DEL", KEYS[1])', 1, '{k}to'), /Write commands are not allowed from read-only scripts/);
  assert.strictEqual(await redis.eval('return cjson.encode({a = {1, 2, "x"}})', 0), '{"a":[1,2,"x"]}');
  await assert.rejects(redis.script('KILL'), /NOTBUSY/);

  const prefixed = new Redis({ host, port, keyPrefix: 'p:', scripts: { echo2: { lua: ECHO, numberOfKeys: 2 } } });
  assert.deepStrictEqual(await prefixed.echo2('{k}1', '{k}2', 'a1', 'a2'), ['p:{k}1', 'p:{k}2', 'a1', 'a2']);

  await redis.function('FLUSH');
  assert.strictEqual(await redis.function('LOAD', LIBRARY), 'app');
  assert.strictEqual(await redis.fcall('add', 1, 'sum', 20, 22), 42);
  assert.strictEqual(await redis.fcall_ro('read', 1, 'sum'), '42');
  await assert.rejects(redis.fcall_ro('add', 1, 'sum', 1), /Can not execute a script with write flag using \*_ro command/);
  prefixed.disconnect();
  redis.disconnect();
}

async function nodeRedisScripts(port, RESP) {
  const script = (SCRIPT, NUMBER_OF_KEYS) => defineScript({
    SCRIPT, NUMBER_OF_KEYS, FIRST_KEY_INDEX: 1,
    parseCommand(parser, keys, ...words) { keys.forEach((key) => parser.pushKey(key)); parser.push(...words.map(String)); },
    transformReply: (reply) => reply,
  });
  const functionOf = (NUMBER_OF_KEYS, IS_READ_ONLY) => ({
    NUMBER_OF_KEYS, FIRST_KEY_INDEX: 1, IS_READ_ONLY,
    parseCommand(parser, key, ...words) { parser.pushKey(key); parser.push(...words.map(String)); },
    transformReply: (reply) => reply,
  });
  const client = createClient({ socket: { host, port }, RESP,
                                scripts: { move: script(MOVE, 2), echo2: script(ECHO, 2) },
                                functions: { app: { add: functionOf(1, false), read: functionOf(1, true) } } });
  await client.connect();
  await client.scriptFlush();
  await client.set('{k}from', 'v');
  assert.deepStrictEqual(await client.move(['{k}from', '{k}to'], 100), ['v', 100, 'MOVED', null, 3, [1, [2]]]);
  await assert.rejects(client.move(['{k}from', '{k}to'], 100), /EMPTY nothing to move/);
  assert.deepStrictEqual(await Promise.all([1, 2, 3].map((n) => client.echo2(['{k}a', '{k}b'], n, n))), [1, 2, 3].map((n) => ['{k}a', '{k}b', `${n}`, `${n}`]));
  await client.scriptFlush();
  await client.set('{k}from', 'w');
  const replies = await client.multi().move(['{k}from', '{k}to'], 7).get('{k}to').echo2(['{k}a', '{k}b'], 1, 2).exec();
  assert.deepStrictEqual([replies[0][0], replies[1], replies[2]], ['w', 'w', ['{k}a', '{k}b', '1', '2']]);
  assert.deepStrictEqual(await client.eval('return {KEYS[1], ARGV[1]}', { keys: ['{k}'], arguments: ['{k}a'] }), ['{k}', '{k}a']);
  assert.strictEqual(await client.evalRo('return redis.call("GET", KEYS[1])', { keys: ['{k}to'] }), 'w');
  const sha = await client.scriptLoad('return 1');
  assert.strictEqual(await client.evalSha(sha), 1);
  assert.deepStrictEqual((await client.scriptExists([sha, 'f'.repeat(40)])).map(Number), [1, 0]);
  const typed = 'redis.setresp(3); local h = redis.call("HGETALL", KEYS[1]); return {h, {double = 1.5}, true, {big_number = "12345678901234567890"}}';
  await client.hSet('hash', { a: 1 });
  const answer = await client.sendCommand(['EVAL', typed, '1', 'hash']);
  if (RESP === 3) assert.deepStrictEqual(JSON.parse(JSON.stringify([answer[0], answer[1], answer[2]])), [{ a: '1' }, 1.5, true]);
  else assert.deepStrictEqual(answer.slice(0, 3), [['a', '1'], '1.5', 1]);

  await client.functionFlush();
  assert.strictEqual(await client.functionLoad(LIBRARY), 'app');
  await assert.rejects(client.functionLoad(LIBRARY), /Library 'app' already exists/);
  assert.strictEqual(await client.functionLoad(LIBRARY, { REPLACE: true }), 'app');
  await client.del('sum');
  assert.strictEqual(await client.app.add('sum', 1, 2, 3), 6);
  assert.strictEqual(await client.app.read('sum'), '6');
  const [library] = await client.functionListWithCode({ LIBRARYNAME: 'app*' });
  assert.deepStrictEqual([library.library_name, library.engine, library.library_code], ['app', 'LUA', LIBRARY]);
  assert.deepStrictEqual(library.functions.map(({ name }) => name).sort(), ['add', 'read']);
  const read = library.functions.find(({ name }) => name === 'read');
  assert.deepStrictEqual([read.description, [...read.flags]], ['reads a counter', ['no-writes']]);
  const stats = await client.functionStats();
  assert.deepStrictEqual([stats.running_script, Number(stats.engines.LUA.libraries_count), Number(stats.engines.LUA.functions_count)], [null, 1, 2]);
  const dump = await client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer }).functionDump();
  await client.functionDelete('app');
  await assert.rejects(client.app.add('sum', 1), /Function not found/);
  await client.functionRestore(dump);
  assert.strictEqual(await client.app.add('sum', 1), 7);
  await assert.rejects(client.functionKill(), /NOTBUSY/);
  await client.close();
}

async function main() {
  const redis = new Redis(ports[0], host);
  await redis.flushall();
  redis.disconnect();
  await ioredisScripts(ports[ports.length - 1]);
  await nodeRedisScripts(ports[0], 2);
  await nodeRedisScripts(ports[ports.length - 1], 3);
  console.log('ok');
}

main().catch((error) => { console.error(error); process.exit(1); });
