#include "sentinel/send.h"

#include <stdio.h>

#include "sentinel/actions.h"
#include "sentinel/view.h"

static const char *renamed(const struct sn_instance *inst, const char *word)
{
    const struct sn_group_saved *s = &inst->group->saved;
    if (inst->kind == SN_PEER) return word;
    for (size_t i = 0; i < s->renames.n; i++)
        if (slice_ieqz(slice_z(s->renames.at[i].from), word)) return s->renames.at[i].to;
    return word;
}

static struct sn_action *send_slices(struct sn_instance *inst, enum sn_conn conn, enum sn_tag kind,
                                     int argc, const struct slice *argv)
{
    struct sn_core *core = inst->group->core;
    struct sn_conn_state *c = &inst->link->conn[conn];
    if (c->phase != SN_OPEN) return NULL;
    struct sn_action *act = sn_actions_add(core->out, SN_DO_SEND);
    act->link = inst->link->id;
    act->conn = conn;
    act->tag = (uint64_t)kind << 56 | (uint64_t)(inst->group->addr_gen & 0xffffff) << 32 | inst->id;
    sn_actions_argv(core->out, act, argc, argv);
    c->pending++;
    return act;
}

static struct sn_action *send(struct sn_instance *inst, enum sn_conn conn, enum sn_tag kind,
                              const char *const *argv)
{
    struct slice words[SN_ARGS_MAX];
    int n = 0;
    for (; argv[n]; n++) {
        must(n < SN_ARGS_MAX);
        words[n] = slice_z(n ? argv[n] : renamed(inst, argv[n]));
    }
    return send_slices(inst, conn, kind, n, words);
}

bool sn_send_slices(struct sn_instance *inst, enum sn_tag kind, int argc, const struct slice *argv)
{
    return send_slices(inst, SN_CMD, kind, argc, argv) != NULL;
}

bool sn_send(struct sn_instance *inst, enum sn_conn conn, enum sn_tag kind, const char *const *argv)
{
    return send(inst, conn, kind, argv) != NULL;
}

bool sn_send_after_save(struct sn_instance *inst, enum sn_tag kind, const char *const *argv)
{
    struct sn_action *act = send(inst, SN_CMD, kind, argv);
    if (act) act->after_save = true;
    return act != NULL;
}

void sn_send_ping(struct sn_instance *inst)
{
    struct sn_link *link = inst->link;
    if (!sn_send(inst, SN_CMD, SN_TAG_PING, SN_WORDS("PING"))) return;
    link->ping_flying = true;
    link->last_ping = inst->group->core->now;
    /* The clock of an older question that was never answered goes on. */
    if (link->act_ping == SN_NEVER) link->act_ping = link->last_ping;
}

void sn_send_info(struct sn_instance *inst)
{
    if (!sn_send(inst, SN_CMD, SN_TAG_INFO, SN_WORDS("INFO"))) return;
    inst->info_flying = true;
    inst->info_sent = inst->group->core->now;
}

static void credentials(const struct sn_instance *inst, const char **user, const char **pass)
{
    const struct sn_core *core = inst->group->core;
    *user = inst->group->saved.auth_user;
    *pass = inst->group->saved.auth_pass;
    if (inst->kind != SN_PEER) return;
    *user = core->saved.user;
    *pass = core->saved.pass;
    if ((*pass)[0]) return;
    *user = "";
    *pass = str_c(core->self.requirepass);
}

void sn_send_greeting(struct sn_instance *inst, enum sn_conn conn)
{
    const char *user, *pass;
    char name[64];
    credentials(inst, &user, &pass);
    if (pass[0] && user[0]) sn_send(inst, conn, SN_TAG_AUTH, SN_WORDS("AUTH", user, pass));
    else if (pass[0]) sn_send(inst, conn, SN_TAG_AUTH, SN_WORDS("AUTH", pass));
    snprintf(name, sizeof(name), "sentinel-%.8s-%s", inst->group->core->saved.myid,
             conn == SN_CMD ? "cmd" : "pubsub");
    sn_send(inst, conn, SN_TAG_NONE, SN_WORDS("CLIENT", "SETNAME", name));
    /* Before all that is asked: at a peer's old address another may live, or we ourselves. */
    if (inst->kind == SN_PEER) sn_send(inst, conn, SN_TAG_MYID, SN_WORDS("SENTINEL", "MYID"));
}

bool sn_send_slaveof(struct sn_instance *inst, const struct sn_addr *to)
{
    struct sn_core *core = inst->group->core;
    const char *host = to ? sn_announced_host(core, to) : "NO";
    char port[16] = "ONE";
    if (to) snprintf(port, sizeof(port), "%d", to->port);
    const struct {
        enum sn_tag tag;
        const char *const *words;
    } rows[] = {
        { SN_TAG_NONE, SN_WORDS("MULTI") },
        { SN_TAG_NONE, SN_WORDS("SLAVEOF", host, port) },
        { SN_TAG_NONE, SN_WORDS("CONFIG", "REWRITE") },
        { SN_TAG_NONE, SN_WORDS("CLIENT", "KILL", "TYPE", "normal") },
        { SN_TAG_NONE, SN_WORDS("CLIENT", "KILL", "TYPE", "pubsub") },
        { SN_TAG_EXEC, SN_WORDS("EXEC") },
        { SN_TAG_ROLE, SN_WORDS("ROLE") },
    };
    bool unsaved = inst->group->voted_step == core->step;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sn_action *act = send(inst, SN_CMD, rows[i].tag, rows[i].words);
        if (!act) return false;
        act->after_save = unsaved;
    }
    sn_send_info(inst);
    inst->slaveof_at = core->now;
    return true;
}

bool sn_send_relink(struct sn_instance *inst)
{
    if (!sn_send(inst, SN_CMD, SN_TAG_NONE, SN_WORDS("CLIENT", "KILL", "TYPE", "master")))
        return false;
    sn_send_info(inst);
    inst->slaveof_at = inst->group->core->now;
    return true;
}
