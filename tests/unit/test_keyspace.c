/* keyspace: differential of keys, strings and deadlines against plain arrays; the gate;
 * expiry rules; rename, copy, swap, flush. */
#include "core/db/keyspace.h"

#include "core/base/mem.h"
#include "tests/unit/check_main.h"

#define NOW 1000000

static struct keyspace *make(const struct ks_hooks *hooks)
{
    struct ks_options o = { .databases = 4, .hash = { 1, 2 }, .seed = 3 };
    if (hooks) o.hooks = *hooks;
    struct keyspace *ks = ks_new(&o);
    ks_begin(ks, NOW, KS_EXPIRE_DELETE);
    return ks;
}

static void set(struct ks_db *db, const char *key, const char *val, int64_t deadline)
{
    struct value v;
    ks_write(db, slice_z(key), 0, &v);
    ks_set_string(&v, slice_z(key), slice_z(val), STRING_AUTO, deadline);
}

static const char *get(struct ks_db *db, const char *key)
{
    static char text[512];
    char tmp[STRING_TMP];
    struct value v;
    if (!ks_read(db, slice_z(key), 0, &v)) return "(nil)";
    return slice_cstr(string_get(v.e, tmp), text, sizeof(text));
}

static const char *encoding(struct ks_db *db, const char *key)
{
    struct value v;
    ck_assert(ks_read(db, slice_z(key), KS_NO_TOUCH, &v));
    return value_encoding_name(v.e);
}

/* --- the differential model --------------------------------------------------------------- */

#define KEYS 150
#define BYTES_MAX 700

static struct model {
    bool there;
    char bytes[BYTES_MAX];
    size_t n;
    int64_t deadline;
} model[2][KEYS];

static struct slice key_of(uint32_t k, char *text)
{
    /* Short, long and very long names, and a zero byte. */
    int n = sprintf(text, "%ckey:%u", 0, k);
    if (k % 7 == 0) memset(text + n, 'x', 300), n += 300;
    if (k % 50 == 0) memset(text + n, 'y', 70000), n += 70000;
    return slice_of(text, (size_t)n);
}

static struct slice random_bytes(struct rng *r, char *out)
{
    static const size_t lens[] = { 0, 1, 5, 16, 43, 44, 45, 100, 192, 193, 300 };
    size_t n = lens[rng_below(r, sizeof(lens) / sizeof(lens[0]))];
    if (rng_below(r, 3) == 0) return slice_of(out, num_from_i64(out, (int64_t)rng_next(r)));
    if (rng_below(r, 4) == 0) n = rng_below(r, 300);
    for (size_t i = 0; i < n; i++) out[i] = (char)rng_next(r);
    return slice_of(out, n);
}

static void model_set(struct model *m, struct slice s)
{
    memcpy(m->bytes, s.p, s.n);
    m->n = s.n;
    m->there = true;
}

static void check_one(struct ks_db *db, uint32_t k, struct model *m)
{
    static char name[80000];
    char tmp[STRING_TMP];
    struct value v;
    if (m->there && m->deadline >= 0 && m->deadline < db->ks->now_ms) m->there = false;
    ck_assert_int_eq(ks_read(db, key_of(k, name), 0, &v), m->there);
    if (!m->there) return;
    ck_assert(slice_eq(string_get(v.e, tmp), slice_of(m->bytes, m->n)));
    ck_assert_uint_eq(string_len(v.e), m->n);
    ck_assert_int_eq(ks_deadline(&v), m->deadline);
    ck_assert(slice_eq(entry_key(v.e), key_of(k, name)));
}

