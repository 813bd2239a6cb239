<?php
// Predis (RESP2): HOST PORT PROTOCOL, or `sentinel PORTS NAME KEY` (see README.md here).
error_reporting(E_ALL & ~E_DEPRECATED);
require_once 'Predis/autoload.php';

function check($name, $got, $want)
{
    if ($got !== $want) {
        fwrite(STDERR, "FAIL $name: got " . var_export($got, true) . ", want " . var_export($want, true) . "\n");
        exit(1);
    }
}

function types($r)
{
    check('set', [(string) $r->set('s', 'v'), $r->get('s'), $r->setnx('s', 'w'), $r->append('s', 'x')], ['OK', 'v', 0, 2]);
    check('incr', [$r->incr('n'), $r->incrby('n', 41), $r->incrbyfloat('f', 0.5)], [1, 42, '0.5']);
    check('mget', [(string) $r->mset(['a' => 1, 'b' => 2]), $r->mget('a', 'none', 'b')], ['OK', ['1', null, '2']]);
    check('list', [$r->rpush('l', [1, 2, 3]), $r->lrange('l', 0, -1), $r->lpop('l')], [3, ['1', '2', '3'], '1']);
    check('set type', [$r->sadd('t', [1, 2]), count($r->smembers('t')), $r->sismember('t', 9)], [2, 2, 0]);
    check('hash', [$r->hset('h', 'f', 1), $r->hgetall('h'), $r->hmget('h', ['f', 'no'])], [1, ['f' => '1'], ['1', null]]);
    check('zset', [$r->zadd('z', ['a' => 1, 'b' => 2.5]), $r->zrange('z', 0, -1, ['withscores' => true])],
        [2, ['a' => '1', 'b' => '2.5']]);
    check('bits', [$r->setbit('bits', 7, 1), $r->bitcount('bits')], [0, 1]);
    check('hll', [$r->pfadd('p', ['a', 'b']), $r->pfcount('p')], [1, 2]);
    $r->geoadd('geo', 13.361389, 38.115556, 'Palermo', 15.087269, 37.502669, 'Catania');
    check('geo', $r->georadius('geo', 15, 37, 100, 'km'), ['Catania']);
    $r->executeRaw(['XADD', 'x', '1-1', 'k', 'v']);
    check('stream', $r->executeRaw(['XRANGE', 'x', '-', '+']), [['1-1', ['k', 'v']]]);
    check('expire', [$r->expire('s', 100), $r->ttl('s') > 0, (string) $r->type('z')], [1, true, 'zset']);
    check('sort', $r->sort('t', ['sort' => 'desc']), ['2', '1']);
    try {
        $r->lpush('s', [1]);
        check('error', 'none', 'WRONGTYPE');
    } catch (Predis\Response\ServerException $e) {
        check('error', $e->getErrorType(), 'WRONGTYPE');
    }
}

function together($r)
{
    $got = $r->pipeline(function ($p) {
        for ($i = 0; $i < 1000; $i++) {
            $p->set("key:$i", $i);
        }
    });
    check('pipeline', array_unique(array_map('strval', $got)), ['OK']);
    check('transaction', $r->transaction(function ($t) {
        $t->incr('n');
        $t->get('n');
    }), [43, '43']);
    $other = new Predis\Client($r->getConnection()->getParameters()->toArray());
    $r->watch('n');
    $other->incr('n');
    $r->multi();
    $r->incr('n');
    check('watch', $r->exec(), null);
    $r->sadd('many', range(0, 999));
    $r->hmset('hmany', array_fill(0, 1000, 'x'));
    $r->zadd('zmany', array_fill(0, 1000, 1));
    check('scan', array_map(fn ($it) => count(array_unique(array_map('serialize', iterator_to_array($it, false)))), [
        new Predis\Collection\Iterator\Keyspace($r, 'key:*', 100),
        new Predis\Collection\Iterator\SetKey($r, 'many'),
    ]), [1000, 1000]);
    check('hscan zscan', [count(iterator_to_array(new Predis\Collection\Iterator\HashKey($r, 'hmany'))),
        count(iterator_to_array(new Predis\Collection\Iterator\SortedSetKey($r, 'zmany')))], [1000, 1000]);
}

function waiting($r)
{
    $to = $r->getConnection()->getParameters()->toArray();
    $sub = new Predis\Client($to + ['read_write_timeout' => 30]);
    $got = [];
    $loop = $sub->pubSubLoop();
    $loop->subscribe('news');
    foreach ($loop as $message) {
        if ($message->kind === 'subscribe') {
            check('publish', $r->publish('news', 'hello'), 1);
        } elseif ($message->kind === 'message') {
            $got[] = $message->payload;
            $loop->unsubscribe('news');
        }
    }
    check('pub/sub', $got, ['hello']);
    $child = pcntl_fork();
    if ($child === 0) {
        $other = new Predis\Client($to);
        while ($other->info('clients')['Clients']['blocked_clients'] < 1) {
            usleep(5000);
        }
        $other->rpush('queue', ['job']);
        posix_kill(getmypid(), SIGKILL); // the connection of the parent is not to be closed here
    }
    check('blpop', $r->blpop(['queue'], 30), ['queue', 'job']);
    pcntl_waitpid($child, $status);
    check('timeout', $r->blpop(['queue'], 1), null);
}

function follow($ports, $name, $key)
{
    $sentinels = array_map(fn ($port) => "tcp://127.0.0.1:$port?timeout=0.2", explode(',', $ports));
    $r = new Predis\Client($sentinels, ['replication' => 'sentinel', 'service' => $name,
        'parameters' => ['timeout' => 1, 'read_write_timeout' => 1]]);
    $r->getConnection()->setRetryLimit(0); // what failed is not sent again: this test counts its writes
    for ($i = 1;; $i++) {
        try {
            $r->rpush($key, [$i]);
            echo "wrote $i\n";
            if ($r->get('stop')) {
                return;
            }
        } catch (Predis\PredisException $e) {
            echo "note ", $e->getMessage(), "\n";
            $r->getConnection()->querySentinel();
        }
        usleep(10000);
    }
}

if ($argv[1] === 'sentinel') {
    follow($argv[2], $argv[3], $argv[4]);
} else {
    $r = new Predis\Client(['host' => $argv[1], 'port' => (int) $argv[2]]);
    foreach (['types', 'together', 'waiting'] as $step) {
        $step($r);
        echo "ok $step\n";
    }
}
