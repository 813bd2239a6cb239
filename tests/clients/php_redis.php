<?php
// php-redis, the C extension (RESP2): HOST PORT PROTOCOL, or `sentinel PORTS NAME KEY` (see README.md here).

function check($name, $got, $want)
{
    if ($got !== $want) {
        fwrite(STDERR, "FAIL $name: got " . var_export($got, true) . ", want " . var_export($want, true) . "\n");
        exit(1);
    }
}

function connect($host, $port)
{
    $r = new Redis();
    $r->connect($host, (int) $port, 5);
    $r->setOption(Redis::OPT_READ_TIMEOUT, 30);
    return $r;
}

function types($r)
{
    check('set', [$r->set('s', 'v'), $r->get('s'), $r->set('s', 'w', ['nx']), $r->append('s', 'x')], [true, 'v', false, 2]);
    check('incr', [$r->incr('n'), $r->incrBy('n', 41), $r->incrByFloat('f', 0.5)], [1, 42, 0.5]);
    check('mset', [$r->mSet(['a' => 1, 'b' => 2]), $r->mGet(['a', 'none', 'b'])], [true, ['1', false, '2']]);
    check('list', [$r->rPush('l', 1, 2, 3), $r->lRange('l', 0, -1), $r->lPop('l')], [3, ['1', '2', '3'], '1']);
    $members = [$r->sAdd('t', 1, 2), $r->sMembers('t'), $r->sIsMember('t', 9)];
    sort($members[1]);
    check('set type', $members, [2, ['1', '2'], false]);
    check('hash', [$r->hMSet('h', ['f' => 1, 'g' => 'x']), $r->hGetAll('h'), $r->hMGet('h', ['f', 'no'])],
        [true, ['f' => '1', 'g' => 'x'], ['f' => '1', 'no' => false]]);
    check('zset', [$r->zAdd('z', 1, 'a', 2.5, 'b'), $r->zRange('z', 0, -1, true), $r->zPopMin('z')],
        [2, ['a' => 1.0, 'b' => 2.5], ['a' => 1.0]]);
    check('bits', [$r->setBit('bits', 7, true), $r->bitCount('bits')], [0, 1]);
    check('hll', [$r->pfAdd('p', ['a', 'b']), $r->pfCount('p')], [1, 2]);
    $r->geoAdd('geo', 13.361389, 38.115556, 'Palermo', 15.087269, 37.502669, 'Catania');
    check('geo', [$r->geoDist('geo', 'Palermo', 'Catania', 'km'), $r->geoRadius('geo', 15, 37, 100, 'km')],
        [166.2742, ['Catania']]);
    $id = $r->xAdd('x', '*', ['k' => 'v']);
    $r->xGroup('CREATE', 'x', 'g', '0');
    check('stream', [$r->xReadGroup('g', 'me', ['x' => '>']), $r->xPending('x', 'g')[0], $r->xAck('x', 'g', [$id])],
        [['x' => [$id => ['k' => 'v']]], 1, 1]);
    check('expire', [$r->expire('s', 100), $r->ttl('s') > 0, $r->type('z') === Redis::REDIS_ZSET], [true, true, true]);
    check('sort', $r->sort('t', ['sort' => 'desc']), ['2', '1']);
    check('error', [$r->lPush('s', 1), strpos($r->getLastError(), 'WRONGTYPE')], [false, 0]);
    check('info', $r->info('server')['tcp_port'] > 0, true);
}

function together($r)
{
    $p = $r->pipeline();
    for ($i = 0; $i < 1000; $i++) {
        $p->set("key:$i", $i);
    }
    check('pipeline', $p->exec(), array_fill(0, 1000, true));
    check('transaction', $r->multi()->incr('n')->get('n')->exec(), [43, '43']);
    $r->watch('n');
    connect($r->getHost(), $r->getPort())->incr('n');
    check('watch', $r->multi()->incr('n')->exec(), false);
    $r->setOption(Redis::OPT_SCAN, Redis::SCAN_RETRY);
    $seen = [];
    $at = null;
    while ($keys = $r->scan($at, 'key:*', 100)) {
        $seen += array_flip($keys);
    }
    check('scan', count($seen), 1000);
    $r->sAdd('many', ...range(0, 999));
    $seen = [];
    $at = null;
    while ($got = $r->sScan('many', $at)) {
        $seen += array_flip($got);
    }
    check('sscan', count($seen), 1000);
}

function waiting($r)
{
    $child = pcntl_fork();
    if ($child === 0) {
        $other = connect($r->getHost(), $r->getPort());
        while ($other->pubsub('numsub', ['news'])['news'] < 1) {
            usleep(5000);
        }
        $other->publish('news', 'hello');
        while ($other->info('clients')['blocked_clients'] < 1) {
            usleep(5000);
        }
        $other->rPush('queue', 'job');
        posix_kill(getmypid(), SIGKILL); // the connection of the parent is not to be closed here
    }
    $got = null;
    $sub = connect($r->getHost(), $r->getPort());
    try {
        $sub->subscribe(['news'], function ($sub, $channel, $message) use (&$got) {
            $got = $message;
            $sub->close(); // the usual way out of the loop
        });
    } catch (RedisException $e) {
        check('way out', $got, 'hello');
    }
    check('pub/sub', $got, 'hello');
    check('blpop', $r->blPop(['queue'], 30), ['queue', 'job']);
    pcntl_waitpid($child, $status);
    check('timeouts', [$r->blPop(['queue'], 1), $r->bzPopMin(['nothing'], 1)], [[], []]);
}

function follow($ports, $name, $key)
{
    $r = null;
    for ($i = 1;; $i++) {
        try {
            foreach ($r ? [] : explode(',', $ports) as $port) {
                try {
                    [$host, $to] = (new RedisSentinel('127.0.0.1', (int) $port, 0.2))->getMasterAddrByName($name);
                    $r = new Redis();
                    $r->connect($host, (int) $to, 1, null, 0, 1);
                    break;
                } catch (RedisException $e) {
                    $r = null;
                }
            }
            if (!$r || $r->rPush($key, $i) === false) {
                throw new RedisException($r ? $r->getLastError() : 'no master');
            }
            echo "wrote $i\n";
            if ($r->get('stop')) {
                return;
            }
        } catch (RedisException $e) {
            $r = null;
            echo "note ", $e->getMessage(), "\n";
        }
        usleep(10000);
    }
}

if ($argv[1] === 'sentinel') {
    follow($argv[2], $argv[3], $argv[4]);
} else {
    $r = connect($argv[1], $argv[2]);
    foreach (['types', 'together', 'waiting'] as $step) {
        $step($r);
        echo "ok $step\n";
    }
}
