/* digest: a check value of each 64 KiB of the stream, as it was produced or as it was applied.
 *
 * Windows begin at multiples of their size, so that two nodes that joined at different offsets have
 * the same windows; one that began in the middle of a window says nothing about it. A replica names
 * its last whole window in its acknowledgements, the master compares with its own: bytes that were
 * damaged, reordered or applied with an error are noticed within one window.
 * Pure. One in `struct replication`, for both roles. No cryptography: it is for accidents.
 * Tests: unit/digest. */
#ifndef REPLICATION_DIGEST_H
#define REPLICATION_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"

#define DIGEST_WINDOW (64 * 1024)
#define DIGEST_KEPT 1024 /* windows that a master still knows: 64 MiB of stream */

struct digest_mark {
    int64_t end;   /* offset of the window's last byte; 0: none */
    uint64_t hash;
};

struct digest {
    bool on;
    int64_t at;       /* bytes seen; the next one is at + 1 */
    int64_t whole_at; /* windows that end behind this are whole */
    uint64_t hash, word;
    unsigned word_n;  /* bytes in `word` */
    struct digest_mark last;
    struct digest_mark kept[DIGEST_KEPT]; /* by number of the window */
};

void digest_start(struct digest *d, int64_t at); /* on, from behind `at` */
void digest_stop(struct digest *d);
void digest_add(struct digest *d, struct slice bytes); /* nothing when it is off */
void digest_spoil(struct digest *d); /* what was applied was not understood: never equal */

enum digest_answer { DIGEST_SAME, DIGEST_DIFFERS, DIGEST_UNKNOWN };
enum digest_answer digest_compare(const struct digest *d, struct digest_mark theirs);

/* "<end>:<16 hex>" as in acknowledgements. */
#define DIGEST_TEXT_MAX 40
struct slice digest_write(struct digest_mark m, char out[DIGEST_TEXT_MAX]);
bool digest_read(struct slice text, struct digest_mark *m);

#endif
