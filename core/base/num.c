#include "core/base/num.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char two_digits[201] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";

bool num_to_u64(struct slice s, uint64_t *out)
{
    if (s.n == 0 || s.n > 20) return false;
    if (s.p[0] == '0' && s.n > 1) return false;
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned d = (unsigned)(unsigned char)s.p[i] - '0';
        if (d > 9) return false;
        if (v > (UINT64_MAX - d) / 10) return false;
        v = v * 10 + d;
    }
    *out = v;
    return true;
}

bool num_to_i64(struct slice s, int64_t *out)
{
    bool minus = s.n && s.p[0] == '-';
    if (minus) s.p++, s.n--;
    uint64_t v;
    if (!num_to_u64(s, &v)) return false;
    if (minus) {
        if (v == 0 || v > (uint64_t)INT64_MAX + 1) return false;
        *out = (int64_t)(0 - v);
        return true;
    }
    if (v > INT64_MAX) return false;
    *out = (int64_t)v;
    return true;
}

bool num_to_ldouble(struct slice s, long double *out)
{
    char text[NUM_LDOUBLE_MAX]; /* what num_from_ldouble wrote must be read again */
    if (s.n == 0 || s.n >= sizeof(text) || (s.p[0] >= '\t' && s.p[0] <= '\r') || s.p[0] == ' ')
        return false;
    slice_cstr(s, text, sizeof(text));
    if (strlen(text) != s.n) return false;
    char *end;
    errno = 0;
    long double v = strtold(text, &end);
    if (*end || isnan(v)) return false;
    if (errno == ERANGE && (v == HUGE_VALL || v == -HUGE_VALL || v == 0)) return false;
    *out = v;
    return true;
}

bool num_to_double(struct slice s, double *out)
{
    char text[512];
    if (s.n == 0 || s.n >= sizeof(text) || (s.p[0] >= '\t' && s.p[0] <= '\r') || s.p[0] == ' ')
        return false;
    slice_cstr(s, text, sizeof(text));
    if (strlen(text) != s.n) return false;
    char *end;
    errno = 0;
    double v = strtod(text, &end);
    if (*end || isnan(v)) return false;
    if (errno == ERANGE && (v == HUGE_VAL || v == -HUGE_VAL || fpclassify(v) == FP_ZERO))
        return false;
    *out = v;
    return true;
}

unsigned num_digits_u64(uint64_t v)
{
    unsigned n = 1;
    for (;;) {
        if (v < 10) return n;
        if (v < 100) return n + 1;
        if (v < 1000) return n + 2;
        if (v < 10000) return n + 3;
        v /= 10000;
        n += 4;
    }
}

size_t num_from_u64(char *out, uint64_t v)
{
    unsigned n = num_digits_u64(v);
    char *p = out + n;
    while (v >= 100) {
        p -= 2;
        memcpy(p, two_digits + (v % 100) * 2, 2);
        v /= 100;
    }
    if (v >= 10)
        memcpy(out, two_digits + v * 2, 2);
    else
        out[0] = (char)('0' + v);
    return n;
}

size_t num_from_i64(char *out, int64_t v)
{
    if (v >= 0) return num_from_u64(out, (uint64_t)v);
    out[0] = '-';
    return 1 + num_from_u64(out + 1, 0 - (uint64_t)v);
}

static size_t word(char *out, const char *z)
{
    size_t n = strlen(z);
    memcpy(out, z, n + 1);
    return n;
}

size_t num_from_double(char *out, double v)
{
    if (isinf(v)) return word(out, v > 0 ? "inf" : "-inf");
    if (isnan(v)) return word(out, "nan");
    if (v == 0) return word(out, signbit(v) ? "-0" : "0");
    if (v > -1e15 && v < 1e15 && v == (double)(int64_t)v) {
        size_t n = num_from_i64(out, (int64_t)v);
        out[n] = 0;
        return n;
    }
    for (int digits = 15; digits < 17; digits++) {
        int n = snprintf(out, NUM_DOUBLE_MAX, "%.*g", digits, v);
        if (strtod(out, NULL) == v) return (size_t)n;
    }
    return (size_t)snprintf(out, NUM_DOUBLE_MAX, "%.17g", v);
}

size_t num_from_double_17(char *out, double v)
{
    if (v > -1e17 && v < 1e17 && v == (double)(int64_t)v && v != 0) {
        size_t n = num_from_i64(out, (int64_t)v);
        out[n] = 0;
        return n;
    }
    if (!isfinite(v) || v == 0) return num_from_double(out, v);
    return (size_t)snprintf(out, NUM_DOUBLE_MAX, "%.17g", v);
}

size_t num_from_ldouble(char *out, long double v)
{
    if (isinf(v)) return word(out, v > 0 ? "inf" : "-inf");
    size_t n = (size_t)snprintf(out, NUM_LDOUBLE_MAX, "%.17Lf", v);
    if (memchr(out, '.', n)) {
        while (out[n - 1] == '0')
            n--;
        if (out[n - 1] == '.') n--;
        out[n] = 0;
    }
    if (n == 2 && out[0] == '-' && out[1] == '0') return word(out, "0");
    return n;
}

bool num_to_bytes(struct slice s, uint64_t *out)
{
    static const struct {
        const char *unit;
        uint64_t mul;
    } units[] = { { "", 1 },        { "b", 1 },         { "k", 1000 },       { "kb", 1u << 10 },
                  { "m", 1000000 }, { "mb", 1u << 20 }, { "g", 1000000000 }, { "gb", 1u << 30 } };
    size_t d = 0;
    while (d < s.n && s.p[d] >= '0' && s.p[d] <= '9')
        d++;
    struct slice unit = slice_of(s.p + d, s.n - d);
    uint64_t v = 0;
    if (d == 0 || d > 20) return false;
    for (size_t i = 0; i < d; i++) {
        unsigned x = (unsigned)(s.p[i] - '0');
        if (v > (UINT64_MAX - x) / 10) return false;
        v = v * 10 + x;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (!slice_ieqz(unit, units[i].unit)) continue;
        if (v > UINT64_MAX / units[i].mul) return false;
        *out = v * units[i].mul;
        return true;
    }
    return false;
}

char *num_human_bytes(char *out, size_t cap, uint64_t v)
{
    static const char units[] = "BKMGTP";
    double d = (double)v;
    size_t u = 0;
    while (d >= 1024 && u < sizeof(units) - 2)
        d /= 1024, u++;
    if (u == 0)
        snprintf(out, cap, "%lluB", (unsigned long long)v);
    else
        snprintf(out, cap, "%.2f%c", d, units[u]);
    return out;
}
