#include "server/migrate.h"

#include "core/base/hash.h"
#include "core/base/ilist.h"
#include "core/base/num.h"
#include "core/base/table.h"
#include "core/base/vec.h"
#include "core/db/keyspace.h"
#include "core/front/client.h"
#include "core/front/front.h"
#include "core/front/reply.h"
#include "core/rdb/save.h"
#include "core/resp/write.h"
#include "core/sys/bg.h"
#include "server/block.h"
#include "server/config.h"
#include "server/journal.h"
#include "server/migrate_link.h"
#include "server/notify.h"
#include "server/server.h"
#include "server/session.h"

#define ROUNDS_MAX 4
#define LINKS_MAX 64
#define LINK_IDLE_MS 10000
#define PAUSED_LOOK_MS 10

enum failure { FAILED_NOT, FAILED_CONNECT, FAILED_WRITE, FAILED_READ };

struct moving {
    struct str name;
    bool sent;    /* is part of the exchange under way */
    bool taken;   /* the other side has said OK */
    bool changed; /* since it was written down */
    bool settled; /* nothing more to do */
};

struct cached_link {
    struct str address;
    int fd;
    int64_t db, used_ms;
};

struct migration {
    struct migrations *all; /* NULL: the server is gone */
    struct ilist node;
    uint64_t client;
    int db; /* ours */
    bool copy, replace, authenticate;
    struct str host, user, password, address;
    int port, rounds;
    int64_t to_db, link_db; /* link_db: what the connection has selected, -1: nothing */
    struct moving *keys;
    int n;
    struct table names; /* of keys */
    struct loop_timer *timer;
    /* In the thread's hands while it runs. */
    struct migrate_link link;
    struct buf request; /* without AUTH and SELECT */
    enum failure failure;
    char error[MIGRATE_LINE_MAX]; /* the first of the other side; "" none */
};

struct migrations {
    struct server *s;
    struct touch_hook hook;
    bool hooked;
    struct ilist running;
    struct bg *thread; /* NULL until the first */
    atomic_bool stop;
    VEC(struct cached_link) links;
};

/* ---- names ---- */

static uint64_t moving_hash(const struct table *t, const void *entry)
{
    const struct moving *k = entry;
    return hash_bytes(k->name.p, k->name.n, t->app);
}

static bool moving_is(const void *entry, const void *key)
{
    return slice_eq(str_slice(((const struct moving *)entry)->name), *(const struct slice *)key);
}

static const struct table_type moving_type = { moving_hash, moving_is };

static struct moving *find(const struct migration *m, struct slice name)
{
    void **slot = table_find(&m->names, hash_bytes(name.p, name.n, m->names.app), &name);
    return slot ? *slot : NULL;
}

static void on_touch(void *app, const struct touch *t)
{
    struct migrations *all = app;
    ilist_each(&all->running, it, next)
    {
        struct migration *m = ilist_of(it, struct migration, node);
        if (m->db != t->db) continue;
        struct moving *k = t->key.p ? find(m, t->key) : NULL;
        if (k) k->changed = true;
        for (int i = 0; !t->key.p && i < m->n; i++) m->keys[i].changed = true;
    }
}

static void hook_if_needed(struct migrations *all)
{
    bool need = !ilist_empty(&all->running);
    if (need == all->hooked) return;
    if (need) touch_add(&all->s->ks->touch, &all->hook);
    else touch_remove(&all->s->ks->touch, &all->hook);
    all->hooked = need;
}

void migrations_moved(struct migrations *all, struct keyspace *from, struct keyspace *to)
{
    if (!all->hooked) return;
    touch_remove(&from->touch, &all->hook);
    touch_add(&to->touch, &all->hook);
    for (int db = 0; db < to->n; db++)
        on_touch(all, &(struct touch){ .db = db, .kind = TOUCH_SWAPPED, .type = -1 });
}

/* ---- connections that wait for more ---- */

static void take_link(struct migrations *all, struct migration *m)
{
    m->link.fd = -1;
    m->link_db = -1;
    for (size_t i = 0; i < all->links.n; i++) {
        struct cached_link *l = &all->links.at[i];
        if (!slice_eq(str_slice(l->address), str_slice(m->address))) continue;
        m->link.fd = l->fd;
        m->link_db = l->db;
        m->link.at = m->link.n = 0;
        str_free(&l->address);
        vec_remove(&all->links, i);
        return;
    }
}

