/* types: how the value of a key stands in the RDB, a row a type code.
 *
 * A new type adds a save function to the row of its value type, and a load function to each type
 * code that it can read. A load function runs in steps: it is called again with the same
 * `struct rdb_building` until it gives RDB_BUILT; between elements it commits (rdb_in_commit) and
 * keeps count in `left`, so that a value of a million elements is neither buffered whole nor
 * loaded in one go. Pure. Tests: unit/rdb. */
#ifndef CORE_RDB_TYPES_H
#define CORE_RDB_TYPES_H

#include "core/rdb/format.h"
#include "core/rdb/stream.h"
#include "core/types/limits.h"
#include "core/types/value.h"

enum rdb_build {
    RDB_BUILT, /* b->e is the entry; NULL: an empty collection, which is no key */
    RDB_PART,  /* call again: in->status tells whether bytes are missing or only time is up */
    RDB_BROKEN /* in->status is RDB_IN_FAILED */
};

struct rdb_building {
    struct slice key; /* of the entry to make: stable while building */
    int64_t deadline;
    void *part;       /* the type's own, freed by .abandon when the load ends early */
    uint64_t left;    /* elements to come */
    int64_t base;     /* what numbers of the type count from */
    struct entry *e;
    bool begun;
    const struct type_limits *limits; /* for the form of what is built; NULL: the defaults */
};

struct rdb_type_row {
    const char *name;
    enum value_type type;
    enum rdb_build (*load)(struct rdb_in *in, struct rdb_building *b); /* NULL: not known here */
    void (*abandon)(struct rdb_building *b);                           /* NULL: nothing to free */
};
extern const struct rdb_type_row rdb_types[RDB_TYPE_COUNT];

/* The type code that save will use for this value. */
enum rdb_type rdb_type_of(const struct entry *e);
/* The value without its type code. */
void rdb_put_value(struct rdb_out *o, const struct entry *e);

#endif
