// A cluster-aware client on the shards themselves.
// Usage: node cluster_app.js HOST PORT
'use strict';
const assert = require('node:assert');
const Redis = require('ioredis');
const { createCluster } = require('redis');

const [host, port] = [process.argv[2], Number(process.argv[3])];
const keys = Array.from({ length: 200 }, (_, i) => `cluster:${process.pid}:${i}`);

async function ioredisApp() {
  const cluster = new Redis.Cluster([{ host, port }], { clusterRetryStrategy: (times) => (times > 3 ? null : 100) });
  await new Promise((resolve, reject) => cluster.once('ready', resolve).once('error', reject));
  assert.ok(cluster.nodes('master').length >= 3, `${cluster.nodes('master').length} primaries`);
  await Promise.all(keys.map((key, i) => cluster.set(key, `v${i}`)));
  assert.deepStrictEqual(await Promise.all(keys.map((key) => cluster.get(key))), keys.map((_, i) => `v${i}`));
  assert.deepStrictEqual(await cluster.mget('{a}1', '{a}2'), [null, null]);
  await assert.rejects(cluster.mget('a', 'b'), /same slot|CROSSSLOT/i);
  const sizes = await Promise.all(cluster.nodes('master').map((node) => node.dbsize()));
  assert.ok(sizes.filter((size) => size > 0).length >= 3, `keys lie on ${sizes}`);
  await Promise.all(keys.map((key) => cluster.del(key)));
  await cluster.quit();
}

async function nodeRedisApp() {
  const cluster = createCluster({ rootNodes: [{ socket: { host, port } }] });
  cluster.on('error', (error) => { throw error; });
  await cluster.connect();
  await Promise.all(keys.map((key, i) => cluster.set(key, `v${i}`)));
  assert.deepStrictEqual(await Promise.all(keys.map((key) => cluster.get(key))), keys.map((_, i) => `v${i}`));
  await Promise.all(keys.map((key) => cluster.del(key)));
  await cluster.close();
}

(async () => {
  await ioredisApp();
  await nodeRedisApp();
  console.log('cluster_app.js: ok');
})().catch((error) => { console.error(error); process.exit(1); });
