/* walk: a snapshot in slices, while keys of all types come, go, change, expire, are renamed, and
 * databases are flushed, swapped and exchanged, holds exactly what was there at its start. */
#include "core/rdb/walk.h"

#include "core/base/mem.h"
#include "core/rdb/load.h"
#include "core/types/hash.h"
#include "core/types/list.h"
#include "core/types/set.h"
#include "core/types/zset.h"
#include "tests/unit/check_main.h"

#define DBS 4
#define START_MS 1700000000000

static struct keyspace *make(void)
{
    struct keyspace *ks = ks_new(&(struct ks_options){ .databases = DBS, .hash = { 1, 2 } });
    ks_begin(ks, START_MS, KS_EXPIRE_DELETE);
    return ks;
}

/* --- the changes -------------------------------------------------------------------------- */

struct play {
    struct keyspace *ks;
    struct rng r;
    uint32_t keys;
    int64_t now_ms;
    char key[32], member[32], text[400];
};

static struct slice any_key(struct play *p)
{
    return slice_of(p->key, (size_t)sprintf(p->key, "key:%u", (unsigned)rng_below(&p->r, p->keys)));
}
static struct slice any_member(struct play *p)
{
    return slice_of(p->member, (size_t)sprintf(p->member, "m%u", (unsigned)rng_below(&p->r, 500)));
}
static struct slice any_text(struct play *p)
{
    size_t n = rng_below(&p->r, 5) ? rng_below(&p->r, 30) : rng_below(&p->r, sizeof(p->text));
    memset(p->text, 'a' + (int)rng_below(&p->r, 26), n);
    for (size_t i = 0; i < n / 8; i++) p->text[rng_below(&p->r, n)] = (char)rng_next(&p->r);
    return slice_of(p->text, n);
}
static struct ks_db *any_db(struct play *p) { return ks_db(p->ks, (int64_t)rng_below(&p->r, DBS)); }

static void do_set(struct play *p)
{
    struct value v;
    struct slice key = any_key(p);
    ks_write(any_db(p), key, 0, &v);
    int64_t deadline = rng_below(&p->r, 4) ? -1 : p->now_ms + (int64_t)rng_below(&p->r, 900);
    ks_set_string(&v, key, any_text(p), STRING_AUTO, deadline);
}

static struct entry *new_collection(struct play *p, struct slice key, enum value_type t)
{
    if (t == VALUE_HASH) return hash_new(key, -1);
    if (t == VALUE_SET) return set_new(key, SLICE("1"), 1, -1, NULL);
    if (t == VALUE_LIST) return list_new(key);
    return zset_new(key, SLICE("1"), 1, -1, NULL);
}

static void add_member(struct play *p, struct value *v)
{
    struct slice m = any_member(p);
    if (v->e->type == VALUE_HASH) hash_put(v, m, any_text(p), NULL);
    else if (v->e->type == VALUE_SET) set_add(v, m, NULL);
    else if (v->e->type == VALUE_LIST) list_push(v, NULL, LIST_TAIL, 1, &m);
    else zset_add(v, (double)rng_below(&p->r, 50), m, 0, NULL, NULL);
}

/* Adds to what is there; makes a collection when there is nothing. */
static void do_add(struct play *p)
{
    static const enum value_type types[] = { VALUE_HASH, VALUE_SET, VALUE_LIST, VALUE_ZSET };
    struct slice key = any_key(p);
    struct value v;
    if (!ks_write(any_db(p), key, 0, &v)) {
        struct value fresh = { .e = new_collection(p, key, types[rng_below(&p->r, 4)]) };
        for (uint64_t i = 1 + rng_below(&p->r, 300); i; i--) add_member(p, &fresh);
        ks_put(&v, fresh.e, false);
    } else if (v.e->type == VALUE_STRING) {
        string_append(&v, any_text(p));
        ks_changed(&v);
    } else {
        add_member(p, &v);
        ks_changed(&v);
    }
}

static void do_remove(struct play *p) { ks_remove(any_db(p), any_key(p), rng_below(&p->r, 2)); }

static void do_deadline(struct play *p)
{
    struct value v;
    if (!ks_write(any_db(p), any_key(p), 0, &v)) return;
    if (rng_below(&p->r, 2)) ks_clear_deadline(&v);
    else ks_set_deadline(&v, p->now_ms + (int64_t)rng_below(&p->r, 900));
}

static void do_rename(struct play *p)
{
    struct value v;
    char to[32];
    if (!ks_write(any_db(p), any_key(p), 0, &v)) return;
    size_t n = (size_t)sprintf(to, "key:%u", (unsigned)rng_below(&p->r, p->keys));
    if (rng_below(&p->r, 2)) ks_rename(&v, any_db(p), slice_of(to, n));
    else ks_copy(&v, any_db(p), slice_of(to, n));
}

