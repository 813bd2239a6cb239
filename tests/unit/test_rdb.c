/* rdb: round trips in slices of all sizes, old versions, damage of every kind, Redis' payloads. */
#include "core/base/crc.h"
#include "core/base/mem.h"
#include "core/rdb/load.h"
#include "core/rdb/save.h"
#include "core/types/hash.h"
#include "core/types/set.h"
#include "core/types/zset.h"
#include "tests/unit/check_main.h"

#define NOW 1700000000000

static struct keyspace *make(void)
{
    struct keyspace *ks = ks_new(&(struct ks_options){ .databases = 16, .hash = { 1, 2 } });
    ks_begin(ks, NOW, KS_EXPIRE_KEEP);
    return ks;
}

static void set(struct ks_db *db, struct slice key, struct slice s, int64_t deadline)
{
    struct value v;
    ks_write(db, key, 0, &v);
    ks_set_string(&v, key, s, STRING_AUTO, deadline);
}

static struct slice element(struct rng *r, char *room, bool number)
{
    if (number || rng_below(r, 2))
        return slice_of(room, num_from_i64(room, (int64_t)(rng_next(r) >> rng_below(r, 64))));
    size_t n = rng_below(r, 40) ? rng_below(r, 30) : rng_below(r, 100);
    for (size_t i = 0; i < n; i++)
        room[i] = (char)('a' + rng_below(r, 26));
    return slice_of(room, n);
}

/* A sorted set, a hash or a set, in any of its forms. */
static void set_collection(struct ks_db *db, struct slice key, struct rng *r)
{
    char a[100], b[100];
    struct value v, to;
    bool hash = rng_below(r, 2), numbers = rng_below(r, 2), ordered = rng_below(r, 3) == 0;
    to = (struct value){ .e = hash ? hash_new(key, -1) : set_new(key, SLICE("1"), 1, NOW, NULL) };
    if (ordered) {
        entry_free(to.e);
        to.e = zset_new(key, SLICE("1"), 1, NOW, NULL);
    }
    for (size_t n = rng_below(r, 6) ? rng_below(r, 20) : rng_below(r, 3000), i = 0; i <= n; i++) {
        if (ordered)
            zset_add(&to, (double)rng_below(r, 100) / 8, element(r, a, numbers), 0, NULL, NULL);
        else if (hash)
            hash_put(&to, element(r, a, false), element(r, b, numbers), NULL);
        else
            set_add(&to, element(r, a, numbers), NULL);
    }
    ks_write(db, key, 0, &v);
    ks_put(&v, to.e, false);
}

static void fill(struct keyspace *ks, uint64_t seed, int keys)
{
    struct rng r;
    static char key[400], val[100000];
    rng_seed(&r, seed);
    for (int i = 0; i < keys; i++) {
        size_t kn = rng_below(&r, 20) ? rng_below(&r, 30) : rng_below(&r, 400);
        size_t n = rng_below(&r, 20) ? rng_below(&r, 60) : rng_below(&r, sizeof(val));
        for (size_t k = 0; k < kn; k++) key[k] = (char)rng_next(&r);
        if (rng_below(&r, 15) == 0) {
            set_collection(ks_db(ks, 9), slice_of(key, kn), &r);
            continue;
        }
        bool wild = rng_below(&r, 2);
        for (size_t k = 0; k < n; k++)
            val[k] = (char)(wild ? rng_next(&r) : 'a' + rng_below(&r, 3));
        if (rng_below(&r, 3) == 0)
            n = num_from_i64(val, (int64_t)(rng_next(&r) >> rng_below(&r, 64)));
        if (rng_below(&r, 10) == 0) kn = num_from_i64(key, (int64_t)rng_below(&r, 100000) - 50000);
        set(ks_db(ks, rng_below(&r, 2) ? 0 : 9), slice_of(key, kn), slice_of(val, n),
            rng_below(&r, 3) ? -1 : NOW + (int64_t)rng_below(&r, 100000) - 50000);
    }
}

static void same_hash(const struct entry *a, const struct entry *b)
{
    struct hash_iter it;
    struct hash_pair p;
    struct slice value;
    char tmp[HASH_TMP];
    ck_assert_uint_eq(hash_count(a), hash_count(b));
    hash_iter_start(&it, a);
    while (hash_iter_next(&it, &p))
        ck_assert(hash_get(b, p.field, tmp, &value) && slice_eq(value, p.value));
    hash_iter_end(&it);
}

