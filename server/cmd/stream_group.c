/* Consumer groups: XGROUP, and what becomes of entries that were delivered: XACK, XPENDING, XCLAIM,
 * XAUTOCLAIM. In the stream of writes a claim is one XCLAIM an entry, with its exact outcome. */
#include "core/base/vec.h"
#include "server/block.h"
#include "server/cmd/families.h"
#include "server/cmd/stream.h"

/* ---- XGROUP ---- */

struct group_args {
    struct value v;
    struct stream *s; /* NULL: only with MKSTREAM */
    struct stream_group *g;
    bool mkstream;
    int64_t entries_read;
};

/* Options behind argument 4, of CREATE and SETID. */
static bool group_options(struct call *c, bool creates, struct group_args *a)
{
    for (int i = 5; i < c->argc; i++) {
        if (creates && arg_is(c, i, "MKSTREAM")) {
            a->mkstream = true;
        } else if (arg_is(c, i, "ENTRIESREAD") && i + 1 < c->argc) {
            if (!arg_int(c, ++i, &a->entries_read)) return false;
            if (a->entries_read >= 0 || a->entries_read == STREAM_UNKNOWN) continue;
            reply_error(c, "value for ENTRIESREAD must be positive or -1");
            return false;
        } else {
            reply_sub_arity(c);
            return false;
        }
    }
    return true;
}

/* Key and group; the group may be missing unless it is `needed`. */
static bool find_group(struct call *c, bool needed, struct group_args *a)
{
    if (!keyed_write(c, 2, VALUE_STREAM, &a->v)) return false;
    if (!a->v.e && a->mkstream) return true;
    if (!a->v.e) {
        reply_error(c, "The XGROUP subcommand requires the key to exist. Note that for CREATE you "
                       "may want to use the MKSTREAM option to create an empty stream "
                       "automatically.");
        return false;
    }
    a->s = stream_of(a->v.e);
    a->g = stream_group_find(a->s, c->argv[3]);
    if (a->g || !needed) return true;
    reply_error_fmt(c, "-NOGROUP No such consumer group '%.*s' for key name '%.*s'",
                    SLICE_ARG(c->argv[3]), SLICE_ARG(c->argv[2]));
    return false;
}

/* Options may be told twice, but not for ever. */
static bool too_many(struct call *c, int most)
{
    if (c->argc > most) reply_sub_arity(c);
    return c->argc > most;
}

static bool is_last_id(const struct call *c, int at) { return slice_eqz(c->argv[at], "$"); }

static void xgroup_create(struct call *c)
{
    struct group_args a = { .entries_read = STREAM_UNKNOWN };
    struct stream_id id = STREAM_ID_MIN;
    if (!group_options(c, true, &a) || !find_group(c, false, &a) || too_many(c, 8)) return;
    if (is_last_id(c, 4)) {
        if (a.s) id = a.s->last_id;
    } else if (!stream_id_arg(c, 4, 0, &id)) {
        return;
    }
    if (a.g) {
        reply_error(c, "-BUSYGROUP Consumer Group name already exists");
        return;
    }
    if (!a.s) {
        struct entry *e = stream_new(c->argv[2]);
        a.s = stream_of(e);
        ks_put(&a.v, e, false);
    }
    stream_group_add(a.s, c->argv[3], id, a.entries_read);
    c->changed++;
    keyed_event(c, NOTIFY_STREAM, "xgroup-create", 2);
    reply_ok(c);
}

static void xgroup_setid(struct call *c)
{
    struct group_args a = { .entries_read = STREAM_UNKNOWN };
    struct stream_id id;
    if (!group_options(c, false, &a) || !find_group(c, true, &a) || too_many(c, 7)) return;
    if (is_last_id(c, 4))
        id = a.s->last_id;
    else if (!stream_any_id_arg(c, 4, 0, &id))
        return;
    a.g->last_id = id;
    a.g->entries_read = a.entries_read;
    c->changed++;
    keyed_event(c, NOTIFY_STREAM, "xgroup-setid", 2);
    reply_ok(c);
}

