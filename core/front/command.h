/* front/command: the row type of all commands, and the registry that finds rows by name.
 *
 * A family file ends with a table of rows; a personality registers its tables. Rows are constant;
 * what changes (call counters, renamed names, ids for ACL bits) stands in the registry, which
 * belongs to a `struct front`. Layer core/front. Tests: unit/front, compat/test_commands. */
#ifndef CORE_FRONT_COMMAND_H
#define CORE_FRONT_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"

struct front;
struct client;
struct call;
struct command;

/* Flags. Those with a Redis name are printed by COMMAND. */
enum {
    CMD_WRITE = 1u << 0,
    CMD_READONLY = 1u << 1,
    CMD_DENYOOM = 1u << 2,
    CMD_ADMIN = 1u << 3,
    CMD_PUBSUB = 1u << 4,
    CMD_NOSCRIPT = 1u << 5,
    CMD_BLOCKING = 1u << 6,
    CMD_LOADING = 1u << 7, /* allowed while loading */
    CMD_STALE = 1u << 8,   /* allowed on a replica whose data may be old */
    CMD_SKIP_MONITOR = 1u << 9,
    CMD_SKIP_SLOWLOG = 1u << 10,
    CMD_FAST = 1u << 11,
    CMD_NO_AUTH = 1u << 12,
    CMD_MAY_REPLICATE = 1u << 13,
    CMD_SENTINEL = 1u << 14,
    CMD_NO_MULTI = 1u << 15,
    CMD_ALLOW_BUSY = 1u << 16,
    CMD_NO_MANDATORY_KEYS = 1u << 17,
    CMD_MOVABLE_KEYS = 1u << 18, /* computed when find_keys is set */
    CMD_NO_ASYNC_LOADING = 1u << 19,
    CMD_TOUCHES_ARBITRARY_KEYS = 1u << 20,
};

/* ACL categories named by a row; @read @write @admin @dangerous @fast @slow @blocking @pubsub are
 * also computed from flags. */
enum {
    ACL_KEYSPACE = 1u << 0, ACL_READ = 1u << 1, ACL_WRITE = 1u << 2, ACL_SET = 1u << 3,
    ACL_SORTEDSET = 1u << 4, ACL_LIST = 1u << 5, ACL_HASH = 1u << 6, ACL_STRING = 1u << 7,
    ACL_BITMAP = 1u << 8, ACL_HYPERLOGLOG = 1u << 9, ACL_GEO = 1u << 10, ACL_STREAM = 1u << 11,
    ACL_PUBSUB = 1u << 12, ACL_ADMIN = 1u << 13, ACL_FAST = 1u << 14, ACL_SLOW = 1u << 15,
    ACL_BLOCKING = 1u << 16, ACL_DANGEROUS = 1u << 17, ACL_CONNECTION = 1u << 18,
    ACL_TRANSACTION = 1u << 19, ACL_SCRIPTING = 1u << 20,
};

/* How keys are touched, as COMMAND INFO's key specifications print it. */
enum {
    KEY_RO = 1u << 0, KEY_RW = 1u << 1, KEY_OW = 1u << 2, KEY_RM = 1u << 3,
    KEY_ACCESS = 1u << 4, KEY_UPDATE = 1u << 5, KEY_INSERT = 1u << 6, KEY_DELETE = 1u << 7,
    KEY_NOT_KEY = 1u << 8, KEY_INCOMPLETE = 1u << 9, KEY_VARIABLE_FLAGS = 1u << 10,
    KEY_CHANNEL = 1u << 11, /* not a key: a pub/sub channel, for ACL; alone it is not printed */
    KEY_CHANNEL_PATTERN = 1u << 12, /* with KEY_CHANNEL: a pattern of channels */
};

/* KEYS_UNKNOWN: a specification that COMMAND prints as unknown; the row has find_keys. */
enum keyspec_begin { KEYS_NONE, KEYS_AT, KEYS_AFTER_WORD, KEYS_UNKNOWN };
enum keyspec_find { KEYS_RANGE, KEYS_NUMBERED };

