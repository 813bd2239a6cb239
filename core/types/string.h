/* string: bytes or an integer.
 *
 * Encodings (hidden; their names are int, embstr, raw): an integer in the entry's word; bytes
 * embedded in the entry; bytes in a block of their own that grows by doubling. Conversions happen
 * inside. Values are at most as long as the caller allows (it checks proto-max-bulk-len before).
 * Functions that change take a handle whose value is a string (value_is(v, VALUE_STRING));
 * they may move the entry. The keyspace's ks_changed() is the caller's to call. Pure.
 * Tests: unit/keyspace (differential against plain byte arrays). */
#ifndef CORE_TYPES_STRING_H
#define CORE_TYPES_STRING_H

#include "core/base/err.h"
#include "core/base/num.h"
#include "core/types/value.h"

#define STRING_TMP NUM_I64_MAX /* room that a reader lends for the digits of an integer */

/* How new content is kept. */
enum string_form {
    STRING_AUTO,  /* integer if it is one, else bytes: what SET does */
    STRING_BYTES, /* never as an integer (INCRBYFLOAT's result) */
    STRING_RAW,   /* bytes in a form ready to grow; reported as raw (APPEND, SETRANGE, SETBIT) */
};

/* The bytes, lent until the value changes or `tmp` does. */
struct slice string_get(const struct entry *e, char tmp[STRING_TMP]);
size_t string_len(const struct entry *e);
/* True when the value is an integer in Redis' strict form, whatever the encoding. */
bool string_int(const struct entry *e, int64_t *out);
/* Inclusive range with negative indexes, as GETRANGE; empty when there is none. */
struct slice string_range(const struct entry *e, int64_t start, int64_t end, char tmp[STRING_TMP]);

/* A new entry for a key. */
struct entry *string_new(struct slice key, struct slice s, enum string_form form, int64_t deadline);
struct entry *string_new_int(struct slice key, int64_t n, int64_t deadline);
/* Replaces the content; `s` may be part of the old content. */
void string_set(struct value *v, struct slice s, enum string_form form);
void string_set_int(struct value *v, int64_t n);
/* Both give the new length. `s` must not be part of the value. */
size_t string_append(struct value *v, struct slice s);
size_t string_setrange(struct value *v, size_t offset, struct slice s); /* fills gaps with zeros */
/* Adds; ERR_FORMAT when the value is no integer, ERR_RANGE when the sum overflows. */
enum err string_incr(struct value *v, int64_t by, int64_t *out);
/* Bytes to change in place (SETBIT, HyperLogLog), at least n of them, zero-filled beyond the old
 * end; *len is the whole length. Lent until the next call on the value. */
char *string_bytes(struct value *v, size_t n, size_t *len);

extern const struct type_ops string_ops;

#endif
