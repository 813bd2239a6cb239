#include "core/front/command.h"

#include <ctype.h>
#include <stdio.h>

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/vec.h"
#include "core/front/docs.h"
#include "core/front/latency.h"

/* Open addressing over the lower-cased bytes of the name. The table is filled at start, is at most
 * a quarter full, and never shrinks: a removed name leaves its slot with a NULL entry. */
struct slot {
    uint64_t hash;
    char name[40];
    uint32_t name_n;
    bool used;
    struct command_entry *entry;
};

struct registry {
    struct slot *slots;
    size_t mask, used;
    VEC(struct command_entry *) top; /* in order of registration */
    VEC(struct command_entry *) all; /* by id */
    VEC(struct command_entry *) blocks; /* arrays of sub-commands to free */
};

#define SLOTS_FIRST 1024 /* a quarter of it is about the number of Redis' commands */

static unsigned char low(char ch)
{
    unsigned char u = (unsigned char)ch;
    return u >= 'A' && u <= 'Z' ? (unsigned char)(u + 32) : u;
}

/* Setting bit 0x20 lower-cases letters and confuses only control characters, which the comparison
 * with the slot's name then tells apart. Two overlapping reads cover names up to 16 bytes. */
static inline uint64_t name_hash(const char *p, size_t n)
{
    uint64_t a = 0, b = 0;
    if (n >= 8) {
        memcpy(&a, p, 8);
        memcpy(&b, p + n - 8, 8);
    } else if (n >= 4) {
        uint32_t x, y;
        memcpy(&x, p, 4);
        memcpy(&y, p + n - 4, 4);
        a = x;
        b = y;
    } else if (n > 0) {
        a = (uint64_t)(unsigned char)p[0] | (uint64_t)(unsigned char)p[n >> 1] << 8 |
            (uint64_t)(unsigned char)p[n - 1] << 16;
    }
    a |= 0x2020202020202020u;
    b |= 0x2020202020202020u;
    uint64_t h = (a ^ (b << 23 | b >> 41) ^ n) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 32;
}

static inline bool name_is(const struct slot *s, const char *p, size_t n)
{
    if (s->name_n != n) return false;
    for (size_t i = 0; i < n; i++)
        if (low(p[i]) != (unsigned char)s->name[i]) return false;
    return true;
}

static struct slot *slot_of(const struct registry *r, const char *p, size_t n)
{
    uint64_t h = name_hash(p, n);
    for (size_t i = h & r->mask;; i = (i + 1) & r->mask) {
        struct slot *s = &r->slots[i];
        if (!s->used || (s->hash == h && name_is(s, p, n))) return s;
    }
}

struct registry *registry_new(void)
{
    struct registry *r = mem_zalloc(sizeof(*r));
    r->slots = mem_zalloc(SLOTS_FIRST * sizeof(*r->slots));
    r->mask = SLOTS_FIRST - 1;
    return r;
}

void registry_delete(struct registry *r)
{
    if (!r) return;
    for (size_t i = 0; i < r->all.n; i++) histogram_delete(r->all.at[i]->stats.latency);
    for (size_t i = 0; i < r->blocks.n; i++) mem_free(r->blocks.at[i]);
    for (size_t i = 0; i < r->top.n; i++) mem_free(r->top.at[i]);
    vec_free(&r->blocks);
    vec_free(&r->top);
    vec_free(&r->all);
    mem_free(r->slots);
    mem_free(r);
}

static void grow(struct registry *r)
{
    struct slot *old = r->slots;
    size_t n = r->mask + 1;
    r->mask = n * 2 - 1;
    r->slots = mem_zalloc(n * 2 * sizeof(*r->slots));
    for (size_t i = 0; i < n; i++)
        if (old[i].used) *slot_of(r, old[i].name, old[i].name_n) = old[i];
    mem_free(old);
}

static void put(struct registry *r, struct slice name, struct command_entry *e)
{
    if (r->used * 4 > r->mask) grow(r);
    must(name.n < sizeof(((struct slot *)0)->name));
    struct slot *s = slot_of(r, name.p, name.n);
    if (!s->used) {
        r->used++;
        s->used = true;
        s->hash = name_hash(name.p, name.n);
        s->name_n = (uint32_t)name.n;
        for (size_t i = 0; i < name.n; i++) s->name[i] = (char)low(name.p[i]);
    }
    s->entry = e;
}

