#include "sentinel/state_text.h"

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "sentinel/addr.h"
#include "sentinel/group.h"
#include "sentinel/options.h"
#include "sentinel/view.h"

/* ---- out ---- */

void sn_lines_free(struct sn_lines *lines)
{
    for (size_t i = 0; i < lines->at.n; i++) str_free(&lines->at.at[i].text);
    vec_free(&lines->at);
}

static bool plain(const char *s)
{
    if (!*s || *s == '#') return false;
    for (; *s; s++)
        if (*s <= ' ' || *s == '"' || *s == '\'' || *s == '\\' || *s == 127) return false;
    return true;
}

static void put_word(struct buf *b, const char *s)
{
    buf_putc(b, ' ');
    if (plain(s)) {
        buf_putz(b, s);
        return;
    }
    buf_putc(b, '"');
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') buf_fmt(b, "\\%c", c);
        else if (c < ' ' || c == 127) buf_fmt(b, "\\x%02x", c);
        else buf_putc(b, *s);
    }
    buf_putc(b, '"');
}

/* "sentinel <directive> <words...>"; numbers are given as text. */
static void put(struct sn_lines *out, const char *directive, const char *const *words)
{
    struct buf b = { 0 };
    buf_putz(&b, directive[0] == '#' ? "# sentinel-" : "sentinel ");
    buf_putz(&b, directive + (directive[0] == '#'));
    for (; *words; words++) put_word(&b, *words);
    vec_push(&out->at, (struct sn_line){ directive, str_new(buf_slice(&b)) });
    buf_free(&b);
}
#define PUT(out, directive, ...) put(out, directive, (const char *const[]){ __VA_ARGS__, NULL })

struct number {
    char text[24];
};
static struct number number(uint64_t v)
{
    struct number n;
    n.text[num_from_u64(n.text, v)] = 0;
    return n;
}
#define NUM(v) number((uint64_t)(v)).text

static void put_option(const struct sn_core *core, const struct sn_group *g,
                       const struct sn_option *o, struct sn_lines *out)
{
    const char *field = (const char *)&g->saved + o->offset, *name = g->saved.name;
    if (o->set_only) return;
    switch (o->kind) {
    case SN_OPT_MS: {
        int64_t v = *(const int64_t *)(const void *)field;
        bool def = o->offset == offsetof(struct sn_group_saved, down_after_ms)
                       ? v == core->params.default_down_after
                   : o->offset == offsetof(struct sn_group_saved, failover_timeout_ms)
                       ? v == core->params.default_failover_timeout
                   : o->offset == offsetof(struct sn_group_saved, forget_after_ms)
                       ? v == SN_FORGET_AFTER
                       : v == 0;
        if (!def) PUT(out, o->name, name, NUM(v));
        break;
    }
    case SN_OPT_COUNT: {
        unsigned v = *(const unsigned *)(const void *)field;
        if (v != 1) PUT(out, o->name, name, NUM(v));
        break;
    }
    case SN_OPT_TEXT:
    case SN_OPT_SCRIPT: {
        const char *v = *(char *const *)(const void *)field;
        if (v[0]) PUT(out, o->name, name, v);
        break;
    }
    case SN_OPT_YES_NO:
        if (*(const bool *)(const void *)field) PUT(out, o->name, name, "yes");
        break;
    case SN_OPT_RENAME: /* behind the group's known instances */
        break;
    }
}

static void put_renames(const struct sn_group_saved *s, struct sn_lines *out)
{
    for (size_t i = 0; i < s->renames.n; i++)
        PUT(out, "rename-command", s->name, s->renames.at[i].from, s->renames.at[i].to);
}

/* Ours alone. Always as many lines a group: a list that changes in place is cheap to keep. */
static void put_comments(const struct sn_group *g, struct sn_lines *out)
{
    const struct sn_group_saved *s = &g->saved;
    const struct sn_addr *master = sn_current_addr(g);
    const char *ids[SN_LINEAGE_MAX + 2] = { s->name };
    struct buf former = { 0 };
    for (int i = 0; i < SN_LINEAGE_MAX && s->lineage[i][0]; i++) ids[i + 1] = s->lineage[i];
    PUT(out, "#leader", s->name, NUM(s->leader_epoch), s->leader[0] ? s->leader : "?");
    put(out, "#lineage", ids);
    PUT(out, "#voters", s->name, NUM(sn_voters(g)));
    buf_putz(&former, "# sentinel-former");
    put_word(&former, s->name);
    for (size_t i = 0; i < g->replicas.n; i++) {
        const struct sn_addr *a = &g->replicas.at[i]->addr;
        if (!g->replicas.at[i]->was_master) continue;
        if (a == master) a = &g->master->addr;
        put_word(&former, a->host);
        buf_fmt(&former, " %d", a->port);
    }
    vec_push(&out->at, (struct sn_line){ "#former", str_new(buf_slice(&former)) });
    buf_free(&former);
}

