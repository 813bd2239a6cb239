/* rdb_tool: writes and prints RDB files with our codec, for the comparison with real servers.
 *
 *     rdb_tool write FILE SEED KEYS     a random data set, the same for the same seed
 *     rdb_tool print FILE               a line a key: database, deadline, name and value in hex;
 *                                       of sets and hashes the elements, sorted
 *     rdb_tool copy FROM TO             load and save again */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/mem.h"
#include "core/base/vec.h"
#include "core/rdb/load.h"
#include "core/rdb/save.h"
#include "core/types/hash.h"
#include "core/types/set.h"

#define FAR_MS 4102444800000 /* 2100: deadlines must outlive the test */
#define VALUE_MAX 50000

static void put(struct ks_db *db, struct slice key, struct slice val, int64_t deadline)
{
    struct value v;
    ks_write(db, key, 0, &v);
    ks_set_string(&v, key, val, STRING_AUTO, deadline);
}

/* Numbers around every width, text that packs well, bytes that do not. */
static size_t random_value(struct rng *r, char *out)
{
    size_t n = rng_below(r, 10) ? rng_below(r, 100) : rng_below(r, VALUE_MAX);
    switch (rng_below(r, 3)) {
    case 0: return num_from_i64(out, (int64_t)rng_next(r) >> rng_below(r, 64));
    case 1:
        for (size_t i = 0; i < n; i++) out[i] = (char)('a' + rng_below(r, 2));
        return n;
    default:
        for (size_t i = 0; i < n; i++) out[i] = (char)rng_next(r);
        return n;
    }
}

/* Of all forms: from one element to more than the compact ones take. */
static size_t random_count(struct rng *r)
{
    return 1 + (rng_below(r, 20) ? rng_below(r, 12) : rng_below(r, 1500));
}

static size_t random_element(struct rng *r, char *out)
{
    if (rng_below(r, 3)) return num_from_i64(out, (int64_t)rng_next(r) >> rng_below(r, 64));
    size_t n = rng_below(r, 50) ? rng_below(r, 20) : rng_below(r, 200);
    for (size_t i = 0; i < n; i++) out[i] = (char)('a' + rng_below(r, 26));
    return n;
}

static void put_collection(struct ks_db *db, struct slice key, struct rng *r, int64_t deadline)
{
    struct value v, made;
    char a[256], b[256];
    bool hash = rng_below(r, 2), ints = rng_below(r, 2);
    if (hash)
        made = (struct value){ .e = hash_new(key, deadline) };
    else
        made = (struct value){ .e = set_new(key, SLICE("1"), 1, deadline, NULL) };
    for (size_t n = random_count(r); n--;) {
        size_t an = ints && !hash ? num_from_i64(a, (int64_t)rng_below(r, 100000))
                                  : random_element(r, a);
        if (hash)
            hash_put(&made, slice_of(a, an), slice_of(b, random_element(r, b)), NULL);
        else
            set_add(&made, slice_of(a, an), NULL);
    }
    ks_write(db, key, 0, &v);
    ks_put(&v, made.e, false);
}

static void fill(struct keyspace *ks, uint64_t seed, uint64_t keys)
{
    static char key[64], val[VALUE_MAX];
    struct rng r;
    rng_seed(&r, seed);
    for (uint64_t i = 0; i < keys; i++) {
        size_t kn = random_value(&r, val) % sizeof(key), n;
        memcpy(key, val, kn);
        struct ks_db *db = ks_db(ks, (int64_t)rng_below(&r, 4) * 5);
        int64_t deadline =
            rng_below(&r, 3) ? ENTRY_NO_DEADLINE : FAR_MS + (int64_t)rng_below(&r, 1000000);
        if (rng_below(&r, 3) == 0) {
            put_collection(db, slice_of(key, kn), &r, deadline);
            continue;
        }
        n = random_value(&r, val);
        put(db, slice_of(key, kn), slice_of(val, n), deadline);
    }
}

static enum err to_file(void *app, const void *p, size_t n, struct errmsg *msg)
{
    return fwrite(p, 1, n, app) == n ? ERR_NONE : err_set(msg, ERR_IO, "cannot write");
}

static ptrdiff_t from_file(void *app, void *p, size_t n, struct errmsg *msg)
{
    size_t got = fread(p, 1, n, app);
    if (got == 0 && ferror((FILE *)app)) {
        err_set(msg, ERR_IO, "cannot read");
        return RDB_READ_FAILED;
    }
    return (ptrdiff_t)got;
}

