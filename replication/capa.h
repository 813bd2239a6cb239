/* capa: what the two ends of a replication link can, by name.
 *
 * A replica says `REPLCONF capa <name>` for each; a master ignores what it does not know. Those
 * beyond Redis' two are answered by our masters in the line that grants the sync ("+CONTINUE <id>
 * live-ack,digest"), only to replicas that named one of them: so both know what both can, and a
 * Redis at either end sees nothing unusual. docs/formats/stream.md has what each means.
 * Pure. Tests: unit/link, unit/peer. */
#ifndef REPLICATION_CAPA_H
#define REPLICATION_CAPA_H

#include "core/base/buf.h"
#include "core/base/str.h"

enum {
    CAPA_EOF = 1u << 0,      /* a snapshot without length */
    CAPA_PSYNC2 = 1u << 1,   /* +CONTINUE with an id */
    CAPA_LIVE_ACK = 1u << 2, /* acknowledges what it applied at once, unasked */
    CAPA_DIGEST = 1u << 3,   /* adds DIGEST to its acknowledgements */
    CAPA_BEAT = 1u << 4,     /* wants a newline when it has everything, ten times a second */
    CAPA_EARLY = 1u << 5,    /* reads on while it loads: the stream may follow $EOF's mark */
};
#define CAPA_BEYOND (CAPA_LIVE_ACK | CAPA_DIGEST | CAPA_BEAT | CAPA_EARLY)

unsigned capa_named(struct slice name); /* 0: unknown */
unsigned capa_list_read(struct slice list); /* names with commas between; unknown ones count 0 */
void capa_list_write(struct buf *out, unsigned capa);
/* Calls fn for each name, in a fixed order. */
void capa_each(unsigned capa, void (*fn)(void *arg, struct slice name), void *arg);

#endif
