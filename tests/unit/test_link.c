#include "core/base/buf.h"
#include "core/base/rand.h"
#include "replication/link.h"
#include "tests/unit/check_main.h"

#define ID "aaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbb"
#define ID2 "ccccccccccccccccccccdddddddddddddddddddd"
#define MARK "0123456789abcdefghij0123456789abcdefghij"

/* A driver as small as can be: performs actions into buffers that the tests look at. */
struct rig {
    struct link l;
    struct buf in, wrote, snapshot, applied, feed, log;
    int connects, closes, begun, ended, aborted, adopted;
    bool auto_load, refuse;
    char adopted_id[REPLID_LEN + 1];
    int64_t adopted_offset, now;
    bool adopted_full;
};

static void rig_step(struct rig *r, struct link_event e);

static void perform_apply(struct rig *r, struct slice bytes)
{
    struct link_command c;
    bool ok = true;
    while (ok && link_next(&r->l, bytes, &c)) {
        for (int i = 0; i < c.argc; i++) buf_fmt(&r->applied, "%.*s ", SLICE_ARG(c.argv[i]));
        buf_putc(&r->applied, ';');
        ok = !r->refuse;
    }
    buf_put(&r->feed, bytes.p, r->l.done);
    rig_step(r, (struct link_event){ .kind = LINK_APPLIED, .ok = ok });
}

static void perform(struct rig *r, const struct link_action *a, bool *load)
{
    switch (a->kind) {
    case LINK_CONNECT: r->connects++; break;
    case LINK_CLOSE:
        r->closes++;
        buf_clear(&r->in);
        break;
    case LINK_WRITE: buf_puts(&r->wrote, a->bytes); break;
    case LINK_SNAPSHOT_BEGIN:
        r->begun++;
        buf_clear(&r->snapshot);
        break;
    case LINK_SNAPSHOT_PART: buf_puts(&r->snapshot, a->bytes); break;
    case LINK_SNAPSHOT_END:
        r->ended++;
        *load = r->auto_load;
        break;
    case LINK_SNAPSHOT_ABORT: r->aborted++; break;
    case LINK_ADOPT_HISTORY:
        r->adopted++;
        r->adopted_full = a->full;
        r->adopted_offset = a->offset;
        text_copy(r->adopted_id, sizeof(r->adopted_id), a->replid);
        break;
    case LINK_APPLY: perform_apply(r, a->bytes); break;
    case LINK_NOTE: buf_fmt(&r->log, "%.*s\n", SLICE_ARG(a->bytes)); break;
    }
}

static void rig_step(struct rig *r, struct link_event e)
{
    struct link_actions out = { 0 };
    bool load = false;
    e.now_ms = r->now;
    link_step(&r->l, &e, &out);
    for (size_t i = 0; i < out.list.n; i++) perform(r, &out.list.at[i], &load);
    link_actions_free(&out);
    if (e.kind == LINK_BYTES && buf_size(&r->in) >= r->l.taken) buf_consume(&r->in, r->l.taken);
    if (load) rig_step(r, (struct link_event){ .kind = LINK_LOADED, .ok = true });
}

static void rig_bytes(struct rig *r, const char *p, size_t n)
{
    buf_put(&r->in, p, n);
    size_t before;
    do {
        before = buf_size(&r->in);
        rig_step(r, (struct link_event){ .kind = LINK_BYTES, .bytes = buf_slice(&r->in) });
    } while (buf_size(&r->in) > 0 && buf_size(&r->in) < before);
}

static void rig_text(struct rig *r, const char *z) { rig_bytes(r, z, strlen(z)); }

static struct rig *rig_new(const struct link_settings *s)
{
    static const struct link_settings plain = { .timeout_ms = 60000, .listening_port = 7000 };
    struct rig *r = mem_zalloc(sizeof(*r));
    r->now = 1000000;
    r->auto_load = true;
    link_init(&r->l, s ? s : &plain, 5);
    return r;
}

