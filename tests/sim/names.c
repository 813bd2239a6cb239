#include "tests/sim/names.h"

#include <stdio.h>

#include "sentinel/addr.h"

#define LATE_MS 2500 /* an old answer is kept for so long at most */

bool names_is_name(struct slice host) { return !sn_is_ip(host); }

static struct node *named(struct sim *s, struct slice host)
{
    sim_each(s, n) if (slice_ieqz(host, n->host_name)) return n;
    return NULL;
}

struct slice names_ask(struct sim *s, struct slice host)
{
    const struct node *n = named(s, host);
    return n ? slice_z(n->known_ip) : (struct slice){ 0 };
}

struct node *names_find(struct sim *s, struct slice host, int port)
{
    return sim_node_at(s, names_is_name(host) ? names_ask(s, host) : host, port);
}

struct node *names_meant(struct sim *s, struct slice host, int port)
{
    if (!names_is_name(host)) return sim_node_at(s, host, port);
    struct node *n = named(s, host);
    return n && n->port == port ? n : NULL;
}

const char *names_of(const struct node *n) { return n->sim->opt.names ? n->host_name : n->ip; }

static void tell_name(struct sim *s, const struct sim_event *e)
{
    struct node *n = s->nodes.at[e->a];
    text_copy(n->known_ip, sizeof(n->known_ip), n->ip);
}

/* A new one, or what another has left: mostly the last, so that it is still remembered. */
static void draw_address(struct sim *s, char out[16])
{
    size_t n = s->left.n;
    if (n && rng_below(&s->rng, 3) == 0) {
        size_t at = rng_below(&s->rng, 3) ? n - 1 : rng_below(&s->rng, n);
        text_copy(out, 16, s->left.at[at].ip);
        vec_remove(&s->left, at);
        return;
    }
    s->moves++;
    snprintf(out, 16, "10.0.%d.%d", 1 + s->moves / 200, 1 + s->moves % 200);
}

void names_move(struct sim *s, int host, int64_t outage)
{
    char ip[16];
    struct address old = { "" };
    bool crash = rng_below(&s->rng, 2);
    int64_t late = rng_below(&s->rng, 2) ? 0 : sim_between(&s->rng, 0, LATE_MS);
    draw_address(s, ip);
    if (crash) sim_crash_host(s, host);
    sim_each(s, n)
    {
        if (n->host != host) continue;
        if (!crash) sim_kill(n);
        text_copy(old.ip, sizeof(old.ip), n->ip);
        text_copy(n->ip, sizeof(n->ip), ip);
        tell(s, n, "moves from %s to %s", old.ip, ip);
        sim_at(s, late, tell_name, NULL, (uint64_t)n->index);
        sim_boot_later(n, outage);
    }
    vec_push(&s->left, old);
}

void names_settle(struct sim *s)
{
    sim_each(s, n) text_copy(n->known_ip, sizeof(n->known_ip), n->ip);
}
