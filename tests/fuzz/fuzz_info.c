/* fuzz info: the reader of INFO, and what a core makes of it: whatever a server says, the core
 * stays whole and bounded. The first byte chooses whether the master or a replica says it. */
#include <string.h>

#include "core/base/mem.h"
#include "core/base/must.h"
#include "sentinel/core.h"
#include "sentinel/group.h"
#include "sentinel/info_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void step(struct sn_core *core, struct sn_event ev, int64_t now)
{
    struct sn_actions acts = { 0 };
    ev.now_ms = now;
    sn_step(core, &ev, &acts);
    sn_actions_free(&acts);
}

static void tell(struct slice text, bool to_master)
{
    struct sn_core *core = sn_core_new(1, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    struct slice monitor[] = { SLICE("m"), SLICE("10.0.0.1"), SLICE("6379"), SLICE("1") };
    step(core, (struct sn_event){ .kind = SN_BOOT }, 1);
    step(core, (struct sn_event){ .kind = SN_ADM_MONITOR, .argv = monitor, .argc = 4 }, 2);
    struct sn_group *g = sn_group_find(core, SLICE("m"));
    struct sn_addr addr = { "10.0.0.2", "10.0.0.2", 6380 };
    struct sn_instance *r = sn_replica_add(g, &addr), *inst = to_master ? g->master : r;
    step(core, (struct sn_event){ .kind = SN_TICK }, 3);
    step(core, (struct sn_event){ .kind = SN_LINK_UP, .link = inst->link->id }, 4);
    struct sn_value v = { .kind = SN_VAL_BULK, .text = text };
    uint64_t tag = (uint64_t)2 << 56 | inst->id; /* an INFO reply */
    step(core, (struct sn_event){ .kind = SN_REPLY, .link = inst->link->id, .tag = tag,
                                  .reply = &v }, 5);
    must(g->replicas.n <= 1 + SN_INFO_REPLICAS_MAX);
    step(core, (struct sn_event){ .kind = SN_TICK }, 100000);
    sn_core_delete(core);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    char *copy = mem_alloc(size);
    memcpy(copy, data + 1, size - 1);
    struct slice text = slice_of(copy, size - 1);
    struct sn_info info;
    sn_info_parse(text, &info);
    must(info.replicas_n <= SN_INFO_REPLICAS_MAX);
    must(info.runid.n == 0 || info.runid.n == SN_ID_LEN);
    tell(text, data[0] & 1);
    mem_free(copy);
    return 0;
}
