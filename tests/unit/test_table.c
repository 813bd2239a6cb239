/* table: differential against a plain array of flags, cursor guarantee, fairness, holds. */
#include "core/base/table.h"

#include "core/base/hash.h"
#include "core/base/mem.h"
#include "tests/unit/check_main.h"

/* Check's own assertions are too slow for millions. */
#define OK(x)                           \
    do {                                \
        if (!(x)) ck_abort_msg("%s", #x); \
    } while (0)

#define KEYS 20000 /* enough for tables of several segments */

struct item {
    uint32_t key;
};
static const struct hash_key hash_key = { 11, 22 };

static uint64_t hash_of(uint32_t key) { return hash_bytes(&key, sizeof(key), &hash_key); }
static uint64_t item_hash(const struct table *t, const void *e)
{
    OK(t->app == &hash_key);
    return hash_of(((const struct item *)e)->key);
}
static bool item_equal(const void *e, const void *key)
{
    return ((const struct item *)e)->key == *(const uint32_t *)key;
}
/* All in one chain: the worst hash. */
static uint64_t same_hash(const struct table *t, const void *e) { return 42; }

static const struct table_type type = { item_hash, item_equal };
static const struct table_type bad_type = { same_hash, item_equal };

static struct item items[KEYS];
static bool in[KEYS];

static void setup(struct table *t, const struct table_type *ty)
{
    for (uint32_t i = 0; i < KEYS; i++) items[i].key = i;
    memset(in, 0, sizeof(in));
    table_init(t, ty, &hash_key);
}

static uint64_t h(const struct table *t, uint32_t k) { return t->type->hash(t, &items[k]); }

static void check_all(struct table *t, uint32_t keys)
{
    size_t n = 0;
    for (uint32_t k = 0; k < keys; k++) {
        void **slot = table_find(t, h(t, k), &k);
        OK((slot != NULL) == in[k]);
        if (slot) OK(*slot == &items[k]);
        n += in[k];
    }
    ck_assert_uint_eq(table_count(t), n);
    static uint8_t seen[KEYS];
    memset(seen, 0, sizeof(seen));
    struct table_iter it;
    table_iter_start(&it, t);
    for (struct item *e; (e = table_iter_next(&it));) OK(seen[e->key]++ == 0);
    ck_assert_ptr_null(table_iter_next(&it));
    table_iter_end(&it);
    for (uint32_t k = 0; k < keys; k++) OK(seen[k] == in[k]);
}

static void change(struct table *t, uint32_t k)
{
    if (in[k]) {
        if (k & 1)
            OK(table_remove(t, h(t, k), &k) == &items[k]);
        else
            OK(table_remove_entry(t, h(t, k), &items[k]));
    } else {
        OK(!table_remove(t, h(t, k), &k));
        table_add(t, h(t, k), &items[k]);
    }
    in[k] = !in[k];
}

static void random_changes(const struct table_type *ty, uint32_t keys, uint64_t seed, int rounds)
{
    struct table t;
    struct rng r;
    setup(&t, ty);
    rng_seed(&r, seed);
    for (int round = 0; round < rounds; round++) {
        /* A bias per round lets the table grow and shrink a lot. */
        uint64_t bias = rng_below(&r, 10), n = rng_below(&r, keys * 2);
        table_hold(&t, rng_below(&r, 5) == 0);
        for (uint64_t i = 0; i < n; i++) {
            uint32_t k = (uint32_t)rng_below(&r, keys);
            if (in[k] == (rng_below(&r, 10) < bias)) change(&t, k);
            if (rng_below(&r, 50) == 0) table_step(&t, rng_below(&r, 5));
        }
        check_all(&t, keys);
    }
    table_hold(&t, false);
    while (table_step(&t, 100)) {}
    check_all(&t, keys);
    ck_assert_uint_le(t.at[0] ? table_mem(&t) : 0, 64 * (1024 + 16 + table_count(&t) * 2));
    table_free(&t);
    ck_assert_uint_eq(table_count(&t), 0);
    ck_assert_uint_eq(table_mem(&t), 0);
}

START_TEST(agrees_with_a_plain_array)
{
    for (uint64_t seed = 1; seed <= 4; seed++) random_changes(&type, KEYS, seed, 8);
    for (uint64_t seed = 1; seed <= 20; seed++) random_changes(&type, 40, seed, 30);
}
END_TEST

START_TEST(survives_equal_hashes)
{
    random_changes(&bad_type, 60, 5, 30);
}
END_TEST

struct walk {
    uint8_t seen[KEYS];
    uint64_t handed;
};
static void note(void *app, void *e)
{
    struct walk *w = app;
    w->seen[((struct item *)e)->key] = 1;
    w->handed++;
}

START_TEST(cursor_gives_all_that_stay)
{
    static struct walk w;
    struct table t;
    struct rng r;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        setup(&t, &type);
        rng_seed(&r, seed);
        /* Keys below `stay` are there throughout; the others come and go meanwhile. */
        uint32_t stay = (uint32_t)rng_below(&r, 1000);
        for (uint32_t k = 0; k < stay; k++) change(&t, k);
        memset(&w, 0, sizeof(w));
        uint64_t cursor = 0, steps = 0, bias = rng_below(&r, 10);
        do {
            cursor = table_scan(&t, cursor, note, &w);
            if (rng_below(&r, 30) == 0) bias = rng_below(&r, 10);
            for (uint64_t i = rng_below(&r, 40); i; i--) {
                uint32_t k = stay + (uint32_t)rng_below(&r, KEYS - stay);
                if (in[k] == (rng_below(&r, 10) < bias)) change(&t, k);
            }
            if (rng_below(&r, 4) == 0) table_step(&t, rng_below(&r, 20));
            OK(steps++ < 100000);
        } while (cursor);
        for (uint32_t k = 0; k < stay; k++) OK(w.seen[k]);
        table_free(&t);
    }
}
END_TEST

