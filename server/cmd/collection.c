#include "server/cmd/collection.h"

#include <string.h>

#include "core/base/glob.h"
#include "core/resp/write.h"

/* Read as strtoul reads: an empty word is zero, a sign may be there, a negative number wraps, and a
 * zero byte ends the word. */
static bool cursor_of(struct slice s, uint64_t *out)
{
    const char *zero = s.n ? memchr(s.p, 0, s.n) : NULL;
    if (zero) s.n = (size_t)(zero - s.p);
    bool sign = s.n && (*s.p == '-' || *s.p == '+'), minus = sign && *s.p == '-';
    size_t i = sign;
    uint64_t v = 0;
    if (sign && s.n == 1) return false;
    for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++) {
        uint64_t digit = (uint64_t)(s.p[i] - '0');
        if (v > (UINT64_MAX - digit) / 10) return false;
        v = v * 10 + digit;
    }
    *out = minus ? -v : v;
    return i == s.n;
}

bool scan_cursor_arg(struct call *c, int at, uint64_t *cursor)
{
    if (cursor_of(c->argv[at], cursor)) return true;
    reply_error(c, "-ERR invalid cursor");
    return false;
}

static bool wrong(struct call *c)
{
    reply_syntax_error(c);
    return false;
}

bool scan_options_arg(struct call *c, int from, unsigned flags, struct scan_options *o,
                      bool *novalues)
{
    *o = (struct scan_options){ .type = -1, .count = SCAN_COUNT_DEFAULT };
    for (int i = from; i < c->argc; i++) {
        int64_t n;
        if (novalues && arg_is(c, i, "NOVALUES")) {
            *novalues = true;
            continue;
        }
        if (i + 1 >= c->argc) return wrong(c);
        if (arg_is(c, i, "COUNT")) {
            if (!arg_int(c, i + 1, &n)) return false;
            if (n < 1) return wrong(c);
            o->count = (uint64_t)n;
        } else if (arg_is(c, i, "MATCH")) {
            o->match = c->argv[i + 1];
        } else if ((flags & SCAN_TAKES_TYPE) && arg_is(c, i, "TYPE")) {
            o->type = (int)type_by_name(c->argv[i + 1]);
        } else {
            return wrong(c);
        }
        i++;
    }
    return true;
}

bool scan_wants(const struct scan_options *o, struct slice s)
{
    return !o->match.p || (o->match.n == 1 && o->match.p[0] == '*') ||
           glob_match(o->match, s, false);
}

void scan_out_add(struct scan_out *o, struct slice s)
{
    resp_bulk(&o->bulks, s);
    o->n++;
}

void scan_reply(struct call *c, uint64_t next, struct scan_out *o)
{
    char digits[NUM_I64_MAX];
    reply_array(c, 2);
    reply_bulk(c, slice_of(digits, num_from_u64(digits, next)));
    reply_array(c, o->n);
    reply_raw(c, buf_slice(&o->bulks));
    buf_free(&o->bulks);
}

bool signed_count_arg(struct call *c, int at, int64_t *out)
{
    if (!arg_int(c, at, out)) return false;
    if (*out > INT64_MIN) return true;
    reply_error_fmt(c, "-ERR value is out of range, value must between %lld and %lld",
                    (long long)-INT64_MAX, (long long)INT64_MAX);
    return false;
}
