#include "core/base/buf.h"
#include "core/resp/read.h"
#include "replication/batch.h"
#include "tests/unit/check_main.h"

#define ID "aaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbb"
#define ID2 "ccccccccccccccccccccdddddddddddddddddddd"
#define MARK "0123456789abcdefghij0123456789abcdefghij"

/* One peer of a master whose stream is ID2 up to 99, ID from 100 on; of it 51..200 is held. */
struct rig {
    struct peer p;
    struct peer_settings s;
    struct history h;
    struct peer_world w;
    struct buf wrote, log;
    int64_t attached, now;
    int wants, onlines, flows, drops;
    bool soft;
    char error[PEER_ERROR_MAX];
};

static void perform(struct rig *r, struct peer_actions *out)
{
    for (size_t i = 0; i < out->list.n; i++) {
        const struct peer_action *a = &out->list.at[i];
        switch (a->kind) {
        case PEER_WRITE: buf_puts(&r->wrote, a->bytes); break;
        case PEER_WANT_SNAPSHOT: r->wants++; break;
        case PEER_ATTACH_CURSOR: r->attached = a->offset; break;
        case PEER_FLOWS: r->flows++; break;
        case PEER_GOES_ONLINE: r->onlines++; break;
        case PEER_DROP:
            r->drops++;
            r->soft = a->soft;
            break;
        case PEER_NOTE: buf_fmt(&r->log, "%.*s\n", SLICE_ARG(a->bytes)); break;
        }
    }
    peer_actions_free(out);
}

static void step(struct rig *r, struct peer_event e)
{
    struct peer_actions out = { 0 };
    e.now_ms = r->now;
    e.world = &r->w;
    peer_step(&r->p, &r->s, &e, &out);
    perform(r, &out);
}

static enum peer_answer conf(struct rig *r, const char *line)
{
    int argc;
    struct slice *argv = resp_split_line(slice_z(line), &argc);
    struct peer_actions out = { 0 };
    enum peer_answer a = peer_replconf(&r->p, &r->s, argc, argv, r->now, &out, r->error);
    mem_free(argv);
    perform(r, &out);
    return a;
}

static struct rig *rig_new(void)
{
    struct rig *r = mem_zalloc(sizeof(*r));
    r->now = 50000;
    r->s = (struct peer_settings){
        .timeout_ms = 60000, .hard_bytes = 1000, .soft_bytes = 500, .soft_ms = 10000
    };
    history_init(&r->h, ID2);
    history_promote(&r->h, 0, ID, 99);
    r->w = (struct peer_world){ .history = &r->h, .window = { true, 51, 200 }, .serving = true };
    peer_init(&r->p, "10.0.0.1:4444", r->now);
    return r;
}

static void rig_delete(struct rig *r)
{
    buf_free(&r->wrote);
    buf_free(&r->log);
    mem_free(r);
}

static bool wrote(struct rig *r, const char *z)
{
    bool same = slice_eqz(buf_slice(&r->wrote), z);
    if (!same) fprintf(stderr, "wrote: %.*s\n", SLICE_ARG(buf_slice(&r->wrote)));
    buf_clear(&r->wrote);
    return same;
}

static void psync(struct rig *r, const char *id, int64_t want)
{
    step(r, (struct peer_event){ .kind = PEER_PSYNC, .replid = slice_z(id), .offset = want });
}

START_TEST(partial)
{
    struct rig *r = rig_new();
    conf(r, "REPLCONF capa psync2");
    psync(r, ID, 60);
    ck_assert(wrote(r, "+CONTINUE " ID "\r\n"));
    ck_assert(r->attached == 60 && r->onlines == 1 && r->wants == 0);
    ck_assert(peer_online(&r->p));
    psync(r, ID, 60); /* a replica already */
    ck_assert_uint_eq(buf_size(&r->wrote), 0);
    rig_delete(r);
    r = rig_new();
    psync(r, ID2, 100);
    ck_assert(wrote(r, "+CONTINUE\r\n"));
    rig_delete(r);
}
END_TEST

START_TEST(full_by_file)
{
    struct rig *r = rig_new();
    psync(r, ID2, 101);
    ck_assert(r->wants == 1 && buf_size(&r->wrote) == 0);
    ck_assert(memmem(buf_head(&r->log), buf_size(&r->log), "but I can reply up to 100", 25));
    for (int i = 0; i < 3; i++) {
        r->now += 1000;
        step(r, (struct peer_event){ .kind = PEER_TICK });
    }
    ck_assert(wrote(r, "\n\n\n"));
    step(r,
         (struct peer_event){ .kind = PEER_SNAPSHOT_STARTED, .replid = SLICE(ID), .offset = 210 });
    ck_assert(wrote(r, "+FULLRESYNC " ID " 210\r\n"));
    ck_assert_int_eq(r->attached, 211);
    r->now += 1000;
    step(r, (struct peer_event){ .kind = PEER_TICK });
    ck_assert(wrote(r, "\n"));
    ck_assert_str_eq(peer_state_name(&r->p), "wait_bgsave");
    step(r, (struct peer_event){ .kind = PEER_SNAPSHOT_READY, .size = 1234 });
    ck_assert(wrote(r, "$1234\r\n"));
    ck_assert_str_eq(peer_state_name(&r->p), "send_bulk");
    ck_assert_int_eq(r->onlines, 0);
    step(r, (struct peer_event){ .kind = PEER_SENT_ALL });
    ck_assert_int_eq(r->onlines, 1);
    rig_delete(r);
}
END_TEST

