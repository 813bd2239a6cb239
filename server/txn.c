#include "server/txn.h"

#include <string.h>

#include "core/base/buf.h"
#include "core/base/table.h"
#include "core/db/keyspace.h"
#include "core/front/client.h"
#include "core/front/dispatch.h"
#include "core/front/front.h"
#include "core/front/reply.h"
#include "server/block.h"
#include "server/journal.h"
#include "server/script/scripting.h"
#include "server/server.h"
#include "server/session.h"

/* ---- watched keys ----
 *
 *   watches.table ── watched_key "k" of db 0 ──watchers── watch (client A) ── watch (client B)
 *                                                           │mine
 *   session of A ── watched ────────────────────────────────┘                              */
struct watched_key {
    struct ilist watchers;
    int db;
    uint32_t n;
    char bytes[];
};

struct watch {
    struct ilist mine, same_key;
    struct watched_key *key;
    struct client *cl;
    bool there; /* the key existed, and was not past its deadline, at WATCH */
};

struct watches {
    struct server *s;
    struct table table;
    struct touch_hook hook;
    size_t clients;
    bool hooked;
};

struct key_name {
    int db;
    struct slice key;
};

static struct slice watched_name(const struct watched_key *k) { return slice_of(k->bytes, k->n); }

static uint64_t name_hash(const struct hash_key *key, int db, struct slice name)
{
    return hash_bytes(name.p, name.n, key) ^ (uint64_t)db * 0x9e3779b97f4a7c15u;
}

static uint64_t watched_hash(const struct table *t, const void *entry)
{
    const struct watched_key *k = entry;
    return name_hash(t->app, k->db, watched_name(k));
}

static bool watched_equal(const void *entry, const void *key)
{
    const struct watched_key *k = entry;
    const struct key_name *name = key;
    return k->db == name->db && slice_eq(watched_name(k), name->key);
}

static const struct table_type watched_type = { watched_hash, watched_equal };

static struct watched_key *watched_find(const struct watches *w, int db, struct slice key)
{
    struct key_name name = { db, key };
    void **slot = table_find(&w->table, name_hash(w->table.app, db, key), &name);
    return slot ? *slot : NULL;
}

static void mark_all(struct watched_key *k)
{
    ilist_each(&k->watchers, it, tmp) ilist_of(it, struct watch, same_key)->cl->flags |=
        CLIENT_DIRTY_CAS;
}

/* Asks without removing: the removal of an expired key would be told here, as a change of it. */
static bool lives(struct ks_db *db, struct slice key)
{
    const struct entry *e = ks_peek(db, ks_hash(db->ks, key), key);
    return e && !ks_is_expired(db->ks, e);
}

/* The whole database has other content. A key that was there at WATCH and untouched since is gone
 * or another one; one that was not there counts only if it is there now. */
static void mark_db(struct watches *w, int db, struct ks_db *now)
{
    struct table_iter it;
    table_iter_start(&it, &w->table);
    for (struct watched_key *k; (k = table_iter_next(&it));) {
        if (k->db != db) continue;
        bool there = now && lives(now, watched_name(k));
        ilist_each(&k->watchers, at, tmp)
        {
            struct watch *watch = ilist_of(at, struct watch, same_key);
            if (there || watch->there) watch->cl->flags |= CLIENT_DIRTY_CAS;
        }
    }
    table_iter_end(&it);
}

static void on_touch(void *app, const struct touch *t)
{
    struct watches *w = app;
    if (t->kind == TOUCH_FLUSHED) {
        mark_db(w, t->db, NULL);
    } else if (t->kind == TOUCH_SWAPPED) {
        mark_db(w, t->db, ks_db(w->s->ks, t->db));
    } else {
        struct watched_key *k = watched_find(w, t->db, t->key);
        if (k) mark_all(k);
    }
}

struct watches *watches_new(struct server *s)
{
    struct watches *w = mem_zalloc(sizeof(*w));
    w->s = s;
    w->hook = (struct touch_hook){ .after = on_touch, .app = w };
    table_init(&w->table, &watched_type, &s->front->hash_key);
    return w;
}

