#include "core/types/unique.h"

#include <stdlib.h>

#include "core/base/vec.h"

#define FEW 24 /* up to here looking at each pair is cheaper than sorting */

static bool few_differ(const struct packed *p, unsigned step)
{
    char tmp[PACKED_TMP];
    for (size_t at = packed_first(p); at;) {
        struct slice name = packed_text(p, at, tmp);
        for (unsigned i = 0; i < step && at; i++)
            at = packed_next(p, at);
        if (at && packed_find(p, at, name, step - 1)) return false;
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
    return packed_count(p) / step <= FEW ? few_differ(p, step) : many_differ(p, step);
}
