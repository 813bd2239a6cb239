/* The stream family: entries. Groups are in stream_group.c, reads that may wait in stream_read.c,
 * XINFO in stream_info.c. Shared rules:
 *   - the stream of writes carries the id that was given, and trims as they came out (exact);
 *   - a stream that lost its last entry stays a key. */
#include "server/cmd/stream.h"

#include "core/base/mem.h"
#include "server/cmd/families.h"

/* ---- options of XADD and XTRIM ---- */

struct add_options {
    struct stream_trim trim;
    bool trims, nomkstream;
    bool has_id, any_seq; /* not "*"; "ms-*" */
    struct stream_id id;
    int64_t limit; /* as given; -1: not given */
    int value_at;  /* argument with the trim's figure */
    int id_at;     /* XADD */
};

static bool negative(struct call *c, const char *word)
{
    reply_error_fmt(c, "The %s argument must be >= 0.", word);
    return false;
}

/* MAXLEN or MINID at argument *i, with = or ~ behind it. */
static bool take_trim(struct call *c, int *i, struct add_options *o)
{
    int64_t max;
    bool by_id = arg_is(c, *i, "MINID");
    if (o->trims) {
        reply_error(c, "syntax error, MAXLEN and MINID options at the same time are not "
                       "compatible");
        return false;
    }
    struct slice next = c->argv[++*i];
    bool more = *i + 1 < c->argc;
    o->trim.approx = more && slice_eqz(next, "~");
    if (more && (o->trim.approx || slice_eqz(next, "="))) ++*i;
    o->trims = true;
    o->trim.by_id = by_id;
    o->value_at = *i;
    if (by_id) return stream_id_arg(c, *i, 0, &o->trim.min_id);
    if (!arg_int(c, *i, &max)) return false;
    o->trim.max_length = (uint64_t)max;
    return max >= 0 || negative(c, "MAXLEN");
}

/* One option; *done when XADD has come to its id. */
static bool take_option(struct call *c, int *i, bool adding, struct add_options *o, bool *done)
{
    bool more = *i + 1 < c->argc;
    if (more && (arg_is(c, *i, "MAXLEN") || arg_is(c, *i, "MINID"))) return take_trim(c, i, o);
    if (more && arg_is(c, *i, "LIMIT")) {
        if (!arg_int(c, ++*i, &o->limit)) return false;
        return o->limit >= 0 || negative(c, "LIMIT");
    }
    if (adding && arg_is(c, *i, "NOMKSTREAM")) {
        o->nomkstream = true;
        return true;
    }
    if (!adding) {
        reply_syntax_error(c);
        return false;
    }
    *done = o->has_id = true;
    if (stream_id_read(c->argv[*i], 0, &o->any_seq, &o->id)) return true;
    reply_error(c, "Invalid stream ID specified as stream command argument");
    return false;
}

/* What comes from a master or a file has been made exact, and is obeyed. */
static bool obeys(const struct call *c)
{
    return server_of(c)->loading || c->client->flags & CLIENT_MASTER;
}

#define NODES_A_TRIM 100 /* that an approximate trim takes away at most, unless told otherwise */
#define TRIM_MAX 1000000

static bool check_limit(struct call *c, struct add_options *o)
{
    if (o->limit > 0 && !o->trims) {
        reply_error(c, "syntax error, LIMIT cannot be used without specifying a trimming strategy");
        return false;
    }
    if (obeys(c)) return true;
    if (o->limit >= 0 && !o->trim.approx) {
        reply_error(c, "syntax error, LIMIT cannot be used without the special ~ option");
        return false;
    }
    if (o->limit >= 0) {
        o->trim.limit = (uint64_t)o->limit;
    } else if (o->trim.approx) {
        int64_t entries = limits_of(c)->stream_node_max_entries;
        int64_t limit = entries > TRIM_MAX ? TRIM_MAX : NODES_A_TRIM * entries;
        o->trim.limit = limit <= 0 ? 10000 : limit > TRIM_MAX ? TRIM_MAX : (uint64_t)limit;
    }
    return true;
}

static bool take_options(struct call *c, bool adding, struct add_options *o)
{
    bool done = false;
    int i = 2;
    *o = (struct add_options){ .limit = -1 };
    for (; i < c->argc && !done; i++) {
        if (adding && slice_eqz(c->argv[i], "*")) break;
        if (!take_option(c, &i, adding, o, &done)) return false;
        if (done) break;
    }
    o->id_at = i;
    if (!adding && o->limit <= 0 && !o->trims) {
        reply_error(c, "syntax error, XTRIM must be called with a trimming strategy");
        return false;
    }
    return check_limit(c, o);
}

