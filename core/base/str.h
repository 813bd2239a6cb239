/* str: byte strings. A `struct slice` is lent bytes; a `struct str` owns its bytes.
 *
 * Neither is terminated by a zero as far as its length says; a str always has one zero byte
 * behind its bytes (not counted), so str.p may be handed to libc when the content has no zero.
 * An empty str may have p == NULL. Pure. Tests: unit/base. */
#ifndef CORE_BASE_STR_H
#define CORE_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *p;
    size_t n;
};

struct str {
    char *p;
    size_t n;
};

#define SLICE(lit) ((struct slice){ "" lit, sizeof(lit) - 1 })
/* For printf: "%.*s", SLICE_ARG(s). */
#define SLICE_ARG(s) (int)(s).n, (s).p

static inline struct slice slice_of(const char *p, size_t n) { return (struct slice){ p, n }; }
static inline struct slice slice_z(const char *z) { return (struct slice){ z, z ? strlen(z) : 0 }; }
static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool slice_eqz(struct slice a, const char *z) { return slice_eq(a, slice_z(z)); }
/* ASCII case-insensitive. */
bool slice_ieq(struct slice a, struct slice b);
bool slice_ieqz(struct slice a, const char *z);
bool slice_starts(struct slice a, const char *z);
/* Bytewise order, shorter first when one is the other's beginning: <0, 0, >0. */
int slice_cmp(struct slice a, struct slice b);
/* Offset of byte c from `from` on, or -1. */
ptrdiff_t slice_find(struct slice a, char c, size_t from);
/* What stands before the next `at`, which *rest then begins behind; behind the last part rest->p
 * is NULL: `while (rest.p) part = slice_cut(&rest, ',');` */
struct slice slice_cut(struct slice *rest, char at);
/* Without white space at both ends. */
struct slice slice_trim(struct slice a);
/* Copies into a fixed buffer as a C string, cut when too long; returns buf. */
char *slice_cstr(struct slice a, char *buf, size_t cap);

struct str str_new(struct slice s); /* copies */
struct str str_z(const char *z);    /* copies */
struct str str_fmt(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void str_free(struct str *s); /* frees and empties */
/* Frees the old content, copies the new one (which may be part of the old one). */
void str_set(struct str *s, struct slice v);
void str_setz(struct str *s, const char *z);
static inline struct slice str_slice(struct str s) { return (struct slice){ s.p, s.n }; }
/* Never NULL: "" for the empty string. */
static inline const char *str_c(struct str s) { return s.p ? s.p : ""; }

/* The zero-terminated fixed copy used in models: cut when too long, always terminated. */
void text_copy(char *dst, size_t cap, const char *src);

#endif
