#include "core/resp/read.h"

#include <stdio.h>

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/num.h"

#define ARGV_FIRST 8
#define ARGV_STEP_MAX 1024 /* announced arguments are not believed beyond this until they come */
#define PLAIN_DIGITS_MAX 9 /* longer numbers take the slow and exact way */

void resp_request_init(struct resp_request *r, size_t bulk_max)
{
    *r = (struct resp_request){ .bulk_max = bulk_max, .bulk = RESP_NO_BULK };
}

void resp_request_free(struct resp_request *r)
{
    mem_free(r->own);
    mem_free(r->words);
    *r = (struct resp_request){ .bulk_max = r->bulk_max, .bulk = RESP_NO_BULK };
}

void resp_request_reset(struct resp_request *r)
{
    r->at = r->scanned = r->seen = 0;
    r->have = r->want = r->argc = 0;
    r->bulk = RESP_NO_BULK;
}

size_t resp_request_missing(const struct resp_request *r)
{
    if (r->bulk == RESP_NO_BULK) return 0;
    size_t whole = r->at + r->bulk + 2;
    return whole > r->seen ? whole - r->seen : 0;
}

static enum resp_got bad(struct resp_request *r, const char *text)
{
    r->error = text;
    return RESP_BAD;
}

static enum resp_got more(struct resp_request *r, const char *buf, size_t len)
{
    r->base = (uintptr_t)buf;
    r->seen = len;
    return RESP_MORE;
}

/* The common form: at most nine digits without a leading zero, CR LF. Returns the byte behind, or
 * NULL for everything else (incomplete, negative, long, wrong), which read_length then judges. */
static inline const char *plain_number(const char *p, const char *end, size_t *out)
{
    if (end - p < 3) return NULL;
    const char *stop = end - p > PLAIN_DIGITS_MAX + 2 ? p + PLAIN_DIGITS_MAX : end - 2;
    unsigned digit = (unsigned)(unsigned char)*p - '0';
    if (digit > 9) return NULL;
    size_t v = digit;
    const char *q = p + 1;
    while (q < stop && (digit = (unsigned)(unsigned char)*q - '0') <= 9) {
        v = v * 10 + digit;
        q++;
    }
    if (q[0] != '\r' || q[1] != '\n' || (*p == '0' && q != p + 1)) return NULL;
    *out = v;
    return q + 2;
}

/* Any length line that begins at `from`. RESP_BAD with error NULL: it is not a number. */
static enum resp_got read_length(struct resp_request *r, const char *buf, size_t len, size_t from,
                                 int64_t *value, size_t *next)
{
    size_t stop = len - from > RESP_INLINE_MAX ? from + RESP_INLINE_MAX : len;
    size_t scan = r->scanned > from ? r->scanned : from;
    const char *cr = scan < stop ? memchr(buf + scan, '\r', stop - scan) : NULL;
    if (!cr) {
        r->scanned = stop;
        return len - from > RESP_INLINE_MAX ? RESP_BAD : RESP_MORE;
    }
    size_t at = (size_t)(cr - buf);
    r->scanned = at;
    if (len - at < 2) return RESP_MORE;
    if (!num_to_i64(slice_of(buf + from, at - from), value)) *value = INT64_MIN;
    if (cr[1] != '\n') r->canonical = false;
    *next = at + 2;
    return RESP_ONE;
}

static void argv_grow(struct resp_request *r)
{
    int cap = r->own_cap ? r->own_cap * 2 : ARGV_FIRST;
    if (cap < r->want) cap = r->want < ARGV_STEP_MAX || r->want < cap * 2 ? r->want : cap;
    r->own = mem_realloc(r->own, (size_t)cap * sizeof(*r->own));
    r->own_cap = cap;
}

static void argv_shrink(struct resp_request *r)
{
    if (r->own_cap <= ARGV_STEP_MAX) return;
    mem_free(r->own);
    r->own = NULL;
    r->own_cap = 0;
}

static enum resp_got one(struct resp_request *r, size_t size)
{
    r->size = size;
    r->at = r->scanned = 0;
    r->bulk = RESP_NO_BULK;
    return RESP_ONE;
}

static enum resp_got one_empty(struct resp_request *r, size_t size)
{
    r->argv = r->own;
    r->argc = 0;
    r->canonical = false;
    return one(r, size);
}

