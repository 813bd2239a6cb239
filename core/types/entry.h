/* entry: one key and its value's place, in one allocation. What the tables of a database hold.
 *
 *     | header 8 | deadline 8? | long key length 8? | word 8? | key bytes | embedded bytes |
 *
 * The word is an integer or the pointer to what the value's type keeps; a small string has no
 * word but lies embedded behind the key (up to ENTRY_EMBED_MAX bytes). Type and encoding say how
 * to read it; the encodings' numbers belong to the type's own .c file.
 * Owns the block, and through its type what the word points to. Pure.
 * An entry is made here, then given to the keyspace; it may move in memory whenever its value or
 * deadline changes, so nobody keeps the pointer: commands hold a `struct value` (value.h).
 * A key is at most 2^48 - 1 bytes. Blocks are sized in steps of 16 bytes. Tests: unit/keyspace. */
#ifndef CORE_TYPES_ENTRY_H
#define CORE_TYPES_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"

enum value_type {
    VALUE_STRING,
    VALUE_LIST,
    VALUE_SET,
    VALUE_ZSET,
    VALUE_HASH,
    VALUE_STREAM,
    VALUE_TYPES
};

#define ENTRY_EMBED_MAX 192     /* longer strings get their own block: cheaper to rewrite */
#define ENTRY_NO_DEADLINE (-1)  /* lives until removed */

enum entry_flags {
    ENTRY_DEADLINE = 1, /* room for a deadline is there */
    ENTRY_LONG_KEY = 2, /* key length in a word of its own */
    ENTRY_WORD = 4,     /* integer or pointer */
    ENTRY_OWNS = 8,     /* the word is a pointer that the type frees */
    ENTRY_TIMED = 16,   /* parts of the value have deadlines of their own (fields of a hash) */
    ENTRY_FORM = ENTRY_WORD | ENTRY_OWNS | ENTRY_TIMED, /* what belongs to the value's form */
};

struct entry {
    uint32_t type : 4, encoding : 4, access : 24; /* access: LRU or LFU clock, see db/access.h */
    uint8_t flags;
    uint8_t embedded; /* bytes of the embedded value */
    uint16_t key_n;   /* key length unless ENTRY_LONG_KEY */
};

/* What a new entry holds: exactly one of `word` (with ENTRY_WORD, perhaps ENTRY_OWNS, in flags)
 * and `embed`. */
struct entry_spec {
    struct slice key;
    enum value_type type;
    uint8_t encoding;
    uint8_t flags; /* of ENTRY_FORM */
    int64_t deadline;
    uint64_t word;
    struct slice embed;
};

struct entry *entry_new(const struct entry_spec *spec);
/* A collection: takes `ptr`, to be freed by the type. */
struct entry *entry_new_ptr(struct slice key, enum value_type type, uint8_t encoding, void *ptr,
                            int64_t deadline);
/* Frees entry and value. May run on any thread once the entry is in no table. */
void entry_free(struct entry *e);
/* The same value under another key: moves it out of `e`, which is freed. */
struct entry *entry_rekey(struct entry *e, struct slice key);
/* A second entry with a deep copy of the value. */
struct entry *entry_copy(const struct entry *e, struct slice key, int64_t deadline);

static inline size_t entry_at_word(const struct entry *e)
{
    return sizeof(struct entry) + (e->flags & ENTRY_DEADLINE ? 8u : 0u) +
           (e->flags & ENTRY_LONG_KEY ? 8u : 0u);
}
static inline char *entry_bytes(const struct entry *e) { return (char *)(uintptr_t)e; }
static inline struct slice entry_key(const struct entry *e)
{
    size_t n = e->key_n;
    if (__builtin_expect(e->flags & ENTRY_LONG_KEY, 0))
        n = *(const uint64_t *)(const void *)(entry_bytes(e) + entry_at_word(e) - 8);
    return slice_of(entry_bytes(e) + entry_at_word(e) + (e->flags & ENTRY_WORD ? 8 : 0), n);
}
static inline uint64_t *entry_word(const struct entry *e)
{
    return (uint64_t *)(void *)(entry_bytes(e) + entry_at_word(e));
}
static inline void *entry_ptr(const struct entry *e) { return (void *)(uintptr_t)*entry_word(e); }
static inline struct slice entry_embed(const struct entry *e)
{
    struct slice k = entry_key(e);
    return slice_of(k.p + k.n, e->embedded);
}
static inline int64_t entry_deadline(const struct entry *e)
{
    if (!(e->flags & ENTRY_DEADLINE)) return ENTRY_NO_DEADLINE;
    return *(const int64_t *)(const void *)(entry_bytes(e) + sizeof(struct entry));
}
/* Bytes of the block itself, without what the word points to. */
size_t entry_size(const struct entry *e);

#endif
