/* trace: what a run tells, a line an event.
 *
 * Off while seeds are searched: formatting would cost more than the run. A failing seed is run
 * again with the ring on, and the last lines are printed; `--trace` prints all as they happen,
 * `--json` as one JSON object a line.
 * Owns the ring. Tests: by use. */
#ifndef TESTS_SIM_TRACE_H
#define TESTS_SIM_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_LINES 200
#define TRACE_WIDTH 240

enum trace_mode { TRACE_OFF, TRACE_RING, TRACE_PRINT, TRACE_JSON };

struct trace {
    enum trace_mode mode;
    char (*ring)[TRACE_WIDTH];
    size_t count;
};

struct sim;
struct node;

void trace_init(struct trace *t, enum trace_mode mode);
void trace_free(struct trace *t);
void trace_line(struct sim *s, const struct node *n, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The ring's lines, oldest first, to standard output. */
void trace_print(const struct trace *t);

/* `tell(sim, node or NULL, "words %d", x)`: costs one comparison when the trace is off. */
#define tell(s, n, ...)                                                                            \
    do {                                                                                           \
        if ((s)->trace.mode != TRACE_OFF) trace_line((s), (n), __VA_ARGS__);                       \
    } while (0)

#endif
