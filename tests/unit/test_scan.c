/* scan: filters, counts, and the guarantee while keys come and go. */
#include "core/db/scan.h"

#include "tests/unit/check_main.h"

#define NOW 5000000
#define KEYS 5000

static bool seen[KEYS];
static size_t given;

static void note(void *app, struct slice key)
{
    int64_t k;
    ck_assert(num_to_i64(slice_of(key.p + 4, key.n - 4), &k));
    seen[k] = true;
    given++;
}

static void put(struct ks_db *db, int k, int64_t deadline)
{
    char key[32];
    struct value v;
    sprintf(key, "key:%d", k);
    ks_write(db, slice_z(key), 0, &v);
    ks_set_string(&v, slice_z(key), SLICE("v"), STRING_AUTO, deadline);
}

static void drop(struct ks_db *db, int k)
{
    char key[32];
    sprintf(key, "key:%d", k);
    ks_remove(db, slice_z(key), false);
}

static struct keyspace *make(void)
{
    struct keyspace *ks = ks_new(&(struct ks_options){ .hash = { 1, 2 } });
    ks_begin(ks, NOW, KS_EXPIRE_DELETE);
    memset(seen, 0, sizeof(seen));
    given = 0;
    return ks;
}

static size_t scan_all(struct ks_db *db, const struct scan_options *o)
{
    uint64_t cursor = 0;
    size_t calls = 0;
    do cursor = scan_step(db, cursor, o, note, NULL), calls++;
    while (cursor);
    return calls;
}

START_TEST(filters)
{
    struct keyspace *ks = make();
    struct ks_db *db = ks_db(ks, 0);
    for (int k = 0; k < 1000; k++) put(db, k, k % 2 ? -1 : NOW + 5);
    size_t calls = scan_all(db, &(struct scan_options){ .type = -1 });
    ck_assert_uint_eq(given, 1000);
    ck_assert(calls > 50 && calls <= 101);
    ck_assert_uint_eq(scan_all(db, &(struct scan_options){ .type = -1, .count = UINT64_MAX }), 1);
    given = 0;
    scan_all(db, &(struct scan_options){ .type = VALUE_HASH });
    ck_assert_uint_eq(given, 0);
    scan_all(db, &(struct scan_options){ .type = VALUE_STRING, .match = SLICE("key:9?") });
    ck_assert_uint_eq(given, 10);
    ks_begin(ks, NOW + 10, KS_EXPIRE_HIDE);
    given = 0;
    scan_all(db, &(struct scan_options){ .type = -1 });
    ck_assert_uint_eq(given, 500);
    ck_assert_uint_eq(ks_count(db), 1000);
    given = 0;
    scan_keys(db, SLICE("*"), note, NULL);
    ck_assert_uint_eq(given, 500);
    scan_keys(db, SLICE("key:2"), note, NULL);
    ck_assert_uint_eq(given, 500);
    scan_keys(db, SLICE("key:1"), note, NULL);
    ck_assert_uint_eq(given, 501);
    ks_begin(ks, NOW + 10, KS_EXPIRE_DELETE);
    scan_all(db, &(struct scan_options){ .type = -1 });
    ck_assert_uint_eq(ks_count(db), 500);
    ck_assert_uint_eq(ks->stats.expired, 500);
    ks_delete(ks);
}
END_TEST

START_TEST(what_stays_is_given)
{
    struct rng r;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct keyspace *ks = make();
        struct ks_db *db = ks_db(ks, 0);
        rng_seed(&r, seed);
        int stay = (int)rng_below(&r, 500);
        for (int k = 0; k < stay; k++) put(db, k, -1);
        uint64_t cursor = 0;
        bool grow = true;
        do {
            cursor = scan_step(db, cursor, &(struct scan_options){ .type = -1 }, note, NULL);
            if (rng_below(&r, 20) == 0) grow = !grow;
            for (uint64_t i = rng_below(&r, 100); i; i--) {
                int k = stay + (int)rng_below(&r, (uint64_t)(KEYS - stay));
                if (grow)
                    put(db, k, NOW + (int64_t)rng_below(&r, 100));
                else
                    drop(db, k);
            }
            ks_begin(ks, ks->now_ms + (int64_t)rng_below(&r, 3), KS_EXPIRE_DELETE);
            ks_step(ks, rng_below(&r, 10));
        } while (cursor);
        for (int k = 0; k < stay; k++) ck_assert_msg(seen[k], "seed %d key %d", (int)seed, k);
        ks_delete(ks);
    }
}
END_TEST

static const struct unit_case cases[] = { UNIT(filters), UNIT(what_stays_is_given) };
UNIT_MAIN("scan", cases)
