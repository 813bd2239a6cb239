/* DEBUG about keys: fill, reload, how a value is kept. */
#include <stdio.h>

#include "core/base/num.h"
#include "core/rdb/save.h"
#include "core/sys/log.h"
#include "core/types/list.h"
#include "server/cmd/debug.h"
#include "server/cmd/keyed.h"
#include "server/config.h"
#include "server/dataset.h"
#include "server/persist/aof.h"
#include "server/persist/aof_load.h"
#include "server/persist/load.h"
#include "server/persist/snapshot.h"
#include "server/script/scripting.h"

/* ---- fill ---- */

static void put_numbered(struct call *c, struct slice prefix, int64_t i, size_t size)
{
    struct str key = str_fmt("%.*s:%lld", SLICE_ARG(prefix), (long long)i);
    struct value v;
    if (!ks_write(db_of(c), str_slice(key), KS_NO_TOUCH, &v)) {
        struct buf b = { 0 };
        buf_fmt(&b, "value:%lld", (long long)i);
        while (size > buf_size(&b))
            buf_putc(&b, 0);
        if (size && size < buf_size(&b)) b.len = b.pos + size;
        ks_set_string(&v, str_slice(key), buf_slice(&b), STRING_AUTO, ENTRY_NO_DEADLINE);
        buf_free(&b);
        c->changed++;
    }
    str_free(&key);
}

#define RESERVE_MAX (1 << 22) /* the rest grows with what really comes */

static void debug_populate(struct call *c)
{
    int64_t n, size = 0;
    struct slice prefix = c->argc > 3 ? c->argv[3] : SLICE("key");
    static const char *const wrong = "-ERR value is out of range, must be positive";
    if (!arg_int_range(c, 2, 0, INT64_MAX, &n, wrong)) return;
    if (c->argc > 4 && !arg_int_range(c, 4, 0, 512 << 20, &size, wrong)) return;
    ks_reserve(db_of(c), (size_t)(n < RESERVE_MAX ? n : RESERVE_MAX), 0);
    for (int64_t i = 0; i < n; i++)
        put_numbered(c, prefix, i, (size_t)size);
    call_silent(c);
    reply_ok(c);
}

/* ---- reload ---- */

static void debug_reload(struct call *c)
{
    struct server *s = server_of(c);
    struct errmsg msg;
    bool save = true, flush = true, merge = false;
    for (int i = 2; i < c->argc; i++) {
        if (arg_is(c, i, "NOSAVE"))
            save = false;
        else if (arg_is(c, i, "NOFLUSH"))
            flush = false;
        else if (arg_is(c, i, "MERGE"))
            merge = true;
        else {
            reply_error(c,
                        "-ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");
            return;
        }
    }
    enum load_into into = flush ? LOAD_BESIDE : merge ? LOAD_MERGE : LOAD_ADD;
    if (loader_busy(s->loader)) {
        reply_error(c, "-ERR A load is under way");
        return;
    }
    if (save && snapshot_save_now(s->snapshot, &msg)) {
        reply_error_fmt(c, "-ERR %s", msg.text);
        return;
    }
    if (loader_run(s->loader, s->config->dbfilename, into, &msg)) {
        reply_error(c, "-ERR Error trying to load the RDB dump, check server logs.");
        log_warning("%s", msg.text);
        return;
    }
    ks_begin(s->ks, c->now_ms, KS_EXPIRE_DELETE);
    log_warning("DB reloaded by DEBUG RELOAD");
    reply_ok(c);
}

static void debug_loadaof(struct call *c)
{
    struct server *s = server_of(c);
    if (aof_enabled(s->aof)) aof_flush(s->aof, true);
    ks_flush(s->ks, -1, false);
    scripting_adopt_libraries(s->scripts, NULL); /* the file has them, and would find them there */
    if (!aof_load_now(s->aof_loader)) {
        reply_error(c, "-ERR Error trying to load the AOF files, check server logs.");
        return;
    }
    ks_begin(s->ks, c->now_ms, KS_EXPIRE_DELETE);
    log_warning("Append Only File loaded by DEBUG LOADAOF");
    reply_ok(c);
}

/* ---- one value ---- */

/* What a long list consists of. */
static void describe_nodes(const struct call *c, const struct entry *e, struct buf *out)
{
    size_t n = list_parts(e), bytes = 0;
    for (size_t i = 0; i < n; i++) {
        bool plain;
        bytes += list_part(e, i, &plain).n;
    }
    buf_fmt(out,
            " ql_nodes:%zu ql_avg_node:%.2f ql_listpack_max:%d ql_compressed:0 "
            "ql_uncompressed_size:%zu",
            n, (double)list_len(e) / (double)n, limits_of(c)->list_max_listpack_size, bytes);
}

