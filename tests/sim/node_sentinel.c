#include "tests/sim/node_sentinel.h"

#include <stdio.h>

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/resp/read.h"
#include "core/resp/value.h"
#include "core/resp/write.h"
#include "sentinel/state_text.h"
#include "sentinel/view.h"
#include "tests/sim/breaks.h"
#include "tests/sim/check.h"
#include "tests/sim/disk.h"
#include "tests/sim/names.h"
#include "tests/sim/net.h"
#include "tests/sim/world.h"

#define CONNECT_MAX_MS 3000 /* a connect that hangs is given up, as the shell does */
#define NOBODY UINT64_MAX   /* an administrator does not wait for the answer */
#define TAG_TICK 1
#define TAG_GIVE_UP 2 /* + end * 4 */
#define TAG_RESOLVED 3 /* + link * 4 */

/* A connection: ours to a server or a peer (`link` set), or an asker's to us. */
struct chan {
    struct chan *next;
    int end;
    bool ours, up;
    uint32_t link;
    enum sn_conn conn;
    struct buf in;
    struct resp_request request;
    struct resp_reply reply;
    VEC(uint64_t) tags;
    size_t tags_head;
};

/* A name that is being looked up. */
struct query {
    uint32_t link;
    char ip[16]; /* "": there is no answer */
};

struct sentinel {
    struct node *node;
    char myid[SN_ID_LEN + 1];
    struct sn_core *core; /* NULL while dead */
    struct sn_actions actions;
    struct chan *chans;
    VEC(struct query) queries;
    uint64_t tick_gen;
    int64_t tick_due; /* of the tick under way; INT64_MAX: none */
    struct buf out;
};

static const struct node_ops sentinel_ops;
static void step(struct sentinel *t, struct sn_event *ev);

static struct sentinel *self_of(const struct node *n) { return n->self; }

struct sn_core *node_sentinel_core(const struct node *n)
{
    return n->kind == NODE_SENTINEL && n->ops == &sentinel_ops ? self_of(n)->core : NULL;
}

/* --- connections --- */

static struct chan *chan_new(struct sentinel *t, int end, bool ours)
{
    struct chan *c = mem_zalloc(sizeof(*c));
    c->end = end;
    c->ours = ours;
    c->next = t->chans;
    t->chans = c;
    if (ours)
        resp_reply_init(&c->reply, 1 << 20);
    else
        resp_request_init(&c->request, 1 << 20);
    net_set_owner(t->node->sim->net, end, c);
    return c;
}

static void chan_delete(struct sentinel *t, struct chan *c)
{
    struct chan **at = &t->chans;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    if (c->ours)
        resp_reply_free(&c->reply);
    else
        resp_request_free(&c->request);
    net_close(t->node->sim->net, c->end);
    buf_free(&c->in);
    vec_free(&c->tags);
    mem_free(c);
}

static struct chan *chan_of_link(struct sentinel *t, uint32_t link, enum sn_conn conn)
{
    for (struct chan *c = t->chans; c; c = c->next)
        if (c->ours && c->link == link && c->conn == conn) return c;
    return NULL;
}

static struct chan *chan_of_end(struct sentinel *t, int end)
{
    return net_owner(t->node->sim->net, end); /* closing takes the owner away */
}

/* --- the state file --- */

static struct str first_file(struct sentinel *t)
{
    struct sim *s = t->node->sim;
    struct buf b = { 0 };
    buf_fmt(&b, "sentinel myid %s\n", t->myid);
    if (s->opt.names) buf_putz(&b, "sentinel resolve-hostnames yes\n");
    if (s->opt.names == NAMES_TOLD) buf_putz(&b, "sentinel announce-hostnames yes\n");
    if (s->opt.names && !s->opt.own_address)
        buf_fmt(&b, "sentinel announce-ip %s\n", t->node->host_name);
    for (int g = 0; g < s->opt.groups; g++) {
        struct node *m = world_data(s, g, 0);
        buf_fmt(&b, "sentinel monitor g%d %s %d %d\n", g, names_of(m), m->port, s->opt.quorum);
        buf_fmt(&b, "sentinel down-after-milliseconds g%d %lld\n", g, (long long)s->opt.down_after);
        buf_fmt(&b, "sentinel failover-timeout g%d %lld\n", g, (long long)s->opt.failover_timeout);
        buf_fmt(&b, "sentinel parallel-syncs g%d %d\n", g, s->opt.parallel_syncs);
    }
    struct str text = str_new(buf_slice(&b));
    buf_free(&b);
    return text;
}

