#include "core/rdb/load.h"

#include "core/base/crc.h"
#include "core/base/must.h"
#include "core/base/num.h"
#include "core/rdb/format.h"

#define DB_MAX 65536      /* bound for numbers of databases in a file; the host knows its own */
#define PAYLOAD_TAIL 10   /* version and checksum of a DUMP payload */
#define KEY_SHOWN 100     /* bytes of a key in a message */

enum phase { AT_HEAD, AT_RECORD, IN_VALUE, AT_FOOT, AT_END };

static int shown(struct slice key) { return (int)(key.n < KEY_SHOWN ? key.n : KEY_SHOWN); }

static void forget_key(struct rdb_loader *l)
{
    l->deadline = ENTRY_NO_DEADLINE;
    l->idle_seconds = -1;
    l->frequency = -1;
}

void rdb_load_start(struct rdb_loader *l, struct rdb_in *in, const struct rdb_load_hooks *h)
{
    *l = (struct rdb_loader){ .in = in, .phase = AT_HEAD };
    if (h) l->hooks = *h;
    forget_key(l);
}

void rdb_load_end(struct rdb_loader *l)
{
    if (l->phase == IN_VALUE && rdb_types[l->type].abandon)
        rdb_types[l->type].abandon(&l->building);
    l->phase = AT_END;
    str_free(&l->key);
}

/* --- records ------------------------------------------------------------------------------ */
/* Each reads what follows its opcode; false = look at in->status. */

/* What a hook answered. */
static bool accepted(struct rdb_loader *l, enum err e, const struct errmsg *m)
{
    return e == ERR_NONE ? true : rdb_in_fail(l->in, e, "%s", m->text);
}

static bool give_batch(struct rdb_loader *l)
{
    struct errmsg m;
    size_t n = l->batch_n;
    l->batch_n = 0;
    if (n && l->hooks.keys)
        return accepted(l, l->hooks.keys(l->hooks.app, l->batch, n, &m), &m);
    for (size_t i = 0; i < n; i++) entry_free(l->batch[i].e);
    return true;
}

static bool read_select(struct rdb_loader *l)
{
    uint64_t db;
    if (!rdb_get_len(l->in, &db, NULL)) return false;
    if (db >= DB_MAX) return rdb_in_fail(l->in, ERR_RANGE, "database number %llu is out of range",
                                         (unsigned long long)db);
    l->db = (int)db;
    return true;
}

static bool read_resize(struct rdb_loader *l)
{
    uint64_t keys, deadlines;
    struct errmsg m;
    if (!rdb_get_len(l->in, &keys, NULL) || !rdb_get_len(l->in, &deadlines, NULL)) return false;
    if (!l->hooks.resize) return true;
    /* A key takes at least three bytes: what is claimed beyond that is not believed. */
    uint64_t left = l->in->total == UINT64_MAX ? 0 : l->in->total - rdb_in_offset(l->in);
    if (keys > left / 3) keys = left / 3;
    if (deadlines > keys) deadlines = keys;
    return accepted(l, l->hooks.resize(l->hooks.app, l->db, keys, deadlines, &m), &m);
}

static bool read_aux(struct rdb_loader *l)
{
    struct slice name, value;
    struct errmsg m;
    if (!rdb_get_string(l->in, &name)) return false;
    struct str keep = str_new(name);
    bool ok = rdb_get_string(l->in, &value);
    if (ok && l->hooks.aux)
        ok = accepted(l, l->hooks.aux(l->hooks.app, str_slice(keep), value, &m), &m);
    str_free(&keep);
    return ok;
}

static bool read_function(struct rdb_loader *l)
{
    struct slice source;
    struct errmsg m;
    if (!rdb_get_string(l->in, &source)) return false;
    if (!l->hooks.function) return true;
    return accepted(l, l->hooks.function(l->hooks.app, source, &m), &m);
}

static bool read_function_old(struct rdb_loader *l)
{
    return rdb_in_fail(l->in, ERR_FORMAT, "function of a pre-release version is not supported");
}

static bool read_deadline_ms(struct rdb_loader *l)
{
    uint64_t ms;
    if (!rdb_get_u64(l->in, &ms)) return false;
    /* -1 in the file would read as "none": such a key is long gone anyway. */
    l->deadline = (int64_t)ms < 0 ? 0 : (int64_t)ms;
    return true;
}

static bool read_deadline_s(struct rdb_loader *l)
{
    uint32_t s;
    if (!rdb_get_u32(l->in, &s)) return false;
    l->deadline = (int32_t)s < 0 ? 0 : (int64_t)(int32_t)s * 1000;
    return true;
}

