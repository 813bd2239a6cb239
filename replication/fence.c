#include "replication/fence.h"

#include <stdio.h>

#include "core/base/num.h"

#define FIELDS 8
#define SETTLE_MS 10      /* after a sleep: what lay in the sockets has been read by then */
#define SLEEPY_MS 2000    /* after a sleep: connections that end were left while we slept */
#define FORGET_MS 60000   /* a Sentinel that is silent among others that are heard */

void fence_init(struct fence *f, int64_t now)
{
    *f = (struct fence){ .master = true, .asked = -1, .acked = now, .since = now, .followed = -1,
                         .woke = -SLEEPY_MS };
}

void fence_role(struct fence *f, bool master, int64_t now)
{
    f->master = master;
    f->state = FENCE_OPEN;
    f->asked = -1;
    f->acked = f->fresh = f->since = now;
    f->aliases = f->online = f->followers = 0;
    for (int i = 0; i < f->voters; i++) f->voter[i].heard = f->voter[i].hello = now;
}

/* ---- hellos ---- */

struct fence_hello fence_parse(struct slice text)
{
    struct slice field[FIELDS];
    struct fence_hello h = { .valid = false };
    size_t n = 0;
    while (text.p && n < FIELDS) field[n++] = slice_cut(&text, ',');
    if (text.p || n != FIELDS || field[2].n != FENCE_ID - 1 ||
        !num_to_u64(field[7], &h.config_epoch) || field[5].n == 0 || field[5].n > 255 ||
        field[6].n == 0 || field[6].n > 5)
        return h;
    h.id = field[2];
    h.name = field[4];
    h.host = field[5];
    h.port = field[6];
    h.valid = true;
    return h;
}

static struct fence_voter *voter_of(struct fence *f, struct slice id)
{
    for (int i = 0; i < f->voters; i++)
        if (slice_ieqz(id, f->voter[i].id)) return &f->voter[i];
    if (f->voters == FENCE_VOTERS_MAX) return NULL;
    struct fence_voter *v = &f->voter[f->voters++];
    *v = (struct fence_voter){ .hello = -1 };
    slice_cstr(id, v->id, sizeof(v->id));
    return v;
}

static bool is_alias(const struct fence *f, const char *addr)
{
    for (int i = 0; i < f->aliases; i++)
        if (strcmp(f->alias[i], addr) == 0) return true;
    return false;
}

static void add_alias(struct fence *f, const char *addr)
{
    if (is_alias(f, addr) || f->aliases == FENCE_ALIASES_MAX) return;
    text_copy(f->alias[f->aliases++], FENCE_ADDR_MAX, addr);
}

/* Whom a hello names, and what follows from it. */
static void take_config(struct fence *f, const struct fence_hello *h, enum fence_address address,
                        struct fence_voter *v, int64_t now)
{
    char addr[FENCE_ADDR_MAX];
    snprintf(addr, sizeof(addr), "%.*s:%.*s", SLICE_ARG(h->host), SLICE_ARG(h->port));
    bool newer = !f->epoch_known || h->config_epoch > f->epoch;
    bool own = address == FENCE_OWN_ADDRESS || is_alias(f, addr);
    if (!newer && h->config_epoch < f->epoch) return;
    if (f->master && !own && newer && address == FENCE_UNKNOWN_ADDRESS && !f->aliases) own = true;
    /* In an epoch that named us another name is one more of ours. */
    if (f->master && !own && !newer && address == FENCE_UNKNOWN_ADDRESS && f->aliases &&
        f->state != FENCE_OVERRULED)
        own = true;
    f->epoch = h->config_epoch;
    f->epoch_known = true;
    if (!f->master) return;
    if (own) {
        if (newer && f->state == FENCE_OVERRULED) f->state = FENCE_OPEN;
        if (f->state != FENCE_OVERRULED) add_alias(f, addr);
        if (f->state != FENCE_OVERRULED && now >= f->fresh) v->hello = now;
    } else if (newer) {
        f->state = FENCE_OVERRULED;
        f->since = now;
        text_copy(f->other, sizeof(f->other), addr);
    }
}

/* Hellos of another group that watches us too have epochs of their own. */
static bool is_ours(struct fence *f, const struct fence_hello *h, int64_t now)
{
    if (h->name.n >= sizeof(f->name)) return false;
    if (f->name[0] && !slice_eqz(h->name, f->name) && now - f->named < FORGET_MS) return false;
    if (!slice_eqz(h->name, f->name)) f->epoch_known = false;
    slice_cstr(h->name, f->name, sizeof(f->name));
    f->named = now;
    return true;
}

