/* packed: a sequence of strings and integers in one block of bytes, byte for byte what the RDB
 * calls a listpack. The small form of lists, hashes, sets and sorted sets, and a node of big lists
 * and streams.
 *
 *     | bytes 4 | items 2 | item | item | ... | 0xff |      both counts little-endian
 *     item:  | code and content | length of that, readable from behind: 1 to 5 bytes |
 *
 * A string that is an integer in Redis' strict form is kept as one. `struct packed` is the first
 * byte of the block; it owns all of it. What changes it takes the address of the caller's pointer,
 * since the block may move. A position is the byte offset of an item; 0 means "none" everywhere.
 * Positions before a change stay good, those behind it move. Slices given must not lie in the
 * block itself; slices and items got from it are lent until the next change.
 * Limits: callers keep it below PACKED_MAX bytes (packed_takes()); the item count is exact in
 * the header up to 65534, beyond that packed_count walks. Pure.
 * Tests: unit/packed (differential against an array), fuzz/fuzz_packed. */
#ifndef CORE_TYPES_PACKED_H
#define CORE_TYPES_PACKED_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/num.h"
#include "core/base/str.h"

struct packed;

#define PACKED_MAX ((size_t)1 << 30)
#define PACKED_EMPTY 7          /* bytes of a packed without items */
#define PACKED_TMP NUM_I64_MAX  /* room that a reader lends for the digits of an integer */

struct packed_item {
    const char *s; /* NULL: the item is the integer i */
    size_t n;
    int64_t i;
};

/* --- life --------------------------------------------------------------------------------- */
struct packed *packed_new(void);
void packed_free(struct packed *p);
struct packed *packed_copy(const struct packed *p);
/* Copies bytes that packed_valid() has accepted. */
struct packed *packed_from_bytes(struct slice bytes);
/* True: the bytes are exactly one sound packed. Never reads outside. `deep` walks all items (else
 * only the frame is looked at, which is not enough for bytes from outside). *count may be NULL. */
bool packed_valid(struct slice bytes, bool deep, size_t *count);
/* All bytes, as the RDB has them. */
struct slice packed_bytes(const struct packed *p);
static inline size_t packed_size(const struct packed *p)
{
    uint32_t n;
    memcpy(&n, (const void *)p, 4);
    return n;
}
size_t packed_mem(const struct packed *p); /* what the allocator gave */
size_t packed_count(const struct packed *p);
/* The block could take that many more bytes and stay below PACKED_MAX. */
bool packed_takes(const struct packed *p, size_t more);
/* Bytes that this string would need as an item. */
size_t packed_item_size(struct slice s);

/* --- walking ------------------------------------------------------------------------------ */
size_t packed_first(const struct packed *p);
size_t packed_last(const struct packed *p);
size_t packed_next(const struct packed *p, size_t at);
size_t packed_prev(const struct packed *p, size_t at);
/* The item with that index; negative from the end; 0 when there is none. */
size_t packed_seek(const struct packed *p, int64_t index);
struct packed_item packed_get(const struct packed *p, size_t at);
/* The item as text; integers are written to tmp. */
struct slice packed_text(const struct packed *p, size_t at, char tmp[PACKED_TMP]);
struct slice packed_item_text(const struct packed_item *item, char tmp[PACKED_TMP]);
/* The item as an integer, if it is one. */
bool packed_int(const struct packed *p, size_t at, int64_t *out);
bool packed_eq(const struct packed *p, size_t at, struct slice s);
/* The first item equal to s from `at` on (0: none), looking at every (skip + 1)th item: skip 1
 * looks at the fields of field-value pairs. */
size_t packed_find(const struct packed *p, size_t at, struct slice s, unsigned skip);

/* --- change ------------------------------------------------------------------------------- */
void packed_append(struct packed **p, struct slice s);
void packed_append_int(struct packed **p, int64_t v);
void packed_prepend(struct packed **p, struct slice s);
void packed_prepend_int(struct packed **p, int64_t v);
/* All items of `from` behind those of p, or before them. */
void packed_append_all(struct packed **p, const struct packed *from);
void packed_prepend_all(struct packed **p, const struct packed *from);
/* Gives the items from `at` (not 0) on as a packed of their own; p keeps those before. */
struct packed *packed_split(struct packed **p, size_t at);
/* Before the item at `at`; at == 0 appends. They give the new item's position. */
size_t packed_insert(struct packed **p, size_t at, struct slice s);
size_t packed_insert_int(struct packed **p, size_t at, int64_t v);
/* The new item's position, which is `at`. */
size_t packed_replace(struct packed **p, size_t at, struct slice s);
size_t packed_replace_int(struct packed **p, size_t at, int64_t v);
/* Removes up to n items from `at` on; gives the position of the item that follows, 0 if none. */
size_t packed_delete(struct packed **p, size_t at, size_t n);
/* Removes up to n items from that index on (negative from the end). */
void packed_delete_range(struct packed **p, int64_t index, size_t n);

#endif
