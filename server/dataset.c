#include "server/dataset.h"

#include "core/db/keyspace.h"
#include "core/front/front.h"
#include "core/sys/bg.h"
#include "core/sys/clock.h"
#include "server/block.h"
#include "server/config.h"
#include "server/journal.h"
#include "server/migrate.h"
#include "server/notify.h"
#include "server/own_keys.h"
#include "server/persist/snapshot.h"
#include "server/server.h"
#include "server/tracking.h"
#include "server/txn.h"

static void on_expired(void *app, int db, struct slice key)
{
    struct server *s = app;
    journal_del(s->journal, db, key, s->config->lazyfree_lazy_expire);
    notify_event(s, NOTIFY_EXPIRED, "expired", db, key);
}

static void on_fields_expired(void *app, int db, struct slice key, size_t n,
                              const struct slice *fields, bool last)
{
    struct server *s = app;
    struct slice words[KS_FIELDS_A_STEP + 2] = { SLICE("HDEL"), key };
    memcpy(words + 2, fields, n * sizeof(*fields));
    journal_words(s->journal, db, (int)n + 2, words);
    notify_event(s, NOTIFY_HASH, "hexpired", db, key);
    if (last) notify_event(s, NOTIFY_GENERIC, "del", db, key);
}

static void on_missed(void *app, int db, struct slice key)
{
    notify_event(app, NOTIFY_KEY_MISS, "keymiss", db, key);
}

static void run_free_entry(void *arg) { entry_free(arg); }
static void run_free_trash(void *arg) { ks_trash_free(arg); }

static void bury(void *app, struct entry *e)
{
    struct server *s = app;
    s->lazy_freed++;
    bg_do(s->bg, run_free_entry, e);
}

static void bury_all(void *app, struct ks_trash *t)
{
    struct server *s = app;
    s->lazy_freed++;
    bg_do(s->bg, run_free_trash, t);
}

void dataset_policy(struct server *s, struct keyspace *ks)
{
    const struct server_config *c = s->config;
    bool frozen = ks->access.frozen;
    ks->access = (struct access_policy){
        .lfu =
            c->maxmemory_policy == POLICY_ALLKEYS_LFU || c->maxmemory_policy == POLICY_VOLATILE_LFU,
        .frozen = frozen,
        .log_factor = (uint32_t)c->lfu_log_factor,
        .decay_minutes = (uint32_t)c->lfu_decay_time,
    };
}

struct keyspace *dataset_keyspace(struct server *s)
{
    struct ks_options o = {
        .databases = s->config->databases,
        .hash = s->front->hash_key,
        .seed = clock_entropy(),
        .hooks = { .app = s,
                   .expired = on_expired,
                   .fields_expired = on_fields_expired,
                   .missed = on_missed,
                   .bury = bury,
                   .bury_all = bury_all },
    };
    struct keyspace *ks = ks_new(&o);
    dataset_policy(s, ks);
    return ks;
}

void dataset_discard(struct server *s, struct keyspace *ks)
{
    (void)s;
    ks_flush(ks, -1, true);
    ks_delete(ks);
}

void dataset_exchange(struct server *s, struct keyspace *fresh)
{
    struct keyspace *old = s->ks;
    fresh->stats = old->stats;
    watches_moved(s->watches, old, fresh);
    blocking_moved(s->blocking, old, fresh);
    notify_moved(s->notify, old, fresh);
    own_keys_moved(s->own_keys, old, fresh);
    tracking_moved(s->tracking, old, fresh);
    migrations_moved(s->migrations, old, fresh);
    s->ks = fresh;
    if (snapshot_forked(s->snapshot)) ks_hold(fresh, true);
    dataset_discard(s, old);
}

uint64_t dataset_keys(const struct server *s)
{
    uint64_t n = 0;
    for (int i = 0; i < s->ks->n; i++)
        n += ks_count(ks_db(s->ks, i));
    return n;
}

bool dataset_empty(const struct server *s) { return dataset_keys(s) == 0; }