static void act_string(struct value *v, struct model *m, struct rng *r)
{
    char bytes[400];
    struct slice s = random_bytes(r, bytes);
    int64_t n, sum, by = (int64_t)rng_below(r, 1000) - 500;
    switch (rng_below(r, 4)) {
    case 0: /* append */
        if (m->n + s.n > BYTES_MAX) return;
        memcpy(m->bytes + m->n, s.p, s.n);
        m->n += s.n;
        ck_assert_uint_eq(string_append(v, s), m->n);
        break;
    case 1: { /* setrange */
        size_t at = rng_below(r, 380), end = at + s.n;
        if (end > m->n) memset(m->bytes + m->n, 0, end - m->n), m->n = end;
        memcpy(m->bytes + at, s.p, s.n);
        ck_assert_uint_eq(string_setrange(v, at, s), m->n);
        break;
    }
    case 2: /* incr */
        if (!num_to_i64(slice_of(m->bytes, m->n), &n)) {
            ck_assert_int_eq(string_incr(v, by, &sum), ERR_FORMAT);
        } else if (__builtin_add_overflow(n, by, &n)) {
            ck_assert_int_eq(string_incr(v, by, &sum), ERR_RANGE);
        } else {
            ck_assert_int_eq(string_incr(v, by, &sum), ERR_NONE);
            ck_assert_int_eq(sum, n);
            m->n = num_from_i64(m->bytes, n);
        }
        break;
    case 3: { /* a part of itself */
        char tmp[STRING_TMP];
        struct slice part = string_range(v->e, 1, -2, tmp);
        m->n = part.n;
        memmove(m->bytes, m->bytes + 1, part.n);
        string_set(v, part, STRING_AUTO);
        break;
    }
    }
    ks_changed(v);
}

static void act(struct keyspace *ks, struct rng *r)
{
    static char name[80000], name2[80000];
    char bytes[400];
    int d = (int)rng_below(r, 2);
    uint32_t k = (uint32_t)rng_below(r, KEYS), k2 = (uint32_t)rng_below(r, KEYS);
    struct model *m = &model[d][k], *m2 = &model[1 - d][k2];
    struct slice key = key_of(k, name), key2 = key_of(k2, name2), s;
    struct ks_db *db = ks_db(ks, d), *db2 = ks_db(ks, 1 - d);
    struct value v;
    check_one(db, k, m);
    bool there = ks_write(db, key, 0, &v);
    int64_t deadline = rng_below(r, 2) ? -1 : ks->now_ms + (int64_t)rng_below(r, 200);
    switch (rng_below(r, 10)) {
    case 0: case 1: case 2:
        s = random_bytes(r, bytes);
        if (rng_below(r, 3) == 0) deadline = KS_KEEP_DEADLINE;
        ks_set_string(&v, key, s, (enum string_form)rng_below(r, 3), deadline);
        if (deadline == KS_KEEP_DEADLINE) deadline = m->there ? m->deadline : -1;
        model_set(m, s);
        m->deadline = deadline;
        break;
    case 3:
        if (there) ks_remove_value(&v, TOUCH_REMOVED, true);
        m->there = false;
        break;
    case 4:
        if (!there) break;
        ks_set_deadline(&v, deadline);
        m->deadline = deadline;
        break;
    case 5:
        check_one(db2, k2, m2);
        if (!there) break;
        if (k % 2) {
            ks_copy(&v, db2, key2);
        } else {
            ks_rename(&v, db2, key2);
            m->there = false;
        }
        *m2 = *m;
        m2->there = true;
        break;
    case 6:
        ks->now_ms += (int64_t)rng_below(r, 20);
        break;
    default:
        if (there) act_string(&v, m, r);
    }
    check_one(db, k, m);
    check_one(db2, k2, m2);
}

START_TEST(agrees_with_plain_arrays)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct keyspace *ks = make(NULL);
        struct rng r;
        rng_seed(&r, seed);
        memset(model, 0, sizeof(model));
        for (int i = 0; i < 6000; i++) act(ks, &r);
        for (int d = 0; d < 2; d++) {
            size_t n = 0, timed = 0;
            for (uint32_t k = 0; k < KEYS; k++) check_one(ks_db(ks, d), k, &model[d][k]);
            for (uint32_t k = 0; k < KEYS; k++) {
                n += model[d][k].there;
                timed += model[d][k].there && model[d][k].deadline >= 0;
            }
            ck_assert_uint_eq(ks_count(ks_db(ks, d)), n);
            ck_assert_uint_eq(ks_deadlines(ks_db(ks, d)), timed);
        }
        ks_delete(ks);
    }
    ck_assert_uint_eq(sizeof(struct entry), 8);
}
END_TEST

