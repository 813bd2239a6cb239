#include "sentinel/options.h"

#include "core/base/mem.h"
#include "core/base/num.h"
#include "sentinel/group.h"

#define TEXT_MAX 1024 /* of a password or a path */

#define AT(field) .offset = offsetof(struct sn_group_saved, field)

const struct sn_option sn_options[SN_OPTIONS] = {
    { "quorum", .kind = SN_OPT_COUNT, AT(quorum), .min = 1, .set_only = true },
    { "down-after-milliseconds", .kind = SN_OPT_MS, AT(down_after_ms), .min = 1 },
    { "failover-timeout", .kind = SN_OPT_MS, AT(failover_timeout_ms), .min = 1 },
    { "parallel-syncs", .kind = SN_OPT_COUNT, AT(parallel_syncs), .min = 1 },
    { "notification-script", .kind = SN_OPT_SCRIPT, AT(notification_script) },
    { "client-reconfig-script", .kind = SN_OPT_SCRIPT, AT(reconfig_script) },
    { "auth-pass", .kind = SN_OPT_TEXT, AT(auth_pass), .secret = true, .reconnects = true },
    { "auth-user", .kind = SN_OPT_TEXT, AT(auth_user), .reconnects = true },
    { "master-reboot-down-after-period", "primary-reboot-down-after-period", SN_OPT_MS,
      AT(reboot_down_after_ms) },
    { "rename-command", .kind = SN_OPT_RENAME, AT(renames) },
    { "fast-down", .kind = SN_OPT_YES_NO, AT(fast_down) },
    { "forget-after-milliseconds", .kind = SN_OPT_MS, AT(forget_after_ms) },
};

const struct sn_option *sn_option_find(struct slice name)
{
    for (size_t i = 0; i < SN_OPTIONS; i++) {
        const struct sn_option *o = &sn_options[i];
        if (slice_ieqz(name, o->name) || (o->alias && slice_ieqz(name, o->alias))) return o;
    }
    return NULL;
}

bool sn_clean_text(struct slice v)
{
    return v.n < TEXT_MAX && !(v.n && memchr(v.p, 0, v.n));
}

static bool set_rename(struct sn_group *g, struct slice from, struct slice to)
{
    if (!from.n || !to.n || !sn_clean_text(from) || !sn_clean_text(to)) return false;
    for (size_t i = 0; i < g->saved.renames.n; i++) {
        struct sn_rename *r = &g->saved.renames.at[i];
        if (!slice_ieqz(from, r->from)) continue;
        mem_free(r->from);
        mem_free(r->to);
        vec_remove(&g->saved.renames, i);
        break;
    }
    if (!slice_ieq(from, to))
        vec_push(&g->saved.renames,
                 (struct sn_rename){ mem_strndup(from.p, from.n), mem_strndup(to.p, to.n) });
    return true;
}

static bool set_number(struct slice v, int64_t min, int64_t max, int64_t *out)
{
    return num_to_i64(v, out) && *out >= min && *out <= max;
}

bool sn_option_apply(struct sn_group *g, const struct sn_option *o, const struct slice *v)
{
    char *field = (char *)&g->saved + o->offset;
    int64_t n = 0;
    switch (o->kind) {
    case SN_OPT_MS:
        if (!set_number(v[0], o->min, SN_MS_MAX, &n)) return false;
        *(int64_t *)(void *)field = n;
        return true;
    case SN_OPT_COUNT:
        if (!set_number(v[0], o->min, INT32_MAX, &n)) return false;
        *(unsigned *)(void *)field = (unsigned)n;
        return true;
    case SN_OPT_TEXT:
    case SN_OPT_SCRIPT:
        if (!sn_clean_text(v[0])) return false;
        sn_text_set((char **)(void *)field, v[0]);
        return true;
    case SN_OPT_RENAME: return set_rename(g, v[0], v[1]);
    case SN_OPT_YES_NO:
        *(bool *)(void *)field = slice_ieqz(v[0], "yes");
        return slice_ieqz(v[0], "yes") || slice_ieqz(v[0], "no");
    }
    return false;
}
