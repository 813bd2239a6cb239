#include "server/block.h"

#include <math.h>

#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/table.h"
#include "core/db/keyspace.h"
#include "core/front/client.h"
#include "core/front/front.h"
#include "core/front/reply.h"
#include "core/net/loop.h"
#include "server/journal.h"
#include "server/server.h"
#include "server/session.h"

/*   blocking.table ── blocked_key "k" of db 0 ──waits── wait (client A) ── wait (client B)
 *   blocking.ready ── keys that changed                  │ of
 *   session of A ── waiter ──────────────────────────────┘ one wait a key                    */
struct blocked_key {
    struct ilist waits;
    struct ilist ready; /* in blocking.ready, or alone */
    size_t on_removal;  /* waits that want to know of removal */
    bool pinned;        /* being served: not freed */
    int db;
    uint32_t n;
    char bytes[];
};

struct wait {
    struct ilist same_key;
    struct blocked_key *key; /* NULL: the same key stands before in the call */
    struct waiter *of;
    int at; /* its place in argv */
};

/* One block of memory with its words and waits. */
struct waiter {
    struct ilist node; /* in blocking.waiters */
    struct client *cl;
    struct command_entry *entry;
    struct block_wait want;
    struct loop_timer *timer;
    int argc;
    struct slice *argv;
    struct wait waits[];
};

struct blocking {
    struct server *s;
    struct table table;
    struct ilist ready, waiters;
    struct touch_hook hook;
    size_t on_no_key;
    uint64_t served; /* the client that is being served; 0: none */
    bool hooked, serving;
};

struct key_name {
    int db;
    struct slice key;
};

/* ---- the table of keys ---- */

static struct slice name_of(const struct blocked_key *k) { return slice_of(k->bytes, k->n); }

static uint64_t name_hash(const struct hash_key *key, int db, struct slice name)
{
    return hash_bytes(name.p, name.n, key) ^ (uint64_t)db * 0x9e3779b97f4a7c15u;
}

static uint64_t key_hash(const struct table *t, const void *entry)
{
    const struct blocked_key *k = entry;
    return name_hash(t->app, k->db, name_of(k));
}

static bool key_equal(const void *entry, const void *wanted)
{
    const struct blocked_key *k = entry;
    const struct key_name *name = wanted;
    return k->db == name->db && slice_eq(name_of(k), name->key);
}

static const struct table_type key_type = { key_hash, key_equal };

static struct blocked_key *find_key(const struct blocking *b, int db, struct slice key)
{
    struct key_name name = { db, key };
    void **slot = table_find(&b->table, name_hash(b->table.app, db, key), &name);
    return slot ? *slot : NULL;
}

static struct blocked_key *make_key(struct blocking *b, int db, struct slice key)
{
    struct blocked_key *k = find_key(b, db, key);
    if (k) return k;
    k = mem_zalloc(sizeof(*k) + key.n);
    ilist_init(&k->waits);
    ilist_init(&k->ready);
    k->db = db;
    k->n = (uint32_t)key.n;
    if (key.n) memcpy(k->bytes, key.p, key.n);
    table_add(&b->table, name_hash(b->table.app, db, key), k);
    return k;
}

static void drop_key_if_idle(struct blocking *b, struct blocked_key *k)
{
    if (k->pinned || !ilist_empty(&k->waits)) return;
    ilist_remove(&k->ready);
    table_remove_entry(&b->table, key_hash(&b->table, k), k);
    mem_free(k);
}

/* ---- what the gate tells ---- */

static bool removes(enum touch_kind kind)
{
    return kind != TOUCH_ADDED && kind != TOUCH_CHANGED && kind != TOUCH_SWAPPED;
}

static void mark(struct blocking *b, struct blocked_key *k, enum touch_kind kind)
{
    if (removes(kind) && !k->on_removal) return;
    if (ilist_empty(&k->ready)) ilist_push(&b->ready, &k->ready);
}

static void mark_db(struct blocking *b, int db, enum touch_kind kind)
{
    /* In the order of the waiters' arrival: a walk of the table would have none. */
    ilist_each(&b->waiters, it, tmp)
    {
        struct waiter *w = ilist_of(it, struct waiter, node);
        for (int i = 0; i < w->want.keys; i++)
            if (w->waits[i].key && w->cl->db == db) mark(b, w->waits[i].key, kind);
    }
}

void blocking_wake(struct blocking *b, int db, struct slice key)
{
    struct blocked_key *k = find_key(b, db, key);
    if (k) mark(b, k, TOUCH_CHANGED);
}

static void on_touch(void *app, const struct touch *t)
{
    struct blocking *b = app;
    if (!t->key.p) {
        mark_db(b, t->db, t->kind);
        return;
    }
    struct blocked_key *k = find_key(b, t->db, t->key);
    if (k) mark(b, k, t->kind);
}