START_TEST(iteration_allows_removal)
{
    struct table t;
    setup(&t, &type);
    for (uint32_t k = 0; k < KEYS; k++) change(&t, k);
    struct table_iter it;
    table_iter_start(&it, &t);
    size_t n = 0;
    for (struct item *e; (e = table_iter_next(&it)); n++)
        if (e->key % 10) change(&t, e->key);
    table_iter_end(&it);
    ck_assert_uint_eq(n, KEYS);
    check_all(&t, KEYS);
    while (table_step(&t, 10)) {}
    check_all(&t, KEYS);
    for (uint32_t k = 0; k < KEYS; k += 10) change(&t, k);
    while (table_step(&t, 10)) {}
    check_all(&t, KEYS);
    ck_assert_uint_le(table_mem(&t), 4096);
    table_free(&t);
}
END_TEST

START_TEST(random_draws_are_even)
{
    struct table t;
    struct rng r;
    static uint32_t drawn[KEYS];
    setup(&t, &type);
    rng_seed(&r, 3);
    ck_assert_ptr_null(table_random(&t, &r));
    for (uint32_t k = 0; k < 100; k++) change(&t, k);
    for (int i = 0; i < 100000; i++) drawn[((struct item *)table_random(&t, &r))->key]++;
    for (uint32_t k = 0; k < 100; k++) ck_assert(drawn[k] > 850 && drawn[k] < 1150);
    for (uint32_t k = 100; k < KEYS; k++) change(&t, k);
    table_hold(&t, true);
    for (uint32_t k = 1; k < KEYS; k++) change(&t, k); /* one entry in a large table */
    ck_assert_ptr_eq(table_random(&t, &r), &items[0]);
    void *out[4];
    ck_assert_uint_eq(table_sample(&t, &r, out, 4), 1);
    table_free(&t);
}
END_TEST

START_TEST(reserve_makes_room_once)
{
    struct table t;
    setup(&t, &type);
    table_reserve(&t, KEYS);
    size_t slots = table_slots(&t);
    ck_assert_uint_ge(slots, KEYS);
    for (uint32_t k = 0; k < KEYS; k++) {
        change(&t, k);
        OK(!table_moving(&t) && !table_step(&t, 1));
    }
    ck_assert_uint_eq(table_slots(&t), slots);
    check_all(&t, KEYS);
    table_free(&t);
}
END_TEST

START_TEST(hold_keeps_memory_still)
{
    struct table t;
    setup(&t, &type);
    for (uint32_t k = 0; k < 100; k++) change(&t, k);
    while (table_step(&t, 100)) {}
    table_hold(&t, true);
    const void *at = t.at[0];
    for (uint32_t k = 100; k < 250; k++) change(&t, k);
    ck_assert_ptr_eq(t.at[0], at);
    ck_assert(!table_moving(&t));
    for (uint32_t k = 250; k < 6000; k++) change(&t, k); /* badly overfull: it moves after all */
    ck_assert(table_moving(&t));
    check_all(&t, KEYS);
    table_free(&t);
}
END_TEST

