/* hiredis, not blocking, on libev (RESP2): HOST PORT PROTOCOL (see README.md here).
 * Everything is sent at once; the loop ends when the last reply, message and pop are there. */
#include <ev.h>
#include <hiredis/adapters/libev.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct state {
    struct ev_loop *loop;
    redisAsyncContext *main, *sub, *blocked;
    int replies, messages, popped;
};

static void fail(const char *what, const char *got)
{
    fprintf(stderr, "FAIL %s: %s\n", what, got ? got : "(nothing)");
    exit(1);
}

static void ended(struct state *s)
{
    if (s->replies == 1003 && s->messages == 2 && s->popped == 2)
        ev_break(s->loop, EVBREAK_ALL);
}

static void reply(redisAsyncContext *c, void *r, void *want)
{
    struct state *s = c->data;
    const redisReply *got = r;
    if (got == NULL || got->type == REDIS_REPLY_ARRAY ||
        strcmp(got->str ? got->str : "nil", want) != 0)
        fail(want, got ? got->str : c->errstr);
    s->replies++;
    ended(s);
}

static void transaction(redisAsyncContext *c, void *r, void *unused)
{
    (void)unused;
    struct state *s = c->data;
    const redisReply *got = r;
    if (got == NULL || got->elements != 2 || got->element[0]->integer != 1 ||
        strcmp(got->element[1]->str, "1") != 0)
        fail("transaction", got ? got->str : c->errstr);
    s->replies++;
    ended(s);
}

static void popped(redisAsyncContext *c, void *r, void *want)
{
    struct state *s = c->data;
    const redisReply *got = r;
    if (got == NULL || (*(char *)want == '\0' && got->type != REDIS_REPLY_NIL) ||
        (*(char *)want && (got->elements != 2 || strcmp(got->element[1]->str, want) != 0)))
        fail("pop", c->errstr);
    s->popped++;
    ended(s);
}

static void message(redisAsyncContext *c, void *r, void *unused)
{
    (void)unused;
    struct state *s = c->data;
    const redisReply *got = r;
    if (got == NULL || got->type != REDIS_REPLY_ARRAY)
        fail("message", c->errstr);
    const char *kind = got->element[0]->str;
    if (strcmp(kind, "psubscribe") == 0) /* both are there: now it may be said */
        redisAsyncCommand(s->main, NULL, NULL, "PUBLISH news hello");
    else if (strcmp(kind, "subscribe") != 0) {
        if (strcmp(got->element[got->elements - 1]->str, "hello") != 0)
            fail(kind, got->element[got->elements - 1]->str);
        s->messages++;
        ended(s);
    }
}

static redisAsyncContext *dial(struct state *s, char **argv)
{
    redisAsyncContext *c = redisAsyncConnect(argv[1], atoi(argv[2]));
    if (c == NULL || c->err)
        fail("connect", c ? c->errstr : NULL);
    c->data = s;
    redisLibevAttach(s->loop, c);
    return c;
}

static void push_when_blocked(redisAsyncContext *c, void *r, void *unused)
{
    struct state *s = c->data;
    const redisReply *got = r;
    if (got == NULL || got->str == NULL)
        fail("info", c->errstr);
    if (strstr(got->str, "blocked_clients:1"))
        redisAsyncCommand(s->main, NULL, NULL, "RPUSH queue job");
    else
        redisAsyncCommand(s->main, push_when_blocked, unused, "INFO clients");
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    struct state s = { .loop = ev_default_loop(0) };
    s.main = dial(&s, argv);
    s.sub = dial(&s, argv);
    s.blocked = dial(&s, argv);
    for (int i = 0; i < 1000; i++)
        redisAsyncCommand(s.main, reply, "OK", "SET key:%d %d", i, i);
    redisAsyncCommand(s.main, reply, "7", "GET key:7");
    redisAsyncCommand(s.main, reply, "nil", "GET none");
    redisAsyncCommand(s.main, NULL, NULL, "MULTI");
    redisAsyncCommand(s.main, NULL, NULL, "INCR n");
    redisAsyncCommand(s.main, NULL, NULL, "GET n");
    redisAsyncCommand(s.main, transaction, NULL, "EXEC");
    redisAsyncCommand(s.sub, message, NULL, "SUBSCRIBE news");
    redisAsyncCommand(s.sub, message, NULL, "PSUBSCRIBE n*");
    redisAsyncCommand(s.blocked, popped, "job", "BLPOP queue 30");
    redisAsyncCommand(s.blocked, popped, "", "BLPOP queue 0.01");
    redisAsyncCommand(s.main, push_when_blocked, NULL, "INFO clients");
    ev_run(s.loop, 0);
    puts("ok everything");
    return 0;
}
