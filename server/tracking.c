#include "server/tracking.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/base/table.h"
#include "core/base/vec.h"
#include "core/db/keyspace.h"
#include "core/front/front.h"
#include "core/front/limits.h"
#include "core/front/pubsub.h"
#include "core/front/reply.h"
#include "server/block.h"
#include "server/config.h"
#include "server/journal.h"
#include "server/server.h"
#include "server/session.h"

#define EVICT_AT_ONCE 1000 /* keys beyond tracking-table-max-keys that one call forgets */

/* A key that somebody has read. One reader, the usual, needs no further memory. */
struct tracked {
    uint32_t n, size; /* readers, bytes of the key */
    union {
        uint64_t one;
        uint64_t *many; /* ascending; room for the next power of two */
    } id;
    char key[];
};

/* What the end of the unit has to tell: a key, or that all keys are gone. */
struct news {
    struct tracked *key; /* NULL: everything */
    uint64_t writer;     /* the client that did it; 0: none did */
    int last_db;         /* of a flush: databases follow each other */
};

/* A key that changed under a prefix. */
struct changed {
    uint64_t writer;
    uint32_t size;
    char key[];
};

struct prefix {
    struct ilist members;
    struct table changed;
    uint32_t size;
    char bytes[];
};

struct member {
    struct ilist mine, same_prefix;
    struct prefix *prefix;
    struct client *cl;
};

struct length {
    uint32_t size, prefixes;
};

struct tracking {
    struct server *s;
    struct touch_hook hook;
    bool hooked;
    size_t clients; /* that track */
    struct table keys, prefixes;
    size_t items;
    VEC(struct news) news;
    VEC(struct length) lengths; /* of prefixes, each once */
    VEC(struct prefix *) dirty; /* with changed keys */
};

/* ---- tables ---- */

static struct slice tracked_name(const struct tracked *k) { return slice_of(k->key, k->size); }
static struct slice changed_name(const struct changed *k) { return slice_of(k->key, k->size); }
static struct slice prefix_name(const struct prefix *p) { return slice_of(p->bytes, p->size); }

static uint64_t name_hash(const struct table *t, struct slice name)
{
    return hash_bytes(name.p, name.n, t->app);
}

static uint64_t tracked_hash(const struct table *t, const void *e)
{
    return name_hash(t, tracked_name(e));
}
static bool tracked_is(const void *e, const void *key)
{
    return slice_eq(tracked_name(e), *(const struct slice *)key);
}
static uint64_t changed_hash(const struct table *t, const void *e)
{
    return name_hash(t, changed_name(e));
}
static bool changed_is(const void *e, const void *key)
{
    return slice_eq(changed_name(e), *(const struct slice *)key);
}
static uint64_t prefix_hash(const struct table *t, const void *e)
{
    return name_hash(t, prefix_name(e));
}
static bool prefix_is(const void *e, const void *key)
{
    return slice_eq(prefix_name(e), *(const struct slice *)key);
}

static const struct table_type tracked_type = { tracked_hash, tracked_is };
static const struct table_type changed_type = { changed_hash, changed_is };
static const struct table_type prefix_type = { prefix_hash, prefix_is };

static void *find(const struct table *t, struct slice name)
{
    void **slot = table_find(t, name_hash(t, name), &name);
    return slot ? *slot : NULL;
}

static struct tracking *tracking_of(const struct client *cl)
{
    return ((struct server *)cl->front->app)->tracking;
}

/* ---- readers of a key ---- */

static const uint64_t *ids_of(const struct tracked *k)
{
    return k->n == 1 ? &k->id.one : k->id.many;
}

static void tracked_free(struct tracked *k)
{
    if (k->n > 1) mem_free(k->id.many);
    mem_free(k);
}

/* Where the id is, or belongs. */
static uint32_t place_of(const struct tracked *k, uint64_t id)
{
    const uint64_t *ids = ids_of(k);
    uint32_t low = 0, high = k->n;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (ids[mid] < id) low = mid + 1;
        else high = mid;
    }
    return low;
}