static void same_set(const struct entry *a, const struct entry *b)
{
    struct set_iter it;
    struct slice m;
    char tmp[SET_TMP];
    ck_assert_uint_eq(set_count(a), set_count(b));
    set_iter_start(&it, a);
    while (set_iter_next(&it, tmp, &m))
        ck_assert(set_has(b, m));
    set_iter_end(&it);
}

static void same_zset(const struct entry *a, const struct entry *b)
{
    struct zset_iter i, k;
    struct zset_item x, y;
    ck_assert_uint_eq(zset_count(a), zset_count(b));
    zset_iter_start(&i, a, 0, false);
    zset_iter_start(&k, b, 0, false);
    while (zset_iter_next(&i, &x) && zset_iter_next(&k, &y))
        ck_assert(slice_eq(x.member, y.member) && memcmp(&x.score, &y.score, 8) == 0);
}

struct compare {
    struct ks_db *other;
};
static bool same(void *app, struct entry *e)
{
    struct compare *c = app;
    struct value v;
    char t1[STRING_TMP], t2[STRING_TMP];
    ck_assert(ks_read(c->other, entry_key(e), KS_NO_TOUCH, &v));
    ck_assert_uint_eq(e->type, v.e->type);
    if (e->type == VALUE_HASH)
        same_hash(e, v.e);
    else if (e->type == VALUE_SET)
        same_set(e, v.e);
    else if (e->type == VALUE_ZSET)
        same_zset(e, v.e);
    else
        ck_assert(slice_eq(string_get(e, t1), string_get(v.e, t2)));
    ck_assert_int_eq(entry_deadline(e), entry_deadline(v.e));
    ck_assert_str_eq(value_encoding_name(e), value_encoding_name(v.e));
    return true;
}

static void check_same(struct keyspace *a, struct keyspace *b)
{
    for (int i = 0; i < 16; i++) {
        struct compare c = { ks_db(b, i) };
        ck_assert_uint_eq(ks_count(ks_db(a, i)), ks_count(c.other));
        ck_assert_uint_eq(ks_deadlines(ks_db(a, i)), ks_deadlines(c.other));
        ks_each(ks_db(a, i), same, &c);
    }
}

/* A sink and a source that work in pieces. */
struct pipe {
    struct buf bytes;
    struct rng r;
    size_t at, most;
    bool waits;
};
static enum err sink(void *app, const void *p, size_t n, struct errmsg *msg)
{
    buf_put(&((struct pipe *)app)->bytes, p, n);
    return ERR_NONE;
}
static ptrdiff_t source(void *app, void *p, size_t n, struct errmsg *msg)
{
    struct pipe *s = app;
    size_t left = s->bytes.len - s->at;
    if (s->waits && rng_below(&s->r, 3) == 0) return RDB_READ_WAIT;
    if (!left) return RDB_READ_END;
    size_t k = 1 + rng_below(&s->r, s->most);
    if (k > n) k = n;
    if (k > left) k = left;
    memcpy(p, s->bytes.data + s->at, k);
    s->at += k;
    return (ptrdiff_t)k;
}

static void save_to(struct pipe *p, struct keyspace *ks, const struct rdb_save_options *o,
                    size_t slice)
{
    struct rdb_out out;
    struct rdb_saver s;
    rdb_out_init(&out, sink, p, true, true);
    rdb_save_start(&s, ks, &out, o);
    enum rdb_save_status st;
    do st = rdb_save_step(&s, slice);
    while (st == RDB_SAVE_MORE);
    ck_assert_int_eq(st, RDB_SAVE_DONE);
    ck_assert_uint_eq(out.written, p->bytes.len);
    rdb_save_end(&s);
    rdb_out_free(&out);
}

