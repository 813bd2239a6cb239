/* FUNCTION RESTORE: the input with a right checksum behind it is walked; sources that come out are
 * dumped again, and the dump gives the same sources. */
#include <stdint.h>
#include <string.h>

#include "core/base/crc.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/vec.h"
#include "core/rdb/format.h"
#include "core/rdb/functions.h"

struct taken {
    VEC(struct str) at;
};

static enum err take(void *app, struct slice source, struct errmsg *msg)
{
    struct taken *t = app;
    (void)msg;
    vec_push(&t->at, str_new(source));
    return ERR_NONE;
}

static void drop(struct taken *t)
{
    for (size_t i = 0; i < t->at.n; i++) str_free(&t->at.at[i]);
    vec_free(&t->at);
}

static void again(const struct taken *t)
{
    struct slice *sources = mem_alloc((t->at.n + 1) * sizeof(*sources));
    struct taken second = { 0 };
    struct buf out = { 0 };
    struct errmsg msg;
    for (size_t i = 0; i < t->at.n; i++) sources[i] = str_slice(t->at.at[i]);
    rdb_dump_functions(sources, t->at.n, &out);
    must(rdb_restore_functions(buf_slice(&out), take, &second, &msg) == ERR_NONE);
    must(second.at.n == t->at.n);
    for (size_t i = 0; i < t->at.n; i++) must(slice_eq(sources[i], str_slice(second.at.at[i])));
    drop(&second);
    buf_free(&out);
    mem_free(sources);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct taken t = { 0 };
    struct errmsg msg;
    struct buf b = { 0 };
    uint16_t version = RDB_VERSION;
    buf_put(&b, data, size);
    buf_put(&b, &version, sizeof(version));
    uint64_t crc = crc64(0, buf_head(&b), buf_size(&b));
    buf_put(&b, &crc, sizeof(crc));
    if (rdb_restore_functions(buf_slice(&b), take, &t, &msg) == ERR_NONE) again(&t);
    drop(&t);
    t = (struct taken){ 0 };
    rdb_restore_functions(slice_of((const char *)data, size), take, &t, &msg);
    drop(&t);
    buf_free(&b);
    return 0;
}
