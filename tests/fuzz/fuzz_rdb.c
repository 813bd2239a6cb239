/* fuzz rdb: the loader of RDB files and of DUMP payloads. Read whole and read in small pieces
 * with pauses it must find the same; what it loaded must save and load; no payload crashes. */
#include <stdlib.h>
#include <string.h>

#include "core/base/crc.h"
#include "core/base/must.h"
#include "core/rdb/load.h"
#include "core/rdb/save.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
    const uint8_t *at;
    size_t left, piece;
    bool wait;
};

static ptrdiff_t read_piece(void *app, void *p, size_t n, struct errmsg *msg)
{
    struct source *s = app;
    s->wait = !s->wait;
    if (s->wait) return RDB_READ_WAIT;
    size_t k = s->piece < s->left ? s->piece : s->left;
    if (k > n) k = n;
    if (!k) return RDB_READ_END;
    memcpy(p, s->at, k);
    s->at += k;
    s->left -= k;
    return (ptrdiff_t)k;
}

static struct keyspace *make(void)
{
    struct keyspace *ks = ks_new(&(struct ks_options){ .databases = 16, .hash = { 1, 2 } });
    ks_begin(ks, 1000, KS_EXPIRE_KEEP);
    return ks;
}

/* Gives the number of keys, or -1. */
static int64_t load(struct rdb_in *in, struct keyspace *ks)
{
    struct rdb_load_target t = { .ks = ks };
    struct rdb_load_hooks h = rdb_load_into(&t);
    struct rdb_loader l;
    rdb_load_start(&l, in, &h);
    enum rdb_load_status st;
    do st = rdb_load_step(&l, 3);
    while (st == RDB_LOAD_MORE || st == RDB_LOAD_WAIT);
    rdb_load_end(&l);
    rdb_in_free(in);
    must(st == RDB_LOAD_DONE || in->msg.text[0]);
    return st == RDB_LOAD_DONE ? (int64_t)t.loaded : -1;
}

static void whole_and_pieces(const uint8_t *data, size_t size)
{
    struct rdb_in in;
    struct keyspace *a = make(), *b = make(), *c = make();
    rdb_in_init_slice(&in, slice_of((const char *)data, size));
    int64_t n = load(&in, a);
    struct source s = { data, size, 1 + size % 61, false };
    rdb_in_init(&in, read_piece, &s, size & 1 ? size : UINT64_MAX, true);
    must(load(&in, b) == n);
    if (n >= 0) {
        struct rdb_out out;
        rdb_out_init(&out, NULL, NULL, true, true);
        must(rdb_save(a, &out, NULL, NULL) == ERR_NONE);
        rdb_in_init_slice(&in, buf_slice(&out.buf));
        must(load(&in, c) == n);
        rdb_out_free(&out);
    }
    ks_delete(a);
    ks_delete(b);
    ks_delete(c);
}

static void payload(const uint8_t *data, size_t size)
{
    struct buf b = { 0 };
    struct entry *e;
    struct errmsg m;
    buf_put(&b, data, size);
    buf_put(&b, "\x0a\x00", 2);
    uint64_t crc = crc64(0, b.data, b.len);
    buf_put(&b, &crc, 8);
    if (rdb_restore(buf_slice(&b), SLICE("key"), ENTRY_NO_DEADLINE, NULL, &e, &m) == ERR_NONE)
        entry_free(e);
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    whole_and_pieces(data, size);
    payload(data, size);
    return 0;
}
