/* functions: the payload of FUNCTION DUMP: records FUNCTION2 with a library's source each, then
 * version and checksum as DUMP has them. Pure. Tests: unit/rdb, fuzz/fuzz_functions. */
#ifndef CORE_RDB_FUNCTIONS_H
#define CORE_RDB_FUNCTIONS_H

#include "core/base/buf.h"
#include "core/base/err.h"

void rdb_dump_functions(const struct slice *sources, size_t n, struct buf *out);
/* Gives each source (lent) to `take`; its error ends the walk. The payload's checksum is looked at
 * first (ERR_CHECKSUM). */
enum err rdb_restore_functions(struct slice payload,
                               enum err (*take)(void *app, struct slice source,
                                                struct errmsg *msg),
                               void *app, struct errmsg *msg);

#endif