static void put_group(const struct sn_core *core, const struct sn_group *g, struct sn_lines *out)
{
    const struct sn_group_saved *s = &g->saved;
    const struct sn_addr *master = sn_current_addr(g);
    PUT(out, "monitor", s->name, master->host, NUM(master->port), NUM(s->quorum));
    for (size_t i = 0; i < SN_OPTIONS; i++) put_option(core, g, &sn_options[i], out);
    PUT(out, "config-epoch", s->name, NUM(s->config_epoch));
    PUT(out, "leader-epoch", s->name, NUM(s->leader_epoch));
    put_comments(g, out);
    for (size_t i = 0; i < g->replicas.n; i++) {
        /* While the promoted replica stands as the master, the old master stands in its place. */
        const struct sn_addr *a = &g->replicas.at[i]->addr;
        if (a == master) a = &g->master->addr;
        PUT(out, "known-replica", s->name, a->host, NUM(a->port));
    }
    for (size_t i = 0; i < g->peers.n; i++) {
        const struct sn_instance *p = g->peers.at[i];
        PUT(out, "known-sentinel", s->name, p->addr.host, NUM(p->addr.port), p->runid);
    }
    put_renames(s, out);
}

void sn_state_write(const struct sn_core *core, struct sn_lines *out)
{
    const struct sn_saved *s = &core->saved;
    sn_lines_free(out);
    PUT(out, "myid", s->myid);
    if (!s->deny_scripts_reconfig) PUT(out, "deny-scripts-reconfig", "no");
    if (s->resolve_hostnames) PUT(out, "resolve-hostnames", "yes");
    if (s->announce_hostnames) PUT(out, "announce-hostnames", "yes");
    for (size_t i = 0; i < core->groups.n; i++) put_group(core, core->groups.at[i], out);
    PUT(out, "current-epoch", NUM(s->current_epoch));
    if (s->announce_ip[0]) PUT(out, "announce-ip", s->announce_ip);
    if (s->announce_port) PUT(out, "announce-port", NUM(s->announce_port));
    if (s->user[0]) PUT(out, "sentinel-user", s->user);
    if (s->pass[0]) PUT(out, "sentinel-pass", s->pass);
}

/* ---- in ---- */

struct reading {
    struct sn_core *core;
    struct errmsg *msg;
    int argc; /* words behind the directive */
};
#define UNKNOWN "Unrecognized sentinel configuration statement."
#define NO_MASTER "No such master with specified name."

static enum err bad(struct reading *r, const char *text)
{
    return err_set(r->msg, ERR_SYNTAX, "%s", text);
}

static enum err read_epoch_text(struct reading *r, struct slice text, uint64_t *out)
{
    if (!num_to_u64(text, out) || *out > INT64_MAX) return bad(r, "Invalid epoch.");
    return ERR_NONE;
}

static enum err read_myid(struct reading *r, const struct slice *v)
{
    if (v[0].n != SN_ID_LEN) return bad(r, "Malformed Sentinel id in myid option.");
    slice_cstr(v[0], r->core->saved.myid, sizeof(r->core->saved.myid));
    r->core->myid_given = true;
    return ERR_NONE;
}

static enum err read_current_epoch(struct reading *r, const struct slice *v)
{
    uint64_t epoch;
    enum err e = read_epoch_text(r, v[0], &epoch);
    if (!e && epoch > r->core->saved.current_epoch) r->core->saved.current_epoch = epoch;
    return e;
}

static enum err read_announce_ip(struct reading *r, const struct slice *v)
{
    if (v[0].n >= SN_HOST_MAX || !sn_clean_text(v[0])) return bad(r, "Invalid announce-ip.");
    sn_text_set(&r->core->saved.announce_ip, v[0]);
    return ERR_NONE;
}

static enum err read_announce_port(struct reading *r, const struct slice *v)
{
    int64_t port;
    if (!num_to_i64(v[0], &port) || port < 0 || port > 65535) return bad(r, "Invalid port number.");
    r->core->saved.announce_port = (int)port;
    return ERR_NONE;
}

static enum err read_user(struct reading *r, const struct slice *v)
{
    sn_text_set(&r->core->saved.user, v[0]);
    return ERR_NONE;
}

static enum err read_pass(struct reading *r, const struct slice *v)
{
    sn_text_set(&r->core->saved.pass, v[0]);
    return ERR_NONE;
}

