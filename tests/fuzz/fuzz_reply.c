/* fuzz reply: the reader of replies. The first byte chooses where the rest is cut in two; read
 * whole and read in pieces from another place, it must find the same. */
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/resp/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BULK_MAX (1 << 20)

struct found {
    struct buf text;
    bool bad;
};

static void describe(const struct resp_value *v, struct buf *out, int depth)
{
    must(depth <= RESP_DEPTH_MAX);
    buf_fmt(out, "%d:%lld:%zu:", (int)v->kind, (long long)v->number, v->text.n);
    buf_puts(out, v->text);
    size_t n = v->kind == RESP_MAP ? 2 * v->n : v->n;
    for (size_t i = 0; i < n; i++) describe(&v->item[i], out, depth + 1);
}

static size_t read_all(struct resp_reply *r, const uint8_t *data, size_t size, struct found *f)
{
    char *copy = mem_alloc(size);
    if (size) memcpy(copy, data, size);
    size_t pos = 0;
    enum resp_got got;
    while ((got = resp_reply_next(r, copy + pos, size - pos)) == RESP_ONE) {
        must(r->size > 0 && r->size <= size - pos);
        describe(r->root, &f->text, 0);
        pos += r->size;
    }
    if (got == RESP_BAD) {
        buf_putz(&f->text, r->error);
        f->bad = true;
    }
    mem_free(copy);
    return pos;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    uint8_t where = *data++;
    size--;
    struct found whole = { 0 }, cut = { 0 };
    struct resp_reply r;
    resp_reply_init(&r, BULK_MAX);
    read_all(&r, data, size, &whole);
    resp_reply_free(&r);

    resp_reply_init(&r, BULK_MAX);
    size_t done = read_all(&r, data, size * where / 256, &cut);
    if (!cut.bad) read_all(&r, data + done, size - done, &cut);
    resp_reply_free(&r);
    must(slice_eq(buf_slice(&whole.text), buf_slice(&cut.text)));
    buf_free(&whole.text);
    buf_free(&cut.text);
    return 0;
}
