/* journal: from an executed unit to the write stream, encoded once.
 *
 * A unit is one command, one EXEC, one expiry or one eviction. Its effects leave together, at its
 * end, and nowhere else: none: nothing; one: bare; several: wrapped in MULTI ... EXEC. A command
 * that changed something (call->changed > 0) goes as it came, unless it says other words here. */
#ifndef SERVER_JOURNAL_H
#define SERVER_JOURNAL_H

#include <stdbool.h>

#include "core/front/call.h"

struct server;
struct journal;

/* Who takes the stream. The first is the replication feed, the second the append-only file, which
 * hears of each command after the feed. `append` gets the bytes of whole commands; db -1: they need
 * no database (MULTI, EXEC). */
struct journal_sink {
    bool (*wants)(void *arg); /* false: nothing is encoded for it */
    void (*append)(void *arg, int db, struct slice bytes);
    void *arg;
};
enum { JOURNAL_FEED, JOURNAL_FILE, JOURNAL_SINKS };
#define JOURNAL_ALL ((1u << JOURNAL_SINKS) - 1)

struct journal *journal_new(struct server *s);
void journal_delete(struct journal *j);
void journal_sink(struct journal *j, int which, const struct journal_sink *sink);

/* In the stream this call is these words instead (copied). Called again it adds a further command.
 */
void call_replace(struct call *c, int argc, const struct slice *argv);
/* After the call's own words, these too. */
void call_also(struct call *c, int argc, const struct slice *argv);
/* It changed something, and nothing of it goes to the stream (or the unit's end has its words
 * already). */
void call_silent(struct call *c);
/* It goes to the stream although `changed` is 0 (FLUSHALL). */
void call_force(struct call *c);
/* It goes to the replicas, and not to the file (PUBLISH). */
void call_force_replicas(struct call *c);

/* What it changes by the way (keys that turn out to be past their deadlines) does not belong
 * together: no MULTI, unless it is part of a larger unit. */
void call_loose(struct call *c);

/* Shorthand: call_replace_words(c, SLICE("DEL"), key). */
#define call_replace_words(c, ...)                                                                 \
    call_replace((c), (int)(sizeof((struct slice[]){ __VA_ARGS__ }) / sizeof(struct slice)),       \
                 (const struct slice[]){ __VA_ARGS__ })
#define call_also_words(c, ...)                                                                    \
    call_also((c), (int)(sizeof((struct slice[]){ __VA_ARGS__ }) / sizeof(struct slice)),          \
              (const struct slice[]){ __VA_ARGS__ })

/* ---- units ---- */
/* hooks.begin and hooks.end of the front call these; EXEC and the master's stream nest. */
void journal_begin(struct call *c);
void journal_end(struct call *c);
/* No unit is open. */
bool journal_idle(const struct journal *j);
/* EXEC: everything until journal_close is one unit. */
void journal_open(struct journal *j, int64_t now_ms);
void journal_close(struct journal *j);
/* From here on effects go to these sinks only (bits); JOURNAL_ALL: as usual. redis.set_repl. */
void journal_limit(struct journal *j, unsigned sinks);
/* What the open unit has done so far goes nowhere: the process ends in the middle of it. */
void journal_forget(struct journal *j);
/* A key was removed by expiry or eviction: DEL or UNLINK in that database; part of the unit at
 * hand, or a unit of its own. */
void journal_del(struct journal *j, int db, struct slice key, bool lazily);
/* Words of the server's own in a database (-1: none). */
void journal_words(struct journal *j, int db, int argc, const struct slice *argv);
/* The unit's instant: one `now` a unit (the outermost call's). Outside of one: the clock. */
int64_t journal_now_ms(const struct journal *j);

#endif
