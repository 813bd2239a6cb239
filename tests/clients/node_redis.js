// node-redis: HOST PORT PROTOCOL, or `sentinel PORTS NAME KEY` (see README.md here).
'use strict';
const { createClient, createSentinel, WatchError } = require('redis');
const { check, run, pause, until, range } = require('./check');

async function types(r) {
  check('set', [await r.set('s', 'v'), await r.get('s'), await r.set('s', 'w', { NX: true }), await r.append('s', 'x')],
    ['OK', 'v', null, 2]);
  check('incr', [await r.incr('n'), await r.incrBy('n', 41), await r.mSet({ a: '1', b: '2' }),
    await r.mGet(['a', 'none', 'b'])], [1, 42, 'OK', ['1', null, '2']]);
  check('list', [await r.rPush('l', ['1', '2', '3']), await r.lRange('l', 0, -1), await r.lPopCount('l', 2),
    await r.lPos('l', '3')], [3, ['1', '2', '3'], ['1', '2'], 0]);
  check('set type', [await r.sAdd('t', ['1', '2']), [...await r.sMembers('t')].sort(), await r.sIsMember('t', '9'),
    await r.smIsMember('t', ['1', '9'])], [2, ['1', '2'], 0, [1, 0]]);
  check('hash', [await r.hSet('h', { f: '1', g: 'x' }), await r.hGetAll('h'), await r.hmGet('h', ['f', 'no'])],
    [2, { f: '1', g: 'x' }, ['1', null]]);
  check('zset', [await r.zAdd('z', [{ score: 1, value: 'a' }, { score: 2.5, value: 'b' }]),
    await r.zRangeWithScores('z', 0, -1), await r.zScore('z', 'b'), await r.zPopMin('z'), await r.zScore('z', 'no')],
  [2, [{ value: 'a', score: 1 }, { value: 'b', score: 2.5 }], 2.5, { value: 'a', score: 1 }, null]);
  check('bits', [await r.setBit('bits', 7, 1), await r.bitCount('bits')], [0, 1]);
  check('hll', [await r.pfAdd('p', ['a', 'b']), await r.pfCount('p')], [1, 2]);
  await r.geoAdd('geo', [{ longitude: 13.361389, latitude: 38.115556, member: 'Palermo' },
    { longitude: 15.087269, latitude: 37.502669, member: 'Catania' }]);
  check('geo', [await r.geoDist('geo', 'Palermo', 'Catania', 'km'),
    await r.geoSearch('geo', { longitude: 15, latitude: 37 }, { radius: 100, unit: 'km' })], [166.2742, ['Catania']]);
  const id = await r.xAdd('x', '*', { k: 'v' });
  await r.xGroupCreate('x', 'g', '0');
  const read = JSON.stringify(await r.xReadGroup('g', 'me', [{ key: 'x', id: '>' }])); // RESP3's form is raw
  check('stream', [read.includes(id), (await r.xPending('x', 'g')).pending, await r.xAck('x', 'g', id),
    (await r.xInfoStream('x')).length], [true, 1, 1, 1]);
  check('expire', [await r.expire('s', 100), (await r.ttl('s')) > 0, await r.type('z')], [1, true, 'zset']);
  check('config', await r.configGet('maxmemory-policy'), { 'maxmemory-policy': 'noeviction' });
  await r.lPush('s', '1').then(() => { throw new Error('no error came'); },
    (e) => check('error', e.message.startsWith('WRONGTYPE'), true));
}

async function together(r) {
  check('pipeline', new Set(await Promise.all(range(1000).map((i) => r.set(`key:${i}`, String(i))))).size, 1);
  check('transaction', await r.multi().incr('n').get('n').exec(), [43, '43']);
  await r.watch('n');
  const other = await r.duplicate().connect();
  await other.incr('n');
  other.destroy();
  await r.multi().incr('n').exec().then(() => { throw new Error('watched, but done'); },
    (e) => check('watch', e instanceof WatchError, true));
  const seen = new Set();
  for await (const keys of r.scanIterator({ MATCH: 'key:*', COUNT: 100 })) keys.forEach((k) => seen.add(k));
  await r.sAdd('many', range(1000).map(String));
  await r.hSet('hmany', range(1000).flatMap((i) => [String(i), 'x']));
  await r.zAdd('zmany', range(1000).map((i) => ({ score: i, value: String(i) })));
  const members = [new Set(), new Set(), new Set()];
  for await (const got of r.sScanIterator('many')) got.forEach((m) => members[0].add(m));
  for await (const got of r.hScanIterator('hmany')) got.forEach((m) => members[1].add(m.field));
  for await (const got of r.zScanIterator('zmany')) got.forEach((m) => members[2].add(m.value));
  check('scan', [seen.size, ...members.map((m) => m.size)], [1000, 1000, 1000, 1000]);
}

async function waiting(r) {
  const sub = await r.duplicate().connect();
  const got = [];
  await sub.subscribe('news', (message) => got.push(message));
  await sub.pSubscribe('n*', (message) => got.push(message));
  check('publish', await r.publish('news', 'hello'), 2);
  await until(() => got.length === 2);
  check('pub/sub', got, ['hello', 'hello']);
  await sub.unsubscribe('news');
  await sub.pUnsubscribe('n*');
  sub.destroy();
  const blocking = await r.duplicate().connect();
  const popped = blocking.blPop('queue', 30);
  await until(async () => /blocked_clients:1/.test(await r.info('clients')));
  await r.rPush('queue', 'job');
  check('blpop', await popped, { key: 'queue', element: 'job' });
  check('timeouts', [await blocking.blPop('queue', 0.01), await blocking.bzPopMin('nothing', 0.01),
    await blocking.xRead([{ key: 'nothing', id: '$' }], { BLOCK: 10 })], [null, null, null]);
  blocking.destroy();
}

// Client-side caching needs pushes, and so RESP3.
async function caching(r, options) {
  const cached = await createClient({ ...options, clientSideCache: { ttl: 0, maxEntries: 0, evictPolicy: 'LRU' } })
    .on('error', console.error).connect();
  await r.set('cached', '1');
  check('read', [await cached.get('cached'), await cached.get('cached')], ['1', '1']);
  await r.set('cached', '2');
  await until(async () => (await cached.get('cached')) === '2');
  cached.destroy();
}

// Without a bound of its own a client of the pool connects to a dead master for ever, and the Sentinels are not asked
// again meanwhile: that happens when it asked in the moment in which they had not yet noticed the death.
const bounded = { reconnectStrategy: (retries) => (retries < 3 ? 50 : new Error('no connection')) };

async function follow(ports, name, key) {
  const r = await createSentinel({
    name,
    sentinelRootNodes: ports.split(',').map((port) => ({ host: '127.0.0.1', port: Number(port) })),
    nodeClientOptions: { socket: bounded },
    scanInterval: 500,
  }).on('error', (e) => console.log('note', String(e))).connect();
  for (let i = 1; ; i++) {
    try {
      await r.rPush(key, String(i));
      console.log('wrote', i);
      if (await r.get('stop')) return;
    } catch (e) {
      console.log('note', String(e));
    }
    await pause(10);
  }
}

run(async () => {
  const [host, port, protocol, key] = process.argv.slice(2);
  if (host === 'sentinel') return follow(port, protocol, key);
  const options = { socket: { host, port: Number(port) }, RESP: Number(protocol), unstableResp3: true };
  const r = await createClient(options).on('error', console.error).connect();
  const steps = protocol === '3' ? [types, together, waiting, caching] : [types, together, waiting];
  for (const step of steps) {
    await step(r, options);
    console.log('ok', step.name);
  }
  r.destroy();
});