static bool state_line(struct slice line, struct sn_line_in *in)
{
    int n;
    struct slice *words = resp_split_line(line, &n);
    must(words);
    bool vote = n > 1 && slice_eqz(words[0], "#");
    if (n < 2 || !(vote || slice_eqz(words[0], "sentinel"))) {
        mem_free(words);
        return false;
    }
    *in = (struct sn_line_in){ .argv = words, .argc = n };
    return true;
}

/* The words behind "sentinel" or "#" are what the reader wants: skips the first. */
static void read_state(struct sentinel *t, struct slice text)
{
    struct sn_line_in lines[200] = { 0 };
    struct slice *blocks[200];
    size_t n = 0, from = 0;
    while (from < text.n && n < 200) {
        ptrdiff_t nl = slice_find(text, '\n', from);
        size_t to = nl < 0 ? text.n : (size_t)nl;
        if (state_line(slice_of(text.p + from, to - from), &lines[n])) {
            blocks[n] = (struct slice *)(void *)(uintptr_t)lines[n].argv;
            lines[n].argv++;
            lines[n].argc--;
            n++;
        }
        from = to + 1;
    }
    size_t bad = 0;
    struct errmsg msg = { .text = "" };
    if (sn_state_read(t->core, lines, n, &bad, &msg) != ERR_NONE)
        sim_fail(t->node->sim, "S3", "%s cannot read its own state, line %zu: %s", t->node->name,
                 bad, msg.text);
    for (size_t i = 0; i < n; i++)
        mem_free(blocks[i]);
}

static bool persist(struct sentinel *t)
{
    struct node *n = t->node;
    struct sim *s = n->sim;
    if (s->phase == PHASE_FAULTS && sim_chance(&s->rng, s->opt.persist_fails)) return false;
    if (n->full_disk_until > s->now) return false;
    if (n->slow_disk_until > s->now) sim_freeze(n, sim_between(&s->rng, 1, 3000));
    if (broken_is(s, BREAK_SKIP_PERSIST)) return true;
    struct sn_lines lines;
    memset(&lines, 0, sizeof(lines));
    struct buf b = { 0 };
    sn_state_write(t->core, &lines);
    for (size_t i = 0; i < lines.at.n; i++) {
        buf_puts(&b, str_slice(lines.at.at[i].text));
        buf_putc(&b, '\n');
    }
    sn_lines_free(&lines);
    disk_write(n, DISK_STATE, buf_slice(&b));
    disk_sync(n, DISK_STATE);
    buf_free(&b);
    return true;
}

/* --- actions --- */

static void do_send(struct sentinel *t, const struct sn_action *a)
{
    struct chan *c = chan_of_link(t, a->link, a->conn);
    must(c && c->up); /* the core sends on open connections only */
    if (t->node->sim->trace.mode != TRACE_OFF) {
        struct buf b = { 0 };
        for (int i = 0; i < a->argc; i++) {
            buf_putc(&b, ' ');
            buf_puts(&b, a->argv[i]);
        }
        tell(t->node->sim, t->node, "to %s:%.*s", net_peer(t->node->sim->net, c->end)->name,
             SLICE_ARG(buf_slice(&b)));
        buf_free(&b);
    }
    if (a->conn == SN_CMD) vec_push(&c->tags, a->tag);
    buf_clear(&t->out);
    resp_command(&t->out, a->argc, a->argv);
    net_send(t->node->sim->net, c->end, buf_slice(&t->out));
}

