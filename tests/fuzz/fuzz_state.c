/* fuzz state: the reader of a Sentinel's state file; what it reads is written and read again. */
#include "core/base/must.h"
#include "sentinel/state_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct state_log l = { 0 }, again = { 0 };
    VEC(struct slice) lines = { 0 };
    struct buf out = { 0 };
    size_t good, more;
    bool ours = state_log_read(&l, slice_of((const char *)data, size), &good);
    must(good <= size);
    for (size_t i = 0; i < l.lines.n; i++) vec_push(&lines, str_slice(l.lines.at[i]));
    if (ours) {
        struct state_log copy = { 0 };
        state_log_write(&copy, lines.at, lines.n, true, &out);
        must(state_log_read(&again, buf_slice(&out), &more) && more == buf_size(&out));
        must(again.lines.n == lines.n);
        state_log_free(&copy);
    }
    state_log_free(&l);
    state_log_free(&again);
    vec_free(&lines);
    buf_free(&out);
    return 0;
}