START_TEST(round_trip_in_pieces)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct keyspace *a = make(), *b = make();
        struct pipe p = { 0 };
        rng_seed(&p.r, seed);
        p.most = seed % 3 ? 1 + rng_below(&p.r, 100) : 100000;
        p.waits = seed % 2;
        fill(a, seed, 300);
        save_to(&p, a, NULL, seed % 5);
        struct rdb_load_target t = { .ks = b };
        struct rdb_load_hooks h = rdb_load_into(&t);
        struct rdb_in in;
        struct rdb_loader l;
        rdb_in_init(&in, source, &p, seed % 4 ? p.bytes.len : UINT64_MAX, true);
        rdb_load_start(&l, &in, &h);
        enum rdb_load_status st;
        do st = rdb_load_step(&l, seed % 7);
        while (st == RDB_LOAD_MORE || st == RDB_LOAD_WAIT);
        ck_assert_msg(st == RDB_LOAD_DONE, "%s", in.msg.text);
        ck_assert_uint_eq(rdb_in_offset(&in), p.bytes.len);
        ck_assert_uint_eq(t.loaded, l.keys);
        check_same(a, b);
        rdb_load_end(&l);
        rdb_in_free(&in);
        buf_free(&p.bytes);
        ks_delete(a);
        ks_delete(b);
    }
}
END_TEST

static enum err load_slice(struct slice s, struct rdb_load_target *t, struct errmsg *m)
{
    struct rdb_in in;
    struct rdb_load_hooks h = rdb_load_into(t);
    rdb_in_init_slice(&in, s);
    enum err e = rdb_load(&in, &h, m);
    rdb_in_free(&in);
    return e;
}

static char noted[400];
static enum err note_aux(void *app, struct slice name, struct slice value, struct errmsg *msg)
{
    size_t n = strlen(noted);
    snprintf(noted + n, sizeof(noted) - n, "%.*s=%.*s\n", SLICE_ARG(name), SLICE_ARG(value));
    return ERR_NONE;
}
static enum err note_function(void *app, struct slice source, struct errmsg *msg)
{
    return note_aux(app, SLICE("function"), source, msg);
}

START_TEST(aux_functions_access)
{
    struct keyspace *a = make(), *b = make();
    struct pipe p = { 0 };
    struct rdb_aux aux[] = { { "redis-ver", SLICE("7.2.4") }, { "repl-offset", SLICE("123") } };
    struct slice f = SLICE("#!lua name=x");
    struct value v;
    set(ks_db(a, 0), SLICE("k"), SLICE("v"), -1);
    ks_begin(a, NOW + 50000, KS_EXPIRE_KEEP);
    save_to(&p, a, &(struct rdb_save_options){ .aux = aux, .aux_n = 2, .functions = &f,
                                                .functions_n = 1, .access = true }, 0);
    noted[0] = 0;
    struct rdb_load_target t = { .ks = b, .aux = note_aux, .function = note_function };
    struct errmsg m;
    ck_assert_msg(load_slice(buf_slice(&p.bytes), &t, &m) == ERR_NONE, "%s", m.text);
    ck_assert_str_eq(noted, "redis-ver=7.2.4\nrepl-offset=123\nfunction=#!lua name=x\n");
    ck_assert(ks_read(ks_db(b, 0), SLICE("k"), KS_NO_TOUCH, &v));
    ck_assert_int_eq(ks_idle_seconds(b, v.e), 50);
    /* Twice the same key: an error, unless replacing is wanted. */
    ck_assert_int_eq(load_slice(buf_slice(&p.bytes), &t, &m), ERR_EXISTS);
    ck_assert_ptr_nonnull(strstr(m.text, "key 'k'"));
    t.replace = true;
    ck_assert_int_eq(load_slice(buf_slice(&p.bytes), &t, &m), ERR_NONE);
    buf_free(&p.bytes);
    ks_delete(a);
    ks_delete(b);
}
END_TEST

#define BYTES(lit) slice_of(lit, sizeof(lit) - 1)