static void hook_if_needed(struct blocking *b)
{
    bool need = !ilist_empty(&b->waiters);
    if (need == b->hooked) return;
    if (need)
        touch_add(&b->s->ks->touch, &b->hook);
    else
        touch_remove(&b->s->ks->touch, &b->hook);
    b->hooked = need;
}

/* ---- to wait, and to wait no more ---- */

static bool may_block(const struct call *c)
{
    const struct session *se = session_get(c->client);
    return !(c->client->flags & CLIENT_PSEUDO) && !(se && se->in_exec);
}

static void on_timeout(void *arg);

/* The words behind the slices, the slices behind the waits. */
static struct waiter *waiter_new(const struct call *c, const struct block_wait *want)
{
    size_t waits = (size_t)want->keys * sizeof(struct wait), words = 0;
    for (int i = 0; i < c->argc; i++)
        words += c->argv[i].n;
    struct waiter *w =
        mem_alloc(sizeof(*w) + waits + (size_t)c->argc * sizeof(struct slice) + words);
    *w = (struct waiter){ .cl = c->client, .entry = c->entry, .want = *want, .argc = c->argc };
    w->argv = (struct slice *)(void *)((char *)w->waits + waits);
    char *to = (char *)(w->argv + c->argc);
    for (int i = 0; i < c->argc; i++) {
        if (c->argv[i].n) memcpy(to, c->argv[i].p, c->argv[i].n);
        w->argv[i] = slice_of(to, c->argv[i].n);
        to += c->argv[i].n;
    }
    return w;
}

/* A key that stands twice in the call: its last wait is ours already. */
static bool waits_already(const struct blocked_key *k, const struct waiter *w)
{
    return !ilist_empty(&k->waits) && ilist_of(k->waits.prev, struct wait, same_key)->of == w;
}

static void wait_for(struct blocking *b, struct waiter *w, int i)
{
    struct wait *x = &w->waits[i];
    int at = w->want.first + i;
    *x = (struct wait){ .of = w, .at = at };
    ilist_init(&x->same_key);
    struct blocked_key *k = make_key(b, w->cl->db, w->argv[at]);
    if (waits_already(k, w)) return;
    x->key = k;
    ilist_push(&k->waits, &x->same_key);
    if (w->want.when_removed) b->on_no_key += k->on_removal++ == 0;
}

void block_on(struct call *c, const struct block_wait *want)
{
    struct blocking *b = server_of(c)->blocking;
    if (!may_block(c)) {
        (want->denied ? want->denied : want->timed_out)(c);
        return;
    }
    struct waiter *w = waiter_new(c, want);
    for (int i = 0; i < want->keys; i++) wait_for(b, w, i);
    ilist_push(&b->waiters, &w->node);
    if (want->timeout_ms) {
        w->timer = loop_timer_new(b->s->loop, on_timeout, w);
        loop_timer_after(w->timer, want->timeout_ms);
    }
    session_of(c->client)->waiter = w;
    client_block(c->client);
    hook_if_needed(b);
}

static void forget(struct blocking *b, struct waiter *w)
{
    for (int i = 0; i < w->want.keys; i++) {
        struct wait *x = &w->waits[i];
        if (!x->key) continue;
        ilist_remove(&x->same_key);
        if (w->want.when_removed) b->on_no_key -= --x->key->on_removal == 0;
        drop_key_if_idle(b, x->key);
    }
    ilist_remove(&w->node);
    if (w->timer) loop_timer_delete(w->timer);
    session_get(w->cl)->waiter = NULL;
    mem_free(w);
    hook_if_needed(b);
}

static void release(struct blocking *b, struct waiter *w)
{
    struct client *cl = w->cl;
    forget(b, w);
    client_unblock(cl);
}

static struct call call_of(const struct waiter *w)
{
    struct call c = reply_call_for(w->cl);
    c.entry = w->entry;
    c.row = w->entry->row;
    c.argc = w->argc;
    c.argv = w->argv;
    c.now_ms = front_now_ms(c.front);
    return c;
}

static void on_timeout(void *arg)
{
    struct waiter *w = arg;
    struct call c = call_of(w);
    w->want.timed_out(&c);
    release(server_of(&c)->blocking, w);
}

static void end_with_error(struct blocking *b, struct waiter *w, const char *text)
{
    struct call c = call_of(w);
    reply_error(&c, text);
    release(b, w);
}

bool blocking_unblock(struct blocking *b, struct client *cl, bool with_error)
{
    struct session *se = session_get(cl);
    if (!se || !se->waiter) return false;
    if (with_error)
        end_with_error(b, se->waiter, "-UNBLOCKED client unblocked via CLIENT UNBLOCK");
    else
        on_timeout(se->waiter);
    return true;
}