static void do_connect(struct sentinel *t, const struct sn_action *a)
{
    must(!chan_of_link(t, a->link, a->conn));
    int end = net_connect(t->node, a->host, a->port);
    struct chan *c = chan_new(t, end, true);
    c->link = a->link;
    c->conn = a->conn;
    sim_timer(t->node, CONNECT_MAX_MS, TAG_GIVE_UP + (uint64_t)end * 4);
}

static void do_disconnect(struct sentinel *t, const struct sn_action *a)
{
    struct chan *c = chan_of_link(t, a->link, a->conn);
    if (c) chan_delete(t, c);
}

/* The answer is of the time of the question, and may be late or fail. */
static void do_resolve(struct sentinel *t, const struct sn_action *a)
{
    struct sim *s = t->node->sim;
    bool bad = s->phase == PHASE_FAULTS && rng_below(&s->rng, 20) == 0;
    struct query q = { .link = a->link };
    if (!bad || rng_below(&s->rng, 2)) slice_cstr(names_ask(s, a->host), q.ip, sizeof(q.ip));
    vec_push(&t->queries, q);
    sim_timer(t->node, sim_between(&s->rng, 0, bad ? 3000 : 20),
              TAG_RESOLVED + (uint64_t)a->link * 4);
}

static void on_resolved(struct sentinel *t, uint32_t link)
{
    for (size_t i = 0; i < t->queries.n; i++) {
        struct query q = t->queries.at[i];
        if (q.link != link) continue;
        vec_remove(&t->queries, i);
        step(t, &(struct sn_event){ .kind = SN_RESOLVED, .link = link, .text = slice_z(q.ip) });
        return;
    }
}

static void do_answer(struct sentinel *t, const struct sn_action *a)
{
    struct chan *c = a->asker == NOBODY ? NULL : chan_of_end(t, (int)a->asker);
    if (!c) return;
    buf_clear(&t->out);
    switch (a->answer) {
    case SN_ANS_OK:
        resp_status(&t->out, SLICE("OK"));
        break;
    case SN_ANS_ERROR:
        resp_error(&t->out, a->text);
        break;
    case SN_ANS_INT:
        resp_int(&t->out, a->integer);
        break;
    case SN_ANS_VOTE:
        tell(t->node->sim, t->node, "answers down=%lld vote=%.*s epoch=%llu", (long long)a->integer,
             SLICE_ARG(a->text), (unsigned long long)a->epoch);
        resp_array(&t->out, 3);
        resp_int(&t->out, a->integer);
        resp_bulk(&t->out, a->text);
        resp_int(&t->out, (int64_t)a->epoch);
        break;
    }
    net_send(t->node->sim->net, c->end, buf_slice(&t->out));
}

static void perform(struct sentinel *t, const struct sn_action *a)
{
    struct sim *s = t->node->sim;
    switch (a->kind) {
    case SN_DO_NONE:
    case SN_DO_PERSIST: /* performed by the caller: it may fail */
    case SN_DO_SCRIPT:
    case SN_DO_EXIT:
        break;
    case SN_DO_SEND:
        do_send(t, a);
        break;
    case SN_DO_CONNECT:
        do_connect(t, a);
        break;
    case SN_DO_DISCONNECT:
        do_disconnect(t, a);
        break;
    case SN_DO_RESOLVE:
        do_resolve(t, a);
        break;
    case SN_DO_ANSWER:
        do_answer(t, a);
        break;
    case SN_DO_EVENT:
        tell(s, t->node, "%.*s %.*s", SLICE_ARG(a->channel), SLICE_ARG(a->text));
        break;
    case SN_DO_LOG:
        tell(s, t->node, "# %.*s", SLICE_ARG(a->text));
        break;
    }
}

/* A tick under way that comes early enough is left alone: most steps only move the deadline back.
 */