void watches_delete(struct watches *w)
{
    if (!w) return;
    must(table_count(&w->table) == 0);
    table_free(&w->table);
    mem_free(w);
}

static void hook_if_needed(struct watches *w)
{
    bool need = table_count(&w->table) > 0;
    if (need == w->hooked) return;
    if (need)
        touch_add(&w->s->ks->touch, &w->hook);
    else
        touch_remove(&w->s->ks->touch, &w->hook);
    w->hooked = need;
}

void watches_moved(struct watches *w, struct keyspace *from, struct keyspace *to)
{
    if (w->hooked) {
        touch_remove(&from->touch, &w->hook);
        touch_add(&to->touch, &w->hook);
    }
    for (int db = 0; db < to->n; db++)
        mark_db(w, db, ks_db(to, db));
}

size_t watches_keys(const struct watches *w) { return table_count(&w->table); }
size_t watches_clients(const struct watches *w) { return w->clients; }

static struct watched_key *watched_make(struct watches *w, int db, struct slice key)
{
    struct watched_key *k = watched_find(w, db, key);
    if (k) return k;
    k = mem_alloc(sizeof(*k) + key.n);
    ilist_init(&k->watchers);
    k->db = db;
    k->n = (uint32_t)key.n;
    if (key.n) memcpy(k->bytes, key.p, key.n);
    table_add(&w->table, name_hash(w->table.app, db, key), k);
    return k;
}

static void watch_key(struct server *s, struct client *cl, struct slice key)
{
    struct session *se = session_of(cl);
    struct watched_key *k = watched_make(s->watches, cl->db, key);
    ilist_each(&k->watchers, it, tmp) if (ilist_of(it, struct watch, same_key)->cl == cl) return;
    struct watch *watch = mem_zalloc(sizeof(*watch));
    struct value v;
    watch->key = k;
    watch->cl = cl;
    watch->there = ks_read(ks_db(s->ks, cl->db), key, KS_NO_TOUCH | KS_NO_STATS, &v);
    ilist_push(&k->watchers, &watch->same_key);
    ilist_push(&se->watched, &watch->mine);
    s->watches->clients += se->watched_n++ == 0;
    se->watched_mem += sizeof(*watch) + sizeof(*k) + key.n;
    hook_if_needed(s->watches);
}

void txn_unwatch(struct client *cl)
{
    struct session *se = session_get(cl);
    cl->flags &= ~(uint32_t)CLIENT_DIRTY_CAS;
    if (!se || se->watched_n == 0) return;
    struct server *s = cl->front->app;
    struct watches *w = s->watches;
    ilist_each(&se->watched, it, tmp)
    {
        struct watch *watch = ilist_of(it, struct watch, mine);
        struct watched_key *k = watch->key;
        ilist_remove(&watch->mine);
        ilist_remove(&watch->same_key);
        mem_free(watch);
        if (!ilist_empty(&k->watchers)) continue;
        table_remove_entry(&w->table, watched_hash(&w->table, k), k);
        mem_free(k);
    }
    se->watched_n = 0;
    se->watched_mem = 0;
    w->clients--;
    hook_if_needed(w);
}

/* A watched key whose deadline has passed since WATCH has changed, though nobody touched it yet. */
static bool watched_expired(struct server *s, const struct session *se)
{
    ilist_each((struct ilist *)&se->watched, it, tmp)
    {
        const struct watch *watch = ilist_of(it, struct watch, mine);
        struct value v;
        if (watch->there && !ks_read(ks_db(s->ks, watch->key->db), watched_name(watch->key),
                                     KS_NO_TOUCH | KS_NO_STATS, &v))
            return true;
    }
    return false;
}

/* ---- the queue ---- */

struct session *session_of(struct client *cl)
{
    if (cl->session) return cl->session;
    struct session *se = mem_zalloc(sizeof(*se));
    ilist_init(&se->watched);
    ilist_init(&se->prefixes);
    cl->session = se;
    return se;
}

