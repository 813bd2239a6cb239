#include "core/rdb/values.h"
#include "core/types/list.h"

#define STEP_NODES 16 /* of some kilobytes each: then the loader looks after its time */

enum { NODE_PLAIN = 1, NODE_PACKED = 2 }; /* quicklist-2: what the node's string is */

void rdb_save_list(struct rdb_out *o, const struct entry *e)
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

void rdb_abandon_list(struct rdb_building *b)
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

enum rdb_build rdb_load_list(struct rdb_in *in, struct rdb_building *b)
{
    struct slice s;
    if (!begin_list(in, b)) return rdb_build_ended(in);
    for (int i = 0; i < RDB_ELEMENTS_A_STEP && b->left; i++, b->left--) {
        if (!rdb_get_string(in, &s)) return rdb_build_ended(in);
        list_build_item(b->part, b->limits, s);
        rdb_in_commit(in);
    }
    return b->left ? RDB_PART : built_list(b);
}

static bool add_packed(struct rdb_in *in, struct rdb_building *b, struct packed *p)
{
    if (!p) return rdb_in_fail(in, ERR_FORMAT, "List integrity check failed.");
    list_build_packed(b->part, p);
    return true;
}

static bool load_node(struct rdb_in *in, struct rdb_building *b)
{
    uint64_t kind;
    struct slice s;
    if (!rdb_get_len(in, &kind, NULL) || !rdb_get_string(in, &s)) return false;
    if (kind == NODE_PLAIN && s.n) /* only what is large has a node to itself */
        list_build_plain(b->part, s);
    else if (kind == NODE_PLAIN)
        return add_packed(in, b, NULL);
    else if (kind != NODE_PACKED)
        return rdb_in_fail(in, ERR_FORMAT, "a list node is of kind %llu", (unsigned long long)kind);
    else
        return add_packed(in, b, packed_valid(s, true, NULL) ? packed_from_bytes(s) : NULL);
    return true;
}

/* Before 7.0: the nodes are ziplists. */
static bool load_old_node(struct rdb_in *in, struct rdb_building *b)
{
    struct slice s;
    return rdb_get_string(in, &s) && add_packed(in, b, rdb_packed_from_ziplist(s));
}

static enum rdb_build load_nodes(struct rdb_in *in, struct rdb_building *b,
                                 bool (*load)(struct rdb_in *in, struct rdb_building *b))
{
    if (!begin_list(in, b)) return rdb_build_ended(in);
    for (int i = 0; i < STEP_NODES && b->left; i++, b->left--) {
        if (!load(in, b)) return rdb_build_ended(in);
        rdb_in_commit(in);
    }
    return b->left ? RDB_PART : built_list(b);
}

enum rdb_build rdb_load_quicklist_2(struct rdb_in *in, struct rdb_building *b)
{
    return load_nodes(in, b, load_node);
}

enum rdb_build rdb_load_quicklist(struct rdb_in *in, struct rdb_building *b)
{
    return load_nodes(in, b, load_old_node);
}

/* Before 3.2: a short list was one ziplist. */
enum rdb_build rdb_load_list_ziplist(struct rdb_in *in, struct rdb_building *b)
{
    struct slice s;
    if (!rdb_get_string(in, &s)) return rdb_build_ended(in);
    struct packed *p = rdb_packed_from_ziplist(s);
    b->part = list_build();
    if (add_packed(in, b, p)) return built_list(b);
    rdb_abandon_list(b);
    return RDB_BROKEN;
}