static void arm(struct sentinel *t)
{
    int64_t due = sn_deadline(t->core);
    if (due >= t->tick_due) return;
    t->tick_due = due;
    sim_timer(t->node, due - t->node->sim->now, TAG_TICK + ++t->tick_gen * 4);
}

static void on_tick(struct sentinel *t)
{
    t->tick_due = INT64_MAX;
    if (t->node->sim->now >= sn_deadline(t->core))
        step(t, &(struct sn_event){ .kind = SN_TICK });
    else
        arm(t);
}

static void step(struct sentinel *t, struct sn_event *ev)
{
    struct sim *s = t->node->sim;
    if (t->node->crash_due || s->stop) return; /* its last handler still runs */
    ev->now_ms = s->now;
    sn_step(t->core, ev, &t->actions);
    check_sentinel_stepped(t->node, t->core);
    for (size_t i = 0; i < t->actions.list.n && !s->stop; i++) {
        if (sim_may_crash(t->node)) break;
        struct sn_action *a = &t->actions.list.at[i];
        if (a->kind == SN_DO_PERSIST) {
            bool saved = persist(t);
            tell(s, t->node, saved ? "saves its state" : "cannot save its state");
            if (saved)
                check_sentinel_saved(t->node, t->core);
            else
                sn_save_failed(t->core, &t->actions, i);
            continue;
        }
        struct sn_action changed = *a;
        breaks_sentinel_action(t->node, t->core, ev, &changed);
        check_sentinel_action(t->node, t->core, ev, &changed);
        perform(t, &changed);
    }
    sn_actions_reset(&t->actions);
    arm(t);
}

/* --- replies on our connections --- */

static void to_sn_value(const struct resp_value *v, struct sn_value *out, struct sn_value *room,
                        size_t *used, size_t cap)
{
    static const enum sn_value_kind kinds[] = {
        [RESP_STATUS] = SN_VAL_STATUS, [RESP_ERROR] = SN_VAL_ERROR, [RESP_INT] = SN_VAL_INT,
        [RESP_BULK] = SN_VAL_BULK,     [RESP_NULL] = SN_VAL_NIL,    [RESP_ARRAY] = SN_VAL_ARRAY
    };
    must(v->kind <= RESP_ARRAY);
    *out = (struct sn_value){ .kind = kinds[v->kind], .integer = v->number, .text = v->text };
    if (v->kind != RESP_ARRAY || *used + v->n > cap) return;
    struct sn_value *items = room + *used;
    *used += v->n;
    out->items = items;
    out->n = v->n;
    for (size_t i = 0; i < v->n; i++)
        to_sn_value(&v->item[i], &items[i], room, used, cap);
}

static void one_reply(struct sentinel *t, struct chan *c)
{
    struct sn_value value, room[64];
    size_t used = 0;
    to_sn_value(c->reply.root, &value, room, &used, 64);
    struct sn_event ev = { .kind = SN_REPLY, .link = c->link, .conn = c->conn, .reply = &value };
    if (c->conn == SN_CMD) {
        must(c->tags_head < c->tags.n);
        ev.tag = c->tags.at[c->tags_head++];
        if (c->tags_head == c->tags.n) c->tags_head = c->tags.n = 0;
    }
    breaks_sentinel_reply(t->node, t->core, &ev, &value, room);
    step(t, &ev);
}

/* A step may close the very connection that is read here: looked up again after each. */
static void read_replies(struct sentinel *t, int end)
{
    for (struct chan *c; (c = chan_of_end(t, end)) && !t->node->crash_due;) {
        enum resp_got got = resp_reply_next(&c->reply, buf_head(&c->in), buf_size(&c->in));
        must(got != RESP_BAD);
        if (got == RESP_MORE) return;
        size_t size = c->reply.size;
        one_reply(t, c);
        if ((c = chan_of_end(t, end))) buf_consume(&c->in, size);
    }
}

/* --- requests of peers and clients --- */

