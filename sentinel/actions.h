/* actions: the ordered list of what a step of the Sentinel core wants done.
 *
 * The driver performs them one by one, in order, and then resets the list. Texts and argument
 * arrays (zero-terminated, for libc) live in the list until the reset ("actions own"). Order is the
 * contract: PERSIST comes before all that depends on it, and a list has at most one PERSIST, since
 * the text to save (sn_state_write) is made from the state after the step.
 *
 * When saving fails the driver calls sn_save_failed(core, list, index) and goes on with the next
 * action: the vote is then denied, the admin answer an error, dependent SENDs have become NONE.
 * Pure. Tests: unit/sn_text. */
#ifndef SENTINEL_ACTIONS_H
#define SENTINEL_ACTIONS_H

#include "core/base/str.h"
#include "core/base/vec.h"
#include "sentinel/events.h"
#include "sentinel/model.h"

enum sn_action_kind {
    SN_DO_NONE,       /* nothing: perform nothing */
    SN_DO_PERSIST,    /* write the state and fsync, now */
    SN_DO_SEND,       /* link, conn, argv, tag: the tag comes back with the reply */
    SN_DO_CONNECT,    /* link, conn, host (an IP address), port: ends in LINK_UP or LINK_DOWN */
    SN_DO_DISCONNECT, /* link, conn: close (also while connecting); no event may follow from it */
    SN_DO_RESOLVE,    /* link, host: ends in RESOLVED; asked again only after the answer */
    SN_DO_ANSWER,     /* asker, answer */
    SN_DO_EVENT,      /* evt, level, channel, text: log and publish (debug level: log only) */
    SN_DO_LOG,        /* level, text: log only */
    SN_DO_SCRIPT,     /* argv: queue this user script; argv[0] is the path */
    SN_DO_EXIT        /* code: a simulated crash; end the process at once */
};

enum sn_answer_kind {
    SN_ANS_OK,    /* +OK */
    SN_ANS_ERROR, /* text: with the code first ("ERR ...", "INPROG ...") */
    SN_ANS_INT,   /* integer */
    SN_ANS_VOTE   /* array: integer (0 or 1), text (run id or "*"), epoch */
};

struct sn_action {
    enum sn_action_kind kind;
    uint32_t link;
    enum sn_conn conn;
    uint64_t tag;
    const struct slice *argv;
    int argc;
    struct slice host;
    int port;
    enum sn_evt evt;
    enum sn_level level;
    struct slice channel; /* the event's name */
    /* EVENT, LOG: the line; ANSWER: error text or voted run id; RESOLVE: the address to keep */
    struct slice text;
    uint64_t asker;
    enum sn_answer_kind answer;
    int64_t integer;
    uint64_t epoch;
    int code;
    bool after_save; /* depends on the PERSIST before it */
};

struct sn_actions {
    VEC(struct sn_action) list;
    VEC(char *) blocks; /* memory of texts and arrays */
    size_t used, room;  /* of the last block */
    bool persists;
};

/* Empties the list; everything lent from it ends. */
void sn_actions_reset(struct sn_actions *a);
void sn_actions_free(struct sn_actions *a);

/* For the core's own files. Strings are copied into the list. */
void *sn_actions_alloc(struct sn_actions *a, size_t n);
struct slice sn_actions_text(struct sn_actions *a, struct slice s);
struct sn_action *sn_actions_add(struct sn_actions *a, enum sn_action_kind kind);
/* Once a list; the second call does nothing. */
void sn_actions_persist(struct sn_actions *a);
void sn_actions_argv(struct sn_actions *a, struct sn_action *act, int argc,
                     const struct slice *argv);

#endif