static bool read_idle(struct rdb_loader *l)
{
    uint64_t s;
    if (!rdb_get_len(l->in, &s, NULL)) return false;
    l->idle_seconds = s > INT32_MAX ? INT32_MAX : (int64_t)s;
    return true;
}

static bool read_freq(struct rdb_loader *l)
{
    uint8_t f;
    if (!rdb_get_byte(l->in, &f)) return false;
    l->frequency = f;
    return true;
}

static bool skip_module_value(struct rdb_in *in, uint64_t op)
{
    uint64_t n;
    const char *p;
    struct slice s;
    switch (op) {
    case RDB_MODULE_SINT:
    case RDB_MODULE_UINT: return rdb_get_len(in, &n, NULL);
    case RDB_MODULE_FLOAT: return rdb_get(in, 4, &p);
    case RDB_MODULE_DOUBLE: return rdb_get(in, 8, &p);
    case RDB_MODULE_STRING: return rdb_get_string(in, &s);
    default: return rdb_in_fail(in, ERR_FORMAT, "unknown tag in the data of a module");
    }
}

/* We have no modules: what one left beside the keys is passed over. */
static bool skip_module(struct rdb_loader *l)
{
    uint64_t n;
    if (!rdb_get_len(l->in, &n, NULL)) return false;
    do {
        if (!rdb_get_len(l->in, &n, NULL)) return false;
    } while (n != RDB_MODULE_EOF && skip_module_value(l->in, n));
    return l->in->status == RDB_IN_OK;
}

static bool read_eof(struct rdb_loader *l)
{
    if (!give_batch(l)) return false; /* what is wrong with a key is said before the checksum is */
    l->phase = l->version >= RDB_VERSION_CRC ? AT_FOOT : AT_END;
    return true;
}

/* What a node of a cluster says of a slot: only sizes. */
static bool skip_slot(struct rdb_loader *l)
{
    uint64_t n;
    return rdb_get_len(l->in, &n, NULL) && rdb_get_len(l->in, &n, NULL) &&
           rdb_get_len(l->in, &n, NULL);
}

/* A row an opcode, from RDB_SLOT_INFO on. */
static bool (*const opcodes[])(struct rdb_loader *l) = {
    skip_slot, read_function, read_function_old, skip_module,     read_idle,   read_freq,
    read_aux,  read_resize,   read_deadline_ms,  read_deadline_s, read_select, read_eof,
};

/* --- keys --------------------------------------------------------------------------------- */

/* Says which key is at hand, in front of the sentence. */
static void name_key(struct rdb_loader *l)
{
    struct slice key = str_slice(l->key);
    err_prefix(&l->in->msg, l->in->err, "key '%.*s'", shown(key), key.n ? key.p : "");
}

static bool begin_value(struct rdb_loader *l, uint8_t code)
{
    struct slice key;
    if (code >= RDB_TYPE_COUNT || !rdb_types[code].name)
        return rdb_in_fail(l->in, ERR_FORMAT, "unknown value type or opcode %d", code);
    if (!rdb_get_string(l->in, &key)) return false;
    str_set(&l->key, key);
    if (!rdb_types[code].load) {
        rdb_in_fail(l->in, ERR_FORMAT, "values of type %s (code %d) are not supported",
                    rdb_types[code].name, code);
        name_key(l);
        return false;
    }
    l->type = code;
    l->building = (struct rdb_building){ .key = str_slice(l->key),
                                         .deadline = l->deadline,
                                         .limits = l->hooks.limits };
    l->phase = IN_VALUE;
    return true;
}

static bool keep_key(struct rdb_loader *l)
{
    struct rdb_key k = { .db = l->db,
                         .e = l->building.e,
                         .idle_seconds = l->idle_seconds,
                         .frequency = l->frequency };
    l->building.e = NULL;
    l->keys++;
    l->phase = AT_RECORD;
    if (!k.e && l->hooks.empty) l->hooks.empty(l->hooks.app, str_slice(l->key));
    forget_key(l);
    if (k.e) l->batch[l->batch_n++] = k;
    return l->batch_n < RDB_KEYS_A_BATCH || give_batch(l);
}

static bool read_value(struct rdb_loader *l)
{
    if (rdb_types[l->type].load(l->in, &l->building) == RDB_BUILT) return keep_key(l);
    if (l->in->status == RDB_IN_FAILED) name_key(l);
    return false;
}

/* --- the frame ---------------------------------------------------------------------------- */