static void xgroup_destroy(struct call *c)
{
    struct group_args a = { .mkstream = false };
    if (!find_group(c, false, &a)) return;
    if (a.g) {
        stream_group_remove(a.s, a.g);
        blocking_wake(server_of(c)->blocking, c->client->db, c->argv[2]); /* NOGROUP for them */
        c->changed++;
        keyed_event(c, NOTIFY_STREAM, "xgroup-destroy", 2);
    }
    reply_int(c, a.g != NULL);
}

static void xgroup_createconsumer(struct call *c)
{
    struct group_args a = { .mkstream = false };
    if (!find_group(c, true, &a)) return;
    struct stream_consumer *made = stream_consumer_add(a.g, c->argv[4], c->now_ms);
    if (made) {
        c->changed++;
        keyed_event(c, NOTIFY_STREAM, "xgroup-createconsumer", 2);
    }
    reply_int(c, made != NULL);
}

static void xgroup_delconsumer(struct call *c)
{
    struct group_args a = { .mkstream = false };
    size_t pending = 0;
    if (!find_group(c, true, &a)) return;
    struct stream_consumer *gone = stream_consumer_find(a.g, c->argv[4]);
    if (gone) {
        pending = gone->pending.count;
        stream_consumer_remove(a.g, gone);
        c->changed++;
        keyed_event(c, NOTIFY_STREAM, "xgroup-delconsumer", 2);
    }
    reply_int(c, (int64_t)pending);
}

static void xgroup_help(struct call *c)
{
    static const char *const lines[] = {
        "CREATE <key> <group> <id|$> [MKSTREAM] [ENTRIESREAD <n>]",
        "    Make a group that begins behind <id>; MKSTREAM makes the stream too.",
        "CREATECONSUMER <key> <group> <consumer>",
        "    Make a consumer in <group>.",
        "DELCONSUMER <key> <group> <consumer>",
        "    Remove a consumer and what is pending for it.",
        "DESTROY <key> <group>",
        "    Remove <group> with all its consumers.",
        "SETID <key> <group> <id|$> [ENTRIESREAD <n>]",
        "    Move <group> to another place in the stream.",
        NULL,
    };
    reply_help(c, lines);
}

/* ---- XACK ---- */

static void cmd_xack(struct call *c)
{
    struct value v;
    struct stream_id id;
    int64_t n = 0;
    if (!keyed_update(c, 1, VALUE_STREAM, &v)) return;
    struct stream_group *g = v.e ? stream_group_find(stream_of(v.e), c->argv[2]) : NULL;
    for (int i = 3; g && i < c->argc; i++)
        if (!stream_id_arg(c, i, 0, &id)) return;
    for (int i = 3; g && i < c->argc; i++) {
        stream_id_read(c->argv[i], 0, NULL, &id);
        n += stream_pending_remove(g, id);
    }
    c->changed += n;
    reply_int(c, n);
}

/* ---- XPENDING ---- */

static void pending_summary(struct call *c, const struct stream_group *g)
{
    reply_array(c, 4);
    reply_int(c, (int64_t)g->pending.count);
    if (!g->pending.count) {
        reply_null(c);
        reply_null(c);
        reply_null_array(c);
        return;
    }
    struct idmap_pos first = idmap_first(&g->pending), last = idmap_last(&g->pending);
    stream_reply_id(c, idmap_id(&first));
    stream_reply_id(c, idmap_id(&last));
    size_t mark = reply_later(c), n = 0;
    for (size_t i = 0; i < g->consumers.n; i++) {
        const struct stream_consumer *who = g->consumers.at[i];
        if (!who->pending.count) continue;
        reply_array(c, 2);
        reply_bulk(c, str_slice(who->name));
        reply_bulk_int(c, (int64_t)who->pending.count);
        n++;
    }
    reply_later_array(c, mark, n);
}

struct pending_query {
    struct stream_id start, end;
    int64_t count, min_idle;
    int consumer_at; /* 0: all */
};

