#include "core/front/pubsub.h"

#include "core/base/glob.h"
#include "core/base/mem.h"
#include "core/base/table.h"
#include "core/front/reply.h"
#include "core/front/limits.h"

/* A channel, pattern or shard channel with at least one subscriber. */
struct topic {
    struct ilist node; /* in its kind's list, in order of arrival */
    struct ilist subs;
    size_t subs_n;
    enum pubsub_kind kind;
    struct str name;
    uint64_t hash;
};

struct sub {
    struct ilist of_topic, of_client;
    struct topic *topic;
    struct client *client;
};

struct pubsub_client {
    struct ilist subs[PUBSUB_KINDS];
    size_t n[PUBSUB_KINDS];
    size_t mem; /* of subscriptions and names */
};

struct pubsub {
    struct hash_key key;
    struct table topics[PUBSUB_KINDS]; /* by name */
    struct ilist lists[PUBSUB_KINDS];
    struct table subs;                 /* by (client, topic) */
    size_t mem;
};

struct sub_key {
    const struct client *client;
    const struct topic *topic;
};

static uint64_t topic_hash(const struct table *t, const void *entry)
{
    return ((const struct topic *)entry)->hash;
}

static bool topic_is(const void *entry, const void *key)
{
    return slice_eq(str_slice(((const struct topic *)entry)->name), *(const struct slice *)key);
}

static uint64_t pair_hash(const struct hash_key *key, const struct client *cl,
                          const struct topic *t)
{
    struct sub_key k = { cl, t };
    return hash_bytes(&k, sizeof(k), key);
}

static uint64_t sub_hash(const struct table *t, const void *entry)
{
    const struct sub *s = entry;
    return pair_hash(t->app, s->client, s->topic);
}

static bool sub_is(const void *entry, const void *key)
{
    const struct sub *s = entry;
    const struct sub_key *k = key;
    return s->client == k->client && s->topic == k->topic;
}

static const struct table_type topic_type = { topic_hash, topic_is };
static const struct table_type sub_type = { sub_hash, sub_is };

struct pubsub *pubsub_new(struct front *f)
{
    struct pubsub *p = mem_zalloc(sizeof(*p));
    p->key = f->hash_key;
    for (int k = 0; k < PUBSUB_KINDS; k++) {
        table_init(&p->topics[k], &topic_type, &p->key);
        ilist_init(&p->lists[k]);
    }
    table_init(&p->subs, &sub_type, &p->key);
    return p;
}

void pubsub_delete(struct pubsub *p)
{
    for (int k = 0; k < PUBSUB_KINDS; k++) table_free(&p->topics[k]);
    table_free(&p->subs);
    mem_free(p);
}

/* ---- topics and subscriptions ---- */

static struct topic *find_topic(const struct pubsub *p, enum pubsub_kind kind, struct slice name)
{
    void **slot = table_find(&p->topics[kind], hash_bytes(name.p, name.n, &p->key), &name);
    return slot ? *slot : NULL;
}

static struct topic *make_topic(struct pubsub *p, enum pubsub_kind kind, struct slice name)
{
    struct topic *t = mem_zalloc(sizeof(*t));
    t->kind = kind;
    t->name = str_new(name);
    t->hash = hash_bytes(name.p, name.n, &p->key);
    ilist_init(&t->subs);
    ilist_push(&p->lists[kind], &t->node);
    table_add(&p->topics[kind], t->hash, t);
    p->mem += sizeof(*t) + name.n;
    return t;
}

static void drop_topic(struct pubsub *p, struct topic *t)
{
    table_remove_entry(&p->topics[t->kind], t->hash, t);
    ilist_remove(&t->node);
    p->mem -= sizeof(*t) + t->name.n;
    str_free(&t->name);
    mem_free(t);
}

static struct sub *find_sub(const struct pubsub *p, const struct client *cl, const struct topic *t)
{
    struct sub_key key = { cl, t };
    void **slot = table_find(&p->subs, pair_hash(&p->key, cl, t), &key);
    return slot ? *slot : NULL;
}

static struct pubsub_client *open_client(struct client *cl)
{
    if (cl->pubsub) return cl->pubsub;
    cl->pubsub = mem_zalloc(sizeof(*cl->pubsub));
    for (int k = 0; k < PUBSUB_KINDS; k++) ilist_init(&cl->pubsub->subs[k]);
    return cl->pubsub;
}

static void add_sub(struct pubsub *p, struct client *cl, struct topic *t)
{
    struct pubsub_client *pc = open_client(cl);
    struct sub *s = mem_zalloc(sizeof(*s));
    s->topic = t;
    s->client = cl;
    ilist_push(&t->subs, &s->of_topic);
    ilist_push(&pc->subs[t->kind], &s->of_client);
    t->subs_n++;
    pc->n[t->kind]++;
    table_add(&p->subs, pair_hash(&p->key, cl, t), s);
    p->mem += sizeof(*s);
    pc->mem += sizeof(*s) + t->name.n;
}

/* The client's struct goes with its last subscription: `pubsub != NULL` is "listens". */
static void close_client(struct client *cl)
{
    struct pubsub_client *pc = cl->pubsub;
    for (int k = 0; k < PUBSUB_KINDS; k++)
        if (pc->n[k]) return;
    mem_free(pc);
    cl->pubsub = NULL;
}

