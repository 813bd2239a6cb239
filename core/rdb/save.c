#include "core/rdb/save.h"

#include <stdio.h>

#include "core/base/crc.h"
#include "core/base/must.h"
#include "core/rdb/format.h"
#include "core/rdb/types.h"

void rdb_put_head(struct rdb_out *out, const struct rdb_save_options *o)
{
    char magic[RDB_HEADER_SIZE + 8];
    snprintf(magic, sizeof(magic), RDB_MAGIC "%04d", o->version ? o->version : RDB_VERSION);
    rdb_put(out, magic, RDB_HEADER_SIZE);
    for (size_t i = 0; i < o->aux_n; i++) {
        rdb_put_byte(out, RDB_AUX);
        rdb_put_string(out, slice_z(o->aux[i].name));
        rdb_put_string(out, o->aux[i].value);
    }
    for (size_t i = 0; i < o->functions_n; i++) {
        rdb_put_byte(out, RDB_FUNCTION2);
        rdb_put_string(out, o->functions[i]);
    }
}

void rdb_put_db(struct rdb_out *out, int db)
{
    rdb_put_byte(out, RDB_SELECTDB);
    rdb_put_len(out, (uint64_t)db);
}

void rdb_put_db_size(struct rdb_out *out, const struct ks_db *db)
{
    rdb_put_byte(out, RDB_RESIZEDB);
    rdb_put_len(out, ks_count(db));
    rdb_put_len(out, ks_deadlines(db));
}

static void put_access(struct rdb_out *out, const struct entry *e, const struct keyspace *ks)
{
    if (ks->access.lfu) {
        rdb_put_byte(out, RDB_FREQ);
        rdb_put_byte(out, (uint8_t)ks_frequency(ks, e));
    } else {
        rdb_put_byte(out, RDB_IDLE);
        rdb_put_len(out, (uint64_t)ks_idle_seconds(ks, e));
    }
}

void rdb_put_key(struct rdb_out *out, const struct entry *e, const struct keyspace *access_of)
{
    int64_t deadline = entry_deadline(e);
    if (deadline != ENTRY_NO_DEADLINE) {
        rdb_put_byte(out, RDB_EXPIRETIME_MS);
        rdb_put_u64(out, (uint64_t)deadline);
    }
    if (access_of) put_access(out, e, access_of);
    rdb_put_byte(out, (uint8_t)rdb_type_of(e));
    rdb_put_string(out, entry_key(e));
}

void rdb_put_entry(struct rdb_out *out, const struct entry *e, const struct keyspace *access_of)
{
    rdb_put_key(out, e, access_of);
    rdb_put_value(out, e);
}

void rdb_put_foot(struct rdb_out *out, int version)
{
    rdb_put_byte(out, RDB_EOF);
    uint64_t crc = out->checksum ? out->crc : 0;
    if (!version || version >= RDB_VERSION_CRC) rdb_put_u64(out, crc);
    rdb_out_flush(out);
}

void rdb_save_start(struct rdb_saver *s, struct keyspace *ks, struct rdb_out *out,
                    const struct rdb_save_options *o)
{
    *s = (struct rdb_saver){ .ks = ks, .out = out, .db = -1 };
    if (o) s->o = *o;
    rdb_put_head(out, &s->o);
}

/* The next database that is not empty. */
static bool next_db(struct rdb_saver *s)
{
    if (s->walking) table_iter_end(&s->it);
    s->walking = false;
    while (++s->db < s->ks->n) {
        struct ks_db *db = ks_db(s->ks, s->db);
        if (!ks_count(db)) continue;
        rdb_put_db(s->out, s->db);
        rdb_put_db_size(s->out, db);
        table_iter_start(&s->it, &db->keys);
        s->walking = true;
        return true;
    }
    return false;
}

enum rdb_save_status rdb_save_step(struct rdb_saver *s, size_t keys)
{
    bool limited = keys != 0;
    while (!s->done && !s->out->err) {
        const struct entry *e = s->walking ? table_iter_next(&s->it) : NULL;
        if (e) {
            rdb_put_entry(s->out, e, s->o.access ? s->ks : NULL);
            s->keys++;
        } else if (!next_db(s)) {
            rdb_put_foot(s->out, s->o.version);
            s->done = true;
        }
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
