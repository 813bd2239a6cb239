/* PFADD and the rest: HyperLogLogs, which are strings of a certain layout (core/types/hll). A call
 * works on a copy of the bytes, which takes the value's place when all went well. */
#include "server/cmd/families.h"

#include "core/base/must.h"
#include "core/types/hll.h"
#include "server/cmd/keyed.h"

#define NOT_ONE "-WRONGTYPE Key is not a valid HyperLogLog string value."
#define BROKEN "-INVALIDOBJ Corrupted HLL object detected"

static bool is_one(struct call *c, const struct value *v)
{
    char tmp[STRING_TMP];
    if (!value_is(v, VALUE_STRING)) {
        reply_wrong_type(c);
        return false;
    }
    if (hll_is(string_get(v->e, tmp))) return true;
    reply_error(c, NOT_ONE);
    return false;
}

/* False: it is there, and is none. */
static bool read_one(struct call *c, int at, struct value *v)
{
    return !ks_read(db_of(c), c->argv[at], lookup_flags(c), v) || is_one(c, v);
}

/* A checked one has far more bytes than an integer: nothing is lent for its digits. */
static struct slice bytes_of(const struct value *v)
{
    char tmp[STRING_TMP];
    struct slice s = string_get(v->e, tmp);
    must(s.p != tmp);
    return s;
}

/* Looks argv[at] up for a change and gives a copy of its bytes, an empty one when it is missing. */
static bool open_one(struct call *c, int at, struct value *v, struct buf *b)
{
    if (!ks_write(db_of(c), c->argv[at], lookup_flags(c), v)) {
        hll_init(b);
        return true;
    }
    if (!is_one(c, v)) return false;
    buf_puts(b, bytes_of(v));
    return true;
}

static void store_one(struct call *c, int at, struct value *v, const struct buf *b)
{
    ks_set_string(v, c->argv[at], buf_slice(b), STRING_RAW,
                  v->e ? KS_KEEP_DEADLINE : ENTRY_NO_DEADLINE);
}

static size_t sparse_max(const struct call *c)
{
    return (size_t)server_of(c)->config->hll_sparse_max_bytes;
}

/* ---- PFADD ---- */

/* How many registers have changed; -1: broken, and answered. */
static int64_t add_elements(struct call *c, struct buf *b)
{
    int64_t n = 0;
    for (int i = 2; i < c->argc; i++) {
        enum hll_change r = hll_add(b, c->argv[i], sparse_max(c));
        if (r == HLL_BROKEN) {
            reply_error(c, BROKEN);
            return -1;
        }
        n += r == HLL_CHANGED;
    }
    return n;
}

static void added(struct call *c, int64_t changes)
{
    if (changes) {
        c->changed += changes;
        keyed_event(c, NOTIFY_STRING, "pfadd", 1);
    }
    reply_int(c, changes > 0);
}

/* A dense one keeps its size: it is changed where it lies. */
static void add_in_place(struct call *c, struct value *v)
{
    struct buf lent = { 0 };
    lent.data = string_bytes(v, 0, &lent.len);
    lent.cap = lent.len;
    int64_t changes = add_elements(c, &lent);
    must(changes >= 0);
    if (changes) {
        hll_forget_count(&lent);
        ks_changed(v);
    }
    added(c, changes);
}

static void add_to_copy(struct call *c, struct value *v)
{
    struct buf b = { 0 };
    if (v->e)
        buf_puts(&b, bytes_of(v));
    else
        hll_init(&b);
    int64_t changes = add_elements(c, &b);
    if (changes >= 0) {
        changes += !v->e;
        if (changes) {
            hll_forget_count(&b);
            store_one(c, 1, v, &b);
        }
        added(c, changes);
    }
    buf_free(&b);
}

static void cmd_pfadd(struct call *c)
{
    struct value v;
    if (ks_write(db_of(c), c->argv[1], lookup_flags(c), &v) && !is_one(c, &v)) return;
    if (v.e && !hll_is_sparse(bytes_of(&v)))
        add_in_place(c, &v);
    else
        add_to_copy(c, &v);
}

/* ---- PFCOUNT ---- */

static void count_union(struct call *c)
{
    uint8_t registers[HLL_REGISTERS] = { 0 };
    for (int i = 1; i < c->argc; i++) {
        struct value v;
        if (!read_one(c, i, &v)) return;
        if (v.e && !hll_merge(bytes_of(&v), registers)) {
            reply_error(c, BROKEN);
            return;
        }
    }
    reply_int(c, (int64_t)hll_estimate(registers));
}