static void pending_list(struct call *c, const struct idmap *pending, const struct pending_query *q)
{
    size_t mark = reply_later(c), n = 0;
    struct idmap_pos pos = idmap_from(pending, q->start);
    for (; idmap_is(&pos) && (int64_t)n < q->count; idmap_step(&pos)) {
        const struct stream_pending *p = stream_pending_at(&pos);
        if (stream_id_cmp(idmap_id(&pos), q->end) > 0) break;
        int64_t idle = c->now_ms - p->delivered_ms;
        if (q->min_idle && idle < q->min_idle) continue;
        n++;
        reply_array(c, 4);
        stream_reply_id(c, idmap_id(&pos));
        reply_bulk(c, str_slice(p->consumer->name));
        reply_int(c, idle < 0 ? 0 : idle);
        reply_int(c, (int64_t)p->deliveries);
    }
    reply_later_array(c, mark, n);
}

/* [IDLE ms] start end count [consumer] */
static bool pending_args(struct call *c, struct pending_query *q)
{
    int at = 3;
    *q = (struct pending_query){ 0 };
    if (c->argc == 3) return true;
    if (c->argc < 6 || c->argc > 9) {
        reply_syntax_error(c);
        return false;
    }
    if (arg_is(c, 3, "IDLE")) {
        if (!arg_int(c, 4, &q->min_idle)) return false;
        if (c->argc < 8) {
            reply_syntax_error(c);
            return false;
        }
        at = 5;
    }
    if (!arg_int(c, at + 2, &q->count)) return false;
    if (!stream_bound_arg(c, at, false, &q->start) || !stream_bound_arg(c, at + 1, true, &q->end))
        return false;
    if (c->argc > at + 3) q->consumer_at = at + 3;
    return true;
}

static void cmd_xpending(struct call *c)
{
    struct pending_query q;
    struct value v;
    struct stream_group *g;
    if (!pending_args(c, &q) || !stream_group_arg(c, 1, 2, false, "", &v, &g)) return;
    if (c->argc == 3) {
        pending_summary(c, g);
    } else if (!q.consumer_at) {
        pending_list(c, &g->pending, &q);
    } else {
        const struct stream_consumer *who = stream_consumer_find(g, c->argv[q.consumer_at]);
        if (who)
            pending_list(c, &who->pending, &q);
        else
            reply_array(c, 0);
    }
}

/* ---- XCLAIM ---- */

/* To Redis a claim reads its key, before it looks at its arguments: access clock, hits, misses. */
static void seen_by_readers(struct call *c, struct value *v)
{
    ks_read(db_of(c), c->argv[1], lookup_flags(c), v);
}

struct claim {
    int64_t min_idle, delivered_ms, retries; /* -1: not given */
    bool force, justid;
    int ids; /* argv[5] .. argv[5 + ids - 1] */
    struct stream_id last_id;
    /* while claiming */
    struct stream *s;
    struct stream_group *g;
    struct stream_consumer *consumer; /* made for the first entry only */
};

static bool named_int(struct call *c, int at, const char *what, int64_t *out)
{
    if (num_to_i64(c->argv[at], out)) return true;
    reply_error_fmt(c, "Invalid %s argument for %s", what, c->row->name);
    return false;
}

static bool claim_option(struct call *c, int *i, struct claim *cl)
{
    bool more = *i + 1 < c->argc;
    int at = *i;
    if (arg_is(c, at, "FORCE"))
        return cl->force = true;
    if (arg_is(c, at, "JUSTID"))
        return cl->justid = true;
    *i = at + 1;
    if (more && arg_is(c, at, "IDLE")) {
        if (!named_int(c, at + 1, "IDLE option", &cl->delivered_ms)) return false;
        cl->delivered_ms = (int64_t)((uint64_t)c->now_ms - (uint64_t)cl->delivered_ms);
        return true;
    }
    if (more && arg_is(c, at, "TIME"))
        return named_int(c, at + 1, "TIME option", &cl->delivered_ms);
    if (more && arg_is(c, at, "RETRYCOUNT"))
        return named_int(c, at + 1, "RETRYCOUNT option", &cl->retries);
    if (more && arg_is(c, at, "LASTID")) return stream_id_arg(c, at + 1, 0, &cl->last_id);
    reply_error_fmt(c, "Unrecognized XCLAIM option '%.*s'", SLICE_ARG(c->argv[at]));
    return false;
}