/* "*<count>": everything but the plain form comes here. */
static enum resp_got read_count(struct resp_request *r, const char *buf, size_t len)
{
    int64_t count;
    size_t next;
    enum resp_got got = read_length(r, buf, len, 1, &count, &next);
    if (got == RESP_BAD) return bad(r, "too big mbulk count string");
    if (got == RESP_MORE) return more(r, buf, len);
    if (count == INT64_MIN || count > RESP_ARGS_MAX) return bad(r, "invalid multibulk length");
    if (count > RESP_UNAUTH_ARGS_MAX && r->unauthenticated)
        return bad(r, "unauthenticated multibulk length");
    if (count <= 0) return one_empty(r, next);
    r->want = (int)count;
    r->have = 0;
    r->at = next;
    return RESP_ONE;
}

/* "$<length>" at r->at: everything but the plain form comes here. */
static enum resp_got read_bulk_header(struct resp_request *r, const char *buf, size_t len)
{
    if (r->at == len) return more(r, buf, len);
    char first = buf[r->at];
    if (first != '$') {
        snprintf(r->text, sizeof(r->text), "expected '$', got '%c'", first);
        return bad(r, r->text);
    }
    int64_t n;
    size_t next;
    enum resp_got got = read_length(r, buf, len, r->at + 1, &n, &next);
    if (got == RESP_BAD) return bad(r, "too big bulk count string");
    if (got == RESP_MORE) return more(r, buf, len);
    if (n < 0 || (uint64_t)n > r->bulk_max || (uint64_t)n > SIZE_MAX / 2)
        return bad(r, "invalid bulk length");
    if (n > RESP_UNAUTH_BULK_MAX && r->unauthenticated)
        return bad(r, "unauthenticated bulk length");
    r->bulk = (size_t)n;
    r->at = next;
    return RESP_ONE;
}

/* The bulk begun, of which r->at is the first byte. */
static enum resp_got read_bulk_body(struct resp_request *r, const char *buf, size_t len)
{
    size_t there = len - r->at;
    if (there < 2 || there - 2 < r->bulk) return more(r, buf, len);
    const char *p = buf + r->at;
    if (p[r->bulk] != '\r' || p[r->bulk + 1] != '\n') r->canonical = false;
    if (r->have == r->own_cap) argv_grow(r);
    r->own[r->have++] = slice_of(p, r->bulk);
    r->at += r->bulk + 2;
    r->bulk = RESP_NO_BULK;
    return RESP_ONE;
}

/* Bulks in the common form, as many as are whole; leaves the first other one to the exact way. */
static void read_plain_bulks(struct resp_request *r, const char *buf, const char *end)
{
    const char *p = buf + r->at;
    size_t max = r->unauthenticated && r->bulk_max > RESP_UNAUTH_BULK_MAX ? RESP_UNAUTH_BULK_MAX
                                                                          : r->bulk_max;
    int have = r->have;
    while (have < r->want && p < end && *p == '$') {
        size_t n;
        const char *q = plain_number(p + 1, end, &n);
        if (!q || n > max || (size_t)(end - q) < n + 2) break;
        if (q[n] != '\r' || q[n + 1] != '\n') r->canonical = false;
        if (have == r->own_cap) argv_grow(r);
        r->own[have++] = slice_of(q, n);
        p = q + n + 2;
    }
    r->have = have;
    r->at = (size_t)(p - buf);
}

static enum resp_got read_bulks(struct resp_request *r, const char *buf, size_t len)
{
    for (;;) {
        if (r->bulk == RESP_NO_BULK) read_plain_bulks(r, buf, buf + len);
        if (r->have == r->want) break;
        enum resp_got got = RESP_ONE;
        if (r->bulk == RESP_NO_BULK) got = read_bulk_header(r, buf, len);
        if (got == RESP_ONE) got = read_bulk_body(r, buf, len);
        if (got != RESP_ONE) return got;
        if (r->have == r->want) break;
    }
    r->argv = r->own;
    r->argc = r->want;
    return one(r, r->at);
}