static void rig_delete(struct rig *r)
{
    link_free(&r->l);
    struct buf *all[] = { &r->in, &r->wrote, &r->snapshot, &r->applied, &r->feed, &r->log };
    for (size_t i = 0; i < 6; i++) buf_free(all[i]);
    mem_free(r);
}

static void follow(struct rig *r, const char *id, int64_t offset)
{
    rig_step(r, (struct link_event){
                    .kind = LINK_FOLLOW, .host = "h", .port = 1, .replid = id, .offset = offset });
    rig_step(r, (struct link_event){ .kind = LINK_UP });
}

static bool has(struct buf *b, const char *z)
{
    return memmem(buf_head(b), buf_size(b), z, strlen(z)) != NULL;
}

#define CMD_SET "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n"
#define CMD_MULTI "*1\r\n$5\r\nMULTI\r\n"
#define CMD_EXEC "*1\r\n$4\r\nEXEC\r\n"
#define CMD_GETACK "*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n"
#define HANDSHAKE "+PONG\r\n+OK\r\n+OK\r\n"
#define STREAM CMD_SET "\n" CMD_MULTI CMD_SET CMD_SET CMD_EXEC CMD_GETACK CMD_SET
#define STREAM_BARE CMD_SET CMD_MULTI CMD_SET CMD_SET CMD_EXEC CMD_GETACK CMD_SET
#define APPLIED "SET k v ;MULTI ;SET k v ;SET k v ;EXEC ;SET k v ;"

static void expect_full(struct rig *r, const char *name, size_t split)
{
    ck_assert_msg(r->l.state == LINK_STREAM, "%s split at %zu: state %d", name, split, r->l.state);
    ck_assert_msg(slice_eqz(buf_slice(&r->snapshot), "REDIS-data"), "%s split at %zu: %.*s", name,
                  split, SLICE_ARG(buf_slice(&r->snapshot)));
    ck_assert_msg(slice_eqz(buf_slice(&r->applied), APPLIED), "%s split at %zu: %.*s", name, split,
                  SLICE_ARG(buf_slice(&r->applied)));
    ck_assert_msg(slice_eqz(buf_slice(&r->feed), STREAM_BARE), "%s split at %zu", name, split);
    ck_assert_int_eq(r->l.offset, 100 + (int64_t)strlen(STREAM_BARE));
    ck_assert_uint_eq(buf_size(&r->in), 0);
    ck_assert_int_eq(r->adopted, 1);
    ck_assert(r->adopted_full && r->adopted_offset == 100 && !strcmp(r->adopted_id, ID));
    /* after the load at once, then the answer to GETACK: the offset before it */
    char ack[64];
    snprintf(ack, sizeof(ack), "ACK\r\n$3\r\n%d\r\n",
             (int)(100 + strlen(CMD_SET CMD_MULTI CMD_SET CMD_SET CMD_EXEC)));
    ck_assert(has(&r->wrote, "*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$3\r\n100\r\n"));
    ck_assert_msg(has(&r->wrote, ack), "%s split at %zu", name, split);
}

START_TEST(full_sync_at_every_split)
{
    static const struct {
        const char *name, *text;
    } scripts[] = {
        { "length", HANDSHAKE "\n\n+FULLRESYNC " ID " 100\r\n\n$10\r\nREDIS-data" STREAM },
        { "mark",
          HANDSHAKE "\n+FULLRESYNC " ID " 100\r\n\n\n$EOF:" MARK "\r\nREDIS-data" MARK STREAM },
    };
    for (size_t s = 0; s < 2; s++) {
        size_t n = strlen(scripts[s].text);
        for (size_t split = 0; split <= n; split++) {
            struct rig *r = rig_new(NULL);
            follow(r, "", 0);
            rig_bytes(r, scripts[s].text, split);
            rig_bytes(r, scripts[s].text + split, n - split);
            expect_full(r, scripts[s].name, split);
            rig_delete(r);
        }
        struct rng g;
        rng_seed(&g, 9);
        for (int run = 0; run < 100; run++) {
            struct rig *r = rig_new(NULL);
            follow(r, "", 0);
            for (size_t at = 0; at < n;) {
                size_t k = run == 0 ? 1 : 1 + rng_below(&g, 20);
                if (k > n - at) k = n - at;
                rig_bytes(r, scripts[s].text + at, k);
                at += k;
            }
            expect_full(r, scripts[s].name, 10000 + (size_t)run);
            rig_delete(r);
        }
    }
}
END_TEST