/* Keys that first, last and step of the old COMMAND reply cannot describe. */
static bool has_movable_keys(const struct command *row)
{
    if (row->find_keys) return true;
    for (int i = 0; i < KEYSPECS_MAX && row->keys[i].begin != KEYS_NONE; i++) {
        const struct keyspec *k = &row->keys[i];
        if (k->flags & (KEY_NOT_KEY | KEY_CHANNEL)) continue;
        if (k->begin != KEYS_AT || k->find != KEYS_RANGE) return true;
    }
    return false;
}

static void fill(struct registry *r, struct command_entry *e, const struct command *row,
                 const struct command_entry *parent)
{
    e->row = row;
    e->parent = parent;
    e->id = (int)r->all.n;
    e->arity = row->arity;
    e->flags = row->flags | (has_movable_keys(row) ? CMD_MOVABLE_KEYS : 0);
    e->categories = command_categories(row);
    int n = parent
                ? snprintf(e->fullname, sizeof(e->fullname), "%s|%s", parent->fullname, row->name)
                : snprintf(e->fullname, sizeof(e->fullname), "%s", row->name);
    must(n > 0 && (size_t)n < sizeof(e->fullname));
    for (char *p = e->fullname; *p; p++) *p = (char)low(*p);
    vec_push(&r->all, e);
}

static void add_subs(struct registry *r, struct command_entry *e)
{
    for (const struct command *s = e->row->subs; s->name; s++) e->subs_n++;
    e->subs = mem_zalloc((size_t)e->subs_n * sizeof(*e->subs));
    vec_push(&r->blocks, e->subs);
    for (int i = 0; i < e->subs_n; i++) fill(r, &e->subs[i], &e->row->subs[i], e);
}

void registry_add(struct registry *r, const struct command *rows)
{
    for (const struct command *row = rows; row->name; row++) {
        struct command_entry *e = mem_zalloc(sizeof(*e));
        fill(r, e, row, NULL);
        vec_push(&r->top, e);
        put(r, slice_z(row->name), e);
        if (row->subs) add_subs(r, e);
    }
}

struct command_entry *registry_find(const struct registry *r, struct slice name)
{
    return slot_of(r, name.p, name.n)->entry;
}

static struct command_entry *find_sub(const struct command_entry *e, struct slice word)
{
    for (int i = 0; i < e->subs_n; i++)
        if (slice_ieqz(word, e->subs[i].row->name)) return &e->subs[i];
    return NULL;
}

struct command_entry *registry_find_full(const struct registry *r, int argc,
                                         const struct slice *argv)
{
    struct command_entry *e = registry_find(r, argv[0]);
    if (!e || !e->subs || argc < 2) return e;
    struct command_entry *sub = find_sub(e, argv[1]);
    return sub ? sub : e;
}

struct command_entry *registry_find_name(const struct registry *r, struct slice fullname)
{
    ptrdiff_t bar = slice_find(fullname, '|', 0);
    if (bar < 0) return registry_find(r, fullname);
    struct command_entry *e = registry_find(r, slice_of(fullname.p, (size_t)bar));
    return e ? find_sub(e, slice_of(fullname.p + bar + 1, fullname.n - (size_t)bar - 1)) : NULL;
}

bool registry_rename(struct registry *r, struct slice from, struct slice to)
{
    struct slot *s = slot_of(r, from.p, from.n);
    struct command_entry *e = s->entry;
    if (!e) return false;
    if (to.n >= sizeof(s->name)) return false;
    if (to.n && registry_find(r, to)) return false;
    s->entry = NULL;
    if (to.n) put(r, to, e);
    return true;
}

int registry_count(const struct registry *r) { return (int)r->top.n; }
struct command_entry *registry_at(const struct registry *r, int i) { return r->top.at[i]; }
int registry_ids(const struct registry *r) { return (int)r->all.n; }
struct command_entry *registry_by_id(const struct registry *r, int id) { return r->all.at[id]; }
