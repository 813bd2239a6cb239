/* data_bench: what the data layer costs by itself, without sockets and commands.
 *
 *     data_bench [KEYS]      16-byte names, 16-byte values; prints ns an operation, bytes a key */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/rdb/load.h"
#include "core/rdb/save.h"

#define BATCH 16
#define LOOKUPS 4000000

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static size_t resident(void)
{
    size_t all, pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%zu %zu", &all, &pages) != 2) pages = 0;
    if (f) fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static struct slice name(char *out, uint64_t k)
{
    memcpy(out, "key:000000000000", 16);
    for (int i = 15; k; i--, k /= 10) out[i] = (char)('0' + k % 10);
    return slice_of(out, 16);
}

static double started;
static void report(const char *what, uint64_t n)
{
    printf("%-34s %8.1f ns\n", what, (now_ns() - started) / (double)n);
    started = now_ns();
}

static void set(struct ks_db *db, uint64_t k)
{
    char key[16];
    struct value v;
    struct slice s = name(key, k);
    ks_write(db, s, 0, &v);
    ks_set_string(&v, s, SLICE("abcdefghijklmnop"), STRING_AUTO, ENTRY_NO_DEADLINE);
}

static uint64_t get_singly(struct ks_db *db, struct rng *r, uint64_t keys)
{
    uint64_t sum = 0;
    char key[16], tmp[STRING_TMP];
    struct value v;
    for (int i = 0; i < LOOKUPS; i++)
        if (ks_read(db, name(key, rng_below(r, keys)), 0, &v)) sum += string_get(v.e, tmp).n;
    return sum;
}

static uint64_t get_in_batches(struct ks_db *db, struct rng *r, uint64_t keys)
{
    uint64_t sum = 0, hash[BATCH];
    char key[BATCH][16], tmp[STRING_TMP];
    struct value v;
    for (int i = 0; i < LOOKUPS; i += BATCH) {
        for (int b = 0; b < BATCH; b++) {
            hash[b] = ks_hash(db->ks, name(key[b], rng_below(r, keys)));
            ks_prefetch(db, hash[b]);
        }
        for (int b = 0; b < BATCH; b++) ks_prefetch_entry(db, hash[b]);
        for (int b = 0; b < BATCH; b++) ks_prefetch_child(db, hash[b]);
        for (int b = 0; b < BATCH; b++)
            if (ks_read(db, slice_of(key[b], 16), 0, &v)) sum += string_get(v.e, tmp).n;
    }
    return sum;
}

static void save_and_load(struct keyspace *ks, uint64_t keys)
{
    struct rdb_out out;
    rdb_out_init(&out, NULL, NULL, true, true);
    started = now_ns();
    rdb_save(ks, &out, NULL, NULL);
    report("save a key (to memory)", keys);
    struct keyspace *other = ks_new(&(struct ks_options){ .hash = { 3, 4 } });
    struct rdb_load_target t = { .ks = other };
    struct rdb_load_hooks h = rdb_load_into(&t);
    struct rdb_in in;
    rdb_in_init_slice(&in, buf_slice(&out.buf));
    started = now_ns();
    if (rdb_load(&in, &h, NULL)) printf("load failed\n");
    report("load a key (from memory)", keys);
    rdb_in_free(&in);
    rdb_out_free(&out);
    ks_delete(other);
    report("free a key", keys);
}

int main(int argc, char **argv)
{
    uint64_t keys = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000, sum = 0;
    struct rng r;
    mem_thread_start();
    rng_seed(&r, 1);
    if (!keys) return 2;
    size_t before = resident(), used = mem_used();
    struct keyspace *ks = ks_new(&(struct ks_options){ .hash = { 1, 2 } });
    ks_begin(ks, 1000000, KS_EXPIRE_DELETE);
    started = now_ns();
    double worst = 0;
    for (uint64_t k = 0; k < keys; k++) set(ks_db(ks, 0), k);
    report("insert", keys);
    while (ks_step(ks, 1000)) {}
    printf("%-34s %8.1f\n", "bytes a key, resident", (double)(resident() - before) / (double)keys);
    printf("%-34s %8.1f\n", "bytes a key, allocated", (double)(mem_used() - used) / (double)keys);
    started = now_ns();
    sum += get_singly(ks_db(ks, 0), &r, keys);
    report("get, one by one", LOOKUPS);
    sum += get_in_batches(ks_db(ks, 0), &r, keys);
    report("get, in batches of 16", LOOKUPS);
    sum += get_singly(ks_db(ks, 1), &r, keys);
    report("get, empty database", LOOKUPS);
    for (int i = 0; i < LOOKUPS; i++) set(ks_db(ks, 0), rng_below(&r, keys));
    report("set over an old value", LOOKUPS);
    for (uint64_t k = keys; k < keys + keys / 2; k++) {
        double at = now_ns();
        set(ks_db(ks, 0), k);
        if (now_ns() - at > worst) worst = now_ns() - at;
    }
    printf("%-34s %8.1f ns\n", "longest insert while growing", worst);
    save_and_load(ks, keys + keys / 2);
    ks_delete(ks);
    return sum == 1;
}
