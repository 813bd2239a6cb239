#include "core/db/walk.h"

#include "core/base/mem.h"
#include "core/base/must.h"

/* A database of the start. */
struct part {
    struct table_visit visit;
    struct table *t;   /* where its keys are now; NULL: visited, or there were none */
    struct table gone; /* or here, when nobody else has them any more */
    struct ks_walk *walk;
    int db;
};

struct ks_walk {
    struct keyspace *ks; /* NULL: has gone */
    struct ks_hooks hooks;
    struct ks_walk_fns fns;
    void *app;
    struct part *parts;
    int n;
    bool waits; /* the last step asked may_free in vain */
};

static void on_entry(void *app, void *entry)
{
    struct part *p = app;
    p->walk->fns.entry(p->walk->app, p->db, entry);
}

static struct part *part_of(const struct table_visit *v) { return v->app; }

struct ks_walk *ks_walk_start(struct keyspace *ks, const struct ks_walk_fns *fns, void *app)
{
    struct ks_walk *w = mem_zalloc(sizeof(*w));
    must(!ks->walk);
    *w = (struct ks_walk){ .ks = ks, .hooks = ks->hooks, .fns = *fns, .app = app, .n = ks->n };
    w->parts = mem_zalloc((size_t)ks->n * sizeof(*w->parts));
    for (int i = 0; i < ks->n; i++) {
        struct part *p = &w->parts[i];
        *p = (struct part){ .visit = { .fn = on_entry, .app = p }, .walk = w, .db = i };
        table_visit_start(&ks->dbs[i].keys, &p->visit);
        if (ks->dbs[i].keys.visit) p->t = &ks->dbs[i].keys;
    }
    ks->walk = w;
    return w;
}

/* Through with that database, or given up. */
static void end_part(struct part *p)
{
    if (!p->t) return;
    if (p->t->visit == &p->visit) table_visit_end(p->t);
    if (p->t == &p->gone) ks_bury_table(&p->walk->hooks, &p->gone);
    p->t = NULL;
}

bool ks_walk_step(struct ks_walk *w, size_t keys)
{
    for (int i = 0; i < w->n; i++) {
        struct part *p = &w->parts[i];
        if (!p->t) continue;
        /* Moves alone may have brought it to its end. */
        if (p->t->visit == &p->visit && table_visit_step(p->t, keys)) return true;
        w->waits = p->t == &p->gone && !w->fns.may_free(w->app);
        if (!w->waits) end_part(p);
        return true;
    }
    return false;
}

void ks_walk_end(struct ks_walk *w)
{
    if (!w) return;
    for (int i = 0; i < w->n; i++) end_part(&w->parts[i]);
    if (w->ks) w->ks->walk = NULL;
    mem_free(w->parts);
    mem_free(w);
}

bool ks_walk_waits(const struct ks_walk *w) { return w->waits; }
struct keyspace *ks_walk_keyspace(const struct ks_walk *w) { return w->ks; }

size_t ks_walk_mem(const struct ks_walk *w)
{
    size_t n = 0;
    for (int i = 0; w && i < w->n; i++)
        if (w->parts[i].t == &w->parts[i].gone) n += table_mem(&w->parts[i].gone);
    return n;
}

void ks_walk_moved(struct table *t)
{
    if (t->visit) part_of(t->visit)->t = t;
}

bool ks_walk_takes(struct table *t)
{
    if (!t->visit) return false;
    struct part *p = part_of(t->visit);
    p->gone = *t;
    p->gone.app = NULL; /* it hashes no more: it is only walked */
    p->t = &p->gone;
    t->visit = NULL;
    return true;
}

void ks_walk_orphan(struct ks_walk *w)
{
    if (!w) return;
    /* What had to stay has been taken; where a visit is over, the table just goes. */
    for (int i = 0; i < w->n; i++)
        if (w->parts[i].t != &w->parts[i].gone) w->parts[i].t = NULL;
    w->ks->walk = NULL;
    w->ks = NULL;
}
