/* ahead: the keys of the next commands of a stream, before they are parsed and run.
 *
 * A hint for prefetching: applying is bound by memory that is not in the cache yet. Looks only at
 * the lengths of plain RESP; what is cut off or not plain ends the look, and a word that is no key
 * does no harm. Pure. Tests: unit/ahead, fuzz/request has the parser that judges. */
#ifndef REPLICATION_AHEAD_H
#define REPLICATION_AHEAD_H

#include "core/base/str.h"

#define AHEAD_MAX 16

/* The second words of up to AHEAD_MAX commands at the front of `bytes`, lent; how many. *covered:
 * bytes of these commands. */
int ahead_keys(struct slice bytes, struct slice keys[AHEAD_MAX], size_t *covered);

#endif
