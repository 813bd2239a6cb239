/* XREAD and XREADGROUP: from several streams what is newer than an id; they may wait for it. Shared
 * rules:
 *   - a group hands each new entry to one consumer, for whom it is pending until acknowledged;
 *   - in the stream of writes a delivery is an XCLAIM of each entry; without acknowledgement
 *     (NOACK) it is the group's new place. */
#include "core/base/mem.h"
#include "server/block.h"
#include "server/cmd/families.h"
#include "server/cmd/stream.h"
#include "server/script/scripting.h"

#define WAITED_COUNT 1000 /* entries for a client that waited and named no COUNT */

struct reading {
    bool grouped; /* XREADGROUP */
    bool noack, blocks;
    int group_at, consumer_at; /* 0: no GROUP */
    int first, keys;           /* keys in argv[first] .., their ids behind them */
    int64_t timeout_ms;
    uint64_t count; /* 0: all */
};

/* One stream to read from. */
struct source {
    struct stream *s; /* NULL: no such key */
    struct stream_group *g;
    struct stream_id after;
    bool fresh; /* ">": what the group has not delivered yet */
};

/* ---- arguments ---- */

static bool only_in_groups(struct call *c, const struct reading *r, const char *word)
{
    if (r->grouped) return true;
    reply_error_fmt(c, "The %s option is only supported by XREADGROUP. You called XREAD instead.",
                    word);
    return false;
}

static bool take_streams(struct call *c, int at, struct reading *r)
{
    r->first = at;
    r->keys = (c->argc - at) / 2;
    if ((c->argc - at) % 2 == 0) return true;
    reply_error(c, "Unbalanced XREAD list of streams: for each stream key an ID or '$' must be "
                   "specified.");
    return false;
}

/* The option at argument *i. */
static bool take_option(struct call *c, int *i, struct reading *r)
{
    int more = c->argc - *i - 1;
    if (more && arg_is(c, *i, "BLOCK")) {
        r->blocks = true;
        if (scripting_caller(c) != c->client) {
            reply_error_fmt(c, "%.*s command is not allowed with BLOCK option from scripts",
                            SLICE_ARG(c->argv[0]));
            return false;
        }
        return block_timeout_ms_arg(c, ++*i, &r->timeout_ms);
    }
    if (more && arg_is(c, *i, "COUNT")) {
        int64_t count;
        if (!arg_int(c, ++*i, &count)) return false;
        r->count = count < 0 ? 0 : (uint64_t)count;
        return true;
    }
    if (more && arg_is(c, *i, "STREAMS")) return take_streams(c, *i + 1, r);
    if (more >= 2 && arg_is(c, *i, "GROUP")) {
        r->group_at = *i + 1;
        r->consumer_at = *i += 2;
        return only_in_groups(c, r, "GROUP");
    }
    if (arg_is(c, *i, "NOACK")) {
        r->noack = true;
        return only_in_groups(c, r, "NOACK");
    }
    reply_syntax_error(c);
    return false;
}

static bool reading_args(struct call *c, struct reading *r)
{
    *r = (struct reading){ .grouped = slice_ieqz(slice_z(c->entry->fullname), "xreadgroup") };
    for (int i = 1; i < c->argc && !r->first; i++)
        if (!take_option(c, &i, r)) return false;
    if (!r->first) {
        reply_syntax_error(c);
        return false;
    }
    if (!r->grouped || r->group_at) return true;
    reply_error(c, "Missing GROUP option for XREADGROUP");
    return false;
}

static bool source_id(struct call *c, const struct reading *r, int at, struct source *src)
{
    if (slice_eqz(c->argv[at], "$")) {
        if (src->s) src->after = src->s->last_id;
        if (!r->grouped) return true;
        reply_error(c, "The $ ID is meaningless in the context of XREADGROUP: you want to read the "
                       "history of this consumer by specifying a proper ID, or use the > ID to get "
                       "new messages. The $ ID would just return an empty result set.");
        return false;
    }
    if (slice_eqz(c->argv[at], ">")) {
        src->fresh = true;
        if (r->grouped) return true;
        reply_error(c, "The > ID can be specified only when calling XREADGROUP using the GROUP "
                       "<group> <consumer> option.");
        return false;
    }
    if (!stream_id_arg(c, at, 0, &src->after)) return false;
    src->fresh = r->grouped && stream_id_cmp(src->after, STREAM_ID_MAX) == 0;
    return true;
}

