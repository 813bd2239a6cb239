#include "core/front/latency.h"

#include <string.h>

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/base/vec.h"
#include "core/front/call.h"
#include "core/front/config.h"
#include "core/front/front.h"
#include "core/front/reply.h"

/* ---- histograms ---- */

struct histogram *histogram_new(void) { return mem_zalloc(sizeof(struct histogram)); }
void histogram_delete(struct histogram *h) { mem_free(h); }

/* The greatest value that falls into cell i. */
static uint64_t cell_top(unsigned i)
{
    if (i < HISTOGRAM_SUB) return i;
    unsigned octave = i / HISTOGRAM_SUB + HISTOGRAM_BITS - 1, step = i % HISTOGRAM_SUB;
    unsigned width = octave - HISTOGRAM_BITS;
    return ((uint64_t)(HISTOGRAM_SUB + step + 1) << width) - 1;
}

uint64_t histogram_percentile(const struct histogram *h, double percent)
{
    uint64_t want = (uint64_t)(percent / 100 * (double)h->total + 0.5), seen = 0;
    if (want < 1) want = 1;
    for (unsigned i = 0; i < HISTOGRAM_CELLS; i++) {
        seen += h->cell[i];
        if (seen >= want) return cell_top(i);
    }
    return 0;
}

uint64_t histogram_at_most(const struct histogram *h, uint64_t us)
{
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_CELLS && cell_top(i) <= us; i++) seen += h->cell[i];
    return us >= cell_top(HISTOGRAM_CELLS - 1) ? h->total : seen;
}

/* ---- events ---- */

struct sample {
    int64_t at_s; /* Unix time */
    int64_t ms;
};

struct event {
    const char *name;
    struct sample at[LATENCY_SAMPLES]; /* a ring; one a second, its worst */
    unsigned next;
    int64_t max_ms;
};

#define EVENTS_MAX 32 /* names are constants of the program */

struct latency {
    struct event *at[EVENTS_MAX];
    int n;
};

struct latency *latency_new(void) { return mem_zalloc(sizeof(struct latency)); }

static void forget(struct latency *l, int i)
{
    mem_free(l->at[i]);
    l->at[i] = l->at[--l->n];
}

void latency_delete(struct latency *l)
{
    while (l->n) forget(l, l->n - 1);
    mem_free(l);
}

static int find(const struct latency *l, struct slice name)
{
    for (int i = 0; i < l->n; i++)
        if (slice_ieqz(name, l->at[i]->name)) return i;
    return -1;
}

static struct sample *newest(struct event *e)
{
    return &e->at[(e->next + LATENCY_SAMPLES - 1) % LATENCY_SAMPLES];
}

void latency_add(struct front *f, const char *name, int64_t ms)
{
    struct latency *l = f->latency;
    int64_t threshold = f->config->latency_monitor_threshold;
    if (threshold <= 0 || ms < threshold) return;
    int i = find(l, slice_z(name));
    if (i < 0) {
        if (l->n == EVENTS_MAX) return;
        i = l->n++;
        l->at[i] = mem_zalloc(sizeof(struct event));
        l->at[i]->name = name;
    }
    struct event *e = l->at[i];
    int64_t now_s = front_now_ms(f) / 1000;
    if (ms > e->max_ms) e->max_ms = ms;
    if (newest(e)->at_s == now_s) {
        if (ms > newest(e)->ms) newest(e)->ms = ms;
        return;
    }
    e->at[e->next] = (struct sample){ now_s, ms };
    e->next = (e->next + 1) % LATENCY_SAMPLES;
}

/* Oldest first; a slot with time 0 was never used. */
static const struct sample *sample_at(const struct event *e, int i)
{
    const struct sample *s = &e->at[(e->next + (unsigned)i) % LATENCY_SAMPLES];
    return s->at_s ? s : NULL;
}

/* ---- commands ---- */

