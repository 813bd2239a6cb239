/* hll: HyperLogLog: how many different elements, within about 0.8 %, in at most 12 KiB.
 *
 * A HyperLogLog is an ordinary string whose bytes have Redis' layout, so that it goes through SET,
 * GET, DUMP and RDB files both ways:
 *     "HYLL", 1 byte form (0 dense, 1 sparse), 3 bytes unused,
 *     8 bytes little-endian: the last estimate; its highest bit says that it is out of date,
 *     then 16384 registers of 0..51.
 * Dense: 6 bits a register, lowest bits first. Sparse: runs, in order:
 *     00nnnnnn            n + 1 registers are 0
 *     01nnnnnn nnnnnnnn   n + 1 registers are 0 (14 bits)
 *     1vvvvvnn            n + 1 registers are v + 1
 * A sparse one becomes dense when it grows past the limit or needs a register above 32.
 * The same calls give the same bytes as on Redis. Bytes come from users: whatever they hold, the
 * functions stay inside them and say false when the runs do not cover all registers exactly.
 * Works on a `struct buf` that holds the whole string. Pure. Tests: unit/hll, compat/test_hll. */
#ifndef CORE_TYPES_HLL_H
#define CORE_TYPES_HLL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"

#define HLL_REGISTERS 16384
#define HLL_HEAD 16
#define HLL_DENSE_SIZE (HLL_HEAD + HLL_REGISTERS * 6 / 8)

enum hll_change { HLL_SAME, HLL_CHANGED, HLL_BROKEN };

/* Has the string the outer form of one? Runs are looked at when they are used. */
bool hll_is(struct slice s);
bool hll_is_sparse(struct slice s);
/* An empty one, sparse. */
void hll_init(struct buf *b);

/* Counts an element. `sparse_max`: bytes, head and all, up to which it stays sparse. The estimate
 * is out of date after HLL_CHANGED: hll_forget_count. */
enum hll_change hll_add(struct buf *b, struct slice element, size_t sparse_max);
/* Raises a register. */
enum hll_change hll_raise(struct buf *b, unsigned at, uint8_t value, size_t sparse_max);
void hll_forget_count(struct buf *b);
/* True and the estimate when the string holds one that is up to date. */
bool hll_known_count(struct slice s, uint64_t *out);
void hll_keep_count(struct buf *b, uint64_t count);

/* Raises registers[] to those of the string; false: broken. */
bool hll_merge(struct slice s, uint8_t registers[HLL_REGISTERS]);
uint64_t hll_estimate(const uint8_t registers[HLL_REGISTERS]);
bool hll_to_dense(struct buf *b); /* false: broken; nothing was changed */

/* The runs of a sparse one, as people read them: "Z:100 v:3,1 z:5". */
void hll_runs(struct slice s, struct buf *out);

#endif