struct keyspec {
    enum keyspec_begin begin;
    int first; /* KEYS_AT: index in argv; KEYS_AFTER_WORD: where the search starts (negative: from
                  the end) */
    const char *word; /* KEYS_AFTER_WORD */
    enum keyspec_find find;
    int last;  /* KEYS_RANGE: relative to first; -1: to the end, -2: to the one before last */
    int step;  /* distance from key to key */
    int limit; /* KEYS_RANGE with last -1: take 1/limit of what is left; 0: all */
    int numkeys, firstkey; /* KEYS_NUMBERED: positions relative to first */
    uint32_t flags;
    const char *notes; /* for COMMAND INFO; NULL: none */
};
#define KEYSPECS_MAX 4
#define KEYS(first_, last_, step_, flags_)                                                         \
    {                                                                                              \
        .begin = KEYS_AT, .first = (first_), .find = KEYS_RANGE,                                   \
        .last = ((last_) < 0 ? (last_) : (last_) - (first_)), .step = (step_), .flags = (flags_)   \
    }

struct key_ref {
    int at; /* index in argv */
    uint32_t flags;
};
#define KEY_REFS_MAX 256 /* kept on the stack by callers; longer lists are allocated */
struct key_list {
    struct key_ref *at;
    int n, cap;
    struct key_ref few[KEY_REFS_MAX];
};

struct command {
    const char *name; /* upper case; a sub-command's own word ("GET" of CONFIG GET) */
    void (*run)(struct call *c); /* NULL for a pure container */
    int arity; /* counts the name (and the container's name); negative: at least */
    uint32_t flags;
    uint32_t acl;
    struct keyspec keys[KEYSPECS_MAX];
    /* For keys that no keyspec describes. Returns false on a syntax error. */
    bool (*find_keys)(int argc, const struct slice *argv, struct key_list *out);
    /* For specs with KEY_VARIABLE_FLAGS: what this call does with the key. */
    uint32_t (*key_flags)(int argc, const struct slice *argv);
    /* The argument that names an element in the first key's value (a field, a member), where calls
     * usually have it; 0: none. A hint: the element's memory is brought near beforehand. */
    int element;
    const struct command *subs; /* table ended by a row with name NULL */
    const char *since, *group, *complexity, *summary;
    const char *syntax;       /* "key:key value:string [NX|XX]": the grammar is in front/docs.h */
    const char *const *hints; /* tips of COMMAND INFO; NULL-ended or NULL */
    const char *const *history; /* pairs: version, what changed; NULL-ended or NULL */
    const char *deprecated_since, *replaced_by; /* NULL: not deprecated */
};
#define COMMANDS_END { .name = NULL }

/* ---- registry ---- */

struct command_stats {
    uint64_t calls, usec, rejected, failed;
    struct histogram *latency; /* front/latency; may be NULL */
};

/* One registered row: command or sub-command. */
struct command_entry {
    const struct command *row;
    const struct command_entry *parent; /* container, or NULL */
    int id;                             /* dense from 0: bit in ACL bitmaps */
    int arity;                          /* of the row, kept near */
    uint32_t flags;                     /* the row's, with what is computed */
    uint32_t categories;                /* ACL_*: the row's, with what its flags imply */
    char fullname[64];                  /* "config|get", lower case; not touched by a rename */
    struct command_entry *subs;
    int subs_n;
    struct command_stats stats;
};

/* True: an argument count fits. */
static inline bool command_arity_ok(const struct command_entry *e, int argc)
{
    return e->arity >= 0 ? argc == e->arity : argc >= -e->arity;
}

struct registry;
struct registry *registry_new(void);
void registry_delete(struct registry *r);
/* `rows` ends with COMMANDS_END and lives as long as the registry. */
void registry_add(struct registry *r, const struct command *rows);
/* By first word, case-insensitive. NULL: none. */
struct command_entry *registry_find(const struct registry *r, struct slice name);
/* By first word and, for containers, the second. A container with an unknown sub-command gives the
 * container. */
struct command_entry *registry_find_full(const struct registry *r, int argc,
                                         const struct slice *argv);
/* rename-command: "" removes. ERR texts are the caller's. */
bool registry_rename(struct registry *r, struct slice from, struct slice to);
/* In order of registration, top-level ones. */
int registry_count(const struct registry *r);
struct command_entry *registry_at(const struct registry *r, int i);
int registry_ids(const struct registry *r); /* ids are below this */
struct command_entry *registry_by_id(const struct registry *r, int id);
/* "config|get", or "get": for ACL rules and COMMAND INFO. NULL: none. */
struct command_entry *registry_find_name(const struct registry *r, struct slice fullname);

/* All keys of a call (not what is marked KEY_NOT_KEY or KEY_CHANNEL); false: the arguments do not
 * parse. Release with key_list_free. */
bool command_keys(const struct command *row, int argc, const struct slice *argv,
                  struct key_list *out);
void key_list_add(struct key_list *l, int at, uint32_t flags);
void key_list_free(struct key_list *l);

#endif