static void queue_clear(struct client *cl)
{
    struct session *se = session_get(cl);
    if (!se) return;
    for (size_t i = 0; i < se->queue.n; i++)
        mem_free(se->queue.at[i].argv);
    vec_free(&se->queue);
    se->queued_flags = se->queued_missing = 0;
    cl->multi_mem = 0;
}

void session_close(struct client *cl)
{
    struct session *se = session_get(cl);
    if (!se) return;
    queue_clear(cl);
    txn_unwatch(cl);
    blocking_forget(cl);
    mem_free(se);
    cl->session = NULL;
}

size_t session_mem(const struct client *cl)
{
    const struct session *se = session_get(cl);
    if (!se) return 0;
    return mem_size(se) + cl->multi_mem + se->queue.cap * sizeof(struct queued) +
           se->watched_mem + se->prefixes_mem + (se->waiter ? mem_size(se->waiter) : 0);
}

void txn_discard(struct client *cl)
{
    queue_clear(cl);
    cl->flags &= ~(uint32_t)(CLIENT_MULTI | CLIENT_DIRTY_EXEC | CLIENT_DIRTY_CAS);
    txn_unwatch(cl);
}

/* Words and raw bytes in one block behind the slices. Words that lie in the raw bytes (the usual)
 * are not copied twice. */
static void queue_add(struct session *se, const struct call *c)
{
    size_t words = 0;
    if (!c->raw.n)
        for (int i = 0; i < c->argc; i++)
            words += c->argv[i].n;
    size_t head = (size_t)c->argc * sizeof(struct slice);
    struct slice *argv = mem_alloc(head + c->raw.n + words + 1);
    char *to = (char *)argv + head;
    if (c->raw.n) memcpy(to, c->raw.p, c->raw.n);
    for (int i = 0; i < c->argc; i++) {
        struct slice from = c->argv[i];
        if (c->raw.n) {
            argv[i] = slice_of(to + (from.p - c->raw.p), from.n);
            continue;
        }
        if (from.n) memcpy(to, from.p, from.n);
        argv[i] = slice_of(to, from.n);
        to += from.n;
    }
    struct queued q = { c->entry, c->argc, argv, slice_of(to, c->raw.n) };
    vec_push(&se->queue, q);
    uint32_t flags = scripting_call_flags(c);
    se->queued_flags |= flags;
    se->queued_missing |= ~flags;
    c->client->multi_mem += mem_size(argv);
}

static bool runs_at_once(const struct command *row);

bool txn_queue(struct call *c)
{
    if (runs_at_once(c->row)) return false;
    queue_add(session_of(c->client), c);
    reply_status(c, "QUEUED");
    return true;
}

static void cmd_exec(struct call *c);

bool txn_is_exec(const struct command *row) { return row->run == cmd_exec; }
bool txn_queues(const struct command *row) { return !runs_at_once(row); }

void txn_refuse(struct call *c, const char *text)
{
    if (txn_is_exec(c->row)) {
        txn_discard(c->client);
        reply_error_fmt(c, "-EXECABORT Transaction discarded because of: %s",
                        text + (text[0] == '-'));
        return;
    }
    if (c->client->flags & CLIENT_MULTI) c->client->flags |= CLIENT_DIRTY_EXEC;
    reply_error(c, text);
}

/* ---- commands ---- */

static void cmd_multi(struct call *c)
{
    if (c->client->flags & CLIENT_MULTI) {
        reply_error(c, "-ERR MULTI calls can not be nested");
        return;
    }
    session_of(c->client);
    c->client->flags |= CLIENT_MULTI;
    reply_ok(c);
}

static void cmd_discard(struct call *c)
{
    if (!(c->client->flags & CLIENT_MULTI)) {
        reply_error(c, "-ERR DISCARD without MULTI");
        return;
    }
    txn_discard(c->client);
    reply_ok(c);
}

static void run_queued(struct call *c, const struct queued *q)
{
    struct call inner = { .front = c->front,
                          .client = c->client,
                          .entry = q->entry,
                          .row = q->entry->row,
                          .argc = q->argc,
                          .argv = q->argv,
                          .raw = q->raw,
                          .app = c->app,
                          .out = c->out };
    /* Rights may have been taken away since the command was queued. */
    if (dispatch_acl_again(&inner)) dispatch_call(&inner);
}

