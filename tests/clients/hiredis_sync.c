/* hiredis, blocking (RESP2): HOST PORT PROTOCOL (see README.md here). */
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *host;
static int port;

static redisContext *dial(void)
{
    redisContext *c = redisConnect(host, port);
    if (c == NULL || c->err) {
        fprintf(stderr, "FAIL connect: %s\n", c ? c->errstr : "no memory");
        exit(1);
    }
    return c;
}

/* The reply as text: arrays in brackets, nil as "nil". */
static void text(const redisReply *r, char *to, size_t size)
{
    size_t n = strlen(to);
    if (r->type == REDIS_REPLY_INTEGER)
        snprintf(to + n, size - n, "%lld", r->integer);
    else if (r->type == REDIS_REPLY_NIL)
        snprintf(to + n, size - n, "nil");
    else if (r->type != REDIS_REPLY_ARRAY)
        snprintf(to + n, size - n, "%s", r->str);
    else {
        strncat(to, "[", size - n - 1);
        for (size_t i = 0; i < r->elements; i++) {
            if (i > 0)
                strncat(to, " ", size - strlen(to) - 1);
            text(r->element[i], to, size);
        }
        strncat(to, "]", size - strlen(to) - 1);
    }
}

static void compare(redisContext *c, redisReply *r, const char *want, const char *what)
{
    static _Thread_local char got[1 << 16]; /* two threads ask at once */
    got[0] = '\0';
    if (r != NULL)
        text(r, got, sizeof got);
    if (r == NULL || strncmp(got, want, strlen(want)) != 0 ||
        (r->type == REDIS_REPLY_ARRAY && strcmp(got, want) != 0)) {
        fprintf(stderr, "FAIL %s: got %s, want %s\n", what, r ? got : c->errstr, want);
        exit(1);
    }
    freeReplyObject(r);
}

/* Sends a command; its reply must begin with want (an array must be want). */
static void ask(redisContext *c, const char *want, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    redisReply *r = redisvCommand(c, format, args);
    va_end(args);
    compare(c, r, want, format);
}

static void types(redisContext *c)
{
    static const struct {
        const char *command, *want;
    } rows[] = {
        { "SET s v", "OK" }, { "GET s", "v" }, { "SET s w NX", "nil" }, { "APPEND s x", "2" },
        { "INCR n", "1" }, { "INCRBY n 41", "42" }, { "INCRBYFLOAT f 0.5", "0.5" },
        { "MSET a 1 b 2", "OK" }, { "MGET a none b", "[1 nil 2]" }, { "RPUSH l 1 2 3", "3" },
        { "LRANGE l 0 -1", "[1 2 3]" }, { "LPOP l 2", "[1 2]" }, { "SADD t 1 2", "2" },
        { "SMEMBERS t", "[1 2]" }, { "SMISMEMBER t 1 9", "[1 0]" }, { "HSET h f 1 g x", "2" },
        { "HGETALL h", "[f 1 g x]" }, { "HMGET h f no", "[1 nil]" }, { "ZADD z 1 a 2.5 b", "2" },
        { "ZRANGE z 0 -1 WITHSCORES", "[a 1 b 2.5]" }, { "ZPOPMIN z", "[a 1]" },
        { "SETBIT bits 7 1", "0" }, { "BITCOUNT bits", "1" }, { "PFADD p a b", "1" },
        { "PFCOUNT p", "2" },
        { "GEOADD geo 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", "2" },
        { "GEODIST geo Palermo Catania km", "166.2742" }, { "XADD x 1-1 k v", "1-1" },
        { "XGROUP CREATE x g 0", "OK" },
        { "XREADGROUP GROUP g me STREAMS x >", "[[x [[1-1 [k v]]]]]" }, { "XACK x g 1-1", "1" },
        { "EXPIRE s 100", "1" }, { "TYPE z", "zset" }, { "SORT t DESC", "[2 1]" },
        { "LPUSH s 1", "WRONGTYPE" }, { "NOTHING", "ERR unknown command" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ask(c, rows[i].want, rows[i].command);
    ask(c, "OK", "SET %b %b", "bin\0ary", (size_t)7, "\r\n\0", (size_t)3);
    ask(c, "3", "STRLEN %b", "bin\0ary", (size_t)7);
}

static void together(redisContext *c)
{
    for (int i = 0; i < 1000; i++)
        redisAppendCommand(c, "SET key:%d %d", i, i);
    for (int i = 0; i < 1000; i++) {
        void *r = NULL;
        redisGetReply(c, &r);
        compare(c, r, "OK", "pipeline");
    }
    ask(c, "OK", "MULTI");
    ask(c, "QUEUED", "INCR n");
    ask(c, "QUEUED", "GET n");
    ask(c, "[43 43]", "EXEC");
    ask(c, "OK", "WATCH n");
    redisContext *other = dial();
    ask(other, "44", "INCR n");
    redisFree(other);
    ask(c, "OK", "MULTI");
    ask(c, "QUEUED", "INCR n");
    ask(c, "nil", "EXEC");
    char at[32] = "0";
    size_t seen = 0; /* nothing is written meanwhile, and the table rests: each key once */
    do {
        redisReply *r = redisCommand(c, "SCAN %s MATCH key:* COUNT 100", at);
        snprintf(at, sizeof at, "%s", r->element[0]->str);
        seen += r->element[1]->elements;
        freeReplyObject(r);
    } while (strcmp(at, "0") != 0);
    if (seen < 1000) {
        fprintf(stderr, "FAIL scan: %zu\n", seen);
        exit(1);
    }
}

static void *later(void *unused)
{
    redisContext *c = dial();
    for (int blocked = 0; !blocked;) {
        redisReply *r = redisCommand(c, "INFO clients");
        blocked = strstr(r->str, "blocked_clients:1") != NULL;
        freeReplyObject(r);
        nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
    }
    ask(c, "1", "RPUSH queue job");
    redisFree(c);
    return unused;
}

static void waiting(redisContext *c)
{
    redisContext *sub = dial();
    ask(sub, "[subscribe news 1]", "SUBSCRIBE news");
    ask(sub, "[psubscribe n* 2]", "PSUBSCRIBE n*");
    ask(c, "2", "PUBLISH news hello");
    static const char *const want[] = { "[message news hello]", "[pmessage n* news hello]" };
    for (int i = 0; i < 2; i++) {
        void *r = NULL;
        redisGetReply(sub, &r);
        compare(sub, r, want[i], "pub/sub");
    }
    redisFree(sub);
    pthread_t thread;
    pthread_create(&thread, NULL, later, NULL);
    ask(c, "[queue job]", "BLPOP queue 30");
    pthread_join(thread, NULL);
    ask(c, "nil", "BLPOP queue 0.01");
    ask(c, "nil", "XREAD BLOCK 10 STREAMS nothing $");
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    host = argv[1];
    port = atoi(argv[2]);
    redisContext *c = dial();
    types(c);
    puts("ok types");
    together(c);
    puts("ok together");
    waiting(c);
    puts("ok waiting");
    redisFree(c);
    return 0;
}
