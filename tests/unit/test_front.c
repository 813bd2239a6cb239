#include "core/front/front.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/front/acl.h"
#include "core/front/client.h"
#include "core/front/config.h"
#include "core/front/docs.h"
#include "core/front/latency.h"
#include "core/front/pubsub.h"
#include "core/front/reply.h"
#include "core/front/stats.h"
#include "core/sys/clock.h"
#include "core/sys/log.h"
#include "tests/unit/check_main.h"

/* A personality of a few commands over loopback sockets. Clients are sockets of the test; say()
 * sends, turns the loop, and gives what came back, with CR LF as '|'. */

struct node {
    struct loop *loop;
    struct front_config cfg;
    struct conf conf;
    struct front *front;
    struct listener *listener;
    int accepted;
    struct client *blocked;
    int prefetched;
};

static struct node *node_of(struct call *c) { return c->app; }

static void on_accept(void *arg, int fd)
{
    struct node *n = arg;
    front_accept(n->front, fd);
    n->accepted++;
}

static void cmd_block(struct call *c)
{
    node_of(c)->blocked = c->client;
    client_block(c->client);
}

static void cmd_publish(struct call *c)
{
    reply_int(c, pubsub_publish(c->front, c->argv[1], c->argv[2]));
}

static void cmd_set(struct call *c)
{
    c->changed++;
    if (c->raw.n) reply_bulk(c, c->raw);
    else reply_ok(c);
}

static void cmd_suicide(struct call *c)
{
    client_free(c->client);
    reply_ok(c);
}

static void cmd_fail(struct call *c) { reply_error(c, "-OOPS it went wrong"); }

static const struct command rows[] = {
    { "BLOCK", cmd_block, .arity = 1, .flags = CMD_BLOCKING, .syntax = "" },
    { "SET", cmd_set, .arity = -3, .flags = CMD_WRITE, .acl = ACL_STRING,
      .keys = { KEYS(1, 1, 1, KEY_OW | KEY_UPDATE) },
      .syntax = "key:key value:string condition=[NX|XX]@2.6.12 [GET@6.2.0] expiration=[EX "
                "seconds:integer@2.6.12|KEEPTTL@6.0.0]" },
    { "GET", cmd_set, .arity = 2, .flags = CMD_READONLY | CMD_FAST, .acl = ACL_STRING,
      .keys = { KEYS(1, 1, 1, KEY_RO | KEY_ACCESS) }, .syntax = "key:key" },
    { "PUBLISH", cmd_publish, .arity = 3, .flags = CMD_PUBSUB | CMD_FAST,
      .keys = { { .begin = KEYS_AT, .first = 1, .step = 1, .flags = KEY_CHANNEL } },
      .syntax = "channel:string message:string" },
    { "SUICIDE", cmd_suicide, .arity = 1, .syntax = "" },
    { "FAIL", cmd_fail, .arity = 1, .syntax = "" },
    COMMANDS_END,
};

static void prefetch(struct front *f, const struct front_ahead *at, int n)
{
    (void)at;
    ((struct node *)f->app)->prefetched += n;
}

static bool unblock(struct client *cl, bool with_error)
{
    struct call c = reply_call_for(cl);
    if (with_error) reply_error(&c, "-UNBLOCKED client unblocked via CLIENT UNBLOCK");
    else reply_null_array(&c);
    client_unblock(cl);
    return true;
}

static struct node *start(void)
{
    struct node *n = mem_zalloc(sizeof(*n));
    static const struct front_config_hooks none;
    log_set_level(LOG_LEVEL_NOTHING);
    n->loop = loop_new();
    conf_init(&n->conf);
    conf_add(&n->conf, front_config_rows, front_config_rows_n, &n->cfg, (void *)&none);
    struct front_hooks hooks = { .prefetch = prefetch, .unblock = unblock };
    n->front = front_new(n->loop, &n->cfg, "standalone", &hooks, n);
    front_add_commands(n->front);
    front_add_observation(n->front);
    registry_add(n->front->registry, rows);
    struct errmsg msg;
    n->listener = listen_tcp(n->loop, "127.0.0.1", 0, 16, on_accept, n, &msg);
    ck_assert_ptr_nonnull(n->listener);
    return n;
}

static void stop(struct node *n)
{
    listener_close(n->listener);
    front_delete(n->front);
    conf_free(&n->conf);
    loop_delete(n->loop);
    mem_free(n);
}

