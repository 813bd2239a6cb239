/* DEBUG DIGEST and DIGEST-VALUE: a figure that is the same for the same data, here and in Redis,
 * whatever the order in which tables hold it. Two operations make it:
 *   xored: the sum by exclusive or with SHA-1 of something: for what has no order;
 *   mixed: the same, and then SHA-1 of the sum: for what has one. */
#include <stdio.h>

#include "core/base/sha1.h"
#include "core/types/hash.h"
#include "core/types/list.h"
#include "core/types/set.h"
#include "core/types/stream.h"
#include "core/types/zset.h"
#include "server/cmd/debug.h"
#include "server/cmd/keyed.h"

struct digest {
    unsigned char sum[SHA1_BYTES];
};

static struct slice digest_bytes(const struct digest *d)
{
    return slice_of((const char *)d->sum, SHA1_BYTES);
}

static void xored(struct digest *d, struct slice s)
{
    unsigned char h[SHA1_BYTES];
    sha1(s, h);
    for (int i = 0; i < SHA1_BYTES; i++)
        d->sum[i] ^= h[i];
}

static void mixed(struct digest *d, struct slice s)
{
    xored(d, s);
    struct digest before = *d;
    sha1(digest_bytes(&before), d->sum);
}

static void mixed_number(struct digest *d, uint32_t n)
{
    char b[4] = { (char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n };
    mixed(d, slice_of(b, 4));
}

/* Two things that belong together, as one element of what has no order. */
static void xored_pair(struct digest *d, struct slice a, struct slice b)
{
    struct digest pair = { { 0 } };
    mixed(&pair, a);
    mixed(&pair, b);
    xored(d, digest_bytes(&pair));
}

static void digest_string(struct digest *d, const struct entry *e)
{
    char tmp[STRING_TMP];
    mixed(d, string_get(e, tmp));
}

static void digest_list(struct digest *d, const struct entry *e)
{
    struct list_iter it = list_from(e, 0, false);
    struct packed_item item;
    char tmp[PACKED_TMP];
    for (; list_item(&it, &item); list_step(&it))
        mixed(d, packed_item_text(&item, tmp));
}

static void digest_set(struct digest *d, const struct entry *e)
{
    struct set_iter it;
    struct slice m;
    char tmp[SET_TMP];
    set_iter_start(&it, e);
    while (set_iter_next(&it, tmp, &m))
        xored(d, m);
    set_iter_end(&it);
}

static void xored_field(struct digest *d, const struct hash_pair *p, bool timed)
{
    struct digest pair = { { 0 } };
    mixed(&pair, p->field);
    mixed(&pair, p->value);
    if (timed) xored(&pair, SLICE("!!hexpire!!"));
    xored(d, digest_bytes(&pair));
}

static void digest_hash(struct digest *d, const struct entry *e)
{
    struct hash_iter it;
    struct hash_pair p;
    hash_iter_start(&it, e);
    while (hash_iter_next(&it, &p))
        xored_field(d, &p, hash_deadline(e, p.field) != HASH_NO_DEADLINE);
    hash_iter_end(&it);
}

static void digest_zset(struct digest *d, const struct entry *e)
{
    struct zset_iter it;
    struct zset_item item;
    char score[64];
    zset_iter_start(&it, e, 0, false);
    while (zset_iter_next(&it, &item)) {
        snprintf(score, sizeof(score), "%.17g", item.score);
        xored_pair(d, item.member, slice_z(score));
    }
}

/* Entries only: neither groups nor counters. */
static void digest_stream(struct digest *d, const struct entry *e)
{
    struct stream_iter it = stream_range(stream_of(e), STREAM_ID_MIN, STREAM_ID_MAX, false);
    struct packed_item field, value;
    char text[64], tmp[PACKED_TMP];
    while (stream_next(&it)) {
        int n = snprintf(text, sizeof(text), "%llu.%llu", (unsigned long long)it.id.ms,
                         (unsigned long long)it.id.seq);
        mixed(d, slice_of(text, (size_t)n));
        while (it.left) {
            stream_field(&it, &field, &value);
            mixed(d, packed_item_text(&field, tmp));
            mixed(d, packed_item_text(&value, tmp));
        }
    }
}

/* A row a type, with the number by which Redis knows it. */
static const struct {
    uint32_t number;
    void (*fn)(struct digest *d, const struct entry *e);
} types[VALUE_TYPES] = {
    [VALUE_STRING] = { 0, digest_string }, [VALUE_LIST] = { 1, digest_list },
    [VALUE_SET] = { 2, digest_set },       [VALUE_ZSET] = { 3, digest_zset },
    [VALUE_HASH] = { 4, digest_hash },     [VALUE_STREAM] = { 6, digest_stream },
};

static void digest_value(struct digest *d, const struct entry *e)
{
    mixed_number(d, types[e->type].number);
    if (types[e->type].fn) types[e->type].fn(d, e);
    if (entry_deadline(e) != ENTRY_NO_DEADLINE) xored(d, SLICE("!!expire!!"));
}

static bool digest_key(void *app, struct entry *e)
{
    struct digest key = { { 0 } };
    mixed(&key, entry_key(e));
    digest_value(&key, e);
    xored(app, digest_bytes(&key));
    return true;
}

static void reply_digest(struct call *c, const struct digest *d)
{
    char text[2 * SHA1_BYTES + 1];
    for (int i = 0; i < SHA1_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", d->sum[i]);
    reply_status(c, text);
}

void debug_digest(struct call *c)
{
    struct keyspace *ks = ks_of(c);
    struct digest d = { { 0 } };
    for (int i = 0; i < ks->n; i++) {
        if (!ks_count(ks_db(ks, i))) continue;
        mixed_number(&d, (uint32_t)i);
        ks_each(ks_db(ks, i), digest_key, &d);
    }
    reply_digest(c, &d);
}

void debug_digest_value(struct call *c)
{
    reply_array(c, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        struct digest d = { { 0 } };
        struct value v;
        if (ks_read(db_of(c), c->argv[i], KS_NO_TOUCH | KS_NO_STATS, &v)) digest_value(&d, v.e);
        reply_digest(c, &d);
    }
}
