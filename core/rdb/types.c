#include "core/rdb/types.h"

#include "core/base/must.h"
#include "core/rdb/values.h"
#include "core/types/string.h"

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

/* What each type code is, and who reads it. */
const struct rdb_type_row rdb_types[RDB_TYPE_COUNT] = {
    [RDB_STRING] = { "string", VALUE_STRING, load_string, NULL },
    [RDB_LIST] = { "list", VALUE_LIST, rdb_load_list, rdb_abandon_list },
    [RDB_SET] = { "set", VALUE_SET, rdb_load_set, rdb_abandon_entry },
    [RDB_ZSET] = { "zset", VALUE_ZSET, rdb_load_zset, rdb_abandon_entry },
    [RDB_HASH] = { "hash", VALUE_HASH, rdb_load_hash, rdb_abandon_entry },
    [RDB_ZSET_2] = { "zset-2", VALUE_ZSET, rdb_load_zset_2, rdb_abandon_entry },
    [RDB_MODULE] = { "module", VALUE_TYPES, NULL, NULL },
    [RDB_MODULE_2] = { "module-2", VALUE_TYPES, NULL, NULL },
    [RDB_HASH_ZIPMAP] = { "hash-zipmap", VALUE_HASH, rdb_load_hash_zipmap, NULL },
    [RDB_LIST_ZIPLIST] = { "list-ziplist", VALUE_LIST, rdb_load_list_ziplist, NULL },
    [RDB_SET_INTSET] = { "set-intset", VALUE_SET, rdb_load_set_intset, NULL },
    [RDB_ZSET_ZIPLIST] = { "zset-ziplist", VALUE_ZSET, rdb_load_zset_ziplist, NULL },
    [RDB_HASH_ZIPLIST] = { "hash-ziplist", VALUE_HASH, rdb_load_hash_ziplist, NULL },
    [RDB_LIST_QUICKLIST] = { "list-quicklist", VALUE_LIST, rdb_load_quicklist, rdb_abandon_list },
    [RDB_STREAM_LISTPACKS] = { "stream-listpacks", VALUE_STREAM, rdb_load_stream,
                               rdb_abandon_stream },
    [RDB_HASH_LISTPACK] = { "hash-listpack", VALUE_HASH, rdb_load_hash_listpack, NULL },
    [RDB_ZSET_LISTPACK] = { "zset-listpack", VALUE_ZSET, rdb_load_zset_listpack, NULL },
    [RDB_LIST_QUICKLIST_2] = { "list-quicklist-2", VALUE_LIST, rdb_load_quicklist_2,
                               rdb_abandon_list },
    [RDB_STREAM_LISTPACKS_2] = { "stream-listpacks-2", VALUE_STREAM, rdb_load_stream_2,
                                 rdb_abandon_stream },
    [RDB_SET_LISTPACK] = { "set-listpack", VALUE_SET, rdb_load_set_listpack, NULL },
    [RDB_STREAM_LISTPACKS_3] = { "stream-listpacks-3", VALUE_STREAM, rdb_load_stream_3,
                                 rdb_abandon_stream },
    [RDB_HASH_METADATA_OLD] = { "hash-hashtable-md-pre-release", VALUE_HASH,
                                rdb_load_hash_timed_old, rdb_abandon_entry },
    [RDB_HASH_LISTPACK_EX_OLD] = { "hash-listpack-md-pre-release", VALUE_HASH,
                                   rdb_load_hash_listpack_ex_old, rdb_abandon_entry },
    [RDB_HASH_METADATA] = { "hash-hashtable-md", VALUE_HASH, rdb_load_hash_timed,
                            rdb_abandon_entry },
    [RDB_HASH_LISTPACK_EX] = { "hash-listpack-md", VALUE_HASH, rdb_load_hash_listpack_ex,
                               rdb_abandon_entry },
};

/* How each value type is written. `code` chooses by the value's form. */
static const struct {
    enum rdb_type (*code)(const struct entry *e); /* NULL: always `only` */
    enum rdb_type only;
    void (*save)(struct rdb_out *o, const struct entry *e);
} savers[VALUE_TYPES] = {
    [VALUE_STRING] = { NULL, RDB_STRING, save_string },
    [VALUE_LIST] = { NULL, RDB_LIST_QUICKLIST_2, rdb_save_list },
    [VALUE_SET] = { rdb_code_of_set, RDB_SET, rdb_save_set },
    [VALUE_ZSET] = { rdb_code_of_zset, RDB_ZSET_2, rdb_save_zset },
    [VALUE_HASH] = { rdb_code_of_hash, RDB_HASH, rdb_save_hash },
    [VALUE_STREAM] = { NULL, RDB_STREAM_LISTPACKS_2, rdb_save_stream },
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