static enum err read_yes_no(struct reading *r, struct slice v, bool *out, const char *text)
{
    *out = slice_ieqz(v, "yes");
    return *out || slice_ieqz(v, "no") ? ERR_NONE : bad(r, text);
}

static enum err read_deny(struct reading *r, const struct slice *v)
{
    return read_yes_no(r, v[0], &r->core->saved.deny_scripts_reconfig,
                       "Please specify yes or no for the deny-scripts-reconfig options.");
}

static enum err read_resolve(struct reading *r, const struct slice *v)
{
    return read_yes_no(r, v[0], &r->core->saved.resolve_hostnames,
                       "Please specify yes or no for the resolve-hostnames option.");
}

static enum err read_announce_hostnames(struct reading *r, const struct slice *v)
{
    return read_yes_no(r, v[0], &r->core->saved.announce_hostnames,
                       "Please specify yes or no for the announce-hostnames option.");
}

static enum err read_addr(struct reading *r, const struct slice *v, struct sn_addr *out)
{
    int64_t port;
    if (!num_to_i64(v[1], &port) || port == 0) return bad(r, "Invalid port number.");
    enum err e = sn_addr_set(out, v[0], port, r->core->saved.resolve_hostnames);
    if (e == ERR_NOTFOUND) return bad(r, "Can't resolve instance hostname.");
    return e ? bad(r, "Invalid port number.") : ERR_NONE;
}

static enum err read_monitor(struct reading *r, const struct slice *v)
{
    struct sn_addr addr;
    int64_t quorum;
    if (!num_to_i64(v[3], &quorum) || quorum <= 0 || quorum > INT32_MAX)
        return bad(r, "Quorum must be 1 or greater.");
    if (!v[0].n || v[0].n > SN_NAME_MAX || !sn_clean_text(v[0]))
        return bad(r, "Invalid master name.");
    if (sn_group_find(r->core, v[0])) return bad(r, "Duplicate master name.");
    enum err e = read_addr(r, v + 1, &addr);
    if (!e) sn_group_new(r->core, v[0], &addr, (unsigned)quorum);
    return e;
}

static struct sn_group *named(struct reading *r, const struct slice *v)
{
    return sn_group_find(r->core, v[0]);
}

static enum err read_config_epoch(struct reading *r, const struct slice *v)
{
    struct sn_group *g = named(r, v);
    if (!g) return bad(r, NO_MASTER);
    enum err e = read_epoch_text(r, v[1], &g->saved.config_epoch);
    if (!e && g->saved.config_epoch > r->core->saved.current_epoch)
        r->core->saved.current_epoch = g->saved.config_epoch;
    return e;
}

static enum err read_leader_epoch(struct reading *r, const struct slice *v)
{
    struct sn_group *g = named(r, v);
    if (!g) return bad(r, NO_MASTER);
    enum err e = read_epoch_text(r, v[1], &g->saved.leader_epoch);
    if (!e && g->saved.leader_epoch > r->core->saved.current_epoch)
        r->core->saved.current_epoch = g->saved.leader_epoch;
    return e;
}

/* Ours alone; what does not fit is as if the comment were not there. */
static enum err read_leader(struct reading *r, const struct slice *v)
{
    struct sn_group *g = named(r, v);
    uint64_t epoch;
    if (g && num_to_u64(v[1], &epoch) && epoch == g->saved.leader_epoch && v[2].n == SN_ID_LEN)
        slice_cstr(v[2], g->saved.leader, sizeof(g->saved.leader));
    return ERR_NONE;
}

static enum err read_lineage(struct reading *r, const struct slice *v)
{
    struct sn_group *g = named(r, v);
    size_t n = 0;
    for (int i = 1; g && i < r->argc && n < SN_LINEAGE_MAX; i++)
        if (v[i].n == SN_ID_LEN)
            slice_cstr(v[i], g->saved.lineage[n++], sizeof(g->saved.lineage[0]));
    return ERR_NONE;
}

static enum err read_voters(struct reading *r, const struct slice *v)
{
    struct sn_group *g = named(r, v);
    uint64_t n;
    if (g && num_to_u64(v[1], &n) && n <= SN_INSTANCES_MAX + 1) g->saved.voters_floor = (unsigned)n;
    return ERR_NONE;
}

static enum err read_former(struct reading *r, const struct slice *v)
{
    struct sn_group *g = named(r, v);
    int64_t port;
    for (int i = 1; g && i + 1 < r->argc; i += 2) {
        struct sn_instance *inst =
            num_to_i64(v[i + 1], &port) ? sn_replica_find(g, v[i], port) : NULL;
        if (inst) inst->was_master = true;
    }
    return ERR_NONE;
}

