#include "tests/sim/trace.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/base/mem.h"
#include "tests/sim/sim.h"

void trace_init(struct trace *t, enum trace_mode mode)
{
    t->mode = mode;
    t->count = 0;
    t->ring = mode == TRACE_RING ? mem_zalloc(TRACE_LINES * TRACE_WIDTH) : NULL;
}

void trace_free(struct trace *t)
{
    mem_free(t->ring);
    t->ring = NULL;
}

/* Line ends inside a message would make one event look like two. */
static void flatten(char *line)
{
    char *to = line;
    for (const char *from = line; *from; from++) {
        if (*from == '\r') continue;
        *to++ = *from == '\n' ? '|' : *from;
    }
    *to = '\0';
}

static void print_json(const struct sim *s, const struct node *n, const char *text)
{
    printf("{\"step\":%llu,\"ms\":%lld,\"node\":\"%s\",\"text\":\"", (unsigned long long)s->step,
           (long long)s->now, n ? n->name : "");
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            printf("\\%c", *p);
        else if (*p < 32 || *p > 126)
            printf("\\u%04x", *p);
        else
            putchar(*p);
    }
    puts("\"}");
}

void trace_line(struct sim *s, const struct node *n, const char *fmt, ...)
{
    char line[TRACE_WIDTH];
    int at = snprintf(line, sizeof(line), "%7llu %8lld.%03d %-4s ", (unsigned long long)s->step,
                      (long long)(s->now / 1000), (int)(s->now % 1000), n ? n->name : "-");
    va_list ap;
    va_start(ap, fmt);
    if (s->trace.mode == TRACE_JSON) at = 0;
    vsnprintf(line + at, sizeof(line) - (size_t)at, fmt, ap);
    va_end(ap);
    if (s->trace.mode == TRACE_JSON) {
        print_json(s, n, line);
        return;
    }
    flatten(line);
    if (s->trace.mode == TRACE_PRINT)
        puts(line);
    else if (s->trace.ring)
        text_copy(s->trace.ring[s->trace.count++ % TRACE_LINES], TRACE_WIDTH, line);
}

void trace_print(const struct trace *t)
{
    if (!t->ring) return;
    size_t from = t->count > TRACE_LINES ? t->count - TRACE_LINES : 0;
    for (size_t i = from; i < t->count; i++)
        puts(t->ring[i % TRACE_LINES]);
}