static void cmd_latest(struct call *c)
{
    struct latency *l = c->front->latency;
    reply_array(c, (size_t)l->n);
    for (int i = 0; i < l->n; i++) {
        struct event *e = l->at[i];
        reply_array(c, 4);
        reply_bulk_z(c, e->name);
        reply_int(c, newest(e)->at_s);
        reply_int(c, newest(e)->ms);
        reply_int(c, e->max_ms);
    }
}

static void cmd_history(struct call *c)
{
    int at = find(c->front->latency, c->argv[2]);
    if (at < 0) {
        reply_array(c, 0);
        return;
    }
    const struct event *e = c->front->latency->at[at];
    size_t mark = reply_later(c), n = 0;
    for (int i = 0; i < LATENCY_SAMPLES; i++) {
        const struct sample *s = sample_at(e, i);
        if (!s) continue;
        reply_array(c, 2);
        reply_int(c, s->at_s);
        reply_int(c, s->ms);
        n++;
    }
    reply_later_array(c, mark, n);
}

static void cmd_reset(struct call *c)
{
    struct latency *l = c->front->latency;
    int gone = 0;
    if (c->argc == 2)
        for (; l->n; gone++) forget(l, l->n - 1);
    for (int i = 2; i < c->argc; i++) {
        int at = find(l, c->argv[i]);
        if (at < 0) continue;
        forget(l, at);
        gone++;
    }
    reply_int(c, gone);
}

#define GRAPH_COLUMNS 80
#define GRAPH_ROWS 4

/* Columns are samples, oldest left; a column is as high as its share of the worst. */
static void draw(const struct event *e, struct buf *out)
{
    const struct sample *col[LATENCY_SAMPLES];
    int n = 0;
    for (int i = 0; i < LATENCY_SAMPLES; i++)
        if (sample_at(e, i)) col[n++] = sample_at(e, i);
    int first = n > GRAPH_COLUMNS ? n - GRAPH_COLUMNS : 0;
    int64_t high = 1, low = INT64_MAX;
    for (int i = first; i < n; i++) {
        if (col[i]->ms > high) high = col[i]->ms;
        if (col[i]->ms < low) low = col[i]->ms;
    }
    buf_fmt(out, "%s - high %lld ms, low %lld ms (all time high %lld ms)\n", e->name,
            (long long)high, (long long)low, (long long)e->max_ms);
    for (int i = first; i < n; i++) buf_putc(out, '-');
    buf_putc(out, '\n');
    for (int row = GRAPH_ROWS; row > 0; row--) {
        for (int i = first; i < n; i++) {
            int64_t height = (col[i]->ms * GRAPH_ROWS + high - 1) / high;
            buf_putc(out, height == row ? '#' : height > row ? '|' : ' ');
        }
        buf_putc(out, '\n');
    }
}

static void cmd_graph(struct call *c)
{
    int at = find(c->front->latency, c->argv[2]);
    if (at < 0) {
        reply_error_fmt(c, "No samples available for event '%.*s'", SLICE_ARG(c->argv[2]));
        return;
    }
    struct buf out = { 0 };
    draw(c->front->latency->at[at], &out);
    reply_verbatim(c, "txt", buf_slice(&out));
    buf_free(&out);
}

/* Count, mean, mean deviation and period, the figures that Redis gives too. */
static void describe_event(const struct event *e, int number, struct buf *out)
{
    int n = 0;
    int64_t sum = 0, first_s = INT64_MAX;
    double off = 0;
    for (int i = 0; i < LATENCY_SAMPLES; i++) {
        const struct sample *s = sample_at(e, i);
        if (!s) continue;
        sum += s->ms;
        if (s->at_s < first_s) first_s = s->at_s;
        n++;
    }
    int64_t mean = n ? sum / n : 0;
    for (int i = 0; i < LATENCY_SAMPLES; i++) {
        const struct sample *s = sample_at(e, i);
        if (s) off += s->ms > mean ? (double)(s->ms - mean) : (double)(mean - s->ms);
    }
    double period = n ? (double)(newest((struct event *)e)->at_s - first_s) / n : 0;
    buf_fmt(out,
            "%d. %s: %d samples (%lld ms on average, mean deviation %.0f ms, period %.2f s). "
            "All time worst: %lld ms.\n",
            number, e->name, n, (long long)mean, n ? off / n : 0, period, (long long)e->max_ms);
}