/* ---- the stream of writes ---- */

#define FEW_WORDS 64

/* The call's words with the id that was given, and the trim as it came out. */
static void tell_exactly(struct call *c, const struct stream *s, const struct add_options *o,
                         const struct stream_id *id)
{
    struct slice few[FEW_WORDS], *words = few;
    char id_text[STREAM_ID_TMP], min_text[STREAM_ID_TMP];
    bool exact = o->trims && o->trim.approx;
    if (!id && !exact) return;
    if (c->argc > FEW_WORDS) words = mem_alloc((size_t)c->argc * sizeof(*words));
    memcpy(words, c->argv, (size_t)c->argc * sizeof(*words));
    if (id) words[o->id_at] = stream_id_text(*id, id_text);
    if (exact) {
        words[o->value_at - 1] = SLICE("=");
        words[o->value_at] =
            o->trim.by_id ? stream_id_text(stream_edge(s, true, true), min_text)
                          : slice_of(min_text, num_from_u64(min_text, s->length));
    }
    call_replace(c, c->argc, words);
    if (words != few) mem_free(words);
}

/* ---- XADD ---- */

/* The id of the entry to add; false: it has replied. */
static bool next_id(struct call *c, const struct stream *s, const struct add_options *o,
                    struct stream_id *id)
{
    struct stream_id last = s ? s->last_id : STREAM_ID_MIN;
    if (stream_id_cmp(last, STREAM_ID_MAX) == 0) {
        reply_error(c, "The stream has exhausted the last possible ID, unable to add more items");
        return false;
    }
    bool ok = true;
    *id = o->id;
    if (!o->has_id) {
        *id = (struct stream_id){ (uint64_t)c->now_ms, 0 };
        if (id->ms <= last.ms) {
            *id = last;
            stream_id_next(id);
        }
    } else if (o->any_seq && last.ms == id->ms) {
        ok = last.seq != UINT64_MAX;
        id->seq = last.seq + 1;
    }
    if (ok && stream_id_cmp(*id, last) > 0) return true;
    reply_error(c, "The ID specified in XADD is equal or smaller than the target stream top item");
    return false;
}

static bool small_enough(struct call *c, int from)
{
    size_t n = 0;
    for (int i = from; i < c->argc; i++) n += c->argv[i].n;
    if (n <= STREAM_ENTRY_MAX) return true;
    reply_error(c, "Elements are too large to be stored");
    return false;
}

static bool add_args(struct call *c, struct add_options *o)
{
    if (!take_options(c, true, o)) return false;
    int words = c->argc - o->id_at - 1;
    if (words < 2 || words % 2) {
        reply_arity(c);
        return false;
    }
    if (!o->has_id || o->any_seq || !stream_id_is_zero(o->id)) return true;
    reply_error(c, "The ID specified in XADD must be greater than 0-0");
    return false;
}

static void cmd_xadd(struct call *c)
{
    struct add_options o;
    struct value v;
    struct stream_id id;
    if (!add_args(c, &o) || !keyed_write(c, 1, VALUE_STREAM, &v)) return;
    if (!v.e && o.nomkstream) {
        reply_null(c);
        return;
    }
    if (!next_id(c, v.e ? stream_of(v.e) : NULL, &o, &id) || !small_enough(c, o.id_at + 1)) return;
    bool is_new = !v.e;
    struct entry *e = is_new ? stream_new(c->argv[1]) : v.e;
    struct stream *s = stream_of(e);
    stream_add(s, limits_of(c), id, (size_t)(c->argc - o.id_at - 1) / 2, c->argv + o.id_at + 1);
    stream_reply_id(c, id);
    if (is_new) ks_put(&v, e, false);
    keyed_event(c, NOTIFY_STREAM, "xadd", 1);
    if (o.trims && stream_trim(s, &o.trim)) keyed_event(c, NOTIFY_STREAM, "xtrim", 1);
    if (!is_new) ks_changed(&v);
    c->changed++;
    tell_exactly(c, s, &o, !o.has_id || o.any_seq ? &id : NULL);
}

/* ---- XTRIM, XDEL, XSETID ---- */