START_TEST(handshake_says_what_is_configured)
{
    struct link_settings s = { .timeout_ms = 1000,
                               .user = "u",
                               .password = SLICE("pw"),
                               .listening_port = 7000,
                               .announce_ip = "10.0.0.9" };
    struct rig *r = rig_new(&s);
    follow(r, ID, 41);
    ck_assert(slice_eqz(buf_slice(&r->wrote), "*1\r\n$4\r\nPING\r\n"));
    buf_clear(&r->wrote);
    rig_text(r, "-NOAUTH Authentication required.\r\n");
    ck_assert(slice_eqz(
        buf_slice(&r->wrote),
        "*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$2\r\npw\r\n"
        "*3\r\n$8\r\nREPLCONF\r\n$14\r\nlistening-port\r\n$4\r\n7000\r\n"
        "*3\r\n$8\r\nREPLCONF\r\n$10\r\nip-address\r\n$8\r\n10.0.0.9\r\n"
        "*5\r\n$8\r\nREPLCONF\r\n$4\r\ncapa\r\n$3\r\neof\r\n$4\r\ncapa\r\n$6\r\npsync2\r\n"));
    buf_clear(&r->wrote);
    rig_text(r, "+OK\r\n+OK\r\n+OK\r\n");
    ck_assert_uint_eq(buf_size(&r->wrote), 0);
    rig_text(r, "-ERR unknown option\r\n"); /* not critical */
    ck_assert(
        slice_eqz(buf_slice(&r->wrote), "*3\r\n$5\r\nPSYNC\r\n$40\r\n" ID "\r\n$2\r\n42\r\n"));
    buf_clear(&r->wrote);
    rig_text(r, "+CONTINUE " ID2 "\r\n");
    ck_assert_int_eq(r->l.state, LINK_STREAM);
    ck_assert(!r->adopted_full && r->adopted_offset == 41 && !strcmp(r->adopted_id, ID2));
    ck_assert_str_eq(r->l.replid, ID2);
    ck_assert(has(&r->log, "Master replication ID changed to " ID2));
    rig_delete(r);
}
END_TEST

START_TEST(answers_that_end_an_attempt)
{
    static const char *const rows[] = {
        "-LOADING Redis is loading the dataset in memory\r\n",
        "-MASTERDOWN x\r\n",
        HANDSHAKE "-NOMASTERLINK Can't SYNC while not connected with my master\r\n",
        HANDSHAKE "-LOADING x\r\n",
        HANDSHAKE "-NOAUTH Authentication required.\r\n",
        HANDSHAKE "+FULLRESYNC " ID " 100\r\n-BGSAVE failed, replication can't continue\r\n",
        HANDSHAKE "+FULLRESYNC " ID " 100\r\nHTTP/1.1 400 Bad Request\r\n",
        HANDSHAKE "+CONTINUE\r\n", /* nothing was asked for */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig *r = rig_new(NULL);
        follow(r, "", 0);
        rig_text(r, rows[i]);
        ck_assert_msg(r->l.state == LINK_WAIT, "row %zu", i);
        ck_assert_int_eq(r->closes, 1);
        ck_assert(r->l.last_error[0] != '\0');
        int64_t delay = link_deadline(&r->l) - r->now;
        ck_assert_int_ge(delay, LINK_RETRY_MIN_MS * 3 / 4);
        ck_assert_int_le(delay, LINK_RETRY_MIN_MS * 5 / 4);
        rig_delete(r);
    }
}
END_TEST