START_TEST(encodings_are_named_as_in_redis)
{
    struct keyspace *ks = make(NULL);
    struct ks_db *db = ks_db(ks, 0);
    struct value v;
    set(db, "a", "12345", -1);
    ck_assert_str_eq(encoding(db, "a"), "int");
    set(db, "a", "012345", -1);
    ck_assert_str_eq(encoding(db, "a"), "embstr");
    set(db, "a", "12345678901234567890123456789012345678901234", -1);
    ck_assert_str_eq(encoding(db, "a"), "embstr");
    set(db, "a", "123456789012345678901234567890123456789012345", -1);
    ck_assert_str_eq(encoding(db, "a"), "raw");
    set(db, "a", "x", -1);
    ks_write(db, SLICE("a"), 0, &v);
    string_append(&v, SLICE("y"));
    ck_assert_str_eq(encoding(db, "a"), "raw");
    string_set(&v, SLICE("10"), STRING_BYTES);
    ck_assert_str_eq(encoding(db, "a"), "embstr");
    set(db, "a", "-9223372036854775808", -1);
    ck_assert_str_eq(encoding(db, "a"), "int");
    ck_assert_str_eq(get(db, "a"), "-9223372036854775808");
    ck_assert_int_eq(type_by_name(SLICE("ZSET")), VALUE_ZSET);
    ck_assert_int_eq(type_by_name(SLICE("what")), VALUE_TYPES);
    ks_delete(ks);
}
END_TEST

START_TEST(ranges)
{
    struct entry *e = string_new(SLICE("k"), SLICE("This is a string"), STRING_AUTO, -1);
    char tmp[STRING_TMP];
    ck_assert(slice_eqz(string_range(e, 0, 3, tmp), "This"));
    ck_assert(slice_eqz(string_range(e, -3, -1, tmp), "ing"));
    ck_assert(slice_eqz(string_range(e, 0, -1, tmp), "This is a string"));
    ck_assert(slice_eqz(string_range(e, 10, 100, tmp), "string"));
    ck_assert(slice_eqz(string_range(e, -100, 1, tmp), "Th"));
    ck_assert(slice_eqz(string_range(e, 5, 2, tmp), ""));
    ck_assert(slice_eqz(string_range(e, INT64_MIN, INT64_MIN, tmp), "T"));
    ck_assert(slice_eqz(string_range(e, -100, -200, tmp), ""));
    entry_free(e);
}
END_TEST

/* --- the gate and the hooks --------------------------------------------------------------- */

static char story[2000];
static void add(const char *what, int db, struct slice key)
{
    size_t n = strlen(story);
    snprintf(story + n, sizeof(story) - n, "%s %d %.*s\n", what, db, SLICE_ARG(key));
}
static void before(void *app, int db, struct slice key) { add("before", db, key); }
static void after(void *app, const struct touch *t)
{
    static const char *const names[] = { "added",   "changed", "removed", "expired",
                                         "evicted", "flushed", "swapped" };
    add(names[t->kind], t->db, t->key);
}
static void expired(void *app, int db, struct slice key) { add("gone", db, key); }
static void missed(void *app, int db, struct slice key) { add("missed", db, key); }

#define STORY(text)                  \
    do {                             \
        ck_assert_str_eq(story, text); \
        story[0] = 0;                \
    } while (0)

START_TEST(every_change_passes_the_gate)
{
    struct ks_hooks hooks = { .expired = expired, .missed = missed };
    struct touch_hook hook = { .before = before, .after = after };
    struct keyspace *ks = make(&hooks);
    struct ks_db *db = ks_db(ks, 0);
    struct value v;
    story[0] = 0;
    touch_add(&ks->touch, &hook);
    set(db, "k", "1", -1);
    STORY("before 0 k\nadded 0 k\n");
    set(db, "k", "2", NOW + 5);
    STORY("before 0 k\nchanged 0 k\n");
    get(db, "none");
    STORY("missed 0 none\n");
    ks_write(db, SLICE("k"), 0, &v);
    ks_rename(&v, ks_db(ks, 1), SLICE("j"));
    STORY("before 0 k\nremoved 0 k\nbefore 1 j\nadded 1 j\n");
    ks_begin(ks, NOW + 6, KS_EXPIRE_DELETE);
    ck_assert_str_eq(get(ks_db(ks, 1), "j"), "(nil)");
    STORY("before 1 j\ngone 1 j\nexpired 1 j\nmissed 1 j\n");
    set(db, "k", "2", -1);
    story[0] = 0;
    ks_swap(ks, 0, 2);
    STORY("before 0 \nbefore 2 \nswapped 0 \nswapped 2 \n");
    ck_assert_str_eq(get(ks_db(ks, 2), "k"), "2");
    ck_assert_uint_eq(ks_flush(ks, 2, false), 1);
    STORY("before 2 \nflushed 2 \n");
    touch_remove(&ks->touch, &hook);
    set(db, "k", "1", -1);
    STORY("");
    ks_delete(ks);
}
END_TEST