static int save(struct keyspace *ks, const char *path)
{
    struct rdb_aux aux[] = { { "redis-ver", SLICE("7.2.4") }, { "redis-bits", SLICE("64") } };
    struct rdb_save_options o = { .aux = aux, .aux_n = 2 };
    struct rdb_out out;
    struct errmsg m;
    FILE *f = fopen(path, "wb");
    if (!f) return 1;
    rdb_out_init(&out, to_file, f, true, true);
    enum err e = rdb_save(ks, &out, &o, &m);
    if (e) fprintf(stderr, "%s\n", m.text);
    rdb_out_free(&out);
    return fclose(f) || e;
}

static int load(struct keyspace *ks, const char *path)
{
    struct rdb_load_target t = { .ks = ks };
    struct rdb_load_hooks h = rdb_load_into(&t);
    struct rdb_in in;
    struct errmsg m;
    FILE *f = fopen(path, "rb");
    if (!f) return 1;
    rdb_in_init(&in, from_file, f, UINT64_MAX, true);
    enum err e = rdb_load(&in, &h, &m);
    if (e) fprintf(stderr, "%s\n", m.text);
    rdb_in_free(&in);
    fclose(f);
    return e != ERR_NONE;
}

static void hex(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) printf("%02x", (unsigned char)s.p[i]);
}

struct lines {
    VEC(struct str) v;
};

static void put_hex(struct buf *b, struct slice s)
{
    for (size_t i = 0; i < s.n; i++) buf_fmt(b, "%02x", (unsigned char)s.p[i]);
}

static void add_line(struct lines *l, struct slice a, const struct slice *b)
{
    struct buf t = { 0 };
    put_hex(&t, a);
    if (b) {
        buf_putz(&t, "=");
        put_hex(&t, *b);
    }
    vec_push(&l->v, str_new(buf_slice(&t)));
    buf_free(&t);
}

static int by_text(const void *a, const void *b)
{
    return slice_cmp(str_slice(*(const struct str *)a), str_slice(*(const struct str *)b));
}

static void print_lines(struct lines *l)
{
    qsort(l->v.at, l->v.n, sizeof(*l->v.at), by_text);
    for (size_t i = 0; i < l->v.n; i++) {
        printf("%s%s", i ? "," : "", str_c(l->v.at[i]));
        str_free(&l->v.at[i]);
    }
    vec_free(&l->v);
}

static void print_hash(const struct entry *e)
{
    struct lines l = { { 0 } };
    struct hash_iter it;
    struct hash_pair p;
    hash_iter_start(&it, e);
    while (hash_iter_next(&it, &p)) add_line(&l, p.field, &p.value);
    hash_iter_end(&it);
    print_lines(&l);
}

static void print_set(const struct entry *e)
{
    struct lines l = { { 0 } };
    struct set_iter it;
    struct slice m;
    char tmp[SET_TMP];
    set_iter_start(&it, e);
    while (set_iter_next(&it, tmp, &m)) add_line(&l, m, NULL);
    set_iter_end(&it);
    print_lines(&l);
}

static bool print_key(void *app, struct entry *e)
{
    char tmp[STRING_TMP];
    printf("%d %" PRId64 " ", ((struct ks_db *)app)->id, entry_deadline(e));
    hex(entry_key(e));
    printf(" %s ", value_type_name(e));
    if (e->type == VALUE_HASH)
        print_hash(e);
    else if (e->type == VALUE_SET)
        print_set(e);
    else
        hex(string_get(e, tmp));
    printf("\n");
    return true;
}

static int run(struct keyspace *ks, int argc, char **argv)
{
    if (argc == 5 && !strcmp(argv[1], "write")) {
        fill(ks, strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10));
        return save(ks, argv[2]);
    }
    if (argc == 4 && !strcmp(argv[1], "copy")) return load(ks, argv[2]) || save(ks, argv[3]);
    if (argc != 3 || strcmp(argv[1], "print")) return 2;
    if (load(ks, argv[2])) return 1;
    for (int i = 0; i < ks->n; i++) ks_each(ks_db(ks, i), print_key, ks_db(ks, i));
    return 0;
}

int main(int argc, char **argv)
{
    mem_thread_start();
    struct keyspace *ks = ks_new(&(struct ks_options){ .hash = { 1, 2 } });
    ks_begin(ks, 1, KS_EXPIRE_KEEP);
    int code = run(ks, argc, argv);
    ks_delete(ks);
    return code;
}
