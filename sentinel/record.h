/* record: what happened in each failover, kept for people: one numbered record a failover.
 *
 * A record begins when this Sentinel stands for election (or adopts somebody else's result), is
 * filled in on the way, and ends with a result and a line of JSON in the log. The last few are kept
 * in memory. Nothing is decided by them. Owned by the group's model. Pure.
 * Tests: unit/sn_clear, scenes. */
#ifndef SENTINEL_RECORD_H
#define SENTINEL_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"
#include "core/base/vec.h"

#define SN_RECORDS_KEPT 16
#define SN_RECORD_ROWS 64 /* votes, and candidates, of one record */
#define SN_RECORD_ID 41   /* a run id with its zero */

enum sn_mark {
    SN_MARK_SDOWN,
    SN_MARK_ODOWN,
    SN_MARK_STARTED,
    SN_MARK_ELECTED,
    SN_MARK_SELECTED,
    SN_MARK_PROMOTED,
    SN_MARK_ENDED,
    SN_MARKS
};

struct sn_record_vote {
    char voter[SN_RECORD_ID], leader[SN_RECORD_ID];
};

struct sn_record_candidate {
    char name[300];
    int64_t offset;
    int priority;
    const char *verdict; /* a constant text */
};

struct sn_record {
    uint64_t number, epoch;
    const char *kind, *result; /* constant texts; result "" while it goes on */
    char leader[SN_RECORD_ID];
    char from[300], to[300];
    int64_t at[SN_MARKS]; /* SN_NEVER: not reached */
    VEC(struct sn_record_vote) votes;
    VEC(struct sn_record_candidate) candidates;
};

struct sn_history {
    VEC(struct sn_record) records; /* oldest first */
    uint64_t count;                /* of all that ever began in this process */
};

struct sn_group;
struct sn_instance;
const char *sn_mark_name(enum sn_mark m);
/* A new record; one that was not ended is ended as "overtaken". */
void sn_record_begin(struct sn_group *g, const char *kind);
/* The rest does nothing when no record is open. */
void sn_record_mark(struct sn_group *g, enum sn_mark m);
void sn_record_vote(struct sn_group *g, const char *voter, const char *leader);
void sn_record_candidates(struct sn_group *g);
void sn_record_chosen(struct sn_group *g, const struct sn_instance *to);
void sn_record_end(struct sn_group *g, const char *result);
/* A failover that another Sentinel led: a whole record at once. */
struct sn_addr;
void sn_record_observed(struct sn_group *g, const char *leader, const struct sn_addr *to);
void sn_history_free(struct sn_history *h);
/* One line of JSON, times as ages before now. */
struct buf;
void sn_record_json(const struct sn_group *g, const struct sn_record *r, struct buf *out);

#endif
