/* expire: the cycle finds what is due, stays within its budget, leaves the rest alone. */
#include "core/db/expire.h"

#include "core/types/hash.h"
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
        ck_assert(ks_load(db, ks_hash(db->ks, slice_z(key)),
                          string_new_int(slice_z(key), i, deadline)));
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

/* --- fields ------------------------------------------------------------------------------- */

static size_t told, lasts;

static void fields_expired(void *app, int db, struct slice key, size_t n,
                           const struct slice *fields, bool last)
{
    (void)app;
    (void)db;
    (void)key;
    for (size_t i = 0; i < n; i++)
        ck_assert(fields[i].p[0] == 'f');
    told += n;
    lasts += last;
}

/* A hash of `n` fields of which the first `timed` have that deadline. */
static void fill_hash(struct ks_db *db, const char *key, int n, int timed, int64_t deadline)
{
    struct value v = { .e = hash_new(slice_z(key), ENTRY_NO_DEADLINE) };
    char field[16];
    for (int i = 0; i < n; i++) {
        sprintf(field, "f%d", i);
        hash_put(&v, slice_z(field), SLICE("v"), NULL);
        if (i < timed) hash_set_deadline(&v, slice_z(field), deadline, NULL);
    }
    ck_assert(ks_load(db, ks_hash(db->ks, slice_z(key)), v.e));
}

static struct keyspace *make_timed(void)
{
    struct keyspace *ks = ks_new(&(struct ks_options){
        .databases = 2, .hash = { 1, 2 }, .hooks = { .fields_expired = fields_expired } });
    ks_begin(ks, NOW, KS_EXPIRE_DELETE);
    told = lasts = 0;
    return ks;
}

START_TEST(fields_go_and_keys_with_their_last)
{
    struct keyspace *ks = make_timed();
    struct expire_cycle c = { 0 };
    struct expire_options o = { .effort = 1 };
    fill_hash(ks_db(ks, 0), "all", 10, 10, NOW - 1);
    fill_hash(ks_db(ks, 0), "some", 2000, 1999, NOW - 1);
    fill_hash(ks_db(ks, 0), "later", 10, 5, NOW);
    fill_hash(ks_db(ks, 1), "none", 10, 0, NOW - 1);
    ck_assert_uint_eq(ks_timed(ks_db(ks, 0)), 3);
    size_t n = 0;
    for (int i = 0; i < 200; i++)
        n += expire_run_fields(ks, &c, &o);
    ck_assert_uint_eq(n, 2009);
    ck_assert_uint_eq(told, 2009);
    ck_assert_uint_eq(lasts, 1);
    ck_assert_uint_eq(ks->stats.expired_fields, 2009);
    ck_assert_uint_eq(ks_count(ks_db(ks, 0)), 2);
    ck_assert_uint_eq(ks_timed(ks_db(ks, 0)), 1);
    ks_delete(ks);
}
END_TEST

START_TEST(fields_stay_within_their_budget)
{
    struct keyspace *ks = make_timed();
    struct expire_cycle c = { 0 };
    int left = 1;
    struct expire_options o = { .effort = 1, .spent = spent, .app = &left };
    fill_hash(ks_db(ks, 0), "big", 50000, 50000, NOW - 1);
    size_t n = expire_run_fields(ks, &c, &o);
    ck_assert(n > 0 && n <= 30 * KS_FIELDS_A_STEP);
    ck_assert_int_eq(c.next_fields_db, 1);
    ks_delete(ks);
}
END_TEST

START_TEST(a_field_is_seen_by_the_rule)
{
    struct keyspace *ks = make_timed();
    struct ks_db *db = ks_db(ks, 0);
    struct value v;
    fill_hash(db, "h", 3, 3, NOW - 1);
    ks_read(db, SLICE("h"), 0, &v);
    ks_begin(ks, NOW, KS_EXPIRE_KEEP);
    ck_assert(ks_field_seen(&v, SLICE("f0"), true) && hash_count(v.e) == 3);
    ks_begin(ks, NOW, KS_EXPIRE_HIDE);
    ck_assert(!ks_field_seen(&v, SLICE("f0"), true) && hash_count(v.e) == 3);
    ks_begin(ks, NOW, KS_EXPIRE_HIDE_READS);
    ck_assert(!ks_field_seen(&v, SLICE("f0"), false) && hash_count(v.e) == 3);
    ck_assert(!ks_field_seen(&v, SLICE("f0"), true) && hash_count(v.e) == 2);
    ks_begin(ks, NOW, KS_EXPIRE_DELETE);
    ck_assert(!ks_field_seen(&v, SLICE("f1"), false) && !ks_field_seen(&v, SLICE("f2"), false));
    ck_assert(v.e == NULL && ks_count(db) == 0 && ks_timed(db) == 0);
    ks_delete(ks);
}
END_TEST

/* The third table follows whatever happens to the entry. */
START_TEST(timed_hashes_are_found_wherever_they_go)
{
    struct keyspace *ks = make_timed();
    struct ks_db *a = ks_db(ks, 0), *b = ks_db(ks, 1);
    struct value v;
    fill_hash(a, "h", 3, 1, NOW + 100);
    ks_read(a, SLICE("h"), 0, &v);
    ks_copy(&v, b, SLICE("copy"));
    ck_assert_uint_eq(ks_timed(b), 1);
    ks_set_deadline(&v, NOW + 50);
    hash_put(&v, SLICE("f0"), SLICE("x"), NULL);
    ck_assert_uint_eq(ks_timed(a), 0);
    hash_set_deadline(&v, SLICE("f1"), NOW + 7, NULL);
    ck_assert(ks_timed(a) == 1 && ks_deadlines(a) == 1);
    ks_clear_deadline(&v);
    ks_rename(&v, b, SLICE("copy"));
    ck_assert(ks_timed(a) == 0 && ks_timed(b) == 1 && ks_count(b) == 1);
    ks_swap(ks, 0, 1);
    ck_assert(ks_timed(a) == 1 && ks_timed(b) == 0);
    ks_read(a, SLICE("copy"), 0, &v);
    ks_set_string(&v, SLICE("copy"), SLICE("s"), STRING_AUTO, -1);
    ck_assert_uint_eq(ks_timed(a), 0);
    fill_hash(a, "h", 3, 1, NOW + 100);
    ks_flush(ks, -1, false);
    ck_assert_uint_eq(ks_timed(a), 0);
    ks_delete(ks);
}
END_TEST

static const struct unit_case cases[] = { UNIT(removes_what_is_due),
                                          UNIT(fields_go_and_keys_with_their_last),
                                          UNIT(fields_stay_within_their_budget),
                                          UNIT(a_field_is_seen_by_the_rule),
                                          UNIT(timed_hashes_are_found_wherever_they_go),
                                          UNIT(stays_within_its_budget) };
UNIT_MAIN("expire", cases)
