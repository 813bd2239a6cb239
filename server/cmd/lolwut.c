/* LOLWUT: a picture, another one each time, and the version. A row of cells makes the next one by a
 * rule of Wolfram's: each cell looks at itself and its two neighbours. */
#include "core/base/rand.h"
#include "core/front/start.h"
#include "server/cmd/families.h"
#include "server/cmd/keyed.h"

#define COLUMNS_MAX 200
#define ROWS_MAX 100

struct picture {
    int64_t columns, rows;
    unsigned rule;
};

/* Rules that make something worth looking at. */
static const unsigned char rules[] = { 18, 22, 30, 45, 54, 60, 73, 90, 102, 105, 110, 126, 150 };

static void next_row(const struct picture *p, unsigned char *cells)
{
    unsigned char old[COLUMNS_MAX];
    int64_t n = p->columns;
    memcpy(old, cells, (size_t)n);
    for (int64_t i = 0; i < n; i++) {
        unsigned seen = old[(i + n - 1) % n] * 4u + old[i] * 2u + old[(i + 1) % n];
        cells[i] = p->rule >> seen & 1;
    }
}

static void draw(const struct picture *p, struct buf *out)
{
    unsigned char cells[COLUMNS_MAX] = { 0 };
    cells[p->columns / 2] = 1;
    for (int64_t row = 0; row < p->rows; row++) {
        for (int64_t i = 0; i < p->columns; i++)
            buf_putc(out, cells[i] ? '#' : ' ');
        buf_putc(out, '\n');
        next_row(p, cells);
    }
    buf_fmt(out, "\nRule %u, from a single cell on.\n", p->rule);
}

static int64_t within(int64_t n, int64_t max) { return n < 1 ? 1 : n > max ? max : n; }

static void cmd_lolwut(struct call *c)
{
    struct picture p = { .columns = 66, .rows = 24 };
    struct buf text = { 0 };
    int64_t version;
    int at = 1;
    if (c->argc >= 3 && arg_is(c, 1, "VERSION")) {
        if (!arg_int(c, 2, &version)) return;
        at = 3;
    }
    if (at < c->argc && !arg_int(c, at, &p.columns)) return;
    if (at + 1 < c->argc && !arg_int(c, at + 1, &p.rows)) return;
    p.columns = within(p.columns, COLUMNS_MAX);
    p.rows = within(p.rows, ROWS_MAX);
    p.rule = rules[rng_below(&ks_of(c)->rng, sizeof(rules))];
    draw(&p, &text);
    buf_fmt(&text, "\nRedis ver. %s\n", START_REDIS_VERSION);
    reply_verbatim(c, "txt", buf_slice(&text));
    buf_free(&text);
}

const struct command cmds_lolwut[] = {
    { "LOLWUT", cmd_lolwut, .arity = -1, .flags = CMD_READONLY | CMD_FAST, .since = "5.0.0",
      .group = "server", .complexity = "O(N), N: cells of the picture",
      .summary = "Draws a picture and gives the version.",
      .syntax = "[VERSION version:integer]" },
    COMMANDS_END,
};