void fence_hear_hello(struct fence *f, const struct fence_hello *h, enum fence_address address,
                      uint64_t conn, int64_t now)
{
    if (!h->valid || !is_ours(f, h, now)) return;
    struct fence_voter *v = voter_of(f, h->id);
    if (!v) return;
    v->conn = conn;
    v->gone = false;
    if (now >= f->fresh) v->heard = now;
    take_config(f, h, address, v, now);
}

void fence_hear(struct fence *f, uint64_t conn, int64_t now)
{
    for (int i = 0; i < f->voters; i++)
        if (f->voter[i].conn == conn && now >= f->fresh) f->voter[i].heard = now;
}

void fence_gone(struct fence *f, uint64_t conn, int64_t now)
{
    /* What ends now was left while we slept or were cut off. */
    if (f->state == FENCE_ALONE || now < f->woke + SLEEPY_MS) return;
    for (int i = 0; i < f->voters; i++)
        if (f->voter[i].conn == conn) f->voter[i].gone = true;
}

void fence_followers(struct fence *f, int online, int64_t oldest_ack, int64_t now)
{
    f->online = online;
    if (online == 0) return;
    f->followed = now;
    if (online > f->followers) f->followers = online;
    if (online < f->followers) return; /* one that was dropped for its silence: cut off, perhaps */
    if (oldest_ack >= f->fresh && oldest_ack > f->acked) f->acked = oldest_ack;
}

void fence_follower_left(struct fence *f, int64_t now)
{
    if (f->state == FENCE_ALONE || now < f->woke + SLEEPY_MS) return;
    if (f->followers > 0) f->followers--;
}

/* ---- looking ---- */

bool fence_armed(const struct fence *f)
{
    for (int i = 0; i < f->voters; i++)
        if (!f->voter[i].gone) return f->master;
    return false;
}

/* Is a majority of those that count as known heard since then? */
static bool majority(const struct fence *f, int64_t since, bool hellos)
{
    int known = 0, heard = 0;
    for (int i = 0; i < f->voters; i++) {
        const struct fence_voter *v = &f->voter[i];
        if (v->gone) continue;
        known++;
        heard += (hellos ? v->hello : v->heard) >= since;
    }
    return heard >= known / 2 + 1;
}

static void forget_silent(struct fence *f, int64_t now)
{
    for (int i = f->voters; i-- > 0;)
        if (f->voter[i].heard + FORGET_MS < now) f->voter[i] = f->voter[--f->voters];
}

/* Rules 2 and 3 apply. */
static bool watches(const struct fence *f, int64_t now)
{
    return f->window && fence_armed(f) && f->followed >= 0 && now - f->followed < FORGET_MS;
}

void fence_slept(struct fence *f, int64_t now)
{
    if (!watches(f, now) || f->state == FENCE_OVERRULED) return;
    f->state = FENCE_ALONE;
    f->woke = now;
    f->fresh = now + SETTLE_MS;
    f->since = now;
    f->asked = -1;
}

static bool ask(struct fence *f, int64_t now)
{
    bool first = f->asked < 0 || now - f->asked >= f->window;
    if (first) f->asked = now;
    return first;
}

static bool look_closed(struct fence *f, int64_t now)
{
    if (now < f->fresh) return false;
    bool heard = f->acked > f->since && f->acked >= f->fresh;
    if (heard || majority(f, f->fresh > f->since ? f->fresh : f->since + 1, true)) {
        f->state = FENCE_OPEN;
        f->since = now;
        f->asked = -1;
        f->acked = now;
        for (int i = 0; i < f->voters; i++)
            if (f->voter[i].heard < f->fresh) f->voter[i].heard = f->voter[i].hello;
        return false;
    }
    return ask(f, now);
}

bool fence_look(struct fence *f, int64_t now)
{
    if (f->state == FENCE_OVERRULED) return false;
    if (f->state == FENCE_ALONE && f->window) return look_closed(f, now);
    if (f->state == FENCE_ALONE) f->state = FENCE_OPEN;
    if (!watches(f, now)) return false;
    if (majority(f, now - f->window / 2, false)) {
        f->asked = -1;
        f->followers = f->online;
        forget_silent(f, now);
        return false;
    }
    if (f->asked < 0 || f->acked >= f->asked) {
        f->asked = now;
        return true;
    }
    /* Asked, and nobody answered: half a window of silence before, half a window after. */
    if (now - f->asked >= f->window / 2 && !majority(f, now - f->window, false)) {
        f->state = FENCE_ALONE;
        f->since = f->fresh = now;
        f->asked = -1;
    }
    return false;
}