static void add_id(struct tracked *k, uint32_t at, uint64_t id)
{
    if (k->n == 1) {
        uint64_t first = k->id.one;
        k->id.many = mem_alloc(2 * sizeof(uint64_t));
        k->id.many[0] = first;
    } else if ((k->n & (k->n - 1)) == 0) {
        k->id.many = mem_realloc(k->id.many, (size_t)k->n * 2 * sizeof(uint64_t));
    }
    memmove(k->id.many + at + 1, k->id.many + at, (k->n - at) * sizeof(uint64_t));
    k->id.many[at] = id;
    k->n++;
}

static void remember(struct tracking *t, struct slice key, uint64_t id)
{
    struct tracked *k = find(&t->keys, key);
    if (!k) {
        k = mem_alloc(sizeof(*k) + key.n);
        k->n = 1;
        k->size = (uint32_t)key.n;
        k->id.one = id;
        if (key.n) memcpy(k->key, key.p, key.n);
        table_add(&t->keys, name_hash(&t->keys, key), k);
        t->items++;
        return;
    }
    uint32_t at = place_of(k, id);
    if (at < k->n && ids_of(k)[at] == id) return;
    add_id(k, at, id);
    t->items++;
}

/* ---- what changes ---- */

/* A blocked client that is served writes itself, whoever made it possible. */
static uint64_t writer_of(const struct tracking *t)
{
    uint64_t served = blocking_served(t->s->blocking);
    if (served) return served;
    return t->s->front->running ? t->s->front->running->id : 0;
}

static void tell_later(struct tracking *t, struct tracked *k, uint64_t writer)
{
    table_remove_entry(&t->keys, tracked_hash(&t->keys, k), k);
    t->items -= k->n;
    struct news n = { k, writer, -1 };
    vec_push(&t->news, n);
}

static void note_change(struct tracking *t, struct prefix *p, struct slice key)
{
    if (find(&p->changed, key)) return;
    struct changed *c = mem_alloc(sizeof(*c) + key.n);
    c->writer = writer_of(t);
    c->size = (uint32_t)key.n;
    if (key.n) memcpy(c->key, key.p, key.n);
    if (table_count(&p->changed) == 0) vec_push(&t->dirty, p);
    table_add(&p->changed, name_hash(&p->changed, key), c);
}

static void note_prefixes(struct tracking *t, struct slice key)
{
    for (size_t i = 0; i < t->lengths.n; i++) {
        if (t->lengths.at[i].size > key.n) continue;
        struct prefix *p = find(&t->prefixes, slice_of(key.p, t->lengths.at[i].size));
        if (p) note_change(t, p, key);
    }
}

static void free_keys(struct tracking *t)
{
    struct table_iter it;
    table_iter_start(&it, &t->keys);
    for (struct tracked *k; (k = table_iter_next(&it));) tracked_free(k);
    table_iter_end(&it);
    table_free(&t->keys);
    t->items = 0;
}

/* A flush of all databases names them one after the other, and is one piece of news. */
static void note_flush(struct tracking *t, int db)
{
    free_keys(t);
    struct news *last = t->news.n ? &vec_last(&t->news) : NULL;
    if (last && !last->key && last->last_db < db) {
        last->last_db = db;
        return;
    }
    struct news n = { NULL, writer_of(t), db };
    vec_push(&t->news, n);
}

static void on_touch(void *app, const struct touch *touch)
{
    struct tracking *t = app;
    if (touch->kind == TOUCH_SWAPPED) return; /* told to nobody, as by Redis */
    if (touch->kind == TOUCH_FLUSHED) {
        note_flush(t, touch->db);
        return;
    }
    if (t->lengths.n) note_prefixes(t, touch->key);
    struct tracked *k = find(&t->keys, touch->key);
    if (k) tell_later(t, k, writer_of(t));
}

static void hook_if_needed(struct tracking *t)
{
    bool need = t->clients || table_count(&t->keys);
    if (need == t->hooked) return;
    if (need) touch_add(&t->s->ks->touch, &t->hook);
    else touch_remove(&t->s->ks->touch, &t->hook);
    t->hooked = need;
}

void tracking_moved(struct tracking *t, struct keyspace *from, struct keyspace *to)
{
    if (!t->hooked) return;
    touch_remove(&from->touch, &t->hook);
    touch_add(&to->touch, &t->hook);
    note_flush(t, INT32_MAX);
}

/* ---- messages ---- */

