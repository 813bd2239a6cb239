/* limits: up to which size a collection keeps its compact form, and the key of the hash function
 * of those that do not. Fields are named as the directives; the host fills one from its
 * configuration, tests set them low, NULL where a `const struct type_limits *` is asked for means
 * the defaults. A big value copies the hash key, which thus need not outlive the call. Pure. */
#ifndef CORE_TYPES_LIMITS_H
#define CORE_TYPES_LIMITS_H

#include <stdint.h>

#include "core/base/hash.h"

struct type_limits {
    int64_t hash_max_listpack_entries, hash_max_listpack_value;
    int list_max_listpack_size; /* items; negative: -1 4 KiB .. -5 64 KiB a node */
    int list_compress_depth;
    int64_t set_max_intset_entries, set_max_listpack_entries, set_max_listpack_value;
    int64_t zset_max_listpack_entries, zset_max_listpack_value;
    uint64_t stream_node_max_bytes;
    int64_t stream_node_max_entries;
    struct hash_key hash; /* drawn at start: of tables in hashes, sets, sorted sets */
};

#define TYPE_LIMITS_DEFAULT                                                                        \
    {                                                                                              \
        .hash_max_listpack_entries = 512, .hash_max_listpack_value = 64,                           \
        .list_max_listpack_size = -2, .list_compress_depth = 0, .set_max_intset_entries = 512,     \
        .set_max_listpack_entries = 128, .set_max_listpack_value = 64,                             \
        .zset_max_listpack_entries = 128, .zset_max_listpack_value = 64,                           \
        .stream_node_max_bytes = 4096, .stream_node_max_entries = 100,                             \
        .hash = { 0x243f6a8885a308d3, 0x13198a2e03707344 }                                         \
    }

#endif