static void answer(struct sentinel *t, struct chan *c)
{
    net_send(t->node->sim->net, c->end, buf_slice(&t->out));
}

static void ask_address(struct sentinel *t, struct chan *c, struct slice name)
{
    const struct sn_group *g = sn_group_by_name(t->core, name);
    if (!g) {
        resp_null_array(&t->out, 2);
    } else {
        const struct sn_addr *a = sn_current_addr(g);
        resp_array(&t->out, 2);
        resp_bulk(&t->out, slice_z(sn_announced_host(t->core, a)));
        resp_bulk_int(&t->out, a->port);
    }
    answer(t, c);
}

static void take_hellos(struct sentinel *t, struct chan *c, const struct slice *argv, int argc)
{
    resp_int(&t->out, argc - 2);
    answer(t, c);
    for (int i = 2; i < argc && t->core; i++)
        step(t, &(struct sn_event){ .kind = SN_HELLO, .text = argv[i] });
}

static void one_request(struct sentinel *t, struct chan *c)
{
    const struct slice *argv = c->request.argv;
    int argc = c->request.argc;
    buf_clear(&t->out);
    if (argc == 6 && slice_ieqz(argv[1], "IS-MASTER-DOWN-BY-ADDR")) {
        step(t, &(struct sn_event){
                    .kind = SN_ASKED, .argv = argv + 2, .argc = 4, .asker = (uint64_t)c->end });
    } else if (argc == 5 && slice_ieqz(argv[1], "VOTE")) {
        step(t, &(struct sn_event){ .kind = SN_ASKED_VOTE,
                                    .argv = argv + 2,
                                    .argc = 3,
                                    .asker = (uint64_t)c->end });
    } else if (argc == 2 && slice_ieqz(argv[1], "MYID")) {
        resp_bulk(&t->out, slice_z(t->myid));
        answer(t, c);
    } else if (argc > 2 && slice_ieqz(argv[1], "HELLOS")) {
        take_hellos(t, c, argv, argc);
    } else if (argc == 3 && slice_ieqz(argv[0], "SENTINEL")) {
        ask_address(t, c, argv[2]);
    } else if (argc == 3 && slice_ieqz(argv[0], "PUBLISH")) {
        resp_int(&t->out, 1);
        answer(t, c);
        step(t, &(struct sn_event){ .kind = SN_HELLO, .text = argv[2] });
    } else if (slice_ieqz(argv[0], "PING")) {
        resp_status(&t->out, SLICE("PONG"));
        answer(t, c);
    } else {
        resp_status(&t->out, SLICE("OK"));
        answer(t, c);
    }
}

static void read_requests(struct sentinel *t, int end)
{
    for (struct chan *c; (c = chan_of_end(t, end)) && !t->node->crash_due;) {
        enum resp_got got = resp_request_next(&c->request, buf_head(&c->in), buf_size(&c->in));
        must(got != RESP_BAD);
        if (got == RESP_MORE) return;
        size_t size = c->request.size;
        if (c->request.argc > 0) one_request(t, c);
        if ((c = chan_of_end(t, end))) buf_consume(&c->in, size);
    }
}

/* --- what the world does --- */

static void on_accepted(struct node *n, int end) { chan_new(self_of(n), end, false); }

static void on_up(struct node *n, int end)
{
    struct sentinel *t = self_of(n);
    struct chan *c = net_owner(n->sim->net, end);
    if (!c) return;
    c->up = true;
    step(t, &(struct sn_event){
                .kind = SN_LINK_UP, .link = c->link, .conn = c->conn, .local_ip = slice_z(n->ip) });
}

static void on_bytes(struct node *n, int end, struct slice bytes)
{
    struct sentinel *t = self_of(n);
    struct chan *c = net_owner(n->sim->net, end);
    if (!c) return;
    buf_puts(&c->in, bytes);
    if (c->ours)
        read_replies(t, end);
    else
        read_requests(t, end);
}