static void tell_broken(struct client *cl)
{
    cl->flags |= CLIENT_TRACKING_BROKEN;
    if (cl->resp < 3) return;
    struct call c = push_call_for(cl);
    reply_push(&c, 2);
    reply_bulk_z(&c, "tracking-redir-broken");
    reply_int(&c, (int64_t)cl->redirect);
    limits_check(cl);
}

/* Begins a message for a client that tracks; the caller writes the keys and calls limits_check.
 * False: there is nobody who could take one. */
static bool begin_message(struct client *cl, struct call *c)
{
    struct client *to = cl;
    if (cl->redirect && !(to = client_by_id(cl->front, cl->redirect))) {
        tell_broken(cl);
        return false;
    }
    /* In RESP2 a message is told from a reply only by who listens. */
    if (to->resp < 3 && !(cl->redirect && to->pubsub)) return false;
    *c = push_call_for(to);
    reply_push(c, to->resp < 3 ? 3 : 2);
    if (to->resp < 3) {
        reply_bulk_z(c, "message");
        reply_bulk_z(c, "__redis__:invalidate");
    } else {
        reply_bulk_z(c, "invalidate");
    }
    return true;
}

static void tell_key(struct tracking *t, const struct news *n, uint64_t id)
{
    struct client *cl = client_by_id(t->s->front, id);
    struct call c;
    if (!cl || !(cl->flags & CLIENT_TRACKING) || cl->flags & CLIENT_TRACKING_BCAST) return;
    if (cl->flags & CLIENT_TRACKING_NOLOOP && n->writer == id) return;
    if (!begin_message(cl, &c)) return;
    reply_array(&c, 1);
    reply_bulk(&c, tracked_name(n->key));
    limits_check(c.client);
}

static void tell_all_gone(struct tracking *t)
{
    ilist_each(&t->s->front->clients, it, next)
    {
        struct client *cl = ilist_of(it, struct client, node);
        struct call c;
        if (!(cl->flags & CLIENT_TRACKING) || !begin_message(cl, &c)) continue;
        reply_null(&c);
        limits_check(c.client);
    }
}

static void tell_news(struct tracking *t)
{
    for (size_t i = 0; i < t->news.n; i++) {
        struct news *n = &t->news.at[i];
        if (!n->key) {
            tell_all_gone(t);
            continue;
        }
        for (uint32_t at = 0; at < n->key->n; at++) tell_key(t, n, ids_of(n->key)[at]);
        tracked_free(n->key);
    }
    vec_clear(&t->news);
    hook_if_needed(t);
}

/* ---- messages of BCAST ---- */

struct changes {
    VEC(struct changed *) at;
};

static int by_key(const void *a, const void *b)
{
    return slice_cmp(changed_name(*(struct changed *const *)a),
                     changed_name(*(struct changed *const *)b));
}

static int by_prefix(const void *a, const void *b)
{
    return slice_cmp(prefix_name(*(struct prefix *const *)a),
                     prefix_name(*(struct prefix *const *)b));
}

static void take_changes(struct prefix *p, struct changes *out)
{
    struct table_iter it;
    table_iter_start(&it, &p->changed);
    for (struct changed *c; (c = table_iter_next(&it));) vec_push(&out->at, c);
    table_iter_end(&it);
    table_free(&p->changed);
    if (out->at.n) qsort(out->at.at, out->at.n, sizeof(out->at.at[0]), by_key);
}

static void tell_member(struct client *cl, const struct changes *changes)
{
    uint64_t own = cl->flags & CLIENT_TRACKING_NOLOOP ? cl->id : 0;
    size_t n = 0;
    struct call c;
    for (size_t i = 0; i < changes->at.n; i++) n += !own || changes->at.at[i]->writer != own;
    if (!n || !begin_message(cl, &c)) return;
    reply_array(&c, n);
    for (size_t i = 0; i < changes->at.n; i++)
        if (!own || changes->at.at[i]->writer != own)
            reply_bulk(&c, changed_name(changes->at.at[i]));
    limits_check(c.client);
}

static void tell_prefix(struct prefix *p)
{
    struct changes changes = { 0 };
    take_changes(p, &changes);
    ilist_each(&p->members, it, next)
        tell_member(ilist_of(it, struct member, same_prefix)->cl, &changes);
    for (size_t i = 0; i < changes.at.n; i++) mem_free(changes.at.at[i]);
    vec_free(&changes.at);
}

