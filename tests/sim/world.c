#include "tests/sim/world.h"

#include "core/base/num.h"
#include "tests/sim/faults.h"
#include "tests/sim/node_client.h"
#include "tests/sim/node_data.h"
#include "tests/sim/node_old.h"
#include "tests/sim/node_sentinel.h"

#define WATCHED_MS 2500 /* the replicas are there when the Sentinels first look at the master */
#define SETTLE_MS 6000  /* the Sentinels hear of each other before anything goes wrong */

int world_data_count(const struct sim *s) { return 1 + s->opt.replicas; }

/* Data nodes come first, then the Sentinels. */
struct node *world_data(struct sim *s, int group, int nth)
{
    return s->nodes.at[group * world_data_count(s) + nth];
}

struct node *world_sentinel(struct sim *s, int nth)
{
    return s->nodes.at[s->opt.groups * world_data_count(s) + nth];
}

int world_group(const struct sim *s, struct slice name)
{
    int64_t g;
    if (name.n < 2 || name.p[0] != 'g' || !num_to_i64(slice_of(name.p + 1, name.n - 1), &g))
        return -1;
    return g >= 0 && g < s->opt.groups ? (int)g : -1;
}

void world_build(struct sim *s)
{
    int host = 0, data = s->opt.groups * world_data_count(s);
    for (int i = 0; i < data; i++)
        node_data_new(s, i, i / world_data_count(s), host++);
    for (int i = 0; i < s->opt.sentinels; i++)
        if (i >= s->opt.sentinels - s->opt.old)
            node_old_new(s, i, s->opt.shared_hosts && i < data ? i : host++);
        else node_sentinel_new(s, i, s->opt.shared_hosts && i < data ? i : host++);
    for (int i = 0; i < s->opt.clients * s->opt.groups; i++)
        node_client_new(s, i, i % s->opt.groups, host++);
}

static void begin_faults(struct sim *s, const struct sim_event *e) { faults_start(s); }

void world_start(struct sim *s)
{
    sim_each(s, n)
    {
        if (n->kind == NODE_SENTINEL)
            sim_boot_later(n, WATCHED_MS);
        else
            sim_boot(n);
    }
    sim_at(s, SETTLE_MS, begin_faults, NULL, 0);
}
