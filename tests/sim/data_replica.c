/* The driver of a data server's link: performs its actions on the simulated net and data. */
#include "core/base/mem.h"
#include "tests/sim/breaks.h"
#include "tests/sim/check.h"
#include "tests/sim/data.h"
#include "tests/sim/net.h"

static void link_event(struct data *d, struct link_event e);

/* As with a Sentinel's tick: one that comes early enough is left alone. */
void data_arm_link(struct data *d)
{
    int64_t due = link_deadline(&d->link);
    if (due >= d->link_due) return;
    d->link_due = due;
    sim_timer(d->node, due - d->node->sim->now, DATA_TAG(DATA_TAG_LINK, ++d->link_gen));
}

static void close_link(struct data *d)
{
    if (d->link_end >= 0) net_close(d->node->sim->net, d->link_end);
    d->link_end = -1;
    d->link_connected = false;
    buf_clear(&d->link_in);
    toy_forget_multi(&d->toy);
}

/* The loaded data takes the place of the old just before this. */
static void adopt(struct data *d, const struct link_action *a)
{
    char id[41];
    if (!a->full) {
        char old[41];
        int64_t at = feed_end(&d->feed);
        text_copy(old, sizeof(old), history_id(&d->history));
        if (!a->replid[0] || !history_continue(&d->history, a->replid, at)) return;
        tell(d->node->sim, d->node, "goes on under id %.8s", a->replid);
        data_drop_replicas(d);
        return;
    }
    text_copy(id, sizeof(id), a->replid);
    if (!id[0]) data_new_id(d, id);
    data_drop_replicas(d);
    history_adopt(&d->history, id);
    feed_rebase(&d->feed, a->offset);
    feed_open(&d->feed);
    tell(d->node->sim, d->node, "its data is %.8s:%lld", id, (long long)a->offset);
    data_save(d);
    data_report(d);
}

static void apply(struct data *d, struct slice bytes)
{
    struct sim *s = d->node->sim;
    struct link_command cmd;
    while (link_next(&d->link, bytes, &cmd)) {
        if (!toy_apply(&d->toy, cmd.argc, cmd.argv))
            sim_fail(s, "R2", "%s finds '%.*s' in its stream", d->node->name,
                     SLICE_ARG(cmd.argv[0]));
        if (broken_is(s, BREAK_APPLY_TWICE) && slice_eqz(cmd.argv[0], "W") && !d->toy.in_multi &&
            rng_below(&d->node->rng, 50) == 0)
            toy_apply(&d->toy, cmd.argc, cmd.argv);
        if (cmd.argc == 3 && slice_eqz(cmd.argv[0], "PUBLISH")) data_publish(d, cmd.argv[2]);
    }
    struct slice done = slice_of(bytes.p, d->link.done);
    d->toy.stream = toy_hash(d->toy.stream, done);
    if (done.n) feed_append(&d->feed, done);
    link_event(d, (struct link_event){ .kind = LINK_APPLIED, .ok = true });
    if (!done.n) return;
    if (s->opt.durable_data) data_save(d);
    data_report(d);
    data_flush(d);
}

static void start_loading(struct data *d)
{
    d->load_gen++;
    sim_timer(d->node, sim_between(&d->node->rng, 0, d->node->sim->opt.snapshot_ms),
              DATA_TAG(DATA_TAG_LOADED, d->load_gen));
}

static void perform(struct data *d, const struct link_action *a)
{
    struct sim *s = d->node->sim;
    switch (a->kind) {
    case LINK_CONNECT:
        close_link(d);
        d->link_end = net_connect(d->node, slice_z(d->link.host), d->link.port);
        break;
    case LINK_CLOSE:
        close_link(d);
        break;
    case LINK_WRITE:
        tell(s, d->node, "to its master: %.*s", SLICE_ARG(a->bytes));
        net_send(s->net, d->link_end, a->bytes);
        break;
    case LINK_SNAPSHOT_BEGIN:
        tell(s, d->node, "a snapshot of %lld bytes comes", (long long)a->size);
        buf_clear(&d->snapshot_in);
        break;
    case LINK_SNAPSHOT_PART:
        buf_puts(&d->snapshot_in, a->bytes);
        break;
    case LINK_SNAPSHOT_END:
        start_loading(d);
        break;
    case LINK_SNAPSHOT_ABORT:
        d->load_gen++;
        buf_clear(&d->snapshot_in);
        break;
    case LINK_ADOPT_HISTORY:
        adopt(d, a);
        break;
    case LINK_APPLY:
        apply(d, a->bytes);
        break;
    case LINK_NOTE:
        tell(s, d->node, "# %.*s", SLICE_ARG(a->bytes));
        break;
    }
}