static bool read_head(struct rdb_loader *l)
{
    const char *p;
    int64_t version;
    if (!rdb_get(l->in, RDB_HEADER_SIZE, &p)) return false;
    if (memcmp(p, RDB_MAGIC, 5) != 0)
        return rdb_in_fail(l->in, ERR_FORMAT, "Wrong signature trying to load DB from file");
    struct slice digits = slice_of(p + 5, 4);
    while (digits.n > 1 && *digits.p == '0') digits.p++, digits.n--;
    if (!num_to_i64(digits, &version) || version < 1 || version > RDB_VERSION_MAX)
        return rdb_in_fail(l->in, ERR_FORMAT, "Can't handle RDB format version %.*s",
                           SLICE_ARG(digits));
    l->version = (int)version;
    l->phase = AT_RECORD;
    return true;
}

static bool read_record(struct rdb_loader *l)
{
    uint8_t code;
    if (!rdb_get_byte(l->in, &code)) return false;
    return code >= RDB_SLOT_INFO ? opcodes[code - RDB_SLOT_INFO](l) : begin_value(l, code);
}

/* The sum of all before stands in in->crc, since everything before was committed. */
static bool read_foot(struct rdb_loader *l)
{
    uint64_t want;
    if (!rdb_get_u64(l->in, &want)) return false;
    if (l->in->checksum && want && want != l->in->crc)
        return rdb_in_fail(l->in, ERR_CHECKSUM, "RDB CRC error: expected %llx but got %llx",
                           (unsigned long long)want, (unsigned long long)l->in->crc);
    l->phase = AT_END;
    return true;
}

static bool (*const phases[])(struct rdb_loader *l) = { read_head, read_record, read_value,
                                                        read_foot };

static enum rdb_load_status read_records(struct rdb_loader *l, size_t records)
{
    struct rdb_in *in = l->in;
    if (in->status == RDB_IN_FAILED) return RDB_LOAD_FAILED;
    if (in->status == RDB_IN_WAIT) rdb_in_retry(in);
    for (size_t i = 0; l->phase != AT_END && (!records || i < records); i++) {
        if (phases[l->phase](l)) {
            rdb_in_commit(in);
            continue;
        }
        if (in->status == RDB_IN_FAILED) return RDB_LOAD_FAILED;
        if (in->status == RDB_IN_WAIT) return RDB_LOAD_WAIT;
        /* A value that asked for another turn: it has committed its part itself. */
    }
    return l->phase == AT_END ? RDB_LOAD_DONE : RDB_LOAD_MORE;
}

enum rdb_load_status rdb_load_step(struct rdb_loader *l, size_t records)
{
    enum rdb_load_status st = read_records(l, records);
    return give_batch(l) ? st : RDB_LOAD_FAILED;
}

enum err rdb_load(struct rdb_in *in, const struct rdb_load_hooks *h, struct errmsg *msg)
{
    struct rdb_loader l;
    rdb_load_start(&l, in, h);
    enum rdb_load_status st = rdb_load_step(&l, 0);
    rdb_load_end(&l);
    must(st != RDB_LOAD_WAIT && st != RDB_LOAD_MORE);
    if (st == RDB_LOAD_DONE) return ERR_NONE;
    return err_set(msg, in->err, "%s", in->msg.text);
}

/* --- into a keyspace ---------------------------------------------------------------------- */

static enum err target_aux(void *app, struct slice name, struct slice value, struct errmsg *msg)
{
    struct rdb_load_target *t = app;
    return t->aux ? t->aux(t->app, name, value, msg) : ERR_NONE;
}

static enum err target_function(void *app, struct slice source, struct errmsg *msg)
{
    struct rdb_load_target *t = app;
    return t->function ? t->function(t->app, source, msg) : ERR_NONE;
}

static enum err target_resize(void *app, int db, uint64_t keys, uint64_t deadlines,
                              struct errmsg *msg)
{
    struct rdb_load_target *t = app;
    if (ks_db(t->ks, db)) ks_reserve(ks_db(t->ks, db), keys, deadlines);
    return ERR_NONE;
}

static void set_access(struct keyspace *ks, const struct rdb_key *k)
{
    uint32_t clock = access_new(&ks->access, ks->now_ms);
    if (ks->access.lfu && k->frequency >= 0)
        clock = access_from_frequency((uint32_t)k->frequency, ks->now_ms);
    if (!ks->access.lfu && k->idle_seconds >= 0)
        clock = access_from_idle(k->idle_seconds, ks->now_ms);
    k->e->access = clock & 0xffffffu;
}

