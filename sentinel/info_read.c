#include "sentinel/info_read.h"

#include "core/base/num.h"
#include "sentinel/actions.h"
#include "sentinel/addr.h"
#include "sentinel/core.h"
#include "sentinel/failover.h"
#include "sentinel/group.h"
#include "sentinel/lineage.h"
#include "sentinel/view.h"

#define DOUBT_MS 1000 /* so long the lineage waits for the replicas of a restarted master */

/* ---- the text ---- */

static bool after(struct slice line, const char *key, struct slice *value)
{
    size_t n = strlen(key);
    if (!slice_starts(line, key)) return false;
    *value = slice_of(line.p + n, line.n - n);
    return true;
}

static int small_int(struct slice s, int otherwise)
{
    int64_t v;
    return num_to_i64(s, &v) && v >= 0 && v <= INT32_MAX ? (int)v : otherwise;
}

/* The n-th comma separated part. */
static struct slice part(struct slice s, unsigned n)
{
    struct slice found = slice_cut(&s, ',');
    while (n-- && found.p) found = slice_cut(&s, ',');
    return found;
}

/* "slave0:ip=127.0.0.1,port=6380,..." and the old "slave0:127.0.0.1,6380,online". */
static void read_replica(struct slice line, struct sn_info *out)
{
    struct slice host = { 0 }, port = { 0 }, v;
    ptrdiff_t colon = slice_find(line, ':', 0);
    if (colon <= 5 || out->replicas_n == SN_INFO_REPLICAS_MAX) return;
    for (size_t i = 5; i < (size_t)colon; i++)
        if (line.p[i] < '0' || line.p[i] > '9') return;
    struct slice rest = slice_of(line.p + colon + 1, line.n - (size_t)colon - 1);
    if (slice_starts(rest, "ip=")) {
        for (unsigned i = 0; i < 32 && (v = part(rest, i)).p; i++) {
            after(v, "ip=", &host);
            after(v, "port=", &port);
        }
    } else {
        host = part(rest, 0);
        port = part(rest, 1);
    }
    int p = small_int(port, 0);
    if (host.n == 0 || p <= 0 || p > 65535) return;
    out->replicas[out->replicas_n].host = host;
    out->replicas[out->replicas_n++].port = p;
}

static void read_replica_side(struct slice line, struct sn_info *out)
{
    struct slice v;
    int64_t n;
    if (after(line, "master_host:", &v)) out->master_host = v;
    else if (after(line, "master_port:", &v)) out->master_port = small_int(v, -1);
    else if (after(line, "master_link_status:", &v)) out->master_link_up = slice_ieqz(v, "up");
    else if (after(line, "slave_priority:", &v)) out->priority = small_int(v, out->priority);
    else if (after(line, "replica_announced:", &v)) out->announced = small_int(v, 1);
    else if (after(line, "slave_repl_offset:", &v) && num_to_i64(v, &n)) out->repl_offset = n;
}

/* "db0:keys=3,expires=0,..." */
static void read_keys(struct slice line, struct sn_info *out)
{
    struct slice v = { 0 };
    int64_t n;
    ptrdiff_t at = slice_find(line, '=', 0), end = slice_find(line, ',', 0);
    if (at < 0) return;
    size_t to = end < 0 ? line.n : (size_t)end;
    if (to > (size_t)at) v = slice_of(line.p + at + 1, to - (size_t)at - 1);
    if (num_to_i64(v, &n) && n >= 0 && n < INT64_MAX / 4 && out->keys < INT64_MAX / 4)
        out->keys = (out->keys < 0 ? 0 : out->keys) + n;
}

static struct slice an_id(struct slice v)
{
    size_t zeros = 0;
    while (zeros < v.n && v.p[zeros] == '0') zeros++;
    return v.n == SN_ID_LEN && zeros < v.n ? v : (struct slice){ 0 };
}

/* What tells whose data it is, and how much of it there is. */
static bool read_data_line(struct slice line, struct sn_info *out)
{
    struct slice v;
    if (after(line, "master_replid:", &v)) out->replid = an_id(v);
    else if (after(line, "master_replid2:", &v)) out->replid2 = an_id(v);
    else if (after(line, "master_repl_offset:", &v)) num_to_i64(v, &out->master_offset);
    else if (after(line, "loading:", &v)) out->loading = slice_eqz(v, "1");
    else if (after(line, "master_sync_in_progress:", &v)) out->syncing = slice_eqz(v, "1");
    else if (after(line, "aof_enabled:", &v)) out->aof = slice_eqz(v, "1");
    else if (slice_starts(line, "# Keyspace")) out->keys = out->keys < 0 ? 0 : out->keys;
    else if (slice_starts(line, "db") && line.n > 2 && line.p[2] >= '0' && line.p[2] <= '9')
        read_keys(line, out);
    else return false;
    return true;
}