static enum resp_got read_inline(struct resp_request *r, const char *buf, size_t len)
{
    size_t stop = len > RESP_INLINE_MAX ? RESP_INLINE_MAX : len;
    size_t scan = r->scanned;
    const char *lf = scan < stop ? memchr(buf + scan, '\n', stop - scan) : NULL;
    if (!lf) {
        r->scanned = stop;
        return len > RESP_INLINE_MAX ? bad(r, "too big inline request") : more(r, buf, len);
    }
    size_t n = (size_t)(lf - buf);
    struct slice line = slice_of(buf, n && buf[n - 1] == '\r' ? n - 1 : n);
    int count;
    r->words = resp_split_line(line, &count);
    if (!r->words) return bad(r, "unbalanced quotes in request");
    r->argv = r->words;
    r->argc = count;
    r->canonical = false;
    return one(r, n + 1);
}

/* The buffer may have moved since the last call: arguments found so far move with it. */
static void rebase(struct resp_request *r, const char *buf)
{
    if ((uintptr_t)buf == r->base) return;
    for (int i = 0; i < r->have; i++)
        r->own[i].p = buf + ((uintptr_t)r->own[i].p - r->base);
    r->base = (uintptr_t)buf;
}

enum resp_got resp_request_next(struct resp_request *r, const char *buf, size_t len)
{
    if (__builtin_expect(r->at > 0, 0)) {
        must(len >= r->at);
        rebase(r, buf);
        return read_bulks(r, buf, len);
    }
    if (r->words) {
        mem_free(r->words);
        r->words = NULL;
    }
    r->have = r->argc = 0;
    if (len == 0) return more(r, buf, len);
    if (buf[0] != '*') return read_inline(r, buf, len);
    r->canonical = true;
    size_t count;
    const char *p = plain_number(buf + 1, buf + len, &count);
    if (p && count > 0 && count <= RESP_UNAUTH_ARGS_MAX) {
        r->want = (int)count;
        r->at = (size_t)(p - buf);
    } else {
        enum resp_got got = read_count(r, buf, len);
        if (got != RESP_ONE || r->at == 0) return got;
    }
    if (r->own_cap > ARGV_STEP_MAX && r->want <= ARGV_STEP_MAX) argv_shrink(r);
    return read_bulks(r, buf, len);
}

/* ---- lines of words ---- */

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static char unescape(char c)
{
    switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'b': return '\b';
    case 'a': return '\a';
    default: return c;
    }
}

struct splitter {
    const char *p, *end;
    char *out;
};

/* Behind the opening double quote; false: it is not closed, or glued to what follows. */
static bool split_double(struct splitter *s)
{
    while (s->p < s->end) {
        char c = *s->p++;
        if (c == '"') return s->p == s->end || is_space(*s->p);
        if (c == '\\' && s->p < s->end) {
            c = *s->p++;
            int high = -1, low = -1;
            if (c == 'x' && s->end - s->p >= 2) high = hex_value(s->p[0]), low = hex_value(s->p[1]);
            if (high >= 0 && low >= 0) {
                c = (char)(high * 16 + low);
                s->p += 2;
            } else {
                c = unescape(c);
            }
        }
        *s->out++ = c;
    }
    return false;
}

static bool split_single(struct splitter *s)
{
    while (s->p < s->end) {
        char c = *s->p++;
        if (c == '\'') return s->p == s->end || is_space(*s->p);
        if (c == '\\' && s->p < s->end && *s->p == '\'') c = *s->p++;
        *s->out++ = c;
    }
    return false;
}

/* A word may begin bare and go on with a quoted part, which ends it. */
static bool split_word(struct splitter *s)
{
    while (s->p < s->end && !is_space(*s->p)) {
        char c = *s->p++;
        if (c == '"') return split_double(s);
        if (c == '\'') return split_single(s);
        *s->out++ = c;
    }
    return true;
}

struct slice *resp_split_line(struct slice line, int *count)
{
    must(line.n <= INT32_MAX);
    /* A word and the space behind it take two bytes at least; a text never grows. */
    size_t words_max = line.n / 2 + 1;
    struct slice *words = mem_alloc(words_max * sizeof(*words) + line.n);
    struct splitter s = { line.p, line.p + line.n, (char *)(words + words_max) };
    size_t n = 0;
    for (;;) {
        while (s.p < s.end && is_space(*s.p)) s.p++;
        if (s.p == s.end) break;
        char *begin = s.out;
        if (!split_word(&s)) {
            mem_free(words);
            return NULL;
        }
        must(n < words_max);
        words[n++] = slice_of(begin, (size_t)(s.out - begin));
    }
    *count = (int)n;
    return words;
}