static bool claim_args(struct call *c, struct claim *cl)
{
    struct stream_id id;
    if (!named_int(c, 4, "min-idle-time", &cl->min_idle)) return false;
    int i = 5;
    while (i < c->argc && stream_id_read(c->argv[i], 0, NULL, &id)) i++;
    cl->ids = i - 5;
    for (; i < c->argc; i++)
        if (!claim_option(c, &i, cl)) return false;
    /* A time that cannot be stands for now. */
    if (cl->delivered_ms < 0 || cl->delivered_ms > c->now_ms) cl->delivered_ms = c->now_ms;
    return true;
}

static void forget_pending(struct call *c, struct claim *cl, struct stream_id id,
                           const struct stream_pending *p)
{
    stream_tell_claim(c, c->argv[1], cl->g, id, p);
    stream_pending_remove(cl->g, id);
    c->changed++;
}

/* To the claimant; its name and group are in argv. */
static void take_over(struct call *c, struct claim *cl, struct stream_id id,
                      struct stream_pending *p)
{
    if (!cl->consumer) cl->consumer = stream_consumer_use(c, 1, cl->g, c->argv[3], NULL);
    p->delivered_ms = cl->delivered_ms;
    if (cl->retries >= 0)
        p->deliveries = (uint64_t)cl->retries;
    else if (!cl->justid)
        p->deliveries++;
    stream_pending_move(p, id, cl->consumer);
    stream_tell_claim(c, c->argv[1], cl->g, id, p);
    c->changed++;
}

static bool too_fresh(const struct call *c, const struct claim *cl, const struct stream_pending *p)
{
    return p->consumer && cl->min_idle > 0 && c->now_ms - p->delivered_ms < cl->min_idle;
}

/* True: the entry is the claimant's now. */
static bool claim_one(struct call *c, struct claim *cl, struct stream_id id)
{
    struct stream_pending *p = stream_pending_find(cl->g, id);
    if (!stream_has(cl->s, id)) {
        if (p) forget_pending(c, cl, id, p);
        return false;
    }
    if (!p && cl->force) p = stream_pending_add(cl->g, id, c->now_ms, 1);
    if (!p || too_fresh(c, cl, p)) return false;
    take_over(c, cl, id, p);
    return true;
}

static void reply_claimed(struct call *c, const struct claim *cl, struct stream_id id)
{
    if (cl->justid)
        stream_reply_id(c, id);
    else
        stream_reply_one(c, cl->s, id);
}

static void cmd_xclaim(struct call *c)
{
    struct claim cl = { .delivered_ms = -1, .retries = -1 };
    struct value v;
    struct stream_id id;
    seen_by_readers(c, &v);
    if (!stream_group_arg(c, 1, 2, true, "", &v, &cl.g) || !claim_args(c, &cl)) return;
    cl.s = stream_of(v.e);
    bool moved = stream_id_cmp(cl.last_id, cl.g->last_id) > 0;
    if (moved) cl.g->last_id = cl.last_id;
    int64_t before = c->changed;
    size_t mark = reply_later(c), n = 0;
    for (int i = 5; i < 5 + cl.ids; i++) {
        stream_id_read(c->argv[i], 0, NULL, &id);
        if (!claim_one(c, &cl, id)) continue;
        reply_claimed(c, &cl, id);
        n++;
    }
    reply_later_array(c, mark, n);
    if (moved && c->changed == before) {
        stream_tell_group(c, c->argv[1], cl.g);
        c->changed++;
    }
    call_silent(c);
}

/* ---- XAUTOCLAIM ---- */

#define LOOKS_AN_ENTRY 10 /* pending entries that are looked at for each that is asked for */
#define CLAIM_COUNT 100
#define CLAIM_COUNT_MAX (INT64_MAX / 16)

struct found {
    VEC(struct stream_id) claimed, gone;
    struct stream_id next; /* where to go on; 0-0: all was seen */
};

