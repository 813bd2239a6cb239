#include "replication/backlog.h"

#define FALL_MS 30000.0 /* a rate that ended has lost two thirds of its weight after this */
#define IDLE_RATE 0.5   /* bytes a second: less is nothing */

void backlog_look(struct backlog *b, int64_t end, int64_t now_ms)
{
    int64_t ms = now_ms - b->seen_ms, bytes = end - b->seen_end;
    bool first = b->seen_ms == 0;
    if (!first && ms <= 0) return;
    b->seen_end = end;
    b->seen_ms = now_ms;
    if (first || bytes < 0) return; /* another history */
    double rate = (double)bytes * 1000 / (double)ms;
    double weight = (double)ms < FALL_MS ? (double)ms / FALL_MS : 1;
    b->rate = rate > b->rate ? rate : b->rate + (rate - b->rate) * weight;
}

uint64_t backlog_size(const struct backlog *b, const struct backlog_want *w)
{
    if (w->seconds == 0) return w->bytes;
    double need = b->rate * w->seconds;
    uint64_t most = w->max_bytes > w->bytes ? w->max_bytes : w->bytes;
    if (need >= (double)most) return most;
    return need > (double)w->bytes ? (uint64_t)need : w->bytes;
}

int64_t backlog_covers_s(const struct backlog *b, int64_t held)
{
    return b->rate < IDLE_RATE ? -1 : (int64_t)((double)held / b->rate);
}