static bool find_source(struct call *c, const struct reading *r, int i, struct source *src)
{
    struct value v;
    int at = r->first + i;
    *src = (struct source){ 0 };
    if (r->grouped) {
        bool ok = stream_group_arg(c, at, r->group_at, true, " in XREADGROUP with GROUP option",
                                   &v, &src->g);
        ks_note_read(db_of(c), c->argv[at], v.e != NULL);
        if (!ok) return false;
    } else if (!keyed_read(c, at, VALUE_STREAM, &v)) {
        return false;
    }
    if (v.e) src->s = stream_of(v.e);
    return source_id(c, r, at + r->keys, src);
}

/* ---- what is given ---- */

/* There is something for this reader; a group's place is taken as where it stands now. */
static bool has_news(struct source *src)
{
    if (!src->s) return false;
    if (src->g && !src->fresh) return true; /* its history, be it empty */
    if (src->g) src->after = src->g->last_id;
    return src->s->length && stream_id_cmp(stream_edge(src->s, false, false), src->after) > 0;
}

/* Entries that nobody has had. */
static void give_new(struct call *c, const struct reading *r, int key_at, struct source *src,
                     struct stream_consumer *consumer, uint64_t count)
{
    size_t mark = reply_later(c), n = 0;
    struct stream_id start = src->after;
    stream_id_next(&start);
    struct stream_iter it = stream_range(src->s, start, STREAM_ID_MAX, false);
    bool advanced = false;
    while ((!count || n < count) && stream_next(&it)) {
        n++;
        if (src->g && stream_id_cmp(it.id, src->g->last_id) > 0) {
            stream_group_advance(src->s, src->g, it.id);
            advanced = true;
        }
        stream_reply_entry(c, &it);
        if (!src->g || r->noack) continue;
        stream_tell_claim(c, c->argv[key_at], src->g, it.id,
                          stream_pending_deliver(src->g, consumer, it.id, c->now_ms));
    }
    if (advanced && r->noack) stream_tell_group(c, c->argv[key_at], src->g);
    reply_later_array(c, mark, n);
}

/* What is pending for the consumer; entries that are gone without fields. */
static void give_history(struct call *c, const struct source *src, struct stream_consumer *consumer,
                         uint64_t count)
{
    size_t mark = reply_later(c), n = 0;
    struct stream_id start = src->after;
    stream_id_next(&start);
    struct idmap_pos pos = idmap_from(&consumer->pending, start);
    for (; (!count || n < count) && idmap_is(&pos); idmap_step(&pos), n++) {
        struct stream_pending *p = stream_pending_at(&pos);
        if (stream_reply_one(c, src->s, idmap_id(&pos))) {
            p->delivered_ms = c->now_ms;
            p->deliveries++;
        } else {
            reply_array(c, 2);
            stream_reply_id(c, idmap_id(&pos));
            reply_null_array(c);
        }
    }
    reply_later_array(c, mark, n);
}

/* Name and entries: a pair of the map, or an array of two. */
static void give(struct call *c, const struct reading *r, int key_at, struct source *src,
                 uint64_t count)
{
    struct stream_consumer *consumer = NULL;
    bool created;
    if (c->client->resp == 2) reply_array(c, 2);
    reply_bulk(c, c->argv[key_at]);
    if (src->g) {
        consumer = stream_consumer_use(c, key_at, src->g, c->argv[r->consumer_at], &created);
        if (created && r->noack) stream_tell_consumer(c, c->argv[key_at], src->g, consumer);
        call_silent(c);
        c->changed++;
    }
    if (src->g && !src->fresh)
        give_history(c, src, consumer, count);
    else
        give_new(c, r, key_at, src, consumer, count);
}

static bool give_all(struct call *c, const struct reading *r, struct source *sources)
{
    size_t n = 0, mark = 0;
    for (int i = 0; i < r->keys; i++) {
        /* To Redis this is a second look at the key. */
        ks_note_read(db_of(c), c->argv[r->first + i], sources[i].s != NULL);
        if (!has_news(&sources[i])) continue;
        if (!n++) mark = reply_later(c);
        give(c, r, r->first + i, &sources[i], r->count);
    }
    if (n && c->client->resp == 2)
        reply_later_array(c, mark, n);
    else if (n)
        reply_later_map(c, mark, n);
    return n > 0;
}

/* ---- waiting ---- */

