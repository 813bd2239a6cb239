// redlock, rate-limiter-flexible, connect-redis, Bull and bee-queue on one server: `PORT`.
'use strict';
const Redis = require('ioredis');
const { createClient } = require('redis');
const { check, run, until, range } = require('./check');

async function redlock(port) {
  const Redlock = require('redlock');
  const r = new Redis(port);
  const locks = new Redlock([r], { retryCount: 0 });
  const lock = await locks.lock('lock', 5000);
  await locks.lock('lock', 5000).then(() => { throw new Error('locked twice'); },
    (e) => check('held', e.name, 'LockError'));
  const longer = await lock.extend(10000);
  check('extended', (await r.pttl('lock')) > 5000, true);
  await longer.unlock();
  await (await locks.lock('lock', 1000)).unlock();
  r.disconnect();
}

async function limiter(port) {
  const { RateLimiterRedis } = require('rate-limiter-flexible');
  const r = new Redis(port);
  const limit = new RateLimiterRedis({ storeClient: r, points: 3, duration: 60, blockDuration: 60 });
  const got = await Promise.all(range(5).map(() => limit.consume('user').then((x) => x.remainingPoints, () => 'no')));
  check('limit', got.map(String).sort(), ['0', '1', '2', 'no', 'no']);
  r.disconnect();
}

async function sessions(port) {
  const { RedisStore } = require('connect-redis');
  const client = await createClient({ socket: { host: '127.0.0.1', port } }).connect();
  const store = new RedisStore({ client });
  const session = { cookie: { originalMaxAge: 60000 }, user: 'x' };
  await store.set('id', session);
  await store.touch('id', session);
  check('session', [await store.get('id'), (await client.ttl('sess:id')) > 0], [session, true]);
  await store.destroy('id');
  check('gone', await store.get('id') ?? null, null);
  client.destroy();
}

async function bull(port) {
  const Queue = require('bull');
  const jobs = new Queue('bull', { redis: { port, host: '127.0.0.1' } });
  const done = [];
  jobs.process(async (job) => {
    if (job.data.n === 3 && job.attemptsMade === 0) throw new Error('once more');
    done.push(job.data.n);
    return job.data.n;
  });
  await Promise.all(range(20).map((n) => jobs.add({ n }, { attempts: 2, delay: n % 5 === 0 ? 20 : 0 })));
  await until(() => done.length === 20);
  check('each once', done.sort((a, b) => a - b), range(20));
  await until(async () => (await jobs.getJobCounts()).completed === 20);
  await jobs.close(true);
}

async function bee(port) {
  const Queue = require('bee-queue');
  const jobs = new Queue('bee', { redis: { port, host: '127.0.0.1' }, activateDelayedJobs: true });
  const done = [];
  jobs.process(async (job) => {
    if (job.data.n === 3 && job.options.retries === 1) throw new Error('once more');
    done.push(job.data.n);
  });
  await Promise.all(range(20).map((n) => jobs.createJob({ n }).retries(1).save()));
  await until(() => done.length === 20);
  check('each once', done.sort((a, b) => a - b), range(20));
  await jobs.close(100);
}

run(async () => {
  for (const step of [redlock, limiter, sessions, bull, bee]) {
    await step(Number(process.argv[2]));
    console.log('ok', step.name);
  }
});
