#include <stdio.h>

#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/resp/write.h"
#include "sentinel/info_read.h"
#include "tests/sim/net.h"
#include "tests/sim/old.h"
#include "tests/sim/world.h"

/* --- instances --- */

void old_clear(struct old *t, struct who *w)
{
    int64_t now = now_of(t);
    w->s_down = w->role_known = w->link_up = w->says_down = false;
    w->is_master = w->kind == MASTER;
    w->act_ping = w->last_ping = w->avail = w->role_since = w->conf_since = now;
    w->tried = w->info_sent = w->info_at = w->hello_sent = w->asked_at = -100000;
    w->down_ended = now;
    w->reconf = NOT;
    w->priority = 100;
    w->master_ip[0] = '\0';
}

struct who *old_add(struct old *t, enum kind kind, int group, const char *ip, int port)
{
    must(t->n < sizeof(t->who) / sizeof(t->who[0]));
    struct who *w = mem_zalloc(sizeof(*w));
    w->kind = kind;
    w->group = group;
    w->port = port;
    text_copy(w->ip, sizeof(w->ip), ip);
    old_clear(t, w);
    t->who[t->n++] = w;
    return w;
}

struct who *old_find(struct old *t, enum kind kind, int group, struct slice ip, int port)
{
    for (size_t i = 0; i < t->n; i++) {
        struct who *w = t->who[i];
        if (w->kind == kind && w->group == group && w->port == port && slice_eqz(ip, w->ip))
            return w;
    }
    return NULL;
}

struct line *old_line_new(struct old *t, int end, struct who *of)
{
    struct line *l = mem_zalloc(sizeof(*l));
    l->end = end;
    l->of = of;
    l->since = now_of(t);
    if (of) resp_reply_init(&l->reply, 1 << 20);
    else resp_request_init(&l->request, 1 << 20);
    l->next = t->lines;
    t->lines = l;
    net_set_owner(t->node->sim->net, end, l);
    return l;
}

void old_line_end(struct old *t, struct line *l)
{
    struct line **at = &t->lines;
    while (*at != l) at = &(*at)->next;
    *at = l->next;
    if (l->of && l->of->cmd == l) l->of->cmd = NULL;
    if (l->of && l->of->sub == l) l->of->sub = NULL;
    if (l->of) resp_reply_free(&l->reply);
    else resp_request_free(&l->request);
    net_close(t->node->sim->net, l->end);
    buf_free(&l->in);
    vec_free(&l->tags);
    mem_free(l);
}

void old_hang_up(struct old *t, struct who *w)
{
    if (w->cmd) old_line_end(t, w->cmd);
    if (w->sub) old_line_end(t, w->sub);
}

void old_drop(struct old *t, size_t i)
{
    old_hang_up(t, t->who[i]);
    mem_free(t->who[i]);
    t->who[i] = t->who[--t->n];
}

bool old_say(struct old *t, struct who *w, enum tag tag, const char *const *words)
{
    struct slice argv[8];
    int n = 0;
    if (!w->cmd || !w->cmd->up) return false;
    for (; words[n]; n++) argv[n] = slice_z(words[n]);
    vec_push(&w->cmd->tags, (uint8_t)tag);
    buf_clear(&t->out);
    resp_command(&t->out, n, argv);
    net_send(t->node->sim->net, w->cmd->end, buf_slice(&t->out));
    return true;
}

/* --- INFO --- */

void old_slaveof(struct old *t, struct who *w, const char *ip, int port)
{
    char number[16];
    snprintf(number, sizeof(number), "%d", port);
    if (!w->cmd || !w->cmd->up) return;
    tell(t->node->sim, t->node, "to %s:%d: SLAVEOF %s %s", w->ip, w->port, ip ? ip : "NO",
         ip ? number : "ONE");
    SAY(t, w, TAG_NONE, "MULTI");
    if (ip) SAY(t, w, TAG_NONE, "SLAVEOF", ip, number);
    else SAY(t, w, TAG_NONE, "SLAVEOF", "NO", "ONE");
    SAY(t, w, TAG_NONE, "CONFIG", "REWRITE");
    SAY(t, w, TAG_NONE, "CLIENT", "KILL", "TYPE", "normal");
    SAY(t, w, TAG_NONE, "CLIENT", "KILL", "TYPE", "pubsub");
    SAY(t, w, TAG_NONE, "EXEC");
}

