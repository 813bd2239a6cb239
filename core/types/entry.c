#include "core/types/entry.h"

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/types/value.h"

#define LONG_KEY UINT16_MAX /* from this length on the key's length has a word of its own */
#define STEP 16             /* the allocator's classes go in steps of 16 up to 128 bytes */

static size_t round_up(size_t n) { return (n + STEP - 1) & ~(size_t)(STEP - 1); }

size_t entry_size(const struct entry *e)
{
    struct slice k = entry_key(e);
    return round_up((size_t)(k.p - entry_bytes(e)) + k.n + e->embedded);
}

static size_t size_for(const struct entry_spec *s, uint8_t flags)
{
    size_t n = sizeof(struct entry) + s->key.n;
    n += flags & ENTRY_WORD ? 8 : s->embed.n;
    if (flags & ENTRY_DEADLINE) n += 8;
    if (flags & ENTRY_LONG_KEY) n += 8;
    return round_up(n);
}

struct entry *entry_new(const struct entry_spec *s)
{
    uint8_t flags = s->flags & ENTRY_FORM;
    if (s->deadline != ENTRY_NO_DEADLINE) flags |= ENTRY_DEADLINE;
    if (s->key.n >= LONG_KEY) flags |= ENTRY_LONG_KEY;
    must(s->embed.n <= ENTRY_EMBED_MAX);
    struct entry *e = mem_alloc(size_for(s, flags));
    *e = (struct entry){ .type = s->type & 15u, .encoding = s->encoding & 15u, .flags = flags };
    e->key_n = flags & ENTRY_LONG_KEY ? LONG_KEY : (uint16_t)s->key.n;
    if (flags & ENTRY_DEADLINE) memcpy(entry_bytes(e) + sizeof(*e), &s->deadline, 8);
    size_t at = entry_at_word(e);
    if (flags & ENTRY_LONG_KEY) memcpy(entry_bytes(e) + at - 8, &s->key.n, 8);
    if (flags & ENTRY_WORD) {
        memcpy(entry_bytes(e) + at, &s->word, 8);
        at += 8;
    }
    if (s->key.n) memcpy(entry_bytes(e) + at, s->key.p, s->key.n);
    if (!(flags & ENTRY_WORD)) {
        e->embedded = (uint8_t)s->embed.n;
        if (s->embed.n) memcpy(entry_bytes(e) + at + s->key.n, s->embed.p, s->embed.n);
    }
    return e;
}

struct entry *entry_new_ptr(struct slice key, enum value_type type, uint8_t encoding, void *ptr,
                            int64_t deadline)
{
    return entry_new(&(struct entry_spec){ .key = key,
                                           .type = type,
                                           .encoding = encoding,
                                           .flags = ENTRY_WORD | ENTRY_OWNS,
                                           .deadline = deadline,
                                           .word = (uintptr_t)ptr });
}

void entry_free(struct entry *e)
{
    if (!e) return;
    if (e->flags & ENTRY_OWNS)
        type_ops((enum value_type)e->type)->free(e->encoding, entry_ptr(e));
    mem_free(e);
}

/* The same payload under another key or deadline; the word is shared for the moment. */
static struct entry *clone(const struct entry *e, struct slice key, int64_t deadline)
{
    struct entry_spec s = { .key = key,
                            .type = (enum value_type)e->type,
                            .encoding = e->encoding,
                            .flags = e->flags & ENTRY_FORM,
                            .deadline = deadline };
    if (e->flags & ENTRY_WORD)
        s.word = *entry_word(e);
    else
        s.embed = entry_embed(e);
    struct entry *n = entry_new(&s);
    n->access = e->access;
    return n;
}

struct entry *entry_rekey(struct entry *e, struct slice key)
{
    struct entry *n = clone(e, key, entry_deadline(e));
    mem_free(e);
    return n;
}

struct entry *entry_copy(const struct entry *e, struct slice key, int64_t deadline)
{
    struct entry *n = clone(e, key, deadline);
    if (e->flags & ENTRY_OWNS)
        *entry_word(n) =
            (uintptr_t)type_ops((enum value_type)e->type)->copy(e->encoding, entry_ptr(e));
    return n;
}