/* What helps against an event whose name begins so. */
static const struct {
    const char *event, *advice;
} remedies[] = {
    { "command", "See SLOWLOG GET for commands that work over many elements, and take them apart "
                 "(SCAN and its kin, smaller values)." },
    { "command", "Values of many elements are better removed by UNLINK, or with "
                 "lazyfree-lazy-user-del yes." },
    { "fast-command", "Commands of constant time were slow: the machine itself stalls (swapping, "
                      "a shared core, power saving). Compare with redis-cli --intrinsic-latency." },
    { "fork", "Making a child takes long: avoid huge pages and virtual machines that fork slowly, "
              "or let snapshots walk." },
    { "aof-", "The disk is slow for the append-only file: use a faster or unshared one, "
              "appendfsync everysec, or no-appendfsync-on-rewrite yes." },
    { "expire-", "Many keys expire at one time: add a random part to their deadlines, and keep "
                 "active-expire-effort low." },
    { "eviction-", "Eviction cannot keep up: give maxmemory more room, or take big values apart "
                   "and set lazyfree-lazy-eviction yes." },
};

static bool seen_event(const struct latency *l, const char *start)
{
    size_t n = strlen(start);
    for (int i = 0; i < l->n; i++)
        if (start[n - 1] == '-' ? strncmp(l->at[i]->name, start, n) == 0
                                : strcmp(l->at[i]->name, start) == 0)
            return true;
    return false;
}

static void advise(const struct latency *l, struct buf *out)
{
    bool any = false;
    for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++) {
        if (!seen_event(l, remedies[i].event)) continue;
        if (!any) buf_putz(out, "\nWhat may help:\n\n");
        any = true;
        buf_fmt(out, "- %s\n", remedies[i].advice);
    }
}

static void cmd_doctor(struct call *c)
{
    const struct latency *l = c->front->latency;
    struct buf out = { 0 };
    if (c->front->config->latency_monitor_threshold <= 0 && l->n == 0)
        buf_putz(&out, "Nothing is measured: latency-monitor-threshold is 0. CONFIG SET it to the "
                       "milliseconds from which on you want to know.\n");
    else if (l->n == 0)
        buf_putz(&out, "Nothing has taken longer than latency-monitor-threshold so far.\n");
    else
        buf_putz(&out, "These took longer than latency-monitor-threshold:\n\n");
    for (int i = 0; i < l->n; i++) describe_event(l->at[i], i + 1, &out);
    advise(l, &out);
    reply_verbatim(c, "txt", buf_slice(&out));
    buf_free(&out);
}

/* Upper bounds double; a bound that adds nothing to the one before is left out. */
static void reply_histogram(struct call *c, const struct command_entry *e)
{
    reply_bulk_z(c, e->fullname);
    reply_map(c, 2);
    reply_bulk_z(c, "calls");
    reply_int(c, (int64_t)e->stats.latency->total);
    reply_bulk_z(c, "histogram_usec");
    size_t mark = reply_later(c), n = 0;
    uint64_t before = 0;
    for (uint64_t bound = 1; before < e->stats.latency->total; bound *= 2) {
        uint64_t seen = histogram_at_most(e->stats.latency, bound);
        if (seen == before) continue;
        reply_int(c, (int64_t)bound);
        reply_int(c, (int64_t)seen);
        before = seen;
        n++;
    }
    reply_later_map(c, mark, n);
}

