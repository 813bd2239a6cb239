/* fuzz hello: the reader of hello messages, and the core that learns from them; a line each. */
#include <string.h>

#include "core/base/mem.h"
#include "core/base/must.h"
#include "sentinel/core.h"
#include "sentinel/group.h"
#include "sentinel/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void step(struct sn_core *core, struct sn_event ev, int64_t now)
{
    struct sn_actions acts = { 0 };
    ev.now_ms = now;
    sn_step(core, &ev, &acts);
    sn_actions_free(&acts);
}

static void tell(struct sn_core *core, struct slice text, int64_t now)
{
    struct sn_hello h;
    struct sn_group *g = sn_group_find(core, SLICE("mymaster"));
    uint64_t epoch = core->saved.current_epoch, config = g->saved.config_epoch;
    if (sn_hello_parse(text, &h)) must(h.port > 0 && h.runid.n == SN_ID_LEN);
    step(core, (struct sn_event){ .kind = SN_HELLO, .text = text }, now);
    must(core->saved.current_epoch >= epoch && g->saved.config_epoch >= config);
    must(g->peers.n <= SN_INSTANCES_MAX && g->replicas.n <= SN_INSTANCES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sn_core *core = sn_core_new(1, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    struct slice monitor[] = { SLICE("mymaster"), SLICE("10.0.0.1"), SLICE("6379"), SLICE("2") };
    char *copy = mem_alloc(size + 1);
    int64_t now = 3;
    if (size) memcpy(copy, data, size);
    step(core, (struct sn_event){ .kind = SN_BOOT }, 1);
    step(core, (struct sn_event){ .kind = SN_ADM_MONITOR, .argv = monitor, .argc = 4 }, 2);
    for (size_t from = 0; from < size;) {
        ptrdiff_t nl = slice_find(slice_of(copy, size), '\n', from);
        size_t end = nl < 0 ? size : (size_t)nl;
        tell(core, slice_of(copy + from, end - from), now++);
        from = end + 1;
    }
    sn_core_delete(core);
    mem_free(copy);
    return 0;
}