static void drop_sub(struct pubsub *p, struct sub *s)
{
    struct topic *t = s->topic;
    struct client *cl = s->client;
    table_remove_entry(&p->subs, pair_hash(&p->key, cl, t), s);
    ilist_remove(&s->of_topic);
    ilist_remove(&s->of_client);
    cl->pubsub->n[t->kind]--;
    cl->pubsub->mem -= sizeof(*s) + t->name.n;
    if (--t->subs_n == 0) drop_topic(p, t);
    p->mem -= sizeof(*s);
    mem_free(s);
}

bool pubsub_add(struct client *cl, enum pubsub_kind kind, struct slice name)
{
    struct pubsub *p = cl->front->pubsub;
    struct topic *t = find_topic(p, kind, name);
    if (!t) t = make_topic(p, kind, name);
    else if (find_sub(p, cl, t)) return false;
    add_sub(p, cl, t);
    return true;
}

bool pubsub_remove(struct client *cl, enum pubsub_kind kind, struct slice name)
{
    struct pubsub *p = cl->front->pubsub;
    struct topic *t = find_topic(p, kind, name);
    struct sub *s = t ? find_sub(p, cl, t) : NULL;
    if (!s) return false;
    drop_sub(p, s);
    close_client(cl);
    return true;
}

bool pubsub_first(const struct client *cl, enum pubsub_kind kind, struct slice *name)
{
    if (!cl->pubsub || cl->pubsub->n[kind] == 0) return false;
    *name = str_slice(ilist_of(cl->pubsub->subs[kind].next, struct sub, of_client)->topic->name);
    return true;
}

void pubsub_drop(struct client *cl)
{
    for (int k = 0; cl->pubsub && k < PUBSUB_KINDS; k++) {
        ilist_each(&cl->pubsub->subs[k], it, next)
            drop_sub(cl->front->pubsub, ilist_of(it, struct sub, of_client));
    }
    if (cl->pubsub) close_client(cl);
}

bool pubsub_any(const struct client *cl,
                bool (*hit)(void *arg, struct slice name, enum pubsub_kind k), void *arg)
{
    for (int k = 0; cl->pubsub && k < PUBSUB_KINDS; k++) {
        ilist_each(&cl->pubsub->subs[k], it,
                   next) if (hit(arg, str_slice(ilist_of(it, struct sub, of_client)->topic->name),
                                 k)) return true;
    }
    return false;
}

/* ---- figures ---- */

size_t pubsub_count(const struct front *f, enum pubsub_kind kind)
{
    return table_count(&f->pubsub->topics[kind]);
}

size_t pubsub_client_count(const struct client *cl, enum pubsub_kind kind)
{
    return cl->pubsub ? cl->pubsub->n[kind] : 0;
}

size_t pubsub_subscribers(const struct front *f, enum pubsub_kind kind, struct slice name)
{
    const struct topic *t = find_topic(f->pubsub, kind, name);
    return t ? t->subs_n : 0;
}

void pubsub_each(const struct front *f, enum pubsub_kind kind,
                 void (*fn)(void *arg, struct slice name), void *arg)
{
    ilist_each(&f->pubsub->lists[kind], it, next)
        fn(arg, str_slice(ilist_of(it, struct topic, node)->name));
}

size_t pubsub_client_mem(const struct client *cl)
{
    return cl->pubsub ? sizeof(*cl->pubsub) + cl->pubsub->mem : 0;
}

size_t pubsub_mem(const struct front *f)
{
    size_t n = f->pubsub->mem + table_mem(&f->pubsub->subs);
    for (int k = 0; k < PUBSUB_KINDS; k++) n += table_mem(&f->pubsub->topics[k]);
    return n;
}

/* ---- delivery ---- */

static int deliver(const struct topic *t, const struct slice *words, size_t n)
{
    int got = 0;
    ilist_each(&t->subs, it, next) {
        struct call c = push_call_for(ilist_of(it, struct sub, of_topic)->client);
        reply_push(&c, n);
        for (size_t i = 0; i < n; i++) reply_bulk(&c, words[i]);
        limits_check(c.client);
        got++;
    }
    return got;
}

int pubsub_publish(struct front *f, struct slice channel, struct slice message)
{
    struct pubsub *p = f->pubsub;
    int got = 0;
    const struct topic *t = find_topic(p, PUBSUB_CHANNEL, channel);
    if (t) got += deliver(t, (struct slice[]){ SLICE("message"), channel, message }, 3);
    ilist_each(&p->lists[PUBSUB_PATTERN], it, next) {
        const struct topic *pat = ilist_of(it, struct topic, node);
        struct slice pattern = str_slice(pat->name);
        if (glob_match(pattern, channel, false))
            got +=
                deliver(pat, (struct slice[]){ SLICE("pmessage"), pattern, channel, message }, 4);
    }
    return got;
}

int pubsub_publish_shard(struct front *f, struct slice channel, struct slice message)
{
    const struct topic *t = find_topic(f->pubsub, PUBSUB_SHARD, channel);
    if (!t) return 0;
    return deliver(t, (struct slice[]){ SLICE("smessage"), channel, message }, 3);
}