static void cmd_xtrim(struct call *c)
{
    struct add_options o;
    struct value v;
    if (!take_options(c, false, &o) || !keyed_write(c, 1, VALUE_STREAM, &v)) return;
    uint64_t n = v.e ? stream_trim(stream_of(v.e), &o.trim) : 0;
    if (n) {
        ks_changed(&v);
        c->changed += (int64_t)n;
        keyed_event(c, NOTIFY_STREAM, "xtrim", 1);
        tell_exactly(c, stream_of(v.e), &o, NULL);
    }
    reply_int(c, (int64_t)n);
}

static void cmd_xdel(struct call *c)
{
    struct value v;
    struct stream_id id;
    int64_t n = 0;
    if (!keyed_write(c, 1, VALUE_STREAM, &v)) return;
    for (int i = 2; v.e && i < c->argc; i++)
        if (!stream_id_arg(c, i, 0, &id)) return;
    for (int i = 2; v.e && i < c->argc; i++) {
        stream_id_read(c->argv[i], 0, NULL, &id);
        n += stream_remove(stream_of(v.e), id);
    }
    if (n) {
        ks_changed(&v);
        c->changed += n;
        keyed_event(c, NOTIFY_STREAM, "xdel", 1);
    }
    reply_int(c, n);
}

struct set_id {
    struct stream_id id, max_deleted;
    int64_t added; /* -1: not given */
};

static bool setid_options(struct call *c, struct set_id *o)
{
    *o = (struct set_id){ .added = -1 };
    if (!stream_id_arg(c, 2, 0, &o->id)) return false;
    for (int i = 3; i < c->argc; i += 2) {
        bool more = i + 1 < c->argc;
        if (more && arg_is(c, i, "ENTRIESADDED")) {
            if (!arg_int(c, i + 1, &o->added)) return false;
            if (o->added >= 0) continue;
            reply_error(c, "entries_added must be positive");
        } else if (more && arg_is(c, i, "MAXDELETEDID")) {
            if (!stream_id_arg(c, i + 1, 0, &o->max_deleted)) return false;
            if (stream_id_cmp(o->id, o->max_deleted) >= 0) continue;
            reply_error(c, "The ID specified in XSETID is smaller than the provided "
                           "max_deleted_entry_id");
        } else {
            reply_syntax_error(c);
        }
        return false;
    }
    return true;
}

static const char *setid_refused(const struct stream *s, const struct set_id *o)
{
    if (!s->length) return NULL;
    if (stream_id_cmp(o->id, stream_edge(s, false, false)) < 0)
        return "The ID specified in XSETID is smaller than the target stream top item";
    if (o->added != -1 && s->length > (uint64_t)o->added)
        return "The entries_added specified in XSETID is smaller than the target stream length";
    return NULL;
}

static void cmd_xsetid(struct call *c)
{
    struct set_id o;
    struct value v;
    if (!setid_options(c, &o)) return;
    if (!ks_write(db_of(c), c->argv[1], lookup_flags(c), &v)) {
        reply_no_key(c);
        return;
    }
    if (!value_is(&v, VALUE_STREAM)) {
        reply_wrong_type(c);
        return;
    }
    struct stream *s = stream_of(v.e);
    const char *refused = setid_refused(s, &o);
    if (refused) {
        reply_error(c, refused);
        return;
    }
    s->last_id = o.id;
    if (o.added != -1) s->added = (uint64_t)o.added;
    if (!stream_id_is_zero(o.max_deleted)) s->max_deleted = o.max_deleted;
    c->changed++; /* no change to who watches the key: its entries are the same */
    keyed_event(c, NOTIFY_STREAM, "xsetid", 1);
    reply_ok(c);
}

/* ---- reading ---- */

static void cmd_xlen(struct call *c)
{
    struct value v;
    if (keyed_read(c, 1, VALUE_STREAM, &v))
        reply_int(c, v.e ? (int64_t)stream_of(v.e)->length : 0);
}

static void range(struct call *c, bool reverse)
{
    struct stream_id start, end;
    struct value v;
    int64_t count = -1;
    if (!stream_bound_arg(c, reverse ? 3 : 2, false, &start)) return;
    if (!stream_bound_arg(c, reverse ? 2 : 3, true, &end)) return;
    for (int i = 4; i < c->argc; i += 2) {
        if (!arg_is(c, i, "COUNT") || i + 1 >= c->argc) {
            reply_syntax_error(c);
            return;
        }
        if (!arg_int(c, i + 1, &count)) return;
        if (count < 0) count = 0;
    }
    if (!keyed_read(c, 1, VALUE_STREAM, &v)) return;
    if (!v.e)
        reply_array(c, 0);
    else if (count == 0)
        reply_null_array(c);
    else
        stream_reply_range(c, stream_of(v.e), start, end, count < 0 ? 0 : (uint64_t)count, reverse);
}

