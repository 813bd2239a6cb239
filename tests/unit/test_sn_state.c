#include "sentinel/state_log.h"
#include "tests/unit/sn_fixture.h"

/* All lines of a core, a newline behind each. */
static struct str text_of(const struct sn_core *core)
{
    struct sn_lines lines = { 0 };
    struct str all = { 0 };
    sn_state_write(core, &lines);
    for (size_t i = 0; i < lines.at.n; i++) {
        struct str more = str_fmt("%s%s\n", str_c(all), str_c(lines.at.at[i].text));
        str_free(&all);
        all = more;
    }
    sn_lines_free(&lines);
    return all;
}

/* Reads back what was written ("sentinel " and "# " are skipped). */
static struct sn_core *rebuild(const struct sn_core *core)
{
    struct sn_lines lines = { 0 };
    const char *in[64];
    struct errmsg msg = { "" };
    size_t n = 0, bad;
    sn_state_write(core, &lines);
    for (; n < lines.at.n; n++)
        in[n] = str_c(lines.at.at[n].text) + (lines.at.at[n].directive[0] == '#' ? 2 : 9);
    in[n] = NULL;
    struct sn_core *copy = sn_core_new(8, ID_C);
    ck_assert_msg(fx_read(copy, in, &bad, &msg) == ERR_NONE, "%s", msg.text);
    sn_lines_free(&lines);
    return copy;
}

START_TEST(written_text_rebuilds_the_core)
{
    static const char *const lines[] = {
        /* Deliberately out of order. */
        "known-sentinel mymaster 10.0.0.5 26379 " ID_B,
        "leader-epoch mymaster 9",
        "sentinel-leader mymaster 9 " ID_B,
        "known-slave mymaster 10.0.0.3 6381",
        "known-replica mymaster host.example 6380",
        "known-replica mymaster host.example 6380",
        "config-epoch mymaster 7",
        "auth-pass mymaster p#ss",
        "auth-user mymaster me",
        "rename-command mymaster CONFIG other",
        "notification-script mymaster /bin/true",
        "client-reconfig-script mymaster /bin/false",
        "failover-timeout mymaster 60000",
        "parallel-syncs mymaster 3",
        "primary-reboot-down-after-period mymaster 5",
        "monitor aaa 10.0.0.8 6379 1",
        FX_GROUP,
        "announce-ip 10.1.1.1",
        "announce-port 3",
        "deny-scripts-reconfig no",
        "resolve-hostnames yes",
        "announce-hostnames yes",
        "sentinel-user u",
        "sentinel-pass w",
        "current-epoch 8",
        "myid " ID_B,
        NULL,
    };
    struct sn_core *core = sn_core_new(1, ID_A);
    struct errmsg msg = { "" };
    size_t bad;
    ck_assert_msg(fx_read(core, lines, &bad, &msg) == ERR_NONE, "%s", msg.text);
    struct sn_group *g = sn_group_find(core, SLICE("mymaster"));
    ck_assert(g && g->replicas.n == 2 && g->peers.n == 1 && g->saved.parallel_syncs == 3);
    ck_assert_str_eq(core->saved.myid, ID_B);
    ck_assert_str_eq(g->saved.leader, ID_B);
    ck_assert_uint_eq(core->saved.current_epoch, 9); /* never below a group's */
    ck_assert_int_eq(g->saved.reboot_down_after_ms, 5);
    struct str one = text_of(core);
    struct sn_core *copy = rebuild(core);
    struct str two = text_of(copy);
    ck_assert_str_eq(str_c(one), str_c(two));
    str_free(&one);
    sn_text_set(&g->saved.auth_pass, SLICE("a b\"\\\x01"));
    one = text_of(core);
    ck_assert_ptr_nonnull(strstr(str_c(one), "auth-pass mymaster \"a b\\\"\\\\\\x01\"\n"));
    str_free(&one);
    str_free(&two);
    sn_core_delete(core);
    sn_core_delete(copy);
}
END_TEST