static int dial(struct node *n)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), before = n->accepted, on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* small writes arrive at once */
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)listener_port(n->listener)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 1000 && n->accepted == before; i++) loop_poll(n->loop);
    ck_assert_int_eq(n->accepted, before + 1);
    return fd;
}

static char heard[1 << 20];

/* Reads until a few turns bring nothing more. */
static const char *hear(struct node *n, int fd)
{
    size_t len = 0;
    for (int quiet = 0; quiet < 20; quiet++) {
        loop_poll(n->loop);
        ssize_t got = read(fd, heard + len, sizeof(heard) - 20 - len);
        if (got > 0) {
            len += (size_t)got;
            quiet = 0;
        } else if (got == 0) {
            memcpy(heard + len, "<closed>", 8);
            len += 8;
            break;
        } else {
            usleep(200);
        }
    }
    size_t out = 0;
    for (size_t i = 0; i < len; i++)
        if (heard[i] == '\r') heard[out++] = '|';
        else if (heard[i] != '\n') heard[out++] = heard[i];
    heard[out] = 0;
    return heard;
}

static const char *say_bytes(struct node *n, int fd, const char *text, size_t size)
{
    ck_assert_int_eq(write(fd, text, size), (ssize_t)size);
    return hear(n, fd);
}

static const char *say(struct node *n, int fd, const char *text)
{
    return say_bytes(n, fd, text, strlen(text));
}

#define SAYS(fd, text, reply) ck_assert_str_eq(say(n, fd, text "\r\n"), reply)
#define BEGINS(fd, text, reply) \
    ck_assert_msg(strncmp(say(n, fd, text "\r\n"), reply, strlen(reply)) == 0, "%s", heard)

START_TEST(ping_and_pipelines)
{
    struct node *n = start();
    int a = dial(n);
    SAYS(a, "PING", "+PONG|");
    SAYS(a, "ping hello", "$5|hello|");
    SAYS(a, "\r\n\r\nEcHo x\r\nPING a b",
         "$1|x|-ERR wrong number of arguments for 'ping' command|");
    ck_assert_str_eq(
        say(n, a, "*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n*1\r\n$4\r\nPI"),
        "+PONG|$2|hi|");
    SAYS(a, "NG", "+PONG|");
    char many[200 * 6 + 1];
    for (int i = 0; i < 200; i++) memcpy(many + i * 6, "PING\r\n", 7);
    ck_assert_uint_eq(strlen(say(n, a, many)), 200 * 6);
    ck_assert_uint_eq(n->front->stats.commands, 207);
    stop(n);
    close(a);
}
END_TEST

/* Requests of all forms, cut at random places, give the same replies as whole ones. */
START_TEST(requests_cut_anywhere)
{
    struct rng r;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct node *n = start();
        struct buf ask = { 0 }, want = { 0 };
        rng_seed(&r, seed);
        int a = dial(n);
        for (int i = 0; i < 150; i++) {
            char text[600];
            size_t len = rng_below(&r, 20) ? rng_below(&r, 30) : rng_below(&r, 600);
            rng_hex(&r, text, len);
            uint64_t form = rng_below(&r, 4);
            if (form == 0)
                buf_fmt(&ask, "*2\r\n$4\r\nECHO\r\n$%zu\r\n%.*s\r\n", len, (int)len, text);
            if (form == 1) buf_fmt(&ask, "echo \"%.*s\"\r\n\r\n", (int)len, text);
            if (form == 2) buf_fmt(&ask, "*2\r\n$3\r\nGET\r\n$1\r\nx\r\n");
            if (form == 3) buf_fmt(&ask, "*1\r\n$4\r\nPING\r\n");
            if (form < 2) buf_fmt(&want, "$%zu|%.*s|", len, (int)len, text);
            if (form == 2) buf_putz(&want, "$20|*2|$3|GET|$1|x||");
            if (form == 3) buf_putz(&want, "+PONG|");
        }
        struct buf got = { 0 };
        while (buf_size(&ask)) {
            size_t cut = 1 + rng_below(&r, rng_below(&r, 2) ? 40 : 4000);
            if (cut > buf_size(&ask)) cut = buf_size(&ask);
            ck_assert_int_eq(write(a, buf_head(&ask), cut), (ssize_t)cut);
            buf_consume(&ask, cut);
            if (rng_below(&r, 3) == 0) loop_poll(n->loop);
        }
        buf_putz(&got, hear(n, a));
        ck_assert_msg(slice_eq(buf_slice(&got), buf_slice(&want)), "seed %d: %zu of %zu bytes",
                      (int)seed, buf_size(&got), buf_size(&want));
        buf_free(&ask), buf_free(&want), buf_free(&got);
        stop(n);
        close(a);
    }
}
END_TEST

