#include "core/types/value.h"

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/types/hash.h"
#include "core/types/list.h"
#include "core/types/set.h"
#include "core/types/stream.h"
#include "core/types/string.h"
#include "core/types/zset.h"

/* A row a type; a type that is not there yet has none. */
static const struct type_ops *const types[VALUE_TYPES] = {
    [VALUE_STRING] = &string_ops,
    [VALUE_ZSET] = &zset_ops,
    [VALUE_LIST] = &list_ops,
    [VALUE_SET] = &set_ops,
    [VALUE_HASH] = &hash_ops,
    [VALUE_STREAM] = &stream_ops,
};
static const char *const names[VALUE_TYPES] = {
    [VALUE_STRING] = "string", [VALUE_LIST] = "list", [VALUE_SET] = "set",
    [VALUE_ZSET] = "zset",     [VALUE_HASH] = "hash", [VALUE_STREAM] = "stream",
};

const struct type_ops *type_ops(enum value_type t) { return t < VALUE_TYPES ? types[t] : NULL; }

enum value_type type_by_name(struct slice name)
{
    int t = 0;
    while (t < VALUE_TYPES && !slice_ieqz(name, names[t])) t++;
    return (enum value_type)t;
}

const char *value_encoding_name(const struct entry *e)
{
    return type_ops((enum value_type)e->type)->encoding_name(e);
}

size_t value_mem(const struct entry *e, size_t samples)
{
    size_t n = mem_size(e);
    if (e->flags & ENTRY_OWNS)
        n += type_ops((enum value_type)e->type)->mem(e->encoding, entry_ptr(e), samples);
    return n;
}

size_t value_free_effort(const struct entry *e)
{
    if (!(e->flags & ENTRY_OWNS)) return 1;
    return 1 + type_ops((enum value_type)e->type)->free_effort(e->encoding, entry_ptr(e));
}

/* The third table, when `n` takes the entry's place. */
static void retime(struct value *v, struct entry *n)
{
    bool was = v->e->flags & ENTRY_TIMED, is = n->flags & ENTRY_TIMED;
    if (!v->keys || (!was && !is)) return;
    if (was && is)
        table_replace(v->timed, v->hash, v->e, n);
    else if (was)
        must(table_remove_entry(v->timed, v->hash, v->e));
    else
        table_add(v->timed, v->hash, n);
}

/* Puts `n` in the place of the entry in the tables that hold it, and frees the old block. */
static void move_to(struct value *v, struct entry *n, bool in_deadlines)
{
    n->access = v->e->access;
    if (v->keys) table_replace(v->keys, v->hash, v->e, n); /* none: the entry is being made */
    if (v->keys && in_deadlines) table_replace(v->deadlines, v->hash, v->e, n);
    retime(v, n);
    mem_free(v->e);
    v->e = n;
}

static bool same_room(const struct entry *e, const struct value_form *f)
{
    unsigned change = (unsigned)e->flags ^ f->flags;
    if (change & (ENTRY_WORD | ENTRY_TIMED)) return false;
    if (f->flags & ENTRY_WORD) return true;
    struct slice k = entry_key(e);
    size_t want = (size_t)(k.p - entry_bytes(e)) + k.n + f->embed.n;
    return want <= entry_size(e) && want + 16 > entry_size(e);
}

void value_become(struct value *v, const struct value_form *f)
{
    struct entry *e = v->e;
    if (same_room(e, f)) {
        e->encoding = f->encoding & 15u;
        e->flags = (uint8_t)((e->flags & ~ENTRY_OWNS) | (f->flags & ENTRY_OWNS));
        if (f->flags & ENTRY_WORD) {
            *entry_word(e) = f->word;
        } else {
            if (f->embed.n) memmove((char *)(uintptr_t)entry_embed(e).p, f->embed.p, f->embed.n);
            e->embedded = (uint8_t)f->embed.n;
        }
        return;
    }
    int64_t deadline = entry_deadline(e);
    struct entry *n = entry_new(&(struct entry_spec){ .key = entry_key(e),
                                                      .type = (enum value_type)e->type,
                                                      .encoding = f->encoding,
                                                      .flags = f->flags,
                                                      .deadline = deadline,
                                                      .word = f->word,
                                                      .embed = f->embed });
    move_to(v, n, deadline != ENTRY_NO_DEADLINE);
}

void value_set_deadline(struct value *v, int64_t deadline)
{
    int64_t old = entry_deadline(v->e);
    if (!(v->e->flags & ENTRY_DEADLINE)) {
        if (deadline == ENTRY_NO_DEADLINE) return;
        struct entry *e = v->e;
        struct entry_spec s = { .key = entry_key(e),
                                .type = (enum value_type)e->type,
                                .encoding = e->encoding,
                                .flags = e->flags & ENTRY_FORM,
                                .deadline = deadline };
        if (e->flags & ENTRY_WORD)
            s.word = *entry_word(e);
        else
            s.embed = entry_embed(e);
        move_to(v, entry_new(&s), false);
    } else {
        memcpy(entry_bytes(v->e) + sizeof(struct entry), &deadline, 8);
    }
    if (old == ENTRY_NO_DEADLINE && deadline != ENTRY_NO_DEADLINE)
        table_add(v->deadlines, v->hash, v->e);
    if (old != ENTRY_NO_DEADLINE && deadline == ENTRY_NO_DEADLINE)
        must(table_remove_entry(v->deadlines, v->hash, v->e));
}
