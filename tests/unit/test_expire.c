/* expire: the cycle finds what is due, stays within its budget, leaves the rest alone. */
#include "core/db/expire.h"

#include "tests/unit/check_main.h"

#define NOW 5000000

static struct keyspace *make(void)
{
    struct keyspace *ks = ks_new(&(struct ks_options){ .databases = 3, .hash = { 1, 2 } });
    ks_begin(ks, NOW, KS_EXPIRE_DELETE);
    return ks;
}

static void fill(struct ks_db *db, int from, int to, int64_t deadline)
{
    char key[32];
    for (int i = from; i < to; i++) {
        sprintf(key, "key:%d", i);
        ck_assert(ks_load(db, string_new_int(slice_z(key), i, deadline)));
    }
}

START_TEST(removes_what_is_due)
{
    struct keyspace *ks = make();
    struct expire_cycle c = { 0 };
    struct expire_options o = { .effort = 1 };
    fill(ks_db(ks, 0), 0, 20000, NOW - 1);
    fill(ks_db(ks, 0), 20000, 21000, NOW + 1000);
    fill(ks_db(ks, 0), 21000, 30000, -1);
    fill(ks_db(ks, 2), 0, 100, NOW);
    size_t n = expire_run(ks, &c, &o);
    ck_assert_uint_ge(n, 19000); /* a tenth of what is left may stay */
    ck_assert_int_eq(c.cut_short, 0);
    for (int i = 0; i < 2000; i++) n += expire_run(ks, &c, &o);
    ck_assert_uint_eq(n, 20000);
    ck_assert_uint_eq(ks->stats.expired, 20000);
    ck_assert_uint_eq(ks_count(ks_db(ks, 0)), 10000);
    ck_assert_uint_eq(ks_deadlines(ks_db(ks, 0)), 1000);
    ck_assert_uint_eq(ks_count(ks_db(ks, 2)), 100);
    ck_assert(ks_db(ks, 0)->ttl_avg_ms > 900 && ks_db(ks, 0)->ttl_avg_ms <= 1000);
    ck_assert(c.stale_percent < 0.1);
    ks_begin(ks, NOW + 2000, KS_EXPIRE_DELETE);
    for (int i = 0; i < 200; i++) n += expire_run(ks, &c, &o);
    ck_assert_uint_eq(n, 21100);
    ck_assert_uint_eq(ks_deadlines(ks_db(ks, 0)), 0);
    ck_assert_int_eq(ks_db(ks, 0)->ttl_avg_ms, 0);
    ks_delete(ks);
}
END_TEST

static bool spent(void *app) { return --*(int *)app <= 0; }

START_TEST(stays_within_its_budget)
{
    struct keyspace *ks = make();
    struct expire_cycle c = { 0 };
    int left = 10;
    struct expire_options o = { .effort = 10, .spent = spent, .app = &left };
    for (int d = 0; d < 3; d++) fill(ks_db(ks, d), 0, 10000, NOW - 1);
    size_t n = expire_run(ks, &c, &o);
    ck_assert(c.cut_short && c.cuts == 1);
    ck_assert_uint_ge(n, 600);
    ck_assert_uint_le(n, 2000);
    /* The next call goes on with the next database, so none is starved. */
    ck_assert_int_eq(c.next_db, 1);
    left = 10;
    expire_run(ks, &c, &o);
    ck_assert_uint_lt(ks_count(ks_db(ks, 1)), 10000);
    ck_assert_uint_eq(ks_count(ks_db(ks, 2)), 10000);
    ks_delete(ks);
}
END_TEST

static const struct unit_case cases[] = { UNIT(removes_what_is_due),
                                          UNIT(stays_within_its_budget) };
UNIT_MAIN("expire", cases)