START_TEST(raw_bytes_and_prefetch)
{
    struct node *n = start();
    int a = dial(n);
    SAYS(a, "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n*2\r\n$3\r\nGET\r\n$1\r\na",
         "$27|*3|$3|SET|$1|a|$1|b||$20|*2|$3|GET|$1|a||");
    ck_assert_int_eq(n->prefetched, 2);
    SAYS(a, "SET a b", "+OK|");
    ck_assert_int_eq(n->prefetched, 2);
    stop(n);
    close(a);
}
END_TEST

START_TEST(gates_refuse)
{
    struct node *n = start();
    int a = dial(n);
    SAYS(a, "foo a 'b c'", "-ERR unknown command 'foo', with args beginning with: 'a' 'b c' |");
    SAYS(a, "GET", "-ERR wrong number of arguments for 'get' command|");
    SAYS(a, "CLIENT", "-ERR wrong number of arguments for 'client' command|");
    SAYS(a, "CLIENT foo", "-ERR unknown subcommand 'foo'. Try CLIENT HELP.|");
    SAYS(a, "COMMAND foo", "-ERR unknown subcommand 'foo'. Try COMMAND HELP.|");
    SAYS(a, "FAIL", "-OOPS it went wrong|");
    ck_assert_uint_eq(n->front->stats.error_replies, 6);
    ck_assert_uint_eq(error_stats_of(n->front->errors, SLICE("ERR")), 5);
    ck_assert_uint_eq(error_stats_of(n->front->errors, SLICE("OOPS")), 1);
    const struct command_entry *e = registry_find(n->front->registry, SLICE("fail"));
    ck_assert_uint_eq(e->stats.calls, 1);
    ck_assert_uint_eq(e->stats.failed, 1);
    e = registry_find(n->front->registry, SLICE("gEt"));
    ck_assert_uint_eq(e->stats.rejected, 1);
    SAYS(a, "*1\r\n$-5\r\n", "-ERR Protocol error: invalid bulk length|<closed>");
    close(a);
    a = dial(n);
    SAYS(a, "POST / HTTP/1.1\r\nPING", "<closed>");
    ck_assert_uint_eq(n->front->clients_n, 0);
    close(a);
    stop(n);
}
END_TEST

START_TEST(blocked_clients_go_on)
{
    struct node *n = start();
    int a = dial(n), b = dial(n);
    ck_assert_str_eq(say(n, a, "PING\r\nBLOCK\r\nPING x\r\nPING y\r\n*1\r\n$4\r\nPI"), "+PONG|");
    SAYS(b, "CLIENT UNBLOCK 77", ":0|");
    SAYS(b, "CLIENT UNBLOCK 1 ERROR", ":1|");
    ck_assert_str_eq(hear(n, a), "-UNBLOCKED client unblocked via CLIENT UNBLOCK|$1|x|$1|y|");
    SAYS(a, "NG", "+PONG|");
    SAYS(a, "BLOCK\r\nPING", "");
    close(a);
    hear(n, b);
    ck_assert_uint_eq(n->front->clients_n, 1);
    stop(n);
    close(b);
}
END_TEST

START_TEST(pause_and_resume)
{
    struct node *n = start();
    int a = dial(n), b = dial(n);
    SAYS(b, "CLIENT PAUSE 60000 WRITE", "+OK|");
    SAYS(a, "GET x\r\nSET a b\r\nGET y", "+OK|");
    SAYS(b, "GET z", "+OK|");
    SAYS(b, "CLIENT UNPAUSE", "+OK|");
    ck_assert_str_eq(hear(n, a), "+OK|+OK|");
    SAYS(b, "CLIENT PAUSE 30", "+OK|");
    SAYS(a, "PING", "");
    usleep(40000);
    ck_assert_str_eq(hear(n, a), "+PONG|");
    ck_assert_int_eq(n->front->pause_until_ms, 0);
    stop(n);
    close(a);
    close(b);
}
END_TEST