/* The estimate is kept in the value, which is a change: for a replica its master does it. */
static void keep_count(struct call *c, struct value *v, uint64_t count)
{
    if (!server_of(c)->is_master && !(c->client->flags & CLIENT_MASTER)) return;
    struct buf b = { 0 };
    if (ks_write(db_of(c), c->argv[1], KS_NO_TOUCH, v)) {
        buf_puts(&b, bytes_of(v));
        hll_keep_count(&b, count);
        store_one(c, 1, v, &b);
        c->changed++;
    }
    buf_free(&b);
}

static void count_one(struct call *c)
{
    struct value v;
    uint64_t count = 0;
    if (!read_one(c, 1, &v)) return;
    if (v.e && !hll_known_count(bytes_of(&v), &count)) {
        uint8_t registers[HLL_REGISTERS] = { 0 };
        if (!hll_merge(bytes_of(&v), registers)) {
            reply_error(c, BROKEN);
            return;
        }
        count = hll_estimate(registers);
        keep_count(c, &v, count);
    }
    reply_int(c, (int64_t)count);
}

static void cmd_pfcount(struct call *c)
{
    if (c->argc > 2)
        count_union(c);
    else
        count_one(c);
}

/* ---- PFMERGE ---- */

/* The union of all that are named, the destination too; *dense: one of them is. */
static bool merge_all(struct call *c, uint8_t registers[HLL_REGISTERS], bool *dense)
{
    for (int i = 1; i < c->argc; i++) {
        struct value v;
        if (!read_one(c, i, &v)) return false;
        if (!v.e) continue;
        if (!hll_is_sparse(bytes_of(&v))) *dense = true;
        if (!hll_merge(bytes_of(&v), registers)) {
            reply_error(c, BROKEN);
            return false;
        }
    }
    return true;
}

static bool raise_all(struct call *c, struct buf *b, const uint8_t registers[HLL_REGISTERS])
{
    for (unsigned i = 0; i < HLL_REGISTERS; i++)
        if (registers[i] && hll_raise(b, i, registers[i], sparse_max(c)) == HLL_BROKEN)
            return false;
    return true;
}

static void cmd_pfmerge(struct call *c)
{
    uint8_t registers[HLL_REGISTERS] = { 0 };
    bool dense = false;
    struct value v;
    struct buf b = { 0 };
    if (merge_all(c, registers, &dense) && open_one(c, 1, &v, &b)) {
        if ((dense && !hll_to_dense(&b)) || !raise_all(c, &b, registers)) {
            reply_error(c, BROKEN);
        } else {
            hll_forget_count(&b);
            store_one(c, 1, &v, &b);
            c->changed++;
            keyed_event(c, NOTIFY_STRING, "pfadd", 1);
            reply_ok(c);
        }
    }
    buf_free(&b);
}

/* ---- PFDEBUG ---- */

static void to_dense(struct call *c, struct value *v, struct buf *b)
{
    if (!hll_to_dense(b)) {
        reply_error(c, BROKEN);
        return;
    }
    string_set(v, buf_slice(b), STRING_RAW); /* the same value: who watches it is not told */
    c->changed++;
}

static void debug_getreg(struct call *c, struct value *v, struct buf *b)
{
    uint8_t registers[HLL_REGISTERS] = { 0 };
    if (hll_is_sparse(buf_slice(b))) to_dense(c, v, b);
    if (c->failed) return;
    hll_merge(buf_slice(b), registers);
    reply_array(c, HLL_REGISTERS);
    for (int i = 0; i < HLL_REGISTERS; i++)
        reply_int(c, registers[i]);
}

static void debug_decode(struct call *c, struct value *v, struct buf *b)
{
    struct buf text = { 0 };
    (void)v;
    if (!hll_is_sparse(buf_slice(b))) {
        reply_error(c, "-ERR HLL encoding is not sparse");
        return;
    }
    hll_runs(buf_slice(b), &text);
    reply_bulk(c, buf_slice(&text));
    buf_free(&text);
}

static void debug_encoding(struct call *c, struct value *v, struct buf *b)
{
    (void)v;
    reply_status(c, hll_is_sparse(buf_slice(b)) ? "sparse" : "dense");
}

static void debug_todense(struct call *c, struct value *v, struct buf *b)
{
    bool sparse = hll_is_sparse(buf_slice(b));
    if (sparse) to_dense(c, v, b);
    if (!c->failed) reply_int(c, sparse);
}