static void cmd_exec(struct call *c)
{
    struct client *cl = c->client;
    if (!(cl->flags & CLIENT_MULTI)) {
        reply_error(c, "-ERR EXEC without MULTI");
        return;
    }
    struct session *se = session_of(cl);
    if (watched_expired(server_of(c), se)) cl->flags |= CLIENT_DIRTY_CAS;
    if (cl->flags & (CLIENT_DIRTY_EXEC | CLIENT_DIRTY_CAS)) {
        bool spoilt = (cl->flags & CLIENT_DIRTY_EXEC) != 0;
        txn_discard(cl);
        if (spoilt)
            reply_error(c, "-EXECABORT Transaction discarded because of previous errors.");
        else
            reply_null_array(c);
        return;
    }
    txn_unwatch(cl); /* our own writes do not spoil us */
    cl->flags &= ~(uint32_t)CLIENT_MULTI;
    se->in_exec = true;
    reply_array(c, se->queue.n);
    for (size_t i = 0; i < se->queue.n; i++) {
        run_queued(c, &se->queue.at[i]);
        c->out = dispatch_out(cl); /* a long script may have lost the connection */
    }
    se->in_exec = false;
    queue_clear(cl);
}

static void cmd_watch(struct call *c)
{
    if (c->client->flags & CLIENT_MULTI) {
        reply_error(c, "-ERR WATCH inside MULTI is not allowed");
        return;
    }
    if (!(c->client->flags & CLIENT_DIRTY_CAS)) /* spoilt already: more keys change nothing */
        for (int i = 1; i < c->argc; i++)
            watch_key(server_of(c), c->client, c->argv[i]);
    reply_ok(c);
}

static void cmd_unwatch(struct call *c)
{
    txn_unwatch(c->client);
    reply_ok(c);
}

static bool runs_at_once(const struct command *row)
{
    return row->run == cmd_exec || row->run == cmd_discard || row->run == cmd_multi ||
           row->run == cmd_watch || strcmp(row->name, "QUIT") == 0 ||
           (strcmp(row->name, "RESET") == 0 && row->flags & CMD_NO_AUTH); /* not LATENCY RESET */
}

#define TXN (CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_ALLOW_BUSY)

const struct command cmds_txn[] = {
    { "MULTI", cmd_multi, .arity = 1, .flags = TXN | CMD_FAST, .acl = ACL_TRANSACTION,
      .since = "1.2.0", .group = "transactions", .complexity = "O(1)",
      .summary = "From here on commands wait for EXEC.", .syntax = "" },
    { "EXEC", cmd_exec, .arity = 1, .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .acl = ACL_TRANSACTION, .since = "1.2.0", .group = "transactions",
      .complexity = "That of the queued commands together",
      .summary = "Runs the waiting commands as one.", .syntax = "" },
    { "DISCARD", cmd_discard, .arity = 1, .flags = TXN | CMD_FAST, .acl = ACL_TRANSACTION,
      .since = "2.0.0", .group = "transactions", .complexity = "O(N), N: queued commands",
      .summary = "Forgets the waiting commands.", .syntax = "" },
    { "WATCH", cmd_watch, .arity = -2, .flags = TXN | CMD_FAST, .keys = { KEYS(1, -1, 1, KEY_RO) },
      .acl = ACL_TRANSACTION, .since = "2.2.0", .group = "transactions",
      .complexity = "O(N), N = keys",
      .summary = "Lets the next EXEC fail if one of the keys changes before it.",
      .syntax = "key:key..." },
    { "UNWATCH", cmd_unwatch, .arity = 1, .flags = TXN | CMD_FAST, .acl = ACL_TRANSACTION,
      .since = "2.2.0", .group = "transactions", .complexity = "O(1)",
      .summary = "Watches no key any more.", .syntax = "" },
    COMMANDS_END,
};