START_TEST(expired_keys_by_role)
{
    struct ks_hooks hooks = { .expired = expired };
    struct keyspace *ks = make(&hooks);
    struct ks_db *db = ks_db(ks, 0);
    struct value v;
    story[0] = 0;
    set(db, "k", "1", NOW + 5);
    ks_begin(ks, NOW + 5, KS_EXPIRE_DELETE);
    ck_assert_str_eq(get(db, "k"), "1"); /* up to and with its deadline */
    ks_begin(ks, NOW + 6, KS_EXPIRE_KEEP);
    ck_assert_str_eq(get(db, "k"), "1");
    ks_begin(ks, NOW + 6, KS_EXPIRE_HIDE);
    ck_assert_str_eq(get(db, "k"), "(nil)");
    ck_assert(!ks_write(db, SLICE("k"), 0, &v));
    ck_assert_uint_eq(ks_count(db), 1);
    ks_begin(ks, NOW + 6, KS_EXPIRE_HIDE_READS);
    ck_assert_str_eq(get(db, "k"), "(nil)");
    ck_assert_uint_eq(ks_count(db), 1);
    STORY("");
    ck_assert(!ks_write(db, SLICE("k"), 0, &v));
    ck_assert_uint_eq(ks_count(db), 0);
    STORY("gone 0 k\n");
    ck_assert_uint_eq(ks->stats.expired, 1);
    ck_assert_uint_eq(ks->stats.hits, 2);
    ck_assert_uint_eq(ks->stats.misses, 2);
    /* A hidden key in the way of a write goes away. */
    set(db, "k", "1", NOW + 7);
    ks_begin(ks, NOW + 9, KS_EXPIRE_HIDE);
    set(db, "k", "2", -1);
    ck_assert_uint_eq(ks_count(db), 1);
    ck_assert_str_eq(get(db, "k"), "2");
    ks_delete(ks);
}
END_TEST

static struct entry *buried;
static struct ks_trash *trash;
static void bury(void *app, struct entry *e) { buried = e; }
static void bury_all(void *app, struct ks_trash *t) { trash = t; }

START_TEST(lazy_frees_are_handed_over)
{
    struct ks_hooks hooks = { .bury = bury, .bury_all = bury_all };
    struct keyspace *ks = make(&hooks);
    char key[32];
    for (int i = 0; i < 1000; i++) {
        sprintf(key, "key:%d", i);
        set(ks_db(ks, i % 4), key, "value", i % 3 ? -1 : NOW + 100);
    }
    ck_assert_uint_eq(ks_flush(ks, -1, true), 1000);
    ck_assert_ptr_nonnull(trash);
    ck_assert_uint_eq(ks_count(ks_db(ks, 0)), 0);
    set(ks_db(ks, 0), "k", "v", NOW + 1);
    ks_trash_free(trash);
    ck_assert(ks_remove(ks_db(ks, 0), SLICE("k"), true));
    ck_assert(!ks_remove(ks_db(ks, 0), SLICE("k"), true));
    ck_assert_ptr_null(buried); /* a string is freed on the spot */
    ks_delete(ks);
}
END_TEST