static bool sane(struct old *t, const struct group *g)
{
    const struct who *m = g->master;
    return m->is_master && !m->s_down && !g->o_down && now_of(t) - m->info_at < 2 * OLD_INFO_MS;
}

static void says_master(struct old *t, struct who *w)
{
    struct group *g = &t->g[w->group];
    int64_t now = now_of(t), grace = 4 * OLD_HELLO_MS;
    if (w == g->promoted && g->state == PROMOTION) {
        g->config_epoch = g->epoch;
        g->state = RECONF;
        g->state_since = now;
        old_save(t);
        for (size_t i = 0; i < t->n; i++)
            if (t->who[i]->group == w->group) t->who[i]->hello_sent = -100000;
    } else if (w != g->promoted && sane(t, g) && !w->s_down && now - w->down_ended > grace &&
               now - w->role_since > grace) {
        old_slaveof(t, w, g->master->ip, g->master->port);
    }
}

static void says_replica(struct old *t, struct who *w)
{
    struct group *g = &t->g[w->group];
    int64_t now = now_of(t), grace = opt(t)->failover_timeout;
    bool right = w->master_port == g->master->port && strcmp(w->master_ip, g->master->ip) == 0;
    if (w->reconf == SENT && g->promoted && w->master_port == g->promoted->port &&
        strcmp(w->master_ip, g->promoted->ip) == 0)
        w->reconf = INPROG;
    if (w->reconf == INPROG && w->link_up) w->reconf = DONE;
    if (!right && w->reconf == NOT && sane(t, g) && !w->s_down && now - w->down_ended > grace &&
        now - w->conf_since > grace)
        old_slaveof(t, w, g->master->ip, g->master->port);
}

static void take_replica(struct old *t, struct who *w, const struct sn_info *in)
{
    char ip[20];
    slice_cstr(in->master_host, ip, sizeof(ip));
    if (strcmp(ip, w->master_ip) != 0 || w->master_port != in->master_port)
        w->conf_since = now_of(t);
    text_copy(w->master_ip, sizeof(w->master_ip), ip);
    w->master_port = in->master_port;
    w->link_up = in->master_link_up;
    w->offset = in->repl_offset;
    if (in->priority >= 0) w->priority = in->priority;
}

void old_info_take(struct old *t, struct who *w, struct slice text)
{
    struct sn_info in;
    sn_info_parse(text, &in);
    w->info_at = now_of(t);
    for (size_t i = 0; w->kind == MASTER && i < in.replicas_n; i++) {
        char ip[20];
        if (old_find(t, REPLICA, w->group, in.replicas[i].host, in.replicas[i].port) ||
            old_find(t, MASTER, w->group, in.replicas[i].host, in.replicas[i].port))
            continue;
        old_add(t, REPLICA, w->group, slice_cstr(in.replicas[i].host, ip, sizeof(ip)),
            in.replicas[i].port);
        old_save(t);
    }
    if (!in.has_role) return;
    w->link_down_ms = in.master_link_down_ms;
    bool is_master = in.role == SN_ROLE_MASTER;
    if (is_master != w->is_master) w->role_since = w->conf_since = now_of(t);
    w->is_master = is_master;
    w->role_known = true;
    if (!is_master) take_replica(t, w, &in);
    if (now_of(t) < t->tilt_until || w->kind != REPLICA) return;
    if (is_master) says_master(t, w);
    else says_replica(t, w);
}
