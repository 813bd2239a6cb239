/* table: the configuration engine. A directive is a row; a struct holds the values; rows say where
 * in the struct by offset, so that each node in a process has its own values and shares the rows.
 *
 * A `struct conf` binds tables of rows to structs ("parts"). It owns nothing but the values that
 * live on the heap inside the bound structs: texts and lists. Fields by kind:
 *
 *     CONF_BOOL bool · CONF_INT, CONF_SECONDS, CONF_ENUM int · CONF_LONG, CONF_MS int64_t
 *     CONF_SIZE uint64_t bytes · CONF_PERCENT_OR_SIZE int64_t, a percentage is negative
 *     CONF_TEXT char *, never NULL · CONF_BYTES struct str, a text that may have zero bytes
 *     CONF_LIST the struct of its conf_list_ops
 *
 * Life: conf_init, conf_add for each part (fills in the defaults), conf_load, conf_set, conf_free.
 * Setting live is all or nothing: every value is read and checked first, then all are put in place,
 * then each distinct apply function runs once, in the order of the pairs; when one fails, the old
 * values are put back and the functions that had run run again.
 *
 * Error texts are Redis'. Purity: no clock, no sockets; apply functions do what they do.
 * Tests: unit/conf. Documentation is printed from the rows: docs/directives.md. */
#ifndef CORE_CONF_TABLE_H
#define CORE_CONF_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/str.h"
#include "core/conf/lex.h"

enum conf_kind {
    CONF_BOOL,
    CONF_INT,
    CONF_SECONDS,
    CONF_LONG,
    CONF_MS,
    CONF_SIZE,
    CONF_PERCENT_OR_SIZE,
    CONF_ENUM,
    CONF_TEXT,
    CONF_BYTES,
    CONF_LIST,
};

enum conf_flag {
    CONF_START = 1 << 0,     /* only at start: "can't set immutable config" */
    CONF_PROTECTED = 1 << 1, /* live only where enable-protected-configs allows it */
    CONF_SECRET = 1 << 2,    /* never logged */
    CONF_HIDDEN = 1 << 3,    /* found by its full name only, not by patterns */
    CONF_BITS = 1 << 4,      /* an enum of several words, or-ed */
    CONF_OCTAL = 1 << 5,
    CONF_FILE_ONLY = 1 << 6, /* a line of the file, unknown to CONFIG GET and SET (user, ...) */
    CONF_FORCE = 1 << 7,     /* REWRITE writes it even when it has its default */
    CONF_NEVER_REWRITE = 1 << 8, /* REWRITE leaves its lines alone */
};

/* What becomes of a directive. */
enum conf_status {
    CONF_WORKS = 0,
    CONF_NO_EFFECT, /* accepted; one line in the log says that it has no effect, and `note` why */
    CONF_REFUSED,   /* any value but the default is an error: `note` is the reason */
};

struct conf_name {
    const char *name;
    int value;
};

/* A value of several words or several lines. Objects are movable bytes of `size`. */
struct conf_list_ops {
    size_t size;
    void (*init)(void *list); /* the default */
    void (*copy)(void *to, const void *from);
    void (*free)(void *list);
    /* Takes the words behind the directive. `live`: a CONFIG SET (one word, to be split by the
     * function if it is a list) rather than a line of a file, whose effect may add up. */
    enum err (*read)(void *list, const struct slice *word, size_t n, bool live, struct errmsg *m);
    void (*print)(const void *list, struct buf *out); /* as CONFIG GET shows it */
    /* The lines for REWRITE, directive included: emit each by calling line(to, text). NULL: one
     * line, name and what print gives as words. */
    void (*lines)(const void *list, void (*line)(void *to, struct slice text, bool differs),
                  void *to);
};

struct conf_row {
    const char *name;
    const char *alias; /* NULL, or the older or newer name */
    enum conf_kind kind;
    unsigned flags;
    enum conf_status status;
    size_t offset;
    int64_t def;          /* bool, int, size and enum kinds */
    const char *def_text; /* CONF_TEXT; NULL is "" */
    int64_t min, max;     /* integer kinds; max 0 with min 0: no bounds but the type's */
    const struct conf_name *of;        /* CONF_ENUM: ends with a NULL name */
    const struct conf_list_ops *list;  /* CONF_LIST */
    /* May refuse a value that is well formed; `value` points to a field of the row's kind. */
    enum err (*check)(const void *value, struct errmsg *m);
    /* Runs after the field has changed by CONFIG SET. Not at load. */
    enum err (*apply)(void *owner, struct errmsg *m);
    const char *what; /* one line for people */
    const char *note; /* why it has no effect or is refused */
};

#define CONF_PARTS_MAX 4

struct conf_part {
    const struct conf_row *row;
    size_t rows;
    void *base;  /* the struct that offsets refer to */
    void *owner; /* handed to apply functions; NULL: nothing is applied live */
};

struct conf {
    struct conf_part part[CONF_PARTS_MAX];
    size_t parts;
    bool loaded; /* true: changes are live */
    /* Names of rows without effect that were given, for the log; lent from the rows. */
    VEC(const struct conf_row *) without_effect;
};

void conf_init(struct conf *c);
/* Binds rows to a struct whose fields are filled with the defaults. */
void conf_add(struct conf *c, const struct conf_row *row, size_t rows, void *base, void *owner);
void conf_free(struct conf *c);

/* Takes one line (word[0] is the directive). ERR_NOTFOUND: no row has this name, message
 * "Bad directive or wrong number of arguments". */
enum err conf_load_line(struct conf *c, const struct conf_line *line, struct errmsg *m);
/* All lines of l; each that is bad becomes an error of l. Lines for which skip() is true are not
 * looked at (skip may be NULL). */
void conf_load(struct conf *c, struct conf_lines *l, bool (*skip)(const struct conf_line *));

/* The row of a name or alias in any case, or NULL; `field` receives the address of its value. */
const struct conf_row *conf_find(const struct conf *c, struct slice name, void **field);

typedef void conf_get_fn(void *to, const char *name, struct slice value);
/* Calls fn for each name (aliases are names too) that a pattern matches, each once, sorted. */
void conf_get(const struct conf *c, const struct slice *pattern, size_t n, conf_get_fn *fn,
              void *to);
/* The value in its canonical form. */
void conf_print(const struct conf_row *row, const void *field, struct buf *out);
/* The same for the default. */
void conf_print_default(const struct conf_row *row, struct buf *out);

struct conf_pair {
    struct slice name, value;
};
#define CONF_SET_PROTECTED 1u /* the client may set protected directives */
/* CONFIG SET: all or nothing. On failure the message is the whole reply behind "-ERR ". */
enum err conf_set(struct conf *c, const struct conf_pair *pair, size_t n, unsigned how,
                  struct errmsg *m);
/* Sets one field from the program, without apply (REPLICAOF, CONFIG RESETSTAT's friends). */
void conf_put_text(char **field, struct slice value);

/* Reads a value of the row's kind from text into `field` (initialised); for tests and for
 * SENTINEL SET. */
enum err conf_parse(const struct conf_row *row, void *field, const struct slice *word, size_t n,
                    bool live, struct errmsg *m);
bool conf_is_default(const struct conf_row *row, const void *field);

#endif