START_TEST(full_by_pipe_waits_for_the_first_ack)
{
    struct rig *r = rig_new();
    conf(r, "REPLCONF capa eof capa psync2 capa lz4");
    psync(r, "?", -1);
    step(r, (struct peer_event){ .kind = PEER_SNAPSHOT_STARTED,
                                 .replid = SLICE(ID),
                                 .offset = 210,
                                 .pipe = true,
                                 .mark = SLICE(MARK) });
    ck_assert(wrote(r, "+FULLRESYNC " ID " 210\r\n$EOF:" MARK "\r\n"));
    step(r, (struct peer_event){ .kind = PEER_SENT_ALL });
    ck_assert(r->onlines == 0 && !peer_online(&r->p));
    r->now += 59000;
    step(r, (struct peer_event){ .kind = PEER_HEARD }); /* it loads, and says so */
    r->now += 59000;
    step(r, (struct peer_event){ .kind = PEER_TICK });
    ck_assert_int_eq(r->drops, 0);
    ck_assert_int_eq(conf(r, "REPLCONF ACK 210 FACK 5"), PEER_SILENT);
    ck_assert(r->onlines == 1 && peer_online(&r->p) && r->p.acked == 210);
    rig_delete(r);
}
END_TEST

START_TEST(refusals)
{
    struct rig *r = rig_new();
    r->w.serving = false;
    psync(r, ID, 60);
    ck_assert(wrote(r, "-NOMASTERLINK Can't SYNC while not connected with my master\r\n"));
    ck_assert(!peer_is_replica(&r->p));
    r->w.failing_over = true;
    psync(r, ID, 60);
    ck_assert(wrote(r, "-NOMASTERLINK Can't SYNC while failing over\r\n"));
    r->w.failing_over = false;
    r->w.serving = true;
    conf(r, "REPLCONF rdb-filter-only \"\"");
    psync(r, ID, 60);
    ck_assert(wrote(r, "-ERR Filtered replica requires EOF capability\r\n"));
    rig_delete(r);
}
END_TEST

START_TEST(rdb_only_is_closed_after_the_snapshot)
{
    struct rig *r = rig_new();
    conf(r, "REPLCONF rdb-only 1");
    step(r, (struct peer_event){ .kind = PEER_PSYNC, .legacy = true });
    step(r,
         (struct peer_event){ .kind = PEER_SNAPSHOT_STARTED, .replid = SLICE(ID), .offset = 210 });
    ck_assert_int_eq(r->attached, 0);
    step(r, (struct peer_event){ .kind = PEER_SNAPSHOT_READY, .size = 5 });
    ck_assert(wrote(r, "$5\r\n")); /* SYNC has no answer line */
    step(r, (struct peer_event){ .kind = PEER_SENT_ALL });
    ck_assert(r->drops == 1 && r->soft);
    rig_delete(r);
}
END_TEST

START_TEST(failed_snapshot)
{
    struct rig *r = rig_new();
    psync(r, "?", -1);
    step(r, (struct peer_event){ .kind = PEER_SNAPSHOT_FAILED });
    ck_assert_int_eq(r->drops, 0); /* not begun for it: the next one may do */
    step(r,
         (struct peer_event){ .kind = PEER_SNAPSHOT_STARTED, .replid = SLICE(ID), .offset = 210 });
    buf_clear(&r->wrote);
    step(r, (struct peer_event){ .kind = PEER_SNAPSHOT_FAILED });
    ck_assert(wrote(r, "-BGSAVE failed, replication can't continue\r\n"));
    ck_assert(r->drops == 1 && r->soft);
    rig_delete(r);
}
END_TEST