static void lost(struct sentinel *t, struct chan *c, bool refused)
{
    struct sn_event ev = {
        .kind = SN_LINK_DOWN, .link = c->link, .conn = c->conn, .refused = refused
    };
    bool ours = c->ours;
    chan_delete(t, c);
    if (ours) step(t, &ev);
}

static void on_down(struct node *n, int end, bool refused)
{
    struct chan *c = net_owner(n->sim->net, end);
    if (c) lost(self_of(n), c, refused);
}

static void on_timer(struct node *n, uint64_t tag)
{
    struct sentinel *t = self_of(n);
    if ((tag & 3) == TAG_TICK) {
        if (tag / 4 == t->tick_gen) on_tick(t);
        return;
    }
    if ((tag & 3) == TAG_RESOLVED) {
        on_resolved(t, (uint32_t)(tag / 4));
        return;
    }
    struct chan *c = chan_of_end(t, (int)(tag / 4));
    if (c && c->ours && !c->up) lost(t, c, false);
}

static void on_boot(struct node *n)
{
    struct sentinel *t = self_of(n);
    t->tick_due = INT64_MAX;
    t->core = sn_core_new(rng_next(&n->rng), t->myid);
    if (disk_read(n, DISK_STATE).n == 0) {
        struct str text = first_file(t);
        disk_write(n, DISK_STATE, str_slice(text));
        disk_sync(n, DISK_STATE);
        str_free(&text);
    }
    read_state(t, disk_read(n, DISK_STATE));
    t->core->self.port = n->port;
    t->core->params.tilt_period = n->sim->opt.tilt_period;
    check_sentinel_booted(n, t->core);
    step(t, &(struct sn_event){ .kind = SN_BOOT });
}

static void on_kill(struct node *n)
{
    struct sentinel *t = self_of(n);
    while (t->chans)
        chan_delete(t, t->chans);
    sn_actions_free(&t->actions);
    t->actions = (struct sn_actions){ 0 };
    vec_free(&t->queries);
    if (t->core) sn_core_delete(t->core);
    t->core = NULL;
}

static void on_free(struct node *n)
{
    buf_free(&self_of(n)->out);
    mem_free(n->self);
}

static const struct node_ops sentinel_ops = { .boot = on_boot,
                                              .kill = on_kill,
                                              .free = on_free,
                                              .timer = on_timer,
                                              .accepted = on_accepted,
                                              .up = on_up,
                                              .bytes = on_bytes,
                                              .down = on_down };

struct node *node_sentinel_new(struct sim *s, int nth, int host)
{
    struct sentinel *t = mem_zalloc(sizeof(*t));
    t->node = sim_add(s, NODE_SENTINEL, nth, host, 26379, &sentinel_ops, t);
    rng_hex(&t->node->rng, t->myid, SN_ID_LEN);
    return t->node;
}

/* --- administrators --- */

void node_sentinel_admin(struct node *n)
{
    struct sentinel *t = self_of(n);
    struct sim *s = n->sim;
    char name[8];
    snprintf(name, sizeof(name), "g%d", (int)rng_below(&s->rng, (uint64_t)s->opt.groups));
    struct slice argv[3] = { slice_z(name), SLICE("parallel-syncs"), SLICE("1") };
    struct sn_event ev = { .argv = argv, .argc = 1, .asker = NOBODY };
    switch (rng_below(&s->rng, s->opt.forced_failovers ? 4 : 2)) {
    case 0:
        ev.kind = SN_ADM_FLUSHCONFIG, ev.argc = 0;
        break;
    case 1:
        ev.kind = SN_ADM_SET, ev.argc = 3;
        break;
    case 2:
        ev.kind = SN_ADM_RESET;
        break; /* forgets its peers: the count of voters shrinks */
    default:
        ev.kind = SN_ADM_FAILOVER;
        argv[1] = SLICE("FORCE");
        ev.argc = 1 + (int)rng_below(&s->rng, 2);
        break;
    }
    tell(s, n, "administrator's command %d", (int)ev.kind);
    step(t, &ev);
}