void tracking_flush(struct tracking *t)
{
    if (__builtin_expect(!t->hooked, 1)) return;
    tell_news(t);
    if (t->dirty.n == 0) return;
    qsort(t->dirty.at, t->dirty.n, sizeof(t->dirty.at[0]), by_prefix);
    for (size_t i = 0; i < t->dirty.n; i++) tell_prefix(t->dirty.at[i]);
    vec_clear(&t->dirty);
}

/* ---- the end of a call ---- */

/* EVAL_RO and its like read by the calls they make. */
static bool reads_keys(const struct call *c)
{
    return c->entry->flags & CMD_READONLY && strcmp(c->row->group, "scripting") != 0;
}

static void remember_call(struct tracking *t, struct call *c)
{
    /* What a script reads, its caller has read. */
    struct client *cl = c->client->flags & CLIENT_PSEUDO ? c->front->running : c->client;
    if (!cl || !(cl->flags & CLIENT_TRACKING) || cl->flags & CLIENT_TRACKING_BCAST) return;
    bool said = cl->flags & CLIENT_TRACKING_CACHING;
    if (cl->flags & CLIENT_TRACKING_OPTIN && !said) return;
    if (cl->flags & CLIENT_TRACKING_OPTOUT && said) return;
    struct key_list keys;
    if (command_keys(c->row, c->argc, c->argv, &keys))
        for (int i = 0; i < keys.n; i++) remember(t, c->argv[keys.at[i].at], cl->id);
    key_list_free(&keys);
}

static void keep_bound(struct tracking *t)
{
    size_t max = (size_t)t->s->front_config->tracking_table_max_keys;
    for (int i = 0; max && table_count(&t->keys) > max && i < EVICT_AT_ONCE; i++)
        tell_later(t, table_random(&t->keys, &t->s->front->rng), 0);
}

void tracking_call_ended(struct tracking *t, struct call *c)
{
    if (__builtin_expect(!t->hooked, 1)) return;
    if (reads_keys(c)) remember_call(t, c);
    if (!journal_idle(t->s->journal)) return;
    keep_bound(t);
    if (t->news.n) tell_news(t);
}

void tracking_served(struct tracking *t)
{
    if (t->news.n && journal_idle(t->s->journal)) tell_news(t);
}

/* ---- prefixes ---- */

static struct prefix *prefix_make(struct tracking *t, struct slice name)
{
    struct prefix *p = find(&t->prefixes, name);
    if (p) return p;
    p = mem_alloc(sizeof(*p) + name.n);
    ilist_init(&p->members);
    table_init(&p->changed, &changed_type, &t->s->front->hash_key);
    p->size = (uint32_t)name.n;
    if (name.n) memcpy(p->bytes, name.p, name.n);
    table_add(&t->prefixes, name_hash(&t->prefixes, name), p);
    for (size_t i = 0; i < t->lengths.n; i++) {
        if (t->lengths.at[i].size != p->size) continue;
        t->lengths.at[i].prefixes++;
        return p;
    }
    struct length l = { p->size, 1 };
    vec_push(&t->lengths, l);
    return p;
}

static void forget_length(struct tracking *t, uint32_t size)
{
    for (size_t i = 0; i < t->lengths.n; i++) {
        if (t->lengths.at[i].size != size) continue;
        if (--t->lengths.at[i].prefixes == 0) vec_remove(&t->lengths, i);
        return;
    }
}

static void prefix_drop(struct tracking *t, struct prefix *p)
{
    struct changes left = { 0 };
    for (size_t i = 0; i < t->dirty.n; i++) {
        if (t->dirty.at[i] != p) continue;
        vec_remove(&t->dirty, i);
        break;
    }
    take_changes(p, &left);
    for (size_t i = 0; i < left.at.n; i++) mem_free(left.at.at[i]);
    vec_free(&left.at);
    forget_length(t, p->size);
    table_remove_entry(&t->prefixes, prefix_hash(&t->prefixes, p), p);
    mem_free(p);
}