START_TEST(auth_error_ends_the_attempt)
{
    struct link_settings s = {
        .timeout_ms = 1000, .password = SLICE("pw"), .listening_port = 7000
    };
    struct rig *r = rig_new(&s);
    follow(r, "", 0);
    rig_text(r, "-NOAUTH x\r\n-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    ck_assert_int_eq(r->l.state, LINK_WAIT);
    ck_assert(has(&r->log, "Unable to AUTH to MASTER: -WRONGPASS"));
    rig_delete(r);
}
END_TEST

START_TEST(old_masters_are_asked_by_sync)
{
    struct rig *r = rig_new(NULL);
    follow(r, ID, 7);
    rig_text(r, "+PONG\r\n-ERR unknown command\r\n-ERR unknown command\r\n");
    buf_clear(&r->wrote);
    rig_text(r, "-ERR unknown command 'PSYNC'\r\n");
    ck_assert(slice_eqz(buf_slice(&r->wrote), "SYNC\r\n"));
    buf_clear(&r->wrote);
    rig_text(r, "\n$3\r\nabc" CMD_SET);
    ck_assert_int_eq(r->l.state, LINK_STREAM);
    ck_assert_str_eq(r->l.replid, "");
    ck_assert_uint_eq(buf_size(&r->wrote), 0); /* never an ACK */
    r->now += 5000;
    rig_step(r, (struct link_event){ .kind = LINK_TICK });
    ck_assert_uint_eq(buf_size(&r->wrote), 0);
    rig_delete(r);
}
END_TEST

static struct rig *streaming(void)
{
    struct rig *r = rig_new(NULL);
    follow(r, ID, 100);
    rig_text(r, HANDSHAKE "+CONTINUE\r\n");
    ck_assert_int_eq(r->l.state, LINK_STREAM);
    return r;
}

START_TEST(a_cut_inside_multi_goes_back_to_it)
{
    struct rig *r = streaming();
    rig_text(r, CMD_SET CMD_MULTI CMD_SET);
    int64_t at = 100 + (int64_t)strlen(CMD_SET);
    ck_assert_int_eq(r->l.offset, at);
    ck_assert_int_eq(link_read_offset(&r->l), 100 + (int64_t)strlen(CMD_SET CMD_MULTI CMD_SET));
    ck_assert(slice_eqz(buf_slice(&r->feed), CMD_SET));
    r->now += 5000;
    rig_step(r, (struct link_event){ .kind = LINK_DOWN, .text = "reset" });
    ck_assert_int_eq(r->l.state, LINK_CONNECTING); /* at once */
    buf_clear(&r->in);
    buf_clear(&r->wrote);
    rig_step(r, (struct link_event){ .kind = LINK_UP });
    rig_text(r, HANDSHAKE);
    char want[64];
    snprintf(want, sizeof(want), ID "\r\n$3\r\n%lld\r\n", (long long)at + 1);
    ck_assert(has(&r->wrote, want));
    rig_text(r, "+CONTINUE\r\n" CMD_MULTI CMD_SET CMD_EXEC);
    ck_assert_int_eq(r->l.offset, at + (int64_t)strlen(CMD_MULTI CMD_SET CMD_EXEC));
    rig_delete(r);
}
END_TEST

START_TEST(faults_of_the_stream_forget_the_position)
{
    static const char *const rows[] = { "PING\r\n", "*1\r\nxxx\r\n", CMD_MULTI "\n",
                                        "*1\r\n$-5\r\n" };
    for (size_t i = 0; i < 4; i++) {
        struct rig *r = streaming();
        rig_text(r, rows[i]);
        ck_assert_msg(r->l.state == LINK_WAIT && r->l.replid[0] == '\0', "row %zu", i);
        rig_delete(r);
    }
    struct rig *r = streaming();
    r->refuse = true;
    rig_text(r, CMD_SET);
    ck_assert(r->l.state == LINK_WAIT && r->l.replid[0] == '\0');
    rig_delete(r);
}
END_TEST

START_TEST(acks_each_second_and_timeouts)
{
    struct rig *r = streaming();
    buf_clear(&r->wrote);
    for (int i = 0; i < 10; i++) {
        r->now = link_deadline(&r->l);
        rig_step(r, (struct link_event){ .kind = LINK_TICK });
        ck_assert(
            slice_eqz(buf_slice(&r->wrote), "*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$3\r\n100\r\n"));
        buf_clear(&r->wrote);
    }
    r->now += 60000;
    rig_step(r, (struct link_event){ .kind = LINK_TICK });
    ck_assert_int_eq(r->l.state, LINK_CONNECTING);
    ck_assert(has(&r->log, "MASTER timeout: no data nor PING received..."));
    r->now += 60001;
    rig_step(r, (struct link_event){ .kind = LINK_TICK });
    ck_assert_int_eq(r->l.state, LINK_WAIT);
    ck_assert_int_eq(r->closes, 2);
    rig_delete(r);
}
END_TEST

START_TEST(retries_spread_and_slow_down)
{
    struct rig *r = rig_new(NULL);
    rig_step(r, (struct link_event){ .kind = LINK_FOLLOW, .host = "h", .port = 1 });
    int64_t last = 0;
    for (int i = 0; i < 8; i++) {
        rig_step(r, (struct link_event){ .kind = LINK_DOWN, .text = "refused" });
        last = link_deadline(&r->l) - r->now;
        ck_assert_int_ge(last, LINK_RETRY_MIN_MS * 3 / 4);
        ck_assert_int_le(last, LINK_RETRY_MAX_MS * 5 / 4);
        r->now += last;
        rig_step(r, (struct link_event){ .kind = LINK_TICK });
    }
    ck_assert_int_ge(last, LINK_RETRY_MAX_MS * 3 / 4);
    ck_assert_int_eq(r->connects, 9);
    ck_assert_int_eq(r->closes, 0);
    rig_delete(r);
}
END_TEST

START_TEST(a_link_lost_at_once_does_not_spin)
{
    struct rig *r = streaming();
    rig_step(r, (struct link_event){ .kind = LINK_DOWN, .text = "closed" });
    ck_assert_int_eq(r->l.state, LINK_WAIT);
    rig_delete(r);
}
END_TEST

START_TEST(loading)
{
    struct rig *r = rig_new(NULL);
    r->auto_load = false;
    follow(r, ID, 50);
    rig_text(r, HANDSHAKE "+FULLRESYNC " ID2 " 100\r\n$3\r\nabc" CMD_SET);
    ck_assert_int_eq(r->l.state, LINK_LOADING);
    ck_assert_uint_eq(buf_size(&r->in), strlen(CMD_SET)); /* not taken meanwhile */
    buf_clear(&r->wrote);
    r->now += 1000;
    rig_step(r, (struct link_event){ .kind = LINK_TICK });
    ck_assert(slice_eqz(buf_slice(&r->wrote), "\n"));
    /* the connection may end: the load goes on, and counts */
    rig_step(r, (struct link_event){ .kind = LINK_DOWN, .text = "reset" });
    buf_clear(&r->in);
    ck_assert_int_eq(r->l.state, LINK_LOADING);
    rig_step(r, (struct link_event){ .kind = LINK_LOADED, .ok = true });
    ck_assert_int_eq(r->l.state, LINK_CONNECTING);
    ck_assert_str_eq(r->l.replid, ID2);
    ck_assert_int_eq(r->l.offset, 100);
    ck_assert_int_eq(r->adopted, 1);
    rig_delete(r);

    r = rig_new(NULL);
    r->auto_load = false;
    follow(r, ID, 50);
    rig_text(r, HANDSHAKE "+FULLRESYNC " ID2 " 100\r\n$3\r\nabc");
    rig_step(r, (struct link_event){ .kind = LINK_LOADED, .ok = false, .text = "bad" });
    ck_assert_int_eq(r->l.state, LINK_WAIT);
    ck_assert_str_eq(r->l.replid, "");
    ck_assert_int_eq(r->closes, 1);
    ck_assert_int_eq(r->aborted, 0);
    rig_delete(r);
}
END_TEST

START_TEST(a_cut_transfer_keeps_the_old_position)
{
    struct rig *r = rig_new(NULL);
    follow(r, ID, 50);
    rig_text(r, HANDSHAKE "+FULLRESYNC " ID2 " 100\r\n$30\r\nabc");
    ck_assert_int_eq(r->begun, 1);
    rig_step(r, (struct link_event){ .kind = LINK_DOWN, .text = "reset" });
    ck_assert_int_eq(r->aborted, 1);
    ck_assert_str_eq(r->l.replid, ID);
    ck_assert_int_eq(r->l.offset, 50);
    rig_delete(r);
}
END_TEST

START_TEST(following_another_keeps_the_position)
{
    struct rig *r = streaming();
    rig_text(r, CMD_SET);
    int64_t offset = r->l.offset;
    rig_step(r, (struct link_event){
                    .kind = LINK_FOLLOW, .host = "other", .port = 2, .replid = "x", .offset = 1 });
    ck_assert_int_eq(r->closes, 1);
    ck_assert_str_eq(r->l.host, "other");
    ck_assert_str_eq(r->l.replid, ID);
    ck_assert_int_eq(r->l.offset, offset);
    rig_step(r, (struct link_event){ .kind = LINK_DETACH });
    ck_assert_int_eq(r->closes, 2);
    ck_assert_int_eq(r->l.state, LINK_NONE);
    ck_assert_int_eq(link_deadline(&r->l), INT64_MAX);
    rig_delete(r);
}
END_TEST

START_TEST(any_bytes_do_no_harm)
{
    struct rng g;
    rng_seed(&g, 77);
    static const char *const pieces[] = {
        "+",    "-",    "$",       "*",     "\r\n",    "\n",       "1",
        "3",    "EOF:", MARK,      ID,      "PING",    "CONTINUE", "FULLRESYNC ",
        " 100", "OK",   HANDSHAKE, CMD_SET, CMD_MULTI, CMD_EXEC,   "$3\r\nabc"
    };
    for (int run = 0; run < 2000; run++) {
        struct rig *r = rig_new(NULL);
        follow(r, run % 2 ? ID : "", 10);
        for (int i = 0; i < 40 && r->l.connected; i++)
            rig_text(r, pieces[rng_below(&g, sizeof(pieces) / sizeof(pieces[0]))]);
        ck_assert_int_eq(r->closes, r->l.connected ? 0 : 1);
        rig_delete(r);
    }
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(full_sync_at_every_split),
    UNIT(handshake_says_what_is_configured),
    UNIT(answers_that_end_an_attempt),
    UNIT(auth_error_ends_the_attempt),
    UNIT(old_masters_are_asked_by_sync),
    UNIT(a_cut_inside_multi_goes_back_to_it),
    UNIT(faults_of_the_stream_forget_the_position),
    UNIT(acks_each_second_and_timeouts),
    UNIT(retries_spread_and_slow_down),
    UNIT(a_link_lost_at_once_does_not_spin),
    UNIT(loading),
    UNIT(a_cut_transfer_keeps_the_old_position),
    UNIT(following_another_keeps_the_position),
    UNIT(any_bytes_do_no_harm),
};
UNIT_MAIN("link", cases)