START_TEST(timeouts_and_limits)
{
    struct rig *r = rig_new();
    psync(r, ID, 60);
    r->now += 60000;
    step(r, (struct peer_event){ .kind = PEER_TICK });
    ck_assert_int_eq(r->drops, 0);
    r->now += 1;
    step(r, (struct peer_event){ .kind = PEER_TICK });
    ck_assert_int_eq(r->drops, 1);
    ck_assert(memmem(buf_head(&r->log), buf_size(&r->log),
                     "Disconnecting timedout replica (streaming sync): 10.0.0.1:4444", 62));
    rig_delete(r);

    r = rig_new();
    psync(r, ID, 60);
    step(r, (struct peer_event){ .kind = PEER_TICK, .lag = 600 });
    r->now += 9000;
    step(r, (struct peer_event){ .kind = PEER_TICK, .lag = 400 });
    r->now += 9000;
    step(r, (struct peer_event){ .kind = PEER_TICK, .lag = 600 });
    ck_assert_int_eq(r->drops, 0);
    r->now += 10001;
    step(r, (struct peer_event){ .kind = PEER_TICK, .lag = 600 });
    ck_assert_int_eq(r->drops, 1);
    rig_delete(r);

    r = rig_new();
    psync(r, ID, 60);
    step(r, (struct peer_event){ .kind = PEER_TICK, .lag = 1000 });
    ck_assert_int_eq(r->drops, 1);
    rig_delete(r);
}
END_TEST

START_TEST(replconf_words)
{
    struct rig *r = rig_new();
    const struct {
        const char *line;
        enum peer_answer answer;
        const char *error;
    } rows[] = {
        { "REPLCONF listening-port 7001", PEER_OK, NULL },
        { "REPLCONF ip-address 1.2.3.4 listening-port 7002", PEER_OK, NULL },
        { "REPLCONF capa eof capa dual-channel", PEER_OK, NULL },
        { "REPLCONF version 8.0.1", PEER_OK, NULL },
        { "REPLCONF listening-port", PEER_REFUSED, "syntax error" },
        { "REPLCONF listening-port x", PEER_REFUSED, "value is not an integer or out of range" },
        { "REPLCONF what 1", PEER_REFUSED, "Unrecognized REPLCONF option: what" },
        { "REPLCONF rdb-filter-only keys", PEER_REFUSED,
          "Unsupported rdb-filter-only option: keys" },
        { "REPLCONF getack *", PEER_GETACK, NULL },
        { "REPLCONF ack x", PEER_SILENT, NULL },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_msg(conf(r, rows[i].line) == rows[i].answer, "row %zu", i);
        if (rows[i].error) ck_assert_str_eq(r->error, rows[i].error);
    }
    ck_assert_str_eq(r->p.name, "1.2.3.4:7002");
    ck_assert_int_eq(r->p.port, 7002);
    ck_assert_uint_eq(r->p.capa, CAPA_EOF);
    rig_delete(r);
}
END_TEST

START_TEST(snapshots_are_shared)
{
    struct peer a = { .state = PEER_WANTS, .wants_since_ms = 1000, .capa = CAPA_EOF };
    struct peer b = { .state = PEER_WANTS, .wants_since_ms = 3000, .capa = CAPA_EOF };
    struct peer old = { .state = PEER_WANTS, .wants_since_ms = 500 };
    struct peer *all[] = { &a, &b, &old };
    struct batch_settings pipe = { .diskless = true, .delay_ms = 5000, .expected = 1 };
    struct batch_settings file = { .diskless = false, .delay_ms = 5000 };
    struct batch_plan plan = batch_plan(all, 2, &pipe, 4000);
    ck_assert(plan.form == BATCH_NONE && plan.due_ms == 6000);
    ck_assert_int_eq(batch_plan(all, 2, &pipe, 6000).form, BATCH_PIPE);
    pipe.expected = 0; /* nobody to wait for */
    ck_assert_int_eq(batch_plan(all, 2, &pipe, 4000).form, BATCH_PIPE);
    pipe.expected = 1;
    pipe.max_replicas = 2;
    ck_assert_int_eq(batch_plan(all, 2, &pipe, 4000).form, BATCH_PIPE);
    ck_assert_int_eq(batch_plan(all, 2, &file, 4000).form, BATCH_FILE);
    ck_assert_int_eq(batch_plan(all, 3, &pipe, 4000).form, BATCH_FILE); /* the oldest needs one */
    ck_assert(!batch_takes(&old, BATCH_PIPE) && batch_takes(&a, BATCH_PIPE));
    ck_assert(batch_takes(&a, BATCH_FILE));
    ck_assert_int_eq(batch_plan(all, 0, &pipe, 4000).form, BATCH_NONE);

    ck_assert_ptr_null(batch_join(all, 3, &b));
    a.state = PEER_WAITS;
    ck_assert_ptr_eq(batch_join(all, 3, &b), &a);
    ck_assert_ptr_null(batch_join(all, 3, &old)); /* can less than the one that waits */
    a.pipe = true;
    ck_assert_ptr_null(batch_join(all, 3, &b));
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(partial),
    UNIT(full_by_file),
    UNIT(full_by_pipe_waits_for_the_first_ack),
    UNIT(refusals),
    UNIT(rdb_only_is_closed_after_the_snapshot),
    UNIT(failed_snapshot),
    UNIT(timeouts_and_limits),
    UNIT(replconf_words),
    UNIT(snapshots_are_shared),
};
UNIT_MAIN("peer", cases)
