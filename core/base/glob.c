#include "core/base/glob.h"

static unsigned char fold_case(char c, bool nocase)
{
    unsigned char u = (unsigned char)c;
    return nocase && u >= 'A' && u <= 'Z' ? (unsigned char)(u + 32) : u;
}

/* p stands behind '['. Tells whether c is in the class; *end is set behind it. */
static bool in_class(struct slice p, size_t at, unsigned char c, bool nocase, size_t *end)
{
    bool not = at < p.n && p.p[at] == '^', hit = false;
    if (not ) at++;
    for (; at < p.n && p.p[at] != ']'; at++) {
        if (p.p[at] == '\\' && at + 1 < p.n) {
            at++;
            hit |= fold_case(p.p[at], nocase) == c;
        } else if (at + 2 < p.n && p.p[at + 1] == '-') {
            unsigned char lo = fold_case(p.p[at], nocase), hi = fold_case(p.p[at + 2], nocase);
            if (lo > hi) {
                unsigned char t = lo;
                lo = hi;
                hi = t;
            }
            hit |= c >= lo && c <= hi;
            at += 2;
        } else {
            hit |= fold_case(p.p[at], nocase) == c;
        }
    }
    *end = at < p.n ? at + 1 : at;
    return hit != not ;
}

/* One pattern element against one byte; *end is set behind the element. */
static bool match_one(struct slice p, size_t at, char byte, bool nocase, size_t *end)
{
    unsigned char c = fold_case(byte, nocase);
    switch (p.p[at]) {
    case '?':
        *end = at + 1;
        return true;
    case '[':
        return in_class(p, at + 1, c, nocase, end);
    case '\\':
        if (at + 1 < p.n) at++;
        /* fall through */
    default:
        *end = at + 1;
        return fold_case(p.p[at], nocase) == c;
    }
}

bool glob_match(struct slice p, struct slice t, bool nocase)
{
    /* Only the last star can need another try: all earlier ones have been matched for good. */
    size_t i = 0, j = 0, star = SIZE_MAX, mark = 0, end;
    if (!t.n) return !p.n;
    while (j < t.n) {
        if (i < p.n && p.p[i] == '*') {
            star = i++;
            mark = j;
        } else if (i < p.n && match_one(p, i, t.p[j], nocase, &end)) {
            i = end;
            j++;
        } else if (star != SIZE_MAX) {
            i = star + 1;
            j = ++mark;
        } else {
            return false;
        }
    }
    while (i < p.n && p.p[i] == '*')
        i++;
    return i == p.n;
}

bool glob_is_literal(struct slice p)
{
    for (size_t i = 0; i < p.n; i++)
        if (p.p[i] == '*' || p.p[i] == '?' || p.p[i] == '[' || p.p[i] == '\\') return false;
    return true;
}
