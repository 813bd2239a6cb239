// BullMQ: `queue PORT`, or `failover PORTS NAME` (see README.md here).
'use strict';
const { Queue, Worker, QueueEvents, FlowProducer } = require('bullmq');
const { check, run, pause, until, range } = require('./check');

async function queue(connection) {
  const jobs = new Queue('jobs', { connection });
  const done = [];
  const failed = [];
  const worker = new Worker('jobs', async (job) => {
    if (job.name === 'fails' && job.attemptsMade < 1) throw new Error('once more');
    if (job.name === 'progress') await job.updateProgress(50);
    done.push(job.name);
    return job.data.n;
  }, { connection, concurrency: 4 });
  worker.on('failed', (job) => failed.push(job.name));
  const events = new QueueEvents('jobs', { connection });
  await events.waitUntilReady();
  const job = await jobs.add('plain', { n: 7 });
  check('result', await job.waitUntilFinished(events, 30000), 7);
  await jobs.addBulk(range(50).map((n) => ({ name: 'bulk', data: { n } })));
  await jobs.add('later', { n: 1 }, { delay: 50 });
  await jobs.add('first', { n: 1 }, { priority: 1 });
  await jobs.add('progress', { n: 1 });
  await jobs.add('fails', { n: 1 }, { attempts: 2, backoff: 10 });
  await jobs.add('same', { n: 1 }, { jobId: 'once' });
  await jobs.add('same', { n: 1 }, { jobId: 'once' });
  await until(() => done.length === 56);
  check('each once', [done.filter((n) => n === 'bulk').length, done.filter((n) => n === 'same').length, failed],
    [50, 1, ['fails']]);
  await until(async () => (await jobs.getJobCounts()).completed === 56);
  const flow = new FlowProducer({ connection });
  const tree = await flow.add({ name: 'parent', queueName: 'jobs', data: { n: 3 },
    children: [{ name: 'child', queueName: 'jobs', data: { n: 1 } }, { name: 'child', queueName: 'jobs', data: { n: 2 } }] });
  check('parent after children', [await tree.job.waitUntilFinished(events, 30000), done.slice(-3)],
    [3, ['child', 'child', 'parent']]);
  await jobs.upsertJobScheduler('tick', { every: 50 }, { name: 'tick', data: { n: 1 } });
  await until(() => done.filter((n) => n === 'tick').length >= 2);
  await jobs.removeJobScheduler('tick');
  await worker.close();
  await jobs.obliterate({ force: true });
}

// Adds numbered jobs while a worker works; says `wrote N` when a job was taken and `done N` when it was worked off.
async function failover(connection) {
  const options = { connection, skipVersionCheck: true };
  const jobs = new Queue('jobs', options);
  const worker = new Worker('jobs', async (job) => console.log('done', job.data.n), { ...options, stalledInterval: 1000,
    lockDuration: 2000 });
  for (const thing of [jobs, worker]) thing.on('error', (e) => console.log('note', String(e)));
  const client = await jobs.client;
  for (let n = 1; ; n++) {
    try {
      await jobs.add('job', { n }, { jobId: `job-${n}` });
      console.log('wrote', n);
      if (await client.get('stop')) break;
    } catch (e) {
      console.log('note', String(e));
    }
    await pause(10);
  }
  await until(async () => {
    const counts = await jobs.getJobCounts();
    return counts.waiting + counts.active + counts.delayed + counts.prioritized === 0;
  });
}

run(async () => {
  const [what, ports, name] = process.argv.slice(2);
  const list = ports.split(',').map((port) => ({ host: '127.0.0.1', port: Number(port) }));
  if (what === 'failover') {
    return failover({ sentinels: list, name, sentinelRetryStrategy: () => 50, retryStrategy: () => 50,
      reconnectOnError: (e) => (/READONLY/.test(e.message) ? 2 : false), maxRetriesPerRequest: null });
  }
  await queue({ ...list[0], maxRetriesPerRequest: null });
  console.log('ok queue');
});
