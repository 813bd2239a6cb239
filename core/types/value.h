/* value: the handle of one key's value, and the table of types.
 *
 * A `struct value` says where an entry is at home, so that a type may move the entry when its
 * value grows (the tables that hold it are corrected). It is filled by the keyspace's look-ups,
 * lives on the caller's stack, and is lent until the same key is changed by other means (another
 * handle, remove, rename). `e == NULL` means that the key does not exist; the handle then still
 * serves for ks_set_string and ks_put.
 * Each type is one row of `struct type_ops`: what must be known of a value without knowing what it
 * is. A type never replies, never knows clients, never counts changes. Pure.
 * Tests: unit/keyspace. */
#ifndef CORE_TYPES_VALUE_H
#define CORE_TYPES_VALUE_H

#include "core/base/table.h"
#include "core/types/entry.h"

struct value {
    struct entry *e;
    struct table *keys;      /* where the entry is at home */
    struct table *deadlines; /* the second table, for entries with a deadline */
    struct table *timed;     /* the third, for entries whose parts have deadlines (ENTRY_TIMED) */
    uint64_t hash;
};

static inline bool value_is(const struct value *v, enum value_type t)
{
    return v->e && v->e->type == t;
}

/* The value's new form for value_become(). */
struct value_form {
    uint8_t encoding;
    uint8_t flags; /* of ENTRY_FORM */
    uint64_t word;
    struct slice embed; /* may lie in the old entry */
};
/* Same key, deadline and access clock, new payload. What the old word pointed to is the caller's
 * business (the new form may go on using it). Moves the entry if the size asks for it, and keeps
 * the third table in step. */
void value_become(struct value *v, const struct value_form *form);
/* Makes or drops the room for a deadline and sets it; keeps the second table in step. */
void value_set_deadline(struct value *v, int64_t deadline_ms);

/* A row a type. `encoding` is the number that stands in the entry, `ptr` its word. Rows may leave
 * out functions that only make sense for values behind a pointer when they have none. */
struct type_ops {
    const char *name;                                           /* "string", as TYPE says */
    const char *(*encoding_name)(const struct entry *e);        /* as OBJECT ENCODING says */
    void (*free)(uint8_t encoding, void *ptr);
    void *(*copy)(uint8_t encoding, const void *ptr);           /* deep copy, same encoding */
    size_t (*mem)(uint8_t encoding, const void *ptr, size_t samples); /* bytes behind ptr */
    size_t (*free_effort)(uint8_t encoding, const void *ptr);   /* allocations, about */
    /* Where a look-up of that element begins, with its hash there; NULL: in no table. A hint. */
    const struct table *(*place)(const struct entry *e, struct slice element, uint64_t *hash);
};
const struct type_ops *type_ops(enum value_type t); /* NULL: no such type in this build */
/* VALUE_TYPES when the name is none; any case. */
enum value_type type_by_name(struct slice name);

static inline const char *value_type_name(const struct entry *e)
{
    return type_ops((enum value_type)e->type)->name;
}
const char *value_encoding_name(const struct entry *e);
/* Bytes of entry and value together; `samples` elements are measured, 0 = all. */
size_t value_mem(const struct entry *e, size_t samples);
/* About how many frees it takes. */
size_t value_free_effort(const struct entry *e);

#endif
