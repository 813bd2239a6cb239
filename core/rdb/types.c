#include "core/rdb/types.h"

#include "core/base/must.h"
#include "core/rdb/values.h"
#include "core/types/list.h"
#include "core/types/string.h"

#define STEP_ELEMENTS 1000 /* a turn of a load between looks at the clock */
#define STEP_NODES 16      /* the same for nodes of some kilobytes */

static enum rdb_build ended(const struct rdb_in *in)
{
    return in->status == RDB_IN_FAILED ? RDB_BROKEN : RDB_PART;
}

static enum rdb_build load_string(struct rdb_in *in, struct rdb_building *b)
{
    struct slice s;
    if (!rdb_get_string(in, &s)) return ended(in);
    b->e = string_new(b->key, s, STRING_AUTO, b->deadline);
    return RDB_BUILT;
}

static void save_string(struct rdb_out *o, const struct entry *e)
{
    char tmp[STRING_TMP];
    rdb_put_string(o, string_get(e, tmp));
}

/* --- lists -------------------------------------------------------------------------------- */

enum { NODE_PLAIN = 1, NODE_PACKED = 2 }; /* quicklist-2: what the node's string is */

static void save_list(struct rdb_out *o, const struct entry *e)
{
    size_t n = list_parts(e);
    rdb_put_len(o, n);
    for (size_t i = 0; i < n; i++) {
        bool plain;
        struct slice part = list_part(e, i, &plain);
        rdb_put_len(o, plain ? NODE_PLAIN : NODE_PACKED);
        rdb_put_string(o, part);
    }
}

/* The head of a collection: how many elements come. */
static bool begin_list(struct rdb_in *in, struct rdb_building *b)
{
    if (b->begun) return true;
    if (!rdb_get_len(in, &b->left, NULL)) return false;
    rdb_in_commit(in);
    b->part = list_build();
    b->begun = true;
    return true;
}

static void abandon_list(struct rdb_building *b)
{
    list_build_drop(b->part);
    b->part = NULL;
}

static enum rdb_build built_list(struct rdb_building *b)
{
    b->e = list_built(b->part, b->key, b->deadline, b->limits);
    b->part = NULL;
    return RDB_BUILT;
}

static enum rdb_build load_list(struct rdb_in *in, struct rdb_building *b)
{
    struct slice s;
    if (!begin_list(in, b)) return ended(in);
    for (int i = 0; i < STEP_ELEMENTS && b->left; i++, b->left--) {
        if (!rdb_get_string(in, &s)) return ended(in);
        list_build_item(b->part, b->limits, s);
        rdb_in_commit(in);
    }
    return b->left ? RDB_PART : built_list(b);
}

static bool load_node(struct rdb_in *in, struct rdb_building *b)
{
    uint64_t kind;
    struct slice s;
    if (!rdb_get_len(in, &kind, NULL) || !rdb_get_string(in, &s)) return false;
    if (kind == NODE_PLAIN)
        list_build_plain(b->part, s);
    else if (kind != NODE_PACKED)
        return rdb_in_fail(in, ERR_FORMAT, "a list node is of kind %llu", (unsigned long long)kind);
    else if (!packed_valid(s, true, NULL))
        return rdb_in_fail(in, ERR_FORMAT, "a list node's bytes are damaged");
    else
        list_build_packed(b->part, packed_from_bytes(s));
    return true;
}

static enum rdb_build load_quicklist_2(struct rdb_in *in, struct rdb_building *b)
{
    if (!begin_list(in, b)) return ended(in);
    for (int i = 0; i < STEP_NODES && b->left; i++, b->left--) {
        if (!load_node(in, b)) return ended(in);
        rdb_in_commit(in);
    }
    return b->left ? RDB_PART : built_list(b);
}

/* What each type code is, and who reads it. */
const struct rdb_type_row rdb_types[RDB_TYPE_COUNT] = {
    [RDB_STRING] = { "string", VALUE_STRING, load_string, NULL },
    [RDB_LIST] = { "list", VALUE_LIST, load_list, abandon_list },
    [RDB_SET] = { "set", VALUE_SET, rdb_load_set, rdb_abandon_entry },
    [RDB_ZSET] = { "zset", VALUE_ZSET, rdb_load_zset, rdb_abandon_entry },
    [RDB_HASH] = { "hash", VALUE_HASH, rdb_load_hash, rdb_abandon_entry },
    [RDB_ZSET_2] = { "zset-2", VALUE_ZSET, rdb_load_zset_2, rdb_abandon_entry },
    [RDB_MODULE] = { "module", VALUE_TYPES, NULL, NULL },
    [RDB_MODULE_2] = { "module-2", VALUE_TYPES, NULL, NULL },
    [RDB_HASH_ZIPMAP] = { "hash-zipmap", VALUE_HASH, NULL, NULL },
    [RDB_LIST_ZIPLIST] = { "list-ziplist", VALUE_LIST, NULL, NULL },
    [RDB_SET_INTSET] = { "set-intset", VALUE_SET, rdb_load_set_intset, NULL },
    [RDB_ZSET_ZIPLIST] = { "zset-ziplist", VALUE_ZSET, NULL, NULL },
    [RDB_HASH_ZIPLIST] = { "hash-ziplist", VALUE_HASH, NULL, NULL },
    [RDB_LIST_QUICKLIST] = { "list-quicklist", VALUE_LIST, NULL, NULL },
    [RDB_STREAM_LISTPACKS] = { "stream-listpacks", VALUE_STREAM, NULL, NULL },
    [RDB_HASH_LISTPACK] = { "hash-listpack", VALUE_HASH, rdb_load_hash_listpack, NULL },
    [RDB_ZSET_LISTPACK] = { "zset-listpack", VALUE_ZSET, rdb_load_zset_listpack, NULL },
    [RDB_LIST_QUICKLIST_2] = { "list-quicklist-2", VALUE_LIST, load_quicklist_2, abandon_list },
    [RDB_STREAM_LISTPACKS_2] = { "stream-listpacks-2", VALUE_STREAM, NULL, NULL },
    [RDB_SET_LISTPACK] = { "set-listpack", VALUE_SET, rdb_load_set_listpack, NULL },
    [RDB_STREAM_LISTPACKS_3] = { "stream-listpacks-3", VALUE_STREAM, NULL, NULL },
};

/* How each value type is written. `code` chooses by the value's form. */
static const struct {
    enum rdb_type (*code)(const struct entry *e); /* NULL: always `only` */
    enum rdb_type only;
    void (*save)(struct rdb_out *o, const struct entry *e);
} savers[VALUE_TYPES] = {
    [VALUE_STRING] = { NULL, RDB_STRING, save_string },
    [VALUE_LIST] = { NULL, RDB_LIST_QUICKLIST_2, save_list },
    [VALUE_SET] = { rdb_code_of_set, RDB_SET, rdb_save_set },
    [VALUE_ZSET] = { rdb_code_of_zset, RDB_ZSET_2, rdb_save_zset },
    [VALUE_HASH] = { rdb_code_of_hash, RDB_HASH, rdb_save_hash },
};

enum rdb_type rdb_type_of(const struct entry *e)
{
    must(e->type < VALUE_TYPES && savers[e->type].save);
    return savers[e->type].code ? savers[e->type].code(e) : savers[e->type].only;
}

void rdb_put_value(struct rdb_out *o, const struct entry *e)
{
    must(e->type < VALUE_TYPES && savers[e->type].save);
    savers[e->type].save(o, e);
}
