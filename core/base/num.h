/* num: numbers to text and back, exactly as the protocol wants them.
 *
 * Integers: optional minus, no plus, no leading zeros, no spaces, within 64 bits. Doubles: what
 * strtod takes, whole text, no leading space, "inf" and "-inf" allowed, not "nan". Pure. */
#ifndef CORE_BASE_NUM_H
#define CORE_BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/str.h"

#define NUM_I64_MAX 21       /* bytes of the longest integer, sign included, no terminator */
#define NUM_DOUBLE_MAX 40    /* bytes of the longest double as we print it, terminator included */
#define NUM_LDOUBLE_MAX 5120 /* a long double without exponent, terminator included */

bool num_to_i64(struct slice s, int64_t *out);
bool num_to_u64(struct slice s, uint64_t *out);
bool num_to_double(struct slice s, double *out);
bool num_to_ldouble(struct slice s, long double *out);

/* Write without terminator; return the length. */
size_t num_from_i64(char *out, int64_t v);
size_t num_from_u64(char *out, uint64_t v);
/* Shortest text that reads back as the same double ("3", "0.1", "1e+20", "inf"): terminated. */
size_t num_from_double(char *out, double v);
/* Always 17 digits ("0.10000000000000001"), as replies carry doubles: terminated. */
size_t num_from_double_17(char *out, double v);
/* INCRBYFLOAT's form: 17 decimals at most, no exponent, no trailing zeros; terminated. */
size_t num_from_ldouble(char *out, long double v);
/* "1gb", "100kb", "5m", plain bytes; k=1000, kb=1024, any case. */
bool num_to_bytes(struct slice s, uint64_t *out);
/* "1.50M" as INFO prints sizes for people; terminated; cap >= 32. */
char *num_human_bytes(char *out, size_t cap, uint64_t v);
/* Decimal digits of v. */
unsigned num_digits_u64(uint64_t v);

#endif