static void read_line(struct slice line, struct sn_info *out)
{
    struct slice v;
    int64_t n;
    if (read_data_line(line, out)) return;
    if (after(line, "run_id:", &v)) {
        if (v.n >= SN_ID_LEN) out->runid = slice_of(v.p, SN_ID_LEN);
    } else if (after(line, "role:", &v)) {
        out->has_role = slice_eqz(v, "master") || slice_eqz(v, "slave");
        out->role = slice_eqz(v, "slave") ? SN_ROLE_REPLICA : SN_ROLE_MASTER;
    } else if (after(line, "master_link_down_since_seconds:", &v)) {
        if (num_to_i64(v, &n) && n >= -1 && n < INT32_MAX) out->master_link_down_ms = n * 1000;
    } else if (slice_starts(line, "slave") && line.n > 5 && line.p[5] >= '0' && line.p[5] <= '9') {
        read_replica(line, out);
    } else if (out->has_role && out->role == SN_ROLE_REPLICA) {
        read_replica_side(line, out);
    }
}

void sn_info_parse(struct slice text, struct sn_info *out)
{
    out->runid = out->master_host = (struct slice){ 0 };
    out->replid = out->replid2 = (struct slice){ 0 };
    out->has_role = out->master_link_up = out->loading = out->syncing = out->aof = false;
    out->master_offset = 0;
    out->keys = -1;
    out->role = SN_ROLE_MASTER;
    out->master_port = out->priority = out->announced = -1;
    out->master_link_down_ms = out->repl_offset = 0;
    out->replicas_n = 0;
    size_t from = 0;
    while (from < text.n) {
        ptrdiff_t nl = slice_find(text, '\n', from);
        size_t end = nl < 0 ? text.n : (size_t)nl, len = end - from;
        if (len && text.p[from + len - 1] == '\r') len--;
        read_line(slice_of(text.p + from, len), out);
        from = end + 1;
    }
}

/* ---- what it means ---- */

/* Is the data that it has less than what its replicas have now? Their last INFO may be old. */
static void doubt(struct sn_group *g)
{
    g->doubt_since = g->core->now;
    for (size_t i = 0; i < g->replicas.n; i++) g->replicas.at[i]->info_sent = SN_NEVER;
}

static void take_runid(struct sn_instance *inst, struct slice runid)
{
    struct sn_core *core = inst->group->core;
    if (!runid.n || slice_eqz(runid, inst->runid)) return;
    if (inst->runid[0]) {
        sn_emit(core, SN_EVT_REBOOT, inst, NULL);
        if (inst->kind == SN_MASTER) doubt(inst->group);
        if (inst->group->saved.reboot_down_after_ms) {
            inst->rebooted = true;
            inst->rebooted_at = core->now;
        }
    }
    slice_cstr(runid, inst->runid, sizeof(inst->runid));
}

/* A name belongs to one group: who stands in another master's list was led there by a name that has
 * moved. Two groups of the same master share their replicas. */
static bool is_anothers(const struct sn_group *g, const struct sn_addr *addr)
{
    const struct sn_core *core = g->core;
    if (!sn_addr_is_name(addr)) return false;
    for (size_t i = 0; i < core->groups.n; i++) {
        struct sn_group *o = core->groups.at[i];
        if (o == g || sn_addr_same(&o->master->addr, &g->master->addr)) continue;
        if (sn_addr_same(&o->master->addr, addr) ||
            sn_replica_find(o, slice_z(addr->host), addr->port))
            return true;
    }
    return false;
}

static void discover(struct sn_group *g, const struct sn_info *info)
{
    struct sn_core *core = g->core;
    for (size_t i = 0; i < info->replicas_n; i++) {
        struct sn_addr addr;
        struct slice host = info->replicas[i].host;
        struct sn_instance *known = sn_replica_find(g, host, info->replicas[i].port);
        if (known) known->listed_at = core->now;
        if (known) continue;
        if (sn_addr_set(&addr, host, info->replicas[i].port, core->saved.resolve_hostnames))
            continue;
        if (is_anothers(g, &addr)) continue;
        struct sn_instance *r = sn_replica_add(g, &addr);
        if (!r) continue;
        sn_actions_persist(core->out);
        sn_emit(core, SN_EVT_SLAVE, r, NULL);
    }
}

static void take_role(struct sn_instance *inst, enum sn_role role)
{
    struct sn_group *g = inst->group;
    struct sn_core *core = g->core;
    struct sn_facts *f = &inst->facts;
    f->role_at = core->now;
    if (role == SN_ROLE_REPLICA) inst->was_master = false;
    if (inst->kind == SN_MASTER && role == SN_ROLE_MASTER) g->confirmed = true;
    if (role != f->role) {
        bool expected = (role == SN_ROLE_MASTER) == (inst->kind == SN_MASTER);
        f->role = role;
        f->role_since = core->now;
        if (role == SN_ROLE_REPLICA) f->master_since = core->now;
        sn_emit(core, expected ? SN_EVT_ROLE_CHANGE : SN_EVT_ROLE_CHANGE_BAD, inst,
                "new reported role is %s", role == SN_ROLE_MASTER ? "master" : "slave");
    }
    if (!core->tilt && role == SN_ROLE_MASTER && inst == g->fo.promoted &&
        g->fo.state == SN_FO_WAIT_PROMOTION)
        sn_failover_promoted(g);
    sn_touch(g);
}

