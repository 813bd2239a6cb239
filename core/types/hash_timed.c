#include "core/types/hash_timed.h"

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/types/hash.h"
#include "core/types/zset.h"

#define NO_KEY slice_of(NULL, 0)

/* --- life --------------------------------------------------------------------------------- */

void timed_free(struct timed *t)
{
    entry_free(t->fields);
    entry_free(t->deadlines);
    mem_free(t);
}

struct timed *timed_copy(const struct timed *from)
{
    struct timed *t = mem_alloc(sizeof(*t));
    t->fields = entry_copy(from->fields, NO_KEY, ENTRY_NO_DEADLINE);
    t->deadlines = entry_copy(from->deadlines, NO_KEY, ENTRY_NO_DEADLINE);
    return t;
}

size_t timed_mem(const struct timed *t, size_t samples)
{
    return mem_size(t) + value_mem(t->fields, samples) + value_mem(t->deadlines, samples);
}

/* The plain payload moves into an entry of its own. */
static void become_timed(struct value *v, struct slice first, const struct type_limits *l)
{
    struct timed *t = mem_alloc(sizeof(*t));
    struct entry_spec s = { .key = NO_KEY,
                            .type = VALUE_HASH,
                            .encoding = v->e->encoding,
                            .flags = v->e->flags & ENTRY_FORM,
                            .deadline = ENTRY_NO_DEADLINE };
    if (v->e->flags & ENTRY_WORD)
        s.word = *entry_word(v->e);
    else
        s.embed = entry_embed(v->e);
    t->fields = entry_new(&s);
    t->deadlines = zset_new(NO_KEY, first, 1, ENTRY_NO_DEADLINE, l);
    value_become(v, &(struct value_form){ HASH_TIMED, ENTRY_WORD | ENTRY_OWNS | ENTRY_TIMED,
                                          (uintptr_t)t, { NULL, 0 } });
}

/* And back. */
static void become_plain(struct value *v)
{
    struct timed *t = timed_of(v->e);
    struct entry *plain = t->fields;
    struct value_form f = { .encoding = plain->encoding, .flags = plain->flags & ENTRY_FORM };
    if (plain->flags & ENTRY_WORD)
        f.word = *entry_word(plain);
    else
        f.embed = entry_embed(plain);
    value_become(v, &f);
    mem_free(plain); /* its payload lives on */
    entry_free(t->deadlines);
    mem_free(t);
}

/* --- reading ------------------------------------------------------------------------------ */

const struct entry *hash_deadlines(const struct entry *e)
{
    return hash_is_timed(e) ? timed_of(e)->deadlines : NULL;
}

int64_t hash_deadline(const struct entry *e, struct slice field)
{
    double at;
    if (!hash_is_timed(e) || !zset_score(timed_of(e)->deadlines, field, &at))
        return HASH_NO_DEADLINE;
    return (int64_t)at;
}

size_t hash_past(const struct entry *e, int64_t before)
{
    if (!hash_is_timed(e) || before <= 0) return 0;
    struct zset_scores r = { .min = 0, .max = (double)before, .max_open = true };
    return zset_by_score(timed_of(e)->deadlines, &r).n;
}

size_t hash_earliest(const struct entry *e, int64_t before, struct hash_timed_field *out,
                     size_t max)
{
    struct zset_iter it;
    struct zset_item item;
    size_t n = 0;
    if (!hash_is_timed(e)) return 0;
    zset_iter_start(&it, timed_of(e)->deadlines, 0, false);
    while (n < max && zset_iter_next(&it, &item) && (int64_t)item.score < before) {
        struct hash_timed_field *f = &out[n++];
        f->deadline = (int64_t)item.score;
        f->field = item.member;
    }
    return n;
}

/* --- change ------------------------------------------------------------------------------- */

void timed_forget(struct value *v, struct slice field)
{
    struct timed *t = timed_of(v->e);
    struct value inner = { .e = t->deadlines };
    if (!zset_remove(&inner, field)) return;
    t->deadlines = inner.e;
    if (!zset_count(t->deadlines)) become_plain(v);
}

void hash_set_deadline(struct value *v, struct slice field, int64_t deadline,
                       const struct type_limits *limits)
{
    must(value_is(v, VALUE_HASH) && hash_has(v->e, field));
    if (deadline == HASH_NO_DEADLINE) {
        if (hash_is_timed(v->e)) timed_forget(v, field);
        return;
    }
    must(deadline >= 0 && deadline <= HASH_DEADLINE_MAX);
    if (!hash_is_timed(v->e)) become_timed(v, field, limits);
    struct timed *t = timed_of(v->e);
    struct value inner = { .e = t->deadlines };
    zset_add(&inner, (double)deadline, field, 0, NULL, limits);
    t->deadlines = inner.e;
}