/* On error the entry stays the caller's. */
static enum err put_key(struct rdb_load_target *t, const struct rdb_key *k, uint64_t hash,
                        struct errmsg *msg)
{
    struct ks_db *db = ks_db(t->ks, k->db);
    struct slice key = entry_key(k->e);
    if (!db)
        return err_set(msg, ERR_RANGE, "database %d is beyond the %d that are configured", k->db,
                       t->ks->n);
    if (t->drop_expired && ks_is_expired(t->ks, k->e)) {
        if (t->expired_key) t->expired_key(t->app, k->db, entry_key(k->e));
        entry_free(k->e);
        t->expired++;
        return ERR_NONE;
    }
    set_access(t->ks, k);
    if (!ks_load(db, hash, k->e)) {
        if (!t->replace)
            return err_set(msg, ERR_EXISTS, "key '%.*s' is there twice", shown(key), key.p);
        ks_remove(db, key, true);
        must(ks_load(db, hash, k->e));
    }
    t->loaded++;
    return ERR_NONE;
}

/* Each place of the table is a cache miss: they are waited for together. */
static void make_ready(struct rdb_load_target *t, const struct rdb_key *k, size_t n,
                       uint64_t *hash)
{
    for (size_t i = 0; i < n; i++) {
        hash[i] = ks_hash(t->ks, entry_key(k[i].e));
        if (ks_db(t->ks, k[i].db)) ks_prefetch(ks_db(t->ks, k[i].db), hash[i]);
    }
    for (size_t i = 0; i < n; i++)
        if (ks_db(t->ks, k[i].db)) ks_prefetch_entry(ks_db(t->ks, k[i].db), hash[i]);
}

static enum err target_keys(void *app, const struct rdb_key *k, size_t n, struct errmsg *msg)
{
    struct rdb_load_target *t = app;
    uint64_t hash[RDB_KEYS_A_BATCH];
    enum err e = ERR_NONE;
    size_t i = 0;
    make_ready(t, k, n, hash);
    while (i < n && (e = put_key(t, &k[i], hash[i], msg)) == ERR_NONE)
        i++;
    while (i < n) entry_free(k[i++].e);
    return e;
}

struct rdb_load_hooks rdb_load_into(struct rdb_load_target *t)
{
    return (struct rdb_load_hooks){ .app = t,
                                    .aux = target_aux,
                                    .resize = target_resize,
                                    .keys = target_keys,
                                    .function = target_function };
}

/* --- RESTORE ------------------------------------------------------------------------------ */

static bool version_is_known(struct slice p)
{
    uint16_t version;
    if (p.n <= PAYLOAD_TAIL) return false;
    memcpy(&version, p.p + p.n - PAYLOAD_TAIL, 2);
    return version <= RDB_VERSION_MAX;
}

enum err rdb_check_payload(struct slice p)
{
    uint64_t crc;
    if (!version_is_known(p)) return ERR_CHECKSUM;
    memcpy(&crc, p.p + p.n - 8, 8);
    return crc == crc64(0, p.p, p.n - 8) ? ERR_NONE : ERR_CHECKSUM;
}

static enum err wrong_sum(struct errmsg *msg)
{
    return err_set(msg, ERR_CHECKSUM, "DUMP payload version or checksum are wrong");
}

enum err rdb_restore(struct slice payload, struct slice key, int64_t deadline,
                     const struct type_limits *limits, struct entry **out, struct errmsg *msg)
{
    if (rdb_check_payload(payload)) return wrong_sum(msg);
    return rdb_restore_unsummed(payload, key, deadline, limits, out, msg);
}

enum err rdb_restore_unsummed(struct slice payload, struct slice key, int64_t deadline,
                              const struct type_limits *limits, struct entry **out,
                              struct errmsg *msg)
{
    struct rdb_in in;
    struct rdb_building b = { .key = key, .deadline = deadline, .limits = limits };
    if (!version_is_known(payload)) return wrong_sum(msg);
    uint8_t code = (uint8_t)payload.p[0];
    if (code >= RDB_TYPE_COUNT || !rdb_types[code].load)
        return err_set(msg, ERR_FORMAT, "at byte 0: there is no value type %d", code);
    rdb_in_init_slice(&in, slice_of(payload.p + 1, payload.n - 1 - PAYLOAD_TAIL));
    in.checksum = false;
    enum rdb_build r;
    do r = rdb_types[code].load(&in, &b);
    while (r == RDB_PART);
    if (r == RDB_BROKEN && rdb_types[code].abandon) rdb_types[code].abandon(&b);
    if (r == RDB_BUILT && in.at != in.bytes.n) { /* bytes left over */
        entry_free(b.e);
        rdb_in_fail(&in, ERR_FORMAT, "there are bytes behind the value");
        r = RDB_BROKEN;
    }
    rdb_in_free(&in);
    if (r == RDB_BROKEN) return err_set(msg, ERR_FORMAT, "%s", in.msg.text);
    if (!b.e) return err_set(msg, ERR_FORMAT, "a collection without elements");
    *out = b.e;
    return ERR_NONE;
}
