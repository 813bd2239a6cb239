/* values: how collections stand in the RDB: the load and save functions that the table in types.c
 * names. Contract of both: core/rdb/types.h. A part that is being built is an entry, to which
 * elements are added; nothing is allocated for a number that the input only claims. Pure.
 * Tests: unit/rdb, compat/rdb_tool, compat/test_hashes, compat/test_sets. */
#ifndef CORE_RDB_VALUES_H
#define CORE_RDB_VALUES_H

#include "core/rdb/types.h"

#define RDB_ELEMENTS_A_STEP 1000  /* then the loader looks after its time */
#define RDB_EXPECT_MAX 65536      /* elements that a claimed number makes room for */

/* The answer of a reader that got nothing. */
static inline enum rdb_build rdb_build_ended(const struct rdb_in *in)
{
    return in->status == RDB_IN_FAILED ? RDB_BROKEN : RDB_PART;
}
/* An element is done with: false when it is time to give RDB_PART. */
bool rdb_build_next(struct rdb_in *in, struct rdb_building *b);
/* The number of elements, read once. */
bool rdb_build_begin(struct rdb_in *in, struct rdb_building *b);
/* The part is whole. */
enum rdb_build rdb_build_done(struct rdb_building *b);
/* How many elements to make room for. */
static inline size_t rdb_build_expected(const struct rdb_building *b)
{
    return b->left < RDB_EXPECT_MAX ? (size_t)b->left : RDB_EXPECT_MAX;
}
/* Frees an entry in b->part. */
void rdb_abandon_entry(struct rdb_building *b);

enum rdb_build rdb_load_hash(struct rdb_in *in, struct rdb_building *b);
enum rdb_build rdb_load_hash_listpack(struct rdb_in *in, struct rdb_building *b);
enum rdb_type rdb_code_of_hash(const struct entry *e);
void rdb_save_hash(struct rdb_out *o, const struct entry *e);

/* With deadlines of fields (values_hash_timed.c). */
enum rdb_build rdb_load_hash_timed(struct rdb_in *in, struct rdb_building *b);
enum rdb_build rdb_load_hash_timed_old(struct rdb_in *in, struct rdb_building *b);
enum rdb_build rdb_load_hash_listpack_ex(struct rdb_in *in, struct rdb_building *b);
enum rdb_build rdb_load_hash_listpack_ex_old(struct rdb_in *in, struct rdb_building *b);
enum rdb_type rdb_code_of_hash_timed(const struct entry *e);
void rdb_save_hash_timed(struct rdb_out *o, const struct entry *e);

enum rdb_build rdb_load_set(struct rdb_in *in, struct rdb_building *b);
enum rdb_build rdb_load_set_intset(struct rdb_in *in, struct rdb_building *b);
enum rdb_build rdb_load_set_listpack(struct rdb_in *in, struct rdb_building *b);
enum rdb_type rdb_code_of_set(const struct entry *e);
void rdb_save_set(struct rdb_out *o, const struct entry *e);

enum rdb_build rdb_load_zset(struct rdb_in *in, struct rdb_building *b); /* scores as text */
enum rdb_build rdb_load_zset_2(struct rdb_in *in, struct rdb_building *b);
enum rdb_build rdb_load_zset_listpack(struct rdb_in *in, struct rdb_building *b);
enum rdb_type rdb_code_of_zset(const struct entry *e);
void rdb_save_zset(struct rdb_out *o, const struct entry *e);

enum rdb_build rdb_load_list(struct rdb_in *in, struct rdb_building *b);
enum rdb_build rdb_load_quicklist(struct rdb_in *in, struct rdb_building *b); /* of ziplists */
enum rdb_build rdb_load_quicklist_2(struct rdb_in *in, struct rdb_building *b);
enum rdb_build rdb_load_list_ziplist(struct rdb_in *in, struct rdb_building *b);
void rdb_abandon_list(struct rdb_building *b);
void rdb_save_list(struct rdb_out *o, const struct entry *e);

/* Forms that Redis wrote before 7.0 (values_old.c). */
struct packed;
/* NULL: the bytes are damaged. */
struct packed *rdb_packed_from_ziplist(struct slice bytes);
struct packed *rdb_packed_from_zipmap(struct slice bytes);
enum rdb_build rdb_load_hash_zipmap(struct rdb_in *in, struct rdb_building *b);
enum rdb_build rdb_load_hash_ziplist(struct rdb_in *in, struct rdb_building *b);
enum rdb_build rdb_load_zset_ziplist(struct rdb_in *in, struct rdb_building *b);

enum rdb_build rdb_load_stream(struct rdb_in *in, struct rdb_building *b);
enum rdb_build rdb_load_stream_2(struct rdb_in *in, struct rdb_building *b);
enum rdb_build rdb_load_stream_3(struct rdb_in *in, struct rdb_building *b);
void rdb_abandon_stream(struct rdb_building *b);
void rdb_save_stream(struct rdb_out *o, const struct entry *e);

#endif