/* A client that waited is served from the one stream that has news. */
static void give_one(struct call *c, const struct reading *r, int key_at, struct source *src)
{
    if (c->client->resp == 2)
        reply_array(c, 1);
    else
        reply_map(c, 1);
    give(c, r, key_at, src, r->count ? r->count : WAITED_COUNT);
}

static bool serve(struct call *c, int at)
{
    struct reading r;
    struct value v;
    struct source src = { 0 };
    if (!reading_args(c, &r)) return true;
    ks_write(db_of(c), c->argv[at], lookup_flags(c), &v);
    if (value_is(&v, VALUE_STREAM)) {
        src.s = stream_of(v.e);
    } else if (r.grouped) {
        reply_error(c, "-UNBLOCKED the stream key no longer exists");
        return true;
    }
    if (!src.s) return false;
    if (r.grouped && !(src.g = stream_group_find(src.s, c->argv[r.group_at]))) {
        reply_error(c, "-NOGROUP the consumer group this client was blocked on no longer exists");
        return true;
    }
    if (!source_id(c, &r, at + r.keys, &src)) return true;
    if (!has_news(&src)) return false;
    give_one(c, &r, at, &src);
    return true;
}

/* "$" is the last id of this moment, not of the one when the client is served. */
static void wait_for_news(struct call *c, const struct reading *r, const struct source *sources)
{
    struct slice *words = mem_alloc((size_t)c->argc * sizeof(*words));
    char(*ids)[STREAM_ID_TMP] = mem_alloc((size_t)r->keys * STREAM_ID_TMP);
    memcpy(words, c->argv, (size_t)c->argc * sizeof(*words));
    for (int i = 0; i < r->keys; i++)
        if (!r->grouped) words[r->first + r->keys + i] = stream_id_text(sources[i].after, ids[i]);
    struct call as = *c;
    as.argv = words;
    block_on(&as, &(struct block_wait){ .first = r->first,
                                        .keys = r->keys,
                                        .types = BLOCK_TYPE(VALUE_STREAM),
                                        .when_removed = r->grouped,
                                        .timeout_ms = r->timeout_ms,
                                        .serve = serve,
                                        .timed_out = reply_null_array });
    mem_free(ids);
    mem_free(words);
}

static void cmd_xread(struct call *c)
{
    struct reading r;
    bool ok = true;
    if (!reading_args(c, &r)) return;
    struct source *sources = mem_alloc((size_t)(r.keys + 1) * sizeof(*sources));
    for (int i = 0; ok && i < r.keys; i++) ok = find_source(c, &r, i, &sources[i]);
    if (ok && !give_all(c, &r, sources)) {
        if (r.blocks)
            wait_for_news(c, &r, sources);
        else
            reply_null_array(c);
    }
    mem_free(sources);
}

/* ---- the table ---- */

#define STREAM_KEYS(from)                                                                          \
    {                                                                                              \
        { .begin = KEYS_AFTER_WORD, .first = from, .word = "STREAMS", .find = KEYS_RANGE,          \
          .last = -1, .step = 1, .limit = 2, .flags = KEY_RO | KEY_ACCESS }                        \
    }

const struct command cmds_stream_read[] = {
    { "XREAD", cmd_xread, .arity = -4, .flags = CMD_READONLY | CMD_BLOCKING | CMD_MOVABLE_KEYS,
      .acl = ACL_STREAM, .keys = STREAM_KEYS(1), .since = "5.0.0", .group = "stream",
      .complexity = "O(N), N: entries given back",
      .summary = "Gives the entries of several streams that come after an id; may wait for them.",
      .syntax = "[COUNT count:integer] [BLOCK milliseconds:integer] "
                "streams=STREAMS (key:key... id:string...)" },
    { "XREADGROUP", cmd_xread, .arity = -7, .flags = CMD_WRITE | CMD_BLOCKING | CMD_MOVABLE_KEYS,
      .acl = ACL_STREAM, .keys = STREAM_KEYS(4), .since = "5.0.0", .group = "stream",
      .complexity = "O(N), N: entries given back",
      .summary = "Gives a consumer new entries of its group, or what is pending for it; may wait.",
      .syntax = "group_consumer=GROUP (group:string consumer:string) [COUNT count:integer] "
                "[BLOCK milliseconds:integer] noack=[NOACK] "
                "streams=STREAMS (key:key... id:string...)" },
    COMMANDS_END,
};
