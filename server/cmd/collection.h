/* collection: what the families of hashes, sets, sorted sets and lists share: the scans' arguments
 * and replies, counts that may be negative, a removal's end. Layer server. Tests: tests/compat. */
#ifndef SERVER_CMD_COLLECTION_H
#define SERVER_CMD_COLLECTION_H

#include "core/base/buf.h"
#include "core/db/scan.h"
#include "server/cmd/keyed.h"

/* ---- scans ---- */
/* "invalid cursor" and false when it is none. */
bool scan_cursor_arg(struct call *c, int at, uint64_t *cursor);
/* The options from argument `from` on; replies and gives false when they are wrong. TYPE is taken
 * by SCAN alone, NOVALUES only where `novalues` is not NULL. `count` is never 0 afterwards. */
enum { SCAN_TAKES_TYPE = 1 };
bool scan_options_arg(struct call *c, int from, unsigned flags, struct scan_options *o,
                      bool *novalues);
/* The pattern says yes. */
bool scan_wants(const struct scan_options *o, struct slice s);
/* The elements are collected aside, since the next cursor stands before them. */
struct scan_out {
    struct buf bulks;
    size_t n;
};
void scan_out_add(struct scan_out *o, struct slice s);
void scan_reply(struct call *c, uint64_t next, struct scan_out *o); /* and frees */

/* ---- arguments ---- */
/* A count whose sign has a meaning: any integer but the lowest, which has no positive twin. */
bool signed_count_arg(struct call *c, int at, int64_t *out);

/* ---- a change is done ---- */
/* The value has `left` elements now: without any the key is removed, and true given: the caller
 * says "del" after its own event. Otherwise the gate hears of the change. */
static inline bool emptied(struct value *v, size_t left)
{
    if (left)
        ks_changed(v);
    else
        ks_remove_value(v, TOUCH_REMOVED, false);
    return !left;
}

#endif