static void drop_link(struct migrations *all, size_t i)
{
    struct migrate_link l = { .fd = all->links.at[i].fd };
    migrate_link_close(&l);
    str_free(&all->links.at[i].address);
    vec_remove(&all->links, i);
}

static void keep_link(struct migrations *all, struct migration *m)
{
    if (m->link.fd < 0) return;
    if (all->links.n == LINKS_MAX) drop_link(all, 0);
    struct cached_link l = { str_new(str_slice(m->address)), m->link.fd, m->link_db,
                             loop_now_ms(all->s->loop) };
    vec_push(&all->links, l);
    m->link.fd = -1;
}

void migrations_cron(struct migrations *all)
{
    int64_t now = loop_now_ms(all->s->loop);
    for (size_t i = all->links.n; i-- > 0;)
        if (now - all->links.at[i].used_ms > LINK_IDLE_MS) drop_link(all, i);
}

size_t migrations_links(const struct migrations *all) { return all->links.n; }

/* ---- what is sent ---- */

static void put_restore(struct migration *m, struct moving *k, const struct entry *e,
                        const struct keyspace *ks)
{
    char digits[NUM_I64_MAX];
    int64_t deadline = entry_deadline(e), ttl = 0;
    struct buf payload = { 0 };
    if (deadline != ENTRY_NO_DEADLINE)
        ttl = deadline > ks->now_ms ? deadline - ks->now_ms : 1;
    rdb_dump(e, &payload);
    struct slice words[] = { SLICE("RESTORE"), str_slice(k->name),
                             slice_of(digits, num_from_i64(digits, ttl)), buf_slice(&payload),
                             SLICE("REPLACE") };
    resp_command(&m->request, m->replace || m->rounds ? 5 : 4, words);
    buf_free(&payload);
}

/* Writes down all keys that are still to be moved, as they are now. False: there are none. */
static bool write_down(struct migration *m, struct keyspace *ks)
{
    bool any = false;
    buf_clear(&m->request);
    for (int i = 0; i < m->n; i++) {
        struct moving *k = &m->keys[i];
        struct value v;
        k->sent = k->taken = k->changed = false;
        if (k->settled) continue;
        if (ks_read(ks_db(ks, m->db), str_slice(k->name), KS_NO_TOUCH | KS_NO_STATS, &v)) {
            put_restore(m, k, v.e, ks);
        } else if (m->rounds) {
            struct slice words[] = { SLICE("DEL"), str_slice(k->name) };
            resp_command(&m->request, 2, words);
        } else {
            k->settled = true;
            continue;
        }
        k->sent = any = true;
    }
    return any;
}

/* ---- the exchange, in any thread ---- */

static int put_greeting(struct migration *m, struct buf *out)
{
    int n = 0;
    if (m->authenticate) {
        struct slice words[] = { SLICE("AUTH"), str_slice(m->user), str_slice(m->password) };
        struct slice old[] = { SLICE("AUTH"), str_slice(m->password) };
        resp_command(out, m->user.p ? 3 : 2, m->user.p ? words : old);
        n++;
    }
    if (m->link_db != m->to_db) {
        char digits[NUM_I64_MAX];
        struct slice words[] = { SLICE("SELECT"),
                                 slice_of(digits, num_from_i64(digits, m->to_db)) };
        resp_command(out, 2, words);
        n++;
    }
    return n;
}

static void note_error(struct migration *m, const char *line)
{
    if (!m->error[0]) text_copy(m->error, sizeof(m->error), line + 1);
}

static bool read_answers(struct migration *m, int greetings)
{
    char line[MIGRATE_LINE_MAX];
    bool refused = false;
    for (int i = 0; i < greetings; i++) {
        if (!migrate_link_line(&m->link, line)) return false;
        if (line[0] != '-') continue;
        note_error(m, line);
        refused = true;
    }
    for (int i = 0; i < m->n; i++) {
        if (!m->keys[i].sent) continue;
        if (!migrate_link_line(&m->link, line)) return false;
        if (line[0] == '-') note_error(m, line);
        else m->keys[i].taken = !refused;
    }
    return true;
}

static bool taken_any(const struct migration *m)
{
    for (int i = 0; i < m->n; i++)
        if (m->keys[i].taken) return true;
    return false;
}

static bool talk(struct migration *m)
{
    struct buf greeting = { 0 };
    int greetings = put_greeting(m, &greeting);
    m->failure = FAILED_WRITE;
    bool done = migrate_link_send(&m->link, buf_head(&greeting), buf_size(&greeting)) &&
                migrate_link_send(&m->link, buf_head(&m->request), buf_size(&m->request));
    buf_free(&greeting);
    if (!done) return false;
    m->failure = FAILED_READ;
    if (!read_answers(m, greetings)) return false;
    m->failure = FAILED_NOT;
    return true;
}