static bool autoclaim_args(struct call *c, struct claim *cl, struct stream_id *start,
                           int64_t *count)
{
    *count = CLAIM_COUNT;
    if (!named_int(c, 4, "min-idle-time", &cl->min_idle)) return false;
    if (!stream_bound_arg(c, 5, false, start)) return false;
    for (int i = 6; i < c->argc; i++) {
        if (arg_is(c, i, "JUSTID")) {
            cl->justid = true;
        } else if (arg_is(c, i, "COUNT") && i + 1 < c->argc) {
            if (!arg_int_range(c, ++i, 1, CLAIM_COUNT_MAX, count, "COUNT must be > 0"))
                return false;
        } else {
            reply_syntax_error(c);
            return false;
        }
    }
    return true;
}

static void autoclaim(struct call *c, struct claim *cl, struct stream_id start, int64_t count,
                      struct found *f)
{
    uint64_t looks = (uint64_t)count * LOOKS_AN_ENTRY;
    struct idmap_pos pos = idmap_from(&cl->g->pending, start);
    while (looks-- && count && idmap_is(&pos)) {
        struct stream_id id = idmap_id(&pos);
        struct stream_pending *p = stream_pending_at(&pos);
        if (!stream_has(cl->s, id)) {
            forget_pending(c, cl, id, p);
            vec_push(&f->gone, id);
            count--;
            pos = idmap_from(&cl->g->pending, id);
            continue;
        }
        if (!too_fresh(c, cl, p)) {
            take_over(c, cl, id, p);
            vec_push(&f->claimed, id);
            count--;
        }
        idmap_step(&pos);
    }
    f->next = idmap_is(&pos) ? idmap_id(&pos) : STREAM_ID_MIN;
}

static void cmd_xautoclaim(struct call *c)
{
    struct claim cl = { .delivered_ms = c->now_ms, .retries = -1 };
    struct found f = { .next = STREAM_ID_MIN };
    struct value v;
    struct stream_id start;
    int64_t count;
    seen_by_readers(c, &v);
    if (!autoclaim_args(c, &cl, &start, &count)) return;
    if (!stream_group_arg(c, 1, 2, true, "", &v, &cl.g)) return;
    cl.s = stream_of(v.e);
    autoclaim(c, &cl, start, count, &f);
    reply_array(c, 3);
    stream_reply_id(c, f.next);
    reply_array(c, f.claimed.n);
    for (size_t i = 0; i < f.claimed.n; i++) reply_claimed(c, &cl, f.claimed.at[i]);
    reply_array(c, f.gone.n);
    for (size_t i = 0; i < f.gone.n; i++) stream_reply_id(c, f.gone.at[i]);
    vec_free(&f.claimed);
    vec_free(&f.gone);
    call_silent(c);
}

/* ---- the table ---- */

#define SUB(nm, fn, ar, fl, how, since_, cx, sum, ...)                                             \
    {                                                                                              \
        nm, fn, .arity = ar, .flags = fl, .acl = ACL_STREAM,                                       \
                .keys = { KEYS(2, 2, 1, KEY_RW | how) }, .since = since_, .group = "stream",       \
                .complexity = cx, .summary = sum, .syntax = __VA_ARGS__                            \
    }
#define ROW(nm, fn, ar, fl, how, since_, cx, sum, syn)                                             \
    nm, fn, .arity = ar, .flags = fl, .acl = ACL_STREAM, .keys = { KEYS(1, 1, 1, how) },           \
            .since = since_, .group = "stream", .complexity = cx, .summary = sum, .syntax = syn

static const char *const not_exact[] = { "nondeterministic_output", NULL };
static const char *const entries_read_history[] = { "7.0.0", "The option ENTRIESREAD.", NULL };
static const char *const pending_history[] = {
    "6.2.0", "The option IDLE, and exclusive bounds.", NULL
};
static const char *const autoclaim_history[] = {
    "7.0.0", "Entries that are gone are removed and listed in the reply.", NULL
};

#define GROUP_SYNTAX "key:key groupname:string "
#define ID_SYNTAX "id=(id:string|new_id=$) "

