// socket.io's two adapters on one server: `PORT`. Two socket.io servers each, with a socket on either.
'use strict';
const http = require('node:http');
const Redis = require('ioredis');
const { Server } = require('socket.io');
const { io: connect } = require('socket.io-client');
const { check, run, pause, until } = require('./check');

async function listening(adapter) {
  const server = http.createServer();
  const io = new Server(server, { adapter, transports: ['websocket'] });
  io.on('connection', (socket) => {
    socket.on('join', (room, done) => done(socket.join(room)));
    socket.on('question', (answer) => answer('here'));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const socket = connect(`http://127.0.0.1:${server.address().port}`, { transports: ['websocket'] });
  const got = [];
  const heard = new Set();
  socket.on('news', (n) => got.push(n));
  socket.on('probe', (what) => heard.add(what));
  socket.on('question', (answer) => answer('yes'));
  await until(() => socket.connected);
  return { io, socket, got, heard };
}

// A subscription may still be on its way when what it is for is published: asks until it is heard once.
async function reaches(from, to, what) {
  for (; !to.heard.has(what); await pause(20)) from.emit('probe', what);
}

async function talk(make) {
  const one = await listening(make());
  const two = await listening(make());
  // The adapters find each other; after that nothing may be missed.
  await reaches(one.io, two, 'one');
  await reaches(two.io, one, 'two');
  await until(async () => (await one.io.fetchSockets()).length === 2);
  one.io.emit('news', 1);
  await until(() => one.got.length === 1 && two.got.length === 1);
  await new Promise((done) => two.socket.emit('join', 'room', done));
  await reaches(one.io.to('room'), two, 'room');
  one.io.to('room').emit('news', 2);
  one.io.except('room').emit('news', 3);
  await until(() => one.got.length === 2 && two.got.length === 2);
  check('rooms', [one.got, two.got], [[1, 3], [1, 2]]);
  check('answers', await one.io.timeout(20000).emitWithAck('question'), ['yes', 'yes']);
  one.io.in(two.socket.id).disconnectSockets();
  await until(() => two.socket.disconnected);
}

async function publishing(port) {
  const { createAdapter } = require('@socket.io/redis-adapter');
  await talk(() => createAdapter(new Redis(port), new Redis(port)));
}

async function sharded(port) {
  const { createShardedAdapter } = require('@socket.io/redis-adapter');
  const { createClient } = require('redis');
  const clients = [];
  for (let i = 0; i < 4; i++) clients.push(await createClient({ socket: { host: '127.0.0.1', port } }).connect());
  await talk(() => createShardedAdapter(clients.pop(), clients.pop(), { channelPrefix: 'sharded' }));
}

async function streams(port) {
  const { createAdapter } = require('@socket.io/redis-streams-adapter');
  await talk(() => createAdapter(new Redis(port), { blockTimeInMs: 500, channelPrefix: 'streams' }));
}

run(async () => {
  for (const step of [publishing, sharded, streams]) {
    await step(Number(process.argv[2]));
    console.log('ok', step.name);
  }
});
