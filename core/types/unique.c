#include "core/types/unique.h"

#include <stdlib.h>

#include "core/base/hash.h"
#include "core/base/vec.h"

#define FEW 256 /* names that have room in a table on the stack */

/* A place among slots, a power of two of them. Who chooses names that collide gets FEW times FEW
 * comparisons at most, so that the key may be known. */
static size_t first_slot(struct slice name, size_t slots)
{
    static const struct hash_key key = { 1, 2 };
    return (size_t)hash_bytes(name.p, name.n, &key) & (slots - 1);
}

static bool few_differ(const struct packed *p, unsigned step, size_t names)
{
    uint32_t seen[2 * FEW]; /* positions; 0: free */
    char tmp[PACKED_TMP];
    size_t slots = 2;
    while (slots < 2 * names) slots *= 2;
    memset(seen, 0, slots * sizeof(seen[0]));
    for (size_t at = packed_first(p); at;) {
        struct slice name = packed_text(p, at, tmp);
        size_t i = first_slot(name, slots);
        for (; seen[i]; i = (i + 1) & (slots - 1))
            if (packed_eq(p, seen[i], name)) return false;
        seen[i] = (uint32_t)at;
        for (unsigned k = 0; k < step && at; k++) at = packed_next(p, at);
    }
    return true;
}

static int compare(const void *a, const void *b, void *packed)
{
    char tmp[2][PACKED_TMP];
    return slice_cmp(packed_text(packed, *(const size_t *)a, tmp[0]),
                     packed_text(packed, *(const size_t *)b, tmp[1]));
}

static bool many_differ(const struct packed *p, unsigned step)
{
    VEC(size_t) names = { 0 };
    bool differ = true;
    for (size_t at = packed_first(p); at;) {
        vec_push(&names, at);
        for (unsigned i = 0; i < step && at; i++)
            at = packed_next(p, at);
    }
    void *app = (void *)(uintptr_t)p;
    qsort_r(names.at, names.n, sizeof(size_t), compare, app);
    for (size_t i = 1; i < names.n && differ; i++)
        differ = compare(&names.at[i - 1], &names.at[i], app) != 0;
    vec_free(&names);
    return differ;
}

bool packed_names_differ(const struct packed *p, unsigned step)
{
    size_t names = (packed_count(p) + step - 1) / step;
    return names <= FEW ? few_differ(p, step, names) : many_differ(p, step);
}
