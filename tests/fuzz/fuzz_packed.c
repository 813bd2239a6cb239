/* fuzz packed: bytes from a snapshot that say they are a packed or an intset. What the deep check
 * lets through must be walked both ways, found, changed and read again without harm. */
#include "core/base/must.h"
#include "core/types/intset.h"
#include "core/types/packed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(struct packed *p, size_t expected)
{
    char tmp[PACKED_TMP];
    size_t n = 0, back = 0;
    for (size_t at = packed_first(p); at; at = packed_next(p, at)) {
        struct slice s = packed_text(p, at, tmp);
        must(packed_eq(p, at, s) || s.n < PACKED_TMP); /* "12" kept as text is not the integer */
        n++;
    }
    for (size_t at = packed_last(p); at; at = packed_prev(p, at)) back++;
    must(n == expected && back == n && packed_count(p) == n);
}

static void change(struct packed **p, size_t n)
{
    packed_append(p, SLICE("end"));
    packed_prepend_int(p, 4097);
    packed_replace(p, packed_seek(*p, (int64_t)n / 2), SLICE("other"));
    packed_delete_range(p, (int64_t)n / 2, 2);
    walk(*p, n);
}

static void try_packed(struct slice bytes)
{
    size_t n;
    packed_valid(bytes, false, NULL);
    if (!packed_valid(bytes, true, &n)) return;
    struct packed *p = packed_from_bytes(bytes);
    walk(p, n);
    if (n + 2 < 65535) change(&p, n);
    packed_free(p);
}

static void try_intset(struct slice bytes)
{
    if (!intset_valid(bytes, true)) return;
    struct intset *s = intset_from_bytes(bytes);
    size_t n = intset_count(s);
    for (size_t i = 0; i < n; i++) must(intset_rank(s, intset_at(s, i)) == i);
    must(intset_add(&s, INT64_MAX) == (intset_count(s) == n + 1));
    must(intset_remove(&s, INT64_MAX));
    intset_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = slice_of((const char *)data, size);
    try_packed(bytes);
    try_intset(bytes);
    return 0;
}