static void do_read(struct play *p)
{
    struct value v;
    ks_read(any_db(p), any_key(p), 0, &v); /* may expire it */
}

static void do_time(struct play *p)
{
    p->now_ms += (int64_t)rng_below(&p->r, 20);
    ks_begin(p->ks, p->now_ms, KS_EXPIRE_DELETE);
}

static void do_rehash(struct play *p)
{
    ks_step(p->ks, rng_below(&p->r, 20));
    if (rng_below(&p->r, 20) == 0) ks_hold(p->ks, rng_below(&p->r, 3) == 0);
}

static void do_swap(struct play *p)
{
    if (rng_below(&p->r, 40) == 0) ks_swap(p->ks, any_db(p)->id, any_db(p)->id);
}

static void do_flush(struct play *p)
{
    if (rng_below(&p->r, 400) == 0)
        ks_flush(p->ks, rng_below(&p->r, 4) ? any_db(p)->id : -1, rng_below(&p->r, 2));
}

/* All databases at once: in place, or another keyspace in the place of this one. */
static void do_exchange(struct play *p)
{
    if (rng_below(&p->r, 2000)) return;
    struct keyspace *fresh = make(), *old = p->ks;
    p->ks = fresh;
    for (int i = 0; i < 100; i++) do_set(p);
    if (rng_below(&p->r, 2)) {
        p->ks = old;
        ks_adopt(old, fresh, true);
        old = fresh;
    } else {
        ks_begin(fresh, p->now_ms, KS_EXPIRE_DELETE);
    }
    ks_delete(old);
}

static void change(struct play *p, uint64_t times)
{
    static void (*const all[])(struct play *) = {
        do_set, do_set, do_add,  do_add,    do_remove, do_remove, do_deadline, do_rename,
        do_read, do_time, do_rehash, do_swap, do_flush, do_exchange,
    };
    while (times--) all[rng_below(&p->r, sizeof(all) / sizeof(all[0]))](p);
}

/* Most of the keys go, or come again: the tables shrink and grow. */
static void sweep(struct play *p, bool away)
{
    uint32_t part = (uint32_t)rng_below(&p->r, p->keys);
    for (uint32_t i = 0; i < part; i++) away ? do_remove(p) : do_set(p);
}

/* --- what comes out ----------------------------------------------------------------------- */

static bool digest(void *app, struct entry *e)
{
    struct buf *out = app;
    int64_t deadline = entry_deadline(e);
    rdb_dump(e, out);
    buf_put(out, &deadline, 8);
    buf_puts(out, entry_key(e));
    return true;
}

struct compare {
    struct ks_db *other;
};
static bool same(void *app, struct entry *e)
{
    struct compare *c = app;
    struct value v;
    struct buf a = { 0 }, b = { 0 };
    if (!ks_read(c->other, entry_key(e), KS_NO_TOUCH, &v))
        ck_abort_msg("db %d lacks %.*s", c->other->id, SLICE_ARG(entry_key(e)));
    digest(&a, e);
    digest(&b, v.e);
    if (!slice_eq(buf_slice(&a), buf_slice(&b))) ck_abort_msg("a key has another value");
    buf_free(&a);
    buf_free(&b);
    return true;
}

static struct keyspace *load(struct slice bytes)
{
    struct keyspace *ks = make();
    struct errmsg msg;
    struct rdb_load_target t = { .ks = ks };
    struct rdb_in in;
    ks_begin(ks, START_MS, KS_EXPIRE_KEEP);
    struct rdb_load_hooks hooks = rdb_load_into(&t);
    rdb_in_init_slice(&in, bytes);
    ck_assert_msg(rdb_load(&in, &hooks, &msg) == ERR_NONE, "%s", msg.text);
    rdb_in_free(&in);
    return ks;
}

static void check_same(struct slice want, struct slice got)
{
    struct keyspace *a = load(want), *b = load(got);
    for (int i = 0; i < DBS; i++) {
        struct compare c = { ks_db(b, i) };
        ck_assert_uint_eq(ks_count(ks_db(a, i)), ks_count(c.other));
        ck_assert_uint_eq(ks_deadlines(ks_db(a, i)), ks_deadlines(c.other));
        ks_each(ks_db(a, i), same, &c);
    }
    ks_delete(a);
    ks_delete(b);
}

