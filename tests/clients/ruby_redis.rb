# ruby-redis (RESP2): HOST PORT PROTOCOL, or `sentinel PORTS NAME KEY` (see README.md here).
require 'redis'
require 'set'
$stdout.sync = true
Redis.silence_deprecations = true if Redis.respond_to?(:silence_deprecations=)

def check(name, got, want)
  abort "FAIL #{name}: got #{got.inspect}, want #{want.inspect}" unless got == want
end

def types(r)
  check 'set', [r.set('s', 'v'), r.get('s'), r.set('s', 'w', nx: true), r.append('s', 'x')], ['OK', 'v', false, 2]
  check 'incr', [r.incr('n'), r.incrby('n', 41), r.incrbyfloat('f', 0.5)], [1, 42, 0.5]
  check 'mset', [r.mset('a', 1, 'b', 2), r.mget('a', 'none', 'b')], ['OK', ['1', nil, '2']]
  check 'list', [r.rpush('l', [1, 2, 3]), r.lrange('l', 0, -1), r.lpop('l', 2)], [3, %w[1 2 3], %w[1 2]]
  check 'set type', [r.sadd('t', [1, 2]), r.smembers('t').sort, r.smismember('t', 1, 9)], [2, %w[1 2], [true, false]]
  check 'hash', [r.hset('h', 'f', 1, 'g', 'x'), r.hgetall('h'), r.hmget('h', 'f', 'no')],
        [2, { 'f' => '1', 'g' => 'x' }, ['1', nil]]
  check 'zset', [r.zadd('z', [[1, 'a'], [2.5, 'b']]), r.zrange('z', 0, -1, with_scores: true), r.zpopmin('z')],
        [2, [['a', 1.0], ['b', 2.5]], ['a', 1.0]]
  check 'bits', [r.setbit('bits', 7, 1), r.bitcount('bits')], [0, 1]
  check 'hll', [r.pfadd('p', %w[a b]), r.pfcount('p')], [true, 2]
  r.geoadd('geo', 13.361389, 38.115556, 'Palermo', 15.087269, 37.502669, 'Catania')
  check 'geo', [r.geodist('geo', 'Palermo', 'Catania', 'km'), r.georadius('geo', 15, 37, 100, 'km')],
        ['166.2742', ['Catania']]
  id = r.xadd('x', { 'k' => 'v' })
  r.xgroup(:create, 'x', 'g', '0')
  check 'stream', r.xreadgroup('g', 'me', 'x', '>'), { 'x' => [[id, { 'k' => 'v' }]] }
  check 'stream group', [r.xpending('x', 'g')['size'], r.xack('x', 'g', id), r.xinfo(:stream, 'x')['length']], [1, 1, 1]
  check 'expire', [r.expire('s', 100), r.ttl('s') > 0, r.type('z'), r.sort('t', order: 'DESC')],
        [true, true, 'zset', %w[2 1]]
  begin
    r.lpush('s', 1)
    abort 'FAIL error'
  rescue Redis::CommandError => e
    check 'error', e.message.start_with?('WRONGTYPE'), true
  end
end

def together(r)
  check 'pipeline', r.pipelined { |p| 1000.times { |i| p.set("key:#{i}", i) } }, ['OK'] * 1000
  check 'transaction', r.multi { |m| m.incr('n'); m.get('n') }, [43, '43']
  check 'watch', (r.watch('n') { other = r.dup; other.incr('n'); other.close; r.multi { |m| m.incr('n') } }), nil
  check 'scan', r.scan_each(match: 'key:*', count: 100).to_set.size, 1000
  r.sadd('many', (0...1000).to_a)
  r.hset('hmany', (0...1000).to_h { |i| [i, i] })
  r.zadd('zmany', (0...1000).map { |i| [i, i] })
  check 'sscan hscan zscan', [r.sscan_each('many'), r.hscan_each('hmany'), r.zscan_each('zmany')].map { |s| s.to_set.size },
        [1000, 1000, 1000]
end

def waiting(r)
  got = []
  sub = r.dup
  sub.subscribe('news') do |on|
    on.subscribe { |_, _| check 'publish', r.publish('news', 'hello'), 1 }
    on.message { |_, m| got << m; sub.unsubscribe }
  end
  sub.psubscribe('n*') do |on|
    on.psubscribe { |_, _| r.publish('news', 'again') }
    on.pmessage { |_, _, m| got << m; sub.punsubscribe }
  end
  check 'pub/sub', got, %w[hello again]
  t = Thread.new do
    other = r.dup
    sleep 0.005 until other.info('clients')['blocked_clients'] == '1'
    other.rpush('queue', 'job')
  end
  check 'blpop', r.blpop('queue', timeout: 30), %w[queue job]
  t.join
  check 'timeouts', [r.blpop('queue', timeout: 0.01), r.bzpopmin('nothing', timeout: 0.01),
                     r.xread('nothing', '$', block: 10)], [nil, nil, {}]
end

def follow(ports, name, key)
  r = Redis.new(url: "redis://#{name}", sentinels: ports.split(',').map { |p| { host: '127.0.0.1', port: p.to_i } },
                role: :master, timeout: 1, reconnect_attempts: 0)
  i = 0
  loop do
    i += 1
    begin
      r.rpush(key, i)
      puts "wrote #{i}"
      return if r.get('stop')
    rescue Redis::BaseError, SystemCallError => e
      puts "note #{e.inspect}"
      r.close # a READONLY answer does not end the connection by itself
    end
    sleep 0.01
  end
end

if ARGV[0] == 'sentinel'
  follow(*ARGV[1..])
else
  r = Redis.new(host: ARGV[0], port: ARGV[1].to_i)
  %i[types together waiting].each do |step|
    send(step, r)
    puts "ok #{step}"
  end
end