/* A connection that was kept may have died meanwhile: then once more with a new one. */
static void exchange(struct migration *m)
{
    for (;;) {
        bool fresh = m->link.fd < 0;
        m->error[0] = 0;
        if (fresh) m->link_db = -1;
        if (fresh && !migrate_link_open(&m->link, str_c(m->host), m->port)) {
            m->failure = FAILED_CONNECT;
            return;
        }
        if (talk(m)) {
            m->link_db = m->error[0] ? -1 : m->to_db;
            return;
        }
        migrate_link_close(&m->link);
        if (fresh || m->link.timed_out || taken_any(m)) return;
    }
}

/* ---- the end ---- */

static void migration_free(struct migration *m)
{
    migrate_link_close(&m->link);
    if (m->timer) loop_timer_delete(m->timer);
    for (int i = 0; i < m->n; i++) str_free(&m->keys[i].name);
    table_free(&m->names);
    mem_free(m->keys);
    buf_free(&m->request);
    str_free(&m->host);
    str_free(&m->user);
    str_free(&m->password);
    str_free(&m->address);
    mem_free(m);
}

/* Keys that are there as they were here go. Gives their number; DEL's words are left in `del`. */
struct del_words {
    VEC(struct slice) at;
};

static int settle(struct migration *m, struct server *s, struct del_words *del)
{
    vec_push(&del->at, SLICE("DEL"));
    for (int i = 0; i < m->n; i++) {
        struct moving *k = &m->keys[i];
        if (!k->sent || !k->taken || (k->changed && !m->copy)) continue;
        k->settled = true;
        struct slice name = str_slice(k->name);
        if (m->copy || !ks_remove(ks_db(s->ks, m->db), name, false)) continue;
        notify_event(s, NOTIFY_GENERIC, "del", m->db, name);
        vec_push(&del->at, name);
    }
    return (int)del->at.n - 1;
}

static bool has_more(const struct migration *m)
{
    for (int i = 0; i < m->n; i++)
        if (m->keys[i].sent && m->keys[i].taken && !m->keys[i].settled) return true;
    return false;
}

static void answer(struct call *c, const struct migration *m)
{
    static const char *const doing[] = { [FAILED_WRITE] = "writing", [FAILED_READ] = "reading" };
    if (m->error[0])
        reply_error_fmt(c, "Target instance replied with error: %s", m->error);
    else if (m->failure == FAILED_CONNECT)
        reply_error(c, "-IOERR error or timeout connecting to the client");
    else if (m->failure != FAILED_NOT)
        reply_error_fmt(c, "-IOERR error or timeout %s to target instance", doing[m->failure]);
    else
        reply_ok(c);
}

static void release(struct migration *m, void (*say)(struct call *c, const struct migration *m))
{
    struct client *cl = client_by_id(m->all->s->front, m->client);
    if (cl) {
        struct call c = reply_call_for(cl);
        say(&c, m);
        client_unblock(cl);
    }
    keep_link(m->all, m);
    ilist_remove(&m->node);
    hook_if_needed(m->all);
    migration_free(m);
}

static void say_role_changed(struct call *c, const struct migration *m)
{
    (void)m;
    reply_error(c, "-UNBLOCKED force unblock from blocking operation, instance state changed "
                   "(master -> replica?)");
}

/* ---- beside the loop ---- */

static void finished(void *arg);

static void in_thread(void *arg)
{
    struct migration *m = arg;
    exchange(m);
    loop_post(m->all->s->loop, finished, m);
}

static void settle_beside(struct migration *m, struct server *s)
{
    struct del_words del = { 0 };
    int64_t now = front_now_ms(s->front);
    journal_open(s->journal, now);
    ks_begin(s->ks, now, KS_EXPIRE_DELETE);
    int gone = settle(m, s, &del);
    if (gone) journal_words(s->journal, m->db, (int)del.at.n, del.at.at);
    s->dirty += (uint64_t)gone;
    journal_close(s->journal);
    vec_free(&del.at);
    blocking_serve(s->blocking);
}

/* What changed meanwhile is sent again; the last time nothing can change. */
static void next_round(struct migration *m)
{
    struct server *s = m->all->s;
    ks_begin(s->ks, front_now_ms(s->front), KS_EXPIRE_DELETE);
    m->rounds++;
    write_down(m, s->ks);
    if (m->rounds < ROUNDS_MAX) {
        bg_do(m->all->thread, in_thread, m);
        return;
    }
    exchange(m);
    settle_beside(m, s);
    release(m, answer);
}