/* The other thread's part: strings are packed, the checksum is made. */
static void drain(struct rdb_out *from, struct rdb_out *to)
{
    rdb_put_raw(to, buf_slice(&from->buf), from->raw);
    buf_clear(&from->buf);
    vec_clear(&from->raw->strings);
}

/* One snapshot under fire; `early`: it is given up halfway. */
static void snapshot(struct play *p, bool early)
{
    struct rdb_save_options o = { 0 };
    struct rdb_raw raw = { { 0 } };
    struct rdb_out want, out, end;
    struct errmsg msg;
    struct rdb_walk w;
    rdb_out_init(&want, NULL, NULL, true, true);
    rdb_out_init(&out, NULL, NULL, false, true);
    rdb_out_init(&end, NULL, NULL, true, true);
    ck_assert_int_eq(rdb_save(p->ks, &want, &o, &msg), ERR_NONE);
    out.raw = &raw;
    rdb_walk_start(&w, p->ks, &out, &o, NULL, NULL);
    uint64_t speed = 1 + rng_below(&p->r, p->keys / 2), load = rng_below(&p->r, p->keys);
    while (rdb_walk_step(&w, 1 + rng_below(&p->r, speed))) {
        change(p, rng_below(&p->r, 1 + load));
        if (rng_below(&p->r, 4) == 0) sweep(p, rng_below(&p->r, 2));
        if (rng_below(&p->r, 2)) drain(&out, &end);
        if (early && rng_below(&p->r, 5) == 0) break;
    }
    drain(&out, &end);
    rdb_put_foot(&end, 0);
    if (!early) {
        ck_assert_uint_eq(w.keys, w.total);
        check_same(buf_slice(&want.buf), buf_slice(&end.buf));
    }
    rdb_walk_end(&w);
    vec_free(&raw.strings);
    rdb_out_free(&want);
    rdb_out_free(&out);
    rdb_out_free(&end);
}

static void play(uint64_t seed, uint32_t keys, int rounds)
{
    struct play p = { .ks = make(), .keys = keys, .now_ms = START_MS };
    rng_seed(&p.r, seed);
    for (int i = 0; i < rounds; i++) {
        change(&p, rng_below(&p.r, keys * 4));
        snapshot(&p, rng_below(&p.r, 5) == 0);
    }
    ks_delete(p.ks);
}

START_TEST(holds_what_was_there)
{
    for (uint64_t seed = 1; seed <= 20; seed++) play(seed, 60, 8);
    for (uint64_t seed = 1; seed <= 3; seed++) play(seed, 1000, 3);
    play(1, 6000, 1);
}
END_TEST

/* A flushed database is the walk's alone, and is freed when the walk has been there. */
START_TEST(what_was_flushed_is_freed)
{
    struct play p = { .ks = make(), .keys = 5000, .now_ms = START_MS };
    struct rdb_out out;
    struct rdb_walk w;
    mem_thread_start();
    rng_seed(&p.r, 3);
    for (int i = 0; i < 20000; i++) do_set(&p);
    rdb_out_init(&out, NULL, NULL, false, false);
    rdb_walk_start(&w, p.ks, &out, &(struct rdb_save_options){ 0 }, NULL, NULL);
    ck_assert_uint_eq(ks_walk_mem(w.walk), 0);
    ks_flush(p.ks, -1, true);
    size_t before = mem_used();
    ck_assert_uint_gt(ks_walk_mem(w.walk), 0);
    while (rdb_walk_step(&w, 100)) {
        buf_clear(&out.buf);
        do_set(&p);
    }
    ck_assert_uint_eq(w.keys, w.total);
    ck_assert_uint_eq(ks_walk_mem(w.walk), 0);
    ck_assert_uint_lt(mem_used(), before);
    rdb_walk_end(&w);
    rdb_out_free(&out);
    ks_delete(p.ks);
}
END_TEST

START_TEST(an_empty_keyspace)
{
    struct keyspace *ks = make();
    struct rdb_out out;
    struct rdb_walk w;
    rdb_out_init(&out, NULL, NULL, true, false);
    rdb_walk_start(&w, ks, &out, &(struct rdb_save_options){ 0 }, NULL, NULL);
    ck_assert(!rdb_walk_step(&w, 1));
    rdb_put_foot(&out, 0);
    struct keyspace *got = load(buf_slice(&out.buf));
    ck_assert_uint_eq(ks_count(ks_db(got, 0)), 0);
    ks_delete(ks); /* before the walk has ended */
    rdb_walk_end(&w);
    ks_delete(got);
    rdb_out_free(&out);
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(holds_what_was_there),
    UNIT(what_was_flushed_is_freed),
    UNIT(an_empty_keyspace),
};
UNIT_MAIN("walk", cases)
