#include "core/rdb/walk.h"

#include "core/rdb/types.h"

static bool value_taken(struct rdb_walk *w, const struct entry *e)
{
    return w->hooks->takes_value && w->hooks->takes_value(w->app, w->db, e);
}

static void on_entry(void *app, int db, const struct entry *e)
{
    struct rdb_walk *w = app;
    if (db != w->db) rdb_put_db(w->out, db);
    w->db = db;
    rdb_put_key(w->out, e, w->access ? ks_walk_keyspace(w->walk) : NULL);
    if (!value_taken(w, e)) rdb_put_value(w->out, e);
    w->keys++;
    if (w->hooks->full && buf_size(&w->out->buf) >= RDB_WALK_CHUNK) w->hooks->full(w->app);
}

static bool on_free(void *app)
{
    struct rdb_walk *w = app;
    return !w->hooks->may_free || w->hooks->may_free(w->app);
}

static const struct rdb_walk_hooks no_hooks;

void rdb_walk_start(struct rdb_walk *w, struct keyspace *ks, struct rdb_out *out,
                    const struct rdb_save_options *o, const struct rdb_walk_hooks *hooks, void *app)
{
    *w = (struct rdb_walk){
        .out = out, .access = o->access, .hooks = hooks ? hooks : &no_hooks, .app = app, .db = -1
    };
    rdb_put_head(out, o);
    for (int i = 0; i < ks->n; i++) {
        struct ks_db *db = ks_db(ks, i);
        if (!ks_count(db)) continue;
        rdb_put_db(out, i);
        rdb_put_db_size(out, db);
        w->db = i;
        w->total += ks_count(db);
    }
    w->walk = ks_walk_start(ks, &(struct ks_walk_fns){ on_entry, on_free }, w);
}

bool rdb_walk_step(struct rdb_walk *w, size_t keys) { return ks_walk_step(w->walk, keys); }

void rdb_walk_end(struct rdb_walk *w)
{
    ks_walk_end(w->walk);
    w->walk = NULL;
}