static void cmd_xrange(struct call *c) { range(c, false); }
static void cmd_xrevrange(struct call *c) { range(c, true); }

/* ---- the table ---- */

#define ROW(nm, fn, ar, fl, since_, cx, sum, syn, ...)                                             \
    {                                                                                              \
        nm, fn, .arity = ar, .flags = fl, .acl = ACL_STREAM, .keys = { __VA_ARGS__ },              \
                .since = since_, .group = "stream", .complexity = cx, .summary = sum,              \
                .syntax = syn

static const char *const not_exact[] = { "nondeterministic_output", NULL };
static const char *const add_history[] = {
    "6.2.0", "The options NOMKSTREAM, MINID and LIMIT.",
    "7.0.0", "An explicit id may be given as <ms>-*.", NULL
};
static const char *const trim_history[] = { "6.2.0", "The options MINID and LIMIT.", NULL };
static const char *const range_history[] = { "6.2.0", "Bounds may be exclusive.", NULL };
static const char *const setid_history[] = {
    "7.0.0", "The options ENTRIESADDED and MAXDELETEDID.", NULL
};

#define RANGE_COST "O(N), N: entries given back"

const struct command cmds_stream[] = {
    ROW("XADD", cmd_xadd, -5, CMD_WRITE | CMD_DENYOOM | CMD_FAST, "5.0.0",
        "O(1); O(N) with trimming, N: entries removed",
        "Adds an entry to a stream, which is made if it is not there.",
        "key:key nomkstream=[NOMKSTREAM@6.2.0] trim=[strategy=(MAXLEN|MINID@6.2.0) "
        "operator=[equal==|approximately=~] threshold:string [LIMIT count:integer@6.2.0]] "
        "id_or_auto=(auto_id=*|id:string) (field:string value:string)...",
        { .begin = KEYS_AT, .first = 1, .find = KEYS_RANGE, .last = 0, .step = 1,
          .flags = KEY_RW | KEY_UPDATE,
          .notes = "UPDATE rather than INSERT: trimming may remove entries" }),
        .hints = not_exact, .history = add_history },
    ROW("XDEL", cmd_xdel, -3, CMD_WRITE | CMD_FAST, "5.0.0", "O(1) an entry",
        "Removes entries from a stream by their ids.", "key:key id:string...",
        KEYS(1, 1, 1, KEY_RW | KEY_DELETE)) },
    ROW("XLEN", cmd_xlen, 2, CMD_READONLY | CMD_FAST, "5.0.0", "O(1)",
        "Counts the entries of a stream.", "key:key", KEYS(1, 1, 1, KEY_RO)) },
    ROW("XRANGE", cmd_xrange, -4, CMD_READONLY, "5.0.0", RANGE_COST,
        "Gives a stream's entries with ids in an interval.",
        "key:key start:string end:string [COUNT count:integer]",
        KEYS(1, 1, 1, KEY_RO | KEY_ACCESS)), .history = range_history },
    ROW("XREVRANGE", cmd_xrevrange, -4, CMD_READONLY, "5.0.0", RANGE_COST,
        "Gives a stream's entries with ids in an interval, the latest first.",
        "key:key end:string start:string [COUNT count:integer]",
        KEYS(1, 1, 1, KEY_RO | KEY_ACCESS)), .history = range_history },
    ROW("XSETID", cmd_xsetid, -3, CMD_WRITE | CMD_DENYOOM | CMD_FAST, "5.0.0", "O(1)",
        "Sets a stream's last id and counters, for replicas and files.",
        "key:key last-id:string [ENTRIESADDED entries_added:integer@7.0.0] "
        "[MAXDELETEDID max_deleted_entry_id:string@7.0.0]",
        KEYS(1, 1, 1, KEY_RW | KEY_UPDATE)), .history = setid_history },
    ROW("XTRIM", cmd_xtrim, -4, CMD_WRITE, "5.0.0", "O(N), N: entries removed",
        "Removes the oldest entries of a stream, to a length or up to an id.",
        "key:key trim=(strategy=(MAXLEN|MINID@6.2.0) operator=[equal==|approximately=~] "
        "threshold:string [LIMIT count:integer@6.2.0])",
        KEYS(1, 1, 1, KEY_RW | KEY_DELETE)), .hints = not_exact, .history = trim_history },
    COMMANDS_END,
};
