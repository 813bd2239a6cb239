/* fuzz aof: the manifest of an append-only file. What is read prints as a text that reads as the
 * same; what is refused says why, and leaves nothing behind. */
#include "core/base/must.h"
#include "server/persist/aof_manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void change(struct aof_manifest *m)
{
    aof_manifest_add_incr(m, "x");
    aof_manifest_retire_base(m);
    aof_manifest_add_base(m, "x", true);
    aof_manifest_retire_incrs(m, true);
    must(aof_manifest_base(m) && aof_manifest_last_incr(m));
    aof_manifest_forget_history(m);
    must(m->at.n == 2 && !aof_manifest_has_history(m));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct aof_manifest a = { 0 }, b = { 0 };
    struct errmsg msg = { 0 };
    struct buf once = { 0 }, twice = { 0 };
    if (aof_manifest_parse(&a, slice_of((const char *)data, size), &msg)) {
        must(msg.text[0] && a.at.n == 0);
        return 0;
    }
    aof_manifest_print(&a, &once);
    must(aof_manifest_parse(&b, buf_slice(&once), &msg) == ERR_NONE || once.len > AOF_LINE_MAX);
    aof_manifest_print(&b, &twice);
    must(b.at.n == 0 || slice_eq(buf_slice(&once), buf_slice(&twice)));
    if (a.base_seq < INT32_MAX && a.incr_seq < INT32_MAX) change(&a);
    aof_manifest_free(&a);
    aof_manifest_free(&b);
    buf_free(&once);
    buf_free(&twice);
    return 0;
}