static void debug_object(struct call *c)
{
    struct ks_db *db = db_of(c);
    const struct entry *e = ks_peek(db, ks_hash(db->ks, c->argv[2]), c->argv[2]); /* expired too */
    struct buf b = { 0 };
    if (!e) {
        reply_no_key(c);
        return;
    }
    rdb_dump(e, &b);
    size_t size =
        buf_size(&b) > 11 ? buf_size(&b) - 11 : 0; /* without type, version and checksum */
    buf_clear(&b);
    buf_fmt(&b,
            "Value at:%p refcount:1 encoding:%s serializedlength:%zu lru:%u lru_seconds_idle:%lld",
            (const void *)e, value_encoding_name(e), size, (unsigned)e->access,
            (long long)ks_idle_seconds(ks_of(c), e));
    if (slice_eqz(slice_z(value_encoding_name(e)), "quicklist")) describe_nodes(c, e, &b);
    buf_putc(&b, 0);
    reply_status(c, buf_head(&b));
    buf_free(&b);
}

static void debug_packed_threshold(struct call *c)
{
    uint64_t bytes;
    if (num_to_bytes(c->argv[2], &bytes) && bytes < UINT32_MAX)
        reply_ok(c);
    else
        reply_error(c, "argument must be a memory value bigger than 1 and smaller than 4gb");
}

/* Collections that have outgrown their compact form are tables, whatever else. */
static void debug_htstats_key(struct call *c)
{
    struct value v;
    if (!ks_read(db_of(c), c->argv[2], KS_NO_TOUCH | KS_NO_STATS, &v)) {
        reply_no_key(c);
        return;
    }
    struct slice form = slice_z(value_encoding_name(v.e));
    if (!slice_eqz(form, "hashtable") && !slice_eqz(form, "skiplist")) {
        reply_error(c, "The value stored at the specified key is not represented using an hash "
                       "table");
        return;
    }
    struct str text = str_fmt("Hash table 0 stats (main hash table):\n number of elements: %zu\n",
                              value_free_effort(v.e));
    reply_verbatim(c, "txt", str_slice(text));
    str_free(&text);
}

static void debug_listpack(struct call *c)
{
    struct value v;
    if (!ks_read(db_of(c), c->argv[2], KS_NO_TOUCH | KS_NO_STATS, &v)) {
        reply_no_key(c);
        return;
    }
    if (strncmp(value_encoding_name(v.e), "listpack", 8) != 0) {
        reply_error(c, "Not a listpack encoded object.");
        return;
    }
    log_notice("DEBUG LISTPACK: %zu bytes", value_mem(v.e, 0));
    reply_status(c, "Listpack structure printed on stdout");
}

static void debug_htstats(struct call *c)
{
    int64_t id;
    if (!arg_int(c, 2, &id)) return;
    const struct ks_db *db = ks_db(ks_of(c), id);
    if (!db) {
        reply_error(c, "-ERR Out of range database");
        return;
    }
    struct str text = str_fmt(
        "[Dictionary HT]\nHash table 0 stats (main hash table):\n table size: %zu\n "
        "number of elements: %zu\n[Expires HT]\n table size: %zu\n number of elements: %zu\n",
        table_slots(&db->keys), ks_count(db), table_slots(&db->deadlines), ks_deadlines(db));
    reply_verbatim(c, "txt", str_slice(text));
    str_free(&text);
}

const struct debug_row debug_data_rows[] = {
    { "DIGEST", 0, 0, debug_digest,
      HELP("DIGEST", "    Hash all data.") },
    { "DIGEST-VALUE", 1, -1, debug_digest_value,
      HELP("DIGEST-VALUE <key> [<key> ...]",
           "    Hash the values of these keys, one by one.") },
    { "HTSTATS", 1, 2, debug_htstats,
      HELP("HTSTATS <dbid> [full]",
           "    Describe the hash tables of a database.") },
    { "HTSTATS-KEY", 1, 2, debug_htstats_key,
      HELP("HTSTATS-KEY <key> [full]", "    Describe the table that a value is kept in.") },
    { "LISTPACK", 1, 1, debug_listpack,
      HELP("LISTPACK <key>", "    Log the size of a value in compact form.") },
    { "LOADAOF", 0, 0, debug_loadaof,
      HELP("LOADAOF", "    Write the append-only file out and load it again.") },
    { "OBJECT", 1, 2, debug_object,
      HELP("OBJECT <key>", "    Show how the value of <key> is kept.") },
    { "POPULATE", 1, 3, debug_populate,
      HELP("POPULATE <count> [<prefix>] [<size>]",
           "    Make <count> string keys named key:<num>. They are not told to replicas.") },
    { "QUICKLIST-PACKED-THRESHOLD", 1, 1, debug_packed_threshold,
      HELP("QUICKLIST-PACKED-THRESHOLD <size>",
           "    Has no effect: nodes of lists are small in any case.") },
    { "RELOAD", 0, 3, debug_reload,
      HELP("RELOAD [NOSAVE] [NOFLUSH] [MERGE]",
           "    Write a snapshot and load it at once.") },
    { .name = NULL },
};
