#include "core/front/stats.h"

#include <sys/resource.h>

#include <math.h>

#include "core/base/mem.h"
#include "core/front/config.h"
#include "core/front/latency.h"
#include "core/net/conn.h"

#define ERROR_CODE_BYTES 32 /* codes are words like WRONGTYPE; scripts may send anything */

struct error_stats {
    struct {
        char code[ERROR_CODE_BYTES];
        size_t n;
        uint64_t count;
    } at[ERROR_CODES_MAX];
    int n;
};

struct error_stats *error_stats_new(void) { return mem_zalloc(sizeof(struct error_stats)); }
void error_stats_delete(struct error_stats *e) { mem_free(e); }

/* The first word, without what would break INFO's lines. */
static size_t code_of(struct slice error, char *out)
{
    if (error.n && error.p[0] == '-') error.p++, error.n--;
    size_t n = 0;
    while (n < error.n && n < ERROR_CODE_BYTES && error.p[n] > ' ' && error.p[n] != 127) {
        char ch = error.p[n];
        out[n++] = ch == ':' || ch == '=' || ch == ',' ? '_' : ch;
    }
    return n;
}

void error_stats_count(struct error_stats *e, struct slice error)
{
    char code[ERROR_CODE_BYTES];
    size_t n = code_of(error, code);
    if (n == 0) return;
    for (int i = 0; i < e->n; i++) {
        if (e->at[i].n != n || memcmp(e->at[i].code, code, n) != 0) continue;
        e->at[i].count++;
        return;
    }
    if (e->n == ERROR_CODES_MAX) return;
    memcpy(e->at[e->n].code, code, n);
    e->at[e->n].n = n;
    e->at[e->n++].count = 1;
}

void stats_count(struct front *f, struct command_entry *e, int64_t us, bool failed)
{
    struct command_stats *s = &e->stats;
    s->calls++;
    s->usec += (uint64_t)us;
    s->failed += failed;
    if (!f->config->latency_tracking) return;
    if (!s->latency) s->latency = histogram_new();
    histogram_record(s->latency, (uint64_t)us);
}

uint64_t error_stats_of(const struct error_stats *e, struct slice code)
{
    for (int i = 0; i < e->n; i++)
        if (slice_eq(slice_of(e->at[i].code, e->at[i].n), code)) return e->at[i].count;
    return 0;
}

void stats_print_errors(const struct front *f, struct buf *out)
{
    const struct error_stats *e = f->errors;
    for (int i = 0; i < e->n; i++)
        buf_fmt(out, "errorstat_%.*s:count=%llu\r\n", (int)e->at[i].n, e->at[i].code,
                (unsigned long long)e->at[i].count);
}

void stats_print_commands(const struct front *f, struct buf *out)
{
    for (int i = 0; i < registry_ids(f->registry); i++) {
        const struct command_entry *e = registry_by_id(f->registry, i);
        const struct command_stats *s = &e->stats;
        if (!s->calls && !s->failed && !s->rejected) continue;
        buf_fmt(out,
                "cmdstat_%s:calls=%llu,usec=%llu,usec_per_call=%.2f,rejected_calls=%llu,"
                "failed_calls=%llu\r\n",
                e->fullname, (unsigned long long)s->calls, (unsigned long long)s->usec,
                s->calls ? (double)s->usec / (double)s->calls : 0, (unsigned long long)s->rejected,
                (unsigned long long)s->failed);
    }
}

static void print_percentiles(const struct front *f, const struct histogram *h, struct buf *out)
{
    const struct front_percentiles *p = &f->config->latency_tracking_info_percentiles;
    for (size_t i = 0; i < p->at.n; i++) {
        double at = p->at.at[i];
        buf_fmt(out, "%s%s", i ? "," : "", "p");
        if (at == floor(at)) buf_fmt(out, "%.0f", at);
        else buf_fmt(out, "%g", at);
        buf_fmt(out, "=%llu.000", (unsigned long long)histogram_percentile(h, at));
    }
}

void stats_print_latency(const struct front *f, struct buf *out)
{
    for (int i = 0; i < registry_ids(f->registry); i++) {
        const struct command_entry *e = registry_by_id(f->registry, i);
        if (!e->stats.latency) continue;
        buf_fmt(out, "latency_percentiles_usec_%s:", e->fullname);
        print_percentiles(f, e->stats.latency, out);
        buf_putz(out, "\r\n");
    }
}

void stats_reset(struct front *f)
{
    for (int i = 0; i < registry_ids(f->registry); i++) {
        struct command_entry *e = registry_by_id(f->registry, i);
        histogram_delete(e->stats.latency);
        e->stats = (struct command_stats){ 0 };
    }
    *f->errors = (struct error_stats){ 0 };
    f->stats = (struct front_stats){ 0 };
    *conn_totals_of(f->loop) = (struct conn_totals){ 0 };
    for (int i = 0; i < FRONT_SAMPLES; i++) f->sample[i] = (struct front_sample){ 0 };
}

static void cpu_lines(struct buf *out, const char *suffix, int who)
{
    struct rusage r = { 0 };
    getrusage(who, &r);
    buf_fmt(out, "used_cpu_sys%s:%ld.%06ld\r\nused_cpu_user%s:%ld.%06ld\r\n", suffix,
            (long)r.ru_stime.tv_sec, (long)r.ru_stime.tv_usec, suffix, (long)r.ru_utime.tv_sec,
            (long)r.ru_utime.tv_usec);
}

void stats_print_cpu(struct buf *out)
{
    cpu_lines(out, "", RUSAGE_SELF);
    cpu_lines(out, "_children", RUSAGE_CHILDREN);
    cpu_lines(out, "_main_thread", RUSAGE_THREAD);
}