START_TEST(old_and_odd_files)
{
    struct keyspace *ks = make();
    struct rdb_load_target t = { .ks = ks, .drop_expired = true };
    struct errmsg m;
    struct value v;
    /* Version 1: no checksum, deadlines in seconds; the first key is long expired. */
    struct slice v1 = BYTES("REDIS0001" "\xfe\x03" "\xfd\x01\x00\x00\x00" "\x00\x01" "a" "\x01" "x"
                            "\xfd\xff\xff\xff\x7f" "\x00\x01" "b" "\xc1\x39\x30" "\xff");
    ck_assert_msg(load_slice(v1, &t, &m) == ERR_NONE, "%s", m.text);
    ck_assert_uint_eq(t.loaded, 1);
    ck_assert_uint_eq(t.expired, 1);
    ck_assert(ks_read(ks_db(ks, 3), SLICE("b"), 0, &v));
    ck_assert_int_eq(ks_deadline(&v), 2147483647000);
    ck_assert_str_eq(value_encoding_name(v.e), "int");
    /* A checksum of zero is not looked at; module data beside the keys is passed over. */
    struct slice zero = BYTES("REDIS0011" "\xf7\x81\x01\x02\x03\x04\x05\x06\x07\x08" "\x02\x02"
                              "\x05\x01z" "\x04" "12345678" "\x00" "\x00\x01" "c" "\x01" "x" "\xff"
                              "\0\0\0\0\0\0\0\0");
    ck_assert_msg(load_slice(zero, &t, &m) == ERR_NONE, "%s", m.text);
    /* Nothing but a frame. */
    ck_assert_int_eq(load_slice(BYTES("REDIS0004\xff"), &t, &m), ERR_NONE);
    ks_delete(ks);
}
END_TEST

static void refused(struct slice s, enum err e, const char *words)
{
    struct keyspace *ks = make();
    struct rdb_load_target t = { .ks = ks };
    struct errmsg m = { "" };
    ck_assert_int_eq(load_slice(s, &t, &m), e);
    ck_assert_msg(strstr(m.text, words) != NULL, "%s", m.text);
    ks_delete(ks);
}

START_TEST(clear_refusals)
{
    refused(BYTES("REDIX0010"), ERR_FORMAT, "Wrong signature");
    refused(BYTES("REDIS0099"), ERR_FORMAT, "Can't handle RDB format version 99");
    refused(BYTES("REDIS0000"), ERR_FORMAT, "version 0");
    refused(BYTES("REDI"), ERR_SHORT, "at byte 4: unexpected end");
    refused(BYTES("REDIS0010\x07\x03" "foo"), ERR_FORMAT,
            "key 'foo': at byte 14: values of type module-2 (code 7)");
    refused(BYTES("REDIS0010\x63\x03" "foo"),
            ERR_FORMAT, "at byte 10: unknown value type or opcode 99");
    refused(BYTES("REDIS0010\x00\x03" "foo" "\x05" "abc"), ERR_SHORT, "key 'foo': at byte 18");
    /* Lengths that lie: nothing is allocated for them. */
    refused(BYTES("REDIS0010\x00\x81\x7f\xff\xff\xff\xff\xff\xff\xff" "a"),
            ERR_SHORT, "unexpected end");
    refused(BYTES("REDIS0010\x00\x81\xff\xff\xff\xff\xff\xff\xff\xff" "a"),
            ERR_SHORT, "unexpected end");
    refused(BYTES("REDIS0010\x00\xc3\x05\x80\x7f\xff\xff\xff" "abcde"),
            ERR_FORMAT, "claims 2147483647");
    refused(BYTES("REDIS0010\x00\xc3\x05\x30" "\xff\xff\xff\xff\xff"), ERR_FORMAT, "invalid LZF");
    refused(BYTES("REDIS0010\x00\xc4"), ERR_FORMAT, "unknown string encoding 4");
    refused(BYTES("REDIS0010\xfe\x80\x00\x01\x00\x00"), ERR_RANGE, "number 65536");
    refused(BYTES("REDIS0010\xfe\x10\x00\x01" "a" "\x01" "b\xff"), ERR_RANGE, "database 16");
    refused(BYTES("REDIS0010\xff" "12345678"), ERR_CHECKSUM, "RDB CRC error");
}
END_TEST

START_TEST(damage_never_crashes)
{
    struct keyspace *a = make();
    struct pipe p = { 0 };
    struct errmsg m;
    fill(a, 77, 40);
    save_to(&p, a, NULL, 0);
    struct slice whole = buf_slice(&p.bytes);
    for (size_t n = 0; n < whole.n; n += n < 300 ? 1 : 97) {
        struct keyspace *b = make();
        struct rdb_load_target t = { .ks = b };
        ck_assert_int_eq(load_slice(slice_of(whole.p, n), &t, &m), ERR_SHORT);
        ks_delete(b);
    }
    rng_seed(&p.r, 9);
    char *copy = mem_alloc(whole.n);
    for (int i = 0; i < 1500; i++) {
        struct keyspace *b = make();
        struct rdb_load_target t = { .ks = b };
        memcpy(copy, whole.p, whole.n);
        for (uint64_t k = 1 + rng_below(&p.r, 3); k; k--)
            copy[rng_below(&p.r, i % 2 ? whole.n : 500)] ^= (char)(1 << rng_below(&p.r, 8));
        enum err e = load_slice(slice_of(copy, whole.n), &t, &m);
        ck_assert(e != ERR_NONE || memcmp(copy, whole.p, whole.n) == 0);
        ks_delete(b);
    }
    mem_free(copy);
    buf_free(&p.bytes);
    ks_delete(a);
}
END_TEST