/* An action may cause the next event at once (APPLY does); each event has its own list. */
static void link_event(struct data *d, struct link_event e)
{
    struct link_actions list = { 0 };
    e.now_ms = d->node->sim->now;
    link_step(&d->link, &e, &list);
    if (e.kind == LINK_BYTES) d->taken = d->link.taken;
    if (e.kind == LINK_APPLIED) d->taken += d->link.taken; /* behind what BYTES itself took */
    for (size_t i = 0; i < list.list.n && !d->node->sim->stop; i++)
        perform(d, &list.list.at[i]);
    link_actions_free(&list);
}

static void settle(struct data *d)
{
    data_hand_look(d);
    check_feed(d->node);
    data_arm_link(d);
}

void data_link_up(struct data *d)
{
    d->link_connected = true;
    link_event(d, (struct link_event){ .kind = LINK_UP });
    settle(d);
}

void data_link_down(struct data *d, const char *why)
{
    d->link_end = -1;
    d->link_connected = false;
    buf_clear(&d->link_in);
    toy_forget_multi(&d->toy);
    link_event(d, (struct link_event){ .kind = LINK_DOWN, .text = why });
    settle(d);
}

static void offer(struct data *d)
{
    int end = d->link_end;
    while (buf_size(&d->link_in) && d->link_end == end) {
        link_event(d, (struct link_event){ .kind = LINK_BYTES, .bytes = buf_slice(&d->link_in) });
        if (d->link_end != end || d->taken == 0) break;
        buf_consume(&d->link_in, d->taken);
    }
}

void data_link_bytes(struct data *d, struct slice bytes)
{
    buf_puts(&d->link_in, bytes);
    offer(d);
    settle(d);
}

static void loaded(struct data *d)
{
    struct toy toy;
    char replid[41];
    int64_t offset;
    bool ok = toy_load(&toy, buf_slice(&d->snapshot_in), replid, &offset);
    if (ok)
        d->toy = toy;
    else
        sim_fail(d->node->sim, "R2", "%s received a damaged snapshot", d->node->name);
    buf_clear(&d->snapshot_in);
    link_event(d,
               (struct link_event){ .kind = LINK_LOADED, .ok = ok, .text = ok ? "" : "damaged" });
    offer(d); /* what came in meanwhile */
    settle(d);
}

void data_link_timer(struct data *d, uint64_t tag)
{
    if ((tag & 15) == DATA_TAG_LOADED) {
        if (tag / 16 == d->load_gen) loaded(d);
        return;
    }
    if (tag / 16 != d->link_gen) return;
    d->link_due = INT64_MAX;
    if (d->node->sim->now >= link_deadline(&d->link))
        link_event(d, (struct link_event){ .kind = LINK_TICK });
    settle(d);
}

/* A host that became a replica keeps its position: it asks to continue with it. */
static void follow(struct data *d, struct slice ip, int port, const struct handover *hand)
{
    char host[64];
    slice_cstr(ip, host, sizeof(host));
    bool was_master = d->is_master;
    if (!was_master && strcmp(host, d->master_ip) == 0 && port == d->master_port) return;
    d->is_master = false;
    text_copy(d->master_ip, sizeof(d->master_ip), host);
    d->master_port = port;
    data_fail_waits(d);
    data_fence_role(d);
    tell(d->node->sim, d->node, "follows %s:%d from %.8s:%lld", host, port, history_id(&d->history),
         (long long)feed_end(&d->feed));
    struct link_event e = { .kind = LINK_FOLLOW, .host = host, .port = port, .hand = hand };
    if (hand) e.must_have = hand->must_have;
    if (was_master) {
        e.replid = d->feed.open ? history_id(&d->history) : "";
        e.offset = feed_end(&d->feed);
    }
    link_event(d, e);
    settle(d);
}

void data_follow(struct data *d, struct slice ip, int port)
{
    handover_end(&d->hand);
    follow(d, ip, port, NULL);
}

void data_hand_over(struct data *d) { follow(d, slice_z(d->hand.host), d->hand.port, &d->hand); }

void data_promote(struct data *d)
{
    if (d->is_master) return;
    handover_end(&d->hand);
    char id[41], old[41];
    text_copy(old, sizeof(old), history_id(&d->history));
    link_event(d, (struct link_event){ .kind = LINK_DETACH });
    close_link(d);
    d->is_master = true;
    data_fence_role(d);
    data_new_id(d, id);
    data_drop_replicas(d);
    history_promote(&d->history, 0, id, feed_end(&d->feed));
    check_data_born(d->node, id, old, feed_end(&d->feed));
    tell(d->node->sim, d->node, "is a master now: %.8s from %.8s:%lld", id, old,
         (long long)feed_end(&d->feed));
    data_report(d);
    data_arm_link(d);
}

void data_boot_link(struct data *d, const char *replid, int64_t offset)
{
    link_event(d, (struct link_event){ .kind = LINK_BOOT,
                                       .host = d->master_ip,
                                       .port = d->master_port,
                                       .replid = replid,
                                       .offset = offset });
    data_arm_link(d);
}