static size_t reply_tree(struct call *c, const struct command_entry *e)
{
    size_t n = 0;
    if (e->stats.latency) {
        reply_histogram(c, e);
        n++;
    }
    for (int i = 0; i < e->subs_n; i++) n += reply_tree(c, &e->subs[i]);
    return n;
}

static void cmd_histogram(struct call *c)
{
    const struct registry *r = c->front->registry;
    size_t mark = reply_later(c), n = 0;
    for (int i = 0; c->argc == 2 && i < registry_count(r); i++)
        n += reply_tree(c, registry_at(r, i));
    for (int i = 2; i < c->argc; i++) {
        const struct command_entry *e = registry_find_name(r, c->argv[i]);
        if (e) n += reply_tree(c, e);
    }
    reply_later_map(c, mark, n);
}

static void cmd_help(struct call *c)
{
    static const char *const lines[] = {
        "DOCTOR",
        "    Say in words where time was lost, and what may help.",
        "GRAPH <event>",
        "    Draw the samples of <event> in characters.",
        "HISTORY <event>",
        "    Show the samples of <event> with their times.",
        "LATEST",
        "    Show each event's last sample and its worst.",
        "RESET [<event> ...]",
        "    Forget the samples of these events;",
        "    without a name, of all events.",
        "HISTOGRAM [COMMAND ...]",
        "    Show how many calls of these commands took up to 1, 2, 4 ... microseconds.",
        "    Without a name, of all commands that were called.",
        NULL,
    };
    reply_help(c, lines);
}

#define ASK (CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE)

static const char *const reset_hints[] = { "request_policy:all_nodes",
                                           "response_policy:all_succeeded", NULL };
static const char *const ask_hints[] = { "nondeterministic_output", "request_policy:all_nodes",
                                         "response_policy:special", NULL };

static const struct command subs_latency[] = {
    { "DOCTOR", cmd_doctor, .arity = 2, .flags = ASK, .since = "2.8.13", .group = "server",
      .complexity = "O(1)", .hints = ask_hints,
      .summary = "Says in words where time was lost.", .syntax = "" },
    { "GRAPH", cmd_graph, .arity = 3, .flags = ASK, .since = "2.8.13", .group = "server",
      .complexity = "O(1)", .hints = ask_hints,
      .summary = "Draws an event's samples in characters.", .syntax = "event:string" },
    { "HELP", cmd_help, .arity = 2, .flags = CMD_LOADING | CMD_STALE, .since = "2.8.13",
      .group = "server", .complexity = "O(1)",
      .summary = "Lists the sub-commands.", .syntax = "" },
    { "HISTOGRAM", cmd_histogram, .arity = -2, .flags = ASK, .since = "7.0.0", .group = "server",
      .complexity = "O(N), N = commands shown",
      .hints = ask_hints,
      .summary = "Shows how long calls took, in classes that double.",
      .syntax = "[command:string...]" },
    { "HISTORY", cmd_history, .arity = 3, .flags = ASK, .since = "2.8.13", .group = "server",
      .complexity = "O(1)", .hints = ask_hints,
      .summary = "Shows an event's samples with their times.", .syntax = "event:string" },
    { "LATEST", cmd_latest, .arity = 2, .flags = ASK, .since = "2.8.13", .group = "server",
      .complexity = "O(1)", .hints = ask_hints,
      .summary = "Shows each event's last sample and its worst.", .syntax = "" },
    { "RESET", cmd_reset, .arity = -2, .flags = ASK, .since = "2.8.13", .group = "server",
      .complexity = "O(1)", .hints = reset_hints,
      .summary = "Forgets the samples of some events, or of all.", .syntax = "[event:string...]" },
    COMMANDS_END,
};

const struct command cmds_latency[] = {
    { "LATENCY", NULL, .arity = -2, .subs = subs_latency, .since = "2.8.13", .group = "server",
      .complexity = "See the sub-commands.",
      .summary = "Where the server lost time.", .syntax = "" },
    COMMANDS_END,
};
