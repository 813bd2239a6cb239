/* fuzz request: the reader of requests. The first byte chooses bounds and where the rest is cut in
 * two; read whole and read in pieces from another place, it must find the same. */
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/resp/read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct found {
    struct buf text;
    bool bad;
};

/* One request or what is left; an exact copy, so that a read too far is seen. */
static size_t read_all(struct resp_request *r, const uint8_t *data, size_t size, struct found *f)
{
    char *copy = mem_alloc(size);
    if (size) memcpy(copy, data, size);
    size_t pos = 0;
    enum resp_got got;
    while ((got = resp_request_next(r, copy + pos, size - pos)) == RESP_ONE) {
        must(r->size > 0 && r->size <= size - pos);
        buf_fmt(&f->text, "%d%d;", r->argc, r->canonical);
        for (int i = 0; i < r->argc; i++) {
            buf_fmt(&f->text, "%zu:", r->argv[i].n);
            buf_puts(&f->text, r->argv[i]);
        }
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
    uint8_t options = *data++;
    size--;
    size_t bulk_max = options & 2 ? 64 : 1 << 20;
    struct found whole = { 0 }, cut = { 0 };
    struct resp_request r;
    resp_request_init(&r, bulk_max);
    r.unauthenticated = options & 1;
    read_all(&r, data, size, &whole);
    resp_request_free(&r);

    resp_request_init(&r, bulk_max);
    r.unauthenticated = options & 1;
    size_t at = size * (options >> 2) / 64;
    size_t done = read_all(&r, data, at, &cut);
    if (!cut.bad) read_all(&r, data + done, size - done, &cut);
    resp_request_free(&r);
    must(slice_eq(buf_slice(&whole.text), buf_slice(&cut.text)));
    buf_free(&whole.text);
    buf_free(&cut.text);
    return 0;
}