static const struct command xgroup_subs[] = {
    { "CREATE", xgroup_create, .arity = -5, .flags = CMD_WRITE | CMD_DENYOOM, .acl = ACL_STREAM,
      .keys = { KEYS(2, 2, 1, KEY_RW | KEY_INSERT) }, .since = "5.0.0", .group = "stream",
      .complexity = "O(1)", .summary = "Makes a consumer group.",
      .syntax = GROUP_SYNTAX ID_SYNTAX "mkstream=[MKSTREAM] [ENTRIESREAD entries_read:integer]",
      .history = entries_read_history },
    SUB("CREATECONSUMER", xgroup_createconsumer, 5, CMD_WRITE | CMD_DENYOOM, KEY_INSERT, "6.2.0",
        "O(1)", "Makes a consumer in a group.", GROUP_SYNTAX "consumername:string"),
    SUB("DELCONSUMER", xgroup_delconsumer, 5, CMD_WRITE, KEY_DELETE, "5.0.0", "O(1)",
        "Removes a consumer and what is pending for it.", GROUP_SYNTAX "consumername:string"),
    SUB("DESTROY", xgroup_destroy, 4, CMD_WRITE, KEY_DELETE, "5.0.0",
        "O(N), N: entries pending in the group", "Removes a consumer group.",
        "key:key groupname:string"),
    { "HELP", xgroup_help, .arity = 2, .flags = CMD_LOADING | CMD_STALE, .acl = ACL_STREAM,
      .since = "5.0.0", .group = "stream", .complexity = "O(1)",
      .summary = "Lists the sub-commands.", .syntax = "" },
    { "SETID", xgroup_setid, .arity = -5, .flags = CMD_WRITE, .acl = ACL_STREAM,
      .keys = { KEYS(2, 2, 1, KEY_RW | KEY_UPDATE) }, .since = "5.0.0", .group = "stream",
      .complexity = "O(1)", .summary = "Moves a consumer group to another place in the stream.",
      .syntax = GROUP_SYNTAX ID_SYNTAX "[ENTRIESREAD entries_read:integer]",
      .history = entries_read_history },
    COMMANDS_END,
};

const struct command cmds_stream_group[] = {
    { ROW("XACK", cmd_xack, -4, CMD_WRITE | CMD_FAST, KEY_RW | KEY_UPDATE, "5.0.0",
          "O(1) an entry", "Says that entries have been dealt with: they are pending no more.",
          "key:key group:string id:string...") },
    { ROW("XAUTOCLAIM", cmd_xautoclaim, -6, CMD_WRITE | CMD_FAST, KEY_RW | KEY_DELETE, "6.2.0",
          "O(1) if COUNT is small", "Gives a consumer what has been pending for long.",
          "key:key group:string consumer:string min-idle-time:string start:string "
          "[COUNT count:integer] justid=[JUSTID]"),
      .hints = not_exact, .history = autoclaim_history },
    { ROW("XCLAIM", cmd_xclaim, -6, CMD_WRITE | CMD_FAST, KEY_RW | KEY_UPDATE, "5.0.0",
          "O(log N) an entry, N: entries pending in the group",
          "Gives a consumer entries that are pending for another.",
          "key:key group:string consumer:string min-idle-time:string id:string... "
          "[IDLE ms:integer] [TIME unix-time-milliseconds:unix-time] [RETRYCOUNT count:integer] "
          "force=[FORCE] justid=[JUSTID] [LASTID id:string]"),
      .hints = not_exact },
    { "XGROUP", NULL, .arity = -2, .group = "stream", .since = "5.0.0",
      .complexity = "Depends on the sub-command.", .summary = "Manages consumer groups.",
      .syntax = "", .subs = xgroup_subs },
    { ROW("XPENDING", cmd_xpending, -3, CMD_READONLY, KEY_RO | KEY_ACCESS, "5.0.0",
          "O(N), N: entries given back, or consumers in the short form",
          "Tells which entries of a group are pending.",
          "key:key group:string filters=[[IDLE min-idle-time:integer@6.2.0] start:string "
          "end:string count:integer [consumer:string]]"),
      .hints = not_exact, .history = pending_history },
    COMMANDS_END,
};