static void finished(void *arg)
{
    struct migration *m = arg;
    if (!m->all) {
        migration_free(m);
        return;
    }
    struct server *s = m->all->s;
    if (!s->is_master || s->loading) {
        release(m, say_role_changed);
    } else if (s->front->pause_until_ms) { /* nothing may change now */
        loop_timer_after(m->timer, PAUSED_LOOK_MS);
    } else {
        settle_beside(m, s);
        if (m->failure == FAILED_NOT && !m->error[0] && has_more(m)) next_round(m);
        else release(m, answer);
    }
}

/* ---- the beginning ---- */

static void add_names(struct migration *m, const struct migrate_request *r)
{
    m->keys = mem_zalloc((size_t)r->n * sizeof(*m->keys));
    for (int i = 0; i < r->n; i++) {
        if (find(m, r->names[i])) continue;
        struct moving *k = &m->keys[m->n++];
        k->name = str_new(r->names[i]);
        table_add(&m->names, moving_hash(&m->names, k), k);
    }
}

static struct migration *migration_new(struct migrations *all, const struct call *c,
                                       const struct migrate_request *r)
{
    struct migration *m = mem_zalloc(sizeof(*m));
    m->all = all;
    m->client = c->client->id;
    m->db = c->client->db;
    m->copy = r->copy;
    m->replace = r->replace;
    m->authenticate = r->authenticate;
    m->host = str_new(r->host);
    m->port = r->port;
    m->to_db = r->db;
    m->password = str_new(r->password);
    if (r->user.p) m->user = str_new(r->user);
    m->address = str_fmt("%.*s:%d %zu:%.*s %.*s", SLICE_ARG(r->host), r->port, r->user.n,
                         SLICE_ARG(r->user), SLICE_ARG(r->password));
    m->link.timeout_ms = r->timeout_ms;
    m->link.stop = &all->stop;
    m->timer = loop_timer_new(all->s->loop, finished, m);
    ilist_init(&m->node);
    table_init(&m->names, &moving_type, &all->s->front->hash_key);
    add_names(m, r);
    return m;
}

static void run_here(struct call *c, struct migration *m)
{
    struct del_words del = { 0 };
    exchange(m);
    c->changed += settle(m, server_of(c), &del);
    if (del.at.n > 1) call_replace(c, (int)del.at.n, del.at.at);
    vec_free(&del.at);
    answer(c, m);
    keep_link(m->all, m);
    migration_free(m);
}

static bool may_block(const struct call *c)
{
    const struct session *se = session_get(c->client);
    return !(c->client->flags & CLIENT_PSEUDO) && !(se && se->in_exec);
}

void migrate_start(struct call *c, const struct migrate_request *r)
{
    struct migrations *all = server_of(c)->migrations;
    struct migration *m = migration_new(all, c, r);
    if (!write_down(m, ks_of(c))) {
        reply_status(c, "NOKEY");
        migration_free(m);
        return;
    }
    take_link(all, m);
    if (!may_block(c)) {
        run_here(c, m);
        return;
    }
    if (!all->thread) all->thread = bg_start("migrate");
    ilist_push(&all->running, &m->node);
    hook_if_needed(all);
    client_block(c->client);
    bg_do(all->thread, in_thread, m);
}

/* ---- life ---- */

struct migrations *migrations_new(struct server *s)
{
    struct migrations *all = mem_zalloc(sizeof(*all));
    all->s = s;
    all->hook = (struct touch_hook){ .after = on_touch, .app = all };
    ilist_init(&all->running);
    return all;
}

/* What the thread has posted is called when the loop goes, and frees itself then. */
void migrations_delete(struct migrations *all)
{
    if (!all) return;
    atomic_store(&all->stop, true);
    bg_stop(all->thread);
    if (all->hooked) touch_remove(&all->s->ks->touch, &all->hook);
    ilist_each(&all->running, it, next)
    {
        struct migration *m = ilist_of(it, struct migration, node);
        bool posted = !loop_timer_armed(m->timer);
        ilist_remove(&m->node);
        loop_timer_delete(m->timer);
        m->timer = NULL;
        m->all = NULL;
        if (!posted) migration_free(m);
    }
    while (all->links.n) drop_link(all, 0);
    vec_free(&all->links);
    mem_free(all);
}