void blocking_forget(struct client *cl)
{
    struct session *se = session_get(cl);
    if (se && se->waiter) forget(((struct server *)cl->front->app)->blocking, se->waiter);
}

void blocking_role_changed(struct blocking *b)
{
    ilist_each(&b->waiters, it, tmp)
    {
        struct waiter *w = ilist_of(it, struct waiter, node);
        struct client *cl = w->cl;
        end_with_error(b, w, "-UNBLOCKED force unblock from blocking operation, instance state "
                             "changed (master -> replica?)");
        client_close_after_reply(cl);
    }
}

/* ---- to serve ---- */

static bool holds_wanted(struct blocking *b, const struct blocked_key *k, const struct waiter *w)
{
    struct value v;
    if (w->want.when_removed) return true;
    return ks_read(ks_db(b->s->ks, k->db), name_of(k), KS_NO_TOUCH | KS_NO_STATS, &v) &&
           w->want.types & BLOCK_TYPE(v.e->type);
}

static void try_to_serve(struct blocking *b, struct wait *x)
{
    struct waiter *w = x->of;
    struct call c = call_of(w);
    b->served = c.client->id;
    journal_begin(&c);
    bool served = holds_wanted(b, x->key, w) && w->want.serve(&c, x->at);
    journal_end(&c);
    b->served = 0;
    if (served) release(b, w);
}

static bool nothing_there(const struct blocking *b, const struct blocked_key *k)
{
    struct value v;
    return !k->on_removal &&
           !ks_read(ks_db(b->s->ks, k->db), name_of(k), KS_NO_TOUCH | KS_NO_STATS, &v);
}

static void serve_key(struct blocking *b, struct blocked_key *k)
{
    k->pinned = true;
    ilist_each(&k->waits, it, tmp)
    {
        if (nothing_there(b, k)) break;
        try_to_serve(b, ilist_of(it, struct wait, same_key));
    }
    k->pinned = false;
    drop_key_if_idle(b, k);
}

/* What serving makes ready goes to the end of the line: each key is served as a whole first. */
void blocking_serve(struct blocking *b)
{
    if (__builtin_expect(ilist_empty(&b->ready), 1)) return;
    if (b->serving || !journal_idle(b->s->journal)) return;
    b->serving = true;
    while (!ilist_empty(&b->ready)) {
        struct blocked_key *k = ilist_of(b->ready.next, struct blocked_key, ready);
        ilist_remove(&k->ready);
        serve_key(b, k);
    }
    b->serving = false;
}

uint64_t blocking_served(const struct blocking *b) { return b->served; }

/* ---- life ---- */

struct blocking *blocking_new(struct server *s)
{
    struct blocking *b = mem_zalloc(sizeof(*b));
    b->s = s;
    b->hook = (struct touch_hook){ .after = on_touch, .app = b };
    table_init(&b->table, &key_type, &s->front->hash_key);
    ilist_init(&b->ready);
    ilist_init(&b->waiters);
    return b;
}

void blocking_delete(struct blocking *b)
{
    if (!b) return;
    must(table_count(&b->table) == 0);
    table_free(&b->table);
    mem_free(b);
}

void blocking_moved(struct blocking *b, struct keyspace *from, struct keyspace *to)
{
    if (!b->hooked) return;
    touch_remove(&from->touch, &b->hook);
    touch_add(&to->touch, &b->hook);
    for (int db = 0; db < to->n; db++) mark_db(b, db, TOUCH_SWAPPED);
}

size_t blocking_keys(const struct blocking *b, size_t *on_no_key)
{
    *on_no_key = b->on_no_key;
    return table_count(&b->table);
}

/* ---- timeouts as arguments ---- */

static bool in_range(struct call *c, int64_t ms)
{
    if (ms < 0)
        reply_error(c, "timeout is negative");
    else if (ms > INT64_MAX - c->now_ms)
        reply_error(c, "timeout is out of range");
    else
        return true;
    return false;
}

bool block_timeout_arg(struct call *c, int at, int64_t *ms)
{
    long double seconds;
    if (!num_to_ldouble(c->argv[at], &seconds)) {
        reply_error(c, "timeout is not a float or out of range");
        return false;
    }
    if (seconds > (long double)(INT64_MAX / 1000)) {
        reply_error(c, "timeout is out of range");
        return false;
    }
    seconds = ceill(seconds * 1000);
    *ms = seconds < 0 ? -1 : (int64_t)seconds;
    return in_range(c, *ms);
}

bool block_timeout_ms_arg(struct call *c, int at, int64_t *ms)
{
    if (num_to_i64(c->argv[at], ms)) return in_range(c, *ms);
    reply_error(c, "timeout is not an integer or out of range");
    return false;
}