START_TEST(reply_modes)
{
    struct node *n = start();
    int a = dial(n);
    SAYS(a, "CLIENT REPLY SKIP\r\nPING 1\r\nPING 2", "$1|2|");
    SAYS(a, "CLIENT REPLY OFF\r\nPING 1\r\nSUBSCRIBE c", "*3|$9|subscribe|$1|c|:1|");
    SAYS(a, "UNSUBSCRIBE\r\nCLIENT REPLY ON\r\nPING 3", "*3|$11|unsubscribe|$1|c|:0|+OK|$1|3|");
    SAYS(a, "QUIT\r\nPING", "+OK|<closed>");
    close(a);
    a = dial(n);
    SAYS(a, "SUICIDE\r\nPING", "<closed>");
    close(a);
    a = dial(n);
    int b = dial(n);
    SAYS(a, "CLIENT KILL ID 999", ":0|");
    SAYS(a, "CLIENT KILL TYPE normal", ":1|");
    ck_assert_str_eq(hear(n, b), "<closed>");
    SAYS(a, "CLIENT KILL TYPE normal SKIPME no\r\nPING", ":1|<closed>");
    close(a);
    close(b);
    stop(n);
}
END_TEST

START_TEST(hello_and_auth)
{
    struct node *n = start();
    int a = dial(n);
    SAYS(a, "HELLO 5", "-NOPROTO unsupported protocol version|");
    SAYS(a, "HELLO x", "-ERR Protocol version is not an integer or out of range|");
    SAYS(a, "HELLO 3 FOO", "-ERR Syntax error in HELLO option 'FOO'|");
    SAYS(a, "HELLO 3 SETNAME me",
         "%7|$6|server|$5|redis|$7|version|$5|7.2.4|$5|proto|:3|$2|id|:1|$4|mode|$10|standalone|$4|"
         "role|$6|master|$7|modules|*0|");
    SAYS(a, "CLIENT GETNAME", "$2|me|");
    SAYS(a, "AUTH x", "-ERR AUTH <password> called without any password configured for the default "
                      "user. Are you sure your configuration is correct?|");
    acl_set_requirepass(n->front->acl, SLICE("secret"));
    SAYS(a, "PING", "+PONG|");
    int b = dial(n);
    SAYS(b, "PING", "-NOAUTH Authentication required.|");
    BEGINS(b, "HELLO 3", "-NOAUTH HELLO must be called");
    SAYS(b, "AUTH wrong", "-WRONGPASS invalid username-password pair or user is disabled.|");
    SAYS(b, "AUTH secret\r\nPING", "+OK|+PONG|");
    SAYS(b, "RESET\r\nPING", "+RESET|-NOAUTH Authentication required.|");
    BEGINS(b, "HELLO 2 AUTH default secret", "*14|$6|server|");
    SAYS(b, "PING", "+PONG|");
    int c = dial(n);
    SAYS(c, "*1\r\n$20000\r\n", "-ERR Protocol error: unauthenticated bulk length|<closed>");
    stop(n);
    close(a), close(b), close(c);
}
END_TEST

START_TEST(publish_and_listen)
{
    struct node *n = start();
    int a = dial(n), b = dial(n), c = dial(n);
    SAYS(a, "SUBSCRIBE x y x",
         "*3|$9|subscribe|$1|x|:1|*3|$9|subscribe|$1|y|:2|*3|$9|subscribe|$1|x|:2|");
    BEGINS(b, "HELLO 3", "%7|");
    SAYS(b, "PSUBSCRIBE ?", ">3|$10|psubscribe|$1|?|:1|");
    SAYS(c, "PUBLISH x hi", ":2|");
    ck_assert_str_eq(hear(n, a), "*3|$7|message|$1|x|$2|hi|");
    ck_assert_str_eq(hear(n, b), ">4|$8|pmessage|$1|?|$1|x|$2|hi|");
    SAYS(a, "GET q", "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / "
                     "QUIT / RESET are allowed in this context|");
    SAYS(a, "PING", "*2|$4|pong|$0||");
    SAYS(b, "GET q", "+OK|");
    SAYS(c, "PUBSUB CHANNELS", "*2|$1|x|$1|y|");
    SAYS(c, "PUBSUB NUMSUB x z", "*4|$1|x|:1|$1|z|:0|");
    SAYS(c, "PUBSUB NUMPAT", ":1|");
    SAYS(a, "UNSUBSCRIBE", "*3|$11|unsubscribe|$1|x|:1|*3|$11|unsubscribe|$1|y|:0|");
    SAYS(a, "UNSUBSCRIBE", "*3|$11|unsubscribe|$-1|:0|");
    SAYS(a, "SSUBSCRIBE s", "*3|$10|ssubscribe|$1|s|:1|");
    ck_assert_int_eq(pubsub_publish_shard(n->front, SLICE("s"), SLICE("m")), 1);
    ck_assert_str_eq(hear(n, a), "*3|$8|smessage|$1|s|$1|m|");
    close(a);
    close(b);
    hear(n, c);
    SAYS(c, "PUBLISH x hi", ":0|");
    ck_assert_uint_eq(pubsub_count(n->front, PUBSUB_CHANNEL), 0);
    ck_assert_uint_eq(pubsub_count(n->front, PUBSUB_PATTERN), 0);
    stop(n);
    close(c);
}
END_TEST

