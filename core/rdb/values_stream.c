/* Streams in the RDB (codes 15, 19, 21):
 *
 *     number of nodes, each: id of its first entry (string of 16 bytes), node (string)
 *     length, last id, [first id, highest deleted id, entries ever added]           [from 19 on]
 *     number of groups, each: name, last id, [entries read],
 *         number of pending entries, each: id (16 bytes), delivery time (8 bytes), deliveries
 *         number of consumers, each: name, seen time (8 bytes), [active time (8 bytes)] [in 21]
 *             number of pending entries, each: id (16 bytes)
 *
 * Ids are two lengths where nothing else is said. Loaded in steps, one a node, group, pending entry
 * or consumer; `struct part` says which comes next. */
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/rdb/values.h"
#include "core/types/stream_group.h"

#define STEPS_A_TURN 256 /* then the loader looks after its time */

/* --- save --------------------------------------------------------------------------------- */

static void put_id(struct rdb_out *o, struct stream_id id)
{
    rdb_put_len(o, id.ms);
    rdb_put_len(o, id.seq);
}

static void put_raw_id(struct rdb_out *o, struct stream_id id)
{
    char raw[16];
    stream_id_put(id, raw);
    rdb_put(o, raw, sizeof(raw));
}

static void save_nodes(struct rdb_out *o, const struct stream *s)
{
    struct idmap_pos pos = idmap_first(&s->nodes);
    rdb_put_len(o, s->nodes.count);
    for (; idmap_is(&pos); idmap_step(&pos)) {
        char raw[16];
        stream_id_put(idmap_id(&pos), raw);
        rdb_put_string(o, slice_of(raw, sizeof(raw)));
        rdb_put_string(o, packed_bytes(*idmap_slot(&pos)));
    }
}

static void save_group(struct rdb_out *o, const struct stream_group *g)
{
    rdb_put_string(o, str_slice(g->name));
    put_id(o, g->last_id);
    rdb_put_len(o, (uint64_t)g->entries_read);
    rdb_put_len(o, g->pending.count);
    struct idmap_pos pos = idmap_first(&g->pending);
    for (; idmap_is(&pos); idmap_step(&pos)) {
        const struct stream_pending *p = stream_pending_at(&pos);
        put_raw_id(o, idmap_id(&pos));
        rdb_put_u64(o, (uint64_t)p->delivered_ms);
        rdb_put_len(o, p->deliveries);
    }
    rdb_put_len(o, g->consumers.n);
    for (size_t i = 0; i < g->consumers.n; i++) {
        const struct stream_consumer *c = g->consumers.at[i];
        rdb_put_string(o, str_slice(c->name));
        rdb_put_u64(o, (uint64_t)c->seen_ms);
        rdb_put_len(o, c->pending.count);
        pos = idmap_first(&c->pending);
        for (; idmap_is(&pos); idmap_step(&pos)) put_raw_id(o, idmap_id(&pos));
    }
}

void rdb_save_stream(struct rdb_out *o, const struct entry *e)
{
    const struct stream *s = stream_of(e);
    save_nodes(o, s);
    rdb_put_len(o, s->length);
    put_id(o, s->last_id);
    put_id(o, s->first_id);
    put_id(o, s->max_deleted);
    rdb_put_len(o, s->added);
    rdb_put_len(o, s->groups.n);
    for (size_t i = 0; i < s->groups.n; i++) save_group(o, s->groups.at[i]);
}

/* --- load --------------------------------------------------------------------------------- */

enum step { NODES, COUNTERS, GROUPS, PENDING, CONSUMERS, OWNED, DONE };

struct part {
    enum step step;
    bool begun; /* the number of nodes has been read */
    int code;   /* enum rdb_type */
    struct stream *s;
    uint64_t nodes, groups, pending, consumers, owned; /* to come */
    struct stream_group *group;
    struct stream_consumer *consumer;
};

static bool get_id(struct rdb_in *in, struct stream_id *id)
{
    return rdb_get_len(in, &id->ms, NULL) && rdb_get_len(in, &id->seq, NULL);
}

static bool get_raw_id(struct rdb_in *in, struct stream_id *id)
{
    const char *raw;
    if (!rdb_get(in, 16, &raw)) return false;
    *id = stream_id_get(raw);
    return true;
}

static bool load_node(struct rdb_in *in, struct part *p)
{
    struct slice s;
    if (!p->begun) {
        p->begun = rdb_get_len(in, &p->nodes, NULL);
        return p->begun;
    }
    if (!p->nodes) {
        p->step = COUNTERS;
        return true;
    }
    if (!rdb_get_string(in, &s)) return false;
    if (s.n != 16) return rdb_in_fail(in, ERR_FORMAT, "a stream node's id is not 16 bytes");
    struct stream_id master = stream_id_get(s.p);
    if (!rdb_get_string(in, &s)) return false;
    if (!packed_valid(s, true, NULL))
        return rdb_in_fail(in, ERR_FORMAT, "Stream listpack integrity check failed.");
    struct packed *node = packed_from_bytes(s);
    if (!stream_adopt_node(p->s, master, node)) {
        packed_free(node);
        return rdb_in_fail(in, ERR_FORMAT,
                           "Stream listpack integrity check failed (order)");
    }
    p->nodes--;
    return true;
}

/* What older formats do not tell follows from the entries. */
static void guess_counters(struct stream *s)
{
    s->first_id = s->length ? stream_edge(s, true, false) : STREAM_ID_MIN;
    s->max_deleted = STREAM_ID_MIN;
    s->added = s->length;
}