static void take_replica_side(struct sn_instance *inst, const struct sn_info *info)
{
    struct sn_facts *f = &inst->facts;
    char host[SN_HOST_MAX];
    slice_cstr(info->master_host, host, sizeof(host));
    if (!slice_ieqz(slice_z(host), f->master_host) || info->master_port != f->master_port) {
        text_copy(f->master_host, sizeof(f->master_host), host);
        f->master_port = info->master_port < 0 ? 0 : info->master_port;
        f->master_since = inst->group->core->now;
    }
    f->master_link_up = info->master_link_up;
    f->repl_offset = info->repl_offset;
    if (info->priority >= 0) f->priority = info->priority;
    if (info->announced >= 0) f->announced = info->announced;
}

static bool is_member(struct sn_group *g, struct slice host, int64_t port)
{
    return sn_addr_is(&g->master->addr, host, port) || sn_replica_find(g, host, port);
}

/* Replicas, or a master with which it is connected, that do not belong to the group. */
static bool has_strangers(struct sn_instance *inst, const struct sn_info *info)
{
    struct sn_group *g = inst->group;
    if (info->has_role && info->role == SN_ROLE_REPLICA && info->master_link_up &&
        !is_member(g, info->master_host, info->master_port))
        return true;
    for (size_t i = 0; i < info->replicas_n; i++)
        if (!is_member(g, info->replicas[i].host, info->replicas[i].port)) return true;
    return false;
}

static void take_data(struct sn_instance *inst, const struct sn_info *info)
{
    struct sn_facts *f = &inst->facts;
    slice_cstr(info->replid, f->replid, sizeof(f->replid));
    slice_cstr(info->replid2, f->replid2, sizeof(f->replid2));
    f->master_offset = info->master_offset;
    f->keys = info->keys;
    f->loading = info->loading || info->syncing;
    f->keys_move = info->loading; /* while it only receives, the old data is there */
    f->aof = info->aof;
    f->strangers = inst->kind == SN_REPLICA && has_strangers(inst, info);
}

/* Some replica that can be reached has not been heard since the master restarted. */
static bool in_doubt(struct sn_group *g)
{
    if (g->doubt_since == SN_NEVER) return false;
    for (size_t i = 0; i < g->replicas.n && g->core->now < g->doubt_since + DOUBT_MS; i++) {
        const struct sn_instance *r = g->replicas.at[i];
        if (!r->s_down && r->link->conn[SN_CMD].phase == SN_OPEN &&
            r->facts.info_at < g->doubt_since)
            return true;
    }
    g->doubt_since = SN_NEVER;
    return false;
}

static void learn(struct sn_instance *leads)
{
    struct sn_group *g = leads->group;
    if (leads->facts.role != SN_ROLE_MASTER || g->amnesia || in_doubt(g)) return;
    if (leads->astray_since != SN_NEVER && !sn_is_settled(leads)) return;
    if (leads->facts.info_at != SN_NEVER && sn_lineage_learn(leads))
        sn_actions_persist(g->core->out);
}

static void check_data(struct sn_instance *inst)
{
    struct sn_group *g = inst->group;
    if (!sn_is_astray(inst)) inst->astray_since = SN_NEVER;
    else if (inst->astray_since == SN_NEVER) inst->astray_since = g->core->now;
    bool amnesia = sn_amnesia(g), foreign = inst->kind == SN_REPLICA && sn_is_foreign(inst);
    if (foreign && !inst->foreign) sn_emit(g->core, SN_EVT_FOREIGN, inst, NULL);
    inst->foreign = foreign;
    if (amnesia && !g->amnesia)
        sn_emit(g->core, SN_EVT_AMNESIA, g->master, "has %lld keys",
                (long long)g->master->facts.keys);
    g->amnesia = amnesia;
    /* Of the two that are masters at the end of a failover the promoted one counts. */
    bool promoted = g->fo.state >= SN_FO_RECONF_SLAVES;
    if (!promoted) learn(g->master);
    else if (inst == g->fo.promoted) learn(inst);
}

void sn_info_take(struct sn_instance *inst, struct slice text)
{
    struct sn_group *g = inst->group;
    struct sn_info info;
    inst->info_flying = false;
    sn_info_parse(text, &info);
    str_set(&inst->facts.info, text);
    inst->facts.info_at = g->core->now;
    sn_touch(g);
    if (inst->kind == SN_PEER) return;
    take_runid(inst, info.runid);
    if (inst->kind == SN_MASTER) discover(g, &info);
    inst->facts.master_link_down_ms = info.master_link_down_ms;
    take_data(inst, &info);
    if (!info.has_role) return;
    if (info.role == SN_ROLE_REPLICA) take_replica_side(inst, &info);
    take_role(inst, info.role);
    check_data(inst);
}

void sn_role_take(struct sn_instance *inst, const struct sn_value *v)
{
    if (inst->kind == SN_PEER || v->kind != SN_VAL_ARRAY || v->n == 0) return;
    if (slice_eqz(v->items[0].text, "master")) take_role(inst, SN_ROLE_MASTER);
    else if (slice_eqz(v->items[0].text, "slave")) take_role(inst, SN_ROLE_REPLICA);
}
