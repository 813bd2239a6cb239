#include "replication/history.h"

#include "core/base/must.h"

static const char no_id[] = "0000000000000000000000000000000000000000";

static void set(struct history_entry *e, uint64_t epoch, const char *replid, int64_t start)
{
    *e = (struct history_entry){ .epoch = epoch, .start = start };
    text_copy(e->replid, sizeof(e->replid), replid);
    must(strlen(e->replid) == REPLID_LEN);
}

static struct history_entry *last(const struct history *h)
{
    return (struct history_entry *)&h->at[h->n - 1];
}

static void begin_tenure(struct history *h, uint64_t epoch, const char *replid, int64_t start)
{
    must(start >= last(h)->start);
    if (h->n == HISTORY_MAX) {
        memmove(&h->at[0], &h->at[1], (HISTORY_MAX - 1) * sizeof(h->at[0]));
        h->n--;
    }
    set(&h->at[h->n++], epoch, replid, start);
}

void history_init(struct history *h, const char *replid)
{
    h->n = 1;
    set(&h->at[0], 0, replid, 0);
}

void history_promote(struct history *h, uint64_t epoch, const char *replid, int64_t offset)
{
    begin_tenure(h, epoch, replid, offset + 1);
}

void history_adopt(struct history *h, const char *replid) { history_init(h, replid); }

bool history_continue(struct history *h, const char *replid, int64_t offset)
{
    if (slice_ieqz(slice_z(replid), history_id(h))) return false;
    begin_tenure(h, last(h)->epoch, replid, offset + 1);
    return true;
}

void history_restore_replica(struct history *h, const char *saved) { history_init(h, saved); }

void history_restore_master(struct history *h, const char *replid, const char *saved,
                            int64_t saved_offset)
{
    history_init(h, saved);
    begin_tenure(h, 0, replid, saved_offset + 1);
}

const char *history_id(const struct history *h) { return last(h)->replid; }
const char *history_id2(const struct history *h)
{
    return h->n > 1 ? h->at[h->n - 2].replid : no_id;
}
int64_t history_second_offset(const struct history *h) { return h->n > 1 ? last(h)->start : -1; }

/* The byte at `start` of the present tenure may be asked for under the previous id: it is the first
 * one that the asker lacks, and everything before it is shared. */
static enum history_answer ask_id(const struct history *h, struct slice replid, int64_t want)
{
    if (slice_eqz(replid, "?")) return HISTORY_NOT_ASKED;
    if (slice_ieqz(replid, history_id(h))) return HISTORY_CONTINUE;
    if (h->n < 2 || !slice_ieqz(replid, history_id2(h))) return HISTORY_UNKNOWN;
    return want <= history_second_offset(h) ? HISTORY_CONTINUE : HISTORY_BEYOND;
}

enum history_answer history_ask(const struct history *h, const struct feed_window *w,
                                struct slice replid, int64_t want)
{
    enum history_answer a = ask_id(h, replid, want);
    if (a != HISTORY_CONTINUE) return a;
    if (!w->open) return HISTORY_NO_FEED;
    if (want < w->first) return HISTORY_TOO_OLD;
    if (want > w->end + 1) return HISTORY_TOO_NEW;
    return HISTORY_CONTINUE;
}

bool replid_read(struct slice text, char out[REPLID_LEN + 1])
{
    if (text.n != REPLID_LEN) return false;
    for (size_t i = 0; i < REPLID_LEN; i++) {
        char c = text.p[i];
        if (c >= 'A' && c <= 'F') c = (char)(c - 'A' + 'a');
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
        out[i] = c;
    }
    out[REPLID_LEN] = '\0';
    return true;
}