static bool load_counters(struct rdb_in *in, struct part *p)
{
    struct stream *s = p->s;
    uint64_t length;
    if (!rdb_get_len(in, &length, NULL) || !get_id(in, &s->last_id)) return false;
    if (p->code == RDB_STREAM_LISTPACKS)
        guess_counters(s);
    else if (!get_id(in, &s->first_id) || !get_id(in, &s->max_deleted) ||
             !rdb_get_len(in, &s->added, NULL))
        return false;
    if (!rdb_get_len(in, &p->groups, NULL)) return false;
    if (length != s->length || stream_id_cmp(stream_edge(s, false, false), s->last_id) > 0)
        return rdb_in_fail(in, ERR_FORMAT, "a stream's counters do not fit its entries");
    p->step = GROUPS;
    return true;
}

static bool load_group(struct rdb_in *in, struct part *p)
{
    struct slice s;
    struct stream_id last;
    uint64_t read = (uint64_t)STREAM_UNKNOWN;
    if (!p->groups) {
        p->step = DONE;
        return true;
    }
    if (!rdb_get_string(in, &s)) return false;
    struct str name = str_new(s); /* what follows may take its place */
    bool ok = get_id(in, &last) &&
              (p->code == RDB_STREAM_LISTPACKS || rdb_get_len(in, &read, NULL)) &&
              rdb_get_len(in, &p->pending, NULL);
    if (ok) {
        int64_t known = p->code == RDB_STREAM_LISTPACKS ? stream_rank(p->s, last) : (int64_t)read;
        p->group = stream_group_add(p->s, str_slice(name), last, known);
        if (!p->group) ok = rdb_in_fail(in, ERR_FORMAT, "a stream has a group twice");
    }
    str_free(&name);
    if (!ok) return false;
    p->groups--;
    p->step = PENDING;
    return true;
}

static bool load_pending(struct rdb_in *in, struct part *p)
{
    struct stream_id id;
    uint64_t ms, deliveries;
    if (!p->pending) {
        if (!rdb_get_len(in, &p->consumers, NULL)) return false;
        p->step = CONSUMERS;
        return true;
    }
    if (!get_raw_id(in, &id) || !rdb_get_u64(in, &ms) || !rdb_get_len(in, &deliveries, NULL))
        return false;
    if (!stream_pending_add(p->group, id, (int64_t)ms, deliveries))
        return rdb_in_fail(in, ERR_FORMAT, "an entry is pending twice in a group");
    p->pending--;
    return true;
}

static bool all_owned(const struct stream_group *g)
{
    size_t n = 0;
    for (size_t i = 0; i < g->consumers.n; i++) n += g->consumers.at[i]->pending.count;
    return n == g->pending.count;
}

static bool load_consumer(struct rdb_in *in, struct part *p)
{
    struct slice s;
    uint64_t seen, active;
    if (!p->consumers) {
        p->step = GROUPS;
        return all_owned(p->group) ||
               rdb_in_fail(in, ERR_FORMAT, "an entry is pending for no consumer");
    }
    if (!rdb_get_string(in, &s)) return false;
    struct str name = str_new(s);
    bool ok = rdb_get_u64(in, &seen) &&
              (p->code != RDB_STREAM_LISTPACKS_3 || rdb_get_u64(in, &active)) &&
              rdb_get_len(in, &p->owned, NULL);
    if (ok) {
        p->consumer = stream_consumer_add(p->group, str_slice(name), (int64_t)seen);
        if (!p->consumer) ok = rdb_in_fail(in, ERR_FORMAT, "a group has a consumer twice");
    }
    str_free(&name);
    if (!ok) return false;
    p->consumers--;
    p->step = OWNED;
    return true;
}

static bool load_owned(struct rdb_in *in, struct part *p)
{
    struct stream_id id;
    if (!p->owned) {
        p->step = CONSUMERS;
        return true;
    }
    if (!get_raw_id(in, &id)) return false;
    struct stream_pending *pending = stream_pending_find(p->group, id);
    if (!pending || pending->consumer)
        return rdb_in_fail(in, ERR_FORMAT, "a consumer's pending entry is not its group's");
    stream_pending_move(pending, id, p->consumer);
    p->owned--;
    return true;
}

static bool (*const steps[])(struct rdb_in *in, struct part *p) = {
    load_node, load_counters, load_group, load_pending, load_consumer, load_owned
};

void rdb_abandon_stream(struct rdb_building *b)
{
    struct part *p = b->part;
    if (!p) return;
    if (p->s) stream_free(p->s);
    mem_free(p);
    b->part = NULL;
}

static enum rdb_build load(struct rdb_in *in, struct rdb_building *b, int code)
{
    if (!b->part) {
        struct part *p = b->part = mem_zalloc(sizeof(*p));
        p->s = stream_make();
        p->code = code;
    }
    struct part *p = b->part;
    for (int i = 0; i < STEPS_A_TURN && p->step != DONE; i++) {
        if (!steps[p->step](in, p)) return rdb_build_ended(in);
        rdb_in_commit(in);
    }
    if (p->step != DONE) return RDB_PART;
    b->e = stream_entry(b->key, p->s, b->deadline);
    p->s = NULL;
    rdb_abandon_stream(b);
    return RDB_BUILT;
}

enum rdb_build rdb_load_stream(struct rdb_in *in, struct rdb_building *b)
{
    return load(in, b, RDB_STREAM_LISTPACKS);
}

enum rdb_build rdb_load_stream_2(struct rdb_in *in, struct rdb_building *b)
{
    return load(in, b, RDB_STREAM_LISTPACKS_2);
}

enum rdb_build rdb_load_stream_3(struct rdb_in *in, struct rdb_building *b)
{
    return load(in, b, RDB_STREAM_LISTPACKS_3);
}