START_TEST(users_and_rules)
{
    struct node *n = start();
    int a = dial(n), b = dial(n);
    SAYS(a, "ACL LIST", "*1|$34|user default on nopass ~* &* +@all|");
    SAYS(a, "ACL SETUSER y on >pw +get ~a* +subscribe &b*", "+OK|");
    SAYS(b, "AUTH y pw\r\nACL WHOAMI",
         "+OK|-NOPERM this user has no permissions to run the 'acl|whoami' command|");
    SAYS(b, "SET a b", "-NOPERM this user has no permissions to run the 'set' command|");
    SAYS(b, "GET b",
         "-NOPERM this user has no permissions to access one of the keys used as arguments|");
    SAYS(b, "SUBSCRIBE c",
         "-NOPERM this user has no permissions to access one of the channels used as arguments|");
    SAYS(b, "GET a", "+OK|");
    SAYS(a, "ACL SETUSER y foo", "-ERR Error in ACL SETUSER modifier 'foo': Syntax error|");
    SAYS(a, "ACL SETUSER y +foo",
         "-ERR Error in ACL SETUSER modifier '+foo': Unknown command or category name in ACL|");
    SAYS(a, "ACL SETUSER y (~a", "-ERR Unmatched parenthesis in acl selector starting at '(~a'.|");
    SAYS(a, "ACL SETUSER z (~a +get) +set on nopass -@all +@read -get +get|x +client -client|id",
         "+OK|");
    SAYS(a, "ACL GETUSER z",
         "*12|$5|flags|*2|$2|on|$6|nopass|$9|passwords|*0|$8|commands|$43|-@all +@read -get +get|x "
         "+client -client|id|$4|"
         "keys|$0||$8|channels|$0||$9|selectors|*1|*6|$8|commands|$10|-@all "
         "+get|$4|keys|$2|~a|$8|channels|$0||");
    SAYS(a, "ACL DRYRUN z get a", "+OK|");
    SAYS(a, "ACL DRYRUN z get b", "$50|This user has no permissions to access the 'b' key|");
    SAYS(a, "ACL DRYRUN z client|id", "-ERR Command 'client|id' not found|");
    SAYS(a, "ACL DRYRUN z client id",
         "$59|This user has no permissions to run the 'client|id' command|");
    SAYS(a, "ACL DRYRUN z client info", "+OK|");
    BEGINS(a, "ACL LOG 1",
           "*1|*20|$5|count|:1|$6|reason|$7|channel|$7|context|$8|toplevel|$6|object|$1|c|");
    SAYS(a, "ACL DELUSER y z nope", ":2|");
    ck_assert_str_eq(hear(n, b), "<closed>");
    SAYS(a, "ACL DELUSER default", "-ERR The 'default' user cannot be removed|");
    SAYS(a, "ACL SETUSER default -ping\r\nPING\r\nECHO x",
         "+OK|-NOPERM this user has no permissions to run the 'ping' command|$1|x|");
    stop(n);
    close(a), close(b);
}
END_TEST

