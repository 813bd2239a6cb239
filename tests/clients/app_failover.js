// Applications over failovers: `LIBRARY failover PORTS NAME` (see README.md here). Each says `wrote N` when N was
// taken, and in the end, or when it is worked off, `done N`. They end when the key `stop` is there.
'use strict';
const Redis = require('ioredis');
const { run, pause, until } = require('./check');

let sentinels;
let name;

function options(more) {
  return { sentinels, name, sentinelRetryStrategy: () => 50, retryStrategy: () => 50, maxRetriesPerRequest: null,
    reconnectOnError: (e) => (/READONLY/.test(e.message) ? 2 : false), ...more };
}

const note = (e) => console.log('note', String(e));

function connection(more) {
  const r = new Redis(options(more));
  r.on('error', note);
  return r;
}

// bee-queue knows a client by its class's name, which ioredis 5 does not have.
class BeeRedis extends Redis {}
Object.defineProperty(BeeRedis, 'name', { value: 'Redis' });

// Takes 1, 2, 3 ...; a number that failed is not tried again. Gives those that were taken.
async function each(take) {
  const r = connection();
  const taken = [];
  for (let n = 1; ; n++) {
    try {
      await take(n);
      taken.push(n);
      console.log('wrote', n);
      if (await r.get('stop')) return taken;
    } catch (e) {
      note(e);
    }
    await pause(10);
  }
}

async function say(taken, isThere) {
  for (const n of taken) for (let left = await isThere(n); left > 0; left--) console.log('done', n);
}

const isEmpty = (counts) => counts.waiting + counts.active + counts.delayed === 0;

// ---- queues ----

async function bull() {
  const Queue = require('bull');
  const jobs = new Queue('old-jobs', { settings: { stalledInterval: 1000, lockDuration: 2000 },
    createClient: (type) => connection(type === 'client' ? {} : { enableReadyCheck: false }) });
  jobs.on('error', note);
  jobs.process(async (job) => console.log('done', job.data.n));
  await each((n) => jobs.add({ n }, { jobId: `job-${n}` }));
  await until(async () => isEmpty(await jobs.getJobCounts()));
}

async function bee() {
  const Queue = require('bee-queue');
  const client = new BeeRedis(options());
  client.on('error', note);
  const jobs = new Queue('jobs', { redis: client, stallInterval: 1000, storeJobs: false, removeOnSuccess: true });
  jobs.on('error', note);
  await jobs.ready();
  // It sends its scripts once, and a promoted replica has none: whoever uses it over failovers sends them again.
  client.on('ready', () => require('bee-queue/lib/lua').buildCache(client).catch(note));
  jobs.process(async (job) => console.log('done', job.data.n));
  const looking = setInterval(() => jobs.checkStalledJobs().catch(note), 1000);
  await each((n) => jobs.createJob({ n }).setId(`job-${n}`).save());
  await until(async () => (await client.llen('bq:jobs:waiting')) + (await client.llen('bq:jobs:active')) === 0);
  clearInterval(looking);
}

// ---- locks, limits, sessions ----

async function redlock() {
  const Redlock = require('redlock');
  const locks = new Redlock([connection()], { retryCount: 0, driftFactor: 0 });
  const refused = (n) => locks.lock(`lock-${n}`, 1000).then(() => 0, (e) => (e.name === 'LockError' ? 1 : Promise.reject(e)));
  const taken = await each(async (n) => {
    const lock = await locks.lock(`lock-${n}`, 60000);
    if (!(await refused(n))) throw new Error('locked twice');
    await lock.extend(300000);
    await (await locks.lock('another', 5000)).unlock();
  });
  await say(taken, refused);
}

async function limiter() {
  const { RateLimiterRedis } = require('rate-limiter-flexible');
  const limit = new RateLimiterRedis({ storeClient: connection(), points: 5, duration: 600 });
  const taken = await each((n) => limit.consume(`user-${n}`));
  await say(taken, async (n) => (await limit.get(`user-${n}`))?.consumedPoints ?? 0);
}

async function sessions() {
  const { RedisStore } = require('connect-redis');
  const store = new RedisStore({ client: connection() });
  const taken = await each((n) => store.set(`id-${n}`, { cookie: {}, n }));
  await say(taken, async (n) => ((await store.get(`id-${n}`))?.n === n ? 1 : 0));
}

// ---- socket.io: what one server emits comes to the sockets of the other ----

async function listening(adapter) {
  const { Server } = require('socket.io');
  const http = require('node:http').createServer();
  const io = new Server(http, { adapter, transports: ['websocket'] });
  await new Promise((done) => http.listen(0, '127.0.0.1', done));
  return { io, port: http.address().port };
}

// `patience`: what did not come for so long (in ms) is lost; `emit` again does not happen.
async function emitted(makeAdapter, patience) {
  const from = await listening(makeAdapter());
  const to = await listening(makeAdapter());
  const socket = require('socket.io-client').io(`http://127.0.0.1:${to.port}`, { transports: ['websocket'] });
  const got = new Set();
  socket.on('news', (n) => {
    got.add(n);
    if (n) console.log('done', n);
  });
  await until(() => socket.connected);
  for (; !got.has(0); await pause(20)) from.io.emit('news', 0); // until the servers know each other
  await each(async (n) => {
    from.io.emit('news', n);
    const end = Date.now() + patience;
    await until(() => got.has(n) || Date.now() > end);
    if (!got.has(n)) throw new Error(`${n} did not come`);
  });
}

function socketioPublish() {
  const { createAdapter } = require('@socket.io/redis-adapter');
  return emitted(() => createAdapter(connection(), connection()), 500);
}

function socketioStreams() {
  const { createAdapter } = require('@socket.io/redis-streams-adapter');
  return emitted(() => createAdapter(connection(), { blockTimeInMs: 200 }), 20000);
}

const LIBRARIES = { bull, bee, redlock, limiter, sessions, socketioPublish, socketioStreams };

run(() => {
  const [library, , ports, group] = process.argv.slice(2);
  sentinels = ports.split(',').map((port) => ({ host: '127.0.0.1', port: Number(port) }));
  name = group;
  return LIBRARIES[library]();
});
