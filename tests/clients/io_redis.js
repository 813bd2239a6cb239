// ioredis (RESP2): HOST PORT PROTOCOL, or `sentinel PORTS NAME KEY` (see README.md here).
'use strict';
const Redis = require('ioredis');
const { check, run, pause, until, range } = require('./check');

async function types(r) {
  check('set', [await r.set('s', 'v'), await r.get('s'), await r.set('s', 'w', 'NX'), await r.append('s', 'x')],
    ['OK', 'v', null, 2]);
  check('incr', [await r.incr('n'), await r.incrby('n', 41), await r.mset({ a: 1, b: 2 }), await r.mget('a', 'none', 'b')],
    [1, 42, 'OK', ['1', null, '2']]);
  check('list', [await r.rpush('l', 1, 2, 3), await r.lrange('l', 0, -1), await r.lpop('l', 2), await r.lpos('l', '3')],
    [3, ['1', '2', '3'], ['1', '2'], 0]);
  check('set type', [await r.sadd('t', 1, 2), (await r.smembers('t')).sort(), await r.smismember('t', 1, 9)],
    [2, ['1', '2'], [1, 0]]);
  check('hash', [await r.hset('h', { f: 1, g: 'x' }), await r.hgetall('h'), await r.hmget('h', 'f', 'no')],
    [2, { f: '1', g: 'x' }, ['1', null]]);
  check('zset', [await r.zadd('z', 1, 'a', 2.5, 'b'), await r.zrange('z', 0, -1, 'WITHSCORES'), await r.zscore('z', 'b'),
    await r.zpopmin('z')], [2, ['a', '1', 'b', '2.5'], '2.5', ['a', '1']]);
  check('bits', [await r.setbit('bits', 7, 1), await r.bitcount('bits')], [0, 1]);
  check('hll', [await r.pfadd('p', 'a', 'b'), await r.pfcount('p')], [1, 2]);
  await r.geoadd('geo', 13.361389, 38.115556, 'Palermo', 15.087269, 37.502669, 'Catania');
  check('geo', [await r.geodist('geo', 'Palermo', 'Catania', 'km'),
    await r.geosearch('geo', 'FROMLONLAT', 15, 37, 'BYRADIUS', 100, 'km')], ['166.2742', ['Catania']]);
  const id = await r.xadd('x', '*', 'k', 'v');
  await r.xgroup('CREATE', 'x', 'g', '0');
  check('stream', [await r.xreadgroup('GROUP', 'g', 'me', 'STREAMS', 'x', '>'), (await r.xpending('x', 'g'))[0],
    await r.xack('x', 'g', id)], [[['x', [[id, ['k', 'v']]]]], 1, 1]);
  check('expire', [await r.expire('s', 100), (await r.ttl('s')) > 0, await r.type('z')], [1, true, 'zset']);
  await r.lpush('s', 1).then(() => { throw new Error('no error came'); },
    (e) => check('error', e.message.startsWith('WRONGTYPE'), true));
}

async function together(r) {
  const p = r.pipeline();
  range(1000).forEach((i) => p.set(`key:${i}`, i));
  check('pipeline', (await p.exec()).filter(([e, got]) => !e && got === 'OK').length, 1000);
  check('transaction', await r.multi().incr('n').get('n').exec(), [[null, 43], [null, '43']]);
  await r.watch('n');
  const other = r.duplicate();
  await other.incr('n');
  other.disconnect();
  check('watch', await r.multi().incr('n').exec(), null);
  await r.sadd('many', ...range(1000));
  await r.hset('hmany', ...range(1000).flatMap((i) => [i, 'x']));
  await r.zadd('zmany', ...range(1000).flatMap((i) => [i, i]));
  const count = async (stream, step) => {
    const seen = new Set();
    for await (const got of stream) for (let i = 0; i < got.length; i += step) seen.add(got[i]);
    return seen.size;
  };
  check('scan', [await count(r.scanStream({ match: 'key:*', count: 100 }), 1), await count(r.sscanStream('many'), 1),
    await count(r.hscanStream('hmany'), 2), await count(r.zscanStream('zmany'), 2)], [1000, 1000, 1000, 1000]);
}

async function waiting(r) {
  const sub = r.duplicate();
  const got = [];
  sub.on('message', (channel, message) => got.push(message));
  sub.on('pmessage', (pattern, channel, message) => got.push(message));
  await sub.subscribe('news');
  check('psubscribe', await sub.psubscribe('n*'), 2);
  check('publish', await r.publish('news', 'hello'), 2);
  await until(() => got.length === 2);
  check('pub/sub', got, ['hello', 'hello']);
  sub.disconnect();
  const blocking = r.duplicate();
  const popped = blocking.blpop('queue', 30);
  await until(async () => /blocked_clients:1/.test(await r.info('clients')));
  await r.rpush('queue', 'job');
  check('blpop', await popped, ['queue', 'job']);
  check('timeouts', [await blocking.blpop('queue', 0.01), await blocking.bzpopmin('nothing', 0.01),
    await blocking.xread('BLOCK', 10, 'STREAMS', 'nothing', '$')], [null, null, null]);
  blocking.disconnect();
}

async function monitor(r) {
  const m = await r.monitor();
  const seen = new Promise((done) => m.on('monitor', (time, args) => args[0] === 'set' && done(args)));
  await r.set('watched', 'x');
  check('monitor', await seen, ['set', 'watched', 'x']);
  m.disconnect();
}

async function follow(ports, name, key) {
  const r = new Redis({
    sentinels: ports.split(',').map((port) => ({ host: '127.0.0.1', port: Number(port) })),
    name,
    sentinelRetryStrategy: () => 50,
    retryStrategy: () => 50,
    reconnectOnError: (e) => (/READONLY/.test(e.message) ? 1 : false),
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
  });
  r.on('error', (e) => console.log('note', String(e)));
  for (let i = 1; ; i++) {
    try {
      await r.rpush(key, i);
      console.log('wrote', i);
      if (await r.get('stop')) return;
    } catch (e) {
      console.log('note', String(e));
    }
    await pause(10);
  }
}

run(async () => {
  const [host, port, name, key] = process.argv.slice(2);
  if (host === 'sentinel') return follow(port, name, key);
  const r = new Redis(Number(port), host);
  for (const step of [types, together, waiting, monitor]) {
    await step(r);
    console.log('ok', step.name);
  }
  r.disconnect();
});
