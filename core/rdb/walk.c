#include "core/rdb/walk.h"

static void on_entry(void *app, int db, const struct entry *e)
{
    struct rdb_walk *w = app;
    if (db != w->db) rdb_put_db(w->out, db);
    w->db = db;
    rdb_put_entry(w->out, e, w->access ? ks_walk_keyspace(w->walk) : NULL);
    w->keys++;
    if (w->full && buf_size(&w->out->buf) >= RDB_WALK_CHUNK) w->full(w->app);
}

void rdb_walk_start(struct rdb_walk *w, struct keyspace *ks, struct rdb_out *out,
                    const struct rdb_save_options *o)
{
    *w = (struct rdb_walk){ .out = out, .access = o->access, .db = -1 };
    rdb_put_head(out, o);
    for (int i = 0; i < ks->n; i++) {
        struct ks_db *db = ks_db(ks, i);
        if (!ks_count(db)) continue;
        rdb_put_db(out, i);
        rdb_put_db_size(out, db);
        w->db = i;
        w->total += ks_count(db);
    }
    w->walk = ks_walk_start(ks, on_entry, w);
}

bool rdb_walk_step(struct rdb_walk *w, size_t keys) { return ks_walk_step(w->walk, keys); }

void rdb_walk_end(struct rdb_walk *w)
{
    ks_walk_end(w->walk);
    w->walk = NULL;
}
