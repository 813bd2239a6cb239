#include "core/rdb/functions.h"

#include "core/rdb/format.h"
#include "core/rdb/load.h"
#include "core/rdb/stream.h"

#define PAYLOAD_TAIL 10 /* version and checksum */

void rdb_dump_functions(const struct slice *sources, size_t n, struct buf *out)
{
    struct rdb_out o;
    uint16_t version = RDB_VERSION;
    rdb_out_init(&o, NULL, NULL, true, true);
    for (size_t i = 0; i < n; i++) {
        rdb_put_byte(&o, RDB_FUNCTION2);
        rdb_put_string(&o, sources[i]);
    }
    rdb_put(&o, &version, sizeof(version));
    rdb_put_u64(&o, o.crc);
    buf_puts(out, buf_slice(&o.buf));
    rdb_out_free(&o);
}

static enum err next(struct rdb_in *in,
                     enum err (*take)(void *app, struct slice source, struct errmsg *msg),
                     void *app, struct errmsg *msg)
{
    uint8_t code;
    struct slice source;
    if (!rdb_get_byte(in, &code)) return err_set(msg, ERR_FORMAT, "failed loading functions");
    if (code == RDB_FUNCTION_OLD)
        return err_set(msg, ERR_FORMAT, "Pre-GA function format not supported");
    if (code != RDB_FUNCTION2) return err_set(msg, ERR_FORMAT, "given type is not a function");
    if (!rdb_get_string(in, &source))
        return err_set(msg, ERR_FORMAT, "Failed loading library data");
    return take(app, source, msg);
}

enum err rdb_restore_functions(struct slice payload,
                               enum err (*take)(void *app, struct slice source,
                                                struct errmsg *msg),
                               void *app, struct errmsg *msg)
{
    struct rdb_in in;
    if (rdb_check_payload(payload))
        return err_set(msg, ERR_CHECKSUM, "DUMP payload version or checksum are wrong");
    rdb_in_init_slice(&in, slice_of(payload.p, payload.n - PAYLOAD_TAIL));
    in.checksum = false;
    enum err e = ERR_NONE;
    while (!e && in.at < in.bytes.n) e = next(&in, take, app, msg);
    rdb_in_free(&in);
    return e;
}
