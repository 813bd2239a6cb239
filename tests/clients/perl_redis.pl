#!/usr/bin/perl
# Perl's Redis (RESP2): HOST PORT PROTOCOL, or `sentinel PORTS NAME KEY` (see README.md here).
use strict;
use warnings;
use JSON::PP;
use Redis;
use Time::HiRes qw(sleep);
$| = 1;
my $json = JSON::PP->new->canonical->allow_nonref;

sub check {
    my ($name, $got, $want) = @_;
    my @text = map { my $t = $json->encode($_); $t =~ s/"//g; $t } $got, $want;    # 1 and "1" are the same
    die "FAIL $name: got $text[0], want $text[1]\n" if $text[0] ne $text[1];
}

sub types {
    my $r = shift;
    check('set', [$r->set(s => 'v'), $r->get('s'), $r->set(s => 'w', 'NX'), $r->append(s => 'x')], ['OK', 'v', undef, 2]);
    check('incr', [$r->incr('n'), $r->incrby(n => 41), $r->incrbyfloat(f => 0.5)], [1, 42, 0.5]);
    check('mset', [$r->mset(a => 1, b => 2), $r->mget(qw(a none b))], ['OK', 1, undef, 2]);
    check('list', [$r->rpush(l => 1, 2, 3), $r->lrange(l => 0, -1), $r->lpop('l')], [3, 1, 2, 3, 1]);
    check('set type', [$r->sadd(t => 1, 2), sort($r->smembers('t')), $r->sismember(t => 9)], [2, 1, 2, 0]);
    check('hash', [$r->hset(h => f => 1, g => 'x'), {$r->hgetall('h')}, $r->hmget(h => qw(f no))],
        [2, {f => 1, g => 'x'}, 1, undef]);
    check('zset', [$r->zadd(z => 1, 'a', 2.5, 'b'), $r->zrange(z => 0, -1, 'WITHSCORES'), $r->zpopmin('z')],
        [2, 'a', 1, 'b', 2.5, 'a', 1]);
    check('bits', [$r->setbit(bits => 7, 1), $r->bitcount('bits')], [0, 1]);
    check('hll', [$r->pfadd(p => 'a', 'b'), $r->pfcount('p')], [1, 2]);
    $r->geoadd(geo => 13.361389, 38.115556, 'Palermo', 15.087269, 37.502669, 'Catania');
    check('geo', [$r->geodist(geo => 'Palermo', 'Catania', 'km')], ['166.2742']);
    my $id = $r->xadd(x => '*', k => 'v');
    $r->xgroup('CREATE', 'x', 'g', '0');
    check('stream', [$r->xreadgroup('GROUP', 'g', 'me', 'STREAMS', 'x', '>'), $r->xack('x', 'g', $id)],
        [['x', [[$id, ['k', 'v']]]], 1]);
    check('expire', [$r->expire(s => 100), $r->ttl('s') > 0 ? 1 : 0, $r->type('z'), $r->sort('t', 'DESC')],
        [1, 1, 'zset', 2, 1]);
    check('info', $r->info->{tcp_port} > 0 ? 1 : 0, 1);
    eval { $r->lpush(s => 1); 1 } and die "FAIL error\n";
    check('error', $@ =~ /WRONGTYPE/ ? 1 : 0, 1);
}

sub together {
    my $r = shift;
    my $good = 0;
    $r->set("key:$_", $_, sub { $good++ if $_[0] eq 'OK' }) for 0 .. 999;
    $r->wait_all_responses;
    check('pipeline', $good, 1000);
    $r->multi;
    $r->incr('n');
    $r->get('n');
    check('transaction', [$r->exec], [43, 43]);
    $r->watch('n');
    Redis->new(server => $r->{server})->incr('n');
    $r->multi;
    $r->incr('n');
    check('watch', [scalar $r->exec], [undef]);
    my ($cursor, $keys, %seen) = (0);
    do {
        ($cursor, $keys) = $r->scan($cursor, MATCH => 'key:*', COUNT => 100);
        $seen{$_} = 1 for @$keys;
    } while ($cursor);
    check('scan', scalar(keys %seen), 1000);
}

sub waiting {
    my $r = shift;
    my @got;
    my $sub = Redis->new(server => $r->{server});
    my $take = sub { push @got, $_[0] };
    $sub->subscribe('news', $take);
    $sub->psubscribe('n*', $take);
    check('publish', $r->publish(news => 'hello'), 2);
    $sub->wait_for_messages(1) while @got < 2;
    check('pub/sub', \@got, ['hello', 'hello']);
    my $child = fork // die;
    if (!$child) {
        my $other = Redis->new(server => $r->{server});
        sleep 0.005 until $other->info->{blocked_clients};
        $other->rpush(queue => 'job');
        exit 0;
    }
    check('blpop', [$r->blpop('queue', 30)], ['queue', 'job']);
    waitpid $child, 0;
    check('timeouts', [scalar $r->blpop('queue', 0.01)], [undef]);
}

sub follow {
    my ($ports, $name, $key) = @_;
    my @sentinels = map { "127.0.0.1:$_" } split /,/, $ports;
    my ($i, $r) = (0);
    while (1) {
        $i++;
        my $end = eval {
            $r //= Redis->new(sentinels => \@sentinels, service => $name, read_timeout => 1, cnx_timeout => 1,
                sentinels_cnx_timeout => 0.2);
            $r->rpush($key => $i);
            print "wrote $i\n";
            $r->get('stop');
        };
        return if $end;
        if ($@) {
            print "note ", $@ =~ s/\n.*//sr, "\n";
            undef $r;
        }
        sleep 0.01;
    }
}

if ($ARGV[0] eq 'sentinel') {
    follow(@ARGV[1 .. 3]);
} else {
    my $r = Redis->new(server => "$ARGV[0]:$ARGV[1]");
    for my $step (['types', \&types], ['together', \&together], ['waiting', \&waiting]) {
        $step->[1]->($r);
        print "ok $step->[0]\n";
    }
}