static void cmd_pfdebug(struct call *c)
{
    static const struct {
        const char *name;
        void (*run)(struct call *c, struct value *v, struct buf *b);
    } subs[] = { { "GETREG", debug_getreg },
                 { "DECODE", debug_decode },
                 { "ENCODING", debug_encoding },
                 { "TODENSE", debug_todense } };
    struct value v;
    struct buf b = { 0 };
    size_t i = 0, n = sizeof(subs) / sizeof(subs[0]);
    if (!ks_write(db_of(c), c->argv[2], lookup_flags(c), &v)) {
        reply_error(c, "-ERR The specified key does not exist");
        return;
    }
    if (!is_one(c, &v)) return;
    buf_puts(&b, bytes_of(&v));
    while (i < n && !arg_is(c, 1, subs[i].name))
        i++;
    if (i < n)
        subs[i].run(c, &v, &b);
    else
        reply_error_fmt(c, "-ERR Unknown PFDEBUG subcommand '%.*s'",
                        (int)(c->argv[1].n < 900 ? c->argv[1].n : 900), c->argv[1].p);
    buf_free(&b);
}

/* ---- PFSELFTEST ---- */

/* Both forms, fed alike, must hold the same registers, and the estimate must be near. */
static bool self_test(uint64_t elements)
{
    uint8_t one[HLL_REGISTERS] = { 0 }, two[HLL_REGISTERS] = { 0 };
    struct buf sparse = { 0 }, dense = { 0 };
    hll_init(&sparse);
    hll_init(&dense);
    bool ok = hll_to_dense(&dense);
    for (uint64_t i = 0; i < elements; i++) {
        struct slice element = slice_of((const char *)&i, sizeof(i));
        ok = ok && hll_add(&sparse, element, HLL_DENSE_SIZE) == hll_add(&dense, element, 0);
    }
    ok = ok && hll_merge(buf_slice(&sparse), one) && hll_merge(buf_slice(&dense), two) &&
         memcmp(one, two, sizeof(one)) == 0;
    uint64_t count = hll_estimate(one),
             off = count > elements ? count - elements : elements - count;
    buf_free(&sparse);
    buf_free(&dense);
    return ok && off <= elements / 20 + 1;
}

static void cmd_pfselftest(struct call *c)
{
    for (uint64_t n = 1; n <= 100000; n *= 10)
        if (!self_test(n)) {
            reply_error_fmt(c, "-TESTFAILED with %llu elements", (unsigned long long)n);
            return;
        }
    reply_ok(c);
}

#define ROW(nm, fn, ar, fl, since_, cx, sum, syn, ...)                                             \
    {                                                                                              \
        nm, fn, .arity = ar, .flags = fl, .acl = ACL_HYPERLOGLOG, .keys = { __VA_ARGS__ },         \
                .since = since_, .group = "hyperloglog", .complexity = cx, .summary = sum,         \
                .syntax = syn                                                                      \
    }

const struct command cmds_hll[] = {
    ROW("PFADD", cmd_pfadd, -2, CMD_WRITE | CMD_DENYOOM | CMD_FAST, "2.8.9", "O(1) an element",
        "Counts elements in a HyperLogLog, which is made if it is missing.",
        "key:key [element:string...]", KEYS(1, 1, 1, KEY_RW | KEY_INSERT)),
    ROW("PFCOUNT", cmd_pfcount, -2, CMD_READONLY | CMD_MAY_REPLICATE, "2.8.9",
        "O(1) for one key, O(N) for N keys, with a large constant",
        "Gives about how many different elements were counted.", "key:key...",
        KEYS(1, -1, 1, KEY_RW | KEY_ACCESS)),
    ROW("PFDEBUG", cmd_pfdebug, 3, CMD_WRITE | CMD_DENYOOM | CMD_ADMIN, "2.8.9", "O(1)",
        "Shows the inner form of a HyperLogLog, for tests.", "subcommand:string key:key",
        KEYS(2, 2, 1, KEY_RW | KEY_ACCESS)),
    ROW("PFMERGE", cmd_pfmerge, -2, CMD_WRITE | CMD_DENYOOM, "2.8.9",
        "O(N), N: HyperLogLogs, with a large constant", "Unites HyperLogLogs into the first one.",
        "destkey:key [sourcekey:key...]", KEYS(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_INSERT),
        KEYS(2, -1, 1, KEY_RO | KEY_ACCESS)),
    ROW("PFSELFTEST", cmd_pfselftest, 1, CMD_ADMIN, "2.8.9", "O(1)",
        "Tests the counting of HyperLogLogs.", "", { 0 }),
    COMMANDS_END,
};