START_TEST(rules_print_and_read_back)
{
    struct node *n = start();
    static const char *const lines[] = {
        "on nopass ~* &* +@all", "off >x %R~a %W~b ~c &d -@all +@read -get",
        "on +@all -config|get (%R~q +get) (allkeys &x -@all +set)",
        "on -@all +get|one +get|two +client|id resetchannels",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct errmsg msg = { "" };
        struct buf first = { 0 }, second = { 0 }, line = { 0 };
        registry_find(n->front->registry, SLICE("config"));
        buf_fmt(&line, "u%zu %s", i, lines[i]);
        if (i == 2) { /* no CONFIG here */
            ck_assert_int_ne(acl_load_line(n->front->acl, buf_slice(&line), &msg), ERR_NONE);
            buf_free(&line);
            continue;
        }
        ck_assert_msg(acl_load_line(n->front->acl, buf_slice(&line), &msg) == ERR_NONE, "%s",
                      msg.text);
        char name[8];
        snprintf(name, sizeof(name), "u%zu", i);
        acl_print_user(acl_find(n->front->acl, slice_z(name)), &first);
        struct slice again = slice_of(buf_head(&first) + 5, buf_size(&first) - 5);
        ck_assert(acl_delete_user(n->front->acl, slice_z(name)));
        ck_assert_msg(acl_load_line(n->front->acl, again, &msg) == ERR_NONE, "%s", msg.text);
        acl_print_user(acl_find(n->front->acl, slice_z(name)), &second);
        ck_assert(slice_eq(buf_slice(&first), buf_slice(&second)));
        buf_free(&first), buf_free(&second), buf_free(&line);
    }
    stop(n);
}
END_TEST

START_TEST(limits_close)
{
    struct node *n = start();
    n->cfg.client_query_buffer_limit = 1000;
    n->cfg.client_output_buffer_limit[FRONT_NORMAL].hard = 5000;
    int a = dial(n);
    char big[3000];
    memset(big, 'x', sizeof(big));
    write(a, "*2\r\n$4\r\nECHO\r\n$9000\r\n", 22);
    ck_assert_str_eq(say_bytes(n, a, big, sizeof(big)), "<closed>");
    ck_assert_uint_eq(n->front->stats.query_limit_kills, 1);
    close(a);
    a = dial(n);
    ck_assert_str_eq(say(n, a, "COMMAND\r\n"), "<closed>");
    ck_assert_uint_eq(n->front->stats.output_limit_kills, 1);
    close(a);
    n->cfg.maxclients = 1;
    a = dial(n);
    int b = dial(n);
    ck_assert_str_eq(hear(n, b), "-ERR max number of clients reached|<closed>");
    n->cfg.timeout = 1;
    usleep(1100000);
    loop_poll(n->loop);
    loop_refresh_now(n->loop);
    front_cron(n->front, loop_now_ms(n->loop));
    ck_assert_str_eq(hear(n, a), "<closed>");
    stop(n);
    close(a), close(b);
}
END_TEST

START_TEST(observation)
{
    struct node *n = start();
    int a = dial(n), m = dial(n);
    n->cfg.slowlog_log_slower_than = 0;
    SAYS(m, "MONITOR", "+OK|");
    SAYS(a, "GET \"a\\x01\"\r\nAUTH u p",
         "+OK|-WRONGPASS invalid username-password pair or user is disabled.|");
    const char *seen = hear(n, m);
    ck_assert_msg(strstr(seen, "] \"GET\" \"a\\x01\"|+") != NULL, "%s", seen);
    ck_assert_msg(strstr(seen, "\"AUTH\" \"(redacted)\" \"(redacted)\"|") != NULL, "%s", seen);
    SAYS(a, "SLOWLOG LEN", ":3|");
    BEGINS(a, "SLOWLOG GET 2", "*2|*6|:3|:");
    SAYS(a, "SLOWLOG RESET", "+OK|");
    BEGINS(a, "LATENCY HISTOGRAM get", "*2|$3|get|*4|$5|calls|:1|$14|histogram_usec|*2|:");
    n->cfg.latency_monitor_threshold = 1;
    latency_add(n->front, "fork", 5);
    latency_add(n->front, "fork", 7);
    BEGINS(a, "LATENCY LATEST", "*1|*4|$4|fork|:");
    SAYS(a, "LATENCY RESET fork", ":1|");
    struct buf out = { 0 };
    stats_print_commands(n->front, &out);
    stats_print_latency(n->front, &out);
    buf_putc(&out, 0);
    ck_assert_ptr_nonnull(strstr(buf_head(&out), "cmdstat_get:calls=1,usec="));
    ck_assert_ptr_nonnull(strstr(buf_head(&out), "latency_percentiles_usec_slowlog|len:p50="));
    buf_free(&out);
    struct histogram *h = histogram_new();
    for (uint64_t v = 0; v < 1000; v++) histogram_record(h, v);
    ck_assert(histogram_percentile(h, 50) >= 499 && histogram_percentile(h, 50) <= 515);
    ck_assert(histogram_at_most(h, 16) == 17 && histogram_at_most(h, 1u << 20) == 1000);
    for (uint64_t v = 1; v < 1u << 21; v = v * 5 / 4 + 1) {
        unsigned cell = histogram_cell(v);
        ck_assert_uint_lt(cell, HISTOGRAM_CELLS);
    }
    histogram_delete(h);
    stop(n);
    close(a), close(m);
}
END_TEST