void tracking_add_prefix(struct client *cl, struct slice prefix)
{
    struct prefix *p = prefix_make(tracking_of(cl), prefix);
    struct session *se = session_of(cl);
    ilist_each(&se->prefixes, it, next)
        if (ilist_of(it, struct member, mine)->prefix == p) return;
    struct member *m = mem_zalloc(sizeof(*m));
    m->prefix = p;
    m->cl = cl;
    ilist_push(&se->prefixes, &m->mine);
    ilist_push(&p->members, &m->same_prefix);
    se->prefixes_mem += sizeof(*m) + sizeof(*p) + p->size;
}

static void leave_prefixes(struct tracking *t, struct session *se)
{
    se->prefixes_mem = 0;
    ilist_each(&se->prefixes, it, next)
    {
        struct member *m = ilist_of(it, struct member, mine);
        struct prefix *p = m->prefix;
        ilist_remove(&m->mine);
        ilist_remove(&m->same_prefix);
        mem_free(m);
        if (ilist_empty(&p->members)) prefix_drop(t, p);
    }
}

bool tracking_overlap(const struct client *cl, struct slice prefix, struct slice *with)
{
    struct session *se = session_get(cl);
    if (!se) return false;
    ilist_each(&se->prefixes, it, next)
    {
        struct slice own = prefix_name(ilist_of(it, struct member, mine)->prefix);
        size_t n = own.n < prefix.n ? own.n : prefix.n;
        if (n && memcmp(own.p, prefix.p, n) != 0) continue;
        *with = own;
        return true;
    }
    return false;
}

size_t tracking_prefixes(const struct client *cl)
{
    struct session *se = session_get(cl);
    size_t n = 0;
    if (se) ilist_each(&se->prefixes, it, next) n++;
    return n;
}

void tracking_each_prefix(const struct client *cl, void (*fn)(void *arg, struct slice prefix),
                          void *arg)
{
    VEC(struct prefix *) sorted = { 0 };
    struct session *se = session_get(cl);
    if (!se) return;
    ilist_each(&se->prefixes, it, next)
        vec_push(&sorted, ilist_of(it, struct member, mine)->prefix);
    if (sorted.n) qsort(sorted.at, sorted.n, sizeof(sorted.at[0]), by_prefix);
    for (size_t i = 0; i < sorted.n; i++) fn(arg, prefix_name(sorted.at[i]));
    vec_free(&sorted);
}

/* ---- on, off ---- */

void tracking_on(struct client *cl, uint32_t modes, uint64_t redirect)
{
    struct tracking *t = tracking_of(cl);
    t->clients += !(cl->flags & CLIENT_TRACKING);
    cl->flags &= ~(uint32_t)TRACKING_FLAGS;
    cl->flags |= CLIENT_TRACKING | modes;
    cl->redirect = redirect;
    hook_if_needed(t);
}

void tracking_off(struct client *cl)
{
    if (!(cl->flags & CLIENT_TRACKING)) return;
    struct tracking *t = tracking_of(cl);
    if (session_get(cl)) leave_prefixes(t, session_get(cl));
    cl->flags &= ~(uint32_t)TRACKING_FLAGS;
    cl->redirect = 0;
    t->clients--;
    hook_if_needed(t);
}

/* ---- life ---- */

struct tracking *tracking_new(struct server *s)
{
    struct tracking *t = mem_zalloc(sizeof(*t));
    t->s = s;
    t->hook = (struct touch_hook){ .after = on_touch, .app = t };
    table_init(&t->keys, &tracked_type, &s->front->hash_key);
    table_init(&t->prefixes, &prefix_type, &s->front->hash_key);
    return t;
}

/* Its clients are gone: so are their prefixes. */
void tracking_delete(struct tracking *t)
{
    if (!t) return;
    must(table_count(&t->prefixes) == 0);
    for (size_t i = 0; i < t->news.n; i++)
        if (t->news.at[i].key) tracked_free(t->news.at[i].key);
    if (t->hooked) touch_remove(&t->s->ks->touch, &t->hook);
    free_keys(t);
    table_free(&t->prefixes);
    vec_free(&t->news);
    vec_free(&t->lengths);
    vec_free(&t->dirty);
    mem_free(t);
}

struct tracking_figures tracking_figures(const struct tracking *t)
{
    return (struct tracking_figures){ table_count(&t->keys), t->items, table_count(&t->prefixes) };
}