START_TEST(replace_and_prefetch)
{
    struct table t;
    struct item other = { 7 };
    setup(&t, &type);
    for (uint32_t k = 0; k < 500; k++) change(&t, k);
    table_replace(&t, hash_of(7), &items[7], &other);
    uint32_t k = 7;
    ck_assert_ptr_eq(*table_find(&t, hash_of(7), &k), &other);
    ck_assert_ptr_null(table_find_entry(&t, hash_of(7), &items[7]));
    for (k = 0; k < KEYS; k++) table_prefetch(&t, hash_of(k));
    for (k = 0; k < KEYS; k++) table_prefetch_entry(&t, hash_of(k));
    for (k = 0; k < KEYS; k++) table_prefetch_child(&t, hash_of(k));
    table_free(&t);
}
END_TEST

/* What a visit must hand over: exactly what was in at the start, as it was. */
static struct visited {
    bool due[KEYS];
    uint32_t then[KEYS], now[KEYS]; /* versions of what lies in the entries */
    size_t left;
} vis;

static void take(void *app, void *e)
{
    uint32_t k = ((struct item *)e)->key;
    OK(vis.due[k]);
    OK(vis.then[k] == vis.now[k]);
    vis.due[k] = false;
    vis.left--;
}

static void begin_visit(struct table *t, struct table_visit *v)
{
    memcpy(vis.due, in, sizeof(in));
    memcpy(vis.then, vis.now, sizeof(vis.now));
    vis.left = table_count(t);
    *v = (struct table_visit){ .fn = take };
    table_visit_start(t, v);
}

/* Keys come, go and change, the table grows and shrinks. */
static void disturb(struct table *t, struct rng *r, uint32_t keys, uint64_t bias, uint64_t times)
{
    for (uint64_t i = 0; i < times; i++) {
        uint32_t k = (uint32_t)rng_below(r, keys);
        if (in[k] && rng_below(r, 3) == 0) {
            table_visit_first(t, h(t, k));
            OK(table_visited(t, h(t, k)) && !vis.due[k]);
            vis.now[k]++;
        } else if (in[k] == (rng_below(r, 10) < bias)) {
            change(t, k);
        }
        if (rng_below(r, 50) == 0) table_step(t, rng_below(r, 20));
        if (rng_below(r, 500) == 0) table_hold(t, rng_below(r, 3) == 0);
    }
}

static void visits(const struct table_type *ty, uint32_t keys, uint64_t seed, int rounds)
{
    struct table t;
    struct table_visit v;
    struct rng r;
    setup(&t, ty);
    rng_seed(&r, seed);
    for (int round = 0; round < rounds; round++) {
        disturb(&t, &r, keys, rng_below(&r, 11), rng_below(&r, keys * 3));
        begin_visit(&t, &v);
        uint64_t bias = rng_below(&r, 11), speed = 1 + rng_below(&r, keys / 4);
        bool early = rng_below(&r, 4) == 0;
        while (table_visit_step(&t, 1 + rng_below(&r, speed)) && !(early && rng_below(&r, 9) == 0))
            disturb(&t, &r, keys, bias, rng_below(&r, keys));
        if (!t.visit) ck_assert_uint_eq(vis.left, 0);
        table_visit_end(&t);
        memset(vis.due, 0, sizeof(vis.due));
    }
    check_all(&t, keys);
    table_free(&t);
}

START_TEST(visits_hand_over_what_was_there)
{
    for (uint64_t seed = 1; seed <= 6; seed++) visits(&type, KEYS, seed, 12);
    for (uint64_t seed = 1; seed <= 60; seed++) visits(&type, 300, seed, 40);
    visits(&bad_type, 60, 7, 60);
}
END_TEST

/* The numbers of visits come round; an old number must not pass for the new one. */
START_TEST(visits_ended_early_do_no_harm)
{
    struct table t;
    struct table_visit v;
    setup(&t, &type);
    for (uint32_t k = 0; k < KEYS; k++) change(&t, k);
    for (int round = 0; round < 1000; round++) {
        begin_visit(&t, &v);
        if (round % 300 == 0 || round == 999)
            while (table_visit_step(&t, 1000)) {}
        else
            for (uint32_t k = 0; k < 5; k++)
                table_visit_first(&t, hash_of((uint32_t)round * 5 + k));
        if (!t.visit) ck_assert_uint_eq(vis.left, 0);
        table_visit_end(&t);
    }
    ck_assert_uint_eq(vis.left, 0);
    table_free(&t);
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(agrees_with_a_plain_array), UNIT(survives_equal_hashes),  UNIT(cursor_gives_all_that_stay),
    UNIT(iteration_allows_removal),  UNIT(random_draws_are_even),  UNIT(reserve_makes_room_once),
    UNIT(hold_keeps_memory_still),   UNIT(replace_and_prefetch),
    UNIT(visits_hand_over_what_was_there), UNIT(visits_ended_early_do_no_harm),
};
UNIT_MAIN("table", cases)
