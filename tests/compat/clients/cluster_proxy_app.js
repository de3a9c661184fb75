// Cluster-aware clients through proxies that show each other as the nodes of a cluster.
// Usage: node cluster_proxy_app.js HOST PORT,PORT...   where PORTs are all proxies
'use strict';
const assert = require('node:assert');
const Redis = require('ioredis');
const { createCluster } = require('redis');

const host = process.argv[2];
const ports = process.argv[3].split(',').map(Number);
const keys = Array.from({ length: 200 }, (_, i) => `proxied:${process.pid}:${i}`);

async function ioredisApp() {
  const cluster = new Redis.Cluster([{ host, port: ports[0] }], { clusterRetryStrategy: (times) => (times > 3 ? null : 100) });
  await new Promise((resolve, reject) => cluster.once('ready', resolve).once('error', reject));
  const seen = cluster.nodes('master').map((node) => node.options.port).sort();
  assert.deepStrictEqual(seen, [...ports].sort());
  await Promise.all(keys.map((key, i) => cluster.set(key, `v${i}`)));
  assert.deepStrictEqual(await Promise.all(keys.map((key) => cluster.get(key))), keys.map((_, i) => `v${i}`));
  assert.deepStrictEqual(await cluster.mget('{a}1', '{a}2'), [null, null]);
  // Every proxy tells the size of the whole.
  const sizes = await Promise.all(cluster.nodes('master').map((node) => node.dbsize()));
  assert.deepStrictEqual(sizes, ports.map(() => keys.length));
  assert.strictEqual(await cluster.cluster('KEYSLOT', 'foo'), 12182);
  await Promise.all(keys.map((key) => cluster.del(key)));
  await cluster.quit();
}

async function nodeRedisApp() {
  const cluster = createCluster({ rootNodes: [{ socket: { host, port: ports[1] } }] });
  cluster.on('error', (error) => { throw error; });
  await cluster.connect();
  assert.strictEqual(cluster.masters.length, ports.length);
  await Promise.all(keys.map((key, i) => cluster.set(key, `v${i}`)));
  assert.deepStrictEqual(await Promise.all(keys.map((key) => cluster.get(key))), keys.map((_, i) => `v${i}`));
  await Promise.all(keys.map((key) => cluster.del(key)));
  await cluster.close();
}

(async () => {
  await ioredisApp();
  await nodeRedisApp();
  console.log('cluster_proxy_app.js: ok');
})().catch((error) => { console.error(error); process.exit(1); });