/* A line that is there twice does no harm. */
static enum err read_replica(struct reading *r, const struct slice *v)
{
    struct sn_addr addr;
    struct sn_group *g = named(r, v);
    if (!g) return bad(r, NO_MASTER);
    enum err e = read_addr(r, v + 1, &addr);
    if (!e) sn_replica_add(g, &addr);
    return e;
}

static enum err read_peer_old(struct reading *r, const struct slice *v)
{
    return named(r, v) ? ERR_NONE : bad(r, NO_MASTER);
}

static enum err read_peer(struct reading *r, const struct slice *v)
{
    struct sn_addr addr;
    char runid[SN_ID_LEN + 1];
    struct sn_group *g = named(r, v);
    if (!g) return bad(r, NO_MASTER);
    if (v[3].n != SN_ID_LEN) return bad(r, "Malformed Sentinel id in known-sentinel option.");
    enum err e = read_addr(r, v + 1, &addr);
    slice_cstr(v[3], runid, sizeof(runid));
    if (!e && !sn_peer_find(g, runid)) sn_peer_add(g, &addr, runid);
    return e;
}

/* Directives that are no group's option. Phases: what others depend on is read first. */
static const struct directive {
    const char *name;
    int phase, words; /* behind the name; negative: so many or more */
    enum err (*take)(struct reading *r, const struct slice *v);
} directives[] = {
    { "announce-ip", 0, 1, read_announce_ip },
    { "announce-port", 0, 1, read_announce_port },
    { "deny-scripts-reconfig", 0, 1, read_deny },
    { "sentinel-user", 0, 1, read_user },
    { "sentinel-pass", 0, 1, read_pass },
    { "current-epoch", 0, 1, read_current_epoch },
    { "myid", 0, 1, read_myid },
    { "resolve-hostnames", 0, 1, read_resolve },
    { "announce-hostnames", 0, 1, read_announce_hostnames },
    { "monitor", 1, 4, read_monitor },
    { "config-epoch", 2, 2, read_config_epoch },
    { "leader-epoch", 2, 2, read_leader_epoch },
    { "known-replica", 2, 3, read_replica },
    { "known-slave", 2, 3, read_replica },
    { "known-sentinel", 2, 4, read_peer },
    { "known-sentinel", 2, 3, read_peer_old },
    { "sentinel-leader", 3, 3, read_leader },
    { "sentinel-lineage", 3, -1, read_lineage },
    { "sentinel-voters", 3, 2, read_voters },
    { "sentinel-former", 3, -1, read_former },
};
#define PHASES 4
#define OPTION_PHASE 2

static const struct directive *find_directive(const struct sn_line_in *line)
{
    for (size_t i = 0; i < sizeof(directives) / sizeof(directives[0]); i++) {
        const struct directive *d = &directives[i];
        bool fits = d->words < 0 ? line->argc > -d->words : line->argc == d->words + 1;
        if (fits && slice_ieqz(line->argv[0], d->name)) return d;
    }
    return NULL;
}

static enum err read_option(struct reading *r, const struct sn_line_in *line)
{
    const struct sn_option *o = sn_option_find(line->argv[0]);
    if (!o || o->set_only || line->argc != 2 + sn_option_words(o)) return bad(r, UNKNOWN);
    struct sn_group *g = named(r, line->argv + 1);
    if (!g) return bad(r, NO_MASTER);
    if (o->kind == SN_OPT_SCRIPT && line->bad_script)
        return bad(r, o->name[0] == 'n'
                          ? "Notification script seems non existing or non executable."
                          : "Client reconfiguration script seems non existing or non executable.");
    if (o->kind == SN_OPT_RENAME)
        for (size_t i = 0; i < g->saved.renames.n; i++)
            if (slice_ieqz(line->argv[2], g->saved.renames.at[i].from))
                return bad(r, "Same command renamed multiple times with rename-command.");
    if (sn_option_apply(g, o, line->argv + 2)) return ERR_NONE;
    return bad(r, o->kind == SN_OPT_MS ? "negative or zero time parameter." : "Invalid argument.");
}

enum err sn_state_read(struct sn_core *core, const struct sn_line_in *lines, size_t n,
                       size_t *bad_line, struct errmsg *msg)
{
    struct reading r = { core, msg, 0 };
    must(!core->booted);
    for (int phase = 0; phase < PHASES; phase++)
        for (size_t i = 0; i < n; i++) {
            const struct sn_line_in *line = &lines[i];
            *bad_line = i;
            if (line->argc < 1) return bad(&r, UNKNOWN);
            const struct directive *d = find_directive(line);
            if ((d ? d->phase : OPTION_PHASE) != phase) continue;
            r.argc = line->argc - 1;
            enum err e = d ? d->take(&r, line->argv + 1) : read_option(&r, line);
            if (e) return e;
        }
    return ERR_NONE;
}
