/* keyspec: which arguments of a call are keys. The key specifications of the row are walked in
 * order; a row with find_keys is asked instead. The contract stands in command.h. */
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/front/command.h"

void key_list_add(struct key_list *l, int at, uint32_t flags)
{
    if (!l->at) {
        l->at = l->few;
        l->cap = KEY_REFS_MAX;
    }
    if (l->n == l->cap) {
        int cap = l->cap * 2;
        struct key_ref *more = mem_alloc((size_t)cap * sizeof(*more));
        memcpy(more, l->at, (size_t)l->n * sizeof(*more));
        key_list_free(l);
        l->at = more;
        l->cap = cap;
    }
    l->at[l->n++] = (struct key_ref){ at, flags };
}

void key_list_free(struct key_list *l)
{
    if (l->at != l->few) mem_free(l->at);
    l->at = NULL;
}

/* Where the spec's search begins; -1: the word is not there. */
static int begin_of(const struct keyspec *k, int argc, const struct slice *argv)
{
    if (k->begin == KEYS_AT) return k->first;
    int from = k->first > 0 ? k->first : argc + k->first;
    int step = k->first > 0 ? 1 : -1;
    for (int i = from; i > 0 && i < argc; i += step)
        if (slice_ieqz(argv[i], k->word)) return i + 1;
    return -1;
}

static bool add_range(const struct keyspec *k, int first, int argc, struct key_list *out)
{
    int last = k->last >= 0 ? first + k->last : argc + k->last;
    if (k->last < 0 && k->limit > 1) last = first + (argc - first) / k->limit + k->last;
    int step = k->step > 0 ? k->step : 1;
    for (int i = first; i <= last; i += step) {
        if (i >= argc) return false;
        key_list_add(out, i, k->flags);
    }
    return true;
}

static bool add_numbered(const struct keyspec *k, int first, int argc, const struct slice *argv,
                         struct key_list *out)
{
    int at = first + k->numkeys, from = first + k->firstkey;
    int64_t n;
    if (at >= argc || !num_to_i64(argv[at], &n) || n < 1) return false;
    int step = k->step > 0 ? k->step : 1;
    if (n > (argc - from + step - 1) / step) return false;
    for (int i = 0; i < (int)n; i++) key_list_add(out, from + i * step, k->flags);
    return true;
}

bool command_keys(const struct command *row, int argc, const struct slice *argv,
                  struct key_list *out)
{
    out->n = 0;
    out->at = out->few;
    out->cap = KEY_REFS_MAX;
    if (row->find_keys) return row->find_keys(argc, argv, out);
    for (int i = 0; i < KEYSPECS_MAX && row->keys[i].begin != KEYS_NONE; i++) {
        const struct keyspec *k = &row->keys[i];
        if (k->begin == KEYS_UNKNOWN || k->flags & (KEY_NOT_KEY | KEY_CHANNEL)) continue;
        int first = begin_of(k, argc, argv);
        if (first < 0 || first >= argc) continue;
        bool fits = k->find == KEYS_RANGE ? add_range(k, first, argc, out)
                                          : add_numbered(k, first, argc, argv, out);
        if (!fits) return false;
        if (k->flags & KEY_VARIABLE_FLAGS && row->key_flags && out->n)
            out->at[out->n - 1].flags = row->key_flags(argc, argv);
    }
    return true;
}
