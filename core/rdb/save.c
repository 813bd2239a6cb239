#include "core/rdb/save.h"

#include <stdio.h>

#include "core/base/crc.h"
#include "core/base/must.h"
#include "core/rdb/format.h"
#include "core/rdb/types.h"

static void put_head(struct rdb_saver *s)
{
    char magic[RDB_HEADER_SIZE + 8];
    snprintf(magic, sizeof(magic), RDB_MAGIC "%04d", s->o.version);
    rdb_put(s->out, magic, RDB_HEADER_SIZE);
    for (size_t i = 0; i < s->o.aux_n; i++) {
        rdb_put_byte(s->out, RDB_AUX);
        rdb_put_string(s->out, slice_z(s->o.aux[i].name));
        rdb_put_string(s->out, s->o.aux[i].value);
    }
    for (size_t i = 0; i < s->o.functions_n; i++) {
        rdb_put_byte(s->out, RDB_FUNCTION2);
        rdb_put_string(s->out, s->o.functions[i]);
    }
}

static void put_access(struct rdb_saver *s, const struct entry *e)
{
    if (s->ks->access.lfu) {
        rdb_put_byte(s->out, RDB_FREQ);
        rdb_put_byte(s->out, (uint8_t)ks_frequency(s->ks, e));
    } else {
        rdb_put_byte(s->out, RDB_IDLE);
        rdb_put_len(s->out, (uint64_t)ks_idle_seconds(s->ks, e));
    }
}

static void put_key(struct rdb_saver *s, const struct entry *e)
{
    int64_t deadline = entry_deadline(e);
    if (deadline != ENTRY_NO_DEADLINE) {
        rdb_put_byte(s->out, RDB_EXPIRETIME_MS);
        rdb_put_u64(s->out, (uint64_t)deadline);
    }
    if (s->o.access) put_access(s, e);
    rdb_put_byte(s->out, (uint8_t)rdb_type_of(e));
    rdb_put_string(s->out, entry_key(e));
    rdb_put_value(s->out, e);
    s->keys++;
}

void rdb_save_start(struct rdb_saver *s, struct keyspace *ks, struct rdb_out *out,
                    const struct rdb_save_options *o)
{
    *s = (struct rdb_saver){ .ks = ks, .out = out, .db = -1 };
    if (o) s->o = *o;
    if (!s->o.version) s->o.version = RDB_VERSION;
    put_head(s);
}

/* The next database that is not empty. */
static bool next_db(struct rdb_saver *s)
{
    if (s->walking) table_iter_end(&s->it);
    s->walking = false;
    while (++s->db < s->ks->n) {
        struct ks_db *db = ks_db(s->ks, s->db);
        if (!ks_count(db)) continue;
        rdb_put_byte(s->out, RDB_SELECTDB);
        rdb_put_len(s->out, (uint64_t)s->db);
        rdb_put_byte(s->out, RDB_RESIZEDB);
        rdb_put_len(s->out, ks_count(db));
        rdb_put_len(s->out, ks_deadlines(db));
        table_iter_start(&s->it, &db->keys);
        s->walking = true;
        return true;
    }
    return false;
}

static void put_foot(struct rdb_saver *s)
{
    rdb_put_byte(s->out, RDB_EOF);
    uint64_t crc = s->out->checksum ? s->out->crc : 0;
    if (s->o.version >= RDB_VERSION_CRC) rdb_put_u64(s->out, crc);
    rdb_out_flush(s->out);
    s->done = true;
}

enum rdb_save_status rdb_save_step(struct rdb_saver *s, size_t keys)
{
    bool limited = keys != 0;
    while (!s->done && !s->out->err) {
        const struct entry *e = s->walking ? table_iter_next(&s->it) : NULL;
        if (e)
            put_key(s, e);
        else if (!next_db(s))
            put_foot(s);
        if (e && limited && --keys == 0) break;
    }
    if (s->out->err) return RDB_SAVE_FAILED;
    return s->done ? RDB_SAVE_DONE : RDB_SAVE_MORE;
}

void rdb_save_end(struct rdb_saver *s)
{
    if (s->walking) table_iter_end(&s->it);
    s->walking = false;
}

enum err rdb_save(struct keyspace *ks, struct rdb_out *out, const struct rdb_save_options *o,
                  struct errmsg *msg)
{
    struct rdb_saver s;
    rdb_save_start(&s, ks, out, o);
    enum rdb_save_status st = rdb_save_step(&s, 0);
    rdb_save_end(&s);
    if (st == RDB_SAVE_DONE) return ERR_NONE;
    return err_set(msg, out->err, "%s", out->msg.text);
}

void rdb_dump(const struct entry *e, struct buf *out)
{
    struct rdb_out o;
    rdb_out_init(&o, NULL, NULL, true, true);
    rdb_put_byte(&o, (uint8_t)rdb_type_of(e));
    rdb_put_value(&o, e);
    uint16_t version = RDB_VERSION;
    rdb_put(&o, &version, sizeof(version));
    rdb_put_u64(&o, o.crc);
    buf_puts(out, buf_slice(&o.buf));
    rdb_out_free(&o);
}
