/* stream_id: the number of a stream's entry: milliseconds and a count within them, compared in that
 * order. As text "ms-count". Plain values. Pure. Tests: unit/stream. */
#ifndef CORE_TYPES_STREAM_ID_H
#define CORE_TYPES_STREAM_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/num.h"
#include "core/base/str.h"

struct stream_id {
    uint64_t ms, seq;
};

#define STREAM_ID_MIN ((struct stream_id){ 0, 0 })
#define STREAM_ID_MAX ((struct stream_id){ UINT64_MAX, UINT64_MAX })
#define STREAM_ID_TMP (2 * NUM_I64_MAX + 1) /* room for the text */

static inline int stream_id_cmp(struct stream_id a, struct stream_id b)
{
    if (a.ms != b.ms) return a.ms < b.ms ? -1 : 1;
    return a.seq < b.seq ? -1 : a.seq > b.seq;
}
static inline bool stream_id_is_zero(struct stream_id id) { return !(id.ms | id.seq); }

/* The neighbour; false (and the other end) when there is none. */
static inline bool stream_id_next(struct stream_id *id)
{
    if (!++id->seq) id->ms++;
    return !stream_id_is_zero(*id);
}
static inline bool stream_id_prev(struct stream_id *id)
{
    bool any = !stream_id_is_zero(*id);
    if (!id->seq--) id->ms--;
    return any;
}

static inline struct slice stream_id_text(struct stream_id id, char tmp[STREAM_ID_TMP])
{
    size_t n = num_from_u64(tmp, id.ms);
    tmp[n++] = '-';
    return slice_of(tmp, n + num_from_u64(tmp + n, id.seq));
}

/* "ms-count", or "ms" alone: then the count is `missing`. With `any_seq` (not NULL) "ms-*" is taken
 * too and sets it. Numbers are read as leniently as the reference does ("007", "+7"). */
bool stream_id_read(struct slice s, uint64_t missing, bool *any_seq, struct stream_id *out);

/* 16 bytes, big-endian: how an id stands in the RDB, and sorts as bytes. */
void stream_id_put(struct stream_id id, char out[16]);
struct stream_id stream_id_get(const char p[16]);

#endif