static enum err full(void *app, const void *p, size_t n, struct errmsg *msg)
{
    return err_set(msg, ERR_IO, "No space left on device");
}

START_TEST(a_failing_sink_ends_the_save)
{
    struct keyspace *a = make();
    struct rdb_out out;
    struct errmsg m;
    fill(a, 5, 200);
    rdb_out_init(&out, full, NULL, true, false);
    ck_assert_int_eq(rdb_save(a, &out, NULL, &m), ERR_IO);
    ck_assert_str_eq(m.text, "No space left on device");
    rdb_out_free(&out);
    ks_delete(a);
}
END_TEST

static void payload(struct slice val, struct slice redis)
{
    struct entry *e = string_new(SLICE("k"), val, STRING_AUTO, -1), *back;
    struct buf out = { 0 };
    struct errmsg m;
    char tmp[STRING_TMP];
    rdb_dump(e, &out);
    ck_assert(slice_eq(buf_slice(&out), redis));
    ck_assert_int_eq(rdb_restore(redis, SLICE("other"), 55, NULL, &back, &m), ERR_NONE);
    ck_assert(slice_eq(string_get(back, tmp), val));
    ck_assert(slice_eqz(entry_key(back), "other"));
    ck_assert_int_eq(entry_deadline(back), 55);
    entry_free(back);
    for (size_t i = 0; i < out.len; i++) {
        out.data[i] ^= 1;
        ck_assert_int_eq(rdb_restore(buf_slice(&out), SLICE("x"), -1, NULL, &back, &m),
                         ERR_CHECKSUM);
        out.data[i] ^= 1;
    }
    ck_assert_int_eq(rdb_check_payload(slice_of(out.data, 9)), ERR_CHECKSUM);
    buf_free(&out);
    entry_free(e);
}

/* Any content with a right checksum. */
static enum err restore(const char *body, size_t n)
{
    struct buf b = { 0 };
    struct entry *e;
    struct errmsg m;
    buf_put(&b, body, n);
    buf_put(&b, "\x0a\x00", 2);
    uint64_t crc = crc64(0, b.data, b.len);
    buf_put(&b, &crc, 8);
    enum err r = rdb_restore(buf_slice(&b), SLICE("k"), -1, NULL, &e, &m);
    if (r == ERR_NONE) entry_free(e);
    buf_free(&b);
    return r;
}

START_TEST(payloads_of_redis)
{
    /* DUMP of redis-server 7.0.15. */
    payload(SLICE("hello"), BYTES("\x00\x05hello\x0a\x00\x63\x72\xdf\x76\x65\x34\x20\x0a"));
    payload(SLICE("12345"), BYTES("\x00\xc1\x39\x30\x0a\x00\x9d\x94\xea\x27\x93\xfc\x08\xb9"));
    payload(SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
            BYTES("\x00\xc3\x09\x40\x4a\x01\x61\x61\xe0\x3d\x00\x01\x61\x61\x0a\x00"
                  "\x3b\xaf\x0d\x05\x76\xaf\x5d\xc7"));
    ck_assert_int_eq(restore("\x00\x01" "a", 3), ERR_NONE);
    ck_assert_int_eq(restore("\x00\x01" "ab", 4), ERR_FORMAT);
    ck_assert_int_eq(restore("\x00\x02" "a", 3), ERR_FORMAT);
    ck_assert_int_eq(restore("\xff", 1), ERR_FORMAT);
    ck_assert_int_eq(restore("\x00", 1), ERR_FORMAT);
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(round_trip_in_pieces), UNIT(aux_functions_access),         UNIT(old_and_odd_files),
    UNIT(clear_refusals),       UNIT(damage_never_crashes),
    UNIT(a_failing_sink_ends_the_save),
    UNIT(payloads_of_redis),
};
UNIT_MAIN("rdb", cases)