START_TEST(bad_lines_in_redis_words)
{
    static const struct {
        const char *line, *words;
    } rows[] = {
        { "nosuch 1", "Unrecognized sentinel configuration statement." },
        { "monitor x 10.0.0.1 6379", "Unrecognized sentinel configuration statement." },
        { "monitor x 10.0.0.1 6379 0", "Quorum must be 1 or greater." },
        { "monitor x 10.0.0.1 99999 1", "Invalid port number." },
        { "monitor x some.host 6379 1", "Can't resolve instance hostname." },
        { "monitor mymaster 10.0.0.2 6379 1", "Duplicate master name." },
        { "down-after-milliseconds other 1", "No such master with specified name." },
        { "down-after-milliseconds mymaster 0", "negative or zero time parameter." },
        { "failover-timeout mymaster x", "negative or zero time parameter." },
        { "myid short", "Malformed Sentinel id in myid option." },
        { "known-replica other 10.0.0.1 1", "No such master with specified name." },
        { "resolve-hostnames maybe",
          "Please specify yes or no for the resolve-hostnames option." },
        { "quorum mymaster 2", "Unrecognized sentinel configuration statement." },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *lines[] = { FX_GROUP, rows[i].line, NULL };
        struct sn_core *core = sn_core_new(1, ID_A);
        struct errmsg msg = { "" };
        size_t bad = 99;
        ck_assert_int_ne(fx_read(core, lines, &bad, &msg), ERR_NONE);
        ck_assert_str_eq(msg.text, rows[i].words);
        ck_assert_uint_eq(bad, 2);
        sn_core_delete(core);
    }
}
END_TEST

START_TEST(a_peer_without_id_is_ignored)
{
    struct fixture f = fx_boot((const char *const[]){ FX_GROUP, "known-sentinel mymaster 1.1.1.1 2",
                                                      NULL });
    ck_assert_uint_eq(fx_group(&f)->peers.n, 0);
    fx_end(&f);
}
END_TEST

static void save(struct state_log *l, struct buf *file, const char *a, const char *b, bool whole)
{
    struct slice lines[] = { slice_z(a), slice_z(b ? b : "") };
    state_log_write(l, lines, b ? 2 : 1, whole, file);
}

START_TEST(state_log_keeps_whole_batches)
{
    struct state_log l = { 0 }, in = { 0 };
    struct buf file = { 0 };
    size_t good;
    save(&l, &file, "one", "two", true);
    size_t first = buf_size(&file);
    save(&l, &file, "one", "two", false);
    ck_assert_uint_eq(buf_size(&file), first); /* nothing new */
    save(&l, &file, "one", "deux", false);
    size_t second = buf_size(&file);
    save(&l, &file, "un", NULL, false);
    for (size_t cut = 0; cut <= buf_size(&file); cut++) {
        bool ours = state_log_read(&in, slice_of(buf_head(&file), cut), &good);
        ck_assert_int_eq(ours, cut >= sizeof(STATE_LOG_HEAD) - 1);
        ck_assert_uint_eq(in.lines.n, cut < first ? 0 : cut < buf_size(&file) ? 2 : 1);
        if (cut >= second && cut < buf_size(&file))
            ck_assert(slice_eqz(str_slice(in.lines.at[1]), "deux"));
        if (cut == buf_size(&file)) ck_assert(slice_eqz(str_slice(in.lines.at[0]), "un"));
    }
    buf_head(&file)[second - 2] ^= 1; /* a byte of the second batch: it and all behind it go */
    ck_assert(state_log_read(&in, buf_slice(&file), &good));
    ck_assert_uint_eq(good, first);
    state_log_free(&l);
    state_log_free(&in);
    buf_free(&file);
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(written_text_rebuilds_the_core),
    UNIT(bad_lines_in_redis_words),
    UNIT(a_peer_without_id_is_ignored),
    UNIT(state_log_keeps_whole_batches),
};
UNIT_MAIN("sn_state", cases)