static void usage_is(const char *line, const char *want)
{
    const char *at;
    struct syntax_arg *root = syntax_read(line, 1, &at);
    ck_assert_msg(root != NULL, "%s: %s", line, at);
    struct buf out = { 0 };
    syntax_usage(root, &out);
    buf_putc(&out, 0);
    ck_assert_str_eq(buf_head(&out), want);
    buf_free(&out);
    syntax_free(root);
}

START_TEST(syntax_lines)
{
    usage_is("key:key value:string [NX|XX] [EX seconds:integer|KEEPTTL]",
             "key value [NX|XX] [EX seconds|KEEPTTL]");
    usage_is("(key:key value:string)...", "key value [key value ...]");
    usage_is("[PREFIX prefix:string]... [LIMIT (offset:integer count:integer)]",
             "[PREFIX prefix [PREFIX prefix ...]] [LIMIT offset count]");
    usage_is("args=(host-port=(host:string port:integer)|no-one=(NO ONE))", "host port|NO ONE");
    usage_is("operator=[=|~] threshold:string", "[=|~] threshold");
    usage_is("", "");
    static const char *const bad[] = { "key:kay", "[", "(a:string", "a:string)", "a:string ...]" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(syntax_read(bad[i], 1, NULL) == NULL, "%s", bad[i]);
}
END_TEST

START_TEST(rows_are_whole)
{
    struct node *n = start();
    struct registry *r = n->front->registry;
    for (int id = 0; id < registry_ids(r); id++) {
        const struct command_entry *e = registry_by_id(r, id);
        const char *at = "";
        struct syntax_arg *root = syntax_read(e->row->syntax ? e->row->syntax : "", 1, &at);
        ck_assert_msg(root != NULL, "%s: syntax at '%s'", e->fullname, at);
        syntax_free(root);
        ck_assert_msg(e->row->run || e->subs, "%s has no function", e->fullname);
        ck_assert_ptr_eq(registry_find_name(r, slice_z(e->fullname)), e);
    }
    int a = dial(n);
    SAYS(a, "COMMAND GETKEYS set a b", "*1|$1|a|");
    SAYS(a, "COMMAND GETKEYSANDFLAGS get a", "*1|*2|$1|a|*2|+RO|+access|");
    SAYS(a, "COMMAND GETKEYS subscribe a", "-ERR The command has no key arguments|");
    SAYS(a, "COMMAND INFO nope get",
         "*2|$-1|*10|$3|get|:2|*2|+readonly|+fast|:1|:1|:1|*3|+@read|+@string|+@fast|*0|*1|*6|$5|"
         "flags|*2|+RO|+access|$12|begin_search|*4|$4|type|$5|index|$4|spec|*2|$5|index|:1|$9|find_"
         "keys|*4|$4|type|$5|range|$4|spec|*6|$7|lastkey|:0|$7|keystep|:1|$5|limit|:0|*0|");
    ck_assert(registry_rename(r, SLICE("GET"), SLICE("fetch")));
    SAYS(a, "FETCH a", "+OK|");
    BEGINS(a, "GET a", "-ERR unknown command");
    ck_assert(registry_rename(r, SLICE("fetch"), SLICE("")));
    BEGINS(a, "fetch a", "-ERR unknown command");
    stop(n);
    close(a);
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(ping_and_pipelines),
    UNIT(requests_cut_anywhere),
    UNIT(raw_bytes_and_prefetch),
    UNIT(gates_refuse),
    UNIT(blocked_clients_go_on),
    UNIT(pause_and_resume),
    UNIT(reply_modes),
    UNIT(hello_and_auth),
    UNIT(publish_and_listen),
    UNIT(users_and_rules),
    UNIT(rules_print_and_read_back),
    UNIT(limits_close),
    UNIT(observation),
    UNIT(syntax_lines),
    UNIT(rows_are_whole),
};
UNIT_MAIN("front", cases)