START_TEST(adopts_what_was_loaded_beside)
{
    struct keyspace *ks = make(NULL), *beside = make(NULL);
    char key[32];
    for (int i = 0; i < 3000; i++) {
        sprintf(key, "key:%d", i);
        set(ks_db(ks, i % 4), key, "old", NOW + 100);
        set(ks_db(beside, i % 3), key, "new", i % 2 ? -1 : NOW + 200);
    }
    ks_adopt(ks, beside, true);
    ck_assert_uint_eq(ks_count(ks_db(beside, 0)), 0);
    ks_delete(beside);
    ck_assert_uint_eq(ks_count(ks_db(ks, 0)), 1000);
    ck_assert_uint_eq(ks_count(ks_db(ks, 3)), 0);
    ck_assert_uint_eq(ks_deadlines(ks_db(ks, 0)), 500);
    ck_assert_str_eq(get(ks_db(ks, 0), "key:6"), "new");
    for (int i = 3000; i < 9000; i++) { /* and it grows on */
        sprintf(key, "key:%d", i);
        set(ks_db(ks, 0), key, "more", -1);
    }
    ck_assert_str_eq(get(ks_db(ks, 0), "key:9"), "new");
    ck_assert_str_eq(get(ks_db(ks, 0), "key:8999"), "more");
    ks_delete(ks);
}
END_TEST

static bool count_and_remove(void *app, struct entry *e)
{
    struct ks_db *db = app;
    struct slice k = entry_key(e);
    if (k.p[k.n - 1] == '7') ks_expire_entry(db, e);
    return true;
}

START_TEST(walk_random_load)
{
    struct keyspace *ks = make(NULL);
    struct ks_db *db = ks_db(ks, 0);
    char key[32];
    ck_assert_ptr_null(ks_random(db));
    ks_reserve(db, 1000, 0);
    for (int i = 0; i < 1000; i++) {
        sprintf(key, "key:%d", i);
        struct entry *e = string_new(slice_z(key), SLICE("v"), STRING_AUTO, i < 500 ? NOW - 1 : -1);
        ck_assert(ks_load(db, ks_hash(ks, slice_z(key)), e));
        struct entry *again = string_new(slice_z(key), SLICE("w"), STRING_AUTO, -1);
        ck_assert(!ks_load(db, ks_hash(ks, slice_z(key)), again));
        entry_free(again);
    }
    ck_assert_uint_eq(ks_deadlines(db), 500);
    ks_begin(ks, NOW, KS_EXPIRE_HIDE);
    for (int i = 0; i < 100; i++) ck_assert(!ks_is_expired(ks, ks_random(db)));
    ck_assert_uint_eq(ks_count(db), 1000);
    ks_each(db, count_and_remove, db);
    ck_assert_uint_eq(ks_count(db), 900);
    ck_assert_uint_gt(ks_tables_mem(ks), 900 * 8);
    while (ks_step(ks, 100)) {}
    ks_delete(ks);
}
END_TEST

START_TEST(access_clocks)
{
    struct keyspace *ks = make(NULL);
    struct ks_db *db = ks_db(ks, 0);
    struct value v;
    set(db, "k", "1", -1);
    ks_begin(ks, NOW + 10000, KS_EXPIRE_DELETE);
    ck_assert(ks_read(db, SLICE("k"), KS_NO_TOUCH, &v));
    ck_assert_int_eq(ks_idle_seconds(ks, v.e), 10);
    ck_assert(ks_read(db, SLICE("k"), 0, &v));
    ck_assert_int_eq(ks_idle_seconds(ks, v.e), 0);
    ck_assert_int_eq(access_idle_seconds(access_from_idle(77, NOW), NOW), 77);
    ks->access.lfu = true;
    set(db, "f", "1", -1);
    for (int i = 0; i < 1000; i++) ck_assert(ks_read(db, SLICE("f"), 0, &v));
    uint32_t f = ks_frequency(ks, v.e);
    ck_assert(f > 8 && f < 30); /* about 18 for a thousand hits at factor 10 */
    ks_begin(ks, ks->now_ms + 3 * 60000, KS_EXPIRE_DELETE);
    ck_assert_uint_eq(ks_frequency(ks, v.e), f - 3);
    set(db, "f", "2", -1);
    ck_assert(ks_read(db, SLICE("f"), KS_NO_TOUCH, &v));
    ck_assert_uint_ge(ks_frequency(ks, v.e), f - 3); /* overwriting keeps it */
    ks_delete(ks);
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(agrees_with_plain_arrays),     UNIT(encodings_are_named_as_in_redis),
    UNIT(ranges),                       UNIT(every_change_passes_the_gate),
    UNIT(expired_keys_by_role),         UNIT(lazy_frees_are_handed_over),
    UNIT(walk_random_load),             UNIT(access_clocks),
    UNIT(adopts_what_was_loaded_beside),
};
UNIT_MAIN("keyspace", cases)
