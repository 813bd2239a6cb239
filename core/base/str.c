#include "core/base/str.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/base/mem.h"
#include "core/base/must.h"

static unsigned char lower(char c)
{
    unsigned char u = (unsigned char)c;
    return u >= 'A' && u <= 'Z' ? (unsigned char)(u + 32) : u;
}

bool slice_ieq(struct slice a, struct slice b)
{
    if (a.n != b.n) return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i])) return false;
    return true;
}

bool slice_ieqz(struct slice a, const char *z) { return slice_ieq(a, slice_z(z)); }

bool slice_starts(struct slice a, const char *z)
{
    size_t n = strlen(z);
    return a.n >= n && memcmp(a.p, z, n) == 0;
}

int slice_cmp(struct slice a, struct slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

ptrdiff_t slice_find(struct slice a, char c, size_t from)
{
    if (from >= a.n) return -1;
    const char *f = memchr(a.p + from, c, a.n - from);
    return f ? f - a.p : -1;
}

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

struct slice slice_cut(struct slice *rest, char at)
{
    ptrdiff_t end = slice_find(*rest, at, 0);
    struct slice part = slice_of(rest->p, end < 0 ? rest->n : (size_t)end);
    *rest = end < 0 ? slice_of(NULL, 0) : slice_of(rest->p + end + 1, rest->n - (size_t)end - 1);
    return part;
}

struct slice slice_trim(struct slice a)
{
    while (a.n && is_space(a.p[0]))
        a.p++, a.n--;
    while (a.n && is_space(a.p[a.n - 1]))
        a.n--;
    return a;
}

char *slice_cstr(struct slice a, char *buf, size_t cap)
{
    must(cap > 0);
    size_t n = a.n < cap ? a.n : cap - 1;
    if (n) memcpy(buf, a.p, n);
    buf[n] = 0;
    return buf;
}

struct str str_new(struct slice s) { return (struct str){ mem_strndup(s.n ? s.p : "", s.n), s.n }; }

struct str str_z(const char *z) { return str_new(slice_z(z)); }

struct str str_fmt(const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    must(n >= 0);
    struct str s = { mem_alloc((size_t)n + 1), (size_t)n };
    vsnprintf(s.p, (size_t)n + 1, fmt, again);
    va_end(again);
    return s;
}

void str_free(struct str *s)
{
    mem_free(s->p);
    *s = (struct str){ 0 };
}

void str_set(struct str *s, struct slice v)
{
    struct str fresh = str_new(v);
    mem_free(s->p);
    *s = fresh;
}

void str_setz(struct str *s, const char *z) { str_set(s, slice_z(z)); }

void text_copy(char *dst, size_t cap, const char *src) { slice_cstr(slice_z(src), dst, cap); }
